"""What a decomposition does to a model's results: both models on the same inputs, and how often each is right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...compiler.ir.attributes import Array
from ...runtime import Model, TensorSpec
from ...runtime.errors import InputError
from .samples import Calibration, batches

#: samples of one call
SAMPLES = 16


@dataclass(frozen=True)
class Quality:
    """The relative error of the results in the 2-norm over all samples, of the output where it is largest; with labels
    the shares of samples whose class is right, else None."""

    error: float
    accuracy_before: float | None = None
    accuracy_after: float | None = None


@dataclass
class _Error:
    """The squares of an output and of its change."""

    whole: float = 0.0
    change: float = 0.0

    def add(self, before: Array, after: Array) -> None:
        """Numbers that are not finite count as no change where they are equal, else as one without bounds."""
        a, b = (_numbers(x) for x in (before, after))
        if a.shape != b.shape:
            self.change = math.inf
            return
        odd = ~(np.isfinite(a) & np.isfinite(b))
        if odd.any():
            same = np.array_equal(a[odd], b[odd], equal_nan=True)
            self.change += 0.0 if same else math.inf
            a, b = np.where(odd, 0.0, a), np.where(odd, 0.0, b)
        self.whole += float(np.sum(a**2))
        self.change += float(np.sum((b - a) ** 2))

    @property
    def relative(self) -> float:
        if not self.change:
            return 0.0
        return math.sqrt(self.change / self.whole) if self.whole else math.inf


@dataclass
class _Right:
    """How many classes were right."""

    right: int = 0
    count: int = 0

    def add(self, made: Array, labels: Array) -> None:
        found = hits(made, labels)
        self.right += int(np.sum(found))
        self.count += found.size

    @property
    def share(self) -> float:
        return self.right / self.count if self.count else 0.0


@dataclass
class _Counts:
    errors: dict[str, _Error] = field(default_factory=dict[str, _Error])
    before: _Right = field(default_factory=_Right)
    after: _Right = field(default_factory=_Right)


def quality(before: Model, after: Model, calibration: Calibration) -> Quality:
    """How far the results of two models of the same inputs and outputs lie apart, and their top-1 accuracy.

    Results that are integers or bools count only where there are no floats. Labels are of the output whose leading
    sizes they have: numbers of classes, or shares of each class; an output of one number means the class 1 where it is
    above 0.5.

    Raises InputError for labels that fit no output, and what the models raise.
    """
    outputs = before.outputs
    floats = [s.name for s in outputs if s.dtype.is_float] or [s.name for s in outputs]
    counts = _Counts({name: _Error() for name in floats})
    for batch in batches(calibration, before.inputs, SAMPLES):
        a = before.run(batch.inputs)
        b = a if after is before else after.run(batch.inputs)
        a, b = ({k: _kept(v, batch.count, batch.size) for k, v in r.items()} for r in (a, b))
        for name, error in counts.errors.items():
            error.add(a[name], b[name])
        if calibration.labels is not None:
            labels = calibration.labels[batch.begin : batch.begin + batch.count]
            name = labelled(outputs, a, labels)
            counts.before.add(a[name], labels)
            counts.after.add(b[name], labels)
    error = max((e.relative for e in counts.errors.values()), default=0.0)
    if calibration.labels is None:
        return Quality(error)
    return Quality(error, counts.before.share, counts.after.share)


def _kept(made: Array, count: int, size: int) -> Array:
    """A result without what only filled up the batch."""
    if count == size or not made.ndim or made.shape[0] % size:
        return made
    return made[: made.shape[0] // size * count]


def _numbers(x: Array) -> Array:
    return np.asarray(x, np.float64)


def labelled(outputs: Sequence[TensorSpec], made: dict[str, Any], labels: Array) -> str:
    """The first output that labels fit."""
    for spec in outputs:
        if _fits(made[spec.name], labels):
            return spec.name
    have = ", ".join(f"{s.name} {_sizes(made[s.name])}" for s in outputs)
    raise InputError(
        f"expected labels as numbers of classes, of an output's shape without its last size, or of its shape, received "
        f"{_sizes(labels)} for {len(labels)} samples; outputs: {have}"
    )


def _sizes(x: Array) -> str:
    return "x".join(map(str, x.shape)) or "()"


def _column(x: Array) -> Array:
    """Without a last size of one."""
    return x[..., 0] if x.ndim > 1 and x.shape[-1] == 1 else x


def _of_classes(made: Array) -> bool:
    """Whether a result has a number for each class."""
    return made.dtype.kind not in "biu" and made.ndim > 1 and made.shape[-1] > 1


def _fits(made: Array, labels: Array) -> bool:
    if _of_classes(made):
        return labels.shape == made.shape or _column(labels).shape == made.shape[:-1]
    return _column(labels).shape == _column(made).shape


def hits(made: Array, labels: Array) -> Array:
    """For each label whether the result means it. InputError for labels that are no classes of the output."""
    if _of_classes(made) and labels.shape == made.shape:
        return made.argmax(axis=-1) == labels.argmax(axis=-1)
    count = made.shape[-1] if _of_classes(made) else 0
    if made.dtype.kind in "biu":
        found = _column(made)
    else:
        found = made.argmax(axis=-1) if count else (_column(made) > 0.5).astype(np.int64)
    wanted = _column(labels)
    odd = wanted != np.floor(wanted) if wanted.dtype.kind == "f" else np.zeros(wanted.shape, bool)
    if wanted.dtype.kind != "b":
        odd = odd | (wanted < 0) | (wanted >= (count or np.inf))
    if odd.any():
        raise InputError(
            f"expected labels as numbers of classes from 0 to {count - 1 if count else 1}, received {wanted[odd][0]}"
        )
    return found == wanted
