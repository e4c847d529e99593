"""The importer against TensorFlow: functions of floats, powers, losses, gradients of activations."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from .tensorflow_graphs import SPECIAL, check, check_values, node

# TensorFlow calls what Python and numpy deprecate.
pytestmark = pytest.mark.filterwarnings("ignore")

UNARY = [
    "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Ceil", "Cos", "Cosh", "Digamma", "Erf", "Erfc", "Erfinv",
    "Expm1", "Inv", "IsFinite", "IsInf", "IsNan", "Lgamma", "Log1p", "Ndtri", "Reciprocal", "Rint", "Round", "Sign",
    "Sin", "Sinh", "Tan",
]  # fmt: skip
RARE = [
    "BesselI0", "BesselI0e", "BesselI1", "BesselI1e", "BesselJ0", "BesselJ1", "BesselK0", "BesselK0e", "BesselK1",
    "BesselK1e", "BesselY0", "BesselY1", "Dawsn", "Expint", "FresnelCos", "FresnelSin", "Spence",
]  # fmt: skip
FEATURES = ["Selu", "Softplus", "Softsign", "Relu6"]
BINARY = ["Atan2", "DivNoNan", "MulNoNan", "Pow", "Xdivy", "Xlog1py", "Xlogy"]
#: without huge numbers, beside which all others count as 0
MODEST = np.array(
    [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 7.0, 0.3, -0.7, 2.0, 3.0, 12.5, 1e-3, np.inf, -np.inf, np.nan]
)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", UNARY + FEATURES)
def test_unary(tensorflow, op, dtype):
    build = node(tensorflow, op, "features" if op in FEATURES else "x")
    check(tensorflow, build, ((None, 3), dtype))
    for values in (np.array(SPECIAL, dtype), MODEST.astype(dtype)):
        if (op, dtype) == ("Erf", "float64"):  # TensorFlow gives NaN at infinity here, and here alone
            values = values[np.isfinite(values)]
        check_values(tensorflow, build, values)
    check_values(tensorflow, build, np.random.default_rng(0).uniform(-1, 1, 99).astype(dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", RARE)
def test_rare_functions(tensorflow, op, dtype):
    x = np.concatenate([[1e-3, 0.5, 1.0, 3.0, 7.9, 8.1, 12.0, 35.0, 60.0], np.linspace(0.1, 20, 50)]).astype(
        dtype
    )
    check_values(tensorflow, node(tensorflow, op, "x"), x)
    if op not in ("BesselY1",):  # whose value at 0 is an accident there
        check_values(tensorflow, node(tensorflow, op, "x"), MODEST.astype(dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", BINARY)
def test_binary(tensorflow, op, dtype):
    build = node(tensorflow, op, *(("y", "x") if op == "Atan2" else ("x", "y")))
    check(tensorflow, build, ((None, 3), dtype), ((3,), dtype))
    pairs = np.array(list(itertools.product(MODEST, repeat=2))).astype(dtype)
    check_values(tensorflow, build, pairs[:, 0].copy(), pairs[:, 1].copy())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_next_after(tensorflow, dtype):
    pairs = np.array(list(itertools.product(MODEST, repeat=2))).astype(dtype)
    check_values(
        tensorflow, node(tensorflow, "NextAfter", "x1", "x2"), pairs[:, 0].copy(), pairs[:, 1].copy()
    )


@pytest.mark.parametrize("exponent", [2, 3, 0, 1, 7, -2, 0.5])
def test_powers(tensorflow, exponent):
    check(tensorflow, lambda x: tensorflow.raw_ops.Pow(x=x, y=np.float32(exponent)), (None, 3))
    check(
        tensorflow,
        lambda x: tensorflow.raw_ops.Pow(x=x, y=np.full((1, 1, 1), exponent, np.float32)),
        (None, 3),
    )
    if exponent >= 0 and exponent == int(exponent):
        for dtype in ("int8", "int32", "int64"):
            power = np.array(exponent, dtype)
            check(tensorflow, lambda x, y=power: tensorflow.raw_ops.Pow(x=x, y=y), ((None, 3), dtype))


def test_integers(tensorflow):
    for dtype in ("int32", "int64"):
        check(tensorflow, node(tensorflow, "Sign", "x"), ((None, 3), dtype))
        check(tensorflow, tensorflow.round, ((None, 3), dtype))
        x = np.array([2, -3, 0, 0, 7, -1], dtype)
        check_values(tensorflow, node(tensorflow, "Pow", "x", "y"), x, np.array([6, 3, 0, 5, 30, 99], dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gamma_functions(tensorflow, dtype):
    pairs = np.array(list(itertools.product(MODEST, repeat=2)))
    a, x = np.concatenate([pairs, np.random.default_rng(1).uniform(0.1, 30, (200, 2))]).astype(dtype).T.copy()
    for op in ("Igamma", "Igammac"):
        check_values(tensorflow, node(tensorflow, op, "a", "x"), a, x)
    check_values(tensorflow, node(tensorflow, "Zeta", "x", "q"), a, x)
    whole = np.random.default_rng(2).integers(0, 9, 200).astype(dtype)
    check_values(
        tensorflow, node(tensorflow, "Polygamma", "a", "x"), whole, np.abs(x[-200:]) + whole.dtype.type(1)
    )
    check_values(tensorflow, node(tensorflow, "Polygamma", "a", "x"), a[:256], x[:256])
    check(
        tensorflow,
        lambda u, v: tensorflow.raw_ops.Igamma(a=u * u, x=v * v),
        ((None, 3), dtype),
        ((3,), dtype),
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_betainc(tensorflow, dtype):
    rng = np.random.default_rng(3)
    p, q = np.exp(rng.uniform(-3, 4, (2, 200))).astype(dtype)
    x = rng.uniform(0, 1, 200).astype(dtype)
    build = node(tensorflow, "Betainc", "a", "b", "x")
    check_values(tensorflow, build, p, q, x)
    check_values(tensorflow, build, p, q[:1].reshape(()), x)
    edges = (
        np.array(list(itertools.product([0.0, 1.0, -1.0, 2.5, np.inf, np.nan], repeat=3)))
        .astype(dtype)
        .T.copy()
    )
    check_values(tensorflow, build, *edges)


@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_clip_and_cross(tensorflow, dtype):
    raw = tensorflow.raw_ops
    low, high = np.array(-2, dtype), np.array(5, dtype)
    check(
        tensorflow,
        lambda x: raw.ClipByValue(t=x, clip_value_min=low, clip_value_max=high),
        ((None, 3), dtype),
    )
    check(
        tensorflow,
        lambda x: raw.ClipByValue(t=x, clip_value_min=high, clip_value_max=low),
        ((None, 3), dtype),
    )
    check(tensorflow, node(tensorflow, "ClipByValue", "t", "clip_value_min", "clip_value_max"),
          *[((None, 3), dtype)] * 3)  # fmt: skip
    check(tensorflow, node(tensorflow, "Cross", "a", "b"), ((None, 2, 3), dtype), ((None, 2, 3), dtype))


def test_clip_of_nan(tensorflow):
    raw = tensorflow.raw_ops
    for low, high in ((np.nan, 2), (-1, np.nan), (-1, 2), (-np.inf, np.inf)):
        limits = {"clip_value_min": np.float32(low), "clip_value_max": np.float32(high)}
        check_values(tensorflow, lambda x, k=limits: raw.ClipByValue(t=x, **k), np.array(SPECIAL, np.float32))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_losses(tensorflow, dtype):
    tf = tensorflow
    check(tf, node(tf, "L2Loss", "t"), ((None, 3, 2), dtype))
    check(tf, node(tf, "LogSoftmax", "logits"), ((None, 5), dtype))
    check(tf, node(tf, "LogSoftmax", "logits"), ((None, 2, 5), dtype))
    entropy = node(tf, "SoftmaxCrossEntropyWithLogits", "features", "labels")
    check(tf, lambda x, y: list(entropy(x, tf.nn.softmax(y))), ((None, 5), dtype), ((None, 5), dtype))
    check(tf, lambda x, y: list(entropy(x, tf.nn.softmax(y))), ((None, 5), dtype), ((1, 5), dtype))
    sparse = node(tf, "SparseSoftmaxCrossEntropyWithLogits", "features", "labels")
    for integers in ("int32", "int64"):
        check(tf, lambda x, y: list(sparse(x, tf.abs(y) % 5)), ((None, 5), dtype), ((None,), integers))
    logits = np.array([[np.inf, 0, 0], [np.nan, 0, 1], [-np.inf, 0, 0], [-np.inf] * 3, [100, 0, -100]], dtype)
    labels = np.array([[1, 0, 0], [0, 1, 0], [0.5, 0.5, 0], [0, 0, 1], [0, 0, 1]], dtype)
    check_values(tf, lambda x, y: list(entropy(x, y)), logits, labels)
    check_values(tf, lambda x, y: list(sparse(x, y)), logits, np.array([0, 0, 1, 2, 2], np.int32))
    check_values(tf, node(tf, "LogSoftmax", "logits"), logits)


def test_sum_of_many(tensorflow):
    """TensorFlow rewrites this node before it runs a graph."""
    check(tensorflow, lambda x, y: tensorflow.raw_ops.AddN(inputs=[x, y, x]), (None, 3), (None, 3))


GRADIENTS = {
    ("gradients", "features"): ["ReluGrad", "Relu6Grad", "LeakyReluGrad", "SoftplusGrad", "SoftsignGrad"],
    ("gradients", "outputs"): ["EluGrad", "SeluGrad"],
    ("y", "dy"): ["TanhGrad", "SigmoidGrad", "SqrtGrad", "RsqrtGrad", "ReciprocalGrad", "InvGrad"],
}


@pytest.mark.parametrize(("keys", "op"), [(k, op) for k, ops in GRADIENTS.items() for op in ops])
def test_gradients(tensorflow, keys, op):
    build = node(tensorflow, op, *keys)
    check(tensorflow, build, (None, 3), (None, 3))
    check(tensorflow, build, ((None, 3), "float64"), ((None, 3), "float64"))
    pairs = np.array(list(itertools.product(MODEST, repeat=2))).astype(np.float32)
    check_values(tensorflow, build, pairs[:, 0].copy(), pairs[:, 1].copy())


def test_normalised(tensorflow):
    tf = tensorflow
    check(tf, lambda x: tf.math.l2_normalize(x, axis=-1), (None, 3, 4))
    check(tf, lambda x: tf.nn.gelu(x, approximate=True), (None, 3))
    check(tf, lambda x: tf.nn.gelu(x, approximate=False), (None, 3))
    check(tf, tf.math.log_sigmoid, (None, 3))
