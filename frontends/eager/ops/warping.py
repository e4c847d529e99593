"""Images seen through transforms, and tensors at places between their elements."""

from __future__ import annotations

import functools
import itertools
import operator
from typing import Any

from ....compiler.ops.image import ProjectiveTransform
from ....compiler.ops.indexing import GatherNd
from ....runtime.errors import InputError, ShapeError
from ....runtime.spec import f32, i32
from ..tensor import Tensor, TensorLike, cast, convert, floats, op
from .arrays import concatenate, expand_dims, stack, transpose, unstack
from .elementwise import abs, clip, floor, round, where
from .linear_algebra import solve
from .making import ones_like, zeros_like

__all__ = ["affine_transform", "map_coordinates", "perspective_transform"]


def affine_transform(
    images: TensorLike,
    transform: TensorLike,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Tensor:
    """Images of rank 3 or 4 seen through transforms [8] or [N, 8]: result pixel (x, y) is the image's pixel
    ((a x + b y + c) / k, (d x + e y + f) / k) with k = g x + h y + 1.

    Raises:
        InputError: an unknown interpolation or fill mode.
        ShapeError: images or transforms of another rank, or images of unknown size.
    """
    x, t = convert(images), cast(transform, f32)
    modes = ("constant", "nearest", "wrap", "reflect")
    if interpolation not in ("nearest", "bilinear") or fill_mode not in modes:
        raise InputError(
            f"expected interpolation 'nearest' or 'bilinear' and fill_mode of {modes}, received {interpolation!r} and "
            f"{fill_mode!r}"
        )
    if x.ndim not in (3, 4) or t.ndim not in (1, 2):
        raise ShapeError(
            f"expected images of rank 3 or 4 and transforms [8] or [N, 8], received {x.shape}, {t.shape}"
        )
    single, first = x.ndim == 3, data_format == "channels_first"
    x = x[None] if single else x
    x = transpose(x, (0, 2, 3, 1)) if first else x
    y = op(
        ProjectiveTransform,
        x,
        t[None] if t.ndim == 1 else t,
        convert(fill_value, f32),
        size=x.type.shape[1:3],
        method=interpolation.upper(),
        fill_mode=fill_mode.upper(),
    )
    y = transpose(y, (0, 3, 1, 2)) if first else y
    return y[0] if single else y


def perspective_transform(
    images: TensorLike,
    start_points: TensorLike,
    end_points: TensorLike,
    interpolation: str = "bilinear",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Tensor:
    """Images moved so that four points [4, 2] or [N, 4, 2] of (x, y) come to four others."""
    start, end = cast(start_points, f32), cast(end_points, f32)
    if start.shape != end.shape or start.shape[-2:] != (4, 2) or start.ndim not in (2, 3):
        raise ShapeError(f"expected points [4, 2] or [N, 4, 2], received {start.shape} and {end.shape}")
    if start.ndim == 2:
        start, end = start[None], end[None]
    u, v, x, y = start[..., 0], start[..., 1], end[..., 0], end[..., 1]
    one, none = ones_like(x), zeros_like(x)
    across = stack([x, y, one, none, none, none, -u * x, -u * y], -1)
    down = stack([none, none, none, x, y, one, -v * x, -v * y], -1)
    transform = solve(concatenate([across, down], 1), expand_dims(concatenate([u, v], 1), -1))[..., 0]
    return affine_transform(images, transform, interpolation, "constant", fill_value, data_format)


#: a place along an axis, whether it is inside, and its weight
_Corner = tuple[Tensor, Any, Any]


def map_coordinates(
    inputs: TensorLike,
    coordinates: TensorLike,
    order: int,
    fill_mode: str = "constant",
    fill_value: float = 0,
) -> Tensor:
    """Elements at coordinates [rank, ...], the nearest ones (order 0) or weighted means (order 1), in the inputs' data
    type.

    Raises:
        InputError: another order or fill mode.
        ShapeError: coordinates for another rank.
    """
    x, places = convert(inputs), convert(coordinates)
    modes = ("constant", "nearest", "wrap", "mirror", "reflect")
    if order not in (0, 1) or fill_mode not in modes:
        raise InputError(
            f"expected order 0 or 1 and fill_mode of {modes}, received {order} and {fill_mode!r}"
        )
    if places.ndim < 2 or places.shape[0] != x.ndim:
        raise ShapeError(f"expected coordinates [{x.ndim}, ...] of rank 2 or more, received {places.shape}")
    places = floats(places)
    axes = [_corners(p, d, order, fill_mode) for p, d in zip(unstack(places), x.type.shape, strict=True)]
    total: Any = None
    for corner in itertools.product(*axes):
        at = stack([c[0] for c in corner], -1)
        value = cast(op(GatherNd, x, at), places.type.dtype)
        if fill_mode == "constant":
            value = where(functools.reduce(operator.and_, [c[1] for c in corner]), value, float(fill_value))
        value = functools.reduce(operator.mul, [c[2] for c in corner if c[2] is not None], value)
        total = value if total is None else total + value
    return cast(total if x.type.dtype.is_float else round(total), x.type.dtype)


def _corners(place: Tensor, size: Any, order: int, fill_mode: str) -> list[_Corner]:
    if not isinstance(size, int):
        raise ShapeError("expected inputs of known sizes for map_coordinates")
    if order == 0:
        return [(*_inside(cast(round(place), i32), size, fill_mode), None)]
    low = floor(place)
    part = place - low
    at = cast(low, i32)
    return [(*_inside(at, size, fill_mode), 1.0 - part), (*_inside(at + 1, size, fill_mode), part)]


def _inside(at: Tensor, size: int, fill_mode: str) -> tuple[Tensor, Any]:
    if fill_mode in ("constant", "nearest"):
        return clip(at, 0, size - 1), (at >= 0) & (at < size)
    if fill_mode == "wrap":
        return at % size, None
    turn = abs(at) % (2 * size)
    back = 2 * size - turn - (1 if fill_mode == "reflect" else 0)
    return where(turn < size, turn, clip(back, 0, size - 1)), None
