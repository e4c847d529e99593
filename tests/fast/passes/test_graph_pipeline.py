"""The default graph pipeline as a whole: what comes out of a network, and how its work grows."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from netwright.compiler.explain.observers import VerifyObserver
from netwright.compiler.ir.attributes import Dense
from netwright.compiler.ir.core import Builder, Op, Value
from netwright.compiler.ir.dims import Sym
from netwright.compiler.ir.location import Location
from netwright.compiler.ir.parser import parse_module
from netwright.compiler.ir.passes import Pass, PassContext, PassManager
from netwright.compiler.ir.printer import print_op
from netwright.compiler.ir.types import TensorType
from netwright.compiler.ir.verify import verify
from netwright.compiler.ops.activation import Exp, Relu
from netwright.compiler.ops.builtin import finish_function, new_function, new_module
from netwright.compiler.ops.constant import Constant
from netwright.compiler.ops.conv import Conv2D
from netwright.compiler.ops.elementwise import Add, Mul
from netwright.compiler.ops.interpreter import run_module
from netwright.compiler.ops.norm import BatchNorm
from netwright.compiler.ops.shape import Pad, Reshape
from netwright.compiler.passes.pipelines import GRAPH_PASSES
from netwright.runtime.spec import f32

CHANNELS = 3


class Net:
    """Builds a residual network of blocks with something to do for every pass."""

    def __init__(self) -> None:
        self.module = new_module()
        kind = TensorType((Sym.symbol("n"), 5, 5, CHANNELS), f32)
        self.func, self.block = new_function(self.module, "main", [("x", kind)])
        self.b = Builder(self.block)
        self.rng = np.random.default_rng(0)

    def constant(self, array: object) -> Value:
        return self.b(Constant, value=Dense(np.asarray(array, np.float32)))

    def residual_block(self, x: Value, i: int) -> Value:
        b, c = self.b, self.constant
        b.location = Location.name(f"block{i}/conv")
        padded = b(Pad, x, c(0.0), low=(0, 1, 1, 0), high=(0, 1, 1, 0))
        y = b(Conv2D, padded, c(self.rng.standard_normal((3, 3, CHANNELS, CHANNELS)) / 9))
        b.location = Location.name(f"block{i}/bn")
        statistics = [c(self.rng.random(CHANNELS) + 0.5) for _ in range(4)]
        y = b(BatchNorm, y, *statistics)
        b.location = Location.name(f"block{i}/add")
        y = b(Relu, b(Add, x, y))
        y = b(Mul, y, b(Add, c(0.5), c(0.5)))
        n = Sym.symbol("n")
        y = b(Reshape, b(Reshape, y, shape=(n, 25 * CHANNELS)), shape=(n, 5, 5, CHANNELS))
        b(Exp, y)
        return y

    def of(self, blocks: int) -> Op:
        x = self.block.args[0]
        for i in range(blocks):
            x = self.residual_block(x, i)
        finish_function(self.func, [("y", x)])
        verify(self.module)
        return self.module


def calls(work: Callable[[], object]) -> int:
    """How many Python functions `work` calls: time that does not depend on the machine."""
    n = 0

    def count(frame: object, event: str, arg: object) -> None:
        nonlocal n
        n += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return n


def test_a_residual_network_becomes_one_op_a_block() -> None:
    module = Net().of(4)
    x = np.random.default_rng(1).standard_normal((2, 5, 5, CHANNELS)).astype(np.float32)
    (want,) = run_module(module, [x])
    context = PassContext()
    PassManager(GRAPH_PASSES, (VerifyObserver(),)).run(module, context)
    (got,) = run_module(module, [x])
    assert np.abs(got - want).max() <= 1e-5 * np.abs(want).max()
    names = [op.name for op in module.walk() if op.name.startswith("graph.")]
    assert [n for n in names if n != "graph.constant"] == ["graph.fused_conv2d"] * 4
    assert context.remarks == []
    fused = [op for op in module.walk() if op.name == "graph.fused_conv2d"]
    assert fused[0].attributes["epilogue"] == ("add", "add", "relu")
    assert fused[0].attributes["pads"] == (1, 1, 1, 1)
    assert str(fused[0].location) == "block0/conv + block0/bn + block0/add"


def test_running_the_pipeline_again_changes_nothing() -> None:
    module = Net().of(2)
    PassManager(GRAPH_PASSES).run(module, PassContext())
    text = print_op(module)
    PassManager(GRAPH_PASSES).run(module, PassContext())
    assert print_op(module) == text


@pytest.mark.parametrize("p", GRAPH_PASSES, ids=lambda p: p.name)
def test_work_grows_with_the_number_of_ops(p: Pass) -> None:
    work = {n: calls(partial(p.run, Net().of(n), PassContext())) for n in (20, 40, 80)}
    first, second = work[40] - work[20], work[80] - work[40]
    assert second <= 2.1 * first + 100, f"calls for 20, 40 and 80 blocks: {work}"


def module_with_variables(n: int) -> Op:
    """Each variable is read, assigned and read in a branch; all values have one name."""
    declared = "\n".join(
        f'graph.variable() {{sym_name = "v{i}", value = dense<1.0> : tensor<f32>}}' for i in range(n)
    )
    ops = "\n".join(
        f"""%r{i} = graph.read_variable() {{variable = @v{i}, type = tensor<f32>}} : tensor<f32>
        graph.assign_variable(%r{i}) {{variable = @v{i}}}
        %y{i} = graph.if(%p) ({{ graph.yield(%r{i}) }}, {{ graph.yield(%r{i}) }}) : tensor<f32>"""
        for i in range(n)
    )
    module = parse_module(
        f"module {{\n{declared}\nfunc.func @main(%p: tensor<i1>) -> () {{\n{ops}\nfunc.return()\n}}\n}}"
    )
    for op in module.walk():
        for r in op.results:
            r.hint = "value"
    return module


@pytest.mark.parametrize(
    "work", [verify, print_op, lambda m: parse_module(print_op(m))], ids=["verify", "print", "parse"]
)
def test_checking_and_printing_grow_with_the_number_of_ops(work: Callable[[Op], object]) -> None:
    counts = {n: calls(partial(work, module_with_variables(n))) for n in (50, 100, 200)}
    first, second = counts[100] - counts[50], counts[200] - counts[100]
    assert second <= 2.1 * first + 100, counts


def test_five_thousand_ops_go_through() -> None:
    module = Net().of(300)
    assert len(list(module.walk())) > 5_000
    work = calls(partial(PassManager(GRAPH_PASSES).run, module, PassContext()))
    assert work < 1000 * 5_000, f"{work} calls for 5,000 ops"
    assert sum(op.name == "graph.fused_conv2d" for op in module.walk()) == 300


def test_a_value_with_many_users_costs_each_user_once() -> None:
    def fan(n: int) -> Op:
        net = Net()
        x = net.b(Exp, net.block.args[0])
        y = x
        for _ in range(n):
            y = net.b(Add, y, net.b(Mul, net.b(Relu, x), net.constant(1.0)))
        finish_function(net.func, [("y", y)])
        return net.module

    for p in GRAPH_PASSES:
        work = {n: calls(partial(p.run, fan(n), PassContext())) for n in (50, 100, 200)}
        first, second = work[100] - work[50], work[200] - work[100]
        assert second <= 2.1 * first + 100, f"{p.name}: {work}"
