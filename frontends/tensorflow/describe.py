"""What is inside TensorFlow's files, in lines for people; nothing is compiled, and no values are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from . import surgery
from .checkpoint import Checkpoint, latest_prefix
from .flow import HANDLES, Flow, Restored, variable_key
from .graphdef import Graph, Node, Shape, read_graph
from .metagraph import MetaGraph, read_meta_graph, read_saved_model
from .registry import PLACEHOLDERS
from .savedmodel import find_variables
from .wire import shown

MOST_ROWS = 10_000


def describe_graph(path: str) -> Iterator[str]:
    """Of a frozen graph: inputs, outputs, op types with counts."""
    graph = read_graph(path)
    yield f"{path}: a TensorFlow graph, {_size(graph)}"
    nodes = surgery.index_nodes(graph.nodes, path)
    yield from _placeholders(nodes.values())
    outputs = surgery.default_outputs(nodes.values())
    yield from _rows(f"  output  {shown(node.name)} ({shown(node.op)})" for node in outputs)
    yield from _ops(graph)


def describe_saved_model(path: str) -> Iterator[str]:
    """Of a SavedModel: for each of its graphs signatures, variables, op types with counts."""
    model = read_saved_model(path)
    graphs = f"{len(model.parts)} graph{'s' * (len(model.parts) != 1)}"
    yield f"{path}: a TensorFlow SavedModel, {graphs}"
    for tags, _, _ in model.parts:
        meta = model.read(tags)
        yield from _meta(meta)
        nodes = surgery.index_nodes(meta.graph.nodes, path)
        flow = Flow(meta.graph, nodes, path)
        variables = find_variables(path, meta, flow)
        yield from _rows(_variables(variables.origins, variables.checkpoint))
        yield from _ops(meta.graph)


def describe_meta_graph(path: str) -> Iterator[str]:
    """Of a MetaGraph: inputs, signatures, variables as they are declared, op types with counts."""
    meta = read_meta_graph(path)
    yield f"{path}: a TensorFlow MetaGraph"
    yield from _meta(meta)
    yield from _placeholders(meta.graph.nodes)
    handles = [n for n in meta.graph.nodes if n.op in HANDLES]
    yield from _rows(f"  variable  {shown(variable_key(n))}: {_declared(n)}" for n in handles)
    yield from _ops(meta.graph)


def describe_checkpoint(path: str) -> Iterator[str]:
    """Of a checkpoint: its tensors."""
    found = Checkpoint(latest_prefix(path))
    count = len(found.entries)
    yield f"{found.prefix}: a TensorFlow checkpoint, {_count(count, 'tensor')} in {_count(found.count, 'shard')}"
    for_slices = {
        n: f" in {_count(len(e.slices), 'slice')}" if e.slices else "" for n, e in found.entries.items()
    }
    yield from _rows(f"  tensor  {shown(name)}: {e}{for_slices[name]}" for name, e in found.entries.items())


def _meta(meta: MetaGraph) -> Iterator[str]:
    tags = ", ".join(map(shown, meta.tags)) or "none"
    writer = f", written by TensorFlow {shown(meta.version)}" if meta.version else ""
    yield f"  graph  tags {tags}{writer}, {_size(meta.graph)}"
    for name, s in meta.signatures.items():
        yield f"  signature  {shown(name)}"
        yield from _rows(f"    input   {shown(k)}: {v}" for k, v in s.inputs.items())
        yield from _rows(f"    output  {shown(k)}: {v}" for k, v in s.outputs.items())


def _variables(origins: Any, checkpoint: Checkpoint | None) -> Iterator[str]:
    for key, origin in sorted(origins.items()):
        entry = checkpoint.entries.get(origin.key) if checkpoint and isinstance(origin, Restored) else None
        if entry is not None and origin.slice_text:
            what = f"slice {shown(origin.slice_text)} of {entry}"
        elif isinstance(origin, Restored):
            what = str(entry) if entry is not None else "not in the checkpoint"
        else:
            what = str(origin) if origin is not None else "computed when the model is loaded"
        yield f"  variable  {shown(key)}: {what}"


def _placeholders(nodes: Iterable[Node]) -> Iterator[str]:
    yield from _rows(f"  input   {shown(n.name)}: {_declared(n)}" for n in nodes if n.op in PLACEHOLDERS)


def _declared(node: Node) -> str:
    """The type that a placeholder or variable declares."""
    shape: Shape = node.attrs.get("shape")
    sizes = ", ".join("?" if d is None else str(d) for d in shape) if isinstance(shape, tuple) else "?, …"
    return f"{shown(str(node.attrs.get('dtype', 'unknown')))}[{sizes}]"


def _ops(graph: Graph) -> Iterator[str]:
    counts = Counter(n.op for n in graph.nodes)
    for f in graph.functions.values():
        counts.update(n.op for n in f.nodes)
    ranked = sorted(counts.items(), key=lambda kv: (-kv[1], kv[0]))
    yield from _rows(f"  {n:6} {shown(op)}" for op, n in ranked)


def _size(graph: Graph) -> str:
    functions = f", {_count(len(graph.functions), 'function')}" if graph.functions else ""
    return f"{_count(len(graph.nodes), 'node')}{functions}"


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'s' * (n != 1)}"


def _rows(rows: Iterable[str]) -> Iterator[str]:
    for i, row in enumerate(rows):
        if i == MOST_ROWS:
            yield "  …"
            return
        yield row
