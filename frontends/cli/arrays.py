"""Arrays on the command line: `name=file.npy`, `.npz` files, random inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...runtime import TensorSpec
from ...runtime.errors import InputError

Array = npt.NDArray[Any]


def load_array(path: str) -> Array | dict[str, Array]:
    """The array of a .npy file, or the arrays of a .npz file by name; nothing is unpickled."""
    try:
        found = np.load(path, allow_pickle=False)
        if isinstance(found, np.lib.npyio.NpzFile):
            with found:
                return {k: found[k] for k in found.files}
        return np.asarray(found)
    except (OSError, ValueError, EOFError) as e:
        raise InputError(f"cannot read arrays from {path!r}: {e}; expected a .npy or .npz file") from e


def read_inputs(items: Sequence[str], specs: Sequence[TensorSpec]) -> dict[str, Array]:
    """`x=x.npy`, or `x.npz` with arrays by name, or `x.npy` alone when there is one input."""
    out: dict[str, Array] = {}
    for item in items:
        name, eq, path = item.partition("=")
        value = load_array(path if eq else item)
        if isinstance(value, dict):
            out.update(value)
        elif eq:
            out[name] = value
        elif len(specs) == 1:
            out[specs[0].name] = value
        else:
            raise InputError(f"{item!r}: give the input's name, as NAME=FILE; inputs: {_names(specs)}")
    return out


def split_outputs(items: Sequence[str]) -> dict[str, str]:
    """`y=y.npy` to {name: path}."""
    out: dict[str, str] = {}
    for item in items:
        name, eq, path = item.partition("=")
        if not eq:
            raise InputError(f"expected NAME=FILE for --output, received {item!r}")
        out[name] = path
    return out


def save_array(path: str, array: Array) -> None:
    """Writes a .npy file under exactly this name."""
    try:
        with open(path, "wb") as f:
            np.save(f, array, allow_pickle=False)
    except OSError as e:
        raise InputError(f"cannot write {path!r}: {e.strerror}") from e


def save_text(path: str, text: str) -> None:
    """Writes a text file."""
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as e:
        raise InputError(f"cannot write {path!r}: {e.strerror}") from e


def array_text(array: Array) -> str:
    """The numbers of a small array in full; the corners of a large one."""
    return np.array2string(array, threshold=200, edgeitems=3, precision=6, max_line_width=100)


def random_inputs(specs: Sequence[TensorSpec], size: int, seed: int = 0) -> dict[str, Array]:
    """Seeded random inputs; unknown sizes become `size`."""
    rng = np.random.default_rng(seed)
    out: dict[str, Array] = {}
    for s in specs:
        shape = tuple(size if d is None else d for d in s.shape)
        if s.dtype.is_float:
            out[s.name] = rng.uniform(0, 1, shape).astype(s.dtype.numpy)
        else:
            out[s.name] = np.zeros(shape, s.dtype.numpy)
    return out


def difference(got: Array, want: Array) -> float:
    """max |got - want| / max |want|; infinite where one has a NaN or infinity and the other has not."""
    a, b = np.asarray(got, np.float64), np.asarray(want, np.float64)
    if a.shape != b.shape:
        return float("inf")
    if a.size == 0:
        return 0.0
    odd = ~np.isfinite(b)
    same_odd = np.array_equal(a[odd], b[odd], equal_nan=True) and np.array_equal(odd, ~np.isfinite(a))
    if not same_odd:
        return float("inf")
    top = float(np.abs(b[~odd]).max(initial=0.0))
    error = float(np.abs(a - b)[~odd].max(initial=0.0))
    return error / top if top else error


def _names(specs: Sequence[TensorSpec]) -> str:
    return ", ".join(s.name for s in specs)


def in_order(inputs: Mapping[str, Array], specs: Sequence[TensorSpec]) -> list[Array]:
    """The arrays in the order of the inputs; `x` and `x:0` name the same tensor."""
    out: list[Array] = []
    for s in specs:
        plain = s.name[:-2] if s.name.endswith(":0") else s.name
        for key in (s.name, plain, plain + ":0"):
            if key in inputs:
                out.append(inputs[key])
                break
        else:
            raise InputError(f"no array for input {s.name!r}; arrays: {', '.join(inputs) or 'none'}")
    return out
