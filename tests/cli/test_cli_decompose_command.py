"""netwright decompose, and compile --plot."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import netwright as nw
import numpy as np
import pytest
from netwright.runtime.artifact import manifest_of

from .conftest import MODEL, Run

PLANTED = """
import numpy as np
from netwright import keras

def build():
    rng = np.random.default_rng(0)
    model = keras.Sequential([keras.Input((40, 40, 32)), keras.layers.Conv2D(32, 5, name="low", padding="same"),
                              keras.layers.Conv2D(32, 3, name="full", padding="same")])
    a, b = rng.normal(size=(5 * 32, 16)), rng.normal(size=(16, 5 * 32))
    kernel = (a @ b).reshape(5, 32, 5, 32).transpose(2, 0, 1, 3) / 100
    low = model.get_layer("low")
    low.set_weights([kernel.astype(np.float32), np.zeros(32, np.float32)])
    return model
"""


@pytest.fixture
def samples(tmp_path: Path, digits: Path) -> str:
    """Images, and what the sample network says that they are."""
    x = np.random.default_rng(0).uniform(0, 1, (64, 8, 8, 1)).astype(np.float32)
    y = np.asarray(nw.load(digits / "digits.so")(x)).argmax(axis=1)
    np.savez(tmp_path / "samples.npz", x=x, y=y)
    return "samples.npz"


def test_a_planted_rank_is_found(run: Run, tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text(PLANTED)
    done = run(
        "decompose", "planted.py:build", "--decompose-conv", "max-error=0.001", "--seconds", "0.1",
        "--json", "d.json", "--plot", "ranks.png",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    row = next(line for line in lines if "5x5x32x32" in line)
    assert row.startswith("16/160 ") and row.endswith("sequential/low")
    assert any(line.startswith("1 of 2 layers decomposed") for line in lines)
    times = next(
        i for i, line in enumerate(lines) if line.split() == ["us", "before", "ratio", "predicted", "layer"]
    )
    after, before, ratio, predicted, layer = lines[times + 1].split()
    assert layer == "sequential/low" and float(after) > 0 and float(before) > 0 and float(ratio) > 0
    data = json.loads((tmp_path / "d.json").read_text())
    low, full = data["layers"]
    assert (low["rank"], full["decision"]) == (16, "kept")
    assert float(predicted) == pytest.approx(low["cycles_after"] / low["cycles_before"], abs=0.01)
    assert 0 < data["quality"]["error"] < 1e-5
    assert data["times"]["after"] > 0 and data["times"]["rounds"] >= 5
    assert (tmp_path / "ranks.png").read_bytes().startswith(b"\x89PNG")
    assert not list(tmp_path.glob("*.so"))


def test_a_sweep(run: Run, samples: str, tmp_path: Path) -> None:
    done = run(
        "decompose", MODEL, "--sweep", "--budgets", "0.001,0.02 force,0.05 force,0.1 force", "--calibrate", samples,
        "--seconds", "0.1",
        "--json", "s.json", "--csv", "s.csv", "--plot", "curve.png",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    head, whole, *lines = done.stdout.splitlines()
    assert head.split()[0] == "budget" and head.endswith("accuracy")
    assert whole.startswith("as it is") and whole.endswith("0   100.00%")
    data = json.loads((tmp_path / "s.json").read_text())
    rows = data["budgets"]
    budgets = ["0.001", "0.02 force", "0.05 force", "0.1 force"]
    assert [r["budget"] for r in rows] == budgets
    assert all(line.startswith(f"{b} ") for line, b in zip(lines, budgets, strict=False))
    assert data["before_accuracy"] == 1 and data["layers"] == 4
    assert [r["decomposed"] for r in rows] == [0, 4, 4, 4]
    for what in ("flops", "parameters"):
        # the first is not forced, and takes no pair with more of them
        found = [r[what] for r in rows[1:]]
        assert found == sorted(found, reverse=True) and found[0] > found[-1] and rows[0][what] == 1
    assert rows[0]["error"] == 0 and rows[0]["ratio"] == 1 and rows[0]["decomposed"] == 0
    assert 0 < rows[1]["error"] < rows[2]["error"] < rows[3]["error"] < 0.5
    assert all(r["ms"] > 0 and 0 <= r["accuracy"] <= 1 for r in rows)
    table = list(csv.DictReader(io.StringIO((tmp_path / "s.csv").read_text())))
    assert [float(r["error"]) for r in table] == [r["error"] for r in rows]
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_a_sweep_measures_what_compile_makes(run: Run, samples: str, digits: Path, tmp_path: Path) -> None:
    """Each budget is a library of its own, with the errors that the compiled one has."""
    budgets = ("0.2 force", "rank=2 force")
    done = run("decompose", MODEL, "--sweep", "--budgets", ",".join(budgets), "--seconds", "0.1", "--json", "s.json",
               "--calibrate", samples)  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "s.json").read_text())["budgets"]
    with np.load(tmp_path / samples) as arrays:
        x, y = arrays["x"], arrays["y"]
    want = np.asarray(nw.load(digits / "digits.so")(x))
    for i, (budget, row) in enumerate(zip(budgets, rows, strict=True)):
        text = budget if budget.startswith("rank") else f"max-error={budget}"
        model = nw.compile(
            MODEL, tmp_path / f"m{i}.so", decompose_conv=text, calibrate=str(tmp_path / samples)
        )
        got = np.asarray(model(x))
        made = [r for r in manifest_of(model.path)["decompositions"] if r["decision"] == "decomposed"]
        assert len(made) == row["decomposed"] > 0
        assert row["error"] == pytest.approx(np.linalg.norm(got - want) / np.linalg.norm(want), rel=1e-3)
        assert row["accuracy"] == np.mean(got.argmax(axis=1) == y)
    assert rows[0]["error"] != rows[1]["error"]


def test_without_samples_inputs_are_random(run: Run) -> None:
    done = run("decompose", MODEL, "--sweep", "--budgets", "0.4", "--seconds", "0.1", "--batch", "4")
    assert done.returncode == 0, done.stderr
    assert "accuracy" not in done.stdout
    assert done.stdout.endswith("samples: 4 random samples\n")


def test_nothing_to_decompose_is_said(run: Run) -> None:
    done = run("decompose", MODEL)
    assert done.returncode == 0, done.stderr
    assert "0 of 4 layers decomposed" in done.stdout and "whole model" not in done.stdout


def test_compile_draws_ranks(run: Run, tmp_path: Path) -> None:
    done = run("compile", MODEL, "-o", "m.so", "--decompose-conv", "max-error=0.3", "--plot", "ranks.png")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "ranks.png").read_bytes().startswith(b"\x89PNG") and (tmp_path / "m.so").exists()


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["decompose", MODEL, "--budgets", "0.1"], "--budgets needs --sweep too"),
        (["decompose", MODEL, "--csv", "c.csv"], "--csv needs --sweep too"),
        (
            ["decompose", MODEL, "--sweep", "--decompose-conv", "flops=0.5"],
            "expected --decompose-conv or --sweep, received both: --budgets names those of a sweep",
        ),
        (
            ["decompose", MODEL, "--sweep", "--budgets", "0.1,,0.2"],
            "--budgets: expected budgets between commas, as 0.01,0.1, received '0.1,,0.2'",
        ),
        (
            ["decompose", MODEL, "--sweep", "--budgets", "0.1,fast"],
            "--budgets: expected max-error=E, flops=SHARE, rank=R or force, received 'fast'",
        ),
        (
            ["compile", MODEL, "-o", "m.so", "--plot", "r.png"],
            "--plot shows the ranks of a library that --decompose-conv makes: give that too, and neither --train nor "
            "--stop-after",
        ),
    ],
)
def test_what_is_refused(refused: Callable[..., str], command: list[str], sentence: str) -> None:
    assert refused(*command) == sentence


def test_a_picture_of_no_kind_is_refused_first(refused: Callable[..., str]) -> None:
    said = refused("decompose", "no_such_model.pb", "--plot", "ranks.txt")
    assert said.startswith("cannot draw into 'ranks.txt': expected a file name that ends in ")
