"""decompose-conv: convolutions and products into pairs of thinner ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from netwright.compiler.ir.passes import make_pass, parse_pipeline, pipeline_text
from netwright.compiler.passes.decompose_conv import DECOMPOSITIONS, parse_decomposition
from netwright.runtime.errors import OptionError

from .conftest import run


def test_golden(golden: Path, check_golden: Callable[..., None]) -> None:
    check_golden(golden, tolerance=1e-5)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("max-error=0.01", "decompose-conv{max-error=0.01}"),
        ("flops=0.5", "decompose-conv{flops=0.5}"),
        ("force rank=16", "decompose-conv{rank=16 force=true}"),
        (" rank=16 ,force", "decompose-conv{rank=16 force=true}"),
        ("flops=0.5,max_error=0.1", "decompose-conv{max-error=0.1 flops=0.5}"),
        ("max-error=0", "decompose-conv"),
    ],
)
def test_budgets(text: str, shown: str) -> None:
    p = parse_decomposition(text)
    assert p.text == shown
    assert parse_pipeline(pipeline_text((p,))) == (p,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected max-error=E, flops=SHARE or rank=R, received ''"),
        ("force", "expected max-error=E, flops=SHARE or rank=R, received 'force'"),
        ("error=0.1", "received 'error=0.1'"),
        ("max-error", "received 'max-error'"),
        ("max-error=small", "expected a number behind max-error=, received 'small'"),
        ("max-error=nan", "from 0 to below 1, received nan"),
        ("max-error=1", "from 0 to below 1, received 1.0"),
        ("flops=0", "above 0 and at most 1, received 0.0"),
        ("flops=1.5", "above 0 and at most 1, received 1.5"),
        ("rank=0", "a rank from 1 up, received 0"),
        ("rank=1.5", "expected a number behind rank=, received '1.5'"),
        ("rank=4 flops=0.5", "rank or flops, received both"),
        ("rank=4 rank=5", "rank is given twice"),
        ("force=yes rank=4", "received 'force=yes'"),
    ],
)
def test_budgets_refused(text: str, message: str) -> None:
    with pytest.raises(OptionError) as e:
        parse_decomposition(text)
    assert message in str(e.value)


def test_options_of_the_pass_are_checked() -> None:
    with pytest.raises(OptionError, match="max-error from 0 to below 1, received -1"):
        make_pass("decompose-conv", "max-error=-1")


def test_a_row_for_each_layer() -> None:
    text = """
func.func @main(%x: tensor<1x40x40x8xf32>) -> (tensor<1x34x34x16xf32>) {
  %w = graph.constant() {value = dense<0.5> : tensor<7x7x8x16xf32>} : tensor<7x7x8x16xf32>
  %y = graph.conv2d(%x, %w) : tensor<1x34x34x16xf32> loc("blur")
  func.return(%y)
}"""
    done = run("decompose-conv", text)
    rows: tuple[dict[str, Any], ...] = done.module.attributes[DECOMPOSITIONS]
    (row,) = rows
    assert (row["layer"], row["kernel"], row["decision"]) == ("blur", "7x7x8x16", "decomposed")
    assert row["full_rank"] == 56 and row["rank"] in (1, 16)
    assert row["cycles_after"] < row["cycles_before"]
    assert row["flops_before"] == 2 * 34 * 34 * 16 * 49 * 8 and row["parameters_before"] == 49 * 8 * 16
    assert row["parameters_after"] == 7 * (8 + 16) * row["rank"]
    assert row["weight_error"] < 1e-6 and "output_error" not in row
    assert done.count("graph.conv2d") == 2 and done.statistics["decompose-conv"] == 1
    assert all("error_bound" in op.attributes for op in done.module.walk() if op.name == "graph.conv2d")


NEARLY = """
func.func @main(%x: tensor<1x4x4x1xf32>) -> (tensor<1x3x3x1xf32>) {
  %w = graph.constant() {
    value = dense<[[[[3.0]], [[0.0]]], [[[0.0]], [[4.0]]]]> : tensor<2x2x1x1xf32>} : tensor<2x2x1x1xf32>
  %y = graph.conv2d(%x, %w) : tensor<1x3x3x1xf32> loc("conv")
  func.return(%y)
}"""


def test_truncated() -> None:
    done = run("decompose-conv{rank=1 force=true}", NEARLY)
    lines = [line.strip() for line in done.text.splitlines() if " = graph.con" in line]
    assert lines == [
        "%w = graph.constant() {value = dense<[[[[0.0]], [[2.0]]]]> : tensor<1x2x1x1xf32>} : tensor<1x2x1x1xf32>",
        "%w_1 = graph.constant() {value = dense<[[[[0.0]]], [[[2.0]]]]> : tensor<2x1x1x1xf32>} : tensor<2x1x1x1xf32>",
        "%0 = graph.conv2d(%x, %w) {error_bound = 0.6} : tensor<1x4x3x1xf32>",
        "%y = graph.conv2d(%0, %w_1) {error_bound = 0.6} : tensor<1x3x3x1xf32>",
    ]
    assert done.module.attributes[DECOMPOSITIONS][0]["weight_error"] == 0.6


def test_an_error_that_no_smaller_rank_keeps() -> None:
    done = run("decompose-conv{max-error=0.5 force=true}", NEARLY)
    assert done.module.attributes[DECOMPOSITIONS][0]["rank"] == 2
    done = run("decompose-conv{rank=1 force=true max-error=0.5}", NEARLY)
    assert done.reasons == ["graph.conv2d (conv): rank 1 has an error above 0.5"]
