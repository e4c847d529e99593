"""Convolutions to kernel calls: borders, groups, depthwise ones, packed weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from ...runtime.spec import f32
from ..cost.choose import choose_conv, depthwise_tile
from ..cost.dot import MOST_COLUMNS, dot_cycles
from ..cost.reasons import Why, depthwise_reason, times
from ..cost.winograd import WinogradChoice, choose_winograd, why_direct
from ..ir.core import Op, Value
from ..ir.dims import Dim, ceildiv, dim_max, product
from ..ir.types import MemRefType
from ..ops.base import tensor
from ..ops.constant import constant_value
from ..ops.conv import Conv2D, Conv3D
from ..ops.pool import MaxPool2D
from . import pointwise
from .depthwise import fits_without_border
from .dialect_memory import memref
from .form_border import bordered, conv_pads, number
from .form_conv_dot import dot_of
from .form_filters import columns, filter_name, filter_of, group_filter
from .form_gemm import extras_flat, gemm_of, strided
from .form_moves import copy
from .form_winograd import Filters, computed, image_sizes, winograd_call
from .former import Former, Group, forms, refuse

#: shows an operand of a body as one call sees it
Shown = Callable[[Value], Value]


class Window(NamedTuple):
    """How a filter slides."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]


@dataclass
class Site:
    """The op that calls are made for, with what follows on its result. The first call bears its cost. `against`
    says why no other algorithm computes it."""

    op: Op
    group: Group | None
    counted: bool = False
    against: str = ""

    def cost(self) -> Sequence[Op]:
        ops = () if self.counted else self.group.ops if self.group else (self.op,)
        self.counted = True
        return ops


def known(op: Op, *sizes: Dim) -> tuple[int, ...]:
    """Sizes that a kernel of convolutions must know."""
    found = tuple(d for d in sizes if isinstance(d, int))
    if len(found) != len(sizes):
        raise refuse(op, "the filter's shape and the number of channels must be known")
    return found


@forms(Conv2D, Conv3D)
def form_conv(f: Former, group: Group) -> None:
    op = group.anchor
    if not isinstance(op, (Conv2D, Conv3D)):
        raise TypeError("a convolution's group")
    *_, o, _ = known(op, *tensor(op.w).shape, tensor(op.x).shape[-1])
    window, site = Window(op.kernel, op.strides, op.dilations), Site(op, group)
    if (fast := winograd_of(f, op, group.pool)) is not None:
        image = partial(bordered, f, op, op.x, front_of(op))
        winograd_call(f, group, op, *fast, image)
        return
    y = f.result(group.result)
    if isinstance(op, Conv2D) and is_depthwise(f, op):
        _depthwise(f, site, window, op, y)
        return
    x = _bordered(f, op)
    if group.pool is None and _as_product(f, op, group, x, y):
        return
    site.against = _against(f, op, group.pool)
    if op.groups == 1:
        conv_call(f, site, window, x, filter_of(f, op, op.w, constant_value(op.w)), y)
    else:
        grouped(f, site, window, x, y, op.groups, lambda g: group_filter(f, op, op.w, g, o // op.groups))


def _as_product(f: Former, op: Conv2D | Conv3D, group: Group, x: Value, y: Value) -> bool:
    """Calls the kernel of products for pixels times a filter of one pixel that is known at run time, if that pays."""
    if {*op.kernel} != {1} or op.groups > 1 or constant_value(op.w) is not None:
        return False
    pixels = strided(f, x, op.strides, memref(y).shape)
    w = f.buffer(op.w)
    c, o = memref(w).shape[-2:]
    if memref(w).element_strides[-1] != 1:
        return False
    return gemm_of(f, pixels, f.view(w, (c, o), memref(w).element_strides[-2:]), y, group=group)


def winograd_of(
    f: Former, op: Conv2D | Conv3D, pool: MaxPool2D | None
) -> tuple[WinogradChoice, Filters] | None:
    """How to compute it by Winograd's transforms, and the filters; None where directly is better."""
    shape = _plain_filter(op)
    if f.precise or shape is None:
        return None
    (kh, kw, c, o), out, array = shape, computed(op, pool), constant_value(op.w)
    direct = choose_conv(f.target, out, c, o, op.kernel, op.strides, False).cycles
    if pool is None and o <= MOST_COLUMNS:
        direct = min(direct, dot_cycles(f.target, out, kh, kw * c, o, 4))
    choice = choose_winograd(f.target, out, c, o, (kh, kw), direct, array is not None)
    if choice is None:
        return None
    name = f"{filter_name(op, op.w)}:winograd" if array is not None else ""
    return choice, Filters(f, shape, name, op.location, array, lambda: f.buffer(op.w))


def _plain_filter(op: Conv2D | Conv3D) -> tuple[int, ...] | None:
    """The shape of a filter [KH, KW, C, O] for which there may be transforms."""
    shape = tuple(d for d in tensor(op.w).shape if isinstance(d, int))
    plain = (op.strides, op.dilations, op.groups) == ((1, 1), (1, 1), 1)
    fits = isinstance(op, Conv2D) and len(shape) == 4 and tensor(op.w).dtype == f32
    return shape if plain and fits else None


def _against(f: Former, op: Conv2D | Conv3D, pool: MaxPool2D | None) -> str:
    """Why Winograd's transforms do not compute what they could."""
    shape, out = _plain_filter(op), computed(op, pool)
    if shape is None:
        return ""
    kh, kw, c, o = shape
    direct = choose_conv(f.target, out, c, o, op.kernel, op.strides, False)
    constant = constant_value(op.w) is not None
    found = why_direct(f.target, out, c, o, (kh, kw), direct.cycles, constant)
    return "no transforms asked for" if found and f.precise else found


def grouped(
    f: Former, site: Site, window: Window, x: Value, y: Value, groups: int,
    weights: Callable[[int], tuple[Value, bool]],
) -> None:  # fmt: skip
    """One call per group, on views of its channels."""
    c, o = (d // groups for d in known(site.op, memref(x).shape[-1], memref(y).shape[-1]))
    for g in range(groups):
        conv_call(
            f, site, window, columns(f, x, g * c, c), weights(g), columns(f, y, g * o, o),
            lambda v, g=g: columns(f, v, g * o, o) if memref(v).shape[-1:] == (o * groups,) else v,
        )  # fmt: skip


def is_depthwise(f: Former, op: Conv2D | Conv3D) -> bool:
    """Whether each channel is convolved on its own."""
    *_, c, o = tensor(op.w).shape
    few = isinstance(o, int) and o // op.groups < f.target.lanes
    return c == 1 and few and isinstance(op, Conv2D) and op.groups > 4


def front_of(op: Conv2D | Conv3D) -> list[int]:
    """The padding in front of each dimension; -1 where a symbol decides."""
    return [-1 if pad is None else pad[0] for pad in conv_pads(op)]


def border_wanted(
    f: Former, op: Conv2D | Conv3D, pool: MaxPool2D | None
) -> tuple[tuple[int, int], ...] | None:
    """How many zeros a convolution's kernel, which may take maxima, reads in front of and behind its image along
    each dimension; None where it reads none, or where a symbol decides."""
    pads, have = conv_pads(op), tensor(op.x).shape[1:-1]
    if None in pads:
        return None
    whole: list[Dim] = [size + sum(pad or ()) for size, pad in zip(have, pads, strict=True)]
    if (fast := winograd_of(f, op, pool)) is not None:
        whole = image_sizes(op, pool, fast[0].m)
    elif is_depthwise(f, op) and reads_unbordered(f, op):
        return None
    found: list[tuple[int, int]] = []
    for low, size, end in zip(front_of(op), have, whole, strict=True):
        high = end - size - low
        if not isinstance(high, int):
            return None
        found.append((low, max(high, 0)))
    return tuple(found) if any(map(any, found)) else None


def reads_unbordered(f: Former, op: Conv2D | Conv3D) -> bool:
    """Whether the kernel of a depthwise convolution leaves out the taps that lie outside of the image."""
    tile = depthwise_tile(f.target, tensor(op.w).shape[3], op.kernel[1])
    x, y = tensor(op.x).shape, tensor(op.result).shape
    return None not in conv_pads(op) and fits_without_border(
        x, y, op.kernel, op.strides, op.dilations, tuple(front_of(op)), tile[0]
    )


def _bordered(f: Former, op: Conv2D | Conv3D) -> Value:
    """The image with its padding around it; the image itself when there is none."""
    sizes, out = tensor(op.x).shape[1:-1], tensor(op.result).shape[1:-1]
    pads = conv_pads(op)
    rows = zip(pads, sizes, out, op.kernel, op.strides, op.dilations, strict=True)
    whole = [
        # windows that lie apart would make less than nothing of an empty image
        dim_max((o - 1) * s + (k - 1) * d + 1, 0) if pad is None and s > (k - 1) * d + 1
        else (o - 1) * s + (k - 1) * d + 1 if pad is None
        else size + sum(pad)
        for pad, size, o, k, s, d in rows
    ]  # fmt: skip
    return bordered(f, op, op.x, front_of(op), whole)


def conv_call(
    f: Former, site: Site, window: Window, x: Value, weights: tuple[Value, bool], y: Value,
    shown: Shown | None = None, by_rows: bool = False,
) -> None:  # fmt: skip
    """One direct convolution of a padded image with a filter, and whether that is packed; with `by_rows` its units
    are the rows of all images."""
    kernel, strides, dilations = window.kernel, window.strides, window.dilations
    xt, yt = memref(x), memref(y)
    plain = all(k == 1 for k in kernel) and all(s == 1 for s in strides)
    flat = plain and _is_even(xt) and _is_even(yt)
    c, o = number(xt.shape[-1]), number(yt.shape[-1])
    pool = site.group.pool.kernel if site.group and site.group.pool else (1, 1)
    out = (product(yt.shape[:-3]), yt.shape[-3] * pool[0], yt.shape[-2] * pool[1], yt.shape[-1])
    may_flatten = flat and not by_rows and (site.group is None or extras_flat(site.group))
    choice = choose_conv(f.target, out, c, o, kernel[-2:], strides[-2:], may_flatten, pool)
    if by_rows:
        choice = choice._replace(split="rows", rows_per_tile=1)
    if choice.flat:
        x, y = _one_row(f, x), _one_row(f, y)
        yt = memref(y)
        kernel, strides, dilations = kernel[-2:], strides[-2:], dilations[-2:]
    whole = not by_rows and pool == (1, 1)
    if whole and (dot := dot_of(f, x, weights, y, kernel, strides, dilations, choice)) is not None:
        f.call(
            "conv_dot",
            [x, dot.weights],
            [y],
            dot.units,
            dot.params,
            algorithm="along the sums",
            group=site.group,
            unit_cost=(dot.per_unit, 0),
            cost_of=site.cost(),
            location=None if site.group else site.op.location,
            shown=shown,
            why=dot.why,
        )
        return
    blocks = ceildiv(yt.shape[-3] * pool[0], choice.rows_per_tile)
    groups = -(-o // (choice.tile[1] * f.target.lanes))
    per_unit = 2.0 * math.prod(kernel) * c * o * choice.rows_per_tile * number(yt.shape[-2]) * pool[1]
    if choice.split == "panels":
        units: Dim = groups
        per_unit *= number(blocks) / groups
    else:
        units = product(yt.shape[:-3]) * blocks
    f.call(
        "conv2d",
        [x, weights[0]],
        [y],
        units,
        {
            "kernel": kernel,
            "strides": strides,
            "dilations": dilations,
            "tile": choice.tile,
            "rows_per_tile": choice.rows_per_tile,
            "chunk": choice.chunk,
            "split": choice.split,
            "packed": weights[1],
            **({"pool": pool} if pool != (1, 1) else {}),
        },
        group=site.group,
        unit_cost=(per_unit, 0),
        cost_of=site.cost(),
        location=None if site.group else site.op.location,
        shown=shown,
        why=Why(
            "; ".join(t for t in (choice.reason, site.against) if t),
            times(choice.cycles * math.prod(window.kernel[:-2]), out[0]),
        ),
    )


def _is_even(t: MemRefType) -> bool:
    """Whether all pixels of an image are equally far apart, also from one row to the next."""
    sizes, steps = t.shape[1:-1], t.element_strides[1:-1]
    return all(
        size == 1 or step == inner * inner_step
        for size, step, inner, inner_step in zip(sizes, steps, sizes[1:], steps[1:], strict=False)
    )


def _one_row(f: Former, v: Value) -> Value:
    """All pixels of such an image as one row."""
    t = memref(v)
    n, *sizes, c = t.shape
    first, *steps, last = t.element_strides
    pixels = product(sizes)
    return f.view(v, (n, 1, pixels, c), (first, pixels * steps[-1], steps[-1], last))


def depthwise_call(
    f: Former, site: Site, window: Window, x: Value, w: Value, y: Value, shown: Shown | None = None,
    pads: tuple[int, ...] | None = None,
) -> None:  # fmt: skip
    """A convolution of each channel with its own filter w [KH, KW, C]. With `pads`, that many zeros in
    front of x and as many as are needed behind it are thought; else x has a border."""
    yt = memref(y)
    taps = 2.0 * math.prod(window.kernel)
    tile = depthwise_tile(f.target, yt.shape[3], window.kernel[1])
    f.call(
        "depthwise",
        [x, w],
        [y],
        yt.shape[0] * yt.shape[1],
        {
            "kernel": window.kernel,
            "strides": window.strides,
            "dilations": window.dilations,
            "pads": pads or (0, 0),
            "bordered": pads is None,
            "tile": tile,
        },
        group=site.group,
        unit_cost=(3 * taps * number(yt.shape[2]) * number(yt.shape[3]), 0),
        cost_of=site.cost(),
        location=None if site.group else site.op.location,
        shown=shown,
        why=depthwise_reason(f.target, yt.shape, math.prod(window.kernel), tile, pads is None),
    )


def _depthwise(f: Former, site: Site, window: Window, op: Conv2D, y: Value) -> None:
    """Each channel on its own. Where it makes several, its results are computed one after the other, densely,
    and moved to their places with the steps that follow."""
    kh, kw = window.kernel
    (total,) = known(op, tensor(op.w).shape[3])
    many = total // op.groups
    w, x = f.buffer(op.w), f.buffer(op.x)
    pads: tuple[int, ...] | None = None
    if reads_unbordered(f, op):
        pads = tuple(front_of(op))
    else:
        x = _bordered(f, op)
    if many == 1:
        depthwise_call(f, site, window, x, f.reshaped(w, (kh, kw, total)), y, pads=pads)
        return
    shape = (*memref(y).shape[:-1], op.groups)
    part = f.alloc(shape, memref(y).dtype)
    inner = Site(op, None)
    for j in range(many):
        own = f.alloc((kh, kw, op.groups), memref(w).dtype)
        copy(f, f.view(w, (kh, kw, op.groups), (kw * total, total, many), j), own, location=op.location)
        depthwise_call(f, inner, window, x, own, part, pads=pads)
        finish(
            f, site, part, columns(f, y, j, op.groups, many),
            lambda v, j=j: columns(f, v, j, op.groups, many) if memref(v).shape[-1:] == (total,) else v,
        )  # fmt: skip


def finish(f: Former, site: Site, source: Value, target: Value, shown: Shown | None = None) -> None:
    """Moves a result that was computed elsewhere to its place, with the steps that follow on it."""
    group = site.group
    if group is None or len(group.ops) == 1:
        copy(f, source, target, location=site.op.location)
        return
    extras = [f.buffer(v) for v in group.inputs()]
    types = tuple(memref(shown(v) if shown else v) for v in extras)
    units, per_unit = pointwise.units(memref(target), (memref(source), *types))
    f.call(
        "pointwise",
        [source],
        [target],
        units,
        group=group,
        unit_cost=(0, 8 * per_unit),
        cost_of=(),
        shown=shown,
    )
