"""What a converter works with: its node's attributes, checked; its operands' values; new ops in its name."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ...compiler.ir.attributes import Array, Dense
from ...compiler.ir.core import Block, Builder, Op, Value
from ...compiler.ir.dims import Dim, Sym, product
from ...compiler.ir.location import Location
from ...compiler.ir.types import TensorType
from ...compiler.ops.base import GraphOp, dims_text, tensor
from ...compiler.ops.bfloat16 import narrow
from ...compiler.ops.constant import Constant, Dims, is_symbolic, known_sizes
from ...compiler.ops.dynamic import DefineSize
from ...compiler.ops.shape import Concat, Reshape, Slice, Transpose
from ...runtime.spec import DType, bf16
from .folding import fold, is_small, is_unwieldy, known_array
from .graphdef import FuncRef, Node, Placeholder
from .registry import Malformed, Refused
from .tensors import MOST_DIMENSIONS, OtherType, Tensor
from .wire import shorten

if TYPE_CHECKING:
    from .importer import Importer, Scope

T = TypeVar("T")
_REQUIRED: Any = object()
MOST_ELEMENTS = 1 << 62  # of one tensor
MOST_TERMS = 1000  # of a symbolic number of elements


class Context:
    """One node being converted.

    Attributes are read by kind; an absent one has its default, and one without default, or of another
    kind, makes the node Malformed.
    """

    __slots__ = ("builder", "importer", "name", "node", "scope")

    def __init__(self, importer: Importer, scope: Scope, node: Node, builder: Builder) -> None:
        self.importer = importer
        self.scope = scope
        self.node = node
        self.name = scope.prefix + node.name
        self.builder = Builder(builder.block, builder.before, Location.name(self.name))

    # Attributes.

    def _attr(self, key: str, kinds: type[T] | tuple[type[T], ...], what: str, default: Any) -> T:
        value = resolve(self.node.attrs.get(key), self.scope.attrs)
        if value is None:
            if default is _REQUIRED:
                raise Malformed(f"expected attribute {key!r}, found none")
            return default
        if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is int):
            raise Malformed(f"expected attribute {key!r} as {what}, found {shorten(value)}")
        return value

    def integer(self, key: str, default: int = _REQUIRED) -> int:
        return self._attr(key, int, "an integer", default)

    def real(self, key: str, default: float = _REQUIRED) -> float:
        return self._attr(key, float, "a float", default)

    def flag(self, key: str, default: bool = _REQUIRED) -> bool:
        return self._attr(key, bool, "a bool", default)

    def text(self, key: str, default: str = _REQUIRED) -> str:
        return self._attr(key, str, "a string", default)

    def integers(self, key: str, default: Sequence[int] = _REQUIRED) -> tuple[int, ...]:
        values = self._attr(key, tuple, "a list of integers", default)
        if not all(type(v) is int for v in values):
            raise Malformed(f"expected attribute {key!r} as a list of integers, found {shorten(values)}")
        return tuple(values)

    def reals(self, key: str) -> tuple[float, ...]:
        values = self._attr(key, tuple, "a list of floats", _REQUIRED)
        if not all(type(v) is float for v in values):
            raise Malformed(f"expected attribute {key!r} as a list of floats, found {shorten(values)}")
        return tuple(values)

    def texts(self, key: str, default: Sequence[str] = ()) -> tuple[str, ...]:
        values = self._attr(key, tuple, "a list of strings", default)
        if not all(isinstance(v, str) for v in values):
            raise Malformed(f"expected attribute {key!r} as a list of strings, found {shorten(values)}")
        return tuple(values)

    def dtype(self, key: str, default: DType = _REQUIRED) -> DType:
        found = self._attr(key, (DType, OtherType), "a data type", default)
        if isinstance(found, OtherType):
            raise Refused(f"data type {found} is not supported")
        return found

    def tensor(self, key: str) -> Tensor:
        return self._attr(key, Tensor, "a tensor", _REQUIRED)

    def function(self, key: str) -> FuncRef:
        found = self._attr(key, FuncRef, "a function", _REQUIRED)
        return FuncRef(found.name, {k: resolve(v, self.scope.attrs) for k, v in found.attrs.items()})

    # What operands hold.

    def array(self, v: Value, what: str) -> Array:
        """The values of an operand that must be constant."""
        found = known_array(v)
        if found is None:
            raise Refused(f"operand {what!r} {self._why_unknown(v)}")
        return found

    def numbers(self, v: Value, what: str) -> tuple[int, ...]:
        """The values of an operand that must be constant integers, in one list."""
        self._check_few(tensor(v), what)
        return tuple(int(a) for a in self.array(v, what).reshape(-1))

    def number(self, v: Value, what: str) -> int:
        """The value of an operand that must be one constant integer."""
        values = self.numbers(v, what)
        if len(values) != 1:
            raise Malformed(f"expected operand {what!r} as one integer, found {len(values)}")
        return values[0]

    def sizes(self, v: Value, what: str) -> list[Dim]:
        """The values of an integer operand in one list: numbers, formulas of sizes, and for what is computed at
        run time symbols, which must not turn out negative."""
        return [self.define_size(d) if isinstance(d, Value) else d for d in self.elements(v, what)]

    def elements(self, v: Value, what: str) -> list[Dim | Value]:
        """The elements of an integer operand: sizes where they are known, else scalars."""
        kind = tensor(v)
        self._check_few(kind, what)
        found = known_sizes(v)
        if found is not None:
            return [d if isinstance(d, Sym) else int(d) for d in found.reshape(-1)]
        return [self._element(v, i) for i in range(_count(kind))]

    def _check_few(self, kind: TensorType, what: str) -> None:
        if not kind.dtype.is_integer or (kind.is_static and not is_small(kind)):
            raise Malformed(f"expected operand {what!r} as a few integers, found {kind}")
        if not kind.is_static:
            raise Refused(f"how many numbers operand {what!r} has is known only at run time")

    def _element(self, v: Value, i: int) -> Dim | Value:
        """Element `i` of a small tensor in row-major order, looked for behind what moves elements."""
        op, kind = v.definer, tensor(v)
        known = known_sizes(v)
        if known is not None:
            d = known.reshape(-1)[i]
            return d if isinstance(d, Sym) else int(d)
        if isinstance(op, Reshape):
            return self._element(op.x, i)
        if isinstance(op, Concat) and kind.rank == 1:
            for part in op.xs:
                count = _count(tensor(part))
                if i < count:
                    return self._element(part, i)
                i -= count
        if kind.rank == 0:
            return v
        flat = self.reshape(v, (product(kind.shape),))
        one = self.make(Slice, flat, starts=(i,), stops=(i + 1,), steps=(1,))
        return self.reshape(one, ())

    def define_size(self, v: Value) -> Dim:
        """A size that is computed at run time, a scalar, as a symbol: the same one for the same scalar."""
        known = self.importer.late.setdefault(self.builder.block, {})
        if v not in known:
            name = self.importer.symbols.fresh("size")
            self.builder.create(DefineSize, v, symbol=name)
            known[v] = Sym.symbol(name)
        return known[v]

    def _why_unknown(self, v: Value) -> str:
        if known_sizes(v) is not None:
            return "depends on sizes that are known only at run time"
        return "is computed at run time and must be known at compile time"

    # New ops.

    def inside(self, block: Block) -> Context:
        """The same node, with new ops at the end of another block."""
        return Context(self.importer, self.scope, self.node, Builder(block))

    def results(self, cls: type[Op], *operands: Value, **keywords: Any) -> tuple[Value, ...]:
        """All results of a new op."""
        op = self.builder.create(cls, *operands, **keywords)
        for r in op.results:
            r.hint = self.name
        return op.results

    def make(self, cls: type[Op], *operands: Value, **attributes: Any) -> Value:
        """The result of a new op in this node's name; a known size is folded at once."""
        self._spend(operands)
        op = self.builder.create(cls, *operands, **attributes)
        op.result.hint = self.name
        kind = op.result.type
        if isinstance(kind, TensorType):
            self._check_extent(kind.shape)
        folded = fold(op) if isinstance(op, GraphOp) and op.operands else None
        if folded is None:
            return op.result
        op.erase()
        return folded

    def _spend(self, operands: Sequence[Value]) -> None:
        """Accounts for an op; one on long formulas of sizes takes more, up to their product."""
        length = 0
        for v in operands:
            sizes = v.definer.value if isinstance(v.definer, Dims) else tensor(v).shape
            length += sum(len(str(d)) for d in sizes if isinstance(d, Sym))
        self.importer.spend(1 + length * length // 500)

    def _check_extent(self, shape: Sequence[Dim]) -> None:
        """Refuses shapes that no memory holds, and sizes that no sane graph computes."""
        if len(shape) > MOST_DIMENSIONS:
            raise Refused(f"a rank of {len(shape)} is not supported")
        total = 1
        for d in shape:
            if not isinstance(d, Sym):
                total *= d or 1
            elif is_unwieldy(d):
                self.importer.spend(2000)
                raise Refused("one of its sizes is too complicated a formula")
        if total > MOST_ELEMENTS:
            raise Malformed(f"expected a tensor that fits in memory, found shape {dims_text(tuple(shape))}")

    def count(self, shape: Sequence[Dim]) -> Dim:
        """The number of elements of a shape."""
        terms = 1
        for d in shape:
            terms *= len(d.terms) if isinstance(d, Sym) else 1
        if terms > MOST_TERMS:
            raise Refused("the number of its elements is too complicated a formula")
        return product(shape)

    def constant(self, array: Array, dtype: DType) -> Value:
        """A constant that bears this node's name."""
        v = self.builder(Constant, value=Dense(array, self.name, dtype))
        v.hint = self.name
        return v

    def scalar(self, value: float, dtype: DType) -> Value:
        """A constant of one small whole number."""
        if dtype == bf16:
            return self.constant(narrow(np.asarray(value, np.float32)), dtype)
        return self.constant(np.array(value, dtype.numpy), dtype)

    def dims(self, sizes: Sequence[Dim], shape: tuple[int, ...], dtype: DType) -> Value:
        """A tensor of sizes."""
        if any(isinstance(d, int) and d > np.iinfo(dtype.numpy).max for d in sizes):
            raise Malformed(f"expected sizes that fit {dtype}, found {dims_text(tuple(sizes))}")
        if is_symbolic(sizes):
            return self.make(Dims, value=tuple(sizes), shape=shape, dtype=dtype)
        return self.constant(np.array(sizes, dtype.numpy).reshape(shape), dtype)

    def reshape(self, x: Value, shape: Sequence[Dim]) -> Value:
        """x under another shape; x itself if that is its shape."""
        if tensor(x).shape == tuple(shape):
            return x
        for dims in (tensor(x).shape, shape):
            self.count(dims)
        return self.make(Reshape, x, shape=tuple(shape))

    def transpose(self, x: Value, permutation: Sequence[int]) -> Value:
        """x with its axes in another order."""
        return self.make(Transpose, x, permutation=tuple(permutation))


def _count(kind: TensorType) -> int:
    """The number of elements of a small tensor."""
    return math.prod(d for d in kind.shape if isinstance(d, int))


def resolve(value: Any, attrs: Mapping[str, Any]) -> Any:
    """An attribute's value; in a function it may stand for an attribute of the call."""
    return attrs.get(value.name) if isinstance(value, Placeholder) else value
