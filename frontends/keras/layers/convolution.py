"""Convolutions over one, two and three axes."""

from __future__ import annotations

from typing import Any

from ...eager.ops.convolutions import conv
from .convolution_base import Convolution, weight_names


class _Conv(Convolution):
    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._set_filters(filters)
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate)
        self._set_kernel("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self._set_bias(activation, use_bias, bias_initializer, bias_regularizer, bias_constraint)
        if groups <= 0:
            raise ValueError(f"The number of groups must be a positive integer. Received: groups={groups}.")
        if filters % groups:
            raise ValueError(
                "The number of filters must be evenly divisible by the number of groups. "
                f"Received: groups={groups}, filters={filters}."
            )
        self.groups = groups

    def build(self, input_shape: Any) -> None:
        channels = self._channels(input_shape)
        if channels % self.groups:
            raise ValueError(
                "The number of input channels must be evenly divisible by the number of groups. "
                f"Received groups={self.groups}, but the input has {channels} channels "
                f"(full input shape is {input_shape})."
            )
        self.compute_output_shape(input_shape)
        self.kernel = self._add(
            "kernel", (*self.kernel_size, channels // self.groups, self.filters or 1), "kernel"
        )
        self._add_bias(self.filters or 1)

    def call(self, inputs: Any) -> Any:
        y = conv(inputs, self.kernel, self.strides, self.padding, dilation_rate=self.dilation_rate)
        return self._finished(y)

    def get_config(self) -> dict[str, Any]:
        return self._config("filters", "groups", *weight_names("kernel"))


class Conv1D(_Conv):
    """A convolution over one axis: [N, steps, C] to [N, steps', filters].

    `padding`: valid, same, or causal, where a step depends on itself and the steps before.
    """

    rank = 1
    causal = True


class Conv2D(_Conv):
    """A convolution over two axes: [N, H, W, C] to [N, H', W', filters]."""


class Conv3D(_Conv):
    """A convolution over three axes: [N, D, H, W, C] to [N, D', H', W', filters]."""

    rank = 3


Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D
