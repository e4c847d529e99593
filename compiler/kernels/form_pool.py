"""Pools and grey-scale dilation to kernel calls."""

from __future__ import annotations

import math

from ..ir.dims import Dim, ceildiv, product
from ..ops.base import tensor
from ..ops.pool import AvgPool2D, AvgPool3D, Dilation2D, MaxPool2D, MaxPool3D, MaxPoolArgmax, Pool
from ..ops.pool_gradient import AvgPoolGradient, MaxPoolGradient
from ..ops.windows import static_pads
from .form_conv import known, number
from .former import Former, Group, forms, refuse
from .pool_gradient import CHANNELS, is_disjoint


def window_pads(
    op: Pool | Dilation2D, rates: tuple[int, ...], given: tuple[int, ...]
) -> tuple[int | str, ...]:
    """Padding in front of and behind each dimension; "same" where it depends on a size known at run time."""
    out: list[int | str] = []
    sizes = tensor(op.x).shape[1:-1]
    for i, (size, k, s, r) in enumerate(zip(sizes, op.kernel, op.strides, rates, strict=True)):
        pads = static_pads(size, k, s, r, op.padding, (given[2 * i], given[2 * i + 1]))
        out += ["same", "same"] if pads is None else list(pads)
    return tuple(out)


@forms(MaxPool2D, AvgPool2D, MaxPool3D, AvgPool3D)
def form_pool(f: Former, group: Group) -> None:
    op = group.anchor
    if not isinstance(op, (MaxPool2D, AvgPool2D, MaxPool3D, AvgPool3D)):
        raise TypeError("a pool's group")
    x, y = tensor(op.x), tensor(op.result)
    is_max = isinstance(op, (MaxPool2D, MaxPool3D))
    if not is_max and not x.dtype.is_float:
        raise refuse(op, f"a mean of {x.dtype.tf_name}")
    per_row = number(y.shape[-2]) * number(y.shape[-1])
    f.call(
        "pool",
        [f.buffer(op.x)],
        [f.result(group.result)],
        product(y.shape[:-2]),
        {
            "kind": "max" if is_max else "avg",
            "kernel": op.kernel,
            "strides": op.strides,
            "pads": window_pads(op, (1,) * len(op.kernel), op.pads),
            "dtype": x.dtype,
        },
        group=group,
        unit_cost=(per_row * math.prod(op.kernel), per_row * 8.0),
    )


@forms(Dilation2D)
def form_dilation(f: Former, group: Group) -> None:
    op = group.anchor
    if not isinstance(op, Dilation2D):
        raise TypeError("a dilation's group")
    known(op, *tensor(op.w).shape)
    y = tensor(op.result)
    per_row = number(y.shape[2]) * number(y.shape[3])
    f.call(
        "dilation",
        [f.buffer(op.x), f.buffer(op.w)],
        [f.result(group.result)],
        y.shape[0] * y.shape[1],
        {
            "kind": "max",
            "kernel": op.kernel,
            "strides": op.strides,
            "rates": op.rates,
            "pads": window_pads(op, op.rates, (0, 0, 0, 0)),
            "dtype": tensor(op.x).dtype,
        },
        group=group,
        unit_cost=(per_row * math.prod(op.kernel), per_row * 8.0),
    )


@forms(MaxPoolArgmax)
def form_pool_argmax(f: Former, group: Group) -> None:
    op = group.last
    if not isinstance(op, MaxPoolArgmax):
        raise TypeError("a pool's group")
    x, (values, where) = tensor(op.x), op.results
    y = tensor(values)
    per_row = number(y.shape[2]) * number(y.shape[3])
    f.call(
        "pool_argmax",
        [f.buffer(op.x)],
        [f.result(values), f.result(where)],
        y.shape[0] * y.shape[1],
        {
            "kernel": op.kernel,
            "strides": op.strides,
            "pads": window_pads(op, (1, 1), op.pads),
            "batch": op.batch,
            "index": op.index,
            "dtype": x.dtype,
        },
        cost_of=[op],
        location=op.location,
        unit_cost=(8 * per_row * math.prod(op.kernel), 0),
    )


@forms(MaxPoolGradient)
def form_max_pool_gradient(f: Former, group: Group) -> None:
    op = group.last
    if not isinstance(op, MaxPoolGradient):
        raise TypeError("a pool gradient's group")
    x, y = tensor(op.x), tensor(op.y)
    pads = _gradient_pads(op, x.shape[1:-1])
    # what a pool leaves out behind its last window counts as neither padding nor window
    disjoint = is_disjoint(op.kernel, op.strides, pads)
    units = product(y.shape[:2]) if disjoint else x.shape[0] * ceildiv(x.shape[-1], CHANNELS)
    touched = number(product(x.shape[1:])) / (number(y.shape[1]) if disjoint else 1)
    f.call(
        "max_pool_gradient",
        [f.buffer(v) for v in (op.x, op.y, op.dy)],
        [f.result(op.result)],
        units,
        {"kernel": op.kernel, "strides": op.strides, "pads": pads, "first": x.rank == 4},
        cost_of=[op],
        location=op.location,
        unit_cost=(touched * 4, touched * 12.0),
    )


@forms(AvgPoolGradient)
def form_avg_pool_gradient(f: Former, group: Group) -> None:
    op = group.last
    if not isinstance(op, AvgPoolGradient):
        raise TypeError("a pool gradient's group")
    x, dy = tensor(op.result), tensor(op.dy)
    pads = _gradient_pads(op, op.size)
    rows = product(dy.shape[:2]) if is_disjoint(op.kernel, op.strides, pads) else product(x.shape[:-2])
    per_row = number(product(x.shape[1:])) * number(x.shape[0]) / max(number(rows), 1)
    f.call(
        "avg_pool_gradient",
        [f.buffer(op.dy)],
        [f.result(op.result)],
        rows,
        {"kernel": op.kernel, "strides": op.strides, "pads": pads},
        cost_of=[op],
        location=op.location,
        unit_cost=(per_row * 4, per_row * 6.0),
    )


def _gradient_pads(op: MaxPoolGradient | AvgPoolGradient, sizes: tuple[Dim, ...]) -> tuple[int, ...]:
    """Padding in front of and behind each dimension."""
    out: list[int] = []
    for i, (size, k, s) in enumerate(zip(sizes, op.kernel, op.strides, strict=True)):
        pads = static_pads(size, k, s, 1, op.padding, op.around(i))
        if pads is None:
            raise refuse(op, f"SAME padding of a size {size} that is known at run time only")
        out += pads
    return tuple(out)
