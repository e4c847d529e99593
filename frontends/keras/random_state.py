"""The generator that everything without a seed of its own draws from."""

from __future__ import annotations

import numpy as np

_state: list[np.random.Generator] = [np.random.default_rng()]


def generator() -> np.random.Generator:
    """The shared generator."""
    return _state[0]


def seed(value: int) -> None:
    """Begins the shared generator anew."""
    _state[0] = np.random.default_rng(value)
