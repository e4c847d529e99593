"""The importer against TensorFlow: arithmetic, products, windows, normalisations, reductions."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from .tensorflow_graphs import SPECIAL, Graph, array, check, check_values, node

# TensorFlow calls what Python and numpy deprecate.
pytestmark = pytest.mark.filterwarnings("ignore")

# Pointwise.

UNARY = [
    "Abs",
    "Elu",
    "Exp",
    "Floor",
    "Identity",
    "LeakyRelu",
    "Log",
    "Neg",
    "Relu",
    "Relu6",
    "Rsqrt",
    "Sigmoid",
]
UNARY += ["Sqrt", "Square", "Tanh", "ZerosLike", "OnesLike", "StopGradient", "PreventGradient", "Snapshot"]
FEATURES = {"Elu", "LeakyRelu", "Relu", "Relu6"}
INPUT = {"Identity", "StopGradient", "PreventGradient", "Snapshot"}


def key(op: str) -> str:
    return "features" if op in FEATURES else "input" if op in INPUT else "x"


@pytest.mark.parametrize("op", UNARY)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_unary(tensorflow, op, dtype):
    build = node(tensorflow, op, key(op))
    check(tensorflow, build, ((None, 3, 5), dtype))
    check_values(tensorflow, build, np.array(SPECIAL, dtype))


@pytest.mark.parametrize("op", ["Abs", "Neg", "Square", "Relu", "Relu6"])
def test_unary_integers(tensorflow, op):
    check(tensorflow, node(tensorflow, op, key(op)), ((None, 4), "int32"))


@pytest.mark.parametrize("alpha", [0.0, 0.1, 1.0, 3.0])
def test_leaky_relu(tensorflow, alpha):
    build = node(tensorflow, "LeakyRelu", "features", alpha=alpha)
    check_values(tensorflow, build, np.array(SPECIAL, np.float32))


ARITHMETIC = ["Add", "AddV2", "Sub", "Mul", "RealDiv", "Div", "Maximum", "Minimum", "SquaredDifference"]
COMPARISONS = ["Equal", "NotEqual", "Less", "LessEqual", "Greater", "GreaterEqual"]


@pytest.mark.parametrize("op", ARITHMETIC + COMPARISONS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
def test_binary(tensorflow, op, dtype):
    if op == "RealDiv" and dtype[0] == "i":
        return  # TensorFlow has no such thing
    raw = node(tensorflow, op, "x", "y")

    def build(x: Any, y: Any) -> Any:
        return raw(
            x, tensorflow.where(tensorflow.equal(y, 0), tensorflow.ones_like(y), y) if op == "Div" else y
        )

    for shapes in ([(None, 3, 4), (None, 3, 4)], [(None, 3, 1), (4,)], [(2, 1, 4), (3, 1)], [(), (None, 2)]):
        check(tensorflow, build, *((shape, dtype) for shape in shapes))
    if dtype[0] == "f":
        x, y = (a.ravel() for a in np.meshgrid(SPECIAL, SPECIAL))
        check_values(tensorflow, raw, x.astype(dtype), y.astype(dtype))


def test_integer_division_and_overflow(tensorflow):
    x = np.array([-7, 7, -7, 7, -(2**31), 2**31 - 1], np.int32)
    y = np.array([2, -2, -2, 2, -1, 3], np.int32)
    for op in ("Div", "Mul", "Add", "Sub"):
        check_values(tensorflow, node(tensorflow, op, "x", "y"), x, y)


def test_logic_and_selection(tensorflow):
    both = ((None, 3), "bool"), ((None, 3), "bool")
    check(tensorflow, node(tensorflow, "LogicalAnd", "x", "y"), *both)
    check(tensorflow, node(tensorflow, "LogicalOr", "x", "y"), *both)
    check(tensorflow, node(tensorflow, "LogicalNot", "x"), both[0])
    select = node(tensorflow, "Select", "condition", "x", "y")
    for condition in [((None, 3, 2), "bool"), ((None,), "bool"), ((), "bool")]:
        check(tensorflow, select, condition, (None, 3, 2), (None, 3, 2))
    check(
        tensorflow, node(tensorflow, "SelectV2", "condition", "t", "e"), ((3, 1), "bool"), (None, 1, 2), (1,)
    )


def test_add_n(tensorflow):
    check(tensorflow, lambda *xs: tensorflow.raw_ops.AddN(inputs=xs), *[(None, 5)] * 5)


DTYPES = ["float32", "float64", "float16", "int8", "uint8", "int16", "uint16", "int32", "int64", "bool"]


@pytest.mark.parametrize("to", DTYPES)
@pytest.mark.parametrize("of", DTYPES)
def test_cast(tensorflow, of, to):
    build = node(tensorflow, "Cast", "x", DstT=to)
    if not (of[0] == "f" and to[0] == "u"):  # what becomes of -1.0 then depends on where it stands
        check(tensorflow, build, ((None, 40), of))
    if of in ("float32", "float64"):
        values = np.array([2.9, -2.9, 0.5, -0.5, 100, 127, 0.0, -0.0], of)
        check_values(tensorflow, build, np.abs(values) if to[0] == "u" else values)


def test_softmax(tensorflow):
    for shape in ((None, 5), (None, 2, 3, 4), (3,)):
        check(tensorflow, lambda x: tensorflow.raw_ops.Softmax(logits=x * 30), shape)


# Products.


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
@pytest.mark.parametrize(("a", "b"), [(False, False), (False, True), (True, False), (True, True)])
def test_matmul(tensorflow, dtype, a, b):
    y = (4, 5) if b else (5, 4)
    build = node(tensorflow, "MatMul", "a", "b", transpose_a=a, transpose_b=b)
    check(tensorflow, build, ((5, None) if a else (None, 5), dtype), (y, dtype))
    x = (5, 3) if a else (3, 5)
    for lead in ((None,), (None, 2)):
        build = node(tensorflow, "BatchMatMul", "x", "y", adj_x=a, adj_y=b)
        check(tensorflow, build, ((*lead, *x), dtype), ((*lead, *y), dtype))
    for lead_x, lead_y in (((None, 1), (2,)), ((2, 1), (None, 1, 3)), ((), (None,))):
        build = node(tensorflow, "BatchMatMulV2", "x", "y", adj_x=a, adj_y=b)
        check(tensorflow, build, ((*lead_x, *x), dtype), ((*lead_y, *y), dtype))


def test_batch_matmul_of_one_type(tensorflow):
    check(tensorflow, node(tensorflow, "BatchMatMulV3", "x", "y", Tout="float32"), (None, 3, 4), (None, 4, 2))


SPATIAL = [(7, 9), (8, 5)]
KERNELS = [(3, 3), (1, 1), (2, 3)]
PADDINGS: list[dict[str, Any]] = [
    {"padding": "SAME"},
    {"padding": "VALID"},
    {"padding": "EXPLICIT", "explicit_paddings": [0, 0, 2, 1, 0, 3, 0, 0]},
]


@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (1, 2), (3, 2)])
@pytest.mark.parametrize("dilations", [(1, 1), (2, 1), (2, 2)])
def test_conv2d(tensorflow, strides, dilations):
    window = {"strides": [1, *strides, 1], "dilations": [1, *dilations, 1]}
    for (h, w), kernel, pads in itertools.product(SPATIAL, KERNELS, PADDINGS):
        build = node(tensorflow, "Conv2D", "input", "filter", **window, **pads)
        check(tensorflow, build, (None, h, w, 4), (*kernel, 4, 6), batches=(1, 7))


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("stride", [1, 2])
def test_conv2d_of_open_sizes_and_types(tensorflow, padding, stride):
    build = node(tensorflow, "Conv2D", "input", "filter", strides=[1, stride, stride, 1], padding=padding)
    graph = Graph(tensorflow, build, [((None, None, None, 3), "float32"), ((3, 2, 3, 4), "float32")])
    module = graph.load()
    for shape in ((1, 5, 6, 3), (2, 8, 7, 3)):
        graph.compare(module, [array(shape, "float32", 0, 0), array((3, 2, 3, 4), "float32", 0, 1)], 1e-5)
    check(tensorflow, build, ((None, 6, 6, 3), "float64"), ((3, 3, 3, 4), "float64"), batches=(1, 7))


@pytest.mark.parametrize("groups", [2, 4])
def test_conv2d_in_groups(tensorflow, groups):
    build = node(tensorflow, "Conv2D", "input", "filter", strides=[1, 1, 1, 1], padding="SAME")
    check(tensorflow, build, (None, 6, 5, 8), (3, 3, 8 // groups, 8), batches=(1, 7))


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("multiplier", [1, 3])
def test_depthwise_conv2d(tensorflow, stride, dilation, multiplier):
    window = {"strides": [1, stride, stride, 1], "dilations": [1, dilation, dilation, 1]}
    for (h, w), kernel, pads in itertools.product(SPATIAL, KERNELS, PADDINGS):
        build = node(tensorflow, "DepthwiseConv2dNative", "input", "filter", **window, **pads)
        check(tensorflow, build, (None, h, w, 4), (*kernel, 4, multiplier), batches=(1, 7))


@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (3, 1)])
@pytest.mark.parametrize("kernel", [(2, 2), (3, 2), (1, 1), (5, 5)])
def test_pools(tensorflow, strides, kernel):
    window = {"ksize": [1, *kernel, 1], "strides": [1, *strides, 1]}
    for (h, w), padding, dtype in itertools.product(SPATIAL, ["SAME", "VALID"], ["float32", "float64"]):
        for build in (
            node(tensorflow, "MaxPool", "input", padding=padding, **window),
            node(tensorflow, "AvgPool", "value", padding=padding, **window),
        ):
            check(tensorflow, build, ((None, h, w, 3), dtype))
    explicit = {"padding": "EXPLICIT", "explicit_paddings": [0, 0, 0, kernel[0] - 1, kernel[1] - 1, 0, 0, 0]}
    check(tensorflow, node(tensorflow, "MaxPool", "input", **window, **explicit), (None, 7, 9, 3))


def test_pools_of_special_values(tensorflow):
    x = np.array([np.nan, 1, -np.inf, np.nan, -np.inf, -np.inf, np.inf, -5], np.float32).reshape(1, 1, 8, 1)
    window = {"ksize": [1, 1, 2, 1], "strides": [1, 1, 2, 1], "padding": "VALID"}
    check_values(tensorflow, node(tensorflow, "MaxPool", "input", **window), x)
    check_values(tensorflow, node(tensorflow, "AvgPool", "value", **window), x)


@pytest.mark.parametrize("data_format", ["NHWC", "NCHW"])
def test_bias_add(tensorflow, data_format):
    for rank in (2, 3, 4, 5):
        shape = (None, *range(3, 2 + rank))
        if data_format == "NCHW" and rank == 2:
            continue  # TensorFlow takes no such thing
        build = node(tensorflow, "BiasAdd", "value", "bias", data_format=data_format)
        check(tensorflow, build, shape, (shape[1 if data_format == "NCHW" else -1],))


@pytest.mark.parametrize("op", ["FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"])
def test_batch_norm(tensorflow, op):
    keys = ("x", "scale", "offset", "mean", "variance")
    norm = node(tensorflow, op, *keys, is_training=False, epsilon=0.01)

    def build(*xs: Any) -> Any:
        return norm(*xs[:4], xs[4] * xs[4])[:3]

    check(tensorflow, build, (None, 3, 4, 5), *[(5,)] * 4, batches=(1, 7))


# Reductions.


@pytest.mark.parametrize("op", ["Sum", "Mean", "Max", "Min", "Prod"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
def test_reductions(tensorflow, op, dtype):
    for axes, keep in itertools.product([0, [1], [-1, 0], [0, 1, 2, 3], [2, 1], []], [False, True]):
        build = node(tensorflow, op, "input", axis=np.array(axes, np.int32), keep_dims=keep)
        check(tensorflow, build, ((None, 3, 4, 2), dtype))


@pytest.mark.parametrize("op", ["Sum", "Mean", "Max", "Min", "Prod"])
def test_reductions_of_special_values(tensorflow, op):
    rows = [[1, np.nan, 2], [np.inf, 1, -np.inf], [np.nan] * 3, [-np.inf] * 3, [np.inf, 2, 3], [-0.0] * 3]
    build = node(tensorflow, op, "input", axis=1)
    check_values(tensorflow, build, np.array(rows, np.float32))
    check_values(tensorflow, build, np.array([[-1, -2], [-7, 0], [3, 4]], np.int32))
    if op != "Prod":
        check_values(tensorflow, build, np.array([[100] * 300, [-3] * 300], np.int8))
