"""IR text to modules: the short form and MLIR's generic form, told apart op by op."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from ...runtime.errors import UNFORESEEN, Error, ParseError
from .attribute_parser import AttributeParser, unescape
from .attributes import Array, Attribute, SymbolRef
from .core import Block, Op, Region, Value
from .dims import DIMS, parse_dim
from .location import UNKNOWN, Location
from .opdef import REGISTRY, coerce_attribute
from .types import FunctionType, MemRefType, TensorType, Type


class Parser(AttributeParser):
    """Parses one module. Values must be defined before they are used."""

    most_results = 10_000  # of one op

    def __init__(
        self, text: str, filename: str = "<text>", resources: Mapping[str, Array] | None = None
    ) -> None:
        self.resources = resources or {}
        self._scopes: list[dict[str, Value]] = [{}]
        self._aliases: dict[str, Location] = {}
        self.named_attributes = {}
        super().__init__(text, filename)
        self._find_aliases()

    def _find_aliases(self) -> None:
        """MLIR prints locations once, as `#loc1 = loc("a")`, before or after the module; also maps."""
        for line in self.text.split("\n"):
            name, equals, body = line.partition(" = ") if line.startswith("#") else ("", "", "")
            if not equals:
                continue
            sub = AttributeParser(body)
            sub.alias = self.alias
            if body.startswith("loc("):
                self._aliases[name] = sub.location()
            else:
                self.named_attributes[name] = sub.attribute()

    def alias(self, name: str) -> Location:
        if name not in self._aliases:
            raise self.error(f"unknown location alias {name}")
        return self._aliases[name]

    def module(self) -> Op:
        """The module in the text; ops without one are wrapped into a module."""
        ops: list[Op] = []
        while self.token.kind != "end":
            if self.token.kind == "hash":
                self.take()
                self.expect("=")
                if self.at("loc"):
                    self.location()
                else:
                    self.attribute()
                continue
            ops.append(self.op())
        if len(ops) == 1 and ops[0].name == "builtin.module":
            return ops[0]
        if not ops:
            raise self.error("expected a module, found nothing")
        block = Block()
        for op in ops:
            block.insert(op)
        return REGISTRY["builtin.module"](regions=[Region(block)], result_types=())

    def op(self) -> Op:
        start = self.token.start
        try:
            return self._op(start)
        except ParseError as e:
            if str(e).startswith(self.filename + ":"):
                raise
            raise self.error(str(e), start) from e

    def _op(self, start: int) -> Op:
        names = self._result_names()
        if self.token.kind == "string":
            op = self._generic(unescape(self.take().text), start)
        elif self.accept("module"):
            op = self._module_short(start)
        elif self.accept("func.func"):
            op = self._function_short(start)
        else:
            op = self._short(self.expect_kind("word", "an operation").text, start)
        if len(names) != len(op.results):
            raise self.error(f"{op.name} has {len(op.results)} results, {len(names)} are named", start)
        for name, result in zip(names, op.results, strict=True):
            self._define(name, result, start)
        return op

    def _result_names(self) -> list[str]:
        names: list[str] = []
        while self.token.kind == "value":
            name = self.take().text[1:]
            if self.accept(":"):
                count = int(self.expect_kind("int", "the number of results").text)
                if count > self.most_results:
                    raise self.error(f"expected at most {self.most_results} results of an op, found {count}")
                names += [f"{name}#{i}" for i in range(count)]
            else:
                names.append(name)
            if not self.accept(","):
                break
        if names:
            self.expect("=")
        return names

    def _define(self, name: str, value: Value, at: int) -> None:
        if name in self._scopes[-1]:
            raise self.error(f"%{name} is defined twice", at)
        value.hint = "" if name[0].isdigit() else name
        self._scopes[-1][name] = value

    def _use(self) -> Value:
        t = self.expect_kind("value", "a value")
        name = t.text[1:]
        for scope in reversed(self._scopes):
            if name in scope:
                return scope[name]
        raise self.error(f"%{name} is not defined", t.start)

    def _operands(self) -> list[Value]:
        self.expect("(")
        out: list[Value] = []
        while not self.accept(")"):
            if out:
                self.expect(",")
            out.append(self._use())
        return out

    def _regions(self, name: str, operands: list[Value], attributes: Mapping[str, Attribute]) -> list[Region]:
        """`({ … }, { … })`. The op's class names the dynamic sizes of the blocks' arguments."""
        cls = REGISTRY.get(name)
        regions: list[Region] = []
        self.expect("(")
        while True:
            known = cls.block_arg_types(operands, attributes, len(regions)) if cls else None
            regions.append(self._region(known))
            if not self.accept(","):
                break
        self.expect(")")
        return regions

    def _region(self, known: tuple[Type, ...] | None = None) -> Region:
        self.expect("{")
        self._scopes.append({})
        block = Block()
        if self.token.kind == "block":
            self.take()
            if self.accept("("):
                while not self.accept(")"):
                    if block.args:
                        self.expect(",")
                    self._block_arg(block)
            self.expect(":")
        if known is not None:
            self._check_args(block, known)
        while not self.accept("}"):
            if self.token.kind == "block":
                raise self.error("regions of several blocks are not supported")
            block.insert(self.op())
        self._scopes.pop()
        return Region(block)

    def _check_args(self, block: Block, known: tuple[Type, ...]) -> None:
        if [str(a.type) for a in block.args] != [str(t) for t in known]:
            raise self.error(f"expected a block with arguments ({', '.join(map(str, known))})")
        for a, t in zip(block.args, known, strict=True):
            a.type = t

    def _block_arg(self, block: Block) -> dict[str, Attribute]:
        t = self.expect_kind("value", "an argument")
        self.expect(":")
        kind = self.type()
        attrs = self.dictionary() if self.at("{") else {}
        self.location()
        self._define(t.text[1:], block.add_arg(_named_dims(kind, attrs)), t.start)
        return attrs

    def _module_short(self, start: int) -> Op:
        attributes: dict[str, Attribute] = {}
        if self.token.kind == "symbol":
            attributes["sym_name"] = self._symbol()
        if self.accept("attributes"):
            attributes.update(self.dictionary())
        regions = [self._region()]
        return self._make("builtin.module", [], attributes, regions, (), start)

    def _symbol(self) -> str:
        ref = self.attribute()
        if not isinstance(ref, SymbolRef):
            raise self.error("expected a symbol")
        return ref.name

    def _function_short(self, start: int) -> Op:
        name = self._symbol()
        self._scopes.append({})
        block = Block()
        arg_attrs: list[dict[str, Attribute]] = []
        self.expect("(")
        while not self.accept(")"):
            if block.args:
                self.expect(",")
            arg_attrs.append(self._block_arg(block))
        results: list[Type] = []
        res_attrs: list[dict[str, Attribute]] = []
        if self.accept("->"):
            grouped = self.accept("(")
            while not (grouped and self.accept(")")):
                if results:
                    self.expect(",")
                kind = self.type()
                res_attrs.append(self.dictionary() if self.at("{") else {})
                results.append(_named_dims(kind, res_attrs[-1]))
                if not grouped:
                    break
        attributes = self.dictionary() if self.accept("attributes") else {}
        self.expect("{")
        while not self.accept("}"):
            block.insert(self.op())
        self._scopes.pop()
        kind = FunctionType(tuple(a.type for a in block.args), tuple(results))
        attributes.update(
            sym_name=name, function_type=kind, arg_attrs=tuple(arg_attrs), res_attrs=tuple(res_attrs)
        )
        return self._make("func.func", [], attributes, [Region(block)], (), start)

    def _short(self, name: str, start: int) -> Op:
        operands = self._operands()
        regions = self._regions(name, operands, {}) if self.at("(") else []
        attributes = self.dictionary() if self.at("{") else {}
        types: list[Type] = []
        if self.accept(":"):
            types.append(self.type())
            while self.accept(","):
                types.append(self.type())
        return self._make(name, operands, attributes, regions, tuple(types), start)

    def _generic(self, name: str, start: int) -> Op:
        operands = self._operands()
        attributes: dict[str, Attribute] = {}
        if self.accept("<"):
            attributes.update(self.dictionary())
            self.expect(">")
        if name == "func.func":
            self._name_function_dims(attributes)
        regions = self._regions(name, operands, attributes) if self.at("(") else []
        if self.at("{"):
            attributes.update(self.dictionary())
        self.expect(":")
        kind = self.function_type()
        return self._make(name, operands, attributes, regions, kind.results, start)

    def _name_function_dims(self, attributes: dict[str, Attribute]) -> None:
        """In the generic form `graph.dims` stands among the properties, before the types are used."""
        kind = attributes.get("function_type")
        if not isinstance(kind, FunctionType):
            raise self.error("func.func needs a function_type among its properties")
        named: list[tuple[Type, ...]] = []
        for key, types in (("arg_attrs", kind.inputs), ("res_attrs", kind.results)):
            attrs = attributes.setdefault(key, ({},) * len(types))
            if not isinstance(attrs, tuple) or len(cast("tuple[Any, ...]", attrs)) != len(types):
                raise self.error(f"{key} must be a list of {len(types)} dictionaries")
            pairs = zip(types, cast("tuple[dict[str, Any], ...]", attrs), strict=True)
            named.append(tuple(_named_dims(t, a) for t, a in pairs))
        attributes["function_type"] = FunctionType(*named)

    def _make(
        self,
        name: str,
        operands: list[Value],
        attributes: dict[str, Attribute],
        regions: list[Region],
        types: tuple[Type, ...],
        start: int,
    ) -> Op:
        location = self.location()
        cls = REGISTRY.get(name)
        if cls is None:
            raise self.error(f"unknown operation {name!r}", start)
        for key, declared in cls.spec.attributes.items():
            if key in attributes:
                attributes[key] = coerce_attribute(attributes[key], declared)
        inferred = cls.infer is not Op.infer
        try:
            op = cls(
                *operands,
                result_types=None if inferred else types,
                regions=regions,
                location=location or UNKNOWN,
                **attributes,
            )
            cls.spec.check(op)
        except ParseError:
            raise
        except Error as e:
            raise self.error(str(e), start) from e
        except UNFORESEEN as e:
            raise self.error(f"{name} makes no sense as it is: {type(e).__name__}: {e}", start) from e
        got, want = [str(r.type) for r in op.results], [str(t) for t in types]
        if got != want and (types or name not in ("builtin.module", "func.func")):
            raise self.error(
                f"{name} gives {', '.join(got) or 'nothing'}, not {', '.join(want) or 'nothing'}", start
            )
        return op


def _named_dims(kind: Type, attributes: Mapping[str, Attribute]) -> Type:
    """The type with the symbols that the `graph.dims` attribute names."""
    dims = attributes.get(DIMS)
    if dims is None or not isinstance(kind, (TensorType, MemRefType)):
        return kind
    named = tuple(parse_dim(d) if isinstance(d, str) else d for d in dims)
    if len(named) != kind.rank or any(
        isinstance(old, int) and old != new for old, new in zip(kind.shape, named, strict=False)
    ):
        raise ParseError(f"{DIMS} = {list(map(str, named))} does not describe {kind}")
    return replace(kind, shape=named)


def parse_module(text: str, filename: str = "<text>", resources: Mapping[str, Array] | None = None) -> Op:
    """The module in `text`; `resources` gives the arrays of `dense_resource<name>`.

    Raises ParseError with file, line, column and a caret.
    """
    try:
        return Parser(text, filename, resources).module()
    except RecursionError as e:
        raise ParseError(f"{filename}: regions or attributes are nested too deeply") from e
