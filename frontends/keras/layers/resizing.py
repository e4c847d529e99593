"""Images in other sizes."""

from __future__ import annotations

from typing import Any

from ...eager.ops.arrays import saturate_cast
from ...eager.ops.elementwise import round as rounded
from ...eager.ops.resampling import resize
from ...eager.tensor import Tensor, cast, convert
from .images import ImageLayer, data_format_of


class Resizing(ImageLayer):
    """Images resized to (height, width), of the same data type."""

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.height, self.width, self.interpolation = height, width, interpolation
        self.crop_to_aspect_ratio, self.pad_to_aspect_ratio = crop_to_aspect_ratio, pad_to_aspect_ratio
        self.fill_mode, self.fill_value, self.antialias = fill_mode, fill_value, bool(antialias)

    def call(self, data: Any, training: bool | None = True) -> Any:
        self.images_of(data)
        return self.changed(convert(data))

    def transform(self, images: Tensor) -> Tensor:
        whole = (
            images
            if images.type.dtype.is_float or self.interpolation == "nearest"
            else cast(images, "float32")
        )
        made = resize(
            whole, (self.height, self.width), self.interpolation, self.antialias, self.crop_to_aspect_ratio,
            self.pad_to_aspect_ratio, self.fill_mode, self.fill_value,
        )  # fmt: skip
        return made if made.dtype == images.dtype else saturate_cast(rounded(made), images.dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return self.resized_shape(input_shape, self.height, self.width)

    def get_config(self) -> dict[str, Any]:
        names = (
            "height", "width", "interpolation", "crop_to_aspect_ratio", "pad_to_aspect_ratio", "fill_mode",
            "fill_value", "antialias",
        )  # fmt: skip
        return {**super().get_config(), **{n: getattr(self, n) for n in names}}


class CenterCrop(ImageLayer):
    """The middle of images, of this height and width. Images that are too small are cut to the proportions and
    resized."""

    def __init__(self, height: int, width: int, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format=data_format_of(data_format), **kwargs)
        self.height, self.width = height, width

    def call(self, data: Any, training: bool | None = True) -> Any:
        return self.changed(self.images_of(data))

    def transform(self, images: Tensor) -> Tensor:
        height, width = images.shape[1:3]
        if height is None or width is None:
            raise ValueError(
                f"CenterCrop expected images of a known height and width, received {images.shape}"
            )
        if height >= self.height and width >= self.width:
            top, left = (height - self.height) // 2, (width - self.width) // 2
            return images[:, top : top + self.height, left : left + self.width]
        top, left, tall, wide = fitted_crop(height, width, self.height, self.width)
        return resize(images[:, top : top + tall, left : left + wide], (self.height, self.width))

    def compute_output_shape(self, input_shape: Any) -> Any:
        if len(input_shape) not in (3, 4) or isinstance(input_shape[0], (list, tuple)):
            raise ValueError(
                "`input_shape` must be a non-nested tuple or list of rank-1 with size 3 (unbatched) or 4 (batched). "
            )
        return self.resized_shape(input_shape, self.height, self.width)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "height": self.height, "width": self.width}


def fitted_crop(height: int, width: int, tall: int, wide: int) -> tuple[int, int, int, int]:
    """First row, first column, height and width of the largest part in the middle that has the proportions of
    (tall, wide)."""
    rows = max(min(height, int(width * tall / wide)), 1)
    columns = max(min(width, int(height * wide / tall)), 1)
    return (height - rows) // 2, (width - columns) // 2, rows, columns
