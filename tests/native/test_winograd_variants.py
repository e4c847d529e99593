"""Every way to compute a convolution by Winograd's transforms, forced, against the interpreter: on 1 and 2 threads,
whose results have the same bits, for one image and for several."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.ir.dims import Dim
from netwright.compiler.kernels import former

from ..helpers import check, n
from ..winograd_ways import TRANSFORMS, WAYS, convolution, families

CHANNELS = (16, 20, 48, 64, 132)
COLUMNS = (8, 33, 64, 100)
IMAGES = ((7, 9), (11, 5), (8, 8), (13, 6), (1, 10), (9, 1))
BODIES = ("bias relu", "residual", "", "bias residual relu", "relu")
BATCHES: tuple[Dim, ...] = (n, 1, n, 3)
COUNT = int(os.environ.get("NETWRIGHT_RANDOM_WINOGRAD", "24"))
FIRST = int(os.environ.get("NETWRIGHT_RANDOM_SEED", "0"))


@pytest.fixture(autouse=True)
def _threads_share_small_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(former, "TASK_NS", 1)


def _check(way: str, module: Any, folder: Path, batch: Dim, **options: Any) -> None:
    sizes = [{"n": k} for k in (1, 3, 0)] if batch is n else [{}]
    assert families(check(module, folder, sizes, **options)) == set(WAYS[way].families)


@pytest.mark.parametrize("k", range(len(TRANSFORMS)), ids=[f"{m}-{taps}" for m, taps in TRANSFORMS])
@pytest.mark.parametrize("way", WAYS)
def test_each_way_and_transform(way: str, k: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Channels, columns, images, bodies and batches take turns, so that each meets each way."""
    j = list(WAYS).index(way)
    m, taps = TRANSFORMS[k]
    WAYS[way].force(monkeypatch, (m, taps))
    channels, columns = CHANNELS[(j + k) % len(CHANNELS)], COLUMNS[(j + 3 * k) % len(COLUMNS)]
    image, body = IMAGES[(2 * j + k) % len(IMAGES)], BODIES[(3 * j + k) % len(BODIES)]
    batch = BATCHES[(j + k + k // 4) % len(BATCHES)]
    _check(way, convolution((*image, channels), columns, taps, body, batch), tmp_path, batch)


@pytest.mark.parametrize("target", ["x86-64-v3", "x86-64"])
@pytest.mark.parametrize("way", WAYS)
def test_other_targets(way: str, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    j = list(WAYS).index(way)
    for k, (m, taps) in enumerate((((4, 4), (3, 3)), ((2, 2), (5, 5)), ((1, 4), (1, 7)))):
        WAYS[way].force(monkeypatch, (m, taps))
        channels, columns = CHANNELS[(j + k) % len(CHANNELS)], COLUMNS[(j + k) % len(COLUMNS)]
        module = convolution(
            (*IMAGES[(j + k) % len(IMAGES)], channels), columns, taps, BODIES[(j + k) % 4], 2
        )
        _check(way, module, tmp_path, 2, target=target)


@pytest.mark.parametrize("way", WAYS)
def test_large_sums(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums over many channels are made of short ones, which must meet in the right place."""
    WAYS[way].force(monkeypatch, ((4, 4), (3, 3)))
    for channels in (192, 260):
        _check(way, convolution((10, 9, channels), 40, (3, 3), "bias", 1), tmp_path, 1)


@pytest.mark.parametrize("seed", range(FIRST, FIRST + COUNT))
def test_random(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any way for any shape, padding and body."""
    rng = np.random.default_rng(seed)
    way = str(rng.choice(list(WAYS)))
    m, taps = TRANSFORMS[int(rng.integers(len(TRANSFORMS)))]
    WAYS[way].force(monkeypatch, (m, taps))
    padding = str(rng.choice(["SAME", "VALID", "EXPLICIT"]))
    pads = tuple(int(v) for v in rng.integers(0, 4, 4)) if padding == "EXPLICIT" else (0, 0, 0, 0)
    image = [
        int(v) + (t - 1 if padding != "SAME" else 0)
        for v, t in zip(rng.integers(1, 15, 2), taps, strict=True)
    ]
    bodies = [b for b in BODIES if padding == "SAME" or "residual" not in b]
    channels, columns = 16 + 4 * int(rng.integers(0, 24)), int(rng.integers(1, 110))
    module = convolution((*image, channels), columns, taps, str(rng.choice(bodies)), n, padding, pads)
    _check(way, module, tmp_path, n, target=str(rng.choice(["native", "native", "x86-64-v3", "x86-64"])))
