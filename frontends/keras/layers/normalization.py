"""Normalizations of every sample by itself."""

from __future__ import annotations

from typing import Any

from ...eager import ops
from ...eager.ops.arrays import reshape_to
from ...eager.ops.normalization import layer_normalization, moments, normalize, rms_normalization
from ...eager.tensor import cast
from .arguments import config_of, take_functions
from .layer import Layer
from .spec import InputSpec
from .windows import check_axes

_AFFINE = (
    "epsilon", "center", "scale", "beta_initializer", "gamma_initializer", "beta_regularizer", "gamma_regularizer",
    "beta_constraint", "gamma_constraint",
)  # fmt: skip


class _Normalization(Layer):
    axis: Any

    def compute_output_shape(self, input_shape: Any) -> Any:
        check_axes(self.axis, input_shape)
        return input_shape

    def _sizes(self, input_shape: Any) -> tuple[int, ...]:
        """The input's sizes along the axes."""
        check_axes(self.axis, input_shape)
        axes = [self.axis] if isinstance(self.axis, int) else self.axis
        found = tuple(input_shape[a] for a in axes)
        if None in found:
            raise ValueError(
                f"Axis {self.axis} of input tensor should have a defined dimension but the layer received an "
                f"input with shape {input_shape}."
            )
        return found


class _Affine(_Normalization):
    """A normalization whose result is scaled by gamma and moved by beta."""

    beta_initializer: Any
    gamma_initializer: Any
    beta_regularizer: Any
    gamma_regularizer: Any
    beta_constraint: Any
    gamma_constraint: Any

    def __init__(
        self,
        axis: Any,
        epsilon: float,
        center: bool,
        scale: bool,
        beta_initializer: Any,
        gamma_initializer: Any,
        beta_regularizer: Any,
        gamma_regularizer: Any,
        beta_constraint: Any,
        gamma_constraint: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.axis, self.epsilon, self.center, self.scale = axis, epsilon, center, scale
        take_functions(
            self, beta_initializer=beta_initializer, gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer, gamma_regularizer=gamma_regularizer, beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )  # fmt: skip
        self.supports_masking = True
        self.gamma = self.beta = None

    def _add_weights(self, shape: tuple[int, ...]) -> None:
        if self.scale:
            self.gamma = self.add_weight(
                shape, self.gamma_initializer, name="gamma", regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
            )  # fmt: skip
        if self.center:
            self.beta = self.add_weight(
                shape, self.beta_initializer, name="beta", regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
            )  # fmt: skip


def _axes(axis: Any) -> Any:
    if isinstance(axis, (list, tuple)):
        return list(axis)
    if not isinstance(axis, int):
        raise TypeError(
            f"Expected an int or a list/tuple of ints for the argument 'axis', but received: {axis!r}"
        )
    return axis


class LayerNormalization(_Affine):
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta, with the statistics of every sample along `axis` (one or
    several): Ba et al., "Layer Normalization", 2016. gamma and beta have the sizes of the axes."""

    def __init__(
        self,
        axis: Any = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        if kwargs.pop("rms_scaling", False):
            raise ValueError("expected rms_scaling=False: it is not built here; see RMSNormalization")
        super().__init__(
            _axes(axis), epsilon, center, scale, beta_initializer, gamma_initializer, beta_regularizer,
            gamma_regularizer, beta_constraint, gamma_constraint, **kwargs,
        )  # fmt: skip

    def build(self, input_shape: Any) -> None:
        if isinstance(self.axis, list):
            self.axis = sorted(self.axis, key=lambda a: a % len(input_shape))
        self._add_weights(self._sizes(input_shape))

    def call(self, inputs: Any) -> Any:
        return layer_normalization(inputs, self.gamma, self.beta, self.axis, self.epsilon)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **config_of(self, ["axis", *_AFFINE]), "rms_scaling": False}


class RMSNormalization(_Normalization):
    """x / sqrt(mean(x²) + epsilon) * scale, along `axis` (one or several): Zhang and Sennrich, "Root Mean Square
    Layer Normalization", 2019."""

    def __init__(self, axis: Any = -1, epsilon: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis, self.epsilon = _axes(axis), epsilon

    def build(self, input_shape: Any) -> None:
        if isinstance(self.axis, list):
            self.axis = sorted(self.axis, key=lambda a: a % len(input_shape))
        self.scale = self.add_weight(self._sizes(input_shape), "ones", name="scale")

    def call(self, x: Any) -> Any:
        return rms_normalization(x, self.scale, self.axis, self.epsilon)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **config_of(self, ["axis", "epsilon"])}


class GroupNormalization(_Affine):
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta, with the statistics of every sample and group of
    channels: Wu and He, "Group Normalization", 2018.

    `groups`: how many the channels along `axis` are divided into; -1 for one channel each.
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            axis, epsilon, center, scale, beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer,
            beta_constraint, gamma_constraint, **kwargs,
        )  # fmt: skip
        self.groups = groups

    def build(self, input_shape: Any) -> None:
        (size,) = self._sizes(input_shape)
        self.groups = size if self.groups == -1 else self.groups
        if size < self.groups:
            raise ValueError(
                f"Number of groups ({self.groups}) cannot be more than the number of channels ({size})."
            )
        if size % self.groups:
            raise ValueError(
                f"The number of channels ({size}) must be a multiple of the number of groups ({self.groups})."
            )
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: size})
        self._add_weights((size,))

    def call(self, inputs: Any) -> Any:
        at = self.axis % inputs.ndim
        shape = inputs.type.shape
        members = shape[at] // self.groups
        x = cast(inputs, "float32") if inputs.dtype in ("float16", "bfloat16") else inputs
        x = reshape_to(x, (*shape[:at], self.groups, members, *shape[at + 1 :]))
        center, variance = moments(x, [i for i in range(1, x.ndim) if i != at], keepdims=True)
        factor = ops.rsqrt(variance + self.epsilon)
        spread = [1] * x.ndim
        spread[at : at + 2] = [self.groups, members]
        if self.gamma is not None:
            factor = factor * ops.reshape(self.gamma, spread)
        rest = -center * factor
        if self.beta is not None:
            rest = rest + ops.reshape(self.beta, spread)
        return cast(reshape_to(x * factor + rest, shape), inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **config_of(self, ["groups", "axis", *_AFFINE])}


class UnitNormalization(_Normalization):
    """x over its Euclidean norm along `axis` (one or several)."""

    def __init__(self, axis: Any = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = _axes(axis)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        return normalize(inputs, self.axis, 2, 1e-12)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}
