"""Callbacks: what is called while a model is trained, evaluated or used."""

from __future__ import annotations

from typing import Any

from .callback import Callback, CallbackList
from .monitors import EarlyStopping, ModelCheckpoint, MonitorCallback, ReduceLROnPlateau
from .progress import ProgbarLogger
from .records import CSVLogger, History
from .simple import LambdaCallback, LearningRateScheduler, TerminateOnNaN
from .tensorboard import TensorBoard

__all__ = [
    "CSVLogger", "Callback", "CallbackList", "EarlyStopping", "History", "LambdaCallback", "LearningRateScheduler",
    "ModelCheckpoint", "MonitorCallback", "ProgbarLogger", "ReduceLROnPlateau", "TensorBoard", "TerminateOnNaN",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in ("BackupAndRestore", "OrbaxCheckpoint", "RemoteMonitor", "SwapEMAWeights"):
        raise AttributeError(f"keras.callbacks.{name} is not built here")
    raise AttributeError(f"keras.callbacks has no {name!r}")
