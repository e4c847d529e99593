"""Convolutions of every channel by itself, alone and followed by one over single pixels."""

from __future__ import annotations

from typing import Any

from ...eager.ops.convolutions import depthwise_conv, separable_conv
from .convolution_base import Convolution, weight_names


class _Depthwise(Convolution):
    depth_multiplier: int

    def _set_multiplier(self, depth_multiplier: int) -> None:
        if depth_multiplier is None or depth_multiplier <= 0:
            raise ValueError(
                "Invalid value for argument `depth_multiplier`. Expected a strictly positive value. "
                f"Received depth_multiplier={depth_multiplier}."
            )
        self.depth_multiplier = depth_multiplier


class _DepthwiseConv(_Depthwise):
    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._set_multiplier(depth_multiplier)
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate)
        self._set_kernel("depthwise", depthwise_initializer, depthwise_regularizer, depthwise_constraint)
        self._set_bias(activation, use_bias, bias_initializer, bias_regularizer, bias_constraint)

    def build(self, input_shape: Any) -> None:
        channels = self._channels(input_shape)
        self.compute_output_shape(input_shape)
        self.kernel = self._add("kernel", (*self.kernel_size, channels, self.depth_multiplier), "depthwise")
        self._add_bias(channels * self.depth_multiplier)

    def call(self, inputs: Any) -> Any:
        y = depthwise_conv(inputs, self.kernel, self.strides, self.padding, dilation_rate=self.dilation_rate)
        return self._finished(y)

    def compute_output_shape(self, input_shape: Any) -> Any:
        channels = input_shape[-1]
        return self._windows(input_shape, None if channels is None else channels * self.depth_multiplier)

    def get_config(self) -> dict[str, Any]:
        return self._config("depth_multiplier", *weight_names("depthwise"))


class DepthwiseConv1D(_DepthwiseConv):
    """Every channel with `depth_multiplier` filters of its own: [N, steps, C] to [N, steps', C * depth_multiplier]."""

    rank = 1


class DepthwiseConv2D(_DepthwiseConv):
    """Every channel with `depth_multiplier` filters of its own: [N, H, W, C] to [N, H', W', C * depth_multiplier]."""


class _SeparableConv(_Depthwise):
    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._set_filters(filters)
        self._set_multiplier(depth_multiplier)
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate)
        self._set_kernel("depthwise", depthwise_initializer, depthwise_regularizer, depthwise_constraint)
        self._set_kernel("pointwise", pointwise_initializer, pointwise_regularizer, pointwise_constraint)
        self._set_bias(activation, use_bias, bias_initializer, bias_regularizer, bias_constraint)

    def build(self, input_shape: Any) -> None:
        channels, filters = self._channels(input_shape), self.filters or 1
        self.compute_output_shape(input_shape)
        ones = (1,) * self.rank
        self.depthwise_kernel = self._add(
            "depthwise_kernel", (*self.kernel_size, channels, self.depth_multiplier), "depthwise"
        )
        self.pointwise_kernel = self._add(
            "pointwise_kernel", (*ones, channels * self.depth_multiplier, filters), "pointwise"
        )
        self._add_bias(filters)

    def call(self, inputs: Any) -> Any:
        y = separable_conv(
            inputs, self.depthwise_kernel, self.pointwise_kernel, self.strides, self.padding,
            dilation_rate=self.dilation_rate,
        )  # fmt: skip
        return self._finished(y)

    def get_config(self) -> dict[str, Any]:
        return self._config("filters", "depth_multiplier", *weight_names("depthwise", "pointwise"))


class SeparableConv1D(_SeparableConv):
    """A depthwise convolution over one axis, then one of single steps: [N, steps, C] to [N, steps', filters]."""

    rank = 1


class SeparableConv2D(_SeparableConv):
    """A depthwise convolution over two axes, then one of single pixels: [N, H, W, C] to [N, H', W', filters]."""


SeparableConvolution1D, SeparableConvolution2D = SeparableConv1D, SeparableConv2D
