"""Models: Sequential, functional ones, and subclasses."""

from __future__ import annotations

from .model import Functional, Model
from .sequential import Sequential

__all__ = ["Functional", "Model", "Sequential"]
