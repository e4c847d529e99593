"""What layers on images share: the order of axes, single images and batches, random numbers for each image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ....compiler.ops.image import ProjectiveTransform
from ...eager.ops.arrays import broadcast_dims, cast, concatenate, transpose
from ...eager.ops.making import zeros_like
from ...eager.tensor import Tensor, convert, op
from .. import random
from ..seeds import SeedGenerator
from .history import is_trial
from .layer import Layer

FILL_MODES = ("reflect", "wrap", "constant", "nearest")
INTERPOLATIONS = ("nearest", "bilinear")


class ImageLayer(Layer):
    """A layer on an image [H, W, C] or images [B, H, W, C]; with `data_format` "channels_first" C comes before H.

    A subclass has `transform(images)`, on float images [B, H, W, C].
    """

    def __init__(
        self, data_format: str | None = None, bounding_box_format: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if bounding_box_format is not None:
            raise ValueError(
                f"{type(self).__name__} has no bounding_box_format here: it changes images alone"
            )
        self.data_format = data_format_of(data_format)

    def transform(self, images: Tensor) -> Tensor:
        """The result for images [B, H, W, C]."""
        raise NotImplementedError

    def images_of(self, data: Any) -> Tensor:
        """The image or images that the layer was called on, as floats."""
        if isinstance(data, dict):
            raise ValueError(
                f"{type(self).__name__} takes images alone here, received a dictionary of {list(data)}"
            )
        x = convert(data)
        if x.ndim not in (3, 4):
            raise ValueError(
                "Expected image tensor to have rank 3 (single image) or 4 (batch of images). "
                f"Received: data.shape={x.shape}"
            )
        return cast(x, self.dtype)

    def changed(self, x: Tensor) -> Tensor:
        """`transform` of an image or images in the layer's format."""
        first, single = self.data_format == "channels_first", x.ndim == 3
        x = x[None] if single else x
        x = self.transform(transpose(x, (0, 2, 3, 1)) if first else x)
        x = transpose(x, (0, 3, 1, 2)) if first else x
        return x[0] if single else x

    def compute_output_shape(self, input_shape: Any) -> Any:
        return tuple(input_shape)

    def resized_shape(self, shape: Any, height: int, width: int) -> tuple[Any, ...]:
        """The shape of an image or images with other sizes."""
        lead = tuple(shape[:-3])
        if self.data_format == "channels_first":
            return (*lead, shape[-3], height, width)
        return (*lead, height, width, shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}


class RandomImageLayer(ImageLayer):
    """Changes images by chance while training; they stay as they are otherwise.

    A subclass has `draw(images)`, the random parameters of a transformation, and `apply(images, parameters)`.
    """

    #: whether results have the images' height and width
    keeps_size = True

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed, self.generator = seed, SeedGenerator(seed)

    def draw(self, images: Tensor) -> Any:
        """Random parameters for images [B, H, W, C]."""
        raise NotImplementedError

    def apply(self, images: Tensor, parameters: Any) -> Tensor:
        """Images [B, H, W, C] changed as parameters say."""
        raise NotImplementedError

    def call(self, data: Any, training: bool | None = True) -> Any:
        images = self.images_of(data)
        return self.changed(images) if training else images

    def transform(self, images: Tensor) -> Tensor:
        if None in images.shape[1:3] and self.keeps_size and is_trial(images):
            return images
        return self.apply(images, self.draw(images))

    def uniform(self, images: Tensor, low: float, high: float, rank: int = 1) -> Tensor:
        """A number from low to below high for each image: [B], [B, 1], …"""
        shape: Any = (images.type.shape[0], *(1,) * (rank - 1))
        return random.uniform(shape, low, high, seed=self.generator)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "seed": self.seed}


class WarpLayer(RandomImageLayer):
    """Moves the pixels of images by a transform for each image; `fill_mode` says what lies outside of them."""

    def __init__(self, fill_mode: str, interpolation: str, fill_value: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if fill_mode not in FILL_MODES:
            raise NotImplementedError(f"Unknown `fill_mode` {fill_mode}. Expected of one {FILL_MODES}.")
        if interpolation not in INTERPOLATIONS:
            raise NotImplementedError(
                f"Unknown `interpolation` {interpolation}. Expected of one {INTERPOLATIONS}."
            )
        self.fill_mode, self.interpolation, self.fill_value = fill_mode, interpolation, fill_value

    def matrices(self, images: Tensor, parameters: Any) -> Tensor:
        """The transforms [B, 8]: a pixel (x, y) of the result is that at (a x + b y + c, d x + e y + f)."""
        raise NotImplementedError

    def apply(self, images: Tensor, parameters: Any) -> Tensor:
        return warped(
            images, self.matrices(images, parameters), self.interpolation, self.fill_mode, self.fill_value
        )

    def get_config(self) -> dict[str, Any]:
        names = ("fill_mode", "interpolation", "fill_value")
        return {**super().get_config(), **{n: getattr(self, n) for n in names}}


def warped(
    images: Tensor, transforms: Tensor, interpolation: str, fill_mode: str, fill_value: float
) -> Tensor:
    """Images [B, H, W, C] seen through transforms [B, 8], as graph.projective_transform describes them."""
    return op(
        ProjectiveTransform, images, cast(transforms, "float32"), convert(np.float32(fill_value)),
        size=images.type.shape[1:3], method=interpolation.upper(), fill_mode=fill_mode.upper(),
    )  # fmt: skip


def sizes_of(images: Tensor) -> tuple[int, int]:
    """Height and width of images [B, H, W, C]. Raises ValueError where they are not known."""
    height, width = images.shape[1:3]
    if height is None or width is None:
        raise ValueError(f"expected images of a known height and width, received {images.shape}")
    return height, width


def rows_of(*columns: Any) -> Tensor:
    """Columns [B] as transforms [B, 8]: six of them, or numbers, and zeros."""
    like = next(c for c in columns if isinstance(c, Tensor))
    whole = [c if isinstance(c, Tensor) else zeros_like(like) + float(c) for c in columns]
    whole += [zeros_like(like)] * (8 - len(whole))
    return concatenate([broadcast_dims(c, like.type.shape)[:, None] for c in whole], 1)


def data_format_of(given: str | None) -> str:
    """The order of axes, "channels_last" unless another is named."""
    if given is None:
        return "channels_last"
    if given not in ("channels_last", "channels_first"):
        raise ValueError(
            "The `data_format` argument must be one of {'channels_first', 'channels_last'}. "
            f"Received: data_format={given}"
        )
    return given


def bounds_of(
    factor: Any, error: str, low: float, high: float, open_low: bool = False
) -> tuple[float, float]:
    """(lower, upper) for a factor: two numbers in order, or one for both sides of 0."""
    numbers: Sequence[Any] = factor if isinstance(factor, (tuple, list)) else (factor,)
    if len(numbers) > 2 or (isinstance(factor, (tuple, list)) and len(numbers) != 2):
        raise ValueError(error)
    for n in numbers:
        if not isinstance(n, (int, float)) or n > high or n < low or (open_low and n == low):
            raise ValueError(error)
    if len(numbers) == 2:
        first, second = sorted(numbers)
        return float(first), float(second)
    most = abs(float(next(iter(numbers))))
    return -most, most
