"""netwright compile --train together with --decompose-conv: the factors are what is trained."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import netwright as nw
import numpy as np
import pytest
from netwright import keras
from netwright.runtime.artifact import manifest_of

from .conftest import MODEL, Run

PROGRAM = """
from netwright import keras

def build():
    keras.utils.set_random_seed(1)
    layers = keras.layers
    return keras.Sequential([keras.Input((12, 12, 4), name="x"), layers.Conv2D(8, 5, name="conv"),
                             layers.BatchNormalization(name="bn"), layers.Dropout(0.1), layers.Flatten(),
                             layers.Dense(3, name="scores")], name="small")
"""
FLAGS = ("--train", "adam:learning_rate=0.01", "--loss", "sparse_categorical_crossentropy", "--batch", "16")
FULL = ("--decompose-conv", "force rank=1000")


def digits_like(count: int = 64) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.uniform(size=(count, 8, 8, 1)).astype(np.float32), rng.integers(0, 10, count).astype(np.int32)


def rows_of(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = manifest_of(str(path))["decompositions"]
    return rows


def test_a_frozen_graph(run: Run, tmp_path: Path) -> None:
    """At full rank it computes what it did; the factors have the names of their weights."""
    done = run("compile", MODEL, *FLAGS, *FULL, "-o", "whole.so")
    assert done.returncode == 0, done.stderr
    assert "4 of 4 layers decomposed" in done.stdout
    x, y = digits_like()
    trainer = nw.load(tmp_path / "whole.so").trainer()
    assert np.abs(trainer.predict(x) - nw.compile(MODEL)(x)).max() < 1e-5
    factors = [n for n in trainer.trainable if n.endswith(("x3", "3x1", "/left", "/right"))]
    assert len(factors) == 8 and not any("ReadVariableOp" in n for n in trainer.trainable)
    np.savez(tmp_path / "data.npz", images=x, labels=y)
    before = {n: trainer.get(n) for n in trainer.trainable}
    done = run("train", "whole.so", "data.npz", "--epochs", "4", "--save", "tuned.safetensors")
    losses = [float(line.split("loss ")[1].split()[0]) for line in done.stdout.splitlines()]
    assert losses[-1] < losses[0], done.stderr
    trainer.restore(tmp_path / "tuned.safetensors")
    assert not any(np.array_equal(trainer.get(n), before[n]) for n in factors)


def test_some_factors_alone(run: Run, tmp_path: Path) -> None:
    done = run("compile", MODEL, *FLAGS, *FULL, "--trainable", "conv2d_1_2/.*", "-o", "m.so")
    assert done.returncode == 0, done.stderr
    names = nw.load(tmp_path / "m.so").trainer().trainable
    assert {n.rpartition("/")[2] for n in names} >= {"1x3", "3x1"}
    assert all("conv2d_1_2/" in n for n in names)


def test_the_table_is_that_of_the_pass(run: Run, tmp_path: Path) -> None:
    budget = ("--decompose-conv", "flops=0.5 force")
    done = run("compile", MODEL, *FLAGS, *budget, "-o", "m.so")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()[1:]
    assert run("info", "m.so").stdout.endswith("\n".join(lines) + "\n")
    rows = rows_of(tmp_path / "m.so")
    assert run("compile", MODEL, *budget, "-o", "p.so").returncode == 0
    # without training a batch normalisation goes into the weights before they are decomposed
    kept = [(r["kernel"], r["decision"], r["rank"]) for r in rows if "conv2d_1_2" not in r["layer"]]
    plain = rows_of(tmp_path / "p.so")
    assert kept == [(r["kernel"], r["decision"], r["rank"]) for r in plain if "conv2d_1_2" not in r["layer"]]
    assert [r["flops_after"] for r in rows] == [r["flops_after"] for r in plain]


def test_a_python_file_and_a_keras_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "small.py").write_text(PROGRAM)
    flags = ("--train", "sgd:learning_rate=0.05", "--loss", "mse", "--batch", "8")
    assert run("compile", "small.py:build", *flags, *FULL, "-o", "a.so").returncode == 0
    assert run("compile", "small.py:build", *flags, "-o", "plain.so").returncode == 0
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(16, 12, 12, 4)).astype(np.float32), rng.normal(size=(16, 3)).astype(np.float32)
    a, plain = nw.load(tmp_path / "a.so").trainer(), nw.load(tmp_path / "plain.so").trainer()
    assert np.abs(a.predict(x) - plain.predict(x)).max() < 1e-5
    order = rows_of(tmp_path / "a.so")[0]["order"].split(", ")
    assert a.trainable[:2] == tuple(f"small/conv/{o}/kernel" for o in order)
    assert "small/bn/moving_mean" in a.variables and any("seed" in v for v in a.variables)
    pytest.importorskip("h5py")
    scope: dict[str, Any] = {}
    exec(PROGRAM, scope)
    model = scope["build"]()
    model.save(tmp_path / "small.keras")
    done = run(
        "compile", "small.keras", *flags, "--decompose-conv", "flops=0.4,force", "--trainable", "conv/.*", "-o", "b.so"
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    b = nw.load(tmp_path / "b.so").trainer()
    assert len(b.trainable) == 3 and all("conv/" in n for n in b.trainable)
    small, rows = keras.utils.decompose_model(model, flops=0.4, force=True)
    assert [{**r, "output_error": None} for r in rows] == rows_of(tmp_path / "b.so")
    want = small.predict(x, verbose=0)
    assert np.abs(b.predict(x) - want).max() < 1e-5 * np.abs(want).max()
    first = b.train_step(x[:8], y[:8])["loss"]
    for _ in range(30):
        last = b.train_step(x[:8], y[:8])["loss"]
    assert last < 0.8 * first


def test_calibrated(run: Run, tmp_path: Path) -> None:
    """Of a graph and of a Keras-like model: errors are those of outputs."""
    x, y = digits_like()
    np.savez(tmp_path / "digits.npz", x=x, y=y)
    (tmp_path / "small.py").write_text(PROGRAM)
    np.savez(
        tmp_path / "small.npz", x=np.random.default_rng(0).normal(size=(32, 12, 12, 4)).astype(np.float32)
    )
    for model, data in ((MODEL, "digits.npz"), ("small.py:build", "small.npz")):
        done = run(
            "compile", model, *FLAGS, "--decompose-conv", "rank=2 force", "--calibrate", data, "-o", "m.so"
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        rows = rows_of(tmp_path / "m.so")
        assert rows and all(r["output_error"] is not None for r in rows)
        assert nw.load(tmp_path / "m.so").trainer().trainable


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ("--decompose-conv", "fast"),
            "--decompose-conv: expected max-error=E, flops=SHARE, rank=R or force",
        ),
        ((*FULL, "--trainable", "nowhere"), "received 'nowhere'; weights: "),
    ],
)
def test_refused(refused: Callable[..., str], flags: tuple[str, ...], message: str) -> None:
    assert message in refused("compile", MODEL, *FLAGS, *flags, "-o", "m.so")


def test_a_subclass_is_refused_by_name(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "import numpy as np\nfrom netwright import keras\n\n\nclass Own(keras.Model):\n    def __init__(self):\n"
        "        super().__init__()\n        self.dense = keras.layers.Dense(3)\n\n    def call(self, x):\n"
        "        return self.dense(x)\n\n\ndef build():\n    model = Own()\n    model(np.zeros((2, 4), np.float32))\n"
        "    return model\n"
    )
    sentence = refused("compile", "own.py:build", *FLAGS, *FULL, "-o", "m.so")
    assert sentence.startswith("the model 'own' is of class Own: layers can be replaced in Sequential and")
