"""widen-half: computing with 16-bit floats."""

from __future__ import annotations

from pathlib import Path

from netwright.compiler.ir.passes import make_pass
from netwright.compiler.passes.widen_half import WidenHalf


def test_golden(golden: Path, check_golden) -> None:
    check_golden(golden)


def test_name_on_the_command_line() -> None:
    assert make_pass("widen-half") == WidenHalf()
