"""A SavedModel to a graph-level module: one of its signatures, with the values of its variables."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...compiler.ir.core import Op
from ...runtime.errors import FormatError, InputError, OptionError
from . import surgery
from .checkpoint import Checkpoint
from .flow import Flow
from .graphdef import Node, collecting_later
from .importer import Importer, check_batch
from .metagraph import MetaGraph, SavedModel, Signature, TensorInfo, file_of, read_saved_model
from .registry import PLACEHOLDERS, Missing, load_converters
from .report import Obstacles
from .signature import Given, parse_inputs, parse_outputs
from .surgery import Ref, split_ref, tensor_name
from .variables import Variables
from .wire import shorten

SERVE = "serve"
DEFAULT_SIGNATURE = "serving_default"
#: what can be done to a variable; other writes are refused
_WRITES = ("AssignVariableOp", "AssignAddVariableOp", "AssignSubVariableOp", "Assign")


def import_saved_model(
    what: str | os.PathLike[str] | bytes | bytearray | memoryview,
    *,
    signature: str | None = None,
    inputs: Sequence[str] | Mapping[str, Any] | None = None,
    outputs: Sequence[str] | None = None,
    batch: int | None = None,
) -> Op:
    """The module with `func.func @main` for a signature of a SavedModel, by default `serving_default`.

    Inputs and outputs are the signature's and have its names: inputs in the order of their tensors in the
    graph, outputs in the order of their names. `inputs` may give shapes to some of them, or name other tensors
    of the graph; `outputs` chooses among them, or names other tensors. Variables become constants, except
    those that the outputs assign. Their values are views of the checkpoint's shards.

    Raises OptionError for a signature that is not there, UnsupportedError with everything that cannot be
    compiled, FormatError for damaged files, values that do not match their checksum included, InputError for
    names that are not there.
    """
    check_batch(batch)
    model = read_saved_model(what)
    meta = model.read(serving_tags(model))
    load_converters()
    with collecting_later():
        return _Import(what, model.source.name, meta, signature).run(inputs, outputs, batch)


def serving_tags(model: SavedModel) -> tuple[str, ...]:
    """The tags of the graph for inference. FormatError lists what else there is."""
    found = sorted((tags for tags, _, _ in model.parts if SERVE in tags), key=len)
    if not found:
        listed = ", ".join(f"[{', '.join(map(shorten, tags))}]" for tags, _, _ in model.parts[:20])
        raise FormatError(
            f"{model.source.name}: expected a graph tagged 'serve', found graphs tagged {listed}"
        )
    return found[0]


def choose_signature(meta: MetaGraph, name: str | None, where: str) -> Signature | None:
    """The signature of this name; by default `serving_default`, or the only one. None where there are none
    and none was asked for."""
    listed = ", ".join(map(shorten, list(meta.signatures)[:50])) or "none"
    if name is not None:
        if name not in meta.signatures:
            raise OptionError(f"{where}: there is no signature {shorten(name)}; signatures: {listed}")
        return meta.signatures[name]
    if DEFAULT_SIGNATURE in meta.signatures:
        return meta.signatures[DEFAULT_SIGNATURE]
    if len(meta.signatures) > 1:
        raise OptionError(
            f"{where}: expected a signature {DEFAULT_SIGNATURE!r}, found {listed}: choose one with --signature"
        )
    return next(iter(meta.signatures.values()), None)


def find_variables(
    what: str | os.PathLike[str] | bytes | bytearray | memoryview, meta: MetaGraph, flow: Flow
) -> Variables:
    """What the graph's variables begin as: restored from the checkpoint beside it, or set by its init ops."""
    origins = flow.assigned([meta.restore_op]) if meta.restore_op else {}
    origins |= flow.assigned(meta.init_ops)
    checkpoint = None
    if meta.restore_op and not isinstance(what, (bytes, bytearray, memoryview)):
        folder = os.path.dirname(file_of(what)) or "."
        prefix = os.path.join(folder, "variables", "variables")
        checkpoint = Checkpoint(prefix) if origins or os.path.exists(f"{prefix}.index") else None
    return Variables(origins, checkpoint)


@dataclass
class _Names:
    """The names of a signature, and what they stand for in the graph."""

    inputs: dict[str, Ref]
    outputs: dict[str, Ref]


class _Import:
    """The import of one signature."""

    def __init__(self, what: Any, where: str, meta: MetaGraph, signature: str | None) -> None:
        self.where = where
        self.meta = meta
        self.nodes = surgery.index_nodes(meta.graph.nodes, where)
        self.flow = Flow(meta.graph, self.nodes, where)
        self.what = what
        chosen = choose_signature(meta, signature, where)
        self.names = self._names(chosen) if chosen is not None else _Names({}, {})

    def run(
        self,
        inputs: Sequence[str] | Mapping[str, Any] | None,
        outputs: Sequence[str] | None,
        batch: int | None,
    ) -> Op:
        given = self._given(inputs, bool(outputs))
        found = self._outputs(outputs)
        if not found:
            raise OptionError(
                f"{self.where}: there are no signatures: name the outputs, with --output-tensor"
            )
        refs = [ref for _, ref in found]
        variables = self._variables(given, refs)
        importer = Importer(self.meta.graph, self.nodes, self.where, variables)
        importer.labels = {ref: name for name, ref in self.names.inputs.items()}
        return importer.run(given, refs, batch, [name for name, _ in found])

    def _names(self, chosen: Signature) -> _Names:
        names = _Names(
            {k: self._ref(k, info, "input") for k, info in chosen.inputs.items()},
            {k: self._ref(k, info, "output") for k, info in chosen.outputs.items()},
        )
        if len(set(names.inputs.values())) != len(names.inputs):
            raise FormatError(
                f"{self.where}: expected inputs that differ, found a tensor under several names"
            )
        place = {name: i for i, name in enumerate(self.nodes)}
        names.inputs = dict(sorted(names.inputs.items(), key=lambda item: place[item[1][0]]))
        return names

    def _ref(self, name: str, info: TensorInfo, what: str) -> Ref:
        """The tensor that a signature's input or output is."""
        if not info.tensor:
            raise FormatError(f"{self.where}: {what} {shorten(name)}: expected a dense tensor, found another")
        ref = split_ref(info.tensor)
        if ref[0] not in self.nodes:
            raise FormatError(
                f"{self.where}: {what} {shorten(name)}: expected its node {shorten(ref[0])}, found none"
            )
        if ref[1] and self.nodes[ref[0]].op in PLACEHOLDERS:
            raise FormatError(
                f"{self.where}: {what} {shorten(name)}: expected tensor {shorten(info.tensor)}, "
                "found a node of one output"
            )
        return ref

    def _given(self, inputs: Any, only_some: bool) -> list[Given]:
        """The inputs a user named, by the signature's names or as tensors; and all others of the signature,
        unless the outputs were named, too."""
        own = self.names.inputs
        known: dict[str, Node] = {**self.nodes, **{k: self.nodes[ref[0]] for k, ref in own.items()}}
        found: dict[Ref, Given] = {}
        for g in parse_inputs(inputs, known, self.where):
            name, number = g.ref
            if name in own and not number:
                g = replace(g, ref=own[name], name=name)
            if g.ref in found:
                raise InputError(f"{self.where}: input {g.label!r} is named twice")
            found[g.ref] = g
        for name, ref in own.items():
            if not only_some and ref not in found:
                found[ref] = Given(ref, None, name)
        return list(found.values())

    def _outputs(self, outputs: Sequence[str] | None) -> list[tuple[str, Ref]]:
        """The outputs by name: those a user named, or all of the signature."""
        own = self.names.outputs
        if not outputs:
            return list(own.items())
        known: dict[str, Node] = {**self.nodes, **{k: self.nodes[ref[0]] for k, ref in own.items()}}
        return [
            (ref[0], own[ref[0]]) if ref[0] in own and not ref[1] else (tensor_name(ref), ref)
            for ref in parse_outputs(outputs, known, self.where)
        ]

    def _variables(self, given: Sequence[Given], outputs: Sequence[Ref]) -> Variables:
        """The variables, with those noted that the outputs assign."""
        variables = find_variables(self.what, self.meta, self.flow)
        fed = {g.ref for g in given}
        written = self.flow.written([ref[0] for ref in outputs if ref not in fed])
        obstacles = Obstacles()
        for _, node in written:
            if node.op not in _WRITES:
                obstacles.add(Missing(node.op, node.name, "this way to change a variable is not supported"))
        obstacles.raise_if_any(self.where, named=True)
        variables.written = frozenset(key for key, _ in written)
        return variables
