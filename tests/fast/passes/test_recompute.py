"""recompute: cheap values computed again instead of kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from netwright.compiler.ir.passes import PassContext, make_pass
from netwright.compiler.ir.verify import verify
from netwright.compiler.ops.builtin import new_module
from netwright.compiler.ops.interpreter import Interpreter
from netwright.compiler.passes import recompute
from netwright.compiler.passes.recompute import Recompute

from ...random_check import differences
from ...random_graphs import SIZES, random_case

COUNT = int(os.environ.get("NETWRIGHT_RANDOM_GRAPHS", "60"))
FIRST = int(os.environ.get("NETWRIGHT_RANDOM_SEED", "31000"))


def test_golden(golden: Path, check_golden) -> None:
    check_golden(golden)


def test_random_graphs_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recompute, "LEAST", 0)
    module = new_module()
    cases = [random_case(seed, module) for seed in range(FIRST, FIRST + COUNT)]
    context = PassContext()
    Recompute().run(module, context)
    verify(module)
    assert context.statistics["recompute"] > 0
    for case in cases:
        for k in range(len(SIZES)):
            wrong = differences(Interpreter(module).run(case.inputs[k], case.name), case, k)
            assert wrong is None, f"{case.name}: {wrong}"


CHAIN = """
func.func @main(%x: tensor<64x128xf32>, %w: tensor<128x128xf32>) -> (tensor<64x128xf32>) {
  %a0 = graph.neg(%x) : tensor<64x128xf32>
BODY
  %y = graph.matmul(%aN, %w) : tensor<64x128xf32>
  %b = graph.mul(%y, %aN) : tensor<64x128xf32>
  func.return(%b)
}
"""


@pytest.mark.parametrize(("length", "again"), [(1, 2), (3, 4), (4, 0), (20, 0)])
def test_short_chains_are_computed_again(run_pass: Any, length: int, again: int) -> None:
    body = "\n".join(f"  %a{i + 1} = graph.neg(%a{i}) : tensor<64x128xf32>" for i in range(length))
    text = CHAIN.replace("BODY", body).replace("%aN", f"%a{length}")
    outcome = run_pass("recompute", text)
    assert outcome.count("graph.neg") == length + 1 + again


def test_an_assigned_variable_is_not_read_again(run_pass: Any) -> None:
    """A value made of a variable's old value waits as it is when the old value does not."""
    text = """
graph.variable() {sym_name = "v", value = dense<1.5> : tensor<64x128xf32>}
func.func @main(%x: tensor<64x128xf32>, %w: tensor<128x128xf32>) -> (tensor<64x128xf32>) {
  %old = graph.read_variable() {type = tensor<64x128xf32>, variable = @v} : tensor<64x128xf32>
  %a = graph.neg(%old) : tensor<64x128xf32>
  %y = graph.matmul(%a, %w) : tensor<64x128xf32>
  graph.assign_variable(%x) {variable = @v}
  %b = graph.mul(%y, %a) : tensor<64x128xf32>
  func.return(%b)
}
"""
    assert run_pass("recompute", text).count("graph.neg") == 1


def test_name_on_the_command_line() -> None:
    assert make_pass("recompute") == Recompute()
