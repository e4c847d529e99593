"""Symbolic calls: how layers were put together into a model.

A symbolic tensor is the input of a model or a result of a layer's call on such tensors. It knows the call that
gives it; the model runs the calls again on its inputs.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ....compiler.ir.dims import Dim, Sym
from ....compiler.ir.types import TensorType
from ...eager.nodes import Placeholder, Trace, ordered, tracing
from ...eager.structure import leaves, rebuilt
from ...eager.tensor import Tensor, as_dtype


class LayerCall:
    """One call of a layer on symbolic tensors."""

    def __init__(self, layer: Any, bound: inspect.BoundArguments) -> None:
        self.layer = layer
        self.args, self.kwargs = bound.args, dict(bound.kwargs)
        self.outputs: Any = None

    @property
    def inputs(self) -> Any:
        """The symbolic tensors that it was called on: one alone, or in a list."""
        found = self.tensors()
        return found[0] if len(found) == 1 else found

    def tensors(self) -> list[Tensor]:
        return [v for v in leaves([self.args, self.kwargs]) if isinstance(v, Tensor) and is_input(v)]


def is_input(t: Tensor) -> bool:
    """Whether a tensor stands in a model that is being put together."""
    return t.node.symbolic and t.node.trace is None and t.node.values is None


def is_trial(t: Tensor) -> bool:
    """Whether a tensor stands in a model that is being put together, where shapes alone count."""
    found = ordered([t.node])
    return any(isinstance(n, Placeholder) and is_input(Tensor(n)) for n in found)


def symbolic(shape: tuple[int | None, ...], dtype: Any, name: str, source: Any = None) -> Tensor:
    """A symbolic tensor. Sizes of None are symbols: the first is that of the batch, `n`."""
    dims: list[Dim] = []
    for i, d in enumerate(shape):
        dims.append(d if d is not None else Sym.symbol("n" if i == 0 else f"d{i}_{_fresh()}"))
    return symbolic_of(TensorType(tuple(dims), as_dtype(dtype)), name, source)


def symbolic_of(type: TensorType, name: str, source: Any = None) -> Tensor:
    with tracing(None):
        return Tensor(Placeholder(type, name, source))


_count = [0]


def _fresh() -> int:
    _count[0] += 1
    return _count[0]


def symbolic_like(shape: Any, dtype: str) -> Any:
    """Symbolic tensors for a shape, or a structure of shapes."""
    if isinstance(shape, dict):
        return {k: symbolic_like(v, dtype) for k, v in shape.items()}
    if isinstance(shape, list) or (
        isinstance(shape, tuple) and any(isinstance(d, (tuple, list)) for d in shape)
    ):
        return [symbolic_like(s, dtype) for s in shape]
    return symbolic(tuple(shape), dtype, "trial")


def symbolic_call(layer: Any, bound: inspect.BoundArguments, run: Callable[..., Any]) -> Any:
    """Calls a layer on symbolic tensors: what comes out are new ones that know the call."""
    call = LayerCall(layer, bound)
    with tracing(Trace(layer.name)):
        result = run(*bound.args, **bound.kwargs)
    made = rebuilt(result, lambda t: _output(t, call))
    for i, t in enumerate(v for v in leaves(made) if isinstance(v, Tensor)):
        if isinstance(t.node, Placeholder):
            t.node.source = (call, i)
            t.node.name = f"{layer.name}_{i}" if i else layer.name
    call.outputs = made
    layer._calls.append(call)
    return made


def _output(t: Any, call: LayerCall) -> Any:
    if not isinstance(t, Tensor):
        return t
    # masks are made again when the model runs
    return symbolic_of(t.type, call.layer.name, (call, 0))
