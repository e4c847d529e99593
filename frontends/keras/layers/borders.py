"""Borders of zeros around inputs, and borders taken away."""

from __future__ import annotations

from typing import Any, ClassVar

from ...eager import ops
from .arguments import config_of
from .layer import Layer
from .spec import InputSpec
from .windows import data_format_name, pairs, sizes

Border = tuple[tuple[int, ...], ...]


class _ZeroPadding(Layer):
    rank: ClassVar[int] = 2
    padding: Any

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = data_format_name(data_format)
        self.padding = (
            sizes(padding, 2, "padding", True) if self.rank == 1 else pairs(padding, self.rank, "padding")
        )
        self.input_spec = InputSpec(ndim=self.rank + 2)

    @property
    def _border(self) -> Border:
        return (self.padding,) if self.rank == 1 else self.padding

    def call(self, inputs: Any) -> Any:
        return ops.pad(inputs, ((0, 0), *self._border, (0, 0)))

    def compute_output_shape(self, input_shape: Any) -> Any:
        first, *inner, last = input_shape
        grown = [None if d is None else d + sum(p) for d, p in zip(inner, self._border, strict=True)]
        return (first, *grown, last)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **config_of(self, ["padding", "data_format"])}


class ZeroPadding1D(_ZeroPadding):
    """Zeros around steps: [N, steps, C] to [N, before + steps + after, C]; `padding` is one number or both."""

    rank = 1


class ZeroPadding2D(_ZeroPadding):
    """Zeros around images [N, H, W, C]; `padding` is one number, one for each axis, or (before, after) for each."""


class ZeroPadding3D(_ZeroPadding):
    """Zeros around volumes [N, D, H, W, C]; `padding` is one number, one for each axis, or (before, after) for each."""

    rank = 3

    def __init__(
        self, padding: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(padding, data_format, **kwargs)


class _Cropping(Layer):
    rank: ClassVar[int] = 2
    cropping: Any

    def __init__(self, cropping: Any, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = data_format_name(data_format)
        self.cropping = (
            sizes(cropping, 2, "cropping", True) if self.rank == 1 else pairs(cropping, self.rank, "cropping")
        )
        self.input_spec = InputSpec(ndim=self.rank + 2)

    @property
    def _border(self) -> Border:
        return (self.cropping,) if self.rank == 1 else self.cropping

    def call(self, inputs: Any) -> Any:
        self.compute_output_shape(inputs.shape)
        return inputs[(slice(None), *(slice(a, -b if b else None) for a, b in self._border), slice(None))]

    def compute_output_shape(self, input_shape: Any) -> Any:
        first, *inner, last = input_shape
        left = [None if d is None else d - sum(p) for d, p in zip(inner, self._border, strict=True)]
        if any(d is not None and d <= 0 for d in left):
            raise ValueError(
                "Values in `cropping` argument should be smaller than the corresponding spatial dimension of the "
                f"input. Received: input_shape={input_shape}, cropping={self.cropping}"
            )
        return (first, *left, last)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **config_of(self, ["cropping", "data_format"])}


class Cropping1D(_Cropping):
    """Steps without the first and last ones: [N, steps, C] to [N, steps - before - after, C]."""

    rank = 1

    def __init__(self, cropping: Any = (1, 1), **kwargs: Any) -> None:
        super().__init__(cropping, None, **kwargs)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["data_format"]
        return config


class Cropping2D(_Cropping):
    """Images [N, H, W, C] without their border; `cropping` is one number, one for each axis, or (before, after)
    for each."""

    def __init__(
        self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(cropping, data_format, **kwargs)


class Cropping3D(_Cropping):
    """Volumes [N, D, H, W, C] without their border; `cropping` is one number, one for each axis, or (before, after)
    for each."""

    rank = 3

    def __init__(
        self, cropping: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(cropping, data_format, **kwargs)
