"""canonicalize: exact identities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from netwright.compiler.ir.core import Op
from netwright.compiler.ir.parser import parse_module
from netwright.compiler.ir.passes import PassContext, make_pass
from netwright.compiler.passes import identities
from netwright.compiler.passes.arithmetic_identities import holds_all
from netwright.compiler.passes.canonicalize import Canonicalize
from netwright.runtime.errors import PassError
from netwright.runtime.spec import DTYPES, DType


def test_golden(golden: Path, check_golden) -> None:
    check_golden(golden)


@pytest.mark.parametrize("wide", [d for d in DTYPES if d.name != "bf16"], ids=str)
@pytest.mark.parametrize("narrow", [d for d in DTYPES if d.name != "bf16"], ids=str)
def test_exact_casts_give_every_value_back(wide: DType, narrow: DType) -> None:
    if narrow.kind == "b":
        values = np.array([False, True])
    elif narrow.is_float:
        info = np.finfo(narrow.numpy)
        values = np.array([info.max, info.min, info.smallest_subnormal, 1 + info.eps, -0.0], narrow.numpy)
    else:
        info = np.iinfo(narrow.numpy)
        values = np.array([info.min, info.max, info.max - 1, 0, 1], narrow.numpy)
    if wide.kind == "b":
        assert holds_all(wide, narrow) == (narrow.kind == "b")
        return
    with np.errstate(all="ignore"):
        there = values.astype(wide.numpy)
        if narrow.kind in "iu" and wide.is_float:
            back = [int(v) if np.isfinite(v) else None for v in there]
            same = back == [int(v) for v in values]
        elif narrow.is_float and not wide.is_float:
            same = False
        else:
            same = [v.item() for v in there] == [v.item() for v in values]
    assert holds_all(wide, narrow) == same


def test_bfloat16_holds_what_float32_rounds_to() -> None:
    by_name = {d.name: d for d in DTYPES}
    assert holds_all(by_name["f32"], by_name["bf16"])
    assert holds_all(by_name["bf16"], by_name["ui8"])
    assert not holds_all(by_name["bf16"], by_name["f16"])
    assert not holds_all(by_name["f16"], by_name["bf16"])
    assert not holds_all(by_name["bf16"], by_name["i16"])


def test_bfloat16_one_is_one(run_pass) -> None:
    outcome = run_pass(
        "canonicalize",
        """func.func @main(%x: tensor<3xf32>) -> (tensor<3xf32>) {
          %h = graph.cast(%x) {dtype = bf16} : tensor<3xbf16>
          %one = graph.constant() {value = dense<1.0> : tensor<bf16>} : tensor<bf16>
          %y = graph.mul(%h, %one) : tensor<3xbf16>
          %z = graph.cast(%y) {dtype = f32} : tensor<3xf32>
          func.return(%z)
        }""",
    )
    assert outcome.count("graph.mul") == 0


def test_chains_of_dead_ops_go_at_once(run_pass) -> None:
    ops = "\n".join(f"%v{i + 1} = graph.exp(%v{i}) : tensor<2xf32>" for i in range(50))
    outcome = run_pass(
        "canonicalize",
        f"func.func @main(%v0: tensor<2xf32>) -> (tensor<2xf32>) {{\n{ops}\nfunc.return(%v0)\n}}",
    )
    assert outcome.count("graph.exp") == 0


def test_an_endless_identity_is_stopped_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    module = parse_module(
        """func.func @main(%x: tensor<2xf32>) -> (tensor<2xf32>) {
          %y = graph.exp(%x) : tensor<2xf32>
          func.return(%y)
        }"""
    )
    exp = next(type(op) for op in module.walk() if op.name == "graph.exp")

    def turn_around(s: identities.Site, op: Op):
        return s(type(op), *op.operands)

    monkeypatch.setitem(identities.IDENTITIES, exp, [turn_around])
    with pytest.raises(PassError, match="'turn_around' does not come to an end"):
        Canonicalize().run(module, PassContext())


def test_name_on_the_command_line() -> None:
    assert make_pass("canonicalize") == Canonicalize()
