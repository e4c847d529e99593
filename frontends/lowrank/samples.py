"""Samples of a model's inputs, with or without labels: read from a file, or made; cut into batches."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...compiler.ir.attributes import Array
from ...compiler.ir.core import Op
from ...compiler.ir.dims import Sym, substitute, symbols_of
from ...compiler.ops.base import tensor
from ...compiler.ops.builtin import functions
from ...runtime import TensorSpec
from ...runtime.errors import InputError

#: what arrays of labels are called
LABELS = ("y", "labels")
#: the array of a model with one input may have this name
ONLY = "x"
#: sizes that are known at run time only, but for the batch, in inputs that are made
USUAL_SIZE = 64


@dataclass(frozen=True)
class Calibration:
    """Arrays by the names of the model's inputs, all of as many samples, and the samples' labels."""

    inputs: dict[str, Array]
    labels: Array | None = None

    @property
    def samples(self) -> int:
        """Of the input that has most: an input of fixed sizes may be the same for all."""
        return max((len(a) for a in self.inputs.values() if a.ndim), default=1)


def specs_of(module: Op) -> tuple[TensorSpec, ...]:
    """The inputs of a module's first function."""
    func = functions(module)[0]
    return tuple(
        TensorSpec(
            str(attrs.get("graph.name", arg.hint)),
            tuple(d if isinstance(d, int) else None for d in tensor(arg).shape),
            tensor(arg).dtype,
        )
        for arg, attrs in zip(func.body.args, func.arg_attrs, strict=True)
    )


def read_calibration(path: str | os.PathLike[str], module: Op) -> Calibration:
    """The samples in an .npz file for the first function of a module.

    Arrays have the names of the inputs (`x` and `x:0` are the same); where there is one input its array may be called
    `x`, or be the only one. `y` or `labels` are labels, unless an input has that name.

    Raises:
        InputError: the file is none, an input is missing or of another shape or kind of numbers, an array has objects,
            no samples, or a number that is not finite, or the arrays have different numbers of samples.
    """
    where = os.fspath(path)
    return calibration_of(_read(where), module, where)


def calibration_of(arrays: Mapping[str, Array], module: Op, where: str = "the samples") -> Calibration:
    """The samples in arrays of these names, checked as those of a file; `where` is what messages call them."""
    specs = specs_of(module)
    labels = next((k for k in LABELS if k in arrays and not any(_is(k, s.name) for s in specs)), None)
    given = {k: a for k, a in arrays.items() if k != labels}
    names = _named(given, specs, where)
    inputs = {s.name: _checked(given[names[s.name]], s, f"{where}: {names[s.name]!r}") for s in specs}
    found = Calibration(inputs, None if labels is None else arrays[labels])
    _check_counts(found, specs, where, labels)
    return found


def _read(path: str) -> dict[str, Array]:
    advice = "write one with numpy.savez(path, x=inputs, y=labels)"
    try:
        with open(path, "rb") as file:
            found = np.load(file, allow_pickle=False)
            if isinstance(found, np.lib.npyio.NpzFile):
                with found:
                    return {k: found[k] for k in found.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as e:
        raise InputError(
            f"{path}: expected an .npz file of arrays of numbers to calibrate with, received what cannot be read "
            f"({e}); {advice}"
        ) from e
    raise InputError(f"{path}: expected an .npz file to calibrate with, received one array (.npy); {advice}")


def _is(key: str, name: str) -> bool:
    """Whether a key means the input of this name."""
    return key.removesuffix(":0") == name.removesuffix(":0")


def _named(given: Mapping[str, Array], specs: Sequence[TensorSpec], where: str) -> dict[str, str]:
    """For each input the name of its array."""
    found = {s.name: k for s in specs for k in given if _is(k, s.name)}
    missing = [s for s in specs if s.name not in found]
    if len(specs) == 1 and missing and (ONLY in given or len(given) == 1):
        return {specs[0].name: ONLY if ONLY in given else next(iter(given))}
    if missing:
        raise InputError(
            f"{where}: expected an array for each input, received none for {', '.join(map(str, missing))}; arrays: "
            f"{', '.join(given) or 'none'}: name them after the inputs in numpy.savez"
        )
    if more := [k for k in given if k not in found.values()]:
        raise InputError(
            f"{where}: expected arrays for the inputs {', '.join(s.name for s in specs)} and for labels (y), received "
            f"{', '.join(map(repr, more))} too: leave it out"
        )
    return found


def _checked(array: Array, spec: TensorSpec, what: str) -> Array:
    """An array in the input's dtype."""
    if array.dtype.kind not in "biuf" and array.dtype.name != spec.dtype.tf_name:
        raise InputError(f"{what}: expected numbers, {spec.dtype.tf_name}, received {array.dtype}")
    wanted = (
        "x".join("?" if d is None else str(d) for d in ("samples", *spec.shape[1:])) if spec.shape else "()"
    )
    if array.ndim != len(spec.shape) or any(
        d not in (None, n) for d, n in zip(spec.shape[1:], array.shape[1:], strict=True)
    ):
        raise InputError(
            f"{what}: expected the shape {wanted} for the input {spec}, received {'x'.join(map(str, array.shape))}: "
            "samples come first, each in the input's own shape"
        )
    if 0 in array.shape:
        raise InputError(f"{what}: expected samples, received none (shape {'x'.join(map(str, array.shape))})")
    kind = spec.dtype.numpy.kind if spec.dtype.name != "bf16" else "f"
    if array.dtype.kind == "f" and not bool(np.isfinite(array).all()):
        bad = np.argwhere(~np.isfinite(array))
        raise InputError(
            f"{what}: expected finite numbers, received {array[tuple(bad[0])]} in {len(bad)} places, the first at "
            f"{tuple(map(int, bad[0]))}: leave those samples out"
        )
    if "biuf".index(array.dtype.kind.replace("u", "i")) > "biuf".index(kind.replace("u", "i")):
        raise InputError(
            f"{what}: expected {spec.dtype.tf_name} for the input {spec.name!r}, received {array.dtype}; convert it "
            f"with .astype({spec.dtype.tf_name!r})"
        )
    return _cast(array, spec, what)


def _cast(array: Array, spec: TensorSpec, what: str) -> Array:
    """The same numbers in the input's dtype."""
    if spec.dtype.name == "bf16" or array.dtype == spec.dtype.numpy:
        return np.ascontiguousarray(array)
    with np.errstate(over="ignore"):
        made = np.ascontiguousarray(array.astype(spec.dtype.numpy))
    same = bool(np.isfinite(made).all()) if spec.dtype.is_float else np.array_equal(made, array)
    if not same:
        raise InputError(f"{what}: expected numbers that {spec.dtype.tf_name} can hold, received larger ones")
    return made


def _check_counts(found: Calibration, specs: Sequence[TensorSpec], where: str, labels: str | None) -> None:
    """All arrays hold as many samples; labels are classes or shares of classes."""
    counts = {s.name: len(found.inputs[s.name]) for s in specs if s.shape and not _constant(s, found, specs)}
    if len(set(counts.values())) > 1:
        text = ", ".join(f"{n} of {k!r}" for k, n in counts.items())
        raise InputError(f"{where}: expected as many samples of every input, received {text}")
    if found.labels is None:
        return
    if found.labels.dtype.kind not in "biuf":
        raise InputError(f"{where}: expected labels as numbers of classes, received {found.labels.dtype}")
    received = len(found.labels) if found.labels.ndim else 0
    if received != found.samples:
        raise InputError(
            f"{where}: expected a label for each of {found.samples} samples, received {received} ({labels!r})"
        )


def _constant(spec: TensorSpec, calibration: Calibration, specs: Sequence[TensorSpec]) -> bool:
    """Whether an input is the same for all samples: no size of it is open, those of others are."""
    if not spec.shape:
        return True
    open_batch = any(s.shape and s.shape[0] is None for s in specs)
    return spec.shape[0] is not None and open_batch and len(calibration.inputs[spec.name]) == spec.shape[0]


def random_calibration(module: Op, samples: int = 16, seed: int = 0) -> Calibration:
    """Seeded samples for the first function of a module: floats of the standard normal distribution, integers of 0 and
    1; of a model of a fixed batch as many whole batches as hold `samples`."""
    rng, inputs = np.random.default_rng(seed), dict[str, Array]()
    func = functions(module)[0]
    for spec, arg in zip(specs_of(module), func.body.args, strict=True):
        dims = tensor(arg).shape
        batch = symbols_of(dims[0]) if dims else set[str]()
        env = {s: samples if s in batch else USUAL_SIZE for d in dims for s in symbols_of(d)}
        shape = [substitute(d, env) for d in dims]
        sizes = tuple(USUAL_SIZE if isinstance(d, Sym) else max(d, 1) for d in shape)
        if spec.dtype.name == "bf16":
            wide = rng.normal(size=sizes).astype(np.float32)
            inputs[spec.name] = (wide.view(np.uint32) >> 16).astype(np.uint16)
        elif spec.dtype.is_float:
            inputs[spec.name] = rng.normal(size=sizes).astype(spec.dtype.numpy)
        else:
            inputs[spec.name] = rng.integers(0, 2, sizes).astype(spec.dtype.numpy)
    return Calibration(inputs)


@dataclass(frozen=True)
class Batch:
    """Inputs for one call, and which samples of the calibration the first of them are; what is behind them fills up a
    batch of fixed size."""

    inputs: dict[str, Array]
    begin: int
    count: int
    size: int


def batches(
    calibration: Calibration, specs: Sequence[TensorSpec], size: int, begin: int = 0
) -> Iterator[Batch]:
    """The samples from one on, in order, in batches of `size` where the model leaves it open."""
    per_sample = [s for s in specs if not _constant(s, calibration, specs)]
    fixed = {s.shape[0] for s in per_sample if s.shape[0] is not None}
    if len(fixed) > 1:
        raise InputError(
            f"expected inputs of one batch size to calibrate with, received {', '.join(map(str, specs))}"
        )
    total = calibration.samples if per_sample else 1
    step = next((d for d in fixed if d is not None), None)
    wanted = step or size
    for at in range(begin, total, wanted):
        count = min(wanted, total - at)
        rows = np.arange(at, at + count)
        if step is not None and count < step:
            rows = np.resize(rows, step)
        inputs = {
            s.name: np.ascontiguousarray(calibration.inputs[s.name][rows])
            if s in per_sample
            else calibration.inputs[s.name]
            for s in specs
        }
        yield Batch(inputs, at, count, len(rows))
