"""Trigonometric, hyperbolic and special functions, powers: against numpy and the interpreter, edge values included."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.ops import activation as act
from netwright.compiler.ops import elementwise as ew
from netwright.compiler.ops import gamma, power, special
from netwright.compiler.ops import trigonometry as trig
from netwright.compiler.ops.special_functions import FUNCTIONS
from netwright.runtime.errors import ExecutionError
from netwright.runtime.spec import f32, f64, i8, i16, i32, i64

from ..helpers import Array, check, graph, n, tensor

TARGETS = ["native", "x86-64-v3", "x86-64"]
EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, np.inf, -np.inf, np.nan, 88.8, -88.8, 89.3, -89.3,
         710.3, -710.3, 1e-20, -1e-20, 1e-6, -1e-6,
         0.999999, -0.999999, 1.0000001, 1e10, -1e10, 1e30, -1e30, 3e38, -3e38]  # fmt: skip


def compiled(
    tmp_path: Path, op: Any, arrays: list[Array], target: str = "native", **attributes: Any
) -> Array:
    """What the library computes elementwise."""
    dtype = {np.dtype(np.float32): f32, np.dtype(np.float64): f64}[arrays[0].dtype]
    module = graph(lambda b, *v: b(op, *v, **attributes), [tensor(n, dtype=dtype)] * len(arrays))
    return np.asarray(check(module, tmp_path, [], target=target)(*arrays))


def assert_close(got: Array, want: Array, relative: float, least: float = 0.0) -> None:
    """Close number by number, or relative to `least`, but for what denormals may become; zeros of the right
    sign, unless `least` is given."""
    want = np.asarray(want)
    with np.errstate(all="ignore"):
        rounded = want.astype(got.dtype)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(rounded))
    special = ~np.isfinite(rounded)
    np.testing.assert_array_equal(got[special], rounded[special])
    zero = rounded == 0
    assert (np.abs(got[zero]) <= max(np.finfo(got.dtype).tiny, relative * least)).all()
    exact = (want == 0) & (least == 0)
    np.testing.assert_array_equal(np.signbit(got[exact]), np.signbit(want[exact]))
    fine = ~special & (np.abs(rounded) > np.finfo(got.dtype).tiny)
    error = np.abs(got[fine].astype(want.dtype) - want[fine]) / np.maximum(np.abs(want[fine]), least)
    assert error.max(initial=0.0) <= relative


def wide(x: Array) -> Array:
    return x.astype(np.float64)


#: op, numpy's function, range, relative errors of float32 and float64
UNARY: list[tuple[Any, Any, tuple[float, float]]] = [
    (trig.Sin, np.sin, (-20, 20)), (trig.Cos, np.cos, (-20, 20)), (trig.Tan, np.tan, (-20, 20)),
    (trig.Sin, np.sin, (-1e6, 1e6)), (trig.Cos, np.cos, (-1e6, 1e6)), (trig.Tan, np.tan, (-3e38, 3e38)),
    (trig.Sinh, np.sinh, (-89, 89)), (trig.Cosh, np.cosh, (-89, 89)), (trig.Asinh, np.arcsinh, (-50, 50)),
    (trig.Acosh, np.arccosh, (1, 50)), (act.Expm1, np.expm1, (-20, 80)), (act.Log1p, np.log1p, (-1, 50)),
    (act.Ceil, np.ceil, (-9, 9)), (act.Round, np.rint, (-9, 9)), (act.Floor, np.floor, (-9, 9)),
    (special.Erf, special.Erf.reference, (-6, 6)), (special.Erfc, special.Erfc.reference, (-6, 9)),
]  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("op", "reference", "limits"), UNARY)
def test_unary(tmp_path: Path, op: Any, reference: Any, limits: Any, dtype: Any, target: str) -> None:
    rng = np.random.default_rng(0)
    sizes = np.exp(rng.uniform(-20, np.log(limits[1]), 3001)) * rng.choice([-1, 1], 3001)
    x = np.concatenate([EDGES, rng.uniform(limits[0], limits[1], 3001), sizes]).astype(dtype)
    with np.errstate(all="ignore"):
        want = reference(wide(x))
    got = compiled(tmp_path, op, [x], target)
    assert_close(got, want, 1e-6 if dtype == np.float32 else 2e-15)


@pytest.mark.parametrize("op", [trig.Sin, trig.Cos])
def test_huge_angles(tmp_path: Path, op: Any) -> None:
    """All of float64's range; among others those closest to a multiple of pi / 2."""
    hard = [
        6381956970095103.0 * 2.0**797,
        16367173.0 * 2.0**72,
        1.7976931348623157e308,
        2.0**1023,
        2.0**20,
        22.0,
    ]
    x = np.array([*hard, *(-np.array(hard)), *np.exp(np.linspace(10, 700, 500))])
    reference = {trig.Sin: np.sin, trig.Cos: np.cos}[op]
    assert_close(compiled(tmp_path, op, [x]), reference(x), 2e-15)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_atan2(tmp_path: Path, dtype: Any, target: str) -> None:
    rng = np.random.default_rng(1)
    pairs = np.array(list(itertools.product(EDGES, repeat=2))).T
    sizes = np.exp(rng.uniform(-80, 80, (2, 2001))) * rng.choice([-1, 1], (2, 2001))
    y, x = np.concatenate([pairs, rng.normal(size=(2, 2001)), sizes], 1).astype(dtype)
    with np.errstate(all="ignore"):
        want = np.arctan2(wide(y), wide(x))
    assert_close(compiled(tmp_path, trig.Atan2, [y, x], target), want, 5e-7 if dtype == np.float32 else 2e-15)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pow(tmp_path: Path, dtype: Any, target: str) -> None:
    rng = np.random.default_rng(2)
    edges = [*EDGES, 2.0, 3.0, -3.0, 1e15 + 1, 2.0**53 + 2]
    pairs = np.array(list(itertools.product(edges, repeat=2))).T
    near = np.stack([rng.uniform(0.9, 1.1, 2001), rng.uniform(-700, 700, 2001)])
    whole = np.stack([rng.uniform(-5, 5, 2001), rng.integers(-20, 20, 2001)])
    x, y = np.concatenate([pairs, near, whole, rng.uniform(0, 40, (2, 2001))], 1).astype(dtype)
    with np.errstate(all="ignore"):
        want = np.power(x, y) if dtype == np.float64 else np.power(wide(x), wide(y))
    assert_close(compiled(tmp_path, power.Pow, [x, y], target), want, 1e-7 if dtype == np.float32 else 2e-15)


@pytest.mark.parametrize("dtype", [i8, i16, i32, i64])
def test_integer_pow(tmp_path: Path, dtype: Any) -> None:
    info = np.iinfo(dtype.numpy)
    x = np.array([2, -3, 0, 0, 7, -1, info.min, info.max, 3], dtype.numpy)
    y = np.array([info.bits - 1, 3, 0, 5, 90, 127, 2, 3, 1], dtype.numpy)
    module = graph(lambda b, u, v: b(power.Pow, u, v), [tensor(n, dtype=dtype)] * 2)
    model = check(module, tmp_path, [{}], inputs=[x, y])
    np.testing.assert_array_equal(model(x, y), np.power(x, y))
    with pytest.raises(ExecutionError) as e:
        model(x, -y)
    assert e.value.status == "ARITH"


def test_integer_pow_broadcasts(tmp_path: Path) -> None:
    module = graph(
        lambda b, u, v: b(power.Pow, u, b(ew.Mul, v, v)), [tensor(n, 3, dtype=i32), tensor(3, dtype=i32)]
    )
    check(module, tmp_path, [{"n": 0}, {"n": 1}, {"n": 5}])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_next_after(tmp_path: Path, dtype: Any) -> None:
    values = np.array([*EDGES, np.finfo(dtype).max, np.finfo(dtype).tiny * 2], np.float64)
    with np.errstate(all="ignore"):
        x, y = np.array(list(itertools.product(values, repeat=2))).astype(dtype).T.copy()
        want = np.nextafter(x, y)
    np.testing.assert_array_equal(compiled(tmp_path, power.NextAfter, [x, y]), want)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("op", [gamma.Lgamma, gamma.Digamma])
def test_gamma(tmp_path: Path, op: Any, dtype: Any) -> None:
    rng = np.random.default_rng(3)
    x = np.concatenate([EDGES, rng.uniform(-20, 20, 301), np.exp(rng.uniform(-10, 30, 301))]).astype(dtype)
    want = op.evaluate(object.__new__(op), x)
    # near its zeros a function loses digits, Python's own lgamma too
    assert_close(compiled(tmp_path, op, [x]), want, 2e-7 if dtype == np.float32 else 1e-12, least=1.0)


SPECIAL = [0.0, 1.0, -1.0, 2.0, 0.5, -2.5, 3.0, 1e-3, np.inf, -np.inf, np.nan]


@pytest.mark.parametrize("dtype", [f32, f64])
@pytest.mark.parametrize(
    ("op", "attributes"),
    [(gamma.Igamma, {}), (gamma.Igamma, {"upper": True}), (gamma.Zeta, {}), (gamma.Betainc, {})],
)
def test_iterated(tmp_path: Path, op: Any, attributes: Any, dtype: Any) -> None:
    rng = np.random.default_rng(4)
    count = op.spec.operand_count
    edges = np.array(list(itertools.product(SPECIAL, repeat=count)), np.float64)[:: 1 if count == 2 else 5]
    sizes = np.exp(rng.uniform(-4, 6, (100, count)))
    if op is gamma.Betainc:
        sizes[:, :2] = np.exp(rng.uniform(-1, 3, (100, 2)))
        sizes[:, 2] = rng.uniform(0, 1, 100)
    whole = np.round(rng.uniform(-9, 9, (60, count)))
    near = 30 * rng.uniform(0.8, 1.2, (100, count))
    arrays = [
        np.ascontiguousarray(a.astype(dtype.numpy)) for a in np.concatenate([edges, sizes, whole, near]).T
    ]
    module = graph(lambda b, *v: b(op, *v, **attributes), [tensor(n, dtype=dtype)] * count)
    check(module, tmp_path, [{}], inputs=arrays)


def test_iterated_broadcasts(tmp_path: Path) -> None:
    def net(b: Any, x: Any, y: Any) -> Any:
        a, c = b(act.Abs, x), b(act.Abs, y)
        return (
            b(gamma.Igamma, a, c),
            b(gamma.Zeta, b(act.Exp, a), c),
            b(gamma.Betainc, a, c, b(act.Sigmoid, x)),
        )

    check(graph(net, [tensor(n, 1, 3), tensor(5, 1)]), tmp_path, [{"n": 0}, {"n": 1}, {"n": 4}])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("function", list(FUNCTIONS))
def test_special(tmp_path: Path, function: str, dtype: Any) -> None:
    rng = np.random.default_rng(5)
    grid = [
        rng.uniform(0, 1, 201),
        rng.uniform(0, 20, 201),
        np.exp(rng.uniform(-9, 6, 201)),
        -rng.uniform(0, 9, 51),
    ]
    x = np.concatenate([EDGES, *grid]).astype(dtype)
    got = compiled(tmp_path, special.Special, [x], function=function)
    op = special.Special.__new__(special.Special)
    op.attributes = {"function": function}
    want = op.evaluate(x)
    assert_close(got, want, 2e-7 if dtype == np.float32 else 1e-12, least=1e-3)


def test_functions_in_a_chain_are_one_kernel(tmp_path: Path) -> None:
    def net(b: Any, x: Any, y: Any) -> Any:
        return b(trig.Sin, b(ew.Add, b(special.Erf, x), b(trig.Atan2, x, y)))

    check(graph(net, [tensor(n, 37), tensor(37)]), tmp_path, [{"n": 0}, {"n": 1}, {"n": 3}])
