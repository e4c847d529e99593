"""cse: value numbering."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from netwright.compiler.ir.attributes import Dense
from netwright.compiler.ir.core import Builder
from netwright.compiler.ir.passes import PassContext, make_pass
from netwright.compiler.ir.types import TensorType
from netwright.compiler.ops.builtin import finish_function, new_function, new_module
from netwright.compiler.ops.constant import Constant
from netwright.compiler.ops.elementwise import Add
from netwright.compiler.passes.cse import Cse
from netwright.runtime.spec import f32


def test_golden(golden: Path, check_golden) -> None:
    check_golden(golden)


def test_large_constants_are_hashed_only_when_they_may_be_equal() -> None:
    module = new_module()
    func, block = new_function(module, "main", [("x", TensorType((1000,), f32))])
    b = Builder(block)
    arrays = [np.arange(i, i + 1000, dtype=np.float32) for i in (0, 1, 2, 0)]
    values = [Dense(a, f"w{i}") for i, a in enumerate(arrays)]
    x = block.args[0]
    for value in values:
        x = b(Add, x, b(Constant, value=value))
    finish_function(func, [("y", x)])
    Cse().run(module, PassContext())
    assert sum(op.name == "graph.constant" for op in module.walk()) == 3
    assert [v._digest is not None for v in values] == [True, False, False, True]


def test_merged_ops_keep_all_locations_in_one_step(run_pass) -> None:
    ops = "\n".join(f'%v{i} = graph.exp(%x) : tensor<2xf32> loc("e{i}")' for i in range(300))
    outcome = run_pass(
        "cse", f"func.func @main(%x: tensor<2xf32>) -> (tensor<2xf32>) {{\n{ops}\nfunc.return(%v9)\n}}"
    )
    (exp,) = (op for op in outcome.module.walk() if op.name == "graph.exp")
    assert exp.location.parts == tuple(f"e{i}" for i in range(300))
    assert outcome.statistics == {"cse": 299}


def test_name_on_the_command_line() -> None:
    assert make_pass("cse") == Cse()
