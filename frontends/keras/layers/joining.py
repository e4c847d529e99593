"""Several inputs into one: behind each other, and products of matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....compiler.ir.dims import product
from ...eager import ops
from ...eager.ops.arrays import broadcast_dims, reshape_to
from ...eager.ops.normalization import normalize
from ...eager.tensor import Tensor
from .merging import Merge


class Concatenate(Merge):
    """Its inputs behind each other along `axis`."""

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def build(self, input_shape: Any) -> None:
        if not isinstance(input_shape, (list, tuple)) or not isinstance(input_shape[0], (list, tuple)):
            raise ValueError(
                "A `Concatenate` layer should be called on a list of at least 1 input. "
                f"Received: input_shape={input_shape}"
            )
        self.compute_output_shape(input_shape)

    def call(self, inputs: Any) -> Any:
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(
                f"A `Concatenate` layer should be called on a list of inputs. Received: inputs={inputs}"
            )
        return ops.concatenate(inputs, self.axis)

    def compute_output_shape(self, input_shape: Any) -> Any:
        if not isinstance(input_shape[0], (list, tuple)):
            raise ValueError(
                f"A `Concatenate` layer should be called on a list of inputs. Received: input_shape={input_shape}"
            )
        rank = len(input_shape[0])
        out: list[int | None] = list(input_shape[0])
        axis = self.axis % rank
        for shape in input_shape[1:]:
            rows = enumerate(zip(out, shape, strict=False))
            if len(shape) != rank or any(None not in (a, b) and a != b for i, (a, b) in rows if i != axis):
                raise ValueError(
                    "A `Concatenate` layer requires inputs with matching shapes except for the concatenation axis. "
                    f"Received: input_shape={input_shape}"
                )
            total, more = out[axis], shape[axis]
            out = [b if a is None else a for a, b in zip(out, shape, strict=True)]
            out[axis] = None if total is None or more is None else total + more
        return tuple(out)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        if previous_mask is None or all(m is None for m in previous_mask):
            return None
        masks = [_whole(m, x) for m, x in zip(previous_mask, inputs, strict=True)]
        return ops.any(ops.concatenate(masks, self.axis), -1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


def _whole(mask: Any, x: Tensor) -> Tensor:
    """A mask [N, steps] for every number of x; all true where there is none."""
    if mask is None:
        return ops.ones_like(x, dtype="bool")
    return broadcast_dims(ops.expand_dims(mask, -1), x.type.shape) if mask.ndim < x.ndim else mask


class Dot(Merge):
    """Sums of products of two inputs along one axis of each, for every sample: [N, a…, k] and [N, b…, k] to
    [N, a…, b…]; [N, 1] where nothing is left.

    `axes`: the axis of both, or one for each; 0 is the batch and cannot be among them. `normalize`: each is divided
    by its norm along its axis first, so that the result is the cosine of the angle between them.
    """

    def __init__(self, axes: Any, normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(axes, int):
            if not isinstance(axes, (list, tuple)):
                raise TypeError(
                    f"Invalid type for argument `axes`: it should be a list or an int. Received: axes={axes}"
                )
            if len(axes) != 2:
                raise ValueError(
                    f"Invalid format for argument `axes`: it should contain two elements. Received: axes={axes}"
                )
            if not all(isinstance(a, int) for a in axes):
                raise ValueError(
                    f"Invalid format for argument `axes`: list elements should be integers. Received: axes={axes}"
                )
        self.axes = axes
        self.normalize = normalize

    def _axes(self, ranks: Sequence[int]) -> tuple[int, int]:
        given = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        a, b = (axis + rank if axis < 0 else axis for axis, rank in zip(given, ranks, strict=True))
        if 0 in (a, b):
            raise ValueError(f"Cannot perform batch_dot over axis 0. Received: axes={self.axes}")
        return a, b

    def build(self, input_shape: Any) -> None:
        self._check(input_shape)
        first, second = input_shape
        a, b = self._axes([len(first), len(second)])
        if first[a] != second[b] and None not in (first[a], second[b]):
            raise ValueError(
                f"Incompatible input shapes: axis values {first[a]} (at axis {a}) != {second[b]} (at axis {b}). "
                f"Full input shapes: {first}, {second}"
            )

    def _check(self, shapes: Any) -> None:
        listed = isinstance(shapes, (list, tuple)) and all(isinstance(s, (list, tuple)) for s in shapes)
        if not listed or len(shapes) != 2:
            raise ValueError(
                f"A `Dot` layer should be called on a list of 2 inputs. Received: input_shape={shapes}"
            )

    def call(self, inputs: Any) -> Any:
        x, y = inputs
        a, b = self._axes([x.ndim, y.ndim])
        if self.normalize:
            x, y = normalize(x, a), normalize(y, b)
        n, k = x.type.shape[0], x.type.shape[a]
        left = [d for i, d in enumerate(x.type.shape) if i not in (0, a)]
        right = [d for i, d in enumerate(y.type.shape) if i not in (0, b)]
        if not left and not right:
            return ops.sum(x * y, 1, True)
        x = reshape_to(ops.moveaxis(x, a, -1), (n, product(left), k))
        y = reshape_to(ops.moveaxis(y, b, 1), (n, k, product(right)))
        return reshape_to(ops.matmul(x, y), (n, *left, *right))

    def compute_output_shape(self, input_shape: Any) -> Any:
        self._check(input_shape)
        first, second = input_shape
        a, b = self._axes([len(first), len(second)])
        left = [d for i, d in enumerate(first) if i not in (0, a)]
        right = [d for i, d in enumerate(second) if i not in (0, b)]
        return (first[0], *(left + right or [1]))

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        return None

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axes": self.axes, "normalize": self.normalize}


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """Inputs behind each other along an axis, as the layer Concatenate."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs: Any, axes: Any = -1, **kwargs: Any) -> Any:
    """Sums of products of two inputs along an axis of each, as the layer Dot."""
    return Dot(axes=axes, **kwargs)(inputs)
