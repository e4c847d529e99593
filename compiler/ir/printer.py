"""Modules as text: the short form for people, MLIR's generic form for other tools. Both parse back."""

from __future__ import annotations

import re

from .attribute_text import attribute_text, bare_or_quoted, dict_text, location_text
from .attributes import Attribute, Dense
from .core import Block, Op, Region, Value
from .types import FunctionType

_UNSAFE = re.compile(r"[^\w$]+", re.ASCII)


class Printer:
    """Prints ops; `resources` then holds the arrays that were printed by name."""

    def __init__(self, generic: bool = False, locations: bool = True, names: bool = True) -> None:
        self.generic = generic
        self.locations = locations
        self.names = names
        self.resources: dict[str, Dense] = {}
        self._lines: list[str] = []
        self._value_names: dict[Value, str] = {}
        self._taken: set[str] = set()
        self._last_number: dict[str, int] = {}
        self._counter = 0

    def print(self, op: Op) -> str:
        """The text of `op`, ending in a newline."""
        self._op(op, "")
        return "\n".join(self._lines) + "\n"

    def resource_name(self, value: Dense) -> str:
        """The name under which an array is printed: its own, made unique, or one from its hash."""
        base = value.name or "c" + value.digest
        if self.generic and (not base.isidentifier() or not base.isascii()):  # MLIR takes no quotes here
            base = "r_" + _UNSAFE.sub("_", base)
        name, n = base, 0
        while name in self.resources and self.resources[name] != value:
            n += 1
            name = f"{base}_{n}"
        self.resources.setdefault(name, value)
        return name

    def value(self, v: Value) -> str:
        if v not in self._value_names:
            hint = _UNSAFE.sub("_", short_name(v.hint)) if self.names else ""
            if not hint or hint[0].isdigit():
                name = str(self._counter)
                self._counter += 1
            else:
                n = self._last_number.get(hint, 0)
                name = f"{hint}_{n}" if n else hint
                while name in self._taken:
                    n += 1
                    name = f"{hint}_{n}"
                self._last_number[hint] = n
            self._taken.add(name)
            self._value_names[v] = "%" + name
        return self._value_names[v]

    def _op(self, op: Op, indent: str) -> None:
        if op.name == "builtin.module" and not self.generic:
            self._named(op, indent, "module", "")
            return
        if op.name == "func.func" and not self.generic:
            self._function(op, indent)
            return
        head = ", ".join(self.value(r) for r in op.results)
        head = indent + (head + " = " if head else "") + (f'"{op.name}"' if self.generic else op.name)
        head += "(" + ", ".join(self.value(v) for v in op.operands) + ")"
        attributes = op.spec.given(op.attributes)
        inherent: dict[str, Attribute] = {}
        if self.generic:
            attributes.update(op.spec.numbered(attributes))
            inherent = {k: attributes.pop(k) for k in op.properties if k in attributes}
            inherent.update(op.generic_properties())
        if inherent:
            head += f" <{dict_text(inherent, self.resource_name)}>"
        if op.regions:
            self._lines.append(head + " ({")
            self._regions(op, indent)
            head = indent + "})"
        if attributes:
            head += " " + dict_text(attributes, self.resource_name)
        if self.generic:
            kind = FunctionType(tuple(v.type for v in op.operands), tuple(r.type for r in op.results))
            head += f" : {kind}"
        elif op.results:
            head += " : " + ", ".join(str(r.type) for r in op.results)
        self._lines.append(head + self._location(op))

    def _location(self, op: Op) -> str:
        if not self.locations:
            return ""
        return location_text(op.location) or (" loc(unknown)" if self.generic else "")

    def _regions(self, op: Op, indent: str) -> None:
        for i, region in enumerate(op.regions):
            if i:
                self._lines.append(indent + "}, {")
            self._region(region, indent, label=True)

    def _region(self, region: Region, indent: str, label: bool) -> None:
        for i, block in enumerate(region.blocks):
            if block.args and label:
                self._lines.append(f"{indent}^bb{i}({self._args(block)}):")
            elif self.generic and block.first is None:  # MLIR reads `({ })` as a region without a block
                self._lines.append(f"{indent}^bb{i}:")
            for op in block.ops:
                self._op(op, indent + "  ")

    def _args(self, block: Block) -> str:
        return ", ".join(f"{self.value(a)}: {a.type}" for a in block.args)

    def _named(self, op: Op, indent: str, keyword: str, signature: str) -> None:
        """`module @name …{ }` and `func.func @name(…) …{ }`."""
        hidden = ("sym_name", "function_type", "arg_attrs", "res_attrs")
        rest = {k: v for k, v in op.attributes.items() if k not in hidden}
        name = op.attributes.get("sym_name", "")
        head = f"{indent}{keyword}" + (f" @{bare_or_quoted(name)}" if name else "") + signature
        if rest:
            head += " attributes " + dict_text(rest, self.resource_name)
        self._lines.append(head + " {")
        self._region(op.regions[0], indent, label=False)
        self._lines.append(indent + "}" + self._location(op))

    def _function(self, op: Op, indent: str) -> None:
        block, kind = op.body, op.attributes["function_type"]
        self._value_names.clear()
        self._taken.clear()
        self._last_number.clear()
        self._counter = 0

        def with_attributes(text: str, attrs: dict[str, object]) -> str:
            return text + (" " + attribute_text(attrs, self.resource_name) if attrs else "")

        args = [
            with_attributes(f"{self.value(a)}: {a.type}", attrs)
            for a, attrs in zip(block.args, op.attributes["arg_attrs"], strict=True)
        ]
        results = [
            with_attributes(str(t), attrs)
            for t, attrs in zip(kind.results, op.attributes["res_attrs"], strict=True)
        ]
        signature = f"({', '.join(args)})" + (f" -> ({', '.join(results)})" if results else "")
        self._named(op, indent, "func.func", signature)


def short_name(name: str) -> str:
    """The end of a long node name, which the op's location shows in full: `net/block1/conv/BiasAdd` is
    `conv/BiasAdd`. Parts that every variable of a frozen graph has say nothing."""
    if "/" not in name:
        return name
    parts = [p for p in name.split("/") if p not in ("ReadVariableOp", "resource", "read", "Identity", "")]
    return "/".join(parts[-2:]) or name


def print_op(op: Op, generic: bool = False, locations: bool = True, names: bool = True) -> str:
    """The text of an op, usually a module."""
    return Printer(generic, locations, names).print(op)
