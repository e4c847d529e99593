"""Data that comes batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class PyDataset:
    """Batches by number: a subclass has `__getitem__(index)`, which gives a batch as (inputs, targets) or (inputs,
    targets, weights), and `__len__` or `num_batches`. fit, evaluate and predict take it.

    Batches are asked for one after the other, in this process: `workers`, `use_multiprocessing` and
    `max_queue_size` are accepted and change nothing.
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        self.workers, self.use_multiprocessing, self.max_queue_size = (
            workers,
            use_multiprocessing,
            max_queue_size,
        )

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__} must define __getitem__(index), which gives a batch"
        )

    @property
    def num_batches(self) -> int | None:
        """How many batches an epoch has."""
        if type(self).__len__ is PyDataset.__len__:
            raise NotImplementedError(f"{type(self).__name__} must define `num_batches` or `__len__`")
        return len(self)

    def __len__(self) -> int:
        if type(self).num_batches is PyDataset.num_batches:
            raise NotImplementedError(f"{type(self).__name__} must define `__len__` or `num_batches`")
        return self.num_batches or 0

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def on_epoch_begin(self) -> None:
        """Before an epoch."""

    def on_epoch_end(self) -> None:
        """After an epoch."""


Sequence = PyDataset
