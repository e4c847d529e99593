"""A frozen TensorFlow graph to a graph-level module: what `netwright compile` does first.

The nodes that the outputs need are converted one by one, each after its inputs. What cannot be converted
is noted and stands as Missing among the values, so that all obstacles are reported at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...compiler.ir.core import Block, Builder, Op, Value
from ...compiler.ir.dims import Dim
from ...compiler.ir.rewrite import is_dead
from ...compiler.ir.types import TensorType
from ...compiler.ops.builtin import finish_function, new_function, new_module
from ...runtime.errors import (
    UNFORESEEN,
    DTypeError,
    Error,
    FormatError,
    InputError,
    ShapeError,
    UnsupportedError,
)
from ...runtime.spec import DType
from . import surgery
from .complex_pairs import NO_PAIRS, Pair, complex_converter
from .context import Context
from .functions import inline
from .graphdef import Graph, Node, collecting_later, read_graph
from .inputs import InputTypes
from .registry import (
    ALWAYS_INPUTS,
    CONVERTERS,
    PLACEHOLDERS,
    Converter,
    Malformed,
    Missing,
    Refused,
    load_converters,
)
from .report import Obstacles, reason_for
from .scope import Result, Results, Scope
from .signature import Given, Symbols, parse_inputs, parse_outputs
from .surgery import Ref, Source, tensor_name
from .variables import Variables
from .wire import shorten

MOST_STEPS = 400_000  # nodes looked at and ops made, of some 20 microseconds each


def import_graph(
    what: str | os.PathLike[str] | bytes | bytearray | memoryview,
    *,
    inputs: Sequence[str] | Mapping[str, Any] | None = None,
    outputs: Sequence[str] | None = None,
    batch: int | None = None,
) -> Op:
    """The module with `func.func @main` for a frozen graph, given by path or as bytes.

    `inputs` names the inputs in order, placeholders or any other tensors, each perhaps with a shape:
    `["x", "y:?,4"]` or `{"x": None, "y": (None, 4)}`; by default, and after those, come the placeholders
    in file order. `outputs` names the outputs; by default they are the tensors that nothing consumes.
    Sizes that are left open become symbols: "n" for dimension 0 of the first input, which `batch` fixes.

    Raises UnsupportedError with everything that cannot be compiled, FormatError and ShapeError for graphs
    that contradict themselves, InputError for names that are not there. Constants of the module are views
    of the file, aligned or not: it must not be rewritten in place while they are in use.
    """
    check_batch(batch)
    graph = read_graph(what)
    where = "<bytes>" if isinstance(what, (bytes, bytearray, memoryview)) else os.fspath(what)
    load_converters()
    nodes = surgery.index_nodes(graph.nodes, where)
    given = parse_inputs(inputs, nodes, where)
    refs = parse_outputs(outputs, nodes, where) if outputs else None
    with collecting_later():
        return Importer(graph, nodes, where).run(given, refs, batch)


def check_batch(batch: int | None) -> None:
    if batch is not None and (type(batch) is not int or batch < 0):
        raise InputError(f"expected the batch size as a number, received {batch!r}")


class Importer:
    """The import of one graph."""

    def __init__(
        self, graph: Graph, nodes: Mapping[str, Node], where: str, variables: Variables | None = None
    ) -> None:
        self.graph = graph
        self.nodes = nodes
        self.where = where
        self.variables = variables
        #: with variables that are assigned, control inputs say what runs, and when
        self.effects = variables is not None and bool(variables.written)
        self.inputs_of = surgery.all_inputs if self.effects else surgery.data_inputs
        self.module: Op | None = None
        #: what arguments are called, if not by their tensors
        self.labels: Mapping[Ref, str] = {}
        self.obstacles = Obstacles()
        self.steps = MOST_STEPS
        self.symbols = Symbols((), None)
        #: sizes computed at run time, by the block they are defined in
        self.late: dict[Block | None, dict[Value, Dim]] = {}

    def run(
        self,
        given: Sequence[Given],
        outputs: Sequence[Ref] | None,
        batch: int | None = None,
        names: Sequence[str] | None = None,
    ) -> Op:
        """The module. Without `outputs`: what nothing consumes. `names` are the outputs', if not their tensors'."""
        ends = outputs if outputs is not None else self._ends()
        scope = Scope(self.nodes, self.where, fed={g.ref: _NO_VALUE for g in given})
        inside = [ref[0] for ref in ends if ref not in scope.fed]
        needed = surgery.prune(self.nodes, inside, scope.source(), self.where, self.inputs_of)
        places = [(n.name, 0) for n in needed if n.op in ALWAYS_INPUTS]
        arguments = [*given, *(Given(ref, None, self.labels.get(ref, "")) for ref in places)]
        self.symbols = Symbols(given, batch)
        types = InputTypes(self, self.symbols).of(arguments)
        module = self.module = new_module()
        kinds = [(ref, t) for ref, t in types.items() if isinstance(t, TensorType)]
        labels = {g.ref: g.label for g in arguments}
        func, block = new_function(module, "main", [(labels[ref], t) for ref, t in kinds])
        values = dict(zip((ref for ref, _ in kinds), block.args, strict=True))
        scope.fed = {ref: t if isinstance(t, Missing) else values[ref] for ref, t in types.items()}
        scope.values = {ref[0]: (v,) for ref, v in scope.fed.items() if self.nodes[ref[0]].op in PLACEHOLDERS}
        body = [n for n in needed if n.name not in scope.values]
        self.convert_all(scope, body, scope.source(), Builder(block))
        refs = outputs if outputs is not None else [r for end in ends for r in self._unconsumed(scope, end)]
        names = [tensor_name(ref) for ref in refs] if names is None else names
        found = [self.use(self._output(scope, ref)) for ref in refs]
        results = list(zip(names, found, strict=True))
        self.obstacles.raise_if_any(self.where, named=outputs is not None)
        finish_function(func, [(name, v) for name, v in results if isinstance(v, Value)])
        erase_unused(block)
        return module

    # Outputs.

    def _ends(self) -> list[Ref]:
        ends = [(node.name, 0) for node in surgery.default_outputs(self.nodes.values())]
        if not ends:
            raise FormatError(f"{self.where}: expected a graph that computes something, found no outputs")
        return ends

    def _unconsumed(self, scope: Scope, end: Ref) -> list[Ref]:
        """The outputs of a node that nothing consumes: of those with names, the first."""
        if end in scope.fed:
            return [end]
        values = scope.values[end[0]]
        converter = CONVERTERS.get(self.nodes[end[0]].op)
        count = 1 if isinstance(values, Missing) or (converter and converter.outputs) else len(values)
        return [(end[0], i) for i in range(count)]

    def _output(self, scope: Scope, ref: Ref) -> Result:
        found = scope.fed.get(ref) or scope.output(ref)
        if found is None:
            op = self.nodes[ref[0]].op
            raise InputError(f"{self.where}: node {shorten(ref[0])} ({op}) has no output {ref[1]}")
        return found

    # Nodes.

    def spend(self, steps: int) -> None:
        """Accounts for work: a graph may not take longer than any sane one does."""
        self.steps -= steps
        if self.steps < 0:
            raise UnsupportedError(
                f"{self.where}: expected a graph of at most some {MOST_STEPS // 2} nodes with functions "
                "inlined, found a larger one"
            )

    def convert_all(self, scope: Scope, nodes: Iterable[Node], source: Source, builder: Builder) -> None:
        """Converts nodes of a scope, which come in file order, each after its inputs."""
        listed = list(nodes)
        self.spend(len(listed))
        for node in surgery.in_order(listed, source, scope.where, self.inputs_of):
            scope.values[node.name] = self._convert(scope, node, builder)

    def _convert(self, scope: Scope, node: Node, builder: Builder) -> Results:
        function = self.graph.functions.get(node.op)
        operands = [self._operand(scope, node, text) for text in surgery.data_inputs(node)]
        others = [v for v in operands if not isinstance(v, Pair)]
        is_complex = len(others) < len(operands)
        converter = complex_converter(node.op) if is_complex else CONVERTERS.get(node.op)
        if function is None and (converter is None or not converter.lazy):
            missing = [m for m in map(self.use, others) if isinstance(m, Missing)]
            if converter is not None and missing:
                return missing[0]
        context = Context(self, scope, node, builder)
        try:
            if function is not None:
                return inline(context, function, node.attrs, operands)
            if converter is None:
                return Missing(node.op, context.name, NO_PAIRS if is_complex else reason_for(node.op))
            return _call(context, converter, operands)
        except Refused as e:
            return Missing(node.op, context.name, str(e))
        except (Malformed, ShapeError) as e:
            kind = ShapeError if isinstance(e, ShapeError) else FormatError
            raise kind(f"{self._at(context)}: {_plain(e)}") from e
        except DTypeError as e:
            return self._wrong_dtype(context, operands, e)
        except Error:
            raise
        except UNFORESEEN as e:  # a graph that no converter thought of
            raise FormatError(
                f"{self._at(context)}: it makes no sense as it is: {type(e).__name__}: {e}"
            ) from e

    def _wrong_dtype(self, c: Context, operands: Sequence[Result], e: DTypeError) -> Missing:
        """Operands that contradict each other or the attributes make the graph wrong; else the data type
        is one that the op is not made for."""
        found = {v.type.dtype for v in operands if isinstance(v, Value) and isinstance(v.type, TensorType)}
        declared = c.node.attrs.get("T")
        if len(found) > 1 or (isinstance(declared, DType) and declared not in found):
            raise FormatError(f"{self._at(c)}: {_plain(e)}") from e
        return Missing(c.node.op, c.name, _plain(e))

    def _at(self, c: Context) -> str:
        return f"{self.where}: node {shorten(c.name)} ({c.node.op})"

    def _operand(self, scope: Scope, node: Node, text: str) -> Result:
        found = scope.find(text)
        if found is None:
            raise FormatError(
                f"{self.where}: node {shorten(scope.prefix + node.name)} has input {shorten(text)}, and its "
                "node has no such output: check that the graph is whole"
            )
        return found

    def use(self, v: Result) -> Result:
        """Notes an obstacle if one is in the way of a value that is wanted."""
        if isinstance(v, Missing):
            self.obstacles.add(v)
        return v


_NO_VALUE = Missing("", "", "")  # until arguments have types


def _call(c: Context, converter: Converter, operands: Sequence[Result]) -> Results:
    n, least, most = len(operands), converter.least, converter.most
    if n < least or (most is not None and n > most):
        wanted = f"{least}" if least == most else f"{least} or more" if most is None else f"{least} to {most}"
        raise Malformed(f"expected {wanted} inputs, found {n}")
    results = converter.convert(c, *operands)
    return results if isinstance(results, (tuple, list, Missing)) else (results,)


def _plain(e: Exception) -> str:
    """The message without the name of our own op, which means nothing to the reader of a TensorFlow graph."""
    text = str(e)
    start, _, rest = text.partition("): ")
    return rest if start.startswith("graph.") and rest else text


def erase_unused(block: Block) -> None:
    """Drops ops whose results nothing uses: constants that became attributes, sizes that were folded."""
    op = block.last
    while op is not None:
        before = op.prev
        if is_dead(op):
            op.erase()
        else:
            for region in op.regions:
                erase_unused(region.block)
        op = before
