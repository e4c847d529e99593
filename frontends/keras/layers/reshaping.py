"""The same numbers under another shape: Flatten, Reshape, Permute, RepeatVector; Identity and Masking."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ....compiler.ir.dims import product
from ...eager import ops
from ...eager.ops.arrays import broadcast_dims, reshape_to
from .layer import Layer
from .spec import InputSpec
from .windows import data_format_name


class Flatten(Layer):
    """Everything but the batch in one axis: [N, …] to [N, size]."""

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = data_format_name(data_format)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs: Any) -> Any:
        first, *rest = inputs.type.shape
        return reshape_to(inputs, (first, product(rest)))

    def compute_output_shape(self, input_shape: Any) -> Any:
        first, *rest = input_shape
        return (first, None if None in rest else math.prod(rest))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}


class Reshape(Layer):
    """Inputs under `target_shape`, which leaves out the batch; one size may be -1."""

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target_shape = tuple(int(d) for d in target_shape)
        if sum(d == -1 for d in self.target_shape) > 1 or any(d < -1 for d in self.target_shape):
            raise ValueError(
                "There must be at most one unknown dimension (-1) in target_shape. "
                f"Received: target_shape={target_shape}."
            )

    def compute_output_shape(self, input_shape: Any) -> Any:
        first, *rest = input_shape
        if None in rest:
            return (first, *(None if d == -1 else d for d in self.target_shape))
        have, known = math.prod(rest), math.prod(d for d in self.target_shape if d != -1)
        unknown = -1 in self.target_shape
        if (have != known) if not unknown else (not known or have % known):
            raise ValueError(
                "The total size of the tensor must be unchanged. Received: "
                f"input_shape={tuple(rest)}, target_shape={self.target_shape}"
            )
        return (first, *(have // known if d == -1 else d for d in self.target_shape))

    def call(self, inputs: Any) -> Any:
        shape = self.compute_output_shape(inputs.shape)[1:]
        return reshape_to(inputs, (inputs.type.shape[0], *(-1 if d is None else d for d in shape)))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "target_shape": self.target_shape}


class Permute(Layer):
    """Inputs with their axes in another order: `dims` counts them from 1, and leaves out the batch."""

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                "Invalid permutation argument `dims` for Permute Layer. "
                f"The set of indices in `dims` must be consecutive and start from 1. Received dims={dims}"
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs: Any) -> Any:
        return ops.transpose(inputs, (0, *self.dims))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0], *(input_shape[d] for d in self.dims))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "dims": self.dims}


class RepeatVector(Layer):
    """Every row n times: [N, features] to [N, n, features]."""

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(n, int) or isinstance(n, bool):
            raise TypeError(f"Expected an integer value for `n`, got {type(n)}.")
        if n <= 0:
            raise ValueError(f"Argument `n` should be a positive integer. Received: n={n}")
        self.n = n
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs: Any) -> Any:
        first, last = inputs.type.shape
        return broadcast_dims(ops.expand_dims(inputs, 1), (first, self.n, last))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0], self.n, input_shape[1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "n": self.n}


class Identity(Layer):
    """Its inputs."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        # what it was given besides does not count
        return {**super().get_config()}


class Masking(Layer):
    """Marks the steps of [N, steps, features] in which every number is `mask_value` as not to be counted by the
    layers that come after, and makes them 0."""

    def __init__(self, mask_value: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(mask_value, dict):
            from ..objects import deserialize_keras_object

            mask_value = deserialize_keras_object(mask_value)
        self.mask_value = mask_value
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        return ops.where(ops.any(inputs != self.mask_value, -1, True), inputs, 0.0)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        return ops.any(inputs != self.mask_value, -1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        from ..objects import serialize_keras_object

        return {**super().get_config(), "mask_value": serialize_keras_object(self.mask_value)}
