"""What all convolutions share."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import activations
from .arguments import config_of, take_functions
from .layer import Layer
from .spec import InputSpec
from .windows import data_format_name, known_channels, padding_name, sizes, window_size


class Convolution(Layer):
    """A layer with a kernel that moves over `rank` spatial axes of inputs [N, size…, C], a bias and an activation."""

    rank: ClassVar[int] = 2
    causal: ClassVar[bool] = False
    filters: int | None = None

    def _set_window(
        self, kernel_size: Any, strides: Any, padding: str, data_format: str | None, dilation_rate: Any
    ) -> None:
        self.kernel_size = sizes(kernel_size, self.rank, "kernel_size")
        self.strides = sizes(strides, self.rank, "strides")
        self.dilation_rate = sizes(dilation_rate, self.rank, "dilation_rate")
        self.padding = padding_name(padding, self.causal)
        self.data_format = data_format_name(data_format)
        self.input_spec = InputSpec(min_ndim=self.rank + 2)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                "`strides > 1` not supported in conjunction with `dilation_rate > 1`. "
                f"Received: strides={self.strides} and dilation_rate={self.dilation_rate}"
            )

    def _set_filters(self, filters: int | None) -> None:
        if filters is not None and filters <= 0:
            raise ValueError(
                "Invalid value for argument `filters`. Expected a strictly positive value. "
                f"Received filters={filters}."
            )
        self.filters = filters

    def _set_kernel(self, name: str, initializer: Any, regularizer: Any, constraint: Any) -> None:
        given = {"initializer": initializer, "regularizer": regularizer, "constraint": constraint}
        take_functions(self, **{f"{name}_{part}": value for part, value in given.items()})

    def _set_bias(
        self, activation: Any, use_bias: bool, initializer: Any, regularizer: Any, constraint: Any
    ) -> None:
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self._set_kernel("bias", initializer, regularizer, constraint)

    def _channels(self, input_shape: Any) -> int:
        channels = known_channels(input_shape)
        self.input_spec = InputSpec(min_ndim=self.rank + 2, axes={-1: channels})
        return channels

    def _add(self, weight: str, shape: tuple[int, ...], kind: str) -> Any:
        return self.add_weight(
            name=weight, shape=shape, initializer=getattr(self, f"{kind}_initializer"),
            regularizer=getattr(self, f"{kind}_regularizer"), constraint=getattr(self, f"{kind}_constraint"),
        )  # fmt: skip

    def _add_bias(self, size: int) -> None:
        self.bias = self._add("bias", (size,), "bias") if self.use_bias else None

    def _finished(self, y: Any) -> Any:
        if self.bias is not None:
            y = y + self.bias
        return y if self.activation is None else self.activation(y)

    def _windows(self, input_shape: Any, channels: int | None) -> tuple[Any, ...]:
        """The output's shape with so many channels. Raises ValueError where not even one window fits."""
        if len(input_shape) != self.rank + 2:
            raise ValueError(
                f"Kernel shape must have the same length as input, but received a kernel of {self.rank + 2} axes and "
                f"input of shape {input_shape}."
            )
        rows = zip(input_shape[1:-1], self.kernel_size, self.strides, self.dilation_rate, strict=True)
        counts = [window_size(*row, self.padding) for row in rows]
        if any(c is not None and c <= 0 for c in counts):
            raise ValueError(
                "Computed output size would be zero or negative. Received "
                f"`inputs shape={input_shape}`, `kernel_size={self.kernel_size}`, "
                f"`dilation_rate={self.dilation_rate}`, `strides={self.strides}`, `padding={self.padding}`."
            )
        return (input_shape[0], *counts, channels)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return self._windows(input_shape, self.filters)

    def _config(self, *names: str) -> dict[str, Any]:
        shared = (
            "kernel_size", "strides", "padding", "data_format", "dilation_rate", "activation", "use_bias",
            "bias_initializer", "bias_regularizer", "bias_constraint", "activity_regularizer",
        )  # fmt: skip
        return {**Layer.get_config(self), **config_of(self, [*shared, *names])}


def weight_names(*kinds: str) -> list[str]:
    """The arguments of weights."""
    return [f"{k}_{part}" for k in kinds for part in ("initializer", "regularizer", "constraint")]
