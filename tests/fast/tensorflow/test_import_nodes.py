"""Nodes of every family against numpy. TensorFlow itself is asked in tests/oracle."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.frontends.tensorflow.registry import load_converters, support_matrix, supported_ops

from .graphs import Shape, Type, const, graph, load, main, node, ops, placeholder, run

rng = np.random.default_rng(0)
IMAGE = rng.normal(size=(2, 5, 6, 4)).astype(np.float32)
ROWS = rng.normal(size=(3, 4)).astype(np.float32)


def binary(op: str, x: np.ndarray, y: np.ndarray, **attrs: object) -> np.ndarray:
    """One op of two inputs of these arrays' types, with every size left open."""
    inputs = [placeholder(name, *(None,) * a.ndim, dtype=a.dtype.name) for name, a in (("x", x), ("y", y))]
    return run(graph(*inputs, node("op", op, "x", "y", **attrs)), x, y)


def unary(op: str, x: np.ndarray, *more: object, **attrs: object) -> np.ndarray:
    """One op of an input and constants."""
    constants = [const(f"c{i}", value) for i, value in enumerate(more)]
    names = [f"c{i}" for i in range(len(more))]
    x_node = placeholder("x", *x.shape, dtype=x.dtype.name)
    return run(graph(x_node, *constants, node("op", op, "x", *names, **attrs)), x)


def test_every_op_has_a_converter_with_a_sentence():
    matrix = support_matrix()
    assert set(matrix) == supported_ops()
    assert all(text.endswith(".") for text in matrix.values())
    assert {"Conv2D", "Placeholder", "NoOp"} <= supported_ops()
    assert load_converters()["ConcatV2"].most is None


POINTWISE = {
    "Abs": np.abs,
    "Exp": np.exp,
    "Floor": np.floor,
    "Log": np.log,
    "Neg": np.negative,
    "Relu": lambda x: np.maximum(x, 0),
    "Relu6": lambda x: np.clip(x, 0, 6),
    "Rsqrt": lambda x: 1 / np.sqrt(x),
    "Sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "Sqrt": np.sqrt,
    "Square": np.square,
    "Tanh": np.tanh,
    "Elu": lambda x: np.where(x < 0, np.expm1(x), x),
    "Identity": lambda x: x,
    "StopGradient": lambda x: x,
    "CheckNumerics": lambda x: x,
    "ZerosLike": np.zeros_like,
    "OnesLike": np.ones_like,
}


@pytest.mark.parametrize("op", POINTWISE)
def test_pointwise(op):
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(unary(op, ROWS), POINTWISE[op](ROWS), rtol=1e-6)


def test_leaky_relu_has_a_default():
    np.testing.assert_allclose(unary("LeakyRelu", ROWS), np.where(ROWS < 0, ROWS * np.float32(0.2), ROWS))
    np.testing.assert_allclose(unary("LeakyRelu", ROWS, alpha=0.5), np.where(ROWS < 0, ROWS / 2, ROWS))


BINARY = {
    "Add": np.add,
    "AddV2": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "RealDiv": np.divide,
    "Div": np.divide,
    "Maximum": np.maximum,
    "Minimum": np.minimum,
    "SquaredDifference": lambda x, y: (x - y) ** 2,
    "Equal": np.equal,
    "NotEqual": np.not_equal,
    "Less": np.less,
    "LessEqual": np.less_equal,
    "Greater": np.greater,
    "GreaterEqual": np.greater_equal,
}


@pytest.mark.parametrize("op", BINARY)
def test_binary(op):
    y = ROWS[::-1].copy()
    np.testing.assert_array_equal(binary(op, ROWS, y), BINARY[op](ROWS, y))


def test_logic():
    x, y = np.array([True, True, False]), np.array([True, False, False])
    np.testing.assert_array_equal(binary("LogicalAnd", x, y), x & y)
    np.testing.assert_array_equal(binary("LogicalOr", x, y), x | y)
    np.testing.assert_array_equal(unary("LogicalNot", x), ~x)


def test_integers_divide_towards_zero():
    x, y = np.array([-7, 7, -(2**31)], np.int32), np.array([2, -2, -1], np.int32)
    np.testing.assert_array_equal(binary("Div", x, y), [-3, -3, -(2**31)])


def test_cast():
    np.testing.assert_array_equal(unary("Cast", ROWS, DstT=Type("int32")), ROWS.astype(np.int32))
    assert "cast" not in ops(load(graph(placeholder("x", 3), node("op", "Cast", "x", DstT=Type("float32")))))


def test_select_of_the_first_version_takes_rows():
    x, condition = ROWS, np.array([True, False, True])
    data = graph(
        placeholder("c", None, dtype="bool"),
        placeholder("x", None, 4),
        node("op", "Select", "c", "x", "zeros"),
        node("zeros", "ZerosLike", "x"),
    )
    np.testing.assert_array_equal(run(data, condition, x), np.where(condition[:, None], x, 0))


def test_add_n():
    x = placeholder("x", 3, 4)
    np.testing.assert_array_equal(run(graph(x, node("op", "AddN", "x", "x", "x")), ROWS), ROWS + ROWS + ROWS)


@pytest.mark.parametrize(("a", "b"), [(False, False), (True, False), (False, True), (True, True)])
def test_matmul(a, b):
    x, y = (ROWS.T.copy() if a else ROWS), (ROWS.copy() if b else ROWS.T.copy())
    want = (x.T if a else x) @ (y.T if b else y)
    np.testing.assert_allclose(binary("MatMul", x, y, transpose_a=a, transpose_b=b), want, rtol=1e-6)
    x3, y3 = np.stack([x, x]), np.stack([y, y])
    np.testing.assert_allclose(binary("BatchMatMulV2", x3, y3, adj_x=a, adj_y=b), [want] * 2, rtol=1e-6)


def naive_conv(x, w, pads=((0, 0), (0, 0)), groups=1):
    x = np.pad(x, ((0, 0), *pads, (0, 0)))
    kh, kw, c, o = w.shape
    out = np.zeros((x.shape[0], x.shape[1] - kh + 1, x.shape[2] - kw + 1, o))
    for i in range(kh):
        for j in range(kw):
            part = x[:, i : i + out.shape[1], j : j + out.shape[2]]
            for g in range(groups):
                of, to = slice(g * c, g * c + c), slice(g * o // groups, (g + 1) * o // groups)
                out[..., to] += part[..., of] @ w[i, j][:, to]
    return out


def test_conv2d():
    w = rng.normal(size=(3, 2, 4, 5)).astype(np.float32)
    strides = [1, 1, 1, 1]
    want = naive_conv(IMAGE, w)
    found = unary("Conv2D", IMAGE, w, strides=strides, padding="VALID")
    np.testing.assert_allclose(found, want, rtol=1e-4, atol=1e-5)
    found = unary("Conv2D", IMAGE, w, strides=strides, padding="SAME")
    np.testing.assert_allclose(found, naive_conv(IMAGE, w, ((1, 1), (0, 1))), rtol=1e-4, atol=1e-5)
    explicit = [0, 0, 2, 1, 0, 1, 0, 0]
    found = unary("Conv2D", IMAGE, w, strides=strides, padding="EXPLICIT", explicit_paddings=explicit)
    np.testing.assert_allclose(found, naive_conv(IMAGE, w, ((2, 1), (0, 1))), rtol=1e-4, atol=1e-5)


def test_conv2d_in_groups():
    w = rng.normal(size=(3, 2, 2, 6)).astype(np.float32)
    found = unary("Conv2D", IMAGE, w, strides=[1, 1, 1, 1], padding="VALID")
    np.testing.assert_allclose(found, naive_conv(IMAGE, w, groups=2), rtol=1e-4, atol=1e-5)


def test_depthwise_conv2d():
    w = rng.normal(size=(3, 2, 4, 2)).astype(np.float32)
    found = unary("DepthwiseConv2dNative", IMAGE, w, strides=[1, 1, 1, 1], padding="VALID")
    want = naive_conv(IMAGE, w.reshape(3, 2, 1, 8), groups=4)
    np.testing.assert_allclose(found, want, rtol=1e-4, atol=1e-5)


NCHW = np.ascontiguousarray(IMAGE.transpose(0, 3, 1, 2))
WINDOWS = {
    "Conv2D": ([rng.normal(size=(3, 2, 4, 5)).astype(np.float32)], {}),
    "DepthwiseConv2dNative": ([rng.normal(size=(3, 2, 4, 2)).astype(np.float32)], {}),
    "MaxPool": ([], {"ksize": (1, 3, 2, 1)}),
    "AvgPool": ([], {"ksize": (1, 3, 2, 1)}),
}


PADDED = [(op, padding) for op in WINDOWS for padding in ("SAME", "VALID", "EXPLICIT")]
PADDED.remove(("AvgPool", "EXPLICIT"))  # TensorFlow has no such thing


@pytest.mark.parametrize(("op", "padding"), PADDED)
def test_channels_first_is_channels_last_transposed(op, padding):
    constants, attrs = WINDOWS[op]
    attrs = {"strides": (1, 2, 1, 1), "padding": padding, **attrs}
    if padding == "EXPLICIT":
        attrs["explicit_paddings"] = (0, 0, 1, 0, 1, 1, 0, 0)
    want = unary(op, IMAGE, *constants, **attrs)
    for key in ("strides", "ksize"):
        if key in attrs:
            attrs[key] = tuple(attrs[key][i] for i in (0, 3, 1, 2))
    if "explicit_paddings" in attrs:
        attrs["explicit_paddings"] = (0, 0, 0, 0, 1, 0, 1, 1)
    found = unary(op, NCHW, *constants, data_format="NCHW", **attrs)
    np.testing.assert_array_equal(found, want.transpose(0, 3, 1, 2))


def test_pools_skip_padding():
    x = np.arange(9, dtype=np.float32).reshape(1, 3, 3, 1) - 100
    attrs = {"ksize": (1, 2, 2, 1), "strides": (1, 2, 2, 1), "padding": "SAME"}
    np.testing.assert_array_equal(unary("MaxPool", x, **attrs).ravel(), [-96, -95, -93, -92])
    np.testing.assert_array_equal(unary("AvgPool", x, **attrs).ravel(), [-98, -96.5, -93.5, -92])


def test_max_pool_skips_nan():
    x = np.array([np.nan, 1, np.nan, -np.inf], np.float32).reshape(1, 1, 4, 1)
    found = unary("MaxPool", x, ksize=(1, 1, 2, 1), strides=(1, 1, 2, 1), padding="VALID")
    np.testing.assert_array_equal(found.ravel(), np.array([1, np.finfo(np.float32).min], np.float32))


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4), (2, 3, 4, 5), (2, 3, 4, 5, 6)])
def test_bias(shape):
    x = rng.normal(size=shape).astype(np.float32)
    for data_format, axis in (("NHWC", len(shape) - 1), ("NCHW", 1)):
        bias = rng.normal(size=shape[axis]).astype(np.float32)
        aligned = bias.reshape([-1 if i == axis else 1 for i in range(len(shape))])
        np.testing.assert_array_equal(unary("BiasAdd", x, bias, data_format=data_format), x + aligned)


@pytest.mark.parametrize("op", ["FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"])
def test_batch_norm(op):
    scale, offset, mean = rng.normal(size=(3, 4)).astype(np.float32)
    variance = rng.uniform(0.5, 2, 4).astype(np.float32)
    want = (IMAGE - mean) / np.sqrt(variance + 0.001) * scale + offset
    given = (scale, offset, mean, variance)
    attrs = {"is_training": False, "epsilon": 0.001}
    np.testing.assert_allclose(unary(op, IMAGE, *given, **attrs), want, rtol=1e-4, atol=1e-5)
    found = unary(op, NCHW, *given, data_format="NCHW", **attrs)
    np.testing.assert_allclose(found.transpose(0, 2, 3, 1), want, rtol=1e-4, atol=1e-5)


def test_batch_norm_hands_on_its_statistics():
    names = ["scale", "offset", "mean", "variance"]
    constants = [const(name, np.full(4, i + 1, np.float32)) for i, name in enumerate(names)]
    data = graph(
        placeholder("x", None, 5, 6, 4),
        *constants,
        node("bn", "FusedBatchNormV3", "x", *names, is_training=False),
        node("y", "AddV2", "bn:1", "bn:2"),
    )
    np.testing.assert_array_equal(run(data, IMAGE, outputs=["y"]), np.full(4, 7, np.float32))


def test_softmax():
    want = np.exp(ROWS) / np.exp(ROWS).sum(-1, keepdims=True)
    np.testing.assert_allclose(unary("Softmax", ROWS), want, rtol=1e-6)


REDUCTIONS = {"Sum": np.sum, "Mean": np.mean, "Max": np.max, "Min": np.min, "Prod": np.prod}


@pytest.mark.parametrize("op", REDUCTIONS)
@pytest.mark.parametrize("axes", [(0,), (1, -1), (-4, 2, 1, 3), 2])
@pytest.mark.parametrize("keep", [False, True])
def test_reduction(op, axes, keep):
    want = REDUCTIONS[op](IMAGE, axis=axes, keepdims=keep)
    np.testing.assert_allclose(unary(op, IMAGE, axes, keep_dims=keep), want, rtol=1e-4)


def test_reduction_over_no_axes_is_left_out():
    data = graph(placeholder("x", 3, 4), const("axes", np.zeros(0, np.int32)), node("y", "Mean", "x", "axes"))
    assert ops(load(data)) == []


def test_means_of_integers_are_cut_off():
    x = np.array([[-1, -2], [3, 4]], np.int32)
    np.testing.assert_array_equal(unary("Mean", x, 1), [-1, 3])
    np.testing.assert_array_equal(unary("Mean", np.full((300,), 100, np.int8), 0), np.int8(100))


def test_gather():
    data = graph(
        placeholder("x", None, 5, 6, 4),
        placeholder("i", 2, 3, dtype="int32"),
        const("axis", 2),
        node("y", "GatherV2", "x", "i", "axis"),
        node("z", "Gather", "x", "i"),
    )
    i = np.array([[0, 5, 1], [2, 2, 3]], np.int32)
    y, _ = run(data, IMAGE, i % 2, outputs=["y", "z"])
    np.testing.assert_array_equal(y, IMAGE[:, :, i % 2])
    np.testing.assert_array_equal(run(data, IMAGE, i % 2, outputs=["z"]), IMAGE[i % 2])


@pytest.mark.parametrize(
    ("op", "more", "want"),
    [
        ("Transpose", ([0, -1, 1, 2],), IMAGE.transpose(0, 3, 1, 2)),
        ("ExpandDims", (-2,), IMAGE[:, :, :, None]),
        ("Reshape", ([-1, 12],), IMAGE.reshape(-1, 12)),
        ("Pad", ([[0, 0], [1, 2], [0, 1], [0, 0]],), np.pad(IMAGE, ((0, 0), (1, 2), (0, 1), (0, 0)))),
        ("Pad", ([[0, 0]] * 4,), IMAGE),
        (
            "PadV2",
            ([[0, 0], [1, 2], [0, 1], [0, 0]], 7.0),
            np.pad(IMAGE, ((0, 0), (1, 2), (0, 1), (0, 0)), constant_values=7),
        ),
        ("Tile", ([1, 2, 3, 1],), np.tile(IMAGE, (1, 2, 3, 1))),
        ("BroadcastTo", ([3, 2, 5, 6, 4],), np.broadcast_to(IMAGE, (3, 2, 5, 6, 4))),
        ("Slice", ([0, 1, 2, 3], [-1, 2, 4, 1]), IMAGE[:, 1:3, 2:6, 3:4]),
    ],
)
def test_moves(op, more, want):
    np.testing.assert_array_equal(unary(op, IMAGE, *more), want)


def test_splits_and_joins():
    data = graph(
        placeholder("x", None, 6),
        const("axis", 1),
        const("sizes", [1, -1, 2]),
        node("a", "Split", "axis", "x", num_split=3),
        node("b", "SplitV", "x", "sizes", "axis", num_split=3),
        node("c", "ConcatV2", "a:2", "a", "b:1", "axis"),
        node("d", "Concat", "axis", "b", "b:2"),
        node("e", "Unpack", "x", axis=1, num=6),
        node("f", "Pack", "e:5", "e:3", axis=1),
    )
    x = rng.normal(size=(2, 6)).astype(np.float32)
    c, d, f = run(data, x, outputs=["c", "d", "f"])
    np.testing.assert_array_equal(c, np.concatenate([x[:, 4:], x[:, :2], x[:, 1:4]], 1))
    np.testing.assert_array_equal(d, np.concatenate([x[:, :1], x[:, 4:]], 1))
    np.testing.assert_array_equal(f, x[:, [5, 3]])


def test_constants_that_are_made():
    data = graph(
        const("dims", [2, 3]),
        const("value", 2.5),
        node("fill", "Fill", "dims", "value"),
        const("a", 2),
        const("b", 11),
        const("c", 3),
        node("range", "Range", "a", "b", "c"),
        const("p", 0.0),
        const("q", 1.0),
        const("r", 0.25),
        node("floats", "Range", "p", "q", "r"),
    )
    fill, integers, floats = run(data)
    np.testing.assert_array_equal(fill, np.full((2, 3), 2.5, np.float32))
    np.testing.assert_array_equal(integers, np.array([2, 5, 8], np.int32))
    np.testing.assert_array_equal(floats, np.array([0, 0.25, 0.5, 0.75], np.float32))


def test_names_and_locations():
    w = const("dense/kernel", np.ones((4, 2), np.float32))
    module = load(graph(placeholder("x", None, 4), w, node("dense/MatMul", "MatMul", "x", "dense/kernel")))
    constant, matmul, _ = main(module).body.ops
    assert (str(matmul.location), matmul.result.hint) == ("dense/MatMul", "dense/MatMul")
    assert (constant.attributes["value"].name, str(constant.location)) == ("dense/kernel", "dense/kernel")


def test_constants_are_views_of_the_file(tmp_path):
    w = rng.normal(size=(100, 200)).astype(np.float32)
    data = graph(placeholder("x", None, 100), const("w", w), node("y", "MatMul", "x", "w"))
    path = tmp_path / "m.pb"
    path.write_bytes(data)
    array = next(iter(main(load(path)).body.ops)).attributes["value"].array
    np.testing.assert_array_equal(array, w)
    assert not array.flags.owndata
    assert not array.flags.writeable


@pytest.mark.parametrize("dtype", ["float16", "float64", "int8", "uint8", "int64", "bool"])
def test_data_types(dtype):
    x = np.array([0, 1, 1], dtype)
    module = load(
        graph(
            placeholder("x", None, dtype=dtype),
            const("c", x),
            node("y", "ConcatV2", "x", "c", "a"),
            const("a", 0),
        )
    )
    assert module.body.first.function_type.results[0].dtype.tf_name == dtype


def test_defaults_of_absent_attributes():
    data = graph(
        node("x", "Placeholder", dtype=Type("float32"), shape=Shape((2, 4))),
        const("b", np.ones(4, np.float32)),
        node("y", "BiasAdd", "x", "b"),
        node("s", "Shape", "y"),
    )
    np.testing.assert_array_equal(run(data, np.zeros((2, 4), np.float32)), np.array([2, 4], np.int32))
