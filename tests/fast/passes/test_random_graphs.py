"""Random graphs keep their results bit for bit through the passes that promise it."""

from __future__ import annotations

from collections.abc import Callable

import netwright.compiler.passes  # noqa: F401  registers the passes
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from netwright.compiler.ir.attributes import Dense
from netwright.compiler.ir.core import Builder, Op, Value
from netwright.compiler.ir.dims import Sym
from netwright.compiler.ir.passes import PassContext, parse_pipeline
from netwright.compiler.ir.printer import print_op
from netwright.compiler.ir.types import TensorType
from netwright.compiler.ir.verify import verify
from netwright.compiler.ops import activation as a
from netwright.compiler.ops import elementwise as e
from netwright.compiler.ops.base import tensor
from netwright.compiler.ops.builtin import finish_function, functions, new_function, new_module
from netwright.compiler.ops.constant import Constant, Shape
from netwright.compiler.ops.interpreter import Interpreter
from netwright.compiler.ops.matmul import MatMul
from netwright.compiler.ops.reduce import ReduceMax, ReduceSum
from netwright.compiler.ops.shape import BroadcastTo, Concat, Pad, Reshape, Slice, Transpose
from netwright.runtime.errors import Error
from netwright.runtime.spec import f16, f32, i8, i32, i64

EXACT = "fold-constants,canonicalize,fold-constants,cse,canonicalize,fuse-conv-bias-relu,cse,dce"
N = Sym.symbol("n")
NUMBERS = [0.0, -0.0, 1.0, -1.0, 2.0, float("nan"), float("inf"), 0.5]
Choose = Callable[[int], int]


def one_op(b: Builder, pool: list[Value], choose: Choose) -> Value:
    """One more op on values made before."""

    def pick() -> Value:
        return pool[choose(len(pool))]

    unary = [a.Neg, a.Relu, a.Relu6, a.Abs, a.Exp, a.Tanh, e.LogicalNot, a.Square, a.Sigmoid]
    # no maximum and minimum: which of 0.0 and -0.0 they give is left to the order of their operands
    binary = [e.Add, e.Sub, e.Mul, e.Div, e.Less, e.Equal, e.NotEqual, e.LogicalAnd, e.LogicalOr]
    x = pick()
    t = tensor(x)
    makers: list[Callable[[], Value]] = [
        lambda: b(unary[choose(len(unary))], x),
        lambda: b(unary[choose(len(unary))], x),
        lambda: b(binary[choose(len(binary))], x, pick()),
        lambda: b(binary[choose(len(binary))], x, pick()),
        lambda: b(binary[choose(len(binary))], pick(), x),
        lambda: b(e.Select, pick(), x, pick()),
        lambda: b(e.Cast, x, dtype=[f16, f32, i8, i32, i64][choose(5)]),
        lambda: b(Reshape, x, shape=[(t.size,), (1, *t.shape), t.shape, (*t.shape, 1)][choose(4)]),
        lambda: b(Transpose, x, permutation=tuple(range(t.rank))[:: 1 - 2 * choose(2)]),
        lambda: b(BroadcastTo, x, shape=[t.shape, (2, *t.shape), (N, 3)][choose(3)]),
        lambda: b(Concat, x, *([pick()] * choose(3)), axis=0),
        lambda: b(Slice, x, starts=(0,) * t.rank, stops=t.shape, steps=(1 + choose(2),) * t.rank),
        lambda: b(Pad, x, pick(), low=(choose(2),) * t.rank, high=(0,) * t.rank),
        lambda: b(
            [ReduceSum, ReduceMax][choose(2)], x, axes=tuple(range(choose(2))), keep_dims=bool(choose(2))
        ),
        lambda: b(MatMul, x, pick()),
        lambda: b(Constant, value=Dense(np.asarray(NUMBERS[choose(len(NUMBERS))], np.float32))),
        lambda: b(Constant, value=Dense(np.asarray([NUMBERS[choose(4)] for _ in range(3)], np.float32))),
        lambda: b(Constant, value=Dense(np.asarray(choose(3), np.int32))),
        lambda: b(Constant, value=Dense(np.asarray(bool(choose(2))))),
        lambda: b(Shape, x),
    ]
    return makers[choose(len(makers))]()


def graph(choices: list[int]) -> Op:
    """A function of two inputs, built as far as the choices go; ops that cannot be built are left out."""
    module = new_module()
    func, block = new_function(
        module, "main", [("x", TensorType((N, 3), f32)), ("y", TensorType((3, 3), f32))]
    )
    b, pool, rest = Builder(block), list(block.args), iter(choices)

    def choose(n: int) -> int:
        return next(rest) % n

    try:
        while len(pool) < 60:
            try:
                pool.append(one_op(b, pool, choose))
            except Error:
                continue
    except StopIteration:
        pass
    finish_function(func, [(f"out{i}", v) for i, v in enumerate(pool[-4:])])
    return module


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.integers(0, 10_000), min_size=20, max_size=150), st.integers(0, 3))
def test_results_stay(choices: list[int], n: int) -> None:
    module = graph(choices)
    verify(module)
    original = module.clone({})
    for p in parse_pipeline(EXACT):
        p.run(module, PassContext())
        verify(module)
    rng = np.random.default_rng(len(choices))
    specials = rng.choice(NUMBERS, (n + 3, 3)).astype(np.float32)
    inputs = [specials[:n], specials[n:]]
    try:
        want = Interpreter(original).run(inputs)
    except Error:
        return  # it fails at run time, before and (where the op is still needed) after
    with np.errstate(all="ignore"):
        got = Interpreter(module).run(inputs)
    assert [v.type for v in functions(module)[0].body.terminator.operands] == [
        v.type for v in functions(original)[0].body.terminator.operands
    ]
    for g, w in zip(got, want, strict=True):
        assert (g.dtype, g.shape) == (w.dtype, w.shape), print_op(original)
        if w.dtype.kind == "f":
            nan = np.isnan(w)
            np.testing.assert_array_equal(np.isnan(g), nan)
            np.testing.assert_array_equal(np.signbit(g[~nan]), np.signbit(w[~nan]), print_op(original))
            g, w = g[~nan], w[~nan]
        np.testing.assert_array_equal(g, w, print_op(original))
