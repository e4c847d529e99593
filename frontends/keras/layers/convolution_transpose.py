"""Transposed convolutions over one, two and three axes."""

from __future__ import annotations

from typing import Any

from ...eager.ops.convolutions import conv_transpose
from .convolution_base import Convolution, weight_names
from .windows import sizes


class _ConvTranspose(Convolution):
    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
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
        self.output_padding = (
            None if output_padding is None else sizes(output_padding, self.rank, "output_padding", True)
        )
        for i, (rest, stride) in enumerate(zip(self.output_padding or (), self.strides, strict=False)):
            if rest >= stride:
                raise ValueError(
                    "`output_padding` must be strictly less than `strides` for all dimensions. "
                    f"At dimension {i}, `output_padding` is {rest} but `strides` is {stride}. "
                    f"Received: output_padding={self.output_padding}, strides={self.strides}"
                )

    def build(self, input_shape: Any) -> None:
        channels = self._channels(input_shape)
        self.kernel = self._add("kernel", (*self.kernel_size, self.filters or 1, channels), "kernel")
        self._add_bias(self.filters or 1)

    def call(self, inputs: Any) -> Any:
        y = conv_transpose(
            inputs,
            self.kernel,
            self.strides,
            self.padding,
            self.output_padding,
            dilation_rate=self.dilation_rate,
        )
        return self._finished(y)

    def compute_output_shape(self, input_shape: Any) -> Any:
        rest = self.output_padding or (None,) * self.rank
        rows = zip(input_shape[1:-1], self.kernel_size, self.strides, self.dilation_rate, rest, strict=True)
        return (input_shape[0], *(self._size(*row) for row in rows), self.filters)

    def _size(
        self, size: int | None, kernel: int, stride: int, dilation: int, rest: int | None
    ) -> int | None:
        if size is None:
            return None
        reach = (kernel - 1) * dilation + 1
        if self.padding == "valid":
            return (size - 1) * stride + reach + (max(stride - reach, 0) if rest is None else rest)
        return size * stride if rest is None else (size - 1) * stride + reach % 2 + rest

    def get_config(self) -> dict[str, Any]:
        return self._config("filters", "output_padding", *weight_names("kernel"))


class Conv1DTranspose(_ConvTranspose):
    """The transpose of a convolution over one axis: [N, steps, C] to [N, steps', filters].

    `output_padding`: how many numbers are left at the end; None for as many as give size * stride with padding
    same, and as the windows cover with valid.
    """

    rank = 1


class Conv2DTranspose(_ConvTranspose):
    """The transpose of a convolution over two axes: [N, H, W, C] to [N, H', W', filters]."""


class Conv3DTranspose(_ConvTranspose):
    """The transpose of a convolution over three axes: [N, D, H, W, C] to [N, D', H', W', filters]."""

    rank = 3

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        output_padding: Any = None,
        dilation_rate: Any = 1,
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
        # data_format and output_padding stand the other way round in this one
        super().__init__(
            filters, kernel_size, strides, padding, output_padding, data_format, dilation_rate, activation, use_bias,
            kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer,
            kernel_constraint, bias_constraint, **kwargs,
        )  # fmt: skip


Convolution1DTranspose, Convolution2DTranspose, Convolution3DTranspose = (
    Conv1DTranspose, Conv2DTranspose, Conv3DTranspose,
)  # fmt: skip
