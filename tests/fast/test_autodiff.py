"""Reverse mode over a block: what is added up, what is left out, orders above the first, branches, refusals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from netwright.compiler.autodiff import gradients
from netwright.compiler.ir.core import Block, Builder, Op, Region, Value
from netwright.compiler.ir.dims import Sym
from netwright.compiler.ir.location import Location
from netwright.compiler.ir.passes import PassContext
from netwright.compiler.ir.types import TensorType
from netwright.compiler.ir.verify import verify
from netwright.compiler.ops import activation as a
from netwright.compiler.ops import elementwise as e
from netwright.compiler.ops.builtin import finish_function, new_function, new_module
from netwright.compiler.ops.control import If, While, Yield
from netwright.compiler.ops.conv import Conv2D
from netwright.compiler.ops.gradient import constant
from netwright.compiler.ops.interpreter import run_module
from netwright.compiler.ops.matmul import MatMul
from netwright.compiler.ops.reduce import ReduceMean, ReduceSum
from netwright.compiler.passes.canonicalize import Canonicalize
from netwright.runtime.errors import DTypeError, ShapeError, UnsupportedError
from netwright.runtime.spec import boolean, f64, i32

from ..gradients import backward, check_gradient, types_of

VECTOR, SCALAR = TensorType((3,), f64), TensorType((), f64)
X = np.array([0.5, -1.0, 2.0])


class Scene:
    """A function under construction: a builder and its arguments."""

    def __init__(self, *types: TensorType) -> None:
        self.module = new_module()
        self.func, self.block = new_function(self.module, "main", [(f"x{i}", t) for i, t in enumerate(types)])
        self.b, self.args = Builder(self.block), self.block.args

    def run(self, values: Sequence[Value | None], *inputs: object) -> list[np.ndarray]:
        finish_function(self.func, [(f"y{i}", v) for i, v in enumerate(values) if v is not None])
        verify(self.module)
        return list(run_module(self.module, inputs))

    def ops(self) -> list[str]:
        return [op.name.removeprefix("graph.") for op in self.block.ops]


def test_parts_of_one_value_are_added() -> None:
    s = Scene(VECTOR)
    (x,) = s.args
    y = s.b(e.Add, s.b(e.Mul, x, x), s.b(a.Tanh, x))
    (found,) = s.run(gradients(s.b, [y], [x]), X)
    np.testing.assert_allclose(found, 2 * X + 1 - np.tanh(X) ** 2)


def test_an_intermediate_value_has_a_gradient_and_passes_it_on() -> None:
    s = Scene(VECTOR)
    (x,) = s.args
    middle = s.b(a.Square, x)
    y = s.b(a.Exp, middle)
    by_middle, by_x = s.run(gradients(s.b, [y], [middle, x]), X)
    np.testing.assert_allclose(by_middle, np.exp(X**2))
    np.testing.assert_allclose(by_x, 2 * X * np.exp(X**2))


def test_a_result_that_is_an_argument_has_the_gradient_it_is_given() -> None:
    s = Scene(VECTOR, VECTOR)
    x, d = s.args
    assert gradients(s.b, [x], [x], [d]) == [d]
    (ones,) = s.run(gradients(s.b, [x], [x]), X, X)
    assert ones.tolist() == [1, 1, 1]


def test_several_results_count_together_each_as_often_as_it_is_there() -> None:
    s = Scene(VECTOR, VECTOR)
    x, d = s.args
    y, z = s.b(a.Square, x), s.b(a.Exp, x)
    (found,) = s.run(gradients(s.b, [y, z, y], [x], [d, None, None]), X, 3 * X)
    np.testing.assert_allclose(found, 2 * X * (3 * X + 1) + np.exp(X))


def test_what_does_not_depend_has_none_or_zeros() -> None:
    s = Scene(VECTOR, VECTOR, TensorType((3,), i32))
    x, other, whole = s.args
    y = s.b(e.Add, s.b(a.Square, x), s.b(e.Cast, whole, dtype=f64))
    first, second, third = gradients(s.b, [y], [x, other, whole])
    assert first is not None and second is None and third is None
    _, zero, integer = gradients(s.b, [y], [x, other, whole], unconnected="zero")
    assert integer is None
    (found,) = s.run([zero], X, X, np.ones(3, np.int32))
    assert found.tolist() == [0, 0, 0]


def test_only_what_is_on_the_way_is_derived() -> None:
    """Neither the logarithm nor what it is multiplied with."""
    s = Scene(VECTOR, VECTOR)
    x, other = s.args
    y = s.b(e.Mul, x, s.b(a.Log, other))
    before = s.ops()
    gradients(s.b, [y], [x])
    assert s.ops() == before


def test_ones_are_multiplied_with_nothing() -> None:
    s = Scene(VECTOR, VECTOR)
    x, other = s.args
    factor = s.b(a.Exp, other)
    assert gradients(s.b, [s.b(e.Mul, x, factor)], [x]) == [factor]


def test_the_gradient_is_stopped() -> None:
    s = Scene(VECTOR)
    (x,) = s.args
    y = s.b(e.Mul, x, s.b(e.StopGradient, x))
    (found,) = s.run(gradients(s.b, [y], [x]), X)
    np.testing.assert_array_equal(found, X)


def test_stop_gradient_is_gone_after_canonicalize() -> None:
    s = Scene(VECTOR)
    s.run([s.b(a.Exp, s.b(e.StopGradient, s.args[0]))], X)
    Canonicalize().run(s.module, PassContext())
    assert s.ops() == ["exp", "func.return"]


def test_orders_above_the_first() -> None:
    s = Scene(VECTOR)
    (x,) = s.args
    y: Value | None = s.b(a.Sigmoid, x)
    for _ in range(3):
        assert y is not None
        (y,) = gradients(s.b, [y], [x])
    (found,) = s.run([y], X)
    p = 1 / (1 + np.exp(-X))
    d = p * (1 - p)
    np.testing.assert_allclose(found, d * (1 - 6 * d))


def test_the_second_order_of_a_composite() -> None:
    def once(b: Builder, x: Value) -> Value:
        y = b(ReduceMean, b(e.Mul, b(a.Tanh, x), b(a.Exp, x)), axes=(0, 1))
        (found,) = gradients(b, [y], [x])
        assert found is not None
        return found

    check_gradient(once, np.random.default_rng(0).normal(size=(2, 3)), tolerance=1e-5)


def test_a_bias_has_one_sum_and_a_mean_is_not_spread_out() -> None:
    s = Scene(TensorType((4, 5, 3), f64), VECTOR)
    x, bias = s.args
    loss = s.b(ReduceMean, s.b(a.Relu, s.b(e.Add, x, bias)), axes=(0, 1, 2))
    before = len(s.ops())
    gradients(s.b, [loss], [bias])
    made = s.ops()[before:]
    assert made.count("reduce_sum") == 1
    assert not {"broadcast_to", "mul"} & set(made)


def test_symbolic_sizes() -> None:
    """A batch of unknown size, through a convolution, a bias, and a product for a stack."""
    n = Sym.symbol("n")

    def build(b: Builder, x: Value, w: Value, bias: Value, m: Value) -> Value:
        y = b(a.Relu, b(e.Add, b(Conv2D, x, w, padding="SAME"), bias))
        return b(e.Mul, b(MatMul, y, m), b(MatMul, y, m))

    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=s) for s in ((2, 4, 5, 3), (3, 3, 3, 2), (2,), (2, 4))]
    types = [TensorType((n, 4, 5, 3), f64), *types_of(arrays)[1:]]
    dynamic, _, _ = backward(build, types, range(4))
    known, _, _ = backward(build, types_of(arrays), range(4))
    given = [*arrays, rng.normal(size=(2, 4, 5, 4))]
    for got, want in zip(run_module(dynamic, given), run_module(known, given), strict=True):
        np.testing.assert_allclose(got, want)


def test_sizes_that_must_be_known_are_asked_for() -> None:
    s = Scene(TensorType((Sym.symbol("n"), 3), f64))
    y = s.b(ReduceMean, s.args[0], axes=(0,))
    with pytest.raises(
        UnsupportedError, match=r"graph\.reduce_mean .*its sizes must be known, received \['n'\]"
    ):
        gradients(s.b, [y], s.args)


def test_gradients_carry_the_forward_ops_places() -> None:
    s = Scene(VECTOR)
    s.b.location = Location.name("dense/Tanh")
    y = s.b(a.Tanh, s.args[0])
    s.b.location = Location.name("elsewhere")
    last = y.definer
    gradients(s.b, [y], s.args)
    made: list[Op] = []
    while last is not None and last.next is not None:
        last = last.next
        made.append(last)
    assert made and all(str(op.location) == "dense/Tanh" for op in made)


def conditional(s: Scene) -> Value:
    """x·w where the condition holds, else exp(x)."""
    condition, x, w = s.args
    yes, no = Block(), Block()
    one, two = Builder(yes), Builder(no)
    one.create(Yield, one(e.Mul, x, w))
    two.create(Yield, two(a.Exp, x))
    return s.b(If, condition, regions=[Region(yes), Region(no)])


@pytest.mark.parametrize("taken", [True, False])
def test_both_branches_of_a_condition(taken: bool) -> None:
    s = Scene(TensorType((), boolean), VECTOR, VECTOR)
    y = s.b(a.Square, conditional(s))
    w = np.array([2.0, 3.0, 4.0])
    dx, dw = s.run(gradients(s.b, [y], s.args[1:]), np.array(taken), X, w)
    value = X * w if taken else np.exp(X)
    np.testing.assert_allclose(dx, 2 * value * (w if taken else value))
    np.testing.assert_allclose(dw, 2 * value * X if taken else 0 * X)


def test_a_condition_within_a_condition_to_the_second_order() -> None:
    s = Scene(TensorType((), boolean), VECTOR)
    condition, x = s.args
    yes, no, inner_yes, inner_no = Block(), Block(), Block(), Block()
    one, two = Builder(inner_yes), Builder(inner_no)
    outside, within = Builder(yes), Builder(no)
    one.create(Yield, one(e.Mul, x, one(a.Square, x)))
    two.create(Yield, x)
    outside.create(Yield, outside(If, condition, regions=[Region(inner_yes), Region(inner_no)]))
    within.create(Yield, x)
    y = s.b(If, condition, regions=[Region(yes), Region(no)])
    (first,) = gradients(s.b, [y], [x])
    assert first is not None
    (second,) = gradients(s.b, [first], [x])
    found, again = s.run([first, second], np.array(True), X)
    np.testing.assert_allclose(found, 3 * X**2)
    np.testing.assert_allclose(again, 6 * X)


def test_a_loop_is_refused_with_what_to_do() -> None:
    s = Scene(SCALAR)
    condition, body = Block([SCALAR]), Block([SCALAR])
    one, two = Builder(condition), Builder(body)
    one.create(Yield, one(e.Less, condition.args[0], constant(one, 10, f64).v))
    two.create(Yield, two(e.Add, body.args[0], body.args[0]))
    y = s.b(While, s.args[0], regions=[Region(condition), Region(body)])
    with pytest.raises(
        UnsupportedError, match=r"graph\.while .*: it has no gradient; .*recurrent layer"
    ) as error:
        gradients(s.b, [y], s.args)
    assert error.value.ops == ("graph.while",)


def test_what_cannot_be_asked() -> None:
    s = Scene(VECTOR, SCALAR, TensorType((3,), i32))
    x, d, whole = s.args
    y = s.b(a.Square, x)
    with pytest.raises(ShapeError, match="expected a gradient of type tensor<3xf64>, received tensor<f64>"):
        gradients(s.b, [y], [x], [d])
    with pytest.raises(ShapeError, match="a gradient for each of 1 values, received 2"):
        gradients(s.b, [y], [x], [None, None])
    with pytest.raises(
        DTypeError, match="only floats have gradients, received a value of type tensor<3xi32>"
    ):
        gradients(s.b, [whole], [x])
    with pytest.raises(UnsupportedError, match=r'"none" or "zero", received .zeros.'):
        gradients(s.b, [y], [x], unconnected="zeros")


def test_no_op_is_left_that_nothing_uses() -> None:
    s = Scene(VECTOR, VECTOR)
    x, w = s.args
    y = s.b(ReduceSum, s.b(a.Tanh, s.b(e.Mul, x, w)), axes=(0,))
    found = gradients(s.b, [y], [w])
    kept = {y, *found}
    assert [op for op in s.block.ops if not op.result.uses and op.result not in kept] == []
