"""Identities of gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.core import Value
from ..ops import elementwise as e
from ..ops.base import tensor
from ..ops.pool_gradient import MaxPoolGradient
from .identities import Replacement, Site, identity, one_value

#: what may stand between a comparison of an image and the condition of a selection
LOGIC = (e.LogicalAnd, e.LogicalOr, e.LogicalNot)


@identity(e.Select)
def mask_before_pool(s: Site, op: e.Select) -> Replacement:
    """The mask of an activation in front of a maximum pool is applied to the pool's gradient, of a quarter of the
    elements, instead of to the image's.

    A maximum's gradient goes to pixels that equal the maximum, so that a comparison of the pixel is as true as that of
    the maximum; all others get 0 either way.
    """
    pool = op.x.definer
    if not isinstance(pool, MaxPoolGradient) or op.result.type != pool.result.type:
        return None
    zero = _number(op.y)
    if zero is None or zero != 0 or np.signbit(zero) or not _is_about(op.condition, pool.x):
        return None
    if len(pool.result.users) > 1:
        return s.refuse("the pool's gradient is also wanted without the mask")
    s.through(pool)
    masked = s(e.Select, _of(s, op.condition, pool.x, pool.y), pool.dy, op.y)
    return s(MaxPoolGradient, pool.x, pool.y, masked, **pool.attributes)


def _is_about(condition: Value, image: Value) -> bool:
    """Whether a condition on a pixel is made of comparisons of that pixel with numbers."""
    op = condition.definer
    if isinstance(op, LOGIC):
        return all(_is_about(v, image) for v in op.operands)
    if not isinstance(op, e.Compare):
        return False
    numbers = [v for v in op.operands if v is not image]
    return len(numbers) == 1 and _number(numbers[0]) is not None


def _number(v: Value) -> Any:
    """The number that a constant scalar is: it goes with images of any size."""
    return one_value(v) if tensor(v).rank == 0 else None


def _of(s: Site, condition: Value, image: Value, pooled: Value) -> Value:
    """The same condition on the maximum."""
    op = condition.definer
    if not isinstance(op, (*LOGIC, e.Compare)):
        return pooled if condition is image else condition
    return s(type(op), *(_of(s, v, image, pooled) for v in op.operands), **op.attributes)
