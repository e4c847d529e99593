"""What a user says about inputs and outputs: names, shapes, symbols.

x               the placeholder x, or any tensor, which then becomes an input
x:1             output 1 of node x
x:?,224,224,3   with a shape: numbers, `?` for a size that is left open, or a name for it
x:1:[?,4]       both; brackets are for shapes of one number, and as good for others
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...compiler.ir.dims import FUNCTIONS, Dim, Sym
from ...runtime.errors import InputError, ShapeError
from .graphdef import Node
from .registry import PLACEHOLDERS
from .surgery import Ref, split_ref, suggest, tensor_name
from .wire import shorten

GivenShape = tuple["int | str | None", ...]
_SYMBOL = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_SHAPED = re.compile(r"(?P<name>[^:]+(?::\d+)?):(?:\[(?P<inner>[^\[\]]*)\]|(?P<plain>[^:]*))")


@dataclass(frozen=True)
class Given:
    """An input as the user named it; without shape, it is the graph's. `name` is what the module calls it,
    if not by its tensor."""

    ref: Ref
    shape: GivenShape | None = None
    name: str = ""

    @property
    def label(self) -> str:
        return self.name or tensor_name(self.ref)


def parse_inputs(
    inputs: Sequence[str] | Mapping[str, Any] | None, nodes: Mapping[str, Node], where: str
) -> list[Given]:
    """The inputs a user named, each checked to exist."""
    if not inputs:
        return []
    if isinstance(inputs, str):
        inputs = [inputs]
    items = inputs.items() if isinstance(inputs, Mapping) else [(text, None) for text in inputs]
    found: dict[Ref, Given] = {}
    for text, shape in items:
        given = (
            _parse_input(str(text), nodes) if shape is None else Given(split_ref(text), _sizes(text, shape))
        )
        check_exists(given.ref, nodes, where)
        node = nodes[given.ref[0]]
        if node.op in PLACEHOLDERS and given.ref[1]:
            raise InputError(f"{where}: node {shorten(node.name)} ({node.op}) has no output {given.ref[1]}")
        if given.ref in found:
            raise InputError(f"input {tensor_name(given.ref)!r} is named twice")
        found[given.ref] = given
    return list(found.values())


def _parse_input(text: str, nodes: Mapping[str, Node]) -> Given:
    name, number = split_ref(text)
    # A placeholder has one output: `x:5` can only be its shape.
    shaped_like_output = number > 0 and name in nodes and nodes[name].op in PLACEHOLDERS
    if text in nodes or (name in nodes and not shaped_like_output):
        return Given((name, number))
    match = _SHAPED.fullmatch(text)
    if match is None:
        return Given((name, number))
    inner = match["plain"] if match["inner"] is None else match["inner"]
    return Given(split_ref(match["name"]), _sizes(match["name"], inner))


def _sizes(name: str, shape: Any) -> GivenShape:
    """A shape as a user gives it: text, or a sequence."""
    if isinstance(shape, str):
        shape = [part.strip() for part in shape.strip("[]").split(",")]
        shape = shape[:-1] if shape[-1] == "" else shape  # `5,` and nothing at all
    elif not isinstance(shape, Sequence):
        raise InputError(f"expected the shape of input {name!r} as a list of sizes, received {shape!r}")
    return tuple(_size(name, d) for d in shape)


def _size(name: str, d: Any) -> int | str | None:
    if d is None or d in ("?", "-1", -1):
        return None
    if isinstance(d, str) and not d.isdecimal():
        if _SYMBOL.fullmatch(d) and d not in FUNCTIONS:
            return d
    else:
        try:
            size = int(d)
        except (TypeError, ValueError):
            size = -1
        if size >= 0:
            return size
    raise InputError(
        f"expected the shape of input {name!r} as numbers, `?` or names, like ?,224,224,3; received {d!r}"
    )


def parse_outputs(outputs: Sequence[str], nodes: Mapping[str, Node], where: str) -> list[Ref]:
    """The outputs a user named, each once."""
    refs = list(
        dict.fromkeys(split_ref(text) for text in ([outputs] if isinstance(outputs, str) else outputs))
    )
    for ref in refs:
        check_exists(ref, nodes, where)
    return refs


def check_exists(ref: Ref, nodes: Mapping[str, Node], where: str) -> None:
    if ref[0] not in nodes:
        raise InputError(f"{where}: there is no node {shorten(ref[0])}{suggest(ref[0], nodes)}")


class Symbols:
    """Names for sizes that are left open; `batch` is what "n" stands for, if the user fixed it."""

    def __init__(self, given: Sequence[Given], batch: int | None) -> None:
        self.batch = batch
        self.batched = False
        #: names the user chose are the user's: equal names are equal sizes
        self.taken = {d for g in given for d in g.shape or () if isinstance(d, str)}

    def named(self, name: str) -> Dim:
        if name == "n" and self.batch is not None:
            self.batched = True
            return self.batch
        return Sym.symbol(name)

    def dims(self, label: str, shape: Sequence[int | str | None], is_first: bool) -> tuple[Dim, ...]:
        """Sizes for the shape of the input `label`, with a symbol for each that is open."""
        return tuple(
            d if isinstance(d, int) else self.named(d if d is not None else self._fresh(label, i, is_first))
            for i, d in enumerate(shape)
        )

    def _fresh(self, label: str, axis: int, is_first: bool) -> str:
        if axis == 0 and is_first:
            self.taken.add("n")
            return "n"
        base = re.sub(r"\W", "_", label, flags=re.ASCII) or "_"
        return self.fresh(f"{'_' if base[0].isdigit() else ''}{base}_{f'd{axis}' if axis else 'n'}")

    def fresh(self, base: str) -> str:
        """A name that nothing has yet."""
        name, k = base, 1
        while name in self.taken:
            k += 1
            name = f"{base}_{k}"
        self.taken.add(name)
        return name


def merge_shapes(ref: Ref, given: GivenShape | None, own: GivenShape | None, where: str) -> GivenShape | None:
    """The user's shape and the graph's in one; ShapeError where they contradict each other."""
    if given is None or own is None:
        return own if given is None else given
    if len(given) != len(own) or any(
        isinstance(b, int) and a is not None and a != b for a, b in zip(given, own, strict=True)
    ):
        raise ShapeError(
            f"{where}: input {tensor_name(ref)!r} has shape {shape_text(own)} in the graph, "
            f"which {shape_text(given)} does not fit"
        )
    return tuple(a if b is None else b for a, b in zip(given, own, strict=True))


def shape_text(shape: Sequence[Any]) -> str:
    return "[" + ", ".join("?" if d is None else str(d) for d in shape) + "]"
