"""The types of a module's arguments: what the graph knows of its inputs, and what the user adds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from ...compiler.ir.types import TensorType
from ...compiler.ops.builtin import FuncOp
from ...runtime.errors import Error, FormatError, InputError
from ...runtime.spec import DType
from .graphdef import Node
from .registry import PLACEHOLDERS, Missing
from .signature import Given, GivenShape, Symbols, merge_shapes
from .surgery import Ref, tensor_name
from .tensors import MOST_DIMENSIONS, OtherType
from .wire import shorten

if TYPE_CHECKING:
    from .importer import Importer

#: what TensorFlow wrote before this version gives an unknown rank as rank 0
_SCALARS_ARE_SCALARS = 24
#: attributes that tell the type of a node's first output, the most telling first
_TYPE_ATTRIBUTES = ("dtype", "DstT", "out_type", "T")


class InputTypes:
    """Finds the types of one module's arguments."""

    def __init__(self, importer: Importer, symbols: Symbols) -> None:
        self.importer = importer
        self.symbols = symbols
        self.where = importer.where

    def of(self, arguments: Sequence[Given]) -> dict[Ref, TensorType | Missing]:
        """The type of each argument, in order; those that cannot be had are obstacles."""
        found: dict[Ref, TensorType | Missing] = {}
        for i, g in enumerate(arguments):
            kind = self._type(g, arguments, i == 0)
            found[g.ref] = kind
            if isinstance(kind, Missing):
                self.importer.obstacles.add(kind)
        self._check_batch(found)
        return found

    def _type(self, g: Given, arguments: Sequence[Given], is_first: bool) -> TensorType | Missing:
        node = self.importer.nodes[g.ref[0]]
        own = self._placeholder(node) if node.op in PLACEHOLDERS else self._computed(node, g, arguments)
        if isinstance(own, Missing):
            return own
        dtype, shape = own
        shape = merge_shapes(g.ref, g.shape, shape, self.where)
        if shape is None:
            advice = f"give its shape, like --input {g.label}:?,224,224,3"
            return Missing(node.op, node.name, f"its rank is not known: {advice}")
        if len(shape) > MOST_DIMENSIONS:
            return Missing(node.op, node.name, f"a rank of {len(shape)} is not supported")
        return TensorType(self.symbols.dims(g.label, shape, is_first), dtype)

    def _placeholder(self, node: Node) -> tuple[DType, GivenShape | None] | Missing:
        dtype, shape = node.attrs.get("dtype"), node.attrs.get("shape")
        if isinstance(dtype, OtherType):
            return Missing(node.op, node.name, f"data type {dtype} is not supported")
        if not isinstance(dtype, DType):
            raise FormatError(
                f"{self.where}: node {shorten(node.name)} ({node.op}): expected attribute 'dtype', found none"
            )
        old = node.op == "Placeholder" and 0 < self.importer.graph.versions.producer < _SCALARS_ARE_SCALARS
        if not isinstance(shape, tuple) or (shape == () and old):
            return dtype, None
        return dtype, shape

    def _computed(
        self, node: Node, g: Given, arguments: Sequence[Given]
    ) -> tuple[DType, GivenShape | None] | Missing:
        """For a tensor inside the graph: what converting all that it comes from gives."""
        importer = self.importer
        before = [a for a in arguments if importer.nodes[a.ref[0]].op in PLACEHOLDERS]
        try:
            inner = type(importer)(importer.graph, importer.nodes, self.where, importer.variables)
            module = inner.run(before, [g.ref])
        except Error as e:
            for key in _TYPE_ATTRIBUTES:
                dtype = node.attrs.get(key)
                if isinstance(dtype, DType) and g.shape is not None:
                    return dtype, None
            return Missing(node.op, node.name, f"as an input it needs a shape, which is not known: {e}")
        kind = cast(FuncOp, module.body.first).function_type.results[0]
        kind = cast(TensorType, kind)
        return kind.dtype, tuple(d if isinstance(d, int) else None for d in kind.shape)

    def _check_batch(self, found: dict[Ref, TensorType | Missing]) -> None:
        batch = self.symbols.batch
        if batch is None or self.symbols.batched:
            return
        for ref, kind in list(found.items())[:1]:
            if isinstance(kind, Missing):
                return
            if kind.rank and kind.shape[0] == batch:
                return
            if kind.rank:
                raise InputError(
                    f"{self.where}: the batch of input {tensor_name(ref)!r} is fixed at {kind.shape[0]}, "
                    f"received {batch}"
                )
        raise InputError(f"{self.where}: there is no input whose dimension 0 could be the batch of {batch}")
