"""Calls of `ops` functions for comparison with Keras': what they get, without what they must give."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from netwright.frontends.eager import ops


@dataclass(frozen=True)
class A:
    """An array argument: random, or of given values. `low` and `high` bound random ones."""

    shape: tuple[int, ...] = ()
    dtype: str = "float32"
    low: float = -2.0
    high: float = 2.0
    values: Any = None
    nan: bool = False

    def make(self, seed: int, batch: int | None = None) -> np.ndarray[Any, Any]:
        if self.values is not None:
            return np.array(self.values, self.dtype)
        shape = self.shape if batch is None else (batch, *self.shape[1:])
        rng = np.random.default_rng(seed)
        if self.dtype == "bool":
            return rng.integers(0, 2, shape).astype(bool)
        if np.dtype(self.dtype).kind in "iu":
            low = max(int(self.low), 0) if self.dtype[0] == "u" else int(self.low)
            return rng.integers(low, max(int(self.high), low + 1), shape).astype(self.dtype)
        made = rng.uniform(self.low, self.high, shape).astype(self.dtype)
        if self.nan:
            made[rng.uniform(size=shape) < 0.2] = np.nan
        return made


@dataclass(frozen=True)
class Case:
    """One call. `batch`: whether the first sizes of all arrays may be unknown; `loose`: the tolerance's factor;
    `after` makes comparable what is not unique."""

    name: str
    args: tuple[Any, ...]
    keywords: dict[str, Any] = field(default_factory=dict)
    batch: bool = True
    loose: float = 1.0
    after: Callable[[Any, Any], Any] | None = None

    @property
    def id(self) -> str:
        shapes = [f"{a.dtype}{list(a.shape)}" for a in arrays_in((self.args, self.keywords))]
        return "-".join(
            [self.name, *shapes[:2], *(f"{k}={v}"[:24] for k, v in list(self.keywords.items())[:3])]
        )


def arrays_in(value: Any) -> list[A]:
    """The array arguments in a structure, in order."""
    if isinstance(value, A):
        return [value]
    if isinstance(value, dict):
        return [a for v in value.values() for a in arrays_in(v)]
    if isinstance(value, (list, tuple)):
        return [a for v in value for a in arrays_in(v)]
    return []


def filled(value: Any, source: Any) -> Any:
    """A structure with other things in the place of its array arguments."""
    if isinstance(value, A):
        return next(source)
    if isinstance(value, dict):
        return {k: filled(v, source) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(filled(v, source) for v in value)
    return value


def function(module: Any, name: str) -> Any:
    """A function of a module or of one in it, by its name."""
    return functools.reduce(getattr, name.split("."), module)


def traced_call(case: Case) -> Callable[..., Any]:
    """The call as a function of its arrays."""

    def call(*tensors: Any) -> Any:
        args, keywords = filled((case.args, case.keywords), iter(tensors))
        return function(ops, case.name)(*args, **keywords)

    return call


def c(
    name: str, *args: Any, static: bool = False, loose: float = 1.0, after: Any = None, **keywords: Any
) -> Case:
    return Case(name, args, keywords, not static, loose, after)


def words(text: str) -> list[str]:
    return text.split()


X, Y = A((3, 4)), A((3, 4))
UNIT = A((3, 4), low=-0.99, high=0.99)
POSITIVE = A((3, 4), low=0.1, high=3)
INT, SMALL = A((3, 4), "int32", -9, 9), A((3, 4), "int32", 1, 5)
B = A((3, 4), "bool")
NAN = A((3, 4), nan=True)
IMAGE = A((2, 6, 5, 3), low=0, high=1)
