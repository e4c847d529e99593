"""The importer against TensorFlow: integers, casts, bits, division, 16-bit floats."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from netwright.compiler.ops.interpreter import run_module
from netwright.runtime.errors import ExecutionError

from .tensorflow_graphs import Graph, check_values, node

# TensorFlow calls what Python and numpy deprecate.
pytestmark = pytest.mark.filterwarnings("ignore")

INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS = [
    0.0, -0.0, 0.5, -0.5, 0.999, -0.999, 1.5, -1.5, 100.7, 127.9, 128, -128.9, -129, 255.9, 256, 300, 32767.9,
    32768, -32769, 65504, 65520, 65536, 70000, 2147483520, 2147483648, -2147483648, -2147483904, 4294967040,
    4294967296, 5e9, -5e9, 9.2e18, 9.3e18, -9.3e18, 1.7e19, 1.85e19, 1e30, -1e30, np.inf, -np.inf, np.nan,
    1e-40, -1e-40, 6e-5, 1e-7, 1 + 2**-11, 1 + 3 * 2**-11, 1 + 2**-11 + 2**-40, 1 + 2**-8,
]  # fmt: skip


def integers(dtype: str, count: int, seed: int) -> Any:
    info = np.iinfo(dtype)
    x = np.random.default_rng(seed).integers(info.min, info.max, count, dtype=dtype, endpoint=True)
    x[::7], x[3::7] = info.min, info.max
    return x


@pytest.mark.parametrize("dtype", INTEGERS)
def test_division(tensorflow, dtype):
    x, y = integers(dtype, 80, 0), integers(dtype, 80, 1)
    y[::2] = np.random.default_rng(2).integers(1, 9, 40)
    if dtype[0] == "i":
        y[::6] = np.iinfo(dtype).max.__class__(-1)
    y[y == 0] = 3
    wide = ["Mod", "TruncateMod"] if dtype in ("int32", "int64") else []
    for op in ["Div", "FloorDiv", "TruncateDiv", "FloorMod", *wide]:
        check_values(tensorflow, node(tensorflow, op, "x", "y"), x, y)


@pytest.mark.parametrize("op", ["Div", "FloorDiv", "FloorMod", "Mod", "TruncateDiv"])
def test_division_by_zero_is_an_error_for_both(tensorflow, op):
    x, y = np.array([3, 4], np.int32), np.array([1, 0], np.int32)
    graph = Graph(tensorflow, node(tensorflow, op, "x", "y"), [((None,), "int32")] * 2)
    with pytest.raises(Exception, match=r"zero|Computed output"):
        graph.run([x, y])
    with pytest.raises(ExecutionError, match="zero"):
        run_module(graph.load(), [x, y])


@pytest.mark.parametrize("op", ["FloorMod", "Mod", "TruncateMod", "FloorDiv", "TruncateDiv", "RealDiv"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_division_of_floats(tensorflow, op, dtype):
    special = [0.0, -0.0, 1.0, -1.0, 2.5, -2.5, 3.0, -3.0, 5.5, -7.25, np.inf, -np.inf, np.nan, 1e30]
    pairs = np.array(list(itertools.product(special, special))).astype(dtype)
    check_values(tensorflow, node(tensorflow, op, "x", "y"), pairs[:, 0].copy(), pairs[:, 1].copy())


@pytest.mark.parametrize("dtype", INTEGERS)
def test_bits(tensorflow, dtype):
    x, y = integers(dtype, 40, 0), integers(dtype, 40, 1)
    for op in ("BitwiseAnd", "BitwiseOr", "BitwiseXor"):
        check_values(tensorflow, node(tensorflow, op, "x", "y"), x, y)
    check_values(tensorflow, node(tensorflow, "Invert", "x"), x)
    check_values(tensorflow, node(tensorflow, "PopulationCount", "x"), x)
    bits = x.dtype.itemsize * 8
    amounts = np.tile(np.array([0, 1, bits - 1, bits, 100, -1 if dtype[0] == "i" else 2, 3, 5]), 5).astype(
        dtype
    )
    for op in ("LeftShift", "RightShift"):
        check_values(tensorflow, node(tensorflow, op, "x", "y"), x, amounts)


@pytest.mark.parametrize("have", ["float32", "float64", "float16", "bfloat16"])
def test_casts_of_floats(tensorflow, have):
    tf = tensorflow
    with np.errstate(all="ignore"):
        x = np.repeat(np.array(FLOATS), 64)
    wide = "float64" if have == "float64" else "float32"
    x = x.astype(wide)
    for to in [*INTEGERS, "bool", "float32", "float64", "float16", "bfloat16"]:
        if to == have:
            continue

        def build(v: Any, to: str = to) -> Any:
            made = tf.raw_ops.Cast(x=v if have == wide else tf.raw_ops.Cast(x=v, DstT=have), DstT=to)
            return tf.raw_ops.Cast(x=made, DstT="float32") if to == "bfloat16" else made

        # far out of range, TensorFlow has uint8 from some types saturate and from others not
        check_values(tf, build, x[np.abs(np.nan_to_num(x)) < 32000] if to == "uint8" else x)


@pytest.mark.parametrize("have", [*INTEGERS, "bool"])
def test_casts_of_integers(tensorflow, have):
    tf = tensorflow
    x = np.arange(70) % 3 == 0 if have == "bool" else integers(have, 70, 0)
    for to in [*INTEGERS, "bool", "float32", "float64", "float16", "bfloat16"]:
        if to != have:
            after = (lambda v: tf.cast(v, tf.float32)) if to == "bfloat16" else (lambda v: v)
            check_values(tf, lambda v, to=to, after=after: after(tf.raw_ops.Cast(x=v, DstT=to)), x)


@pytest.mark.parametrize(("have", "to"), [("float32", "float16"), ("float64", "float16"), ("float32", "bfloat16"),
                                          ("float64", "float32"), ("float64", "bfloat16"), ("int32", "int8"),
                                          ("float32", "int32")])  # fmt: skip
def test_truncating_casts(tensorflow, have, to):
    tf = tensorflow
    x = (np.random.default_rng(0).normal(size=96) * 50).astype(have)

    def build(v: Any) -> Any:
        made = tf.raw_ops.Cast(x=v, DstT=to, Truncate=True)
        return tf.cast(made, tf.float32) if to == "bfloat16" else made

    check_values(tf, build, x, tolerance=0)


@pytest.mark.parametrize(("have", "to", "shape"), [
    ("float32", "int32", (3, 4)), ("int32", "uint8", (5,)), ("uint8", "int32", (3, 4)), ("float64", "float32", (3,)),
    ("int16", "float16", (3,)), ("uint8", "uint64", (2, 8)), ("int8", "uint8", (7,)),
])  # fmt: skip
def test_bitcasts(tensorflow, have, to, shape):
    x = np.random.default_rng(0).integers(0, 100, (*shape, np.dtype(have).itemsize), dtype=np.uint8)
    x = x.reshape(-1).view(have).reshape(shape)
    check_values(tensorflow, node(tensorflow, "Bitcast", "input", type=to), x)


@pytest.mark.parametrize(
    "op", ["AddV2", "Sub", "Mul", "RealDiv", "Maximum", "SquaredDifference", "Less", "FloorMod"]
)
def test_16_bit_arithmetic(tensorflow, op):
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=80).astype(np.float16) for _ in range(2))
    tolerance = 2e-3 if op == "SquaredDifference" else 1e-7  # TensorFlow rounds the difference, too
    check_values(tensorflow, node(tensorflow, op, "x", "y"), x, y, tolerance=tolerance)

    def brief(a: Any, b: Any) -> Any:
        a, b = (tensorflow.cast(v, "bfloat16") for v in (a, b))
        return tensorflow.cast(getattr(tensorflow.raw_ops, op)(x=a, y=b), "float32")

    wide = [a.astype(np.float32) for a in (x, y)]
    check_values(tensorflow, brief, *wide, tolerance=2e-2 if tolerance > 1e-3 else 1e-7)


def test_denormals_are_zero(tensorflow):
    values = np.array([1e-40, -1e-40, 0.0, 2e-38, 1.0] * 7, np.float32)
    others = np.repeat(np.array([1e-40, 0.0, -1e-40, 1.0, 1e-30], np.float32), 7)
    for op in ("Equal", "NotEqual", "Less", "GreaterEqual", "RealDiv", "Mul"):
        check_values(tensorflow, node(tensorflow, op, "x", "y"), values, others, tolerance=0)
    check_values(tensorflow, node(tensorflow, "Rsqrt", "x"), values)
    check_values(tensorflow, node(tensorflow, "Cast", "x", DstT="bool"), values)
