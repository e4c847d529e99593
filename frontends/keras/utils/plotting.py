"""Drawings of models: Graphviz text, and pictures where Graphviz is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from itertools import pairwise
from typing import Any

from ....runtime.errors import UnsupportedError
from ...eager.nodes import Node
from ...eager.structure import leaves, rebuilt
from ...eager.tensor import Tensor
from ..layers.history import LayerCall
from ..layers.input_layer import InputLayer


class Dot:
    """A drawing in Graphviz' language."""

    def __init__(self, text: str) -> None:
        self.text = text

    def to_string(self) -> str:
        return self.text

    __str__ = to_string

    def write(self, path: str | os.PathLike[str], format: str = "raw") -> None:
        """The text itself, or what Graphviz makes of it. UnsupportedError where that is not installed."""
        if format in ("raw", "dot"):
            with open(path, "w", encoding="utf-8") as file:
                file.write(self.text)
            return
        program = shutil.which("dot")
        if program is None:
            raise UnsupportedError(
                f"expected Graphviz to be installed, which makes .{format} files, found no program `dot`: install it, "
                "or write a .dot file"
            )
        done = subprocess.run(
            [program, f"-T{format}", "-o", os.fspath(path)], input=self.text.encode(), capture_output=True
        )
        if done.returncode:
            raise UnsupportedError(f"dot -T{format}: {done.stderr.decode('utf-8', 'replace').strip()[:1000]}")


def model_to_dot(
    model: Any, show_shapes: bool = False, show_dtype: bool = False, show_layer_names: bool = True, rankdir: str = "TB",
    expand_nested: bool = False, dpi: int = 200, subgraph: bool = False, show_layer_activations: bool = False,
    show_trainable: bool = False, **kwargs: Any,
) -> Dot:  # fmt: skip
    """A model's layers as boxes, with arrows along the tensors between them. ValueError for a model that has not been
    built."""
    if kwargs:
        raise ValueError(f"model_to_dot has no argument {', '.join(kwargs)}")
    if getattr(model, "_graph", None) is None and not model.layers:
        raise ValueError(
            "This model has not yet been built. Build it by calling `build()`, or by calling it on data."
        )
    drawing = _Drawing(
        show_shapes, show_dtype, show_layer_names, expand_nested, show_layer_activations, show_trainable
    )
    body = drawing.model(model, "")
    head = f"digraph {_quoted(model.name)} {{\n  graph [rankdir={rankdir}, dpi={dpi}];\n  node [shape=box];\n"
    return Dot(head + "".join(f"  {line}\n" for line in [*body, *drawing.edges]) + "}\n")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


class _Drawing:
    def __init__(
        self, shapes: bool, dtypes: bool, names: bool, nested: bool, activations: bool, trainable: bool
    ) -> None:
        self.shapes, self.dtypes, self.names, self.nested = shapes, dtypes, names, nested
        self.activations, self.trainable = activations, trainable
        self.edges: list[str] = []

    def model(self, model: Any, prefix: str) -> list[str]:
        graph = getattr(model, "_graph", None)
        layers = model.layers if graph is None else graph.layers
        lines: list[str] = []
        for layer in layers:
            key = f"{prefix}{layer.name}"
            if self.nested and getattr(layer, "_graph", None) is not None:
                inner = self.model(layer, f"{key}/")
                lines += [f"subgraph {_quoted('cluster_' + key)} {{", f"  label={_quoted(layer.name)};"]
                lines += [*(f"  {line}" for line in inner), "}"]
            else:
                lines.append(f"{_quoted(key)} [label={_quoted(self._label(layer))}];")
        if graph is None:
            ends = [f"{prefix}{layer.name}" for layer in layers]
            self.edges += [f"{_quoted(a)} -> {_quoted(b)};" for a, b in pairwise(ends)]
        else:
            lines += self._steps(graph, prefix)
        return lines

    def _steps(self, graph: Any, prefix: str) -> list[str]:
        lines: list[str] = []
        names: dict[Node, str] = {}

        def source(t: Tensor) -> str | None:
            found = getattr(t.node, "source", None)
            if found is not None:
                return f"{prefix}{self._end(found[0].layer, True)}"
            return names.get(t.node)

        drawn: dict[str, None] = {}
        for number, step in enumerate(graph.steps):
            if isinstance(step, LayerCall):
                here, given = f"{prefix}{self._end(step.layer, False)}", step.tensors()
            elif step.template is not None and step.values is None:
                here = names[step] = f"{prefix}#{number}"
                lines.append(
                    f"{_quoted(here)} [label={_quoted(step.template.op.name.removeprefix('graph.'))}];"
                )
                given = [Tensor(n, i) for n, i in step.operands if n.values is None]
            else:
                continue
            for t in given:
                before = source(t)
                if before is not None:
                    drawn[f"{_quoted(before)} -> {_quoted(here)};"] = None
        self.edges += drawn
        return lines

    def _end(self, layer: Any, last: bool) -> str:
        """The box that arrows from or to a layer end at: in an open model its first or last layer."""
        graph = getattr(layer, "_graph", None)
        if not self.nested or graph is None:
            return layer.name
        tensors = list(leaves(graph.outputs if last else graph.inputs))
        found = getattr(tensors[0].node, "source", None)
        inner = found[0].layer if found is not None else (graph.layers[-1] if last else graph.layers[0])
        return f"{layer.name}/{self._end(inner, last)}"

    def _label(self, layer: Any) -> str:
        kind = getattr(layer, "class_name", type(layer).__name__)
        lines = [f"{layer.name} ({kind})" if self.names else kind]
        activation = getattr(layer, "activation", None)
        if self.activations and activation is not None:
            lines.append(f"activation: {getattr(activation, '__name__', activation)}")
        if layer._calls and (self.shapes or self.dtypes):
            call = layer._calls[0]
            outputs = [t for t in leaves(call.outputs) if isinstance(t, Tensor)]
            if self.shapes:
                given = "" if isinstance(layer, InputLayer) else f"{rebuilt(call.inputs, _shape)} -> "
                lines.append(f"shape: {given}{rebuilt(call.outputs, _shape)}")
            if self.dtypes:
                lines.append(f"dtype: {', '.join(t.dtype for t in outputs)}")
        if self.trainable and layer.weights:
            lines.append("trainable" if layer.trainable else "not trainable")
        return "\n".join(lines)


def _shape(t: Any) -> Any:
    return t.shape if isinstance(t, Tensor) else None


def plot_model(
    model: Any, to_file: str | os.PathLike[str] = "model.png", show_shapes: bool = False, show_dtype: bool = False,
    show_layer_names: bool = False, rankdir: str = "TB", expand_nested: bool = False, dpi: int = 200,
    show_layer_activations: bool = False, show_trainable: bool = False, **kwargs: Any,
) -> None:  # fmt: skip
    """Draws a model into a file: `.dot` is Graphviz' text; pictures (.png, .svg, .pdf) need Graphviz installed.

    Raises UnsupportedError where it is not.
    """
    dot = model_to_dot(
        model, show_shapes, show_dtype, show_layer_names, rankdir, expand_nested, dpi,
        show_layer_activations=show_layer_activations, show_trainable=show_trainable, **kwargs,
    )  # fmt: skip
    ending = os.path.splitext(os.fspath(to_file))[1][1:] or "png"
    dot.write(to_file, ending)
