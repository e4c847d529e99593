"""Images mirrored, cut out, and made brighter or richer in contrast by chance."""

from __future__ import annotations

from typing import Any

from ...eager.ops.arrays import cast, flip
from ...eager.ops.arrays import slice as cut
from ...eager.ops.elementwise import clip, where
from ...eager.ops.reductions import mean
from ...eager.ops.resampling import resize
from ...eager.tensor import Tensor, convert
from .. import random
from ..seeds import make_default_seed
from .images import RandomImageLayer, bounds_of
from .resizing import fitted_crop

_MODES = ("horizontal", "vertical", "horizontal_and_vertical")


class RandomFlip(RandomImageLayer):
    """Mirrors half of the images while training: left and right, up and down, or both at once."""

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        if mode not in _MODES:
            raise ValueError(f"expected a mode of {', '.join(_MODES)} for RandomFlip, received {mode!r}")
        self.mode = mode

    def draw(self, images: Tensor) -> Tensor:
        """Whether to mirror [B, 1, 1, 1]."""
        return self.uniform(images, 0.0, 1.0, 4) <= 0.5

    def apply(self, images: Tensor, parameters: Tensor) -> Tensor:
        axes = [a for a, name in ((1, "vertical"), (2, "horizontal")) if name in self.mode.split("_and_")]
        return where(parameters, flip(images, axes), images)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mode": self.mode}


class RandomCrop(RandomImageLayer):
    """Cuts a part of height and width out of all images while training, at a place by chance. Images that are too small
    are cut to the proportions and resized."""

    keeps_size = False

    def __init__(
        self,
        height: int,
        width: int,
        seed: int | None = None,
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        seed = make_default_seed() if seed is None else seed
        super().__init__(seed=seed, data_format=data_format, name=name, **kwargs)
        self.height, self.width = height, width

    def draw(self, images: Tensor) -> tuple[Any, Any]:
        """The first row and column."""
        height, width = images.shape[1:3]
        if height is None or width is None:
            raise ValueError(
                "RandomCrop requires the input to have a fully defined height and width. "
                f"Received: images.shape={images.shape}"
            )
        if height <= self.height or width <= self.width:
            return fitted_crop(height, width, self.height, self.width)[:2]
        top, left = (
            cast(random.uniform((), 0.0, float(d + 1), seed=self.generator), "int32")
            for d in (height - self.height, width - self.width)
        )
        return top, left

    def apply(self, images: Tensor, parameters: tuple[Any, Any]) -> Tensor:
        top, left = parameters
        if not isinstance(top, int):
            return cut(images, (0, top, left, 0), (-1, self.height, self.width, -1))
        part = images[:, top : top + self.height, left : left + self.width]
        return (
            part if part.shape[1:3] == (self.height, self.width) else resize(part, (self.height, self.width))
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        return self.resized_shape(input_shape, self.height, self.width)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "height": self.height, "width": self.width}


class RandomBrightness(RandomImageLayer):
    """Adds to all numbers of an image, while training, a part of the value range: from -factor to factor, or (least,
    most)."""

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        error = (
            "The `factor` argument should be a number (or a list of two numbers) in the range [-1, 1]. "
            f"Received: factor={factor}"
        )
        self.factor = bounds_of(factor or 0.0, error, -1.0, 1.0)
        self.value_range = _range(value_range)

    def draw(self, images: Tensor) -> Tensor:
        """What is added [B, 1, 1, 1]."""
        low, high = self.value_range
        return self.uniform(images, *self.factor, 4) * float(high - low)

    def apply(self, images: Tensor, parameters: Tensor) -> Tensor:
        low, high = self.value_range
        return clip(images + cast(parameters, images.dtype), float(low), float(high))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range}


class RandomContrast(RandomImageLayer):
    """Multiplies how far the numbers of each channel are from their mean, while training,
    by a number from 1 - factor to
    1 + factor, or (1 - first, 1 + second)."""

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        error = (
            "The `factor` argument should be a number (or a list of two numbers) in the range [0, 1]. "
            f"Received: factor={factor}"
        )
        low, high = bounds_of(factor, error, 0.0, 1.0)
        self.factor = (max(low, 0.0), high)
        _range(value_range)
        self.value_range = value_range

    def draw(self, images: Tensor) -> Tensor:
        """The factors [B, 1, 1, 1]."""
        return self.uniform(images, 1.0 - self.factor[0], 1.0 + self.factor[1], 4)

    def apply(self, images: Tensor, parameters: Tensor) -> Tensor:
        middle = mean(images, axis=(1, 2), keepdims=True)
        low, high = self.value_range
        changed = (images - middle) * convert(parameters, images.type.dtype) + middle
        return clip(changed, float(low), float(high))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range}


def _range(value_range: Any) -> list[float]:
    if not isinstance(value_range, (tuple, list)) or len(value_range) != 2:
        raise ValueError(
            f"The `value_range` argument should be a list of two numbers. Received: value_range={value_range}"
        )
    return sorted(value_range)
