"""Batch normalization."""

from __future__ import annotations

from typing import Any

from ...eager import ops
from ...eager.ops.arrays import broadcast_dims
from ...eager.ops.normalization import batch_normalization, moments
from ...eager.tensor import Tensor, cast
from ..config import epsilon as smallest
from .arguments import config_of, take_functions
from .layer import Layer
from .spec import InputSpec
from .windows import check_axes


class BatchNormalization(Layer):
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta for every place along `axis`: Ioffe and Szegedy, "Batch
    Normalization", 2015.

    In training, mean and variance are the batch's, over all other axes, and moving averages of them are kept:
    average * momentum + value * (1 - momentum). In inference, and where `trainable` is False, these are used. With a
    mask [N, …] of one axis less than x only what counts makes up the statistics. `synchronized` changes nothing, as
    there is one device. Raises ValueError for `renorm`, which is not built.
    """

    beta_initializer: Any
    gamma_initializer: Any
    beta_regularizer: Any
    gamma_regularizer: Any
    beta_constraint: Any
    gamma_constraint: Any
    moving_mean_initializer: Any
    moving_variance_initializer: Any

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: Any = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if renorm:
            raise ValueError("expected renorm=False: batch renormalization (renorm=True) is not built here")
        self.axis = int(axis)
        self.momentum, self.epsilon = float(momentum), float(epsilon)
        self.center, self.scale = center, scale
        take_functions(
            self, beta_initializer=beta_initializer, gamma_initializer=gamma_initializer,
            moving_mean_initializer=moving_mean_initializer, moving_variance_initializer=moving_variance_initializer,
            beta_regularizer=beta_regularizer, gamma_regularizer=gamma_regularizer, beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )  # fmt: skip
        self.renorm, self.renorm_clipping, self.renorm_momentum = renorm, renorm_clipping, renorm_momentum
        self.synchronized = synchronized
        self.supports_masking = True
        self.gamma = self.beta = None

    def build(self, input_shape: Any) -> None:
        check_axes(self.axis, input_shape)
        size = input_shape[self.axis]
        if size is None:
            raise ValueError(
                f"Axis {self.axis} of input tensor should have a defined dimension but the layer received an "
                f"input with shape {input_shape}."
            )
        if self.scale:
            self.gamma = self.add_weight(
                (size,), self.gamma_initializer, name="gamma", regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
            )  # fmt: skip
        if self.center:
            self.beta = self.add_weight(
                (size,), self.beta_initializer, name="beta", regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
            )  # fmt: skip
        self.moving_mean = self.add_weight(
            (size,), self.moving_mean_initializer, name="moving_mean", trainable=False
        )
        self.moving_variance = self.add_weight(
            (size,), self.moving_variance_initializer, name="moving_variance", trainable=False
        )
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: size})

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if mask is not None and mask.ndim != inputs.ndim - 1:
            raise ValueError(
                "The mask provided should be one dimension less than the inputs. "
                f"Received: mask.shape={mask.shape}, inputs.shape={inputs.shape}"
            )
        dtype = inputs.dtype
        # half precision overflows in the sums
        x = cast(inputs, "float32") if dtype in ("float16", "bfloat16") else inputs
        if training and self.trainable:
            center, variance = self._statistics(x, mask)
            self._move(self.moving_mean, center)
            self._move(self.moving_variance, variance)
        else:
            center, variance = self.moving_mean.value, self.moving_variance.value
        y = batch_normalization(x, center, variance, self.axis, self.beta, self.gamma, self.epsilon)
        return cast(y, dtype)

    def _statistics(self, x: Tensor, mask: Any) -> tuple[Tensor, Tensor]:
        axes = [i for i in range(x.ndim) if i != self.axis % x.ndim]
        if mask is None:
            return moments(x, axes)
        whole = broadcast_dims(ops.expand_dims(cast(mask, "bool"), -1), x.type.shape)
        total = ops.sum(cast(whole, x.dtype), axes, True) + smallest()
        center = ops.sum(ops.where(whole, x, 0.0), axes, True) / total
        variance = ops.sum(ops.square(ops.where(whole, x - center, 0.0)), axes, True) / total
        return ops.squeeze(center, axes), ops.squeeze(variance, axes)

    def _move(self, average: Any, value: Tensor) -> None:
        average.assign(average * self.momentum + value * (1.0 - self.momentum))

    def compute_output_shape(self, input_shape: Any) -> Any:
        check_axes(self.axis, input_shape)
        return input_shape

    def get_config(self) -> dict[str, Any]:
        names = (
            "axis", "momentum", "epsilon", "center", "scale", "beta_initializer", "gamma_initializer",
            "moving_mean_initializer", "moving_variance_initializer", "beta_regularizer", "gamma_regularizer",
            "beta_constraint", "gamma_constraint", "renorm", "renorm_clipping", "renorm_momentum", "synchronized",
        )  # fmt: skip
        return {**super().get_config(), **config_of(self, names)}
