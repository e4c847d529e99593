"""Compilation takes time in proportion to a model's length. Not timed: calls are counted, and what LLVM gets is
looked at, because its time grows faster than the length of a function or block."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.codegen.emitter import MOST_PARTS
from netwright.compiler.driver import compile_module, pass_manager
from netwright.compiler.ir.passes import PassContext
from netwright.compiler.kernels.grouping import MOST_OPS, group_block
from netwright.compiler.ops import activation as act
from netwright.compiler.ops.builtin import functions
from netwright.compiler.ops.norm import Softmax
from netwright.compiler.options import CompileOptions
from netwright.compiler.target import resolve_target
from netwright.frontends.tensorflow.importer import import_graph

from ..fast.tensorflow.graphs import const, graph, node, placeholder
from ..helpers import check, n, tensor
from ..helpers import graph as module_of


def pointwise(length: int) -> bytes:
    """relu, add and mul with constants, in turn."""
    nodes, v = [placeholder("x", None, 16)], "x"
    for i in range(length):
        op = ("Relu", "Add", "Mul")[i % 3]
        if op != "Relu":
            nodes.append(const(f"c{i}", np.linspace(0.5, 1.5, 16, dtype=np.float32) + np.float32(i % 7)))
        nodes.append(node(f"n{i}", op, v, *([f"c{i}"] if op != "Relu" else [])))
        v = f"n{i}"
    return graph(*nodes)


def convolutions(length: int) -> bytes:
    """Small convolutions with bias and relu."""
    nodes, v = [placeholder("x", None, 4, 4, 4)], "x"
    for i in range(length // 3):
        nodes.append(const(f"w{i}", np.full((1, 1, 4, 4), 1 / (i + 4), np.float32)))
        nodes.append(const(f"b{i}", np.full(4, i % 5, np.float32)))
        nodes.append(node(f"k{i}", "Conv2D", v, f"w{i}", strides=(1, 1, 1, 1), padding="SAME"))
        nodes.append(node(f"a{i}", "BiasAdd", f"k{i}", f"b{i}"))
        nodes.append(node(f"n{i}", "Relu", f"a{i}"))
        v = f"n{i}"
    return graph(*nodes)


def movements(length: int) -> bytes:
    """Transposes, reshapes, concatenations and slices, each also used some steps later."""
    nodes = [placeholder("x", None, 4, 4), const("p", [0, 2, 1]), const("flat", [-1, 16])]
    nodes += [
        const("cube", [-1, 4, 4]),
        const("axis", 2),
        const("from", [0, 0, 0]),
        const("size", [-1, 4, 4]),
    ]
    made = ["x"]
    for i in range(length):
        v, earlier = made[-1], made[max(len(made) - 7, 0)]
        if i % 4 == 0:
            nodes.append(node(f"n{i}", "Transpose", v, "p"))
        elif i % 4 == 1:
            nodes += [node(f"r{i}", "Reshape", v, "flat"), node(f"e{i}", "Tanh", f"r{i}")]
            nodes.append(node(f"n{i}", "Reshape", f"e{i}", "cube"))
        elif i % 4 == 2:
            nodes.append(node(f"c{i}", "ConcatV2", v, earlier, "axis", N=2))
            nodes.append(node(f"n{i}", "Slice", f"c{i}", "from", "size"))
        else:
            nodes.append(node(f"n{i}", "Add", v, earlier))
        made.append(f"n{i}")
    return graph(*nodes)


NETS = [pointwise, convolutions, movements]


def calls_of(work: Callable[[], Any]) -> int:
    """How many functions are called."""
    count = 0

    def note(*_: Any) -> None:
        nonlocal count
        count += 1

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("net", NETS)
def test_passes_do_work_in_proportion(net: Callable[[int], bytes]) -> None:
    def work(length: int) -> int:
        data = net(length)

        def run() -> None:
            options = CompileOptions()
            pass_manager(options).run(import_graph(data), PassContext(resolve_target("x86-64-v4"), options))

        return calls_of(run)

    work(60)  # what is done once
    a, b, c = (work(length) for length in (180, 360, 720))
    assert (c - b) < 2.2 * (b - a)


@pytest.mark.parametrize("net", NETS)
def test_llvm_gets_functions_of_limited_length(net: Callable[[int], bytes], tmp_path: Path) -> None:
    def longest(length: int) -> tuple[int, int]:
        text = compile_module(import_graph(net(length)), tmp_path / "m.so").llvm
        bodies = re.findall(r"^define .*?^}", text, re.MULTILINE | re.DOTALL)
        blocks = [
            len(b.splitlines()) for body in bodies for b in re.split(r"^\w+:$", body, flags=re.MULTILINE)
        ]
        return max(len(body.splitlines()) for body in bodies), max(blocks)

    (_, short), (function, block) = longest(200), longest(600)
    assert block <= short and function < (MOST_PARTS + 1) * block


def test_a_long_function_in_steps(tmp_path: Path) -> None:
    """Results of a function that is called in steps, with sizes known at run time."""

    def net(b: Any, x: Any) -> Any:
        for _ in range(MOST_PARTS + 50):
            x = b(Softmax, x)
        return x

    module = module_of(net, [tensor(n, 5)])
    assert "@fn.main.step1(" in compile_module(module.clone({}), tmp_path / "m.so").llvm
    check(module, tmp_path)


def test_bodies_have_an_end() -> None:
    def net(b: Any, x: Any) -> Any:
        for _ in range(5 * MOST_OPS):
            x = b(act.Neg, b(act.Tanh, x))
        return x

    block = functions(module_of(net, [tensor(n)]))[0].body
    groups = {id(g): g for g in group_block(block).values()}.values()
    assert max(len(g.ops) for g in groups) == MOST_OPS and len(groups) == 10
