"""Transposed convolutions to kernel calls, without zeros between the pixels of the image.

Along one dimension, place i of the result gets x[j] * w[k] from all taps k and pixels j with
i + pad = j * stride + k * dilation. The places r, r + stride, r + 2 * stride, … get the same taps, and the
pixels under them move on by one: an ordinary convolution for each phase r, which writes a strided view of the
result. Phases next to each other along the last dimension that look at the same pixels become one convolution,
to as many times more channels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product as combinations
from math import gcd

import numpy as np

from ...runtime.spec import f32
from ..cost.choose import choose_conv
from ..cost.winograd import WinogradChoice, choose_winograd
from ..ir.core import Value
from ..ir.dims import Dim, ceildiv, dim_max, product
from ..ir.types import MemRefType
from ..ops.base import tensor
from ..ops.constant import constant_value
from ..ops.conv import ConvTranspose
from .dialect_memory import memref
from .family import pack_panels
from .form_border import bordered
from .form_conv import (
    Shown,
    Site,
    Window,
    conv_call,
    depthwise_call,
    finish,
    known,
)
from .form_filters import columns, filter_name, packed_view
from .form_gemm import as_rows, gemm_of
from .form_moves import copy
from .form_winograd import Filters, winograd_call
from .former import Former, Group, forms


@dataclass(frozen=True)
class Phase:
    """`count` places of one dimension of the result, `first` and on: the taps that reach them, in the order
    of the pixels they take, which are `step` apart, from pixel `start` on for the first place."""

    first: int
    count: Dim
    taps: tuple[int, ...]
    start: int
    step: int

    @property
    def end(self) -> Dim:
        """The pixel behind the last one."""
        return self.start + self.count + (len(self.taps) - 1) * self.step


def phases(size: Dim, kernel: int, stride: int, dilation: int, pad: int) -> list[Phase]:
    """The phases of one dimension of a result of `size`, of which `pad` places are cut off in front."""
    out: list[Phase] = []
    for r in range(stride if not isinstance(size, int) else min(stride, size)):
        taps = [k for k in reversed(range(kernel)) if (r + pad - k * dilation) % stride == 0]
        start = (r + pad - taps[0] * dilation) // stride if taps else 0
        step = dilation // gcd(dilation, stride)
        out.append(Phase(r, ceildiv(size - r, stride), tuple(taps), start, step))
    return out


def runs(found: Sequence[Phase], together: bool, empty: bool = False) -> Iterator[tuple[Phase, ...]]:
    """Neighbouring phases of the last dimension that one convolution may compute; `empty` ones get no taps in another
    dimension."""
    run: list[Phase] = []
    for p in found:
        fits = run and together and (run[0].count == p.count if empty else _alike(run, p))
        if run and not fits:
            yield tuple(run)
            run = []
        run.append(p)
    if run:
        yield tuple(run)


def _alike(run: list[Phase], p: Phase) -> bool:
    a = run[0]
    if (a.count, a.start, len(a.taps)) != (p.count, p.start, len(p.taps)) or not p.taps:
        return False
    return len(run) < 2 or p.taps[0] - run[-1].taps[0] == run[1].taps[0] - a.taps[0]


def _is_dense(v: Value) -> bool:
    t = memref(v)
    return t.element_strides == MemRefType(t.shape, t.dtype).element_strides


@forms(ConvTranspose)
def form_conv_transpose(f: Former, group: Group) -> None:
    op = group.anchor
    if not isinstance(op, ConvTranspose):
        raise TypeError("a transposed convolution's group")
    known(op, *tensor(op.w).shape, tensor(op.x).shape[-1])
    pads = _pads(op)
    if (fast := _winograd(f, op, pads)) is not None:
        front = [k - 1 - (pad or 0) for k, pad in zip(op.kernel, pads, strict=True)]
        winograd_call(f, group, op, *fast, partial(bordered, f, op, op.x, front))
        return
    site, y = Site(op, group), f.result(group.result)
    places = [0 if p is None else p for p in pads]
    if None not in pads:
        _Spread(f, site, op, y, tuple(places)).calls()
        return
    # how much is cut off in front is known at run time only: the whole result, then the part that is shown
    sizes, offset = list(op.size), 0
    t = memref(y)
    for i, (k, s, d) in enumerate(zip(op.kernel, op.strides, op.dilations, strict=True)):
        if pads[i] is None:
            sizes[i] = dim_max((tensor(op.x).shape[1 + i] - 1) * s + (k - 1) * d + 1, op.size[i])
    whole = f.alloc((t.shape[0], *sizes, t.shape[-1]), t.dtype)
    _Spread(f, Site(op, None), op, whole, tuple(places)).calls()
    strides = memref(whole).element_strides
    for i, pad in enumerate(pads):
        if pad is None:
            offset = offset + (sizes[i] - op.size[i]) // 2 * strides[1 + i]
    finish(f, site, f.view(whole, t.shape, strides, offset), y)


def _winograd(f: Former, op: ConvTranspose, pads: list[int | None]) -> tuple[WinogradChoice, Filters] | None:
    """With stride 1 it is a convolution with the filter turned around, its channels exchanged: how to compute that by
    Winograd's transforms; None where directly is better."""
    known_size = all(pad is not None and pad < k for pad, k in zip(pads, op.kernel, strict=True))
    plain = {*op.strides, *op.dilations, op.groups} == {1} and len(op.kernel) == 2
    if f.precise or not plain or not known_size or tensor(op.w).dtype != f32:
        return None
    (kh, kw, o, c), out = known(op, *tensor(op.w).shape), tensor(op.result).shape
    array = constant_value(op.w)
    direct = choose_conv(f.target, out, c, o, op.kernel, (1, 1), False).cycles
    choice = choose_winograd(f.target, out, c, o, (kh, kw), direct, array is not None)
    if choice is None:
        return None
    turned = None if array is None else np.ascontiguousarray(array[::-1, ::-1].transpose(0, 1, 3, 2))
    name = f"{filter_name(op, op.w)}:winograd" if array is not None else ""

    def view() -> Value:
        w = f.buffer(op.w)
        *steps, so, sc = memref(w).element_strides
        offset = (kh - 1) * steps[0] + (kw - 1) * steps[1]
        return f.view(w, (kh, kw, c, o), (-steps[0], -steps[1], sc, so), offset)

    return choice, Filters(f, (kh, kw, c, o), name, op.location, turned, view)


def _pads(op: ConvTranspose) -> list[int | None]:
    """How many places of each dimension are cut off in front; None where a symbol decides."""
    out: list[int | None] = []
    rows = zip(tensor(op.x).shape[1:-1], op.size, op.kernel, op.strides, op.dilations, strict=True)
    for i, (have, size, k, s, d) in enumerate(rows):
        over = (have - 1) * s + (k - 1) * d + 1 - size
        if op.padding != "SAME":
            out.append(op.pads[2 * i] if op.padding == "EXPLICIT" else 0)
        else:
            out.append(max(over, 0) // 2 if isinstance(over, int) else None)
    return out


@dataclass
class _Spread:
    """The calls for one transposed convolution into y, with `pads` places cut off in front."""

    f: Former
    site: Site
    op: ConvTranspose
    y: Value
    pads: tuple[int, ...]

    def calls(self) -> None:
        op, f = self.op, self.f
        sizes = memref(self.y).shape[1:-1]
        rows = zip(sizes, op.kernel, op.strides, op.dilations, self.pads, strict=True)
        found = [phases(*row) for row in rows]
        own = [[p for p in axis if p.taps] for axis in found]
        self.low = [max(0, *(-p.start for p in axis)) if axis else 0 for axis in own]
        x = f.buffer(op.x)
        ends: list[Dim] = []
        for axis, low, have in zip(own, self.low, memref(x).shape[1:-1], strict=True):
            end: Dim = have
            for p in axis:
                end = dim_max(end, p.end)
            ends.append(low + end)
        self.x = bordered(f, op, op.x, self.low, ends)
        self.tiled: dict[tuple[Value, int], Value] = {}
        extras = [f.buffer(v) for v in self.site.group.inputs()] if self.site.group else []
        together = op.groups == 1 and all(_is_dense(v) for v in (self.y, *extras))
        for lead in combinations(*found[:-1]):
            empty = not all(p.taps for p in lead)
            for run in runs(found[-1], together, empty):
                self._call((*lead, run[0]), run)

    def _call(self, at: tuple[Phase, ...], run: tuple[Phase, ...]) -> None:
        """The convolution of one phase of each dimension, or of a run of phases of the last one."""
        f, op = self.f, self.op
        kernel = tuple(len(p.taps) for p in at)
        if 0 in kernel and self._zeros(at, len(run)):
            return
        if {*kernel} == {1} and self._product(at, run):
            return
        if 0 in kernel:
            kernel = (0,) * (len(at) - 1) + (1,)
        window = Window(kernel, (1,) * len(at), tuple(p.step for p in at))
        x = self._pixels(at) if kernel[0] else self.x
        y = self._places(self.y, at, len(run))

        def shown(v: Value) -> Value:
            return self._places(v, at, len(run))

        if op.groups == 1:
            # without taps nothing is read from the filter
            weights = self._filter(at, run, 0) if kernel[0] else (x, True)
            conv_call(f, self.site, window, x, weights, y, shown)
            return
        o, c = (d // op.groups for d in known(op, memref(y).shape[-1], memref(x).shape[-1]))
        if o == c == 1 and len(at) == 2:
            depthwise_call(f, self.site, window, x, self._depthwise_filter(at), y, shown)
            return
        for g in range(op.groups):
            part = columns(f, x, g * c, c)
            self.group_call(
                window, part, self._filter(at, run, g) if kernel[0] else (part, True), y, g, o, shown
            )

    def _zeros(self, at: tuple[Phase, ...], run: int) -> bool:
        """A phase without taps: zeros, with the steps that follow."""
        f, y = self.f, self._places(self.y, at, run)
        t = memref(y)
        if t.dtype != f32:
            return False
        zero = f.constant(np.zeros(1, np.float32), "zero", t.dtype)
        source = f.view(zero, t.shape, (0,) * t.rank)
        finish(f, self.site, source, y, lambda v: self._places(v, at, run))
        return True

    def _product(self, at: tuple[Phase, ...], run: tuple[Phase, ...]) -> bool:
        """Calls the kernel of products for a phase of one tap of a filter known at run time, if that pays; where places
        of the result lie apart it goes elsewhere first."""
        f, op = self.f, self.op
        if (
            op.groups > 1
            or len(run) > 1
            or constant_value(op.w) is not None
            or tensor(op.result).dtype != f32
        ):
            return False
        c, o = (int(d) for d in (memref(self.x).shape[-1], memref(self.y).shape[-1]))  # type: ignore[arg-type]
        w = self._taps(at, run, (1,) * len(at), 0, c, o, False)
        *_, over, along = memref(w).element_strides
        turned = over == 1
        if not turned and along != 1:
            return False
        matrix = f.view(w, (o, c), (along, over)) if turned else f.view(w, (c, o), (over, along))
        x, y = self._pixels(at), self._places(self.y, at, 1)
        counted, here = self.site.counted, {*op.strides} == {1} and as_rows(f, y) is not None
        made = y if here else f.alloc(memref(y).shape, memref(y).dtype)
        group = self.site.group if here else None
        location = None if group else op.location
        if not gemm_of(f, x, matrix, made, False, turned, group, self.site.cost(), location):
            self.site.counted = counted
            return False
        if here:
            return True
        finish(f, self.site, made, y, lambda v: self._places(v, at, 1))
        return True

    def group_call(
        self, window: Window, x: Value, weights: tuple[Value, bool], y: Value, g: int, o: int, shown: Shown
    ) -> None:
        f, total = self.f, o * self.op.groups

        def own(v: Value) -> Value:
            v = shown(v)
            return columns(f, v, g * o, o) if memref(v).shape[-1:] == (total,) else v

        conv_call(f, self.site, window, x, weights, columns(f, y, g * o, o), own)

    def _pixels(self, at: Sequence[Phase]) -> Value:
        """The part of the image that a phase reads."""
        t = memref(self.x)
        offset: Dim = 0
        for p, low, stride in zip(at, self.low, t.element_strides[1:], strict=False):
            offset = offset + (low + p.start) * stride
        shape = (t.shape[0], *(p.end - p.start for p in at), t.shape[-1])
        return self.f.view(self.x, shape, t.element_strides, offset)

    def _places(self, v: Value, at: Sequence[Phase], run: int) -> Value:
        """What a phase sees of a buffer of the result's size, or of one that repeats over some of its
        dimensions; a run of phases has a column for each of their channels."""
        t, whole = memref(v), memref(self.y)
        lead = whole.rank - t.rank
        shape, strides = list(t.shape), list(t.element_strides)
        offset: Dim = 0
        for i, p in enumerate(at):
            own = 1 + i - lead
            if own < 0 or (t.shape[own] == 1 and whole.shape[1 + i] != 1):
                continue
            offset = offset + p.first * strides[own]
            shape[own] = p.count
            strides[own] = strides[own] * self.op.strides[i]
        row = len(at) - lead
        if run == 1 or t.rank == 0:
            pass
        elif row >= 0 and t.shape[row] != 1:
            shape[-1] = shape[-1] * run
        elif t.shape[-1] != 1:
            return self._tiled(v, run)
        if tuple(shape) == t.shape and tuple(strides) == t.element_strides and offset == 0:
            return v
        return self.f.view(v, shape, strides, offset)

    def _tiled(self, v: Value, run: int) -> Value:
        """One number per channel, repeated for each phase of a run."""
        if (v, run) not in self.tiled:
            f, t = self.f, memref(v)
            shape, strides = t.shape, t.element_strides
            out = f.alloc((*shape[:-1], run, shape[-1]), t.dtype)
            repeated = f.view(v, (*shape[:-1], run, shape[-1]), (*strides[:-1], 0, strides[-1]))
            copy(f, repeated, out, location=self.op.location)
            self.tiled[v, run] = f.reshaped(out, (*shape[:-1], run * shape[-1]))
        return self.tiled[v, run]

    def _filter(self, at: Sequence[Phase], run: Sequence[Phase], g: int) -> tuple[Value, bool]:
        """The taps of a phase as a filter [K…, C, run * O], and whether it is packed."""
        f, op = self.f, self.op
        *_, o, total = known(op, *tensor(op.w).shape)
        c = total // op.groups
        array = constant_value(op.w)
        kernel = tuple(len(p.taps) for p in at)
        if array is None and len(run) == 1:
            return packed_view(
                f, self._taps(at, run, kernel, g * c, c, o, False), self._count(at), op.location
            )
        if array is None:
            return self._computed_filter(at, run, kernel, g * c, c, o), False
        part = np.stack([array[np.ix_(*(p.taps for p in (*at[:-1], q)))] for q in run], axis=-1)
        part = part[..., g * c : (g + 1) * c, :]  # [K…, O, C, run]
        part = np.moveaxis(part, -3, -1).reshape(int(np.prod(kernel[:-1])), kernel[-1] * c, len(run) * o)
        name = f"{filter_name(op, op.w)}:{'.'.join(str(p.first) for p in at)}" + (f":{g}" if g else "")
        return f.constant(pack_panels(part), name, tensor(op.w).dtype), True

    def _count(self, at: Sequence[Phase]) -> Dim:
        """Pixels of a phase."""
        return product((tensor(self.op.x).shape[0], *(p.count for p in at)))

    def _taps(
        self, at: Sequence[Phase], run: Sequence[Phase], kernel: tuple[int, ...], first: int, c: int, o: int,
        runs: bool = True,
    ) -> Value:  # fmt: skip
        """A view of the taps of a phase, [K…, C, O], or with `runs` [K…, C, run, O]."""
        f, w = self.f, self.f.buffer(self.op.w)
        *steps, so, sc = memref(w).element_strides
        offset = sum((p.taps[0] * s for p, s in zip(at, steps, strict=True)), first * sc)
        moves = [
            (p.taps[1] - p.taps[0]) * s if len(p.taps) > 1 else s for p, s in zip(at, steps, strict=True)
        ]
        if not runs:
            return f.view(w, (*kernel, c, o), (*moves, sc, so), offset)
        over = (run[1].taps[0] - run[0].taps[0]) * steps[-1] if len(run) > 1 else 0
        return f.view(w, (*kernel, c, len(run), o), (*moves, sc, over, so), offset)

    def _computed_filter(
        self, at: Sequence[Phase], run: Sequence[Phase], kernel: tuple[int, ...], first: int, c: int, o: int
    ) -> Value:
        f, taps = self.f, self._taps(at, run, kernel, first, c, o)
        out = f.alloc(memref(taps).shape, memref(taps).dtype)
        copy(f, taps, out, location=self.op.location)
        return f.reshaped(out, (*kernel, c, len(run) * o))

    def _depthwise_filter(self, at: Sequence[Phase]) -> Value:
        """The taps of a phase as a filter [KH, KW, C]."""
        f, op = self.f, self.op
        if not all(p.taps for p in at):
            return f.view(f.buffer(op.w), (1, 1, op.groups), (op.groups, op.groups, 1))  # nothing is read
        kernel = tuple(len(p.taps) for p in at)
        array = constant_value(op.w)
        if array is None:
            made = self._computed_filter(at, at[-1:], kernel, 0, op.groups, 1)
            return f.reshaped(made, (*kernel, op.groups))
        part = np.ascontiguousarray(array[np.ix_(*(p.taps for p in at))][:, :, 0, :])
        name = f"{filter_name(op, op.w)}:{'.'.join(str(p.first) for p in at)}"
        return f.constant(part, name, tensor(op.w).dtype)
