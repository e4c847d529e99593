"""dilate-convolutions: blocks of images into dilations."""

from __future__ import annotations

from pathlib import Path


def test_golden(golden: Path, check_golden) -> None:
    check_golden(golden, tolerance=1e-5)
