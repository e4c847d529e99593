"""Keras models and Python files on the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import netwright as nw
import numpy as np
import pytest

from .conftest import ROOT, Run

pytest.importorskip("h5py")
Refused = Callable[..., str]
DATA = ROOT / "tests" / "data" / "keras"


@pytest.mark.parametrize("name", ["chain.keras", "chain.h5"])
def test_a_keras_model_is_compiled_and_run(run: Run, tmp_path: Path, name: str) -> None:
    with np.load(DATA / "expected.npz") as expected:
        x, want = expected["x"], expected["chain"]
    np.save(tmp_path / "x.npy", x)
    done = run("compile", DATA / name, "-o", "m.so", "--verify", "x.npy")
    assert done.returncode == 0 and not done.stderr and "\nout: max " in done.stdout, done
    assert run("run", "m.so", "--input", "x=x.npy", "--output", "out=y.npy").returncode == 0
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), want, rtol=2e-5, atol=2e-6)
    assert nw.load(tmp_path / "m.so").manifest["model"] == "chain"
    shown = run("info", DATA / name).stdout
    assert "input   x: tensor<?x6x6x2xf32>" in shown and "output  out: tensor<?x3xf32>" in shown
    assert run("check", DATA / name).stdout.endswith(": everything is supported\n")


SOURCE = """
from netwright import keras

def build():
    return keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(3, name="hidden"), keras.layers.Dense(2)])

def broken():
    raise RuntimeError("no")
"""


def test_a_python_file_is_compiled(run: Run, refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(SOURCE)
    done = run("compile", "net.py:build", "--batch", "2", "--output-tensor", "hidden")
    assert done.returncode == 0 and done.stdout.startswith("net.so: "), done
    model = nw.load(tmp_path / "net.so")
    assert model.manifest["model"] == "net"
    assert [(s.name, s.shape) for s in model.outputs] == [("hidden", (2, 3))]
    assert "net.py:broken() raised RuntimeError: no" in refused("compile", "net.py:broken")
    assert "expected a function 'other' that returns the model" in refused("compile", "net.py:other")
    assert "found nothing: check the path" in refused("compile", "gone.py:build")
    assert "there is no layer 'nope' in the model" in refused("compile", "net.py", "--output-tensor", "nope")
    assert "there is no input 'nope'; the model has x" in refused("compile", "net.py", "--input", "nope:?,4")


def test_a_damaged_model_is_refused(refused: Refused, tmp_path: Path) -> None:
    whole = (DATA / "chain.keras").read_bytes()
    (tmp_path / "half.keras").write_bytes(whole[: len(whole) // 2])
    assert "half.keras: expected " in refused("compile", "half.keras")
    (tmp_path / "w.h5").write_bytes((DATA / "functional.weights.h5").read_bytes())
    assert "expected a whole model, found weights alone" in refused("compile", "w.h5")


def test_a_cached_library(run: Run, tmp_path: Path) -> None:
    for how in ("compiled", "from the cache"):
        done = run("compile", DATA / "chain.keras", "-o", "m.so", NETWRIGHT_CACHE=str(tmp_path / "kept"))
        assert how in done.stdout, done
