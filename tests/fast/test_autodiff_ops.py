"""The gradient of every op beside central differences, in float64 where the op has it."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.compiler.autodiff import gradients
from netwright.compiler.driver import check_module
from netwright.compiler.ir.bfloat16 import widen
from netwright.compiler.ir.core import Builder, Op, Value
from netwright.compiler.ir.opdef import REGISTRY
from netwright.compiler.ir.types import TensorType
from netwright.compiler.ops.base import GraphOp, none_flows
from netwright.compiler.ops.interpreter import run_module
from netwright.runtime.errors import UnsupportedError
from netwright.runtime.spec import DType, bf16, f16, f64, i32

from ..gradient_cases import CASES, Array, Case, as_floats, far_apart, normal
from ..gradients import backward, check_gradient, floating, gradients_of, types_of

#: ops that refuse by name: of some nobody has derived a gradient, of others TensorFlow has none either
REFUSED = {
    "lu", "unique", "non_max_suppression", "combined_non_max_suppression", "draw_boxes", "projective_transform",
    "random_gamma", "fused_conv2d", "fused_conv3d", "fused_conv_transpose", "fused_matmul",
}  # fmt: skip
#: of which results are float32 whatever the images are
IMAGES = ("resize", "scale_and_translate", "crop_and_resize")
#: tested with the layers
RECURRENT = {"lstm", "gru", "simple_rnn", "lstm_gradient", "gru_gradient", "simple_rnn_gradient"}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_gradient_is_the_derivative(case: Case) -> None:
    check_gradient(case.build, *case.arrays, wrt=case.wrt, step=case.step, tolerance=case.tolerance)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_gradients_have_kernels(case: Case) -> None:
    wrt = case.wrt or [i for i, a in enumerate(case.arrays) if a.dtype.kind == "f"]
    check_module(backward(case.build, types_of(case.arrays), wrt)[0])


def _as_float64(x: Array, dtype: DType) -> Array:
    if x.dtype.kind in "ib":
        return x
    return (widen(x) if dtype == bf16 else x).astype(np.float64)


@pytest.mark.parametrize(("dtype", "tolerance"), [(f16, 0.02), (bf16, 0.1)], ids=["f16", "bf16"])
def test_16_bit_floats(dtype: DType, tolerance: float) -> None:
    """The first case of each op, beside float64 from the same operands."""
    firsts = {case.op: case for case in reversed(CASES) if case.make is None and case.op not in IMAGES}
    for case in firsts.values():
        half, wrt = case.of(dtype), case.wrt or floating(case.arrays)
        types = [TensorType(t.shape, dtype if t.dtype.is_float else t.dtype) for t in types_of(case.arrays)]
        module, results, _ = backward(half.build, types, wrt)
        rng = np.random.default_rng(0)
        dys = [as_floats(rng.normal(size=t.shape), dtype) for t in results]
        exact = [_as_float64(a, dtype) for a in (*half.arrays, *dys)]
        wide, _, _ = backward(case.of(f64).build, types_of(exact[: len(types)]), wrt)
        for got, want in zip(run_module(module, [*half.arrays, *dys]), run_module(wide, exact), strict=True):
            near = _as_float64(got, dtype)
            assert np.abs(near - want).max(initial=0) <= tolerance * max(np.abs(want).max(initial=0), 1e-3), (
                case
            )


def test_every_op_has_a_tested_gradient_or_is_known_to_have_none() -> None:
    tested = {case.op for case in CASES}
    declared = {n: c for n, c in REGISTRY.items() if n.startswith("graph.") and issubclass(c, GraphOp)}
    ours = {n: c for n, c in declared.items() if c.__module__.startswith("netwright.")}
    flowing = {n.removeprefix("graph.") for n, c in ours.items() if c.gradient is not none_flows}
    assert flowing - tested == REFUSED | RECURRENT


#: the gradient by one operand is none, where TensorFlow's tape has none either
NOTHING = [
    *(Case(op, [normal(3)]) for op in ("floor", "ceil", "round", "stop_gradient")),
    Case("cast", [normal(3)], {"dtype": i32}),
    Case("greater", [normal(3), normal(3)]),
    Case("floor_div", [normal(3), normal(3)]),
    Case("arg_max", [normal(3)], {"axis": 0}),
]


@pytest.mark.parametrize("case", NOTHING, ids=str)
def test_nothing_flows_through_steps(case: Case) -> None:
    """Also where something else flows on behind them."""

    def build(b: Builder, *v: Value) -> Value:
        made = b(REGISTRY["graph.cast"], case.build(b, *v)[0], dtype=f64)
        return b(REGISTRY["graph.mul"], made, made)

    assert backward(build, types_of(case.arrays), range(len(case.arrays)))[2] == []


def _gradient(case: Case, wrt: list[int]) -> Op:
    return backward(case.build, types_of(case.arrays), wrt)[0]


def test_what_has_none_is_refused_by_name_and_place() -> None:
    with pytest.raises(UnsupportedError, match=r"graph\.lu \(\?\): it has no gradient; ") as error:
        _gradient(Case("lu", [normal(3, 3)]), [0])
    assert error.value.ops == ("graph.lu",)


def test_an_operand_without_a_gradient_is_refused_only_where_it_is_wanted() -> None:
    case = Case("igamma", [np.abs(normal(3)), np.abs(normal(3))])
    _gradient(case, [1])
    with pytest.raises(UnsupportedError, match=r"graph\.igamma .* by its first operand"):
        _gradient(case, [0])


@pytest.mark.parametrize("rank", [4, 5])
def test_equal_maxima_of_a_window(rank: int) -> None:
    """Of images the first one gets all; of volumes each one."""
    spatial = rank - 2
    x = np.zeros((1, *(2,) * spatial, 1))
    case = Case(f"max_pool{spatial}d", [x], {"kernel": (2,) * spatial, "strides": (2,) * spatial})
    found = gradients_of(case.build, [x], [np.ones((1,) * rank)], [0])[0].reshape(-1)
    assert found.tolist() == ([1, 0, 0, 0] if rank == 4 else [1] * 8)


def test_equal_maxima_share() -> None:
    x = np.array([[1.0, 3, 3], [2, 2, 2], [5, 0, np.nan]])
    case = Case("reduce_max", [x], {"axes": (1,)})
    found = gradients_of(case.build, [x], [np.ones(3)], [0])[0]
    np.testing.assert_array_equal(found[:2], [[0, 0.5, 0.5], [1 / 3] * 3])
    assert np.isnan(found[2]).all()


@pytest.mark.parametrize("op", ["maximum", "minimum"])
def test_of_two_equal_numbers_the_first_gets_all(op: str) -> None:
    x = np.array([1.0, 2.0, -1.0])
    found = gradients_of(Case(op, [x, x]).build, [x, x], [np.ones(3)], [0, 1])
    assert found[0].tolist() == [1, 1, 1] and found[1].tolist() == [0, 0, 0]


def test_pool_gradient_of_the_second_order() -> None:
    x = far_apart(1, 4, 4, 1)
    for op in ("max_pool2d", "avg_pool2d"):

        def build(b: Builder, *v: Value, op: str = op) -> Value:
            y = b(REGISTRY["graph." + op], v[0], kernel=(3, 2), strides=(1, 2), padding="SAME")
            return b(REGISTRY["graph.mul"], y, b(REGISTRY["graph.mul"], y, y))

        def twice(b: Builder, *v: Value, build: object = build) -> Value:
            (found,) = gradients(b, [build(b, *v)], v[:1])  # type: ignore[operator]
            assert found is not None
            return found

        check_gradient(twice, x, tolerance=1e-5)
