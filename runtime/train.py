"""Training with a compiled library: steps, evaluation, the state and its files. Needs numpy alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .buffers import Array
from .checkpoint import read_arrays
from .errors import ArtifactError, InputError
from .spec import TensorSpec

if TYPE_CHECKING:
    from .session import Function, Model

#: called after each batch: epoch, batch, batches an epoch, the means so far
Progress = Callable[[int, int, int, dict[str, float]], None]


class Trainer:
    """The training functions of a library that was compiled with an optimizer and a loss.

    `batch` is the number of samples of a training step; `trainable` are the names of the variables that it
    changes by gradients. All variables, the optimizer's included, are the library's state: `save` and `restore`
    continue a training bit for bit.
    """

    def __init__(self, model: Model) -> None:
        facts: dict[str, Any] | None = model.manifest.get("train")
        if facts is None:
            raise ArtifactError(
                f"{model.path!r} was compiled for inference alone: compile it with --train to train it"
            )
        self.model = model
        self.batch: int = facts["batch"]
        self.optimizer: str = facts["optimizer"]
        self.loss: str = facts["loss"]
        self.trainable: tuple[str, ...] = tuple(facts["trainable"])
        self._predict, self._train, self._evaluate = (
            model.functions[facts[k]] for k in ("predict", "train_step", "evaluate")
        )

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What a training step takes: the model's inputs, then the targets."""
        return self._train.inputs

    def predict(self, *inputs: Any) -> Array | dict[str, Array]:
        """The model's outputs, for any number of samples."""
        return self._predict(*inputs)

    def train_step(self, *inputs: Any) -> dict[str, float]:
        """One step on a batch of inputs and targets: the loss, and the metrics, before the step."""
        return _numbers(self._train, inputs)

    def evaluate(self, *inputs: Any, batch: int | None = None) -> dict[str, float]:
        """The loss and the metrics on samples, `batch` at a time; means over all of them."""
        arrays = _arrays(self._evaluate, inputs)
        count, step = len(arrays[0]), batch or max(self.batch, 1)
        if not count:
            raise InputError("expected samples to evaluate on, received none")
        total: dict[str, float] = {}
        for start in range(0, count, step):
            part = [np.ascontiguousarray(a[start : start + step]) for a in arrays]
            for k, v in _numbers(self._evaluate, part).items():
                total[k] = total.get(k, 0.0) + v * len(part[0])
        return {k: v / count for k, v in total.items()}

    def fit(
        self,
        *inputs: Any,
        epochs: int = 1,
        shuffle: bool = True,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> list[dict[str, float]]:
        """Trains on samples for some epochs: the means of the loss and the metrics of each.

        A step takes whole batches: samples that fill none are left out of that epoch, others with `shuffle` in
        the next. Raises InputError for fewer samples than a batch.
        """
        arrays = _arrays(self._train, inputs)
        steps = len(arrays[0]) // self.batch
        if not steps:
            raise InputError(f"expected at least {self.batch} samples, one batch, received {len(arrays[0])}")
        generator = np.random.default_rng(seed)
        history: list[dict[str, float]] = []
        for epoch in range(epochs):
            order = generator.permutation(len(arrays[0])) if shuffle else np.arange(len(arrays[0]))
            means: dict[str, float] = {}
            for i in range(steps):
                rows = order[i * self.batch : (i + 1) * self.batch]
                for k, v in self.train_step(*(np.ascontiguousarray(a[rows]) for a in arrays)).items():
                    means[k] = means.get(k, 0.0) + (v - means.get(k, 0.0)) / (i + 1)
                if progress is not None:
                    progress(epoch, i + 1, steps, means)
            history.append(means)
        return history

    @property
    def variables(self) -> dict[str, TensorSpec]:
        """Weights, the optimizer's slots, counters: everything in the state."""
        return self.model.variables

    def get(self, name: str) -> Array:
        """A copy of a variable's value."""
        return self.model.get_variable(name)

    def set(self, name: str, value: Any) -> None:
        """Gives a variable another value of its shape and data type."""
        self.model.set_variable(name, value)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the whole state into a safetensors file."""
        self.model.save_state(path)

    def restore(self, path: str | os.PathLike[str], partial: bool = False) -> list[str]:
        """Takes the state from a safetensors file: the names that were found there.

        Raises InputError when a variable is missing there or has another shape; with `partial` missing ones stay
        as they are, which begins a fine-tuning from the weights of another training.
        """
        found = read_arrays(path)
        missing = [n for n in self.variables if n not in found]
        if missing and not partial:
            raise InputError(
                f"{os.fspath(path)!r} lacks {len(missing)} of {len(self.variables)} variables, "
                f"the first is {missing[0]!r}"
            )
        chosen = {n: found[n] for n in self.variables if n in found}
        for name, value in chosen.items():
            spec = self.variables[name]
            if value.shape != tuple(d or 0 for d in spec.shape):
                raise InputError(
                    f"variable {name!r}: expected shape {list(spec.shape)}, the file has {list(value.shape)}"
                )
        for name, value in chosen.items():
            self.set(name, value)
        return list(chosen)


def _numbers(function: Function, inputs: Sequence[Any]) -> dict[str, float]:
    result = function(*inputs)
    if isinstance(result, Mapping):
        return {k: float(v) for k, v in result.items()}
    return {function.outputs[0].name: float(result)}


def _arrays(function: Function, inputs: Sequence[Any]) -> list[Array]:
    if len(inputs) != len(function.inputs):
        names = ", ".join(s.name for s in function.inputs)
        raise InputError(f"expected {len(function.inputs)} arrays ({names}), received {len(inputs)}")
    arrays = [np.asarray(a) for a in inputs]
    sizes = {len(a) if a.ndim else 0 for a in arrays}
    if len(sizes) > 1:
        raise InputError(
            f"expected arrays of one number of samples, received {', '.join(map(str, sorted(sizes)))}"
        )
    return [a.astype(s.dtype.numpy, copy=False) for a, s in zip(arrays, function.inputs, strict=True)]
