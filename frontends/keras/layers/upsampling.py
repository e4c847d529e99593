"""Inputs made larger by whole factors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ....compiler.ir.attributes import Dense
from ....compiler.ops.constant import Constant
from ....compiler.ops.resize import Resize, ScaleAndTranslate
from ...eager.ops.arrays import reshape_to
from ...eager.tensor import Tensor, cast, op
from .arguments import config_of
from .layer import Layer
from .spec import InputSpec
from .windows import data_format_name, sizes

_METHODS = ("bicubic", "bilinear", "lanczos3", "lanczos5", "nearest")


def repeated(x: Tensor, factors: Sequence[int]) -> Tensor:
    """x [N, size…, C] with every element so many times along each spatial axis."""
    first, *inner, last = x.type.shape
    grown = [size * factor for size, factor in zip(inner, factors, strict=True)]
    if len(inner) == 3:
        # the other axes as one image's: depth first, then height and width of every slice
        depth, height, width = inner
        x = reshape_to(x, (first, depth, height * width, last))
        x = _nearest(x, (grown[0], height * width))
        x = reshape_to(x, (first * grown[0], height, width, last))
    elif len(inner) == 1:
        x = reshape_to(x, (first, 1, *inner, last))
    y = _nearest(x, (1, *grown) if len(inner) == 1 else tuple(grown[-2:]))
    return reshape_to(y, (first, *grown, last))


def _nearest(x: Tensor, size: tuple[Any, ...]) -> Tensor:
    return op(Resize, x, size=size, method="nearest", coordinates="half_pixel")


class _UpSampling(Layer):
    rank: ClassVar[int] = 2

    def __init__(self, size: Any = 2, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = data_format_name(data_format)
        self.size = sizes(size, self.rank, "size")
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs: Any) -> Any:
        return repeated(inputs, self.size)

    def compute_output_shape(self, input_shape: Any) -> Any:
        first, *inner, last = input_shape
        return (first, *(None if d is None else d * f for d, f in zip(inner, self.size, strict=True)), last)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **config_of(self, ["size", "data_format"])}


class UpSampling1D(_UpSampling):
    """Every step `size` times: [N, steps, C] to [N, size * steps, C]."""

    rank = 1

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__(size, None, **kwargs)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["data_format"]
        return {**config, "size": self.size[0]}


class UpSampling2D(_UpSampling):
    """Images [N, H, W, C] enlarged to [N, size[0] * H, size[1] * W, C]: every pixel repeated (nearest), or pixels
    between them interpolated (bilinear, bicubic, lanczos3, lanczos5)."""

    def __init__(
        self,
        size: Any = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
    ) -> None:
        super().__init__(size, data_format, **kwargs)
        self.interpolation = interpolation.lower()
        if self.interpolation not in _METHODS:
            raise ValueError(
                f"Unknown `interpolation` argument: expected one of {_METHODS}. Received: interpolation={interpolation}"
            )

    def call(self, inputs: Any) -> Any:
        if self.interpolation == "nearest":
            return repeated(inputs, self.size)
        _, height, width, _ = inputs.type.shape
        size = (height * self.size[0], width * self.size[1])
        if self.interpolation in ("bilinear", "bicubic"):
            y = op(Resize, inputs, size=size, method=self.interpolation, coordinates="half_pixel")
        else:
            # constants, so that the gradient can be told
            scale, none = (op(Constant, value=Dense(np.array(v, np.float32))) for v in (self.size, (0, 0)))
            kernel = self.interpolation
            y = op(ScaleAndTranslate, inputs, scale, none, size=size, kernel=kernel, antialias=False)
        return cast(y, inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "interpolation": self.interpolation}


class UpSampling3D(_UpSampling):
    """Every voxel repeated along each axis: [N, D, H, W, C] to [N, size[0] * D, size[1] * H, size[2] * W, C]."""

    rank = 3
