"""Pools over windows, over all there is, and into a given number of windows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from ...eager import ops
from ...eager.ops import pooling as pools
from ...eager.tensor import Tensor, cast
from .arguments import config_of
from .layer import Layer
from .spec import InputSpec
from .windows import data_format_name, padding_name, sizes, window_size

Pool = Callable[..., Tensor]


class _Pooling(Layer):
    rank: ClassVar[int] = 2
    pool: ClassVar[Pool]

    def __init__(
        self,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.pool_size = sizes(pool_size, self.rank, "pool_size")
        self.strides = sizes(pool_size if strides is None else strides, self.rank, "strides")
        self.padding = padding_name(padding)
        self.data_format = data_format_name(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs: Any) -> Any:
        self.compute_output_shape(inputs.shape)
        return type(self).pool(inputs, self.pool_size, self.strides, self.padding)

    def compute_output_shape(self, input_shape: Any) -> Any:
        rows = zip(input_shape[1:-1], self.pool_size, self.strides, strict=True)
        counts = [window_size(d, k, s, 1, self.padding) for d, k, s in rows]
        if any(c is not None and c <= 0 for c in counts):
            raise ValueError(
                f"Computed output size would be zero or negative. Received: `inputs.shape={input_shape}`, "
                f"`pool_size={self.pool_size}`, `strides={self.strides}`, `padding={self.padding}`."
            )
        return (input_shape[0], *counts, input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            **config_of(self, ["pool_size", "padding", "strides", "data_format"]),
        }


class _MaxPooling(_Pooling):
    pool = staticmethod(pools.max_pool)

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)


class MaxPooling1D(_MaxPooling):
    """The largest number of every window: [N, steps, C] to [N, steps', C]."""

    rank = 1


class MaxPooling2D(_MaxPooling):
    """The largest number of every window: [N, H, W, C] to [N, H', W', C]."""


class MaxPooling3D(_MaxPooling):
    """The largest number of every window: [N, D, H, W, C] to [N, D', H', W', C]."""

    rank = 3


class AveragePooling1D(_Pooling):
    """The mean of every window, without the padding: [N, steps, C] to [N, steps', C]."""

    rank = 1
    pool = staticmethod(pools.average_pool)


class AveragePooling2D(_Pooling):
    """The mean of every window, without the padding: [N, H, W, C] to [N, H', W', C]."""

    pool = staticmethod(pools.average_pool)


class AveragePooling3D(_Pooling):
    """The mean of every window, without the padding: [N, D, H, W, C] to [N, D', H', W', C]."""

    rank = 3
    pool = staticmethod(pools.average_pool)


class _GlobalPooling(Layer):
    rank: ClassVar[int] = 2
    reduced: ClassVar[Pool] = staticmethod(ops.max)

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = data_format_name(data_format)
        self.keepdims = keepdims
        self.input_spec = InputSpec(ndim=self.rank + 2)

    @property
    def _axes(self) -> tuple[int, ...]:
        return tuple(range(1, self.rank + 1))

    def call(self, inputs: Any) -> Any:
        return type(self).reduced(inputs, self._axes, self.keepdims)

    def compute_output_shape(self, input_shape: Any) -> Any:
        ones = (1,) * (len(input_shape) - 2) if self.keepdims else ()
        return (input_shape[0], *ones, input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **config_of(self, ["data_format", "keepdims"])}


class GlobalMaxPooling1D(_GlobalPooling):
    """The largest number of every channel: [N, steps, C] to [N, C], or [N, 1, C] with keepdims."""

    rank = 1


class GlobalMaxPooling2D(_GlobalPooling):
    """The largest number of every channel: [N, H, W, C] to [N, C], or [N, 1, 1, C] with keepdims."""


class GlobalMaxPooling3D(_GlobalPooling):
    """The largest number of every channel: [N, D, H, W, C] to [N, C], or [N, 1, 1, 1, C] with keepdims."""

    rank = 3


class GlobalAveragePooling1D(_GlobalPooling):
    """The mean of every channel: [N, steps, C] to [N, C], or [N, 1, C] with keepdims; of the steps in the mask
    [N, steps] where there is one."""

    rank = 1
    reduced = staticmethod(ops.mean)

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(data_format, keepdims, **kwargs)
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if mask is None:
            return super().call(inputs)
        counted = ops.expand_dims(cast(mask, "bool"), 2)
        total = ops.sum(ops.where(counted, inputs, 0.0), 1, self.keepdims)
        return total / ops.sum(cast(counted, inputs.dtype), 1, self.keepdims)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        return None


class GlobalAveragePooling2D(_GlobalPooling):
    """The mean of every channel: [N, H, W, C] to [N, C], or [N, 1, 1, C] with keepdims."""

    reduced = staticmethod(ops.mean)


class GlobalAveragePooling3D(_GlobalPooling):
    """The mean of every channel: [N, D, H, W, C] to [N, C], or [N, 1, 1, 1, C] with keepdims."""

    rank = 3
    reduced = staticmethod(ops.mean)


class _AdaptivePooling(Layer):
    rank: ClassVar[int] = 2
    pool: ClassVar[Pool]

    def __init__(self, output_size: Any, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.output_size = sizes(output_size, self.rank, "output_size")
        self.data_format = data_format_name(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs: Any) -> Any:
        return type(self).pool(inputs, self.output_size)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0], *self.output_size, input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **config_of(self, ["output_size", "data_format"])}


class AdaptiveMaxPooling1D(_AdaptivePooling):
    """The largest numbers of `output_size` windows that cover the axis: [N, steps, C] to [N, output_size, C]."""

    rank = 1
    pool = staticmethod(pools.adaptive_max_pool)


class AdaptiveMaxPooling2D(_AdaptivePooling):
    """The largest numbers of so many windows along both axes: [N, H, W, C] to [N, *output_size, C]."""

    pool = staticmethod(pools.adaptive_max_pool)


class AdaptiveMaxPooling3D(_AdaptivePooling):
    """The largest numbers of so many windows along three axes: [N, D, H, W, C] to [N, *output_size, C]."""

    rank = 3
    pool = staticmethod(pools.adaptive_max_pool)


class AdaptiveAveragePooling1D(_AdaptivePooling):
    """The means of `output_size` windows that cover the axis: [N, steps, C] to [N, output_size, C]."""

    rank = 1
    pool = staticmethod(pools.adaptive_average_pool)


class AdaptiveAveragePooling2D(_AdaptivePooling):
    """The means of so many windows along both axes: [N, H, W, C] to [N, *output_size, C]."""

    pool = staticmethod(pools.adaptive_average_pool)


class AdaptiveAveragePooling3D(_AdaptivePooling):
    """The means of so many windows along three axes: [N, D, H, W, C] to [N, *output_size, C]."""

    rank = 3
    pool = staticmethod(pools.adaptive_average_pool)


MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
GlobalMaxPool1D, GlobalMaxPool2D, GlobalMaxPool3D = GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D
GlobalAvgPool1D, GlobalAvgPool2D, GlobalAvgPool3D = (
    GlobalAveragePooling1D, GlobalAveragePooling2D, GlobalAveragePooling3D,
)  # fmt: skip
