"""Fourier transforms; complex numbers are pairs of real tensors: real and imaginary parts.

The transforms themselves are those of imported graphs, made here of tensors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ....compiler.ir.core import Op
from ....runtime.errors import InputError, ShapeError
from ..tensor import Tensor, TensorLike, convert, floats, op, pair
from .arrays import pad, reshape_to, take, transpose
from .elementwise import cos, sin, where
from .encodings import segment_sum
from .reductions import sum

__all__ = ["extract_sequences", "fft", "fft2", "ifft2", "irfft", "istft", "polar", "rfft", "stft"]


class _Maker:
    """What the transforms ask of an importer's context, for tensors."""

    def make(self, cls: type[Op], *operands: Tensor, **attributes: Any) -> Tensor:
        return op(cls, *operands, **attributes)

    def constant(self, array: Any, dtype: Any) -> Tensor:
        return convert(array, dtype)

    def scalar(self, value: float, dtype: Any) -> Tensor:
        return convert(value, dtype)

    def reshape(self, x: Tensor, shape: tuple[Any, ...]) -> Tensor:
        return reshape_to(x, shape)

    def transpose(self, x: Tensor, order: Any) -> Tensor:
        return transpose(x, order)


_maker: Any = _Maker()


def _transform(x: Any, inverse: bool, axes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    from ...tensorflow import fourier

    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise InputError("expected a pair of tensors: real and imaginary parts")
    real, imag = pair(floats(x[0]), floats(x[1]))
    parts: Any
    if real.type.shape != imag.type.shape or real.ndim < len(axes):
        raise ShapeError(
            f"expected parts of one shape with {len(axes)} axes, received {real.shape} and {imag.shape}"
        )
    for axis in axes:
        moved: Any = fourier.along(_maker, [real, imag], axis)  # type: ignore[arg-type]
        made: Any = fourier.transform(_maker, (moved[0], moved[1]), inverse)
        parts = fourier.along(_maker, made, axis)
        real, imag = parts
    return real, imag


def fft(x: tuple[TensorLike, TensorLike]) -> tuple[Tensor, Tensor]:
    """The Fourier transform along the last axis, whose size must be known."""
    return _transform(x, False, (-1,))


def fft2(x: tuple[TensorLike, TensorLike]) -> tuple[Tensor, Tensor]:
    """The Fourier transform along the last two axes."""
    return _transform(x, False, (-1, -2))


def ifft2(x: tuple[TensorLike, TensorLike]) -> tuple[Tensor, Tensor]:
    """The inverse Fourier transform along the last two axes."""
    return _transform(x, True, (-1, -2))


def rfft(x: TensorLike, fft_length: int | None = None) -> tuple[Tensor, Tensor]:
    """The first half of the Fourier transform of real numbers, cut or filled up with zeros to a length."""
    from ...tensorflow import fourier

    t: Any = floats(x)
    real, imag = fourier.half(_maker, fourier.fitted(_maker, t, fft_length or t.shape[-1]))
    return real, imag  # type: ignore[return-value]


def irfft(x: tuple[TensorLike, TensorLike], fft_length: int | None = None) -> Tensor:
    """The real numbers whose Fourier transform begins with these; by default an even number of them."""
    from ...tensorflow import fourier

    parts: Any = pair(floats(x[0]), floats(x[1]))
    length = fft_length or 2 * (parts[0].shape[-1] - 1)
    real, imag = (fourier.fitted(_maker, v, length // 2 + 1) for v in parts)
    return fourier.from_half(_maker, real, imag, length)  # type: ignore[return-value]


def polar(abs_: TensorLike, angle: TensorLike) -> tuple[Tensor, Tensor]:
    """Real and imaginary parts of complex numbers of these sizes and angles."""
    size, turn = pair(floats(abs_), floats(angle))
    return size * cos(turn), size * sin(turn)


def extract_sequences(x: TensorLike, sequence_length: int, sequence_stride: int) -> Tensor:
    """Windows of the last axis: [..., n] to [..., count, sequence_length]."""
    x = convert(x)
    size = x.shape[-1]
    if size is None:
        raise ShapeError(f"expected a known size along the last axis, received {x.shape}")
    count = 1 + (size - sequence_length) // sequence_stride if size >= sequence_length else 0
    at = np.arange(count)[:, None] * sequence_stride + np.arange(sequence_length)
    return take(x, at.astype(np.int32), -1)


def _window(window: Any, length: int, fft_length: int, like: Tensor) -> Tensor | None:
    """The window, in the middle of `fft_length` places."""
    if window is None:
        return None
    if isinstance(window, str):
        if window not in ("hann", "hamming"):
            raise InputError(f"expected window 'hann' or 'hamming', received {window!r}")
        high, low = (0.5, 0.5) if window == "hann" else (0.54, 0.46)
        window = high - low * np.cos(2 * np.pi * np.arange(length) / length)
    shape = convert(window, like.type.dtype)
    if shape.shape != (length,):
        raise ShapeError(f"expected a window of {length} numbers, received {shape.shape}")
    left = (fft_length - length) // 2
    return pad(shape, [(left, fft_length - length - left)])


def stft(
    x: TensorLike,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: Any = "hann",
    center: bool = True,
) -> tuple[Tensor, Tensor]:
    """Fourier transforms of windows of the last axis: [..., n] to parts [..., count, frequencies]."""
    t = floats(x)
    if fft_length < sequence_length:
        raise InputError(f"expected fft_length of at least {sequence_length}, received {fft_length}")
    if center:
        t = pad(t, [*[(0, 0)] * (t.ndim - 1), (fft_length // 2, fft_length // 2)], mode="reflect")
    frames = extract_sequences(t, fft_length, sequence_stride)
    shape = _window(window, sequence_length, fft_length, t)
    return rfft(frames if shape is None else frames * shape, fft_length)


def istft(
    x: tuple[TensorLike, TensorLike],
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: Any = "hann",
    center: bool = True,
) -> Tensor:
    """The inverse of `stft`: what lies in several windows is their weighted mean."""
    frames = irfft(x, fft_length)
    shape = _window(window, sequence_length, fft_length, frames)
    count = frames.shape[-2]
    if count is None:
        raise ShapeError(f"expected a known number of windows, received {frames.shape}")
    if shape is not None:
        frames = frames * (shape / _overlap(shape, sequence_stride))
    total = overlapped(frames, sequence_stride)
    start = fft_length // 2 if center else 0
    size = fft_length + sequence_stride * (count - 1)
    end = start + length if length is not None else size - start
    return total[..., start:end]


def _overlap(shape: Tensor, stride: int) -> Tensor:
    """The sum of the squares of all windows that lie over each place of one."""
    size = shape.shape[0] or 0
    whole = pad(shape * shape, [(0, -size % stride)])
    folded = reshape_to(whole, (-1, stride))
    total = sum(folded, 0)
    total = where(total == 0, 1.0, total)
    return take(total, np.arange(size, dtype=np.int32) % stride)


def overlapped(frames: Tensor, stride: int) -> Tensor:
    """Windows [..., count, length] added up, each `stride` places after the one before it."""
    *lead, count, length = frames.type.shape
    if not isinstance(count, int) or not isinstance(length, int):
        raise ShapeError(f"expected windows of known sizes, received {frames.shape}")
    size = length + stride * (count - 1)
    at = (np.arange(count)[:, None] * stride + np.arange(length)).reshape(-1).astype(np.int32)
    rows = reshape_to(frames, (-1, count * length))
    made = transpose(segment_sum(transpose(rows), at, size))
    return reshape_to(made, (*lead, size))
