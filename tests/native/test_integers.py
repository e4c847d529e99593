"""Integers: division, remainders, bits, casts from and to every data type, bitcasts."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.ops import elementwise as ew
from netwright.compiler.ops import integer
from netwright.runtime.errors import ExecutionError
from netwright.runtime.spec import (
    DTYPES,
    DType,
    bf16,
    boolean,
    f16,
    f32,
    f64,
    i8,
    i16,
    i32,
    i64,
    u8,
    u16,
    u32,
    u64,
)

from ..helpers import Array, check, constant, graph, n, tensor

SIGNED, UNSIGNED = (i8, i16, i32, i64), (u8, u16, u32, u64)
TARGETS = ["native", "x86-64-v3", "x86-64"]
DIVISIONS = [ew.Div, integer.FloorDiv, integer.FloorMod, integer.TruncateMod]


def integers(d: DType, count: int, seed: int = 0) -> Array:
    """Random integers of the whole range, the ends of it among them."""
    info = np.iinfo(d.numpy)
    x = np.random.default_rng(seed).integers(info.min, info.max, count, dtype=d.numpy, endpoint=True)
    x[::7], x[3::7] = info.min, info.max
    return x


@pytest.mark.parametrize(
    ("d", "target"),
    [
        *((d, "native") for d in (*SIGNED, *UNSIGNED)),
        *((d, "x86-64") for d in (i16, i32, u32, i64)),
        (i32, "x86-64-v3"),
    ],
)
@pytest.mark.parametrize("op", DIVISIONS)
def test_division(tmp_path: Path, op: Any, d: DType, target: str) -> None:
    x, y = integers(d, 103, 1), integers(d, 103, 2)
    y[::2] = np.random.default_rng(3).integers(1, 9, 52)
    if d.kind == "i":
        y[::6] = -1  # also of the smallest integer
        y[1::6] = -3
    y[y == 0] = 5
    check(graph(lambda b, p, q: b(op, p, q), [tensor(n, dtype=d)] * 2), tmp_path, [{"n": 1}],
          inputs=[x, y], target=target)  # fmt: skip


@pytest.mark.parametrize("op", DIVISIONS)
@pytest.mark.parametrize("d", [i8, i32, u32, i64, u64])
def test_division_by_zero(tmp_path: Path, op: Any, d: DType) -> None:
    """At any place, in whole vectors and after them; sizes around a vector's have no false alarms."""
    module = graph(lambda b, p, q: b(op, p, q), [tensor(n, dtype=d)] * 2)
    model = check(module, tmp_path, [])
    for count in (1, 31, 32, 33, 70):
        x, y = np.full(count, 9, d.numpy), np.full(count, 2, d.numpy)
        model(x, y)
        for at in {0, count // 2, count - 1}:
            bad = y.copy()
            bad[at] = 0
            with pytest.raises(ExecutionError, match="an integer is divided by zero"):
                model(x, bad)


def test_division_by_a_constant_zero_is_left_for_run_time(tmp_path: Path) -> None:
    zero = np.zeros((), np.int32)
    net = lambda b, p: b(ew.Add, p, b(ew.Div, constant(b, np.int32(5)), constant(b, zero)))  # noqa: E731
    model = check(graph(net, [tensor(n, dtype=i32)]), tmp_path, [])
    with pytest.raises(ExecutionError, match="divided by zero"):
        model(np.ones(3, np.int32))


def test_division_amid_a_chain(tmp_path: Path) -> None:
    """With broadcasting, casts and other steps in one kernel."""

    def net(b: Any, p: Any, q: Any) -> Any:
        r = b(integer.FloorMod, b(ew.Add, p, q), b(ew.Maximum, q, constant(b, np.int32(1))))
        return b(ew.Cast, b(ew.Div, r, constant(b, np.int32(-2))), dtype=f32)

    check(graph(net, [tensor(n, 5, 37, dtype=i32), tensor(37, dtype=i32)]), tmp_path, [{"n": 0}, {"n": 3}])


SPECIAL = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    2.5,
    -2.5,
    3.0,
    -3.0,
    5.5,
    -7.25,
    np.inf,
    -np.inf,
    np.nan,
    1e30,
    -1e30,
    7e-20,
    1e-30,
]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("op", [integer.FloorDiv, integer.FloorMod, integer.TruncateMod])
@pytest.mark.parametrize("d", [f32, f64])
def test_float_remainders(tmp_path: Path, op: Any, d: DType, target: str) -> None:
    pairs = np.array([*itertools.product(SPECIAL, SPECIAL), *np.random.default_rng(0).normal(size=(200, 2))])
    pairs[-50:, 0] *= 1e17
    pairs[-90:-70] *= 1e-30 if d == f32 else 1e-250
    pairs[-70:-50, 1] *= 2.0 ** np.arange(-40, -20) / pairs[-70:-50, 1]  # quotients that are nearly whole
    pairs[-70:-50, 0] = pairs[-70:-50, 1] * np.nextafter(np.arange(20, 40), 0)
    x, y = (np.ascontiguousarray(pairs[:, k]).astype(d.numpy) for k in (0, 1))
    model = check(graph(lambda b, p, q: b(op, p, q), [tensor(n, dtype=d)] * 2), tmp_path, [], target=target)
    with np.errstate(all="ignore"):
        want = op.evaluate(object.__new__(op), x, y)
    got = np.asarray(model(x, y))
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(np.signbit(got[~np.isnan(want)]), np.signbit(want[~np.isnan(want)]))


@pytest.mark.parametrize("d", [*SIGNED, *UNSIGNED])
def test_bits(tmp_path: Path, d: DType) -> None:
    def net(b: Any, p: Any, q: Any) -> Any:
        two = [b(op, p, q) for op in (integer.BitwiseAnd, integer.BitwiseOr, integer.BitwiseXor)]
        return (*two, b(integer.PopulationCount, p))

    check(
        graph(net, [tensor(n, dtype=d)] * 2),
        tmp_path,
        [{"n": 1}],
        inputs=[integers(d, 77, 1), integers(d, 77, 2)],
    )


@pytest.mark.parametrize("target", ["native", "x86-64"])
@pytest.mark.parametrize("d", [i8, i32, i64, u16, u64])
def test_shifts(tmp_path: Path, d: DType, target: str) -> None:
    """Amounts outside of 0 … bits - 1 are taken to the nearest of these."""
    x = integers(d, 90)
    amounts = np.array(
        [0, 1, d.bits - 1, d.bits, 100, 3, -1 if d.kind == "i" else 0, d.bits // 2, 5], np.int64
    )
    y = np.tile(amounts, 10).astype(d.numpy)
    net = lambda b, p, q: (b(integer.ShiftLeft, p, q), b(integer.ShiftRight, p, q))  # noqa: E731
    check(graph(net, [tensor(n, dtype=d)] * 2), tmp_path, [{"n": 1}], inputs=[x, y], target=target)


FLOATS = [
    0.0, -0.0, 0.5, -0.5, 0.999, -0.999, 1.5, -1.5, 100.7, 127.9, 128, -128.9, -129, 255.9, 256, 300, 32767.9,
    32768, -32769, 65504, 65519, 65520, 65536, 70000, 2147483520, 2147483648, -2147483648, -2147483904,
    4294967040, 4294967296, 5e9, -5e9, 9.2e18, 9.3e18, -9.3e18, 1.7e19, 1.85e19, 1e30, -1e30, 3.39e38, np.inf,
    -np.inf, np.nan, 6e-5, 6.1e-5, 3e-8, 2.9e-8, 1e-7, -1e-7, 1 + 2**-11, 1 + 3 * 2**-11, 1 + 2**-8,
    1 + 3 * 2**-8, 1 + 2**-11 + 2**-40, 1e-30,
]  # fmt: skip


def values_of(d: DType) -> Array:
    """What a cast from the dtype may come upon."""
    if d.kind == "b":
        return np.arange(70) % 3 == 0
    if d.is_integer:
        return np.concatenate([integers(d, 60), np.arange(9).astype(d.numpy)])
    with np.errstate(all="ignore"):
        x = np.array(FLOATS).astype(np.float32 if d == bf16 else d.numpy)
    return (x.view(np.uint32) >> np.uint32(16)).astype(np.uint16) if d == bf16 else x


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("have", DTYPES)
def test_casts(tmp_path: Path, have: DType, target: str) -> None:
    x = values_of(have)
    targets = [d for d in DTYPES if d != have]
    net = lambda b, v: tuple(b(ew.Cast, v, dtype=d) for d in targets)  # noqa: E731
    check(graph(net, [tensor(n, dtype=have)]), tmp_path, [{"n": 1}], inputs=[x], target=target)


def test_casts_of_every_half(tmp_path: Path) -> None:
    """All bit patterns of float16 and bfloat16 to float32 and back, with and without instructions for it."""
    patterns = np.arange(1 << 16, dtype=np.uint16)
    for d, target in itertools.product((f16, bf16), TARGETS):
        x = patterns.view(np.float16) if d == f16 else patterns
        model = check(graph(lambda b, v, d=d: b(ew.Cast, v, dtype=f32), [tensor(n, dtype=d)]), tmp_path, [],
                      target=target)  # fmt: skip
        wide = np.asarray(model(x))
        want = x.astype(np.float32) if d == f16 else (patterns.astype(np.uint32) << 16).view(np.float32)
        np.testing.assert_array_equal(wide, want)
        back = check(
            graph(lambda b, v, d=d: b(ew.Cast, v, dtype=d), [tensor(n)]), tmp_path, [], target=target
        )
        fine = ~np.isnan(want) & ((want == 0) | (np.abs(want) >= np.finfo(np.float32).tiny))
        np.testing.assert_array_equal(np.asarray(back(want))[fine].view(np.uint16), patterns[fine])
        assert np.isnan(np.asarray(model(np.asarray(back(want))))[np.isnan(want)]).all()


@pytest.mark.parametrize("target", TARGETS)
def test_rounding_to_float16(tmp_path: Path, target: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 1 << 32, 100_000, dtype=np.uint32).view(np.float32)
    x[:50_000] = (rng.normal(size=50_000) * 10.0 ** rng.integers(-9, 6, 50_000)).astype(np.float32)
    x = x[~np.isnan(x)]
    model = check(graph(lambda b, v: b(ew.Cast, v, dtype=f16), [tensor(n)]), tmp_path, [], target=target)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(np.asarray(model(x)), x.astype(np.float16))


@pytest.mark.parametrize(("have", "want", "shape"), [
    (f32, i32, (n, 3)), (i64, f64, (n,)), (u16, f16, (n, 3)), (bf16, i16, (n, 3)), (i32, u32, (n, 3)),
    (i32, u8, (n, 3)), (f64, i32, (n,)), (f32, bf16, (n, 3)), (i64, i8, (n, 2)),
    (u8, i32, (n, 4)), (i32, f64, (n, 3, 2)), (bf16, f32, (n, 2)), (i16, u64, (n, 4)),
])  # fmt: skip
def test_bitcasts(tmp_path: Path, have: DType, want: DType, shape: Any) -> None:
    module = graph(lambda b, v: b(integer.Bitcast, v, dtype=want), [tensor(*shape, dtype=have)])
    count = 5 * int(np.prod(shape[1:]))
    raw = np.random.default_rng(0).integers(0, 100, count * have.size, dtype=np.uint8)  # no NaN among them
    x = raw.view(have.numpy).reshape(5, *shape[1:])
    model = check(module, tmp_path, [{"n": 5}], inputs=[x])
    assert np.asarray(model(x)).tobytes() == x.tobytes()
    assert np.asarray(model(x[:0])).size == 0


def test_bitcast_in_a_chain_of_float16(tmp_path: Path) -> None:
    """Sign and exponent of 16-bit floats by masks."""

    def net(b: Any, x: Any) -> Any:
        bits = b(integer.Bitcast, b(ew.Add, x, x), dtype=i16)
        return b(integer.Bitcast, b(integer.BitwiseAnd, bits, constant(b, np.int16(0x7C00))), dtype=f16)

    check(graph(net, [tensor(n, 37, dtype=f16)]), tmp_path)


def test_bools_compare(tmp_path: Path) -> None:
    net = lambda b, p, q: (b(ew.Equal, p, q), b(ew.NotEqual, p, q))  # noqa: E731
    check(graph(net, [tensor(n, 37, dtype=boolean)] * 2), tmp_path)
