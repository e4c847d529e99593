"""Inputs of models."""

from __future__ import annotations

import inspect
from typing import Any

from ...eager.tensor import Tensor
from .. import naming
from .history import LayerCall, symbolic
from .layer import Layer


class InputLayer(Layer):
    """The place where a model takes an input of `batch_shape`, (batch, …), None for sizes that are left open."""

    def __init__(
        self,
        shape: Any = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Any = None,
        input_tensor: Any = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name)
        if sparse or ragged:
            raise ValueError("expected a dense input: sparse and ragged ones are not built here")
        if input_tensor is not None or optional or set(kwargs) - {"input_shape", "batch_input_shape"}:
            raise ValueError("expected a shape alone: input_tensor and optional are not built here")
        batch_shape = batch_shape or kwargs.get("batch_input_shape")
        shape = shape if shape is not None else kwargs.get("input_shape")
        if shape is None and batch_shape is None:
            raise ValueError("You must pass a `shape` argument.")
        if shape is not None and batch_shape is not None:
            raise ValueError("You cannot pass both `shape` and `batch_shape` at the same time.")
        whole = tuple(batch_shape) if batch_shape is not None else (batch_size, *_sizes(shape))
        self.batch_shape = whole
        object.__setattr__(self, "_dtype", str(dtype or "float32"))
        self.built = True
        call = LayerCall(self, inspect.signature(lambda: None).bind())
        call.outputs = symbolic(self.batch_shape, self.dtype, self.name, (call, 0))
        self._calls.append(call)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("An InputLayer is not called: it is where a model begins.")

    def get_config(self) -> dict[str, Any]:
        return {
            "batch_shape": self.batch_shape,
            "dtype": self.dtype,
            "sparse": False,
            "ragged": False,
            "name": self.name,
        }


def _sizes(shape: Any) -> tuple[int | None, ...]:
    if isinstance(shape, int):
        raise ValueError(f"expected a tuple as the shape of an input, received {shape}: write ({shape},)")
    return tuple(None if d is None else int(d) for d in shape)


def Input(
    shape: Any = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Any = None,
    name: str | None = None,
    tensor: Any = None,
    optional: bool = False,
) -> Tensor:
    """A symbolic tensor to build a model from: `shape` without the batch."""
    layer = InputLayer(
        shape, batch_size, dtype, sparse, ragged, batch_shape, tensor, optional,
        name or naming.unique("input_layer"),
    )  # fmt: skip
    return layer.output


__all__ = ["Input", "InputLayer"]
