"""How an op is declared: typed descriptors for operands, attributes and results, collected into an `OpSpec`.

    class Conv2D(GraphOp, name="graph.conv2d"):
        x = Operand()
        w = Operand()
        strides = Attr(tuple[int, ...], default=(1, 1))

Printer, parser, verifier and builders read the spec; nothing else has to be told about the op.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, cast, overload

from ...runtime.errors import VerifyError
from ...runtime.spec import DType
from .attributes import TYPES, Attribute, Dense, Number, Raw, SymbolRef, Unit, attribute_key
from .core import Op, Value
from .dims import Sym, parse_dim

T = TypeVar("T")
_MISSING: Any = object()
REGISTRY: dict[str, type[Op]] = {}


class Operand:
    """One operand; its position is its place among the declarations."""

    def __set_name__(self, owner: type[Op], name: str) -> None:
        self.name = name
        self.index = -1

    @overload
    def __get__(self, op: None, owner: type[Op]) -> Operand: ...
    @overload
    def __get__(self, op: Op, owner: type[Op]) -> Value: ...
    def __get__(self, op: Op | None, owner: type[Op]) -> Operand | Value:
        return self if op is None else op.operands[self.index]


class Variadic:
    """All operands after the single ones before it; the last declaration of an op."""

    def __set_name__(self, owner: type[Op], name: str) -> None:
        self.name = name
        self.index = -1

    @overload
    def __get__(self, op: None, owner: type[Op]) -> Variadic: ...
    @overload
    def __get__(self, op: Op, owner: type[Op]) -> tuple[Value, ...]: ...
    def __get__(self, op: Op | None, owner: type[Op]) -> Variadic | tuple[Value, ...]:
        return self if op is None else op.operands[self.index :]


class Attr(Generic[T]):
    """A typed attribute. Without a default it must be given; `choices` limits the values."""

    def __init__(
        self,
        kind: type[T],
        default: T = _MISSING,
        choices: tuple[T, ...] = (),
        doc: str = "",
        enum: bool = False,
    ) -> None:
        self.kind = kind
        #: in MLIR's generic form the value is its number among `choices`
        self.enum = enum
        self.default = default
        self.default_key = None if default is _MISSING else attribute_key(default)
        self.choices = choices
        self.doc = doc
        self._usual, self._fits = usual_types(kind), test_of(kind)

    def __set_name__(self, owner: type[Op], name: str) -> None:
        self.name = name

    @overload
    def __get__(self, op: None, owner: type[Op]) -> Attr[T]: ...
    @overload
    def __get__(self, op: Op, owner: type[Op]) -> T: ...
    def __get__(self, op: Op | None, owner: type[Op]) -> Attr[T] | T:
        return self if op is None else cast(T, op.attributes[self.name])

    def accepts(self, value: Attribute) -> bool:
        return (type(value) in self._usual or self._fits(value)) and (
            not self.choices or value in self.choices
        )

    def describe(self) -> str:
        if self.choices:
            return "one of " + ", ".join(map(repr, self.choices))
        return (
            str(self.kind) if typing.get_origin(self.kind) else getattr(self.kind, "__name__", str(self.kind))
        )


Test = Callable[[Any], bool]


def usual_types(kind: Any) -> frozenset[type]:
    """Types whose very instances are of the declared kind: most values need no other test."""
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        return frozenset[type]().union(*(usual_types(k) for k in typing.get_args(kind)))
    return frozenset([kind]) if isinstance(kind, type) and not typing.get_origin(kind) else frozenset()


def test_of(kind: Any) -> Test:
    """The test whether a value is of the declared kind; True is no int, and an int no float."""
    origin = typing.get_origin(kind)
    if origin is tuple:
        (element, _) = typing.get_args(kind)
        usual, fits = usual_types(element), test_of(element)

        def is_tuple(value: Any) -> bool:
            if not isinstance(value, tuple):
                return False
            items = cast("tuple[Any, ...]", value)
            return usual.issuperset(map(type, items)) or all(map(fits, items))

        return is_tuple
    if origin in (types.UnionType, typing.Union):
        tests = [test_of(k) for k in typing.get_args(kind)]
        return lambda value: any(test(value) for test in tests)
    if kind is Any:
        return lambda value: True
    if kind is int:
        return lambda value: isinstance(value, int) and not isinstance(value, bool)
    return lambda value: isinstance(value, origin or kind)


ATTRIBUTE_KINDS = (
    bool,
    int,
    float,
    str,
    tuple,
    dict,
    Dense,
    Number,
    SymbolRef,
    Raw,
    Unit,
    DType,
    Sym,
    *TYPES,
)
#: most attributes are of these very types: a set answers sooner than a tuple of classes
_USUAL = frozenset(ATTRIBUTE_KINDS)


class OpSpec:
    """What an op's declarations say."""

    def __init__(
        self,
        name: str,
        operands: tuple[Operand, ...],
        rest: Variadic | None,
        attributes: Mapping[str, Attr[Any]],
    ) -> None:
        self.name = name
        self.operand_count = len(operands)
        self.operand_names = tuple(d.name for d in operands)
        self.has_variadic = rest is not None
        self.attributes = attributes
        self._defaults = {k: a.default for k, a in attributes.items() if a.default is not _MISSING}
        self._declared = tuple(attributes.items())

    def complete(self, given: dict[str, Attribute]) -> dict[str, Attribute]:
        """`given` with the defaults of what was left out."""
        return {**self._defaults, **given} if self._defaults else given

    def given(self, attributes: dict[str, Attribute]) -> dict[str, Attribute]:
        """The attributes that differ from their defaults: what is printed."""
        return {
            k: v
            for k, v in attributes.items()
            if k not in self._defaults or attribute_key(v) != self.attributes[k].default_key
        }

    def numbered(self, attributes: dict[str, Attribute]) -> dict[str, Attribute]:
        """The enumerations among `attributes` as MLIR's numbers."""
        return {
            k: a.choices.index(attributes[k])
            for k, a in self.attributes.items()
            if a.enum and k in attributes
        }

    def check(self, op: Op) -> None:
        """Raises VerifyError when operands or attributes do not fit the declaration."""
        n, want, attributes = len(op.operands), self.operand_count, op.attributes
        if n < want or (n > want and not self.has_variadic):
            more = " or more" if self.has_variadic else ""
            raise VerifyError(f"{self.name} ({op.location}): expected {want}{more} operands, received {n}")
        for key, a in self._declared:
            value = attributes.get(key, _MISSING)
            if value is a.default and value is not _MISSING:
                continue
            if value is _MISSING:
                raise VerifyError(f"{self.name} ({op.location}): attribute {key!r} is missing")
            if not a.accepts(value):
                raise VerifyError(
                    f"{self.name} ({op.location}): attribute {key!r} must be {a.describe()}, received {value!r}"
                )
        if _USUAL.issuperset(map(type, attributes.values())):
            return
        for key, value in attributes.items():
            if not isinstance(value, ATTRIBUTE_KINDS):
                raise VerifyError(
                    f"{self.name} ({op.location}): attribute {key!r} is a {type(value).__name__}, "
                    "which IR text cannot hold"
                )


def coerce_attribute(value: Attribute, declared: Attr[Any]) -> Attribute:
    """A parsed attribute as its declaration wants it."""
    if declared.enum and isinstance(value, int) and 0 <= value < len(declared.choices):
        return declared.choices[value]
    return coerce(value, declared.kind)


def coerce(value: Attribute, kind: Any) -> Attribute:
    """A parsed attribute as its declaration wants it: text becomes dimensions where those are declared."""
    origin = typing.get_origin(kind)
    if origin is tuple and isinstance(value, tuple):
        (element, _) = typing.get_args(kind)
        return tuple(coerce(v, element) for v in cast("tuple[Any, ...]", value))
    if isinstance(value, str) and origin in (types.UnionType, typing.Union) and Sym in typing.get_args(kind):
        return parse_dim(value)
    return value


class DefinedOp(Op):
    """Base of declared ops: `class Relu(DefinedOp, name="graph.relu", traits={"pure"})`."""

    __slots__ = ()

    def __init_subclass__(
        cls, name: str = "", traits: set[str] | frozenset[str] = frozenset(), **kw: Any
    ) -> None:
        super().__init_subclass__(**kw)
        cls.traits = cls.traits | frozenset(traits)
        cls.name = name
        declared: dict[str, Any] = {}
        for c in reversed(cls.__mro__):
            declared.update(vars(c))
        operands = tuple(d for d in declared.values() if isinstance(d, Operand))
        variadic = next((d for d in declared.values() if isinstance(d, Variadic)), None)
        for i, d in enumerate(operands):
            d.index = i
        if variadic:
            variadic.index = len(operands)
        attributes: dict[str, Attr[Any]] = {}
        for key, d in declared.items():
            if isinstance(d, Attr):
                attributes[key] = cast("Attr[Any]", d)
        cls.spec = OpSpec(name, operands, variadic, attributes)
        if name:
            REGISTRY[name] = cls
