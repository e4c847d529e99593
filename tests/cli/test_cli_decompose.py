"""netwright compile --decompose-conv, and what netwright info says of it."""

from collections.abc import Callable
from pathlib import Path

import netwright as nw
import numpy as np
import pytest
from netwright.frontends.cli.decomposition_table import decomposition_lines
from netwright.runtime.artifact import manifest_of
from netwright.runtime.errors import ArtifactError

from .conftest import INPUT, MODEL, Run


def test_the_table(run: Run, digits: Path, tmp_path: Path) -> None:
    done = run("compile", MODEL, "-o", "m.so", "--decompose-conv", "max-error=0.4")
    assert done.returncode == 0, done.stderr
    head, *lines = done.stdout.splitlines()
    assert head.startswith("m.so: ")
    rows = manifest_of(str(tmp_path / "m.so"))["decompositions"]
    made = [r for r in rows if r["decision"] == "decomposed"]
    assert made and len(rows) == 4
    assert lines[0].split()[:3] == ["rank", "error", "output"] and lines[0].endswith("layer")
    assert lines[-1].startswith("relative error of the model's results on 16 random inputs: ")
    assert lines[-2].startswith(f"{len(made)} of 4 layers decomposed; of their predicted cycles ")
    assert all(any(r["layer"] in line for line in lines) for r in rows)
    told = run("info", "m.so").stdout
    assert told.endswith("\n".join(lines) + "\n")
    x = np.load(INPUT)
    got, want = nw.load(tmp_path / "m.so")(x), nw.load(digits / "digits.so")(x)
    assert 0 < np.abs(got - want).max() < 0.5


def test_nothing_is_said_unasked(run: Run, digits: Path) -> None:
    assert "decomposed" not in run("info", digits / "digits.so").stdout
    assert decomposition_lines("m.so", {}) == []


def test_the_pass_alone(run: Run, digits: Path) -> None:
    (file,) = (digits / "dumps").glob("??_fold-batch-norm.mlir")
    done = run("opt", file, "--pass", "decompose-conv{rank=4 force=true}")
    assert done.returncode == 0, done.stderr
    assert "graph.decompositions = [" in done.stdout and "tensor<3x1x16x4xf32>" in done.stdout
    whole = run("compile", MODEL, "--decompose-conv", "force rank=4", "--stop-after", "decompose-conv")
    assert "tensor<3x1x16x4xf32>" in whole.stdout


@pytest.mark.parametrize(
    ("budget", "sentence"),
    [
        ("fast", "expected max-error=E, flops=SHARE, rank=R or force, received 'fast'"),
        ("max-error=1%", "expected a number behind max-error=, received '1%'"),
        ("force", "expected max-error=E, flops=SHARE or rank=R, received 'force'"),
    ],
)
def test_budgets_that_are_none(refused: Callable[..., str], budget: str, sentence: str) -> None:
    assert (
        refused("compile", MODEL, "-o", "m.so", "--decompose-conv", budget) == f"--decompose-conv: {sentence}"
    )


@pytest.mark.parametrize("rows", [3, [3], [{}], [{"layer": "x"}]])
def test_a_damaged_manifest(rows: object) -> None:
    with pytest.raises(ArtifactError, match=r"the decompositions in the manifest of 'm\.so' are damaged"):
        decomposition_lines("m.so", {"decompositions": rows})
