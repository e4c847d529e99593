"""The importer and the interpreter against TensorFlow: every node type, its attributes swept, at several batches.

A graph is built with TensorFlow, imported with an open batch, and run at batch 0, 1 and 7; and once more with
all of its sizes fixed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from netwright.compiler.ir.verify import verify
from netwright.compiler.ops.interpreter import run_module
from netwright.frontends.tensorflow.importer import import_graph

from ..helpers import close

# TensorFlow calls what Python and numpy deprecate.
pytestmark = pytest.mark.filterwarnings("ignore")

Array = np.ndarray[Any, Any]
Input = tuple[tuple["int | None", ...], str]
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 7.0, np.inf, -np.inf, np.nan, 88.0, -88.0, 3e38, -3e38, 1e-30]


def array(shape: Sequence[int | None], dtype: str, batch: int, seed: int) -> Array:
    """Random values; small whole numbers for integers."""
    rng = np.random.default_rng(seed)
    sizes = [batch if d is None else d for d in shape]
    if dtype == "bool":
        return rng.integers(0, 2, sizes).astype(bool)
    if np.dtype(dtype).kind in "iu":
        return rng.integers(0 if dtype[0] == "u" else -9, 10, sizes).astype(dtype)
    return rng.normal(size=sizes).astype(dtype)


class Graph:
    """A graph of TensorFlow's, and what it computes."""

    def __init__(self, tf: Any, build: Callable[..., Any], inputs: Sequence[Input]) -> None:
        self.tf = tf
        self.graph = tf.Graph()
        with self.graph.as_default():
            places = [
                tf.compat.v1.placeholder(dtype, shape, name=f"x{i}")
                for i, (shape, dtype) in enumerate(inputs)
            ]
            made = build(*places)
        self.outputs = list(made) if isinstance(made, (list, tuple)) else [made]
        self.inputs = [p.name for p in places]

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        with self.tf.compat.v1.Session(graph=self.graph) as session:
            return session.run(self.outputs, dict(zip(self.inputs, arrays, strict=True)))

    def load(self) -> Any:
        data = self.graph.as_graph_def().SerializeToString()
        module = import_graph(data, inputs=self.inputs, outputs=[o.name for o in self.outputs])
        verify(module)
        return module

    def compare(self, module: Any, arrays: Sequence[Array], tolerance: float) -> None:
        for got, want in zip(run_module(module, arrays), self.run(arrays), strict=True):
            close(got, np.asarray(want), tolerance)


def as_input(what: Any) -> Input:
    """A shape of float32, or a shape and a data type."""
    return what if what and isinstance(what[-1], str) else (tuple(what), "float32")  # type: ignore[return-value]


def check(
    tf: Any,
    build: Callable[..., Any],
    *inputs: Any,
    batches: Sequence[int] = (0, 1, 7),
    tolerance: float = 1e-5,
) -> None:
    """Compares a graph at several batches, which are the sizes given as None, and with all sizes fixed."""
    specs = [as_input(i) for i in inputs]
    if any(None in shape for shape, _ in specs):
        graph = Graph(tf, build, specs)
        module = graph.load()
        for batch in batches:
            arrays = [array(shape, dtype, batch, i) for i, (shape, dtype) in enumerate(specs)]
            graph.compare(module, arrays, tolerance)
    fixed = [(tuple(3 if d is None else d for d in shape), dtype) for shape, dtype in specs]
    graph = Graph(tf, build, fixed)
    arrays = [array(shape, dtype, 3, i) for i, (shape, dtype) in enumerate(fixed)]
    graph.compare(graph.load(), arrays, tolerance)


def check_values(tf: Any, build: Callable[..., Any], *arrays: Array, tolerance: float = 1e-5) -> None:
    """Compares a graph on given values."""
    graph = Graph(tf, build, [((None,) * a.ndim, a.dtype.name) for a in arrays])
    graph.compare(graph.load(), arrays, tolerance)


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


@pytest.mark.parametrize("op", UNARY)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_unary(tensorflow, op, dtype):
    key = "features" if op in FEATURES else "input" if op in INPUT else "x"
    raw = getattr(tensorflow.raw_ops, op)
    check(tensorflow, lambda x: raw(**{key: x}), ((None, 3, 5), dtype))
    check_values(tensorflow, lambda x: raw(**{key: x}), np.array(SPECIAL, dtype))


@pytest.mark.parametrize("op", ["Abs", "Neg", "Square", "Relu", "Relu6"])
def test_unary_integers(tensorflow, op):
    key = "features" if op in FEATURES else "x"
    check(tensorflow, lambda x: getattr(tensorflow.raw_ops, op)(**{key: x}), ((None, 4), "int32"))


@pytest.mark.parametrize("alpha", [0.0, 0.1, 1.0, 3.0])
def test_leaky_relu(tensorflow, alpha):
    values = np.array(SPECIAL, np.float32)
    check_values(tensorflow, lambda x: tensorflow.raw_ops.LeakyRelu(features=x, alpha=alpha), values)


ARITHMETIC = ["Add", "AddV2", "Sub", "Mul", "RealDiv", "Div", "Maximum", "Minimum", "SquaredDifference"]
COMPARISONS = ["Equal", "NotEqual", "Less", "LessEqual", "Greater", "GreaterEqual"]


@pytest.mark.parametrize("op", ARITHMETIC + COMPARISONS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
def test_binary(tensorflow, op, dtype):
    if op == "RealDiv" and dtype[0] == "i":
        return  # TensorFlow has no such thing
    raw = getattr(tensorflow.raw_ops, op)

    def build(x: Any, y: Any) -> Any:
        return raw(x=x, y=tensorflow.where(y == 0, tensorflow.ones_like(y), y) if op == "Div" else y)

    for shapes in ([(None, 3, 4), (None, 3, 4)], [(None, 3, 1), (4,)], [(2, 1, 4), (3, 1)], [(), (None, 2)]):
        check(tensorflow, build, *((shape, dtype) for shape in shapes))
    if dtype[0] == "f":
        x, y = (a.ravel() for a in np.meshgrid(SPECIAL, SPECIAL))
        check_values(tensorflow, lambda x, y: raw(x=x, y=y), x.astype(dtype), y.astype(dtype))


def test_integer_division_and_overflow(tensorflow):
    x = np.array([-7, 7, -7, 7, -(2**31), 2**31 - 1], np.int32)
    y = np.array([2, -2, -2, 2, -1, 3], np.int32)
    check_values(tensorflow, lambda x, y: tensorflow.raw_ops.Div(x=x, y=y), x, y)
    check_values(tensorflow, lambda x, y: [x * y, x + x, x - y], x, y)


def test_logic_and_selection(tensorflow):
    raw = tensorflow.raw_ops
    both = ((None, 3), "bool"), ((None, 3), "bool")
    check(
        tensorflow,
        lambda x, y: [raw.LogicalAnd(x=x, y=y), raw.LogicalOr(x=x, y=y), raw.LogicalNot(x=x)],
        *both,
    )
    conditions = [((None, 3, 2), "bool"), ((None,), "bool"), ((), "bool")]
    for condition in conditions:
        check(
            tensorflow,
            lambda c, x, y: raw.Select(condition=c, x=x, y=y),
            condition,
            (None, 3, 2),
            (None, 3, 2),
        )
    check(
        tensorflow, lambda c, x, y: raw.SelectV2(condition=c, t=x, e=y), ((3, 1), "bool"), (None, 1, 2), (1,)
    )


def test_add_n(tensorflow):
    check(tensorflow, lambda *xs: tensorflow.raw_ops.AddN(inputs=xs), *[(None, 5)] * 5)


DTYPES = ["float32", "float64", "float16", "int8", "uint8", "int16", "uint16", "int32", "int64", "bool"]


@pytest.mark.parametrize("to", DTYPES)
@pytest.mark.parametrize("of", DTYPES)
def test_cast(tensorflow, of, to):
    check(tensorflow, lambda x: tensorflow.raw_ops.Cast(x=x, DstT=to), ((None, 40), of))
    if of in ("float32", "float64"):
        whole = np.array(
            [2.9, -2.9, 0.5, -0.5, 100, 127, 0.0, -0.0] if to != "uint8" else [2.9, 0.5, 255], of
        )
        check_values(
            tensorflow,
            lambda x: tensorflow.raw_ops.Cast(x=x, DstT=to),
            whole[whole >= 0] if to[0] == "u" else whole,
        )


def test_softmax(tensorflow):
    for shape in ((None, 5), (None, 2, 3, 4), (3,)):
        check(tensorflow, lambda x: tensorflow.raw_ops.Softmax(logits=x * 30), shape)


# Products.


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
@pytest.mark.parametrize(("a", "b"), itertools.product([False, True], repeat=2))
def test_matmul(tensorflow, dtype, a, b):
    raw = tensorflow.raw_ops
    x, y = ((5, None) if a else (None, 5)), ((4, 5) if b else (5, 4))
    check(tensorflow, lambda x, y: raw.MatMul(a=x, b=y, transpose_a=a, transpose_b=b), (x, dtype), (y, dtype))
    for lead_x, lead_y in (((None,), (None,)), ((None, 2), (None, 2))):
        build = lambda x, y: raw.BatchMatMul(x=x, y=y, adj_x=a, adj_y=b)  # noqa: E731
        shapes = (*lead_x, *((5, 3) if a else (3, 5))), (*lead_y, *y)
        check(tensorflow, build, *((shape, dtype) for shape in shapes))
    for lead_x, lead_y in (((None, 1), (2,)), ((2, 1), (None, 1, 3)), ((), (None,))):
        build = lambda x, y: raw.BatchMatMulV2(x=x, y=y, adj_x=a, adj_y=b)  # noqa: E731
        shapes = (*lead_x, *((5, 3) if a else (3, 5))), (*lead_y, *y)
        check(tensorflow, build, *((shape, dtype) for shape in shapes))


def test_batch_matmul_of_one_type(tensorflow):
    build = lambda x, y: tensorflow.raw_ops.BatchMatMulV3(x=x, y=y, Tout="float32")  # noqa: E731
    check(tensorflow, build, (None, 3, 4), (None, 4, 2))


SPATIAL = [(7, 9), (8, 5)]
EXPLICIT = [0, 0, 2, 1, 0, 3, 0, 0]


def paddings() -> list[dict[str, Any]]:
    return [{"padding": "SAME"}, {"padding": "VALID"}, {"padding": "EXPLICIT", "explicit_paddings": EXPLICIT}]


@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (1, 2), (3, 2)])
@pytest.mark.parametrize("dilations", [(1, 1), (2, 1), (2, 2)])
def test_conv2d(tensorflow, strides, dilations):
    for (h, w), kernel, more in itertools.product(SPATIAL, [(3, 3), (1, 1), (2, 3)], paddings()):
        build = lambda x, f, more=more: tensorflow.raw_ops.Conv2D(  # noqa: E731
            input=x, filter=f, strides=[1, *strides, 1], dilations=[1, *dilations, 1], **more
        )
        check(tensorflow, build, (None, h, w, 4), (*kernel, 4, 6), batches=(1, 7))


def test_conv2d_of_open_sizes_and_types(tensorflow):
    for padding, stride in itertools.product(["SAME", "VALID"], [1, 2]):
        build = lambda x, f, p=padding, s=stride: tensorflow.raw_ops.Conv2D(  # noqa: E731
            input=x, filter=f, strides=[1, s, s, 1], padding=p
        )
        graph = Graph(tensorflow, build, [((None, None, None, 3), "float32"), ((3, 2, 3, 4), "float32")])
        module = graph.load()
        for shape in ((1, 5, 6, 3), (2, 8, 7, 3), (0, 5, 5, 3)):
            graph.compare(module, [array(shape, "float32", 0, 0), array((3, 2, 3, 4), "float32", 0, 1)], 1e-5)
        check(tensorflow, build, ((None, 6, 6, 3), "float64"), ((3, 3, 3, 4), "float64"), batches=(1, 7))


@pytest.mark.parametrize("groups", [2, 4])
def test_conv2d_in_groups(tensorflow, groups):
    build = lambda x, f: tensorflow.raw_ops.Conv2D(input=x, filter=f, strides=[1, 1, 1, 1], padding="SAME")  # noqa: E731
    check(tensorflow, build, (None, 6, 5, 8), (3, 3, 8 // groups, 8), batches=(1, 7))


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("multiplier", [1, 3])
def test_depthwise_conv2d(tensorflow, stride, multiplier):
    for (h, w), kernel, more in itertools.product(SPATIAL, [(3, 3), (1, 1), (2, 3)], paddings()):
        build = lambda x, f, more=more: tensorflow.raw_ops.DepthwiseConv2dNative(  # noqa: E731
            input=x, filter=f, strides=[1, stride, stride, 1], **more
        )
        check(tensorflow, build, (None, h, w, 4), (*kernel, 4, multiplier), batches=(1, 7))


@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (3, 1)])
@pytest.mark.parametrize("kernel", [(2, 2), (3, 2), (1, 1), (5, 5)])
def test_pools(tensorflow, strides, kernel):
    window = {"ksize": [1, *kernel, 1], "strides": [1, *strides, 1]}
    for (h, w), padding in itertools.product(SPATIAL, ["SAME", "VALID"]):
        raw, more = tensorflow.raw_ops, {**window, "padding": padding}
        build = lambda x, more=more: [raw.MaxPool(input=x, **more), raw.AvgPool(value=x, **more)]  # noqa: E731
        check(tensorflow, build, (None, h, w, 3))
        check(tensorflow, build, ((None, h, w, 3), "float64"))
    explicit = {"padding": "EXPLICIT", "explicit_paddings": [0, 0, 0, kernel[0] - 1, kernel[1] - 1, 0, 0, 0]}
    build = lambda x: tensorflow.raw_ops.MaxPool(input=x, **window, **explicit)  # noqa: E731
    check(tensorflow, build, (None, 7, 9, 3))


def test_pools_of_special_values(tensorflow):
    x = np.array([np.nan, 1, -np.inf, np.nan, -np.inf, -np.inf, np.inf, -5], np.float32).reshape(1, 1, 8, 1)
    window = {"ksize": [1, 1, 2, 1], "strides": [1, 1, 2, 1], "padding": "VALID"}
    check_values(tensorflow, lambda x: tensorflow.raw_ops.MaxPool(input=x, **window), x)
    check_values(tensorflow, lambda x: tensorflow.raw_ops.AvgPool(value=x, **window), x)


@pytest.mark.parametrize("data_format", ["NHWC", "NCHW"])
def test_bias_add(tensorflow, data_format):
    for rank in (2, 3, 4, 5):
        shape = (None, *range(3, 2 + rank))
        bias = shape[1 if data_format == "NCHW" else -1]
        build = lambda x, b: tensorflow.raw_ops.BiasAdd(value=x, bias=b, data_format=data_format)  # noqa: E731
        check(tensorflow, build, shape, (bias,))


@pytest.mark.parametrize("op", ["FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"])
def test_batch_norm(tensorflow, op):
    def build(x: Any, scale: Any, offset: Any, mean: Any, variance: Any) -> Any:
        raw = getattr(tensorflow.raw_ops, op)
        made = raw(
            x=x,
            scale=scale,
            offset=offset,
            mean=mean,
            variance=variance * variance,
            is_training=False,
            epsilon=0.01,
        )
        return [made.y, made.batch_mean, made.batch_variance]

    check(tensorflow, build, (None, 3, 4, 5), *[(5,)] * 4, batches=(1, 7))


# Reductions.


@pytest.mark.parametrize("op", ["Sum", "Mean", "Max", "Min", "Prod"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
def test_reductions(tensorflow, op, dtype):
    raw = getattr(tensorflow.raw_ops, op)
    for axes, keep in itertools.product([0, [1], [-1, 0], [0, 1, 2, 3], [2, 1], []], [False, True]):
        build = lambda x, axes=axes, keep=keep: raw(  # noqa: E731
            input=x, axis=np.array(axes, np.int32), keep_dims=keep
        )
        check(tensorflow, build, ((None, 3, 4, 2), dtype))


@pytest.mark.parametrize("op", ["Sum", "Mean", "Max", "Min", "Prod"])
def test_reductions_of_special_values(tensorflow, op):
    rows = [[1, np.nan, 2], [np.inf, 1, -np.inf], [np.nan] * 3, [-np.inf] * 3, [np.inf, 2, 3], [-0.0] * 3]
    build = lambda x: getattr(tensorflow.raw_ops, op)(input=x, axis=1)  # noqa: E731
    check_values(tensorflow, build, np.array(rows, np.float32))
    if op in ("Sum", "Mean", "Max", "Min"):
        narrow = np.full((2, 300), 100, np.int8)
        narrow[1] = -3
        check_values(tensorflow, build, narrow)
    check_values(tensorflow, build, np.array([[-1, -2], [-7, 0], [3, 4]], np.int32))


# Shapes and moves.


def test_shapes(tensorflow):
    raw = tensorflow.raw_ops
    build = lambda x: [
        raw.Shape(input=x),
        raw.Shape(input=x, out_type="int64"),
        raw.Size(input=x),
        raw.Rank(input=x),
    ]  # noqa: E731
    check(tensorflow, build, (None, 3, 5))
    check(tensorflow, lambda x, y: raw.ShapeN(input=[x, y]), (None, 3), (2, None))


def test_reshapes(tensorflow):
    raw = tensorflow.raw_ops
    check(tensorflow, lambda x: raw.Reshape(tensor=x, shape=[-1, 15]), (None, 3, 5))
    check(tensorflow, lambda x: raw.Reshape(tensor=x, shape=[-1]), (None, 3, 5))
    check(tensorflow, lambda x: raw.Reshape(tensor=x, shape=[5, -1]), (None, 3, 5))
    check(tensorflow, lambda x: raw.Reshape(tensor=x, shape=tensorflow.constant([], "int32")), (1, 1))
    check(tensorflow, lambda x: raw.Squeeze(input=x, axis=[1, -1]), (None, 1, 3, 1))
    check(tensorflow, lambda x: raw.Squeeze(input=x), (2, 1, 3, 1))
    for axis in (0, 1, -1, -3):
        check(tensorflow, lambda x, a=axis: raw.ExpandDims(input=x, axis=a), (None, 3))
    for permutation in ([0, 2, 1], [2, 0, 1], [-1, 0, 1]):
        check(tensorflow, lambda x, p=permutation: raw.Transpose(x=x, perm=p), (None, 3, 5))


def test_arithmetic_on_sizes(tensorflow):
    tf = tensorflow

    def flatten(x: Any) -> Any:
        shape = tf.shape(x)
        return tf.reshape(x, tf.stack([shape[0], tf.reduce_prod(shape[1:])]))

    def rows(x: Any) -> Any:
        shape = tf.shape(x)
        return tf.reshape(x, tf.concat([shape[:1] * shape[1], tf.cast(shape[2:], tf.int32)], 0))

    def ones(x: Any) -> Any:
        return tf.concat([x, tf.ones(tf.concat([tf.shape(x)[:-1], [2]], 0))], -1)

    def twice(x: Any) -> Any:
        n = tf.shape(x)[0]
        return (
            tf.tile(x, tf.stack([n, 1, 2])),
            tf.broadcast_to(x[:1], tf.stack([n + 1, 3, 5])),
            tf.zeros([n, 2 * n]),
        )

    def half(x: Any) -> Any:
        return tf.slice(x, [0, 1, 0], [tf.shape(x)[0], 2, -1]), x[:, : tf.shape(x)[1] - 1], x[: tf.size(x)]

    for build in (flatten, rows, ones, twice, half):
        check(tf, build, (None, 3, 5), batches=(1, 7))


def test_joins_and_splits(tensorflow):
    raw = tensorflow.raw_ops
    for axis in (0, 1, -1):
        check(tensorflow, lambda x, y, a=axis: raw.ConcatV2(values=[x, y, x], axis=a), (None, 3), (None, 3))
        check(
            tensorflow, lambda x, y, a=axis % 2: raw.Concat(concat_dim=a, values=[x, y]), (None, 3), (None, 3)
        )
        check(tensorflow, lambda x, y, a=axis: raw.Pack(values=[x, y, x], axis=a), (None, 3), (None, 3))
        check(tensorflow, lambda x, a=axis: raw.Unpack(value=x, num=4, axis=a), (4, 4))
        check(tensorflow, lambda x, a=axis: raw.Split(axis=a, value=x, num_split=2), (4, 6))
        check(
            tensorflow,
            lambda x, a=axis: raw.SplitV(value=x, size_splits=[1, -1, 0], axis=a, num_split=3),
            (4, 6),
        )
    check(tensorflow, lambda x: raw.Unpack(value=x, num=3, axis=1), (None, 3))
    check(tensorflow, lambda x: raw.Split(axis=1, value=x, num_split=3), (None, 6))
    check(tensorflow, lambda x: raw.IdentityN(input=[x, x + 1]), (None, 6))


def test_enlarging(tensorflow):
    raw = tensorflow.raw_ops
    pads = [[0, 1], [2, 0], [0, 0]]
    check(tensorflow, lambda x: raw.Pad(input=x, paddings=pads), (None, 3, 2))
    check(tensorflow, lambda x: raw.Pad(input=x, paddings=pads), ((None, 3, 2), "int32"))
    check(tensorflow, lambda x, v: raw.PadV2(input=x, paddings=pads, constant_values=v), (None, 3, 2), ())
    check(tensorflow, lambda x: raw.Tile(input=x, multiples=[2, 1, 3]), (None, 3, 2))
    check(tensorflow, lambda x: raw.Tile(input=x, multiples=[2, 0, 3]), (None, 3, 2))
    check(tensorflow, lambda x: raw.BroadcastTo(input=x, shape=[4, 2, 3]), (2, 1))
    check(tensorflow, lambda v: raw.Fill(dims=[2, 3], value=v), ())
    for limits in ((0, 5, 1), (5, 0, -2), (3, 3, 1), (0.0, 1.0, 0.1), (1.0, -1.0, -0.3)):
        check(
            tensorflow,
            lambda x, l=limits: tensorflow.cast(raw.Range(start=l[0], limit=l[1], delta=l[2]), "float32") + x,
            (),
        )


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_gathers(tensorflow, dtype):
    raw = tensorflow.raw_ops
    i = np.array([[0, 2, 1], [2, 2, 0]], dtype)
    for axis in (0, 1, 2, -1):
        build = lambda x, a=axis: raw.GatherV2(params=x, indices=tensorflow.constant(i), axis=a)  # noqa: E731
        check(tensorflow, build, (3, 4, 5))
    check(tensorflow, lambda x: raw.GatherV2(params=x, indices=tensorflow.constant(i), axis=1), (None, 4, 5))
    check(tensorflow, lambda x: raw.Gather(params=x, indices=tensorflow.constant(i)), (3, 4))
    check(
        tensorflow, lambda x: raw.GatherV2(params=x, indices=tensorflow.constant(i[0, 0]), axis=1), (None, 4)
    )


SLICES: list[Any] = [
    np.s_[1:], np.s_[:-1], np.s_[:, 1:3], np.s_[..., 0], np.s_[:, None, ::2], np.s_[:, -1], np.s_[..., None, 1:-1, :],
    np.s_[:, 2:1], np.s_[:, -3:99:2], np.s_[:, 3, ..., None, -2], np.s_[None, ..., ::3], np.s_[:, :, -2:-1],
]  # fmt: skip


@pytest.mark.parametrize("index", SLICES, ids=str)
def test_strided_slices(tensorflow, index):
    check(tensorflow, lambda x: x[index], (None, 4, 5))
    check(tensorflow, lambda x: x[index], (3, 4, 5))


def test_strided_slices_of_random_masks(tensorflow):
    rng = np.random.default_rng(0)
    tried = 0
    while tried < 150:
        k = int(rng.integers(1, 6))
        masks = {f"{key}_mask": int(rng.integers(0, 1 << k)) for key in ("begin", "end", "shrink_axis")}
        masks["ellipsis_mask"] = int(rng.choice([0, *(1 << i for i in range(k))]))
        masks["new_axis_mask"] = int(rng.integers(0, 1 << k) & rng.integers(0, 1 << k))
        given = {
            "begin": rng.integers(-4, 4, k),
            "end": rng.integers(-6, 7, k),
            "strides": rng.integers(1, 4, k),
        }
        constants = {key: value.astype(np.int32) for key, value in given.items()}
        build = lambda x, m=masks, c=constants: tensorflow.raw_ops.StridedSlice(input=x, **c, **m)  # noqa: E731
        try:
            Graph(tensorflow, build, [((3, 4, 5), "float32")])
        except ValueError:  # TensorFlow refuses the masks
            continue
        check(tensorflow, build, (3, 4, 5))
        tried += 1


# Functions and control flow.


def frozen(tf: Any, function: Any, *specs: Any) -> Any:
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    concrete = tf.function(function).get_concrete_function(*specs)
    return convert_variables_to_constants_v2(concrete, lower_control_flow=False)


def check_frozen(
    tf: Any, function: Any, *arrays: Array, open_batch: bool = True, tolerance: float = 1e-5
) -> None:
    """Compares a frozen function."""
    specs = [
        tf.TensorSpec([None, *a.shape[1:]] if open_batch and a.ndim else a.shape, a.dtype, name=f"x{i}")
        for i, a in enumerate(arrays)
    ]
    graph = frozen(tf, function, *specs)
    names = [t.name for t in graph.inputs]
    module = import_graph(
        graph.graph.as_graph_def().SerializeToString(), inputs=names, outputs=[t.name for t in graph.outputs]
    )
    verify(module)
    want = graph(*(tf.constant(a) for a in arrays))
    for got, reference in zip(run_module(module, arrays), want, strict=True):
        close(got, reference.numpy(), tolerance)


X = np.linspace(-2, 3, 24, dtype=np.float32).reshape(4, 6)


def test_calls(tensorflow):
    tf = tensorflow

    @tf.function
    def inner(x: Any, y: Any) -> Any:
        return x * y, x + 1.0

    @tf.function
    def outer(x: Any) -> Any:
        a, b = inner(x, x)
        return inner(a, b)

    check_frozen(tf, lambda x: outer(x), X)


@pytest.mark.parametrize("flag", [False, True])
def test_branches(tensorflow, flag):
    tf = tensorflow
    build = lambda c, x: tf.cond(c, lambda: (tf.nn.relu(x), x * 2.0), lambda: (tf.exp(x), x + 1.0))  # noqa: E731
    check_frozen(tf, build, np.array(flag), X)


@pytest.mark.parametrize("count", [0, 1, 9])
def test_loops(tensorflow, count):
    tf = tensorflow
    w = tf.constant(np.linspace(-0.3, 0.3, 36, dtype=np.float32).reshape(6, 6))

    def build(k: Any, x: Any) -> Any:
        return tf.while_loop(lambda i, x: i < k, lambda i, x: (i + 1, tf.tanh(x @ w) + x), (0, x))

    def nested(k: Any, x: Any) -> Any:
        step = lambda i, x: (
            i + 1,
            tf.while_loop(lambda j, y: j < i, lambda j, y: (j + 1, y * 1.1), (0, x))[1],
        )  # noqa: E731
        return tf.while_loop(lambda i, x: i < k, step, (0, x))

    check_frozen(tf, build, np.int32(count), X)
    check_frozen(tf, nested, np.int32(count), X)


@pytest.mark.parametrize("batch", [1, 7])
def test_a_keras_network(tensorflow, keras, batch):
    layers = keras.layers
    keras.utils.set_random_seed(0)
    x = inputs = keras.Input((17, 15, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU(6.0)(x)
    x = layers.DepthwiseConv2D(3, padding="same")(x)
    y = layers.Conv2D(8, 1, activation="sigmoid")(x)
    x = layers.Add()([x, layers.Multiply()([x, y])])
    x = layers.MaxPooling2D(3, 2, padding="same")(x)
    x = layers.ZeroPadding2D(1)(x)
    x = layers.SeparableConv2D(16, 3, activation="elu")(x)
    x = layers.Concatenate()([x, layers.AveragePooling2D(3, 1, padding="same")(x)])
    z = layers.GlobalAveragePooling2D()(x)
    x = layers.Flatten()(x)
    x = layers.Dense(20, activation="tanh")(x)
    x = layers.Dropout(0.5)(layers.Concatenate()([x, z]))
    model = keras.Model(inputs, layers.Dense(5, activation="softmax")(x))
    images = np.random.default_rng(0).normal(size=(batch, 17, 15, 3)).astype(np.float32)
    check_frozen(tensorflow, lambda x: model(x, training=False), images, tolerance=1e-4)
