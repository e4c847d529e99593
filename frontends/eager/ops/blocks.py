"""Pixels moved between space and channels, windows as columns, axes rearranged by a pattern."""

from __future__ import annotations

from collections.abc import Sequence

from ....compiler.ir.dims import Dim, floordiv, product
from ....compiler.ops.rearrange import Patches
from ....runtime.errors import InputError, ShapeError
from ..tensor import Tensor, TensorLike, convert, op
from .arrays import pad, reshape_to, transpose
from .convolutions import per_axis

__all__ = ["depth_to_space", "fold", "rearrange", "space_to_depth", "unfold"]


def _is_first(data_format: str | None) -> bool:
    if data_format not in (None, "channels_last", "channels_first"):
        raise InputError(
            f"expected data_format 'channels_last' or 'channels_first', received {data_format!r}"
        )
    return data_format == "channels_first"


def depth_to_space(x: TensorLike, block_size: int, data_format: str | None = "channels_last") -> Tensor:
    """Channels as blocks of pixels: [N, H, W, b * b * C] to [N, b * H, b * W, C]."""
    t, b = convert(x), block_size
    first = _is_first(data_format)
    t = transpose(t, (0, 2, 3, 1)) if first else t
    n, height, width, depth = t.type.shape
    if not isinstance(depth, int) or depth % (b * b):
        raise ShapeError(f"expected channels that divide by {b * b}, received {convert(x).shape}")
    channels = depth // (b * b)
    shape = (n, height, width, b, b, channels)
    t = transpose(reshape_to(t, shape), (0, 1, 3, 2, 4, 5))
    t = reshape_to(t, (n, height * b, width * b, channels))
    return transpose(t, (0, 3, 1, 2)) if first else t


def space_to_depth(x: TensorLike, block_size: int, data_format: str | None = "channels_last") -> Tensor:
    """Blocks of pixels as channels: [N, b * H, b * W, C] to [N, H, W, b * b * C]."""
    t, b = convert(x), block_size
    first = _is_first(data_format)
    t = transpose(t, (0, 2, 3, 1)) if first else t
    n, height, width, channels = t.type.shape
    if any(isinstance(d, int) and d % b for d in (height, width)):
        raise ShapeError(f"expected a height and width that divide by {b}, received {convert(x).shape}")
    height, width = floordiv(height, b), floordiv(width, b)
    t = transpose(reshape_to(t, (n, height, b, width, b, channels)), (0, 1, 3, 2, 4, 5))
    t = reshape_to(t, (n, height, width, b * b * channels))
    return transpose(t, (0, 3, 1, 2)) if first else t


def unfold(
    x: TensorLike,
    kernel_size: int | Sequence[int],
    dilation: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    stride: int | Sequence[int] = 1,
) -> Tensor:
    """The windows of images [N, C, H, W] as columns: [N, C * kernel, count]."""
    t = convert(x)
    if t.ndim != 4:
        raise ShapeError(f"expected images [N, C, H, W], received {t.shape}")
    kernel, spread = per_axis(kernel_size, 2, "kernel_size"), per_axis(dilation, 2, "dilation")
    around, steps = per_axis(padding, 2, "padding"), per_axis(stride, 2, "stride")
    t = pad(t, [(0, 0), (0, 0), *((p, p) for p in around)]) if any(around) else t
    channels = t.type.shape[1]
    found = op(Patches, transpose(t, (0, 2, 3, 1)), kernel=kernel, strides=steps, dilations=spread)
    n, rows, columns, _ = found.type.shape
    found = transpose(reshape_to(found, (n, rows, columns, *kernel, channels)), (0, 5, 3, 4, 1, 2))
    return reshape_to(found, (n, channels * kernel[0] * kernel[1], rows * columns))


def fold(
    x: TensorLike,
    output_size: int | Sequence[int],
    kernel_size: int | Sequence[int],
    dilation: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    stride: int | Sequence[int] = 1,
) -> Tensor:
    """Columns [N, C * kernel, count] added up where `unfold` takes them from: [N, C, H, W]."""
    t = convert(x)
    size, kernel = per_axis(output_size, 2, "output_size"), per_axis(kernel_size, 2, "kernel_size")
    spread, around = per_axis(dilation, 2, "dilation"), per_axis(padding, 2, "padding")
    steps = per_axis(stride, 2, "stride")
    room = [s + 2 * p for s, p in zip(size, around, strict=True)]
    counts = [(r - (k - 1) * d - 1) // s + 1 for r, k, d, s in zip(room, kernel, spread, steps, strict=True)]
    n, depth, found = t.type.shape
    taps = kernel[0] * kernel[1]
    if not isinstance(depth, int) or depth % taps or found != counts[0] * counts[1]:
        raise ShapeError(f"expected columns [N, C * {taps}, {counts[0] * counts[1]}], received {t.shape}")
    t = reshape_to(t, (n, depth // taps, *kernel, *counts))
    total: Tensor | None = None
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            placed = _placed(t[:, :, i, j], (i * spread[0], j * spread[1]), steps, room)
            total = placed if total is None else total + placed
    if total is None:
        raise ShapeError(f"expected a kernel, received {kernel}")
    return total[:, :, around[0] : around[0] + size[0], around[1] : around[1] + size[1]]


def _placed(x: Tensor, at: tuple[int, int], steps: tuple[int, ...], room: list[int]) -> Tensor:
    """Pixels of [N, C, h, w] `steps` apart from `at` on, zeros between and around them."""
    for axis, (first, step, size) in enumerate(zip(at, steps, room, strict=True), 2):
        count: int = x.shape[axis]  # type: ignore[assignment]
        shape = x.type.shape
        wide = reshape_to(x, (*shape[: axis + 1], 1, *shape[axis + 1 :]))
        wide = pad(wide, [(0, step - 1) if i == axis + 1 else (0, 0) for i in range(wide.ndim)])
        x = reshape_to(wide, (*shape[:axis], count * step, *shape[axis + 1 :]))
        x = x[(*(slice(None),) * axis, slice(0, (count - 1) * step + 1))]
        behind = size - first - (count - 1) * step - 1
        x = pad(x, [(first, behind) if i == axis else (0, 0) for i in range(x.ndim)])
    return x


def rearrange(tensor: TensorLike, pattern: str, **axes_lengths: int) -> Tensor:
    """Axes in another order, split and joined by a pattern: `rearrange(x, "b (h w) c -> b c h w", h=8)`.

    Raises:
        InputError: the sides name different axes, or not those of the tensor.
    """
    left, arrow, right = pattern.partition("->")
    given, wanted = _groups(left), _groups(right)
    flat = [a for g in given for a in g]
    back = [a for g in wanted for a in g if a != "1"]
    x = convert(tensor)
    if not arrow or sorted(a for a in flat if a != "1") != sorted(back) or len(given) != x.ndim:
        raise InputError(
            f"expected a pattern of the tensor's {x.ndim} axes with the same names on both sides, received {pattern!r}"
        )
    size: dict[str, Dim] = {"1": 1, **axes_lengths}
    for group, have in zip(given, x.type.shape, strict=True):
        unknown = [a for a in group if a not in size]
        if len(unknown) > 1:
            raise InputError(f"expected the sizes of all but one of {unknown}, received none")
        if unknown:
            size[unknown[0]] = floordiv(have, product([size[a] for a in group if a in size]))
    x = reshape_to(x, tuple(size[a] for a in flat if a != "1"))
    names = [a for a in flat if a != "1"]
    x = transpose(x, [names.index(a) for a in back])
    return reshape_to(x, tuple(product([size[a] for a in g]) for g in wanted))


def _groups(side: str) -> list[list[str]]:
    """Axes of one side of a pattern; those in brackets are one axis of the tensor."""
    out: list[list[str]] = []
    inside = False
    for token in side.replace("(", " ( ").replace(")", " ) ").split():
        if token in "()":
            inside = token == "("
            if inside:
                out.append([])
        elif inside:
            out[-1].append(token)
        else:
            out.append([token])
    return out
