"""Graphs built with TensorFlow, imported and interpreted, and compared with what TensorFlow computes.

A graph is imported with an open batch and run at batch 0, 1 and 7; and once more with all of its sizes fixed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from netwright.compiler.ir.verify import verify
from netwright.compiler.ops.interpreter import run_module
from netwright.frontends.tensorflow.importer import import_graph

from ..helpers import close

Array = np.ndarray[Any, Any]
Input = tuple[tuple["int | None", ...], str]
#: what breaks careless arithmetic
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 7.0, np.inf, -np.inf, np.nan, 88.0, -88.0, 3e38, -3e38, 1e-30]


def array(shape: Sequence[int | None], dtype: str, batch: int, seed: int) -> Array:
    """Random values; small whole numbers for integers."""
    rng = np.random.default_rng(seed)
    sizes = [batch if d is None else d for d in shape]
    if dtype == "bool":
        return rng.integers(0, 2, sizes).astype(bool)
    if np.dtype(dtype).kind in "iu":
        return rng.integers(0 if dtype[0] == "u" else -9, 10, sizes).astype(dtype)
    return rng.normal(size=sizes).astype(dtype)


def node(tf: Any, op: str, *keys: str, **attrs: Any) -> Callable[..., Any]:
    """Builds one node of TensorFlow's raw ops from tensors, which are its inputs `keys` in order."""

    def build(*tensors: Any) -> Any:
        return getattr(tf.raw_ops, op)(**dict(zip(keys, tensors, strict=True)), **attrs)

    return build


class Graph:
    """A graph of TensorFlow's, and what it computes."""

    def __init__(self, tf: Any, build: Callable[..., Any], inputs: Sequence[Input]) -> None:
        self.tf = tf
        self.graph = tf.Graph()
        with self.graph.as_default():
            places = [
                tf.compat.v1.placeholder(dtype, shape, name=f"x{i}")
                for i, (shape, dtype) in enumerate(inputs)
            ]
            made = build(*places)
        self.outputs = list(made) if isinstance(made, (list, tuple)) else [made]
        self.inputs = [p.name for p in places]

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        with self.tf.compat.v1.Session(graph=self.graph) as session:
            return session.run(self.outputs, dict(zip(self.inputs, arrays, strict=True)))

    def load(self) -> Any:
        data = self.graph.as_graph_def().SerializeToString()
        module = import_graph(data, inputs=self.inputs, outputs=[o.name for o in self.outputs])
        verify(module)
        return module

    def compare(self, module: Any, arrays: Sequence[Array], tolerance: float) -> None:
        for got, want in zip(run_module(module, arrays), self.run(arrays), strict=True):
            close(got, np.asarray(want), tolerance)


def as_input(what: Any) -> Input:
    """A shape of float32, or a shape and a data type."""
    return what if what and isinstance(what[-1], str) else (tuple(what), "float32")  # type: ignore[return-value]


def check(
    tf: Any,
    build: Callable[..., Any],
    *inputs: Any,
    batches: Sequence[int] = (0, 1, 7),
    tolerance: float = 1e-5,
) -> None:
    """Compares a graph at several batches, which are the sizes given as None, and with all sizes fixed."""
    specs = [as_input(i) for i in inputs]
    if any(None in shape for shape, _ in specs):
        graph = Graph(tf, build, specs)
        module = graph.load()
        for batch in batches:
            arrays = [array(shape, dtype, batch, i) for i, (shape, dtype) in enumerate(specs)]
            graph.compare(module, arrays, tolerance)
    fixed = [(tuple(3 if d is None else d for d in shape), dtype) for shape, dtype in specs]
    graph = Graph(tf, build, fixed)
    arrays = [array(shape, dtype, 3, i) for i, (shape, dtype) in enumerate(fixed)]
    graph.compare(graph.load(), arrays, tolerance)


def check_values(tf: Any, build: Callable[..., Any], *arrays: Array, tolerance: float = 1e-5) -> None:
    """Compares a graph on given values."""
    graph = Graph(tf, build, [((None,) * a.ndim, a.dtype.name) for a in arrays])
    graph.compare(graph.load(), arrays, tolerance)


def frozen(tf: Any, function: Any, *specs: Any) -> Any:
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    concrete = tf.function(function).get_concrete_function(*specs)
    return convert_variables_to_constants_v2(concrete, lower_control_flow=False)


def check_frozen(
    tf: Any, function: Any, *arrays: Array, open_batch: bool = True, tolerance: float = 1e-5
) -> None:
    """Compares a frozen function."""
    specs = [
        tf.TensorSpec([None, *a.shape[1:]] if open_batch and a.ndim else a.shape, a.dtype, name=f"x{i}")
        for i, a in enumerate(arrays)
    ]
    graph = frozen(tf, function, *specs)
    names = [t.name for t in graph.inputs]
    module = import_graph(
        graph.graph.as_graph_def().SerializeToString(), inputs=names, outputs=[t.name for t in graph.outputs]
    )
    verify(module)
    want = graph(*(tf.constant(a) for a in arrays))
    for got, reference in zip(run_module(module, arrays), want, strict=True):
        close(got, reference.numpy(), tolerance)
