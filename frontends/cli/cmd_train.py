"""netwright train LIBRARY DATA.npz"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...runtime import TensorSpec, load
from ...runtime.errors import InputError
from ...runtime.train import Trainer
from .arrays import Array, load_array
from .options import positive
from .tables import fancy

#: names that data files commonly have for inputs and targets
_COMMON = (
    ("x", "y"),
    ("x_train", "y_train"),
    ("images", "labels"),
    ("data", "target"),
    ("inputs", "targets"),
)
_WIDTH = 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("library", help="a library compiled with --train (.so)")
    parser.add_argument("data", help="inputs and targets (.npz): by the library's names, or as x and y")
    parser.add_argument(
        "--epochs", type=positive, default=1, metavar="N", help="passes over the data (default 1)"
    )
    parser.add_argument("--validation", metavar="FILE", help="samples to evaluate on after each epoch (.npz)")
    parser.add_argument("--restore", metavar="FILE", help="begin with this state (.safetensors)")
    parser.add_argument("--save", metavar="FILE", help="write the state here after each epoch (.safetensors)")
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the order of the samples (default 0)"
    )
    parser.add_argument("--no-shuffle", action="store_true", help="take the samples in their order")
    parser.add_argument("--threads", type=positive, metavar="N", help="threads to use")


def run(args: argparse.Namespace) -> int:
    trainer = load(args.library, threads=args.threads).trainer()
    arrays = training_arrays(args.data, trainer.inputs)
    held = None if args.validation is None else training_arrays(args.validation, trainer.inputs)
    if args.restore is not None:
        trainer.restore(args.restore)
    for epoch in range(args.epochs):
        _epoch(trainer, arrays, held, epoch, args)
        if args.save is not None:
            trainer.save(args.save)
    return 0


def _epoch(
    trainer: Trainer, arrays: list[Array], held: list[Array] | None, epoch: int, args: argparse.Namespace
) -> None:
    begin = time.perf_counter()
    bar = _Bar(f"epoch {epoch + 1}/{args.epochs}", fancy(sys.stderr))
    (means,) = trainer.fit(*arrays, shuffle=not args.no_shuffle, seed=args.seed + epoch, progress=bar)
    bar.clear()
    if held is not None:
        means = {**means, **{f"val_{k}": v for k, v in trainer.evaluate(*held).items()}}
    seconds = time.perf_counter() - begin
    print(f"epoch {epoch + 1}/{args.epochs}: {numbers(means)} ({seconds:.1f} s)", flush=True)


def numbers(means: Mapping[str, float]) -> str:
    return ", ".join(f"{k} {v:.4g}" for k, v in means.items())


class _Bar:
    """A bar of the batches done, on a terminal only."""

    def __init__(self, title: str, shown: bool) -> None:
        self._title, self._shown, self._last = title, shown, 0.0

    def __call__(self, epoch: int, done: int, steps: int, means: Mapping[str, float]) -> None:
        now = time.perf_counter()
        if not self._shown or (now - self._last < 0.1 and done < steps):
            return
        self._last = now
        full = _WIDTH * done // steps
        sys.stderr.write(
            f"\r\x1b[K{self._title} {'█' * full}{'░' * (_WIDTH - full)} {done}/{steps} {numbers(means)}"
        )
        sys.stderr.flush()

    def clear(self) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def training_arrays(path: str, specs: tuple[TensorSpec, ...]) -> list[Array]:
    """The arrays of a file in the order of inputs and targets, as their data types. Raises InputError where one
    is missing."""
    found = load_array(path)
    if not isinstance(found, dict):
        raise InputError(f"expected a .npz file with inputs and targets, received the single array {path!r}")
    names = _names(found, specs)
    if names is None:
        wanted = ", ".join(s.name for s in specs)
        raise InputError(
            f"{path!r}: expected arrays named {wanted}, or x and y, received {', '.join(found) or 'none'}"
        )
    return [_fitted(path, s, found[n]) for s, n in zip(specs, names, strict=True)]


def _names(found: Mapping[str, Array], specs: tuple[TensorSpec, ...]) -> list[str] | None:
    own = [s.name.removesuffix(":0") for s in specs]
    for names in (own, *(_COMMON if len(specs) == 2 else ())):
        if all(n in found for n in names):
            return list(names)
    return None


def _fitted(path: str, spec: TensorSpec, array: Array) -> Array:
    """An array as an input or target wants it: integers become floats, a last dimension of 1 is added or dropped."""
    shape = spec.shape[1:]
    if array.ndim == len(spec.shape) - 1 and shape[-1:] == (1,):
        array = array[..., None]
    elif array.ndim == len(spec.shape) + 1 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.shape[1:] != shape or not array.ndim:
        raise InputError(
            f"{path!r}: {spec.name!r} has shape {list(array.shape)}, expected [samples, {', '.join(map(str, shape))}]"
        )
    kind: Any = spec.dtype.numpy
    if array.dtype.kind == "f" and kind.kind != "f":
        raise InputError(f"{path!r}: {spec.name!r} is {array.dtype}, expected {spec.dtype.tf_name}")
    return np.ascontiguousarray(array.astype(kind))
