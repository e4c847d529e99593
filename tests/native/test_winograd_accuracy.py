"""The errors of Winograd's transforms against float64 are those of the table that choices are made by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.cost import accuracy
from netwright.compiler.cost import winograd as cost
from netwright.compiler.ops.interpreter import Interpreter

from ..helpers import build
from ..winograd_ways import TRANSFORMS, WAYS, Way, convolution, families

SHAPE = (24, 24, accuracy.CHANNELS)


def _errors(
    way: Way, folder: Path, m: tuple[int, int], taps: tuple[int, int], target: str
) -> tuple[float, float]:
    """Root of the mean square over the results' deviation, largest over largest."""
    module = convolution(SHAPE, 64, taps, "", 1, "VALID")
    x = np.random.default_rng(2).normal(size=(1, *SHAPE)).astype(np.float32)
    (want,) = Interpreter(module.clone({})).run([x.astype(np.float64)])
    model = build(module, folder, target=target, threads=2)
    assert families(model) == set(way.families)
    error = np.asarray(model(x)) - want
    return float(np.sqrt((error**2).mean()) / want.std()), float(np.abs(error).max() / np.abs(want).max())


@pytest.mark.parametrize(("m", "taps"), TRANSFORMS)
def test_errors_are_those_of_the_table(
    m: tuple[int, int], taps: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of what the table says would mean that it is not of these kernels; more, that something got worse."""
    want = accuracy.WINOGRAD[m, taps]
    for way, target in (("stored, in blocks", "native"), ("by groups of columns", "x86-64")):
        WAYS[way].force(monkeypatch, (m, taps))
        rms, largest = _errors(WAYS[way], tmp_path, m, taps, target)
        assert want.rms / 1.5 < rms < 1.1 * want.rms
        assert want.largest / 2 < largest < accuracy.error_bound(m, taps, accuracy.CHANNELS)


def test_the_table_keeps_the_law() -> None:
    assert set(TRANSFORMS) == set(accuracy.WINOGRAD)
    for m, taps in TRANSFORMS:
        assert accuracy.error_bound(m, taps, 512) < accuracy.LAW
        assert accuracy.error_bound(m, taps, 16) == accuracy.error_bound(m, taps, 256)


def test_what_breaks_the_law_is_not_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is a transform that nobody measured."""
    whole = convolution((28, 28, 64), 64, (3, 3))
    assert "conv2d" not in families(build(whole.clone({}), tmp_path))
    unknown = {k: v for k, v in accuracy.WINOGRAD.items() if k[0] != (4, 4)}
    monkeypatch.setattr(accuracy, "WINOGRAD", unknown)
    rows: Any = build(whole.clone({}), tmp_path).manifest["calls"]
    assert all("F(4x4" not in r["algorithm"] for r in rows)
    monkeypatch.setattr(cost, "LAW", 1e-9)
    assert families(build(whole, tmp_path)) == {"conv2d"}
