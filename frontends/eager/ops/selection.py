"""Choosing among several tensors, and finding what is not 0."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ....runtime.errors import InputError
from ..tensor import Tensor, TensorLike, convert, pair
from .elementwise import where

__all__ = ["nonzero", "select"]


def select(
    condlist: Sequence[TensorLike], choicelist: Sequence[TensorLike], default: TensorLike = 0
) -> Tensor:
    """Elementwise the choice of the first condition that holds, else the default.

    Raises:
        InputError: no condition, or not as many choices.
    """
    if not condlist or len(condlist) != len(choicelist):
        raise InputError(
            f"expected a choice for each condition, received {len(condlist)} and {len(choicelist)}"
        )
    made = convert(choicelist[-1])
    for choice in choicelist[:-1]:
        made = pair(made, choice)[0]
    made = where(condlist[-1], choicelist[-1], pair(made, default)[1])
    for condition, choice in zip(reversed(condlist[:-1]), reversed(choicelist[:-1]), strict=True):
        made = where(condition, choice, made)
    return made


def nonzero(x: TensorLike) -> tuple[Tensor, ...]:
    """The places of what is not 0, int32, a tensor for every axis.

    Raises:
        InputError: a symbolic tensor: the number of places would be known only when it is computed.
    """
    x = convert(x)
    if x.is_symbolic:
        raise InputError(
            "expected a tensor with a value: of a symbolic one the number of places is not known"
        )
    return tuple(convert(places.astype(np.int32)) for places in np.nonzero(x.numpy()))
