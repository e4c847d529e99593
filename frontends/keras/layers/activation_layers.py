"""Activations as layers."""

from __future__ import annotations

from typing import Any

from ...eager import ops
from .. import activations
from .arguments import config_of, take_functions
from .layer import Layer
from .spec import InputSpec


class _Elementwise(Layer):
    """A layer whose result has its input's shape."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


class Activation(_Elementwise):
    """A function of activations, or of the name of one, on its inputs."""

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs: Any) -> Any:
        return self.activation(inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **config_of(self, ["activation"])}


def _at_least_0(layer: str, name: str, value: Any) -> None:
    if value is None or value < 0.0:
        raise ValueError(
            f"{name} of a {layer} layer cannot be None or a negative value. Received: {name}={value}"
        )


class ReLU(_Elementwise):
    """x above the threshold, at most max_value, and negative_slope * (x - threshold) up to it."""

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if max_value is not None and max_value < 0.0:
            raise ValueError(
                f"max_value of a ReLU layer cannot be a negative value. Received: max_value={max_value}"
            )
        _at_least_0("ReLU", "negative_slope", negative_slope)
        _at_least_0("ReLU", "threshold", threshold)
        self.max_value, self.negative_slope, self.threshold = max_value, negative_slope, threshold

    def call(self, inputs: Any) -> Any:
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **config_of(self, ["max_value", "negative_slope", "threshold"])}


class LeakyReLU(_Elementwise):
    """x, times `negative_slope` where it is negative."""

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        if "alpha" in kwargs:  # its name in older files
            negative_slope = kwargs.pop("alpha")
        super().__init__(**kwargs)
        _at_least_0("Leaky ReLU", "negative_slope", negative_slope)
        self.negative_slope = negative_slope

    def call(self, inputs: Any) -> Any:
        return activations.leaky_relu(inputs, self.negative_slope)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "negative_slope": self.negative_slope}


class PReLU(_Elementwise):
    """x, times a weight `alpha` where it is negative: one for each place of the input, without the batch, and the
    same along `shared_axes`, which count the batch as 0."""

    alpha_initializer: Any
    alpha_regularizer: Any
    alpha_constraint: Any

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        take_functions(
            self, alpha_initializer=alpha_initializer, alpha_regularizer=alpha_regularizer,
            alpha_constraint=alpha_constraint,
        )  # fmt: skip
        listed = isinstance(shared_axes, (list, tuple))
        self.shared_axes = None if shared_axes is None else list(shared_axes) if listed else [shared_axes]

    def build(self, input_shape: Any) -> None:
        shared = {a % len(input_shape) for a in self.shared_axes or ()}
        shape = [1 if i in shared else d for i, d in enumerate(input_shape) if i]
        if None in shape:
            raise ValueError(
                f"expected known sizes for the weights of PReLU, received input_shape={input_shape}: share the "
                "open axes by `shared_axes`"
            )
        self.alpha = self.add_weight(
            name="alpha", shape=shape, initializer=self.alpha_initializer, regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
        )  # fmt: skip
        axes = {i: d for i, d in enumerate(input_shape) if i and i not in shared} if shared else None
        self.input_spec = InputSpec(ndim=len(input_shape), axes=axes)

    def call(self, inputs: Any) -> Any:
        return activations.relu(inputs) - self.alpha * activations.relu(-inputs)

    def get_config(self) -> dict[str, Any]:
        names = ("alpha_initializer", "alpha_regularizer", "alpha_constraint", "shared_axes")
        return {**super().get_config(), **config_of(self, names)}


class ELU(_Elementwise):
    """x, and alpha * (exp(x) - 1) where it is negative."""

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = alpha

    def call(self, inputs: Any) -> Any:
        return activations.elu(inputs, self.alpha)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "alpha": self.alpha}


class Softmax(_Elementwise):
    """exp(x) over its sum along an axis or several; what a mask, which broadcasts, leaves out is 0."""

    def __init__(self, axis: Any = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if mask is None:
            return activations.softmax(inputs, self.axis)
        shapes = zip(reversed(mask.shape), reversed(inputs.shape), strict=False)
        if mask.ndim > inputs.ndim or any(None not in (m, d) and m not in (1, d) for m, d in shapes):
            raise ValueError(
                "The `mask` must be broadcastable to `inputs`. Each mask dimension must be 1 or match the "
                f"corresponding input dimension. Received: inputs.shape={inputs.shape}, mask.shape={mask.shape}"
            )
        kept = mask if mask.dtype == "bool" else mask > 0.5
        # far enough below any number for exp to give 0, and finite, so that a row that is left out has no NaN
        low = -3e4 if inputs.dtype == "float16" else -1e9
        y = activations.softmax(ops.where(kept, inputs, low), self.axis)
        return ops.where(kept, y, 0.0)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


__all__ = ["ELU", "Activation", "LeakyReLU", "PReLU", "ReLU", "Softmax"]
