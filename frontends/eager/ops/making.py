"""Making tensors of numbers that are known: constants, ranges, grids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ....runtime.errors import InputError, ShapeError
from ....runtime.spec import f32
from ..tensor import Tensor, TensorLike, as_dtype, convert, floats, promoted
from .arrays import broadcast_dims, broadcast_to, expand_dims, reshape_to
from .elementwise import log2 as _log2
from .elementwise import power, where
from .functions import exp2 as _exp2

__all__ = [
    "arange", "array", "empty", "empty_like", "eye", "full", "full_like", "geomspace", "identity",
    "linspace", "logspace", "meshgrid", "ones", "ones_like", "tri", "vander", "zeros", "zeros_like",
]  # fmt: skip


def _sizes(shape_: int | Sequence[int]) -> tuple[int, ...]:
    return (int(shape_),) if isinstance(shape_, (int, np.integer)) else tuple(int(d) for d in shape_)


def array(x: TensorLike, dtype: Any = None) -> Tensor:
    """A tensor for an array, a number, a list of them."""
    return convert(x, None if dtype is None else as_dtype(dtype))


def full(shape: int | Sequence[int], fill_value: TensorLike, dtype: Any = None) -> Tensor:
    """A tensor of one value, which may be a tensor that broadcasts; float32 by default."""
    value = convert(fill_value, f32 if dtype is None else as_dtype(dtype))
    return broadcast_to(value, _sizes(shape))


def zeros(shape: int | Sequence[int], dtype: Any = None) -> Tensor:
    """A tensor of zeros, float32 by default."""
    return full(shape, 0, dtype)


def ones(shape: int | Sequence[int], dtype: Any = None) -> Tensor:
    """A tensor of ones, float32 by default."""
    return full(shape, 1, dtype)


#: every element has to have some value
empty = zeros


def full_like(x: TensorLike, fill_value: TensorLike, dtype: Any = None) -> Tensor:
    """A tensor of one value, with the shape of x."""
    x = convert(x)
    return broadcast_dims(
        convert(fill_value, x.type.dtype if dtype is None else as_dtype(dtype)), x.type.shape
    )


def zeros_like(x: TensorLike, dtype: Any = None) -> Tensor:
    """Zeros with the shape of x."""
    return full_like(x, 0, dtype)


def ones_like(x: TensorLike, dtype: Any = None) -> Tensor:
    """Ones with the shape of x."""
    return full_like(x, 1, dtype)


empty_like = zeros_like


def arange(start: float, stop: float | None = None, step: float | None = None, dtype: Any = None) -> Tensor:
    """The numbers from start to below stop: int32 of ints, else float32."""
    step = 1 if step is None else step
    values = np.arange(start, step=step) if stop is None else np.arange(start, stop, step)
    kind = "int32" if values.dtype.kind in "iu" else "float32"
    return convert(values.astype(as_dtype(dtype or kind).numpy))


def _is_known(*values: Any) -> bool:
    return all(isinstance(v, (int, float, list, tuple, np.ndarray, np.generic)) for v in values)


def linspace(
    start: TensorLike,
    stop: TensorLike,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """`num` numbers from start to stop, equally far apart, along a new axis; with `retstep` how far, too."""
    kind = as_dtype(dtype) if dtype is not None else _float_of(start, stop)
    parts = max(num - 1, 1) if endpoint else max(num, 1)
    if _is_known(start, stop):
        values, step = np.linspace(start, stop, num, endpoint, retstep=True, axis=axis)
        made = convert(values.astype(kind.numpy))
        return (made, convert(np.asarray(step, kind.numpy))) if retstep else made
    wide = kind if kind.is_float else f32
    first, last = convert(start, wide), convert(stop, wide)
    step = (last - first) * (1 / parts)
    place = convert(np.arange(num), wide)
    rank = max(first.ndim, last.ndim)
    at = axis % (rank + 1)
    place = reshape_to(place, tuple(num if i == at else 1 for i in range(rank + 1)))
    made = expand_dims(first + step * 0.0, at) + place * expand_dims(step, at)
    made = convert(made, kind)
    return (made, step) if retstep else made


def _float_of(*values: TensorLike) -> Any:
    dtype = None
    for v in values:
        if not isinstance(v, (int, float)):
            own = floats(v).type.dtype
            dtype = own if dtype is None else promoted(dtype, own)
    return dtype or f32


def logspace(
    start: TensorLike,
    stop: TensorLike,
    num: int = 50,
    endpoint: bool = True,
    base: float = 10,
    dtype: Any = None,
    axis: int = 0,
) -> Tensor:
    """`base` to the power of equally distant numbers from start to stop."""
    kind = as_dtype(dtype) if dtype is not None else _float_of(start, stop)
    if _is_known(start, stop):
        return convert(np.logspace(start, stop, num, endpoint, base, axis=axis).astype(kind.numpy))
    return convert(power(float(base), linspace(start, stop, num, endpoint, axis=axis)), kind)


def geomspace(
    start: TensorLike,
    stop: TensorLike,
    num: int = 50,
    endpoint: bool = True,
    dtype: Any = None,
    axis: int = 0,
) -> Tensor:
    """Numbers from start to stop, each the same multiple of the one before it."""
    kind = as_dtype(dtype) if dtype is not None else _float_of(start, stop)
    if _is_known(start, stop):
        return convert(np.geomspace(start, stop, num, endpoint, axis=axis).astype(kind.numpy))
    first, last = floats(start), floats(stop)
    sign = where(first < 0, -1.0, 1.0)
    made = _exp2(linspace(_log2(first * sign), _log2(last * sign), num, endpoint, axis=axis))
    return convert(made * expand_dims(sign, axis), kind)


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:
    """Ones on the k-th diagonal of a matrix of zeros, float32 by default."""
    return convert(np.eye(int(N), None if M is None else int(M), int(k), as_dtype(dtype or "float32").numpy))


def identity(n: int, dtype: Any = None) -> Tensor:
    """The identity matrix."""
    return eye(n, dtype=dtype)


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:
    """Ones up to the k-th diagonal of a matrix, zeros above."""
    return convert(np.tri(N, M, k, as_dtype(dtype or "float32").numpy))


def meshgrid(*x: TensorLike, indexing: str = "xy") -> list[Tensor]:
    """The coordinates of a grid: a tensor of its shape for each vector. "xy" exchanges the first two axes."""
    if indexing not in ("xy", "ij"):
        raise InputError(f"expected indexing 'xy' or 'ij', received {indexing!r}")
    vectors = [reshape_to(convert(v), (-1,)) for v in x]
    count = len(vectors)
    order = list(range(count))
    if indexing == "xy" and count > 1:
        order[:2] = [1, 0]
    sizes = tuple(vectors[i].type.shape[0] for i in order)
    out: list[Tensor] = []
    for i, v in enumerate(vectors):
        shape = tuple(v.type.shape[0] if order[j] == i else 1 for j in range(count))
        out.append(broadcast_dims(reshape_to(v, shape), sizes))
    return out


def vander(x: TensorLike, N: int | None = None, increasing: bool = False) -> Tensor:
    """The powers of every number of a vector, by default the highest first: a matrix.

    Raises:
        ShapeError: x is no vector.
    """
    x = convert(x)
    if x.ndim != 1:
        raise ShapeError(f"expected a vector, received {x.shape}")
    count = x.shape[0] if N is None else N
    if count is None:
        raise ShapeError("expected a known number of powers, received None")
    powers = np.arange(count) if increasing else np.arange(count)[::-1].copy()
    return power(expand_dims(x, 1), convert(powers, x.type.dtype))
