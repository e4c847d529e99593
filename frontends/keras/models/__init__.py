"""Models: Sequential, functional ones, and subclasses; reading, writing and cloning them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .model import Functional, Model
from .sequential import Sequential

__all__ = ["Functional", "Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]

if TYPE_CHECKING:
    from ..saving import clone_model, load_model, model_from_json, save_model


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .. import saving

    return getattr(saving, name)
