"""Random ops to kernel calls."""

from __future__ import annotations

from ...runtime.spec import f64
from ..ir.dims import ceildiv, product
from ..ops.base import tensor
from ..ops.random_numbers import (
    Random,
    RandomCategorical,
    RandomGamma,
    RandomKey,
    RandomPermutation,
    RandomPoisson,
)
from . import random_numbers
from .former import Former, Group, forms


@forms(RandomKey)
def form_random_key(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, RandomKey):
        params = {"dtype": tensor(op.seed).dtype}
        f.call("random_key", [f.buffer(op.seed)], [f.result(op.result)], 1, params, location=op.location)


@forms(Random)
def form_random(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, Random):
        y = tensor(op.result)
        numbers = 4 // (y.dtype.size // 4) * random_numbers.BLOCK
        f.call(
            "random",
            [f.buffer(v) for v in op.operands],
            [f.result(op.result)],
            ceildiv(product(y.shape), numbers),
            {"kind": op.kind, "dtype": y.dtype, "digits": op.digits},
            cost_of=[op],
            unit_cost=(1000.0 * numbers, 8.0 * numbers),
            location=op.location,
        )


@forms(RandomPermutation)
def form_random_permutation(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, RandomPermutation):
        f.call("random_permutation", [f.buffer(op.state)], [f.result(op.result)], 1, location=op.location)


@forms(RandomCategorical)
def form_random_categorical(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, RandomCategorical):
        logits = tensor(op.logits)
        sums = f.alloc(logits.shape, f64)
        f.call(
            "random_categorical",
            [f.buffer(op.state), f.buffer(op.logits)],
            [sums, f.result(op.result)],
            logits.shape[0],
            {"dtype": logits.dtype},
            cost_of=[op],
            location=op.location,
        )


@forms(RandomPoisson, RandomGamma)
def form_random_sampled(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, (RandomPoisson, RandomGamma)):
        f.call(
            "random_sampled",
            [f.buffer(op.state), f.buffer(op.parameter)],
            [f.result(op.result)],
            product(tensor(op.result).shape),
            {"kind": "poisson" if isinstance(op, RandomPoisson) else "gamma"},
            cost_of=[op],
            unit_cost=(10000, 8),
            location=op.location,
        )
