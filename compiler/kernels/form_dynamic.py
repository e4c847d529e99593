"""Sizes computed at run time: symbols are bound and requirements checked as soon as they are known."""

from __future__ import annotations

from ...runtime.spec import boolean, f32, f64, i64
from ..ops.base import tensor
from ..ops.dynamic import DefineSize
from ..ops.nonzero import Nonzero, Unique
from .dialect_kern import DefineSymbol
from .former import Former, Group, forms, refuse


@forms(DefineSize)
def form_define_size(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, DefineSize):
        requires = f.late.required(op.symbol)
        texts = [str(op.location), *(f"{op.location}: {r} must hold" for r in requires)]
        f.b.create(
            DefineSymbol,
            f.buffer(op.x),
            symbol=op.symbol,
            site=f.add_sites(texts),
            requires=requires,
            location=op.location,
        )


@forms(Nonzero)
def form_nonzero(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, Nonzero):
        outs = [f.result(r) for r in op.results]
        f.call("nonzero", [f.buffer(op.x)], outs, 1, cost_of=[op], location=op.location)


@forms(Unique)
def form_unique(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, Unique):
        x = tensor(op.x)
        if x.dtype not in (f32, f64, boolean) and not x.dtype.is_integer:
            raise refuse(op, f"the different elements of {x}")
        outs = [f.result(r) for r in op.results]
        table = f.alloc((2 * x.shape[0] + 1,), i64)
        f.call(
            "unique",
            [f.buffer(op.x)],
            [*outs, table],
            1,
            {"dtype": x.dtype, "index": op.index_dtype},
            cost_of=[op],
            location=op.location,
        )
