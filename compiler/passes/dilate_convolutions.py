"""Turns convolutions over images taken apart into blocks, TensorFlow 1's way to dilate them, into dilated ones."""

from __future__ import annotations

from typing import NamedTuple

from ..ir.core import Builder, Op, Value
from ..ir.dims import Dim, product
from ..ir.passes import Pass, PassContext
from ..ir.rewrite import erase_if_dead
from ..ops.base import tensor
from ..ops.conv import Conv2D
from ..ops.shape import Reshape, Transpose
from ..ops.windows import static_pads
from .shared import inherit, where


class Blocks(NamedTuple):
    """An image whose axes from 1 on were cut into blocks: `axes` are where the convolution has them."""

    image: Value
    block: tuple[int, ...]
    axes: tuple[int, ...]
    ops: tuple[Op, ...]


class DilateConvolutions(Pass):
    """space-to-batch → conv2d → batch-to-space  becomes a dilated conv2d."""

    name = "dilate-convolutions"

    def run(self, module: Op, context: PassContext) -> None:
        for op in list(module.walk()):
            if type(op) is Conv2D and op.block is not None:
                found = blocks_before(op)
                if found is not None:
                    self.dilate(op, found, context)

    def dilate(self, conv: Conv2D, found: Blocks, context: PassContext) -> None:
        """Replaces the ops around a convolution, or says why not."""
        if any(s != 1 for s in conv.strides):
            context.refuse(self.name, conv, f"it has strides {list(conv.strides)} within the blocks")
            return
        after = joined_after(conv, found)
        if isinstance(after, str):
            context.refuse(self.name, conv, after)
            return
        factor = [1, 1]
        for b, axis in zip(found.block, found.axes, strict=True):
            factor[axis - 1] = b
        pads: list[int] = []
        for i, size in enumerate(tensor(conv.x).shape[1:3]):
            given = (conv.pads[2 * i], conv.pads[2 * i + 1])
            # of stride 1: known for every size
            own = static_pads(size, conv.kernel[i], 1, conv.dilations[i], conv.padding, given) or (0, 0)
            pads += [p * factor[i] for p in own]
        b = Builder.at(after[-1])
        n, *sizes, c = tensor(found.image).shape
        shape: list[Dim] = [n, 1, 1, c]
        for size, axis in zip(sizes, found.axes if len(sizes) == 1 else (1, 2), strict=True):
            shape[axis] = size
        x = found.image
        if tensor(x).shape != tuple(shape):
            x = b(Reshape, x, shape=tuple(shape))
        made = b.create(
            Conv2D,
            x,
            conv.w,
            dilations=tuple(d * f for d, f in zip(conv.dilations, factor, strict=True)),
            padding="EXPLICIT" if any(pads) else "VALID",
            pads=tuple(pads) if any(pads) else (0, 0, 0, 0),
        )
        inherit(made, *found.ops, conv, *after)
        result = after[-1].result
        result.replace_with(
            made.result
            if made.result.type == result.type
            else b(Reshape, made.result, shape=tensor(result).shape)
        )
        made.result.hint = result.hint
        erase_if_dead(after[-1])
        context.count(self.name)


def blocks_before(conv: Conv2D) -> Blocks | None:
    """The image that a convolution gets in blocks: reshape, transpose, reshape."""
    merged = conv.x.definer
    moved = merged.x.definer if isinstance(merged, Reshape) else None
    cut = moved.x.definer if isinstance(moved, Transpose) else None
    if not isinstance(merged, Reshape) or not isinstance(moved, Transpose) or not isinstance(cut, Reshape):
        return None
    image = tensor(cut.x).shape
    m = len(cut.shape) - len(image)
    if m < 1 or m > 2 or len(image) not in (3, 4) or m > len(image) - 2:
        return None
    block = tuple(b for b in cut.shape[2 : 2 * m + 1 : 2] if isinstance(b, int))
    counts, rest = cut.shape[1 : 2 * m : 2], cut.shape[2 * m + 1 :]
    whole = (cut.shape[0], *(n * b for n, b in zip(counts, block, strict=False)), *rest)
    order = (*range(2, 2 * m + 1, 2), 0, *range(1, 2 * m, 2), *range(2 * m + 1, len(cut.shape)))
    if len(block) != m or whole != image or moved.permutation != order:
        return None
    batch, *sizes = (image[0] * product(block), *counts, *rest)
    axes = _places((batch, *sizes), merged.shape)
    return Blocks(cut.x, block, axes[:m], (cut, moved, merged)) if axes else None


def _places(shape: tuple[Dim, ...], conv: tuple[Dim, ...]) -> tuple[int, ...]:
    """Which axes of the convolution the spatial ones are; of one there are two possible."""
    if shape == conv:
        return (1, 2)
    if len(shape) == 3:
        for axis, other in ((2, 1), (1, 2)):
            if (conv[0], conv[axis], conv[3]) == shape and conv[other] == 1:
                return (axis,)
    return ()


def joined_after(conv: Conv2D, found: Blocks) -> tuple[Op, ...] | str:
    """The ops that put the blocks of a convolution's result together, or why they do not."""
    ops: list[Op] = []
    value = conv.result
    for cls in (Reshape, Transpose, Reshape):
        user = value.users[0] if len(value.uses) == 1 else None
        if user is None:
            return f"{where(ops[-1] if ops else conv)} is used more than once"
        if not isinstance(user, cls):
            return f"{where(user)} follows before the blocks are put together"
        ops.append(user)
        value = user.result
    cut, moved, merged = ops
    m, batch = len(found.block), tensor(found.image).shape[0]
    sizes = list(tensor(conv.result).shape[1:])
    if tensor(found.image).rank == 3:
        del sizes[2 - found.axes[0]]
    order = (m, *(axis for i in range(m) for axis in (m + 1 + i, i)), *range(2 * m + 1, m + 1 + len(sizes)))
    whole = [d * b for d, b in zip(sizes, (*found.block, 1, 1), strict=False)]
    if (
        tensor(cut.results[0]).shape != (*found.block, batch, *sizes)
        or moved.attributes["permutation"] != order
        or tensor(merged.results[0]).shape != (batch, *whole)
    ):
        return "its result is not put together as its image was taken apart"
    return tuple(ops)
