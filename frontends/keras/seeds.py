"""Seeds: what random numbers are drawn from, and the seed of all that name none."""

from __future__ import annotations

import random as python_random
from typing import Any

import numpy as np

from ...compiler.ir.attributes import Array
from ..eager import nodes
from ..eager.tensor import Tensor, convert
from ..eager.variable import Variable
from . import naming, random_state

_shared: dict[str, Any] = {}


class SeedGenerator:
    """A seed that differs each time it is asked for, from a first one on.

    `seed`: an integer, or None for one that Python's `random` draws. Its `state` is a variable int64 [2]: the seed,
    and how often it was asked for. So a compiled function draws other numbers each time it runs.
    """

    def __init__(self, seed: int | None = None, name: str | None = None, **kwargs: Any) -> None:
        if set(kwargs) - {"backend"}:
            raise ValueError(f"SeedGenerator has no argument {', '.join(sorted(kwargs))}")
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, np.integer))):
            raise ValueError(f"expected an integer as the seed, received {seed!r}")
        self.name = name or naming.automatic(SeedGenerator)
        self._initial_seed = None if seed is None else int(seed)
        start = make_default_seed() if seed is None else int(seed)
        first = np.array([_wrapped(start), 0], np.int64)
        self.state = Variable(first, trainable=False, name="seed_generator_state")
        self.state.path = f"{self.name}/{self.state.name}"

    def next(self, ordered: bool = True) -> Tensor:
        """The seed for one drawing, int64 [2]."""
        value = self.state.value
        self.state.assign(value + np.array([0, 1], np.int64))
        return value

    def next_value(self) -> tuple[int, int]:
        """The seed for one drawing as numbers, also while a function is traced."""
        with nodes.tracing(None):
            value = self.state.numpy()
            self.state.assign(value + np.array([0, 1], np.int64))
        return int(value[0]), int(value[1])

    def get_config(self) -> dict[str, Any]:
        return {"seed": self._initial_seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        return cls(**config)


# where Keras has it
SeedGenerator.__module__ = f"{__name__.rpartition('.')[0]}.random"


def _wrapped(seed: int) -> int:
    """An integer of any size as one of 64 bits."""
    return ((seed + 2**63) % 2**64) - 2**63


def make_default_seed() -> int:
    """A seed that Python's `random` draws."""
    return python_random.randint(1, 10**9)


def global_seed_generator() -> SeedGenerator:
    """The generator for drawings that name no seed."""
    if "generator" not in _shared:
        _shared["generator"] = SeedGenerator(name="global_seed_generator")
    return _shared["generator"]


def set_random_seed(seed: int) -> None:
    """Seeds Python's `random`, numpy's, and all that draws random numbers here without a seed of its own."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise ValueError(f"expected an integer as the seed, received {seed!r}")
    shared = global_seed_generator()
    python_random.seed(int(seed))
    np.random.seed(int(seed) % 2**32)
    random_state.seed(int(seed) % 2**32)
    fresh = np.array([make_default_seed(), 0], np.int64)
    with nodes.tracing(None):
        # the variable stays: compiled functions hold it
        shared.state.assign(fresh)


def draw_seed(seed: int | SeedGenerator | None) -> Tensor:
    """int64 [2] for a drawing: of an integer always the same, of a generator (None: the global one) the next."""
    if isinstance(seed, SeedGenerator):
        return seed.next()
    if seed is None:
        return global_seed_generator().next()
    if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool):
        return convert(np.array([_wrapped(int(seed)), 0], np.int64))
    raise ValueError(f"expected an integer or a SeedGenerator as the seed, received {seed!r}")


def numpy_generator(seed: int | SeedGenerator) -> np.random.Generator:
    """numpy's generator for a seed; a SeedGenerator moves on."""
    low, high = seed.next_value() if isinstance(seed, SeedGenerator) else (int(seed), 0)
    key: Array = np.array([low % 2**64, high % 2**64], np.uint64)
    return np.random.Generator(np.random.Philox(key=key))
