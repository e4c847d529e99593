"""A 1x1 convolution that widens an image, and the depthwise one behind it, computed in bands of rows.

The wide image between them is often larger than the second-level cache, and then takes longer to write and to read
again than either convolution to compute. In bands it never leaves the cache; rows at the edges of bands are
computed twice.
"""

from __future__ import annotations

from typing import NamedTuple

from ...runtime.spec import f32
from ..cost.choose import banded_rows
from ..ir.core import Block, Op, Region, Value
from ..ir.dims import Sym
from ..ops.base import tensor
from ..ops.constant import constant_value
from ..ops.conv import Conv2D
from . import dialect_control as scf
from .dialect_kern import THREADS, Bands, BandView
from .form_conv import (
    Site,
    Window,
    conv_call,
    depthwise_call,
    filter_of,
    front_of,
    is_depthwise,
    reads_unbordered,
)
from .form_gemm import extras_flat
from .former import Former, Group


class Chain(NamedTuple):
    """The groups of a widening convolution, of the depthwise one behind it, and of a narrowing one, where that follows;
    and the rows of the result in a band."""

    wide: Group
    depthwise: Group
    narrow: Group | None
    band: int

    @property
    def groups(self) -> list[Group]:
        return [g for g in (self.wide, self.depthwise, self.narrow) if g is not None]

    @property
    def last(self) -> Group:
        return self.groups[-1]

    def form(self, f: Former) -> None:
        """Calls for all groups, at the place of the last."""
        _form(f, self)


def plan_bands(f: Former, block: Block, groups: dict[Op, Group]) -> dict[Op, Chain]:
    """The chains of a block, by the last ops of their groups."""
    out: dict[Op, Chain] = {}
    for op in block.ops:
        group = groups.get(op)
        if isinstance(op, Conv2D) and group is not None and group.anchor is op and is_depthwise(f, op):
            chain = _chain(f, op, group, groups)
            if chain is not None:
                out.update((g.last, chain) for g in chain.groups)
    return out


def _is_free(f: Former, v: Value) -> bool:
    """Whether a value has one user and no place of its own."""
    return (
        len(v.uses) == 1
        and not any(v in known for known in (f.places, f.destinations, f.buffers))
        and tensor(v).dtype == f32
    )


def _is_pointwise(op: Op | None) -> bool:
    """Whether it is a 1x1 convolution that looks at each pixel of its image once."""
    return (
        isinstance(op, Conv2D)
        and (*op.kernel, *op.strides, op.groups) == (1, 1, 1, 1, 1)
        and not any(op.pads)
        and constant_value(op.w) is not None
        and all(isinstance(d, int) for d in tensor(op.x).shape[1:])
    )


def _chain(f: Former, op: Conv2D, group: Group, groups: dict[Op, Group]) -> Chain | None:
    made = op.x.definer
    wide = groups.get(made) if made is not None else None
    first = wide.anchor if wide is not None else None
    if wide is None or not isinstance(first, Conv2D) or wide.result is not op.x or not _is_free(f, op.x):
        return None
    if not _is_pointwise(first) or not extras_flat(wide):
        return None
    whole, out = tensor(op.x).shape, tensor(op.result).shape
    sizes = [d for d in (*whole[1:], *out[1:]) if isinstance(d, int)]
    if len(sizes) != 6 or tensor(op.w).shape[3] != op.groups or op.dilations != (1, 1):
        return None
    if not reads_unbordered(f, op):
        return None
    height, width, columns, rows, *_ = sizes
    channels = int(tensor(first.x).shape[-1])  # type: ignore[arg-type]
    band = banded_rows(f.target, (height, width, columns), channels, rows, op.kernel[0], op.strides[0])
    return None if band is None else Chain(wide, group, _narrow(f, group, groups), band)


def _narrow(f: Former, group: Group, groups: dict[Op, Group]) -> Group | None:
    """The group of a 1x1 convolution that alone reads the depthwise one's result."""
    v = group.result
    if not _is_free(f, v):
        return None
    user = next(iter(v.users))
    found = groups.get(user)
    fits = found is not None and found.anchor is user and _is_pointwise(user) and user.operands[0] is v
    return found if fits and int(tensor(v).shape[2]) > f.target.tile(32)[0] else None  # type: ignore[arg-type]


def _form(f: Former, chain: Chain) -> None:
    first, op = chain.wide.anchor, chain.depthwise.anchor
    if not isinstance(first, Conv2D) or not isinstance(op, Conv2D):
        raise TypeError("groups of two convolutions")
    y = f.result(chain.last.result)
    images, height, *line = tensor(op.x).shape
    rows, *result_line = tensor(op.result).shape[1:]
    (taps, _), (stride, _) = op.kernel, op.strides
    pad, _ = front = front_of(op)
    if not isinstance(height, int) or not isinstance(rows, int):
        raise TypeError("an image of known size")
    threads = Sym.symbol(THREADS)
    held = f.alloc((threads, min((chain.band - 1) * stride + taps, height), *line), f32)
    x, w = f.buffer(first.x), f.buffer(op.w)
    weights = filter_of(f, first, first.w, constant_value(first.w))
    filters = f.reshaped(w, (taps, op.kernel[1], line[-1]))
    last = chain.narrow.anchor if chain.narrow is not None else None
    inner = Block()
    if isinstance(last, Conv2D):
        passed = f.alloc((threads, chain.band, *result_line), f32)
        narrow = filter_of(f, last, last.w, constant_value(last.w))
    with f.at(inner):
        between = f.b(BandView, held, shape=(images, height, *line), windows=True)
        made = y
        if isinstance(last, Conv2D):
            made = f.b(BandView, passed, shape=(images, rows, *result_line), windows=False)
        f.b.location = chain.wide.location
        window = Window(first.kernel, first.strides, first.dilations)
        conv_call(f, Site(first, chain.wide), window, x, weights, between, by_rows=True)
        f.b.location = chain.depthwise.location
        window = Window(op.kernel, op.strides, op.dilations)
        depthwise_call(f, Site(op, chain.depthwise), window, between, filters, made, pads=tuple(front))
        if isinstance(last, Conv2D):
            f.b.location = chain.last.location
            window = Window(last.kernel, last.strides, last.dilations)
            conv_call(f, Site(last, chain.narrow), window, made, narrow, y, by_rows=True)
        f.b.create(scf.ScfYield)
    f.b.create(
        Bands, regions=[Region(inner)], images=images, rows=rows, band=chain.band, size=height, taps=taps,
        stride=stride, pad=pad,
    )  # fmt: skip
