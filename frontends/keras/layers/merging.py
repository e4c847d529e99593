"""Several inputs into one: sums, products, extremes, elementwise with broadcasting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...eager import ops
from ...eager.ops.arrays import broadcast_dims
from ...eager.tensor import Tensor
from .layer import Layer

Shape = Any


def merged_shape(a: Shape, b: Shape) -> tuple[int | None, ...]:
    """The shape of an elementwise result. Raises ValueError for shapes that do not broadcast."""
    if len(a) < len(b):
        a, b = b, a
    out = list(a[: len(a) - len(b)])
    for i, j in zip(a[len(a) - len(b) :], b, strict=True):
        if i is None or j is None:
            out.append(None)
        elif i != j and 1 not in (i, j):
            raise ValueError(f"Inputs have incompatible shapes. Received shapes {tuple(a)} and {tuple(b)}")
        else:
            out.append(j if i == 1 else i)
    return tuple(out)


def one_mask(inputs: Any, masks: Any) -> Any:
    """Whether one mask counts a step; None where an input has none."""
    if masks is None or any(m is None for m in masks):
        return None
    if len(masks) != len(inputs):
        raise ValueError(
            "The lists `inputs` and `mask` should have the same length. "
            f"Received: {len(inputs)} inputs and {len(masks)} masks"
        )
    out = masks[0]
    for m in masks[1:]:
        out = ops.logical_or(out, m)
    return out


class Merge(Layer):
    """Base of layers that take a list of inputs; inputs of fewer axes get new ones behind the batch."""

    #: how many inputs it takes, where that is fixed
    count: int | None = None

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def merged(self, inputs: Sequence[Tensor]) -> Any:
        """The result for inputs of one rank."""
        raise NotImplementedError

    def build(self, input_shape: Any) -> None:
        if not isinstance(input_shape, (list, tuple)) or not isinstance(input_shape[0], (list, tuple)):
            raise ValueError(
                "A merge layer should be called on a list of inputs. "
                f"Received: input_shape={input_shape} (not a list of shapes)"
            )
        self._check_count(input_shape)
        if len({s[0] for s in input_shape if s} - {None}) > 1:
            raise ValueError(
                f"Cannot merge tensors with different batch sizes. Received tensors with shapes {input_shape}"
            )
        self.compute_output_shape(input_shape)

    def _check_count(self, inputs: Any) -> None:
        name = type(self).__name__
        if self.count is not None and len(inputs) != self.count:
            raise ValueError(
                f"A `{name}` layer should be called on exactly {self.count} inputs. Received: input_shape={inputs}"
            )

    def call(self, inputs: Any) -> Any:
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(
                "A merge layer should be called on a list of inputs. "
                f"Received: inputs={inputs} (not a list of tensors)"
            )
        rank = max(x.ndim for x in inputs)
        masks = [x.mask for x in inputs]
        wide = [ops.expand_dims(x, list(range(1, 1 + rank - x.ndim))) if x.ndim < rank else x for x in inputs]
        return self.merged_masked(wide, masks) if any(m is not None for m in masks) else self.merged(wide)

    def merged_masked(self, inputs: Sequence[Tensor], masks: Sequence[Any]) -> Any:
        """The result where inputs have masks; those that let masked steps take part need nothing."""
        return self.merged(inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        shape = tuple(input_shape[0][1:])
        for other in input_shape[1:]:
            shape = merged_shape(shape, other[1:])
        batches = {s[0] for s in input_shape} - {None}
        return (batches.pop() if len(batches) == 1 else None, *shape)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        return one_mask(inputs, previous_mask)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config()}


def _wide(mask: Any, x: Tensor) -> Any:
    """The mask [N, steps] for every number of x."""
    return None if mask is None else broadcast_dims(ops.expand_dims(mask, -1), x.type.shape)


class Add(Merge):
    """The sum of its inputs."""

    def merged(self, inputs: Sequence[Tensor]) -> Any:
        total = inputs[0]
        for x in inputs[1:]:
            total = total + x
        return total


class Subtract(Merge):
    """The first of two inputs less the second."""

    count = 2

    def merged(self, inputs: Sequence[Tensor]) -> Any:
        return inputs[0] - inputs[1]


class Multiply(Merge):
    """The product of its inputs; masked steps do not change it, and are 0 where all inputs mask them."""

    def merged(self, inputs: Sequence[Tensor]) -> Any:
        total = inputs[0]
        for x in inputs[1:]:
            total = total * x
        return total

    def merged_masked(self, inputs: Sequence[Tensor], masks: Sequence[Any]) -> Any:
        wide = [_wide(m, x) for m, x in zip(masks, inputs, strict=True)]
        total = self.merged(
            [x if m is None else ops.where(m, x, 1.0) for m, x in zip(wide, inputs, strict=True)]
        )
        counted = one_mask(inputs, wide)
        return total if counted is None else ops.where(counted, total, 0.0)


class Average(Add):
    """The mean of its inputs."""

    def merged(self, inputs: Sequence[Tensor]) -> Any:
        return super().merged(inputs) / len(inputs)


class _Extreme(Merge):
    def chosen(self, x: Any, y: Any) -> Any:
        raise NotImplementedError

    def merged(self, inputs: Sequence[Tensor]) -> Any:
        out = inputs[0]
        for x in inputs[1:]:
            out = self.chosen(out, x)
        return out

    def merged_masked(self, inputs: Sequence[Tensor], masks: Sequence[Any]) -> Any:
        out, counted = inputs[0], _wide(masks[0], inputs[0])
        for x, m in zip(inputs[1:], masks[1:], strict=True):
            mask = _wide(m, x)
            x = x if mask is None else ops.where(mask, x, out)
            out = out if counted is None else ops.where(counted, out, x)
            counted = None if mask is None or counted is None else ops.logical_or(counted, mask)
            out = self.chosen(out, x)
        return out


class Maximum(_Extreme):
    """The largest of its inputs; masked steps do not take part where another input has them."""

    def chosen(self, x: Any, y: Any) -> Any:
        return ops.maximum(x, y)


class Minimum(_Extreme):
    """The smallest of its inputs; masked steps do not take part where another input has them."""

    def chosen(self, x: Any, y: Any) -> Any:
        return ops.minimum(x, y)


def add(inputs: Any, **kwargs: Any) -> Any:
    """The sum of inputs, as the layer Add."""
    return Add(**kwargs)(inputs)


def subtract(inputs: Any, **kwargs: Any) -> Any:
    """The difference of two inputs, as the layer Subtract."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Any, **kwargs: Any) -> Any:
    """The product of inputs, as the layer Multiply."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Any, **kwargs: Any) -> Any:
    """The mean of inputs, as the layer Average."""
    return Average(**kwargs)(inputs)


def maximum(inputs: Any, **kwargs: Any) -> Any:
    """The largest of inputs, as the layer Maximum."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Any, **kwargs: Any) -> Any:
    """The smallest of inputs, as the layer Minimum."""
    return Minimum(**kwargs)(inputs)
