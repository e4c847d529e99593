"""dce: unused ops."""

from __future__ import annotations

from pathlib import Path

from netwright.compiler.ir.passes import make_pass
from netwright.compiler.passes.dce import Dce


def test_golden(golden: Path, check_golden) -> None:
    check_golden(golden)


def test_long_dead_chains_go_in_one_run(run_pass) -> None:
    ops = "\n".join(f"%v{i + 1} = graph.exp(%v{i}) : tensor<2xf32>" for i in range(500))
    outcome = run_pass(
        "dce", f"func.func @main(%v0: tensor<2xf32>) -> (tensor<2xf32>) {{\n{ops}\nfunc.return(%v0)\n}}"
    )
    assert outcome.statistics == {"dce": 500}
    assert outcome.count("graph.exp") == 0


def test_name_on_the_command_line() -> None:
    assert make_pass("dce") == Dce()
