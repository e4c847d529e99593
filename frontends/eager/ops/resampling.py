"""Images in other sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....compiler.ops.resize import Resize, ScaleAndTranslate
from ....runtime.errors import InputError, ShapeError
from ....runtime.spec import f32
from ..tensor import Tensor, TensorLike, cast, convert, floats, op
from .arrays import pad, reshape_to, transpose

__all__ = ["resize", "scale_and_translate"]

#: kernels of `ScaleAndTranslate` by the names of interpolations
_KERNELS = {"bilinear": "triangle", "bicubic": "keyscubic", "lanczos3": "lanczos3", "lanczos5": "lanczos5"}


def resize(
    images: TensorLike,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Tensor:
    """Images of rank 3 or 4 as (height, width), of the same data type.

    With crop_to_aspect_ratio the middle of the result's proportions is resized, with pad_to_aspect_ratio the image
    inside of a border of `fill_value`.

    Raises:
        InputError: an unknown interpolation, fill mode or data format, or cropping and padding at once.
        ShapeError: images of another rank; unknown sizes where they are needed.
    """
    x = convert(images)
    if x.ndim not in (3, 4):
        raise ShapeError(f"expected an image of rank 3 or images of rank 4, received {x.shape}")
    if fill_mode != "constant" or (crop_to_aspect_ratio and pad_to_aspect_ratio):
        raise InputError(
            "expected fill_mode 'constant', and not both of cropping and padding to the aspect ratio"
        )
    if data_format not in (None, "channels_last", "channels_first"):
        raise InputError(
            f"expected data_format 'channels_last' or 'channels_first', received {data_format!r}"
        )
    if len(size) != 2:
        raise InputError(f"expected size as (height, width), received {size}")
    target = (int(size[0]), int(size[1]))
    first, single = data_format == "channels_first", x.ndim == 3
    x = x[None] if single else x
    x = transpose(x, (0, 2, 3, 1)) if first else x
    if crop_to_aspect_ratio:
        x = _cropped(x, target)
    elif pad_to_aspect_ratio:
        x = _padded(x, target, fill_value)
    y = cast(_resized(x, target, interpolation, antialias), x.type.dtype)
    y = transpose(y, (0, 3, 1, 2)) if first else y
    return y[0] if single else y


def _known(x: Tensor) -> tuple[int, int]:
    height, width = x.shape[1:3]
    if height is None or width is None:
        raise ShapeError(f"expected images of a known size, received {x.shape}")
    return height, width


def _cropped(x: Tensor, target: tuple[int, int]) -> Tensor:
    height, width = _known(x)
    tall = max(min(height, width * target[0] // target[1]), 1)
    wide = max(min(width, height * target[1] // target[0]), 1)
    top, left = (height - tall) // 2, (width - wide) // 2
    return x[:, top : top + tall, left : left + wide]


def _padded(x: Tensor, target: tuple[int, int], value: float) -> Tensor:
    height, width = _known(x)
    top = (max(height, width * target[0] // target[1]) - height) // 2
    left = (max(width, height * target[1] // target[0]) - width) // 2
    return pad(x, [(0, 0), (top, top), (left, left), (0, 0)], constant_values=value)


def _resized(x: Tensor, size: tuple[int, int], interpolation: str, antialias: bool) -> Tensor:
    if interpolation == "nearest":
        return op(Resize, x, size=size, method="nearest", coordinates="half_pixel")
    if interpolation == "area":
        return op(Resize, x, size=size, method="area")
    if interpolation not in _KERNELS:
        raise InputError(
            f"expected interpolation 'nearest', 'area' or one of {list(_KERNELS)}, received {interpolation!r}"
        )
    if not antialias and interpolation in ("bilinear", "bicubic"):
        return op(Resize, x, size=size, method=interpolation, coordinates="half_pixel")
    have = _known(x)
    scale = convert([size[0] / have[0], size[1] / have[1]], f32)
    shift = convert([0.0, 0.0], f32)
    return op(
        ScaleAndTranslate, x, scale, shift, size=size, kernel=_KERNELS[interpolation], antialias=antialias
    )


_METHODS = {
    "linear": "triangle", "bilinear": "triangle", "trilinear": "triangle", "triangle": "triangle",
    "cubic": "keyscubic", "bicubic": "keyscubic", "tricubic": "keyscubic",
    "lanczos3": "lanczos3", "lanczos5": "lanczos5",
}  # fmt: skip


def scale_and_translate(
    images: TensorLike,
    output_shape: Sequence[int],
    scale: TensorLike,
    translation: TensorLike,
    spatial_dims: Sequence[int],
    method: str,
    antialias: bool = True,
) -> Tensor:
    """A tensor whose two spatial axes are scaled and moved, in its data type: place i of the result lies at
    (i + 1/2 - translation) / scale.

    Raises:
        InputError: an unknown method, or another number of spatial axes than two, which is not built.
    """
    if method not in _METHODS:
        raise InputError(f"expected a method of {list(_METHODS)}, received {method!r}")
    x = convert(images)
    axes: Any = [a % x.ndim for a in spatial_dims]
    if len(axes) != 2 or len(output_shape) != x.ndim:
        raise InputError(
            f"expected two spatial axes and a size for every axis, received {axes} and {output_shape}"
        )
    others = [i for i in range(x.ndim) if i not in axes]
    order = [*others, *axes]
    moved = transpose(x, order)
    flat = reshape_to(moved, (-1, *moved.type.shape[-2:], 1))
    size = tuple(int(output_shape[a]) for a in axes)
    kernel = _METHODS[method]
    made = op(
        ScaleAndTranslate, floats(flat), convert(scale, f32), convert(translation, f32),
        size=size, kernel=kernel, antialias=antialias,
    )  # fmt: skip
    back = reshape_to(made, (*moved.type.shape[:-2], *size))
    return cast(transpose(back, [order.index(i) for i in range(x.ndim)]), x.type.dtype)
