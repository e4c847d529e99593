"""`ops.image`: images of rank 3 or, with a batch, 4; channels last, or first by transposing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ....compiler.ops.image import Colour
from ....compiler.ops.rearrange import Patches
from ....runtime.errors import InputError, ShapeError
from ..tensor import Tensor, TensorLike, cast, convert, floats, op
from .arrays import pad, reshape_to, transpose
from .convolutions import depthwise_conv, per_axis
from .resampling import resize, scale_and_translate
from .warping import affine_transform, map_coordinates, perspective_transform

__all__ = [
    "affine_transform", "crop_images", "extract_patches", "extract_patches_3d", "gaussian_blur",
    "hsv_to_rgb", "map_coordinates", "pad_images", "perspective_transform", "resize", "rgb_to_grayscale",
    "rgb_to_hsv", "scale_and_translate", "sobel_edges",
]  # fmt: skip


def _channel_axis(data_format: str | None) -> int:
    if data_format not in (None, "channels_last", "channels_first"):
        raise InputError(
            f"expected data_format 'channels_last' or 'channels_first', received {data_format!r}"
        )
    return -3 if data_format == "channels_first" else -1


def _image(x: TensorLike) -> Tensor:
    x = convert(x)
    if x.ndim not in (3, 4):
        raise ShapeError(f"expected an image of rank 3 or images of rank 4, received {x.shape}")
    return x


def _with_channels_last(x: Tensor, data_format: str | None, make: Callable[[Tensor], Tensor]) -> Tensor:
    """What `make` gives for x with channels last, with channels where they were."""
    if _channel_axis(data_format) == -1:
        return make(x)
    lead = range(x.ndim - 3)
    n = x.ndim
    made = make(transpose(x, (*lead, n - 2, n - 1, n - 3)))
    return transpose(made, (*lead, n - 1, n - 3, n - 2))


def rgb_to_grayscale(images: TensorLike, data_format: str | None = None) -> Tensor:
    """The luma of pixels of three channels, with one channel."""
    x = _image(images)
    dtype, axis = x.type.dtype, _channel_axis(data_format)
    if x.shape[axis] not in (1, 3):
        raise ShapeError(f"expected 3 channels, received {x.shape}")
    if x.shape[axis] == 1:
        return x
    before = (slice(None),) * (axis % x.ndim)
    wide = floats(x)
    red, green, blue = (wide[(*before, slice(i, i + 1))] for i in range(3))
    return cast(red * 0.2989 + green * 0.587 + blue * 0.114, dtype)


def _colours(images: TensorLike, data_format: str | None, kind: str) -> Tensor:
    x = _image(images)
    if not x.type.dtype.is_float:
        raise InputError(f"expected images of floats, received {x.dtype}")
    return _with_channels_last(x, data_format, lambda v: op(Colour, v, kind=kind))


def rgb_to_hsv(images: TensorLike, data_format: str | None = None) -> Tensor:
    """Hue, saturation and value of pixels in [0, 1]."""
    return _colours(images, data_format, "rgb_to_hsv")


def hsv_to_rgb(images: TensorLike, data_format: str | None = None) -> Tensor:
    """Red, green and blue of pixels in [0, 1]."""
    return _colours(images, data_format, "hsv_to_rgb")


def _borders(
    size: int | None,
    before: int | None,
    behind: int | None,
    difference: Callable[[int], int] | None,
    names: str,
) -> tuple[int, int]:
    """What is added or taken away before and behind, of which one, or the resulting size, may be left out."""
    if (before is None) + (behind is None) + (difference is None) != 1:
        raise InputError(f"expected exactly two of {names}")
    if difference is None:
        return before or 0, behind or 0
    if size is None:
        raise ShapeError(f"expected images of a known size for {names.rpartition(' ')[2]}")
    total = difference(size)
    first = total - (behind or 0) if before is None else before
    last = total - first
    if first < 0 or last < 0:
        raise InputError(f"expected {names} that fit images of size {size}")
    return first, last


def pad_images(
    images: TensorLike,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Images with zeros around them: of each direction two of what comes before, behind, and the resulting size."""
    x = _image(images)
    height, width = (x.ndim - 2, x.ndim - 1) if _channel_axis(data_format) == -3 else (x.ndim - 3, x.ndim - 2)
    rows = _borders(
        x.shape[height],
        top_padding,
        bottom_padding,
        None if target_height is None else lambda size: target_height - size,
        "top_padding, bottom_padding, target_height",
    )
    columns = _borders(
        x.shape[width],
        left_padding,
        right_padding,
        None if target_width is None else lambda size: target_width - size,
        "left_padding, right_padding, target_width",
    )
    return pad(x, [rows if i == height else columns if i == width else (0, 0) for i in range(x.ndim)])


def crop_images(
    images: TensorLike,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Images without their borders: of each direction two of what goes before, behind, and the resulting size."""
    x = _image(images)
    height, width = (x.ndim - 2, x.ndim - 1) if _channel_axis(data_format) == -3 else (x.ndim - 3, x.ndim - 2)
    rows = _borders(
        x.shape[height],
        top_cropping,
        bottom_cropping,
        None if target_height is None else lambda size: size - target_height,
        "top_cropping, bottom_cropping, target_height",
    )
    columns = _borders(
        x.shape[width],
        left_cropping,
        right_cropping,
        None if target_width is None else lambda size: size - target_width,
        "left_cropping, right_cropping, target_width",
    )
    cuts = [rows if i == height else columns if i == width else (0, 0) for i in range(x.ndim)]
    return x[tuple(slice(a, -b if b else None) for a, b in cuts)]


def extract_patches(
    images: TensorLike,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    dilation_rate: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Windows of images as long pixels: [N, H', W', height * width * C]; of volumes for three sizes."""
    if not isinstance(size, int) and len(size) == 3:
        return extract_patches_3d(images, size, strides, dilation_rate, padding, data_format)
    return _patches(images, 2, size, strides, dilation_rate, padding, data_format)


def extract_patches_3d(
    volumes: TensorLike,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    dilation_rate: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Windows of volumes as long pixels: [N, D', H', W', depth * height * width * C]."""
    return _patches(volumes, 3, size, strides, dilation_rate, padding, data_format)


def _patches(
    images: TensorLike,
    rank: int,
    size: Any,
    strides: Any,
    dilation_rate: Any,
    padding: str,
    data_format: str | None,
) -> Tensor:
    x = convert(images)
    if x.ndim not in (rank + 1, rank + 2):
        raise ShapeError(f"expected images of rank {rank + 1} or {rank + 2}, received {x.shape}")
    single, first = x.ndim == rank + 1, _channel_axis(data_format) == -3
    x = x[None] if single else x
    x = transpose(x, (0, *range(2, rank + 2), 1)) if first else x
    kernel = per_axis(size, rank, "size")
    steps = kernel if not strides else per_axis(strides, rank, "strides")
    spread = per_axis(dilation_rate, rank, "dilation_rate")
    if padding.upper() == "SAME":
        around = [_same(*row) for row in zip(x.shape[1:-1], kernel, steps, spread, strict=True)]
        x = pad(x, [(0, 0), *around, (0, 0)])
    elif padding.upper() != "VALID":
        raise InputError(f"expected padding 'valid' or 'same', received {padding!r}")
    y = op(Patches, x, kernel=kernel, strides=steps, dilations=spread)
    y = transpose(y, (0, rank + 1, *range(1, rank + 1))) if first else y
    return y[0] if single else y


def _same(size: int | None, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    if size is None:
        raise ShapeError("expected images of a known size for padding 'same'")
    total = max((-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def gaussian_blur(
    images: TensorLike,
    kernel_size: Sequence[int] = (3, 3),
    sigma: Sequence[float] = (1.0, 1.0),
    data_format: str | None = None,
) -> Tensor:
    """Images under a bell of two widths; outside of them is 0."""
    x = floats(_image(images))
    bells = [_bell(int(n), float(s)) for n, s in zip(kernel_size, sigma, strict=True)]
    window = np.outer(bells[1], bells[0]).reshape(int(kernel_size[0]), int(kernel_size[1]))

    def blur(v: Tensor) -> Tensor:
        channels = v.shape[-1]
        if channels is None:
            raise ShapeError(f"expected a known number of channels, received {v.shape}")
        kernel = np.repeat(window[:, :, None, None], channels, 2)
        batch = v if v.ndim == 4 else v[None]
        made = depthwise_conv(batch, convert(kernel, v.type.dtype), padding="same")
        return made if v.ndim == 4 else made[0]

    return _with_channels_last(x, data_format, blur)


def _bell(size: int, sigma: float) -> Any:
    weights = np.exp(-0.5 * ((np.arange(size) - (size - 1) / 2) / sigma) ** 2)
    return weights / weights.sum()


#: by Sobel: the second is the first one turned
_SOBEL = np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]], np.float32)


def sobel_edges(images: TensorLike, data_format: str | None = None) -> Tensor:
    """The changes of images [N, H, W, C] along height and width, as a last axis of 2; images are reflected at their
    edges."""
    x = floats(_image(images))
    if x.ndim != 4:
        raise ShapeError(f"expected images of rank 4, received {x.shape}")
    first = _channel_axis(data_format) == -3
    x = transpose(x, (0, 2, 3, 1)) if first else x
    channels = x.shape[-1]
    if channels is None:
        raise ShapeError(f"expected a known number of channels, received {x.shape}")
    around = pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="reflect")
    kernel = np.repeat(np.stack([_SOBEL, _SOBEL.T], -1)[:, :, None], channels, 2)
    made = depthwise_conv(around, convert(kernel, x.type.dtype))
    made = reshape_to(made, (*made.type.shape[:-1], channels, 2))
    return transpose(made, (0, 3, 1, 2, 4)) if first else made
