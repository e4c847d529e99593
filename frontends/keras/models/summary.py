"""A model's layers as a table of text, with shapes and numbers of parameters."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ...eager.structure import leaves, rebuilt
from ...eager.tensor import Tensor
from ...eager.variable import Variable
from ..layers.history import LayerCall
from ..layers.input_layer import InputLayer

_UNITS = ("B", "KB", "MB", "GB", "TB", "PB")
#: corners and lines: for a header, and for what is below it
_HEAVY, _LIGHT = "┏━┳┓┃┡╇┩", "│─├┼┤└┴┘"


def print_summary(
    model: Any,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    print_fn: Callable[[str], Any] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
) -> None:
    """Prints a model's layers: name, class, the shape that comes out, the number of parameters, and, where the model
    is no chain, which layers each is connected to.

    `line_length`: characters in a line. `positions`: where columns end, as parts of a line. `print_fn` is called with
    each line, `print` by default. `expand_nested`: also the layers of models inside. `show_trainable`: also whether
    layers are trained. `layer_range`: names, or expressions for them, of the first and the last layer.
    """
    for line in summary_lines(model, line_length, positions, expand_nested, show_trainable, layer_range):
        (print_fn or _print)(line)


def _print(line: str) -> None:
    """To the standard output; without the lines of tables where it cannot show them."""
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    try:
        line.encode(encoding)
    except UnicodeEncodeError:
        line = line.translate(
            {ord(c): ("-" if c in "━─" else "|" if c in "┃│" else "+") for c in _HEAVY + _LIGHT}
        )
        line = line.encode(encoding, "replace").decode(encoding)
    print(line)


def summary_lines(
    model: Any,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
) -> list[str]:
    """The lines of `print_summary`. Raises ValueError for widths that are too small, and for a wrong range."""
    connected = not _is_chain(model)
    header = ["Layer (type)", "Output Shape", "Param #", *(["Connected to"] if connected else [])]
    ends = list(positions or ([0.3, 0.56, 0.74, 1.0] if connected else [0.45, 0.80, 1.0]))
    length = 108 if connected else 88
    if show_trainable:
        header.append("Trainable")
        if positions is None:
            ends = [p * 0.87 for p in ends] + [1.0]
        length += 12
    length = line_length or min(length, shutil.get_terminal_size((length + 4, 24)).columns - 4)
    rows: list[list[str]] = []
    for layer in _chosen(_layers(model), layer_range):
        rows += _rows(model, layer, connected, show_trainable, expand_nested, 0)
    widths = _widths(ends, length, len(header))
    return [f'Model: "{model.name}"', *_table(header, rows, widths), *_totals(model)]


def _layers(model: Any) -> list[Any]:
    graph = getattr(model, "_graph", None)
    return model.layers if hasattr(model, "_stack") or graph is None else list(graph.layers)


def _is_chain(model: Any) -> bool:
    """Whether every layer is called once, on the result of the one before it."""
    graph = getattr(model, "_graph", None)
    if graph is None or hasattr(model, "_stack"):
        return True
    calls = list(graph.calls())
    if len(calls) != len(graph.steps) or len(graph.flat_inputs) > 1:
        return False
    before: Any = graph.flat_inputs[0].node if graph.flat_inputs else None
    for call in calls:
        tensors = call.tensors()
        if len(tensors) != 1 or tensors[0].node is not before:
            return False
        found = [t for t in leaves(call.outputs) if isinstance(t, Tensor)]
        before = found[0].node if len(found) == 1 else None
    return len(list(leaves(graph.outputs))) == 1


def _chosen(layers: list[Any], chosen: Sequence[str] | None) -> list[Any]:
    if chosen is None:
        return layers
    if len(chosen) != 2 or not all(isinstance(c, str) for c in chosen):
        raise ValueError(f"layer_range must be a list or tuple of two names. Received: layer_range={chosen}")
    first = [i for i, layer in enumerate(layers) if re.match(chosen[0], layer.name)]
    last = [i for i, layer in enumerate(layers) if re.match(chosen[1], layer.name)]
    if not first or not last:
        raise ValueError(f"Passed layer_names do not match the layer names in the model. Received: {chosen}")
    low, high = sorted((min(first), max(last)))
    return layers[low : high + 1]


def _rows(
    model: Any, layer: Any, connected: bool, show_trainable: bool, expand: bool, level: int
) -> list[list[str]]:
    prefix = f"{'   ' * level}└ " if level else ""
    kind = getattr(layer, "class_name", type(layer).__name__)
    count = f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"
    row = [f"{prefix}{layer.name} ({kind})", _shape(layer), count]
    if connected:
        row.append("-" if level else _connections(model, layer))
    if show_trainable:
        row.append("-" if not layer.weights else "Y" if layer.trainable else "N")
    rows = [row]
    if expand and hasattr(layer, "layers"):
        for inner in layer.layers:
            rows += _rows(model, inner, connected, show_trainable, expand, level + 1)
    return rows


def _shape(layer: Any) -> str:
    if layer._calls:
        shapes = rebuilt(layer._calls[-1].outputs, lambda t: t.shape if isinstance(t, Tensor) else None)
    elif getattr(layer, "_graph", None) is not None:
        shapes = layer.output_shape
    elif layer._build_shapes is not None:
        try:
            shapes = layer.compute_output_shape(layer._build_shapes)
        except (NotImplementedError, TypeError, ValueError):
            return "?"
    else:
        return "?"
    if isinstance(shapes, list) and len(shapes) == 1:
        shapes = shapes[0]
    return str(shapes).replace("'", "")


def _connections(model: Any, layer: Any) -> str:
    if isinstance(layer, InputLayer):
        return "-"
    own = set(model._graph.calls())
    found = [
        _source(t.node)
        for call in layer._calls
        if call in own
        for t in leaves([call.args, call.kwargs])
        if isinstance(t, Tensor) and t.is_symbolic
    ]
    return ", ".join(found) or "-"


def _source(node: Any) -> str:
    source = getattr(node, "source", None)
    if source is None:
        return node.template.op.name.removeprefix("graph.") if node.template is not None else "-"
    call, i = source
    number = call.layer._calls.index(call) if isinstance(call, LayerCall) and call in call.layer._calls else 0
    return f"{call.layer.name}[{number}][{i}]"


def _widths(ends: Sequence[float], length: int, count: int) -> list[int]:
    if len(ends) != count:
        raise ValueError(f"expected {count} positions, one for each column, received {len(ends)}")
    widths: list[int] = []
    for end in ends:
        at = int(end if end > 1 and end != 1.0 else end * length)
        widths.append(at - sum(widths))
    if min(widths) < 6:
        raise ValueError(
            f"expected wider columns: a line of {length} characters is too short for the summary"
        )
    return [w - 3 for w in widths[:-1]] + [widths[-1] - 4]


def _table(header: Sequence[str], rows: Iterable[Sequence[str]], widths: Sequence[int]) -> list[str]:
    a, line, t, b, bar, ea, et, eb = _HEAVY

    def rule(left: str, fill: str, middle: str, right: str) -> str:
        return left + middle.join(fill * (w + 2) for w in widths) + right

    lines = [rule(a, line, t, b), *_cells(header, widths, bar), rule(ea, line, et, eb)]
    bar, line, left, cross, right, ca, ct, cb = _LIGHT
    for i, row in enumerate(rows):
        if i:
            lines.append(rule(left, line, cross, right))
        lines += _cells(row, widths, bar)
    return [*lines, rule(ca, line, ct, cb)]


def _cells(row: Sequence[str], widths: Sequence[int], bar: str) -> list[str]:
    """One row, in several lines where a text is wider than its column."""
    parts = [_wrapped(text, w) for text, w in zip(row, widths, strict=True)]
    lines: list[str] = []
    for i in range(max(map(len, parts))):
        cells = [p[i] if i < len(p) else "" for p in parts]
        padded = [
            c.rjust(w) if k == 2 else c.ljust(w) for k, (c, w) in enumerate(zip(cells, widths, strict=True))
        ]
        lines.append(f"{bar} {f' {bar} '.join(padded)} {bar}")
    return lines


def _wrapped(text: str, width: int) -> list[str]:
    """At blanks where that is possible."""
    lines: list[str] = []
    while len(text) > width:
        cut = text.rfind(" ", 0, width + 1)
        cut = cut if text[:cut].strip() and cut > 0 else width
        lines.append(text[:cut].rstrip())
        text = text[cut:].lstrip() if cut < width + 1 else text[cut:]
    return [*lines, text]


def _totals(model: Any) -> list[str]:
    trained, rest = model.trainable_weights, model.non_trainable_weights
    optimizer = (
        model.optimizer.variables if model.compiled and model.optimizer and model.optimizer.built else []
    )
    lines = [
        f" Total params: {_amount([*trained, *rest, *optimizer])}",
        f" Trainable params: {_amount(trained)}",
        f" Non-trainable params: {_amount(rest)}",
    ]
    return [*lines, f" Optimizer params: {_amount(optimizer)}"] if optimizer else lines


def _amount(variables: Iterable[Variable]) -> str:
    """How many numbers variables hold, and how many bytes."""
    count = size = 0
    for v in {id(v): v for v in variables}.values():
        n = int(np.prod(v.shape, dtype=np.int64))
        count += n
        size += n * v.storage.array.itemsize
    return f"{count:,} ({memory(size)})"


def memory(size: float) -> str:
    """Bytes in a unit that fits."""
    for unit in _UNITS:
        if size < 1024 or unit == _UNITS[-1]:
            break
        size /= 1024
    return f"{size:.2f} {unit}"
