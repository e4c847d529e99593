"""Convolutions over one, two or three axes: channels last, or first by transposing.

Filters are [K…, in / groups, out]; the filter's shape tells the groups. A convolution over one axis is one over two,
the first of size 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....compiler.ir.core import Op
from ....compiler.ir.dims import Dim
from ....compiler.ops.conv import Conv2D, Conv3D, ConvTranspose
from ....runtime.errors import InputError, ShapeError
from ..tensor import Tensor, TensorLike, convert, op, pair
from .arrays import reshape_to, transpose

__all__ = ["conv", "conv_transpose", "depthwise_conv", "separable_conv"]


def per_axis(value: int | Sequence[int], rank: int, what: str) -> tuple[int, ...]:
    """A number for every spatial axis."""
    values = (value,) * rank if isinstance(value, int) else tuple(int(v) for v in value)
    if len(values) != rank:
        raise InputError(f"expected one number or {rank} as {what}, received {value}")
    return values


class Images:
    """Images as [N, size…, C] with two or three spatial axes, and the way back to how they were given."""

    def __init__(self, x: Tensor, data_format: str | None) -> None:
        self.rank = x.ndim - 2
        if self.rank not in (1, 2, 3):
            raise ShapeError(f"expected a tensor of rank 3, 4 or 5, received {x.shape}")
        if data_format not in (None, "channels_last", "channels_first"):
            raise InputError(
                f"expected data_format 'channels_last' or 'channels_first', received {data_format!r}"
            )
        self.first = data_format == "channels_first"
        last = transpose(x, (0, *range(2, x.ndim), 1)) if self.first else x
        self.x = self.widened(last, 1)

    def widened(self, x: Tensor, axis: int) -> Tensor:
        """With an axis of size 1 in front of the only spatial one."""
        shape = x.type.shape
        return reshape_to(x, (*shape[:axis], 1, *shape[axis:])) if self.rank == 1 else x

    def values(self, given: tuple[int, ...], neutral: int = 1) -> tuple[int, ...]:
        """Attributes of the axes, with that of the added one."""
        return (neutral, *given) if self.rank == 1 else given

    def back(self, y: Tensor) -> Tensor:
        shape = y.type.shape
        if self.rank == 1:
            y = reshape_to(y, (shape[0], *shape[2:]))
        return transpose(y, (0, y.ndim - 1, *range(1, y.ndim - 1))) if self.first else y


def _padding(padding: str, kernel: Sequence[Dim], dilations: tuple[int, ...]) -> dict[str, Any]:
    """The attributes of a padding; "causal" puts all of it in front of the last spatial axis."""
    name = padding.upper() if isinstance(padding, str) else padding
    if name in ("SAME", "VALID"):
        return {"padding": name}
    if name != "CAUSAL" or kernel[0] != 1 or len(kernel) != 2 or not isinstance(kernel[1], int):
        raise InputError(
            f"expected padding 'valid' or 'same', or 'causal' over one axis, received {padding!r}"
        )
    return {"padding": "EXPLICIT", "pads": (0, 0, (kernel[1] - 1) * dilations[1], 0)}


def _check_strides(strides: tuple[int, ...], dilations: tuple[int, ...]) -> None:
    if min(strides) < 1 or min(dilations) < 1:
        raise InputError(f"expected strides and dilations of at least 1, received {strides} and {dilations}")


def conv(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Tensor:
    """A convolution of inputs [N, size…, C] with kernel [K…, C / groups, O]: [N, size'…, O].

    Raises:
        ShapeError: inputs and kernel do not fit.
        InputError: an argument is none of the known ones.
    """
    x, w = pair(convert(inputs), convert(kernel))
    return _convolve(Images(x, data_format), w, strides, padding, dilation_rate)


def _convolve(images: Images, w: Tensor, strides: Any, padding: str, dilation_rate: Any) -> Tensor:
    if w.ndim != images.rank + 2:
        raise ShapeError(f"expected a kernel of rank {images.rank + 2}, received {w.shape}")
    w = images.widened(w, 0)
    steps = images.values(per_axis(strides, images.rank, "strides"))
    spread = images.values(per_axis(dilation_rate, images.rank, "dilation_rate"))
    _check_strides(steps, spread)
    cls: type[Op] = Conv3D if images.rank == 3 else Conv2D
    where = _padding(padding, w.type.shape[:-2], spread)
    return images.back(op(cls, images.x, w, strides=steps, dilations=spread, **where))


def depthwise_conv(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Tensor:
    """Every channel of inputs [N, size…, C] with its own filters, kernel [K…, C, M]: [N, size'…, C * M]."""
    x, w = pair(convert(inputs), convert(kernel))
    images = Images(x, data_format)
    if w.ndim != images.rank + 2:
        raise ShapeError(f"expected a kernel of rank {images.rank + 2}, received {w.shape}")
    *sizes, channels, multiplier = w.type.shape
    found = images.x.type.shape[-1]
    if isinstance(found, int) and found != channels:
        raise ShapeError(f"expected a kernel for {found} channels, received {w.shape}")
    grouped = reshape_to(w, (*sizes, 1, channels * multiplier))
    return _convolve(images, grouped, strides, padding, dilation_rate)


def separable_conv(
    inputs: TensorLike,
    depthwise_kernel: TensorLike,
    pointwise_kernel: TensorLike,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Tensor:
    """A depthwise convolution, then one over single pixels."""
    made = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(made, pointwise_kernel, 1, "valid", data_format)


def conv_transpose(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    output_padding: int | Sequence[int] | None = None,
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Tensor:
    """The transpose of a convolution: inputs [N, size…, C] with kernel [K…, O, C] to [N, size'…, O].

    size' is size * stride for "same", and what the windows cover for "valid", unless `output_padding` says how much
    is left at the end.
    """
    x, w = pair(convert(inputs), convert(kernel))
    images = Images(x, data_format)
    rank = images.rank
    if w.ndim != rank + 2:
        raise ShapeError(f"expected a kernel of rank {rank + 2}, received {w.shape}")
    w = images.widened(w, 0)
    steps = images.values(per_axis(strides, rank, "strides"))
    spread = images.values(per_axis(dilation_rate, rank, "dilation_rate"))
    _check_strides(steps, spread)
    name = padding.upper()
    if name not in ("SAME", "VALID"):
        raise InputError(f"expected padding 'valid' or 'same', received {padding!r}")
    rest: Any = (None,) * rank if output_padding is None else per_axis(output_padding, rank, "output_padding")
    rest = images.values(rest, 0)
    sizes = tuple(
        _transposed_size(*row, name)
        for row in zip(images.x.type.shape[1:-1], w.type.shape[:-2], steps, spread, rest, strict=True)
    )
    y = op(
        ConvTranspose,
        images.x,
        w,
        strides=steps,
        dilations=spread,
        padding=name,
        size=sizes,
        pads=_none(sizes),
    )
    return images.back(y)


def _none(sizes: Sequence[Any]) -> tuple[int, ...]:
    return (0,) * (2 * len(sizes))


def _transposed_size(
    size: Dim, kernel: Any, stride: int, dilation: int, rest: int | None, padding: str
) -> Dim:
    reach = (kernel - 1) * dilation + 1
    if padding == "VALID":
        return (size - 1) * stride + reach + (max(stride - reach, 0) if rest is None else rest)
    return size * stride if rest is None else (size - 1) * stride + reach % 2 + rest
