"""Large products known at run time to kernel calls: of two matrices, or of pixels and a filter of one pixel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from ...runtime.spec import f32
from ..cost.gemm import Product, choose_gemm, gemm_pays
from ..ir.core import Op, Value
from ..ir.dims import Dim, Sym, product
from ..ir.location import Location
from ..ir.types import MemRefType
from ..ops.base import tensor
from .dialect_kern import THREADS
from .dialect_memory import memref
from .form_moves import copy
from .former import Former, Group
from .gemm_memory import memory_size


def as_rows(f: Former, v: Value) -> Value | None:
    """A buffer [rows…, C] as one matrix [M, C]; None where its rows are not equally far apart."""
    t = memref(v)
    *sizes, c = t.shape
    *steps, last = t.element_strides
    found = [(size, step) for size, step in zip(sizes, steps, strict=True) if size != 1]
    even = all(step == n * inner for (_, step), (n, inner) in pairwise(found))
    if not even or (last != 1 and c != 1):
        return None
    if t.rank == 2:
        return v
    return f.view(v, (product(sizes), c), (found[-1][1] if found else c, last))


def extras_flat(group: Group) -> bool:
    """Whether the steps on the result allow pixels to be merged: their operands repeat over pixels."""
    return all(tensor(v).size == tensor(v).shape[-1] if tensor(v).rank else True for v in group.inputs())


def strided(f: Former, x: Value, strides: tuple[int, ...], shape: Sequence[Dim]) -> Value:
    """The pixels of an image that windows of one pixel see, for a result of `shape`."""
    t = memref(x)
    if {*strides} == {1}:
        return x
    n, *steps, last = t.element_strides
    places = (a * b for a, b in zip(steps, strides, strict=True))
    return f.view(x, (*shape[:-1], t.shape[-1]), (n, *places, last))


def gemm_of(
    f: Former, x: Value, w: Value, y: Value, turned_x: bool = False, turned_w: bool = False,
    group: Group | None = None, cost_of: Sequence[Op] | None = None, location: Location | None = None,
) -> bool:  # fmt: skip
    """Calls the kernel for y [rows…, N] = x w, with x [rows…, K], or [rows of K…, M] when it is `turned_x`, and w
    [K, N] or [N, K]; False where it does not fit or pay."""
    types = [memref(v) for v in (x, w, y)]
    if not all(t.dtype == f32 and _is_known(t) and t.element_strides[-1] == 1 for t in types):
        return False
    if (whole := as_rows(f, y)) is None:
        return False
    m, n = (int(d) for d in memref(whole).shape)  # type: ignore[arg-type]
    k = int(product(memref(x).shape)) // m if not turned_x else int(product(memref(x).shape[:-1]))  # type: ignore[arg-type]
    shown = None
    if group is not None:
        if not all(_flat(f, v, tensor(group.result).shape) for v in group.inputs()):
            return False
        shown = _shown_as_rows(f, tensor(group.result).shape)
    x = as_rows(f, x) or x
    t = memref(x)
    far = int(t.element_strides[-2]) * 4 if t.rank == 2 else 0  # type: ignore[call-overload]
    given = Product(m, n, k, turned_x, turned_w, far, turned_x and group is None)
    if not gemm_pays(f.target, given):
        return False
    choice = choose_gemm(f.target, given)
    if turned_w and choice.tiles * choice.tile[0] < m:
        # several units would turn it around
        w, turned_w = _turned(f, w, location or (group.location if group else None)), False
        choice = choose_gemm(f.target, given._replace(turned_w=False))
    size = memory_size(f.target, choice)
    memory = [f.alloc((Sym.symbol(THREADS), size), t.dtype)] if size else []
    sums = whole if choice.parts == 1 else f.alloc((choice.parts, m, n), t.dtype)
    f.call(
        "gemm",
        [x, w],
        [sums, *memory],
        choice.units,
        {
            "transpose_x": turned_x,
            "transpose_y": turned_w,
            "tile": choice.tile,
            "block": (choice.tiles, choice.groups, choice.step),
            "parts": choice.parts,
            "x": choice.x,
            "w": choice.w,
            "order": choice.order,
            **({"depth_block": choice.step} if choice.step < k else {}),
            **({"slot": True} if memory else {}),
        },
        group=group,
        cost_of=cost_of,
        location=location,
        shown=shown,
        unit_cost=(2.0 * m * n * k / choice.units, 0),
        why=choice.why,
    )
    if choice.parts > 1:
        add_up(f, location, sums, whole)
    return True


def _turned(f: Former, w: Value, location: Location | None) -> Value:
    """A matrix [N, K] as [K, N]."""
    t = memref(w)
    (n, k), (row, step) = t.shape, t.element_strides
    out = f.alloc((k, n), t.dtype)
    copy(f, f.view(w, (k, n), (step, row)), out, location=location)
    return out


def add_up(f: Former, location: Location | None, sums: Value, y: Value) -> None:
    """The parts of a sum, one after the other."""
    t, out = memref(sums), memref(y)
    f.call(
        "reduce",
        [sums],
        [y],
        (out.size + 63) // 64,
        {"kind": "sum", "axes": (0,), "dtype": t.dtype},
        unit_cost=(0, 4.0 * 64 * int(t.shape[0])),  # type: ignore[call-overload]
        cost_of=(),
        location=location,
    )


def _is_known(t: MemRefType) -> bool:
    return all(isinstance(d, int) and d > 0 for d in t.shape) and all(
        isinstance(d, int) for d in t.element_strides
    )


def _flat(f: Former, v: Value, shape: Sequence[object]) -> bool:
    """Whether an operand of the steps that follow repeats over all rows, or has rows equally far apart."""
    t = tensor(v)
    if t.rank == 0 or t.size == t.shape[-1]:
        return True
    return t.shape == tuple(shape) and as_rows(f, f.buffer(v)) is not None


def _shown_as_rows(f: Former, shape: Sequence[object]) -> Callable[[Value], Value]:
    def shown(v: Value) -> Value:
        return (as_rows(f, v) or v) if memref(v).shape == tuple(shape) else v

    return shown
