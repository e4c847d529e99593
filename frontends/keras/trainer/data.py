"""Batches of data: from arrays, from generators, from objects that give batches by number."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ....compiler.ir.attributes import Array
from ...eager.structure import leaves, rebuilt
from ...eager.tensor import Tensor
from ...eager.variable import Variable
from .. import random_state

#: one batch: inputs, targets, weights of samples; what is not there is None
Batch = tuple[Any, Any, Any]


def as_array(value: Any) -> Any:
    """A dense array of a type that compiled steps take: float64 becomes float32; None stays."""
    if value is None:
        return None
    if isinstance(value, (Tensor, Variable)):
        value = value.numpy()
    array = np.asarray(value)
    if array.dtype == np.float64:
        array = array.astype(np.float32)
    if array.dtype.kind not in "fiub":
        raise ValueError(
            f"expected arrays of numbers as data, received {type(value).__name__} of {array.dtype}"
        )
    return np.ascontiguousarray(array)


def as_arrays(structure: Any) -> Any:
    """The same for a structure; a list of numbers is one array."""
    if isinstance(structure, (list, tuple)) and structure and not any(_is_data(v) for v in structure):
        return as_array(structure)
    if isinstance(structure, dict):
        return {k: as_arrays(v) for k, v in structure.items()}
    if isinstance(structure, (list, tuple)):
        return [as_arrays(v) for v in structure]
    return as_array(structure)


def _is_data(v: Any) -> bool:
    return isinstance(v, (np.ndarray, Tensor, Variable, dict)) or hasattr(v, "__array__")


def unpacked(data: Any) -> Batch:
    """(x, y, sample_weight) from what a generator gives."""
    if not isinstance(data, tuple):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ValueError(
            f"expected x, (x,), (x, y) or (x, y, sample_weight), received a tuple of {len(data)}"
        )
    x, y, weights = (*data, None, None)[:3]
    return x, y, weights


def count(structure: Any) -> int:
    """How many samples arrays hold; ValueError where they differ."""
    sizes = {len(a) for a in leaves(structure) if a is not None and np.ndim(a)}
    if len(sizes) > 1:
        raise ValueError(
            "Data cardinality is ambiguous. Make sure all arrays contain the same number of samples: "
            f"sizes are {', '.join(map(str, sorted(sizes)))}"
        )
    if not sizes:
        raise ValueError("expected arrays of samples, received none")
    return sizes.pop()


def chosen(structure: Any, rows: Any) -> Any:
    """Rows of all arrays."""
    return rebuilt(structure, lambda a: None if a is None else np.ascontiguousarray(a[rows]))


class Data:
    """Batches for one epoch after the other. `steps` is their number where that is known."""

    steps: int | None = None
    samples: int | None = None

    def epoch(self) -> Iterator[Batch]:
        raise NotImplementedError

    def end(self) -> None:
        """An epoch is over."""


class ArrayData(Data):
    """Batches of arrays, in another order each epoch with `shuffle`."""

    def __init__(self, x: Any, y: Any, weights: Any, batch_size: int | None, shuffle: Any = False) -> None:
        self.data: Batch = (as_arrays(x), as_arrays(y), as_arrays(weights))
        self.samples = count(self.data)
        self.batch_size = batch_size or 32
        self.steps = math.ceil(self.samples / self.batch_size)
        self.shuffle = shuffle

    def epoch(self) -> Iterator[Batch]:
        n, size = self.samples or 0, self.batch_size
        starts = range(0, n, size)
        if self.shuffle == "batch":
            starts = [int(i) * size for i in random_state.generator().permutation(len(starts))]
        order = random_state.generator().permutation(n) if self.shuffle is True else None
        for start in starts:
            rows: Any = slice(start, min(start + size, n))
            x, y, w = chosen(self.data, rows if order is None else order[rows])
            yield x, y, w


class SequenceData(Data):
    """Batches by number, from an object with __getitem__ and __len__."""

    def __init__(self, source: Any, shuffle: bool) -> None:
        self.source, self.shuffle = source, shuffle
        self.steps = len(source)

    def epoch(self) -> Iterator[Batch]:
        order = np.arange(self.steps or 0)
        if self.shuffle:
            order = random_state.generator().permutation(order)
        for i in order:
            x, y, w = unpacked(self.source[int(i)])
            yield as_arrays(x), as_arrays(y), as_arrays(w)

    def end(self) -> None:
        if hasattr(self.source, "on_epoch_end"):
            self.source.on_epoch_end()


class IteratedData(Data):
    """Batches from an iterable: anew each epoch where it can be, else on from where it was."""

    def __init__(self, source: Any, steps: int | None) -> None:
        self.source, self.steps = source, steps
        self._endless = iter(source) is source
        self._running: Iterator[Any] | None = None

    def epoch(self) -> Iterator[Batch]:
        if self._running is None or not self._endless:
            self._running = iter(self.source)
        for done, data in enumerate(self._running):
            x, y, w = unpacked(data)
            yield as_arrays(x), as_arrays(y), as_arrays(w)
            if self.steps is not None and done + 1 >= self.steps:
                return


def data_of(
    x: Any, y: Any = None, weights: Any = None, batch_size: int | None = None, steps: int | None = None,
    shuffle: Any = False, class_weight: Any = None,
) -> Data:  # fmt: skip
    """The batches of what fit, evaluate and predict are given."""
    if isinstance(x, (np.ndarray, Tensor, list, tuple, dict)) or hasattr(x, "__array__"):
        made: Data = ArrayData(x, y, weights, batch_size, shuffle)
    elif y is not None:
        raise ValueError(
            f"expected batches with their targets in them, received y beside a {type(x).__name__}"
        )
    elif hasattr(x, "__getitem__") and hasattr(x, "__len__"):
        made = SequenceData(x, bool(shuffle))
    elif hasattr(x, "__iter__") or hasattr(x, "__next__"):
        made = IteratedData(x, steps)
    else:
        raise ValueError(
            f"expected arrays, a generator or an object that gives batches, received a {type(x).__name__}"
        )
    if class_weight:
        made = Weighted(made, class_weight)
    return made


class Weighted(Data):
    """Batches whose samples weigh as much as their classes do."""

    def __init__(self, inner: Data, weights: dict[int, float]) -> None:
        self.inner, self.steps, self.samples = inner, inner.steps, inner.samples
        self._weights = {int(k): float(v) for k, v in weights.items()}

    def epoch(self) -> Iterator[Batch]:
        for x, y, w in self.inner.epoch():
            yield x, y, class_weights(y, self._weights, w)

    def end(self) -> None:
        self.inner.end()


def class_weights(y: Any, weights: dict[int, float], given: Any = None) -> Array:
    """A weight for each sample: that of its class, times the one that is given."""
    if isinstance(y, (list, dict, tuple)):
        raise ValueError("`class_weight` is only supported for Models with a single output.")
    labels = np.asarray(y)
    if labels.ndim > 1 and labels.shape[-1] > 1:
        labels = labels.argmax(-1)
    labels = labels.reshape(len(labels), -1)[:, 0].astype(np.int64)
    out = np.ones(len(labels), np.float32)
    for c, w in weights.items():
        out[labels == c] = w
    return out if given is None else out * np.asarray(given, np.float32)


def split(arrays: Sequence[Any], share: float) -> tuple[list[Any], list[Any]]:
    """The first part of all arrays for training, the last `share` for validation."""
    if not 0 < share < 1:
        raise ValueError(f"`validation_split` must be between 0 and 1, received: {share}")
    made = [as_arrays(a) for a in arrays]
    n = count(made)
    at = math.floor(n * (1 - share))
    if at in (0, n):
        raise ValueError(
            f"Training data contains {n} samples, which is not sufficient to split it with `validation_split={share}`."
        )
    return [chosen(a, slice(0, at)) for a in made], [chosen(a, slice(at, n)) for a in made]
