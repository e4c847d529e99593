"""netwright compile --decompose-conv --calibrate, and what netwright info says of it."""

from collections.abc import Callable
from pathlib import Path

import netwright as nw
import numpy as np
import pytest
from netwright.frontends.cli.decomposition_table import quality_lines
from netwright.runtime.artifact import manifest_of
from netwright.runtime.errors import ArtifactError, OptionError

from .conftest import INPUT, MODEL, Run


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    """Images like digits: one of the sample's, moved and mixed with others; the labels are what the model says."""
    rng = np.random.default_rng(0)
    x = np.load(INPUT)
    shares = rng.dirichlet([0.5] * len(x), 60)
    mixed = np.einsum("sk,khwc->shwc", shares, x)
    moved = np.stack([np.roll(i, k % 3 - 1, axis=1) for k, i in enumerate(mixed)]).astype(np.float32)
    labels = np.asarray(nw.compile(MODEL)(moved)).argmax(axis=1)
    np.savez(tmp_path / "x.npz", image=moved, labels=labels)
    return tmp_path / "x.npz"


def test_calibrated(run: Run, samples: Path, tmp_path: Path) -> None:
    done = run("compile", MODEL, "-o", "m.so", "--decompose-conv", "max-error=0.1", "--calibrate", samples)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    manifest = manifest_of(str(tmp_path / "m.so"))
    rows, found = manifest["decompositions"], manifest["quality"]
    made = [r for r in rows if r["decision"] == "decomposed"]
    assert len(made) >= 2 and all(r["output_error"] <= 0.1 for r in made)
    assert found["samples"] == 60 and found["accuracy_before"] == 1
    assert lines[-2] == f"relative error of the model's results on 60 samples: {found['error']:.2g}"
    assert lines[-1] == f"accuracy on them: 100.00% before, {found['accuracy_after']:.2%} after"
    assert run("info", "m.so").stdout.splitlines()[-2:] == lines[-2:]
    with np.load(samples) as data:
        x, labels = data["image"], data["labels"]
    want, got = (np.asarray(m(x), np.float64) for m in (nw.compile(MODEL), nw.load(tmp_path / "m.so")))
    assert found["error"] == pytest.approx(np.linalg.norm(got - want) / np.linalg.norm(want), rel=1e-3)
    assert found["accuracy_after"] == pytest.approx((got.argmax(axis=1) == labels).mean(), abs=1e-4)


def test_python_gives_the_same(run: Run, samples: Path, tmp_path: Path) -> None:
    words = ("--decompose-conv", "force rank=4", "--calibrate", samples)
    assert run("compile", MODEL, "-o", "a.so", *words).returncode == 0
    (tmp_path / "b").mkdir()
    nw.compile(MODEL, tmp_path / "b" / "a.so", decompose_conv="force rank=4", calibrate=samples)
    assert (tmp_path / "b" / "a.so").read_bytes() == (tmp_path / "a.so").read_bytes()


def test_the_pass_alone_is_calibrated_too(run: Run, samples: Path) -> None:
    words = ("--decompose-conv", "force rank=4", "--stop-after", "decompose-conv")
    plain, calibrated = (
        run("compile", MODEL, *words, *more).stdout for more in ((), ("--calibrate", samples))
    )
    assert "output_error" in calibrated and "output_error" not in plain


def test_nothing_to_calibrate(refused: Callable[..., str], samples: Path) -> None:
    sentence = (
        "expected --decompose-conv beside --calibrate, received --calibrate x.npz alone: it says what pairs of thinner "
        'layers are fitted to, as in --decompose-conv "max-error=0.02"'
    )
    assert refused("compile", MODEL, "-o", "m.so", "--calibrate", "x.npz") == sentence
    assert refused("compile", MODEL, "--stop-after", "cse", "--calibrate", "x.npz") == sentence
    with pytest.raises(OptionError, match="expected --decompose-conv beside --calibrate"):
        nw.compile(MODEL, calibrate=samples)


def test_files_that_do_not_fit(refused: Callable[..., str], tmp_path: Path) -> None:
    words = ("compile", MODEL, "-o", "m.so", "--decompose-conv", "max-error=0.1", "--calibrate", "y.npz")
    assert refused(*words).startswith("y.npz: expected an .npz file of arrays of numbers to calibrate with")
    np.savez(tmp_path / "y.npz", a=np.zeros((2, 8, 8, 1)), b=np.zeros(2))
    assert refused(*words).startswith(
        "y.npz: expected an array for each input, received none for image: float32"
    )
    np.savez(tmp_path / "y.npz", image=np.full((2, 8, 8, 1), np.nan))
    assert "expected finite numbers, received nan in 128 places" in refused(*words)
    np.savez(tmp_path / "y.npz", image=np.zeros((2, 8, 8, 1)), y=[3, 10])
    assert refused(*words) == "expected labels as numbers of classes from 0 to 9, received 10"
    assert not (tmp_path / "m.so").exists()


@pytest.mark.parametrize(
    "found",
    [
        3,
        {},
        {"error": "x"},
        {"error": 0.1, "samples": "many", "inputs": "given"},
        {"error": 0.1, "samples": 3},
    ],
)
def test_a_damaged_manifest(found: object) -> None:
    with pytest.raises(ArtifactError, match=r"the quality in the manifest of 'm\.so' is damaged"):
        quality_lines("m.so", found)


def test_an_error_without_bounds_is_said() -> None:
    row = {"error": None, "accuracy_before": None, "accuracy_after": None, "samples": 3, "inputs": "given"}
    assert quality_lines("m.so", row) == [
        "relative error of the model's results on 3 samples: without bounds"
    ]
