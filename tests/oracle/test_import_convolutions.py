"""The importer against TensorFlow: transposed, grouped and 3-D convolutions, pools, normalisations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from .tensorflow_graphs import Graph, array, check, check_values, node

# TensorFlow calls what Python and numpy deprecate.
pytestmark = pytest.mark.filterwarnings("ignore")

SPECIAL = np.array([np.nan, -np.inf, 1, -0.0, 0.0, np.inf, -np.inf, np.nan, np.nan, -3e38, 2, 2], np.float32)


def _random(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def check_fixed(tf: Any, build: Any, *arrays: Any) -> None:
    """Compares a graph on given values, whose sizes it knows."""
    graph = Graph(tf, build, [(a.shape, a.dtype.name) for a in arrays])
    graph.compare(graph.load(), arrays, 1e-5)


@pytest.mark.parametrize(
    ("size", "k", "s", "d", "padding", "o", "groups"),
    [
        ((8, 6), (2, 2), (2, 2), (1, 1), "VALID", 3, 1),
        ((7, 8), (3, 3), (2, 2), (1, 1), "SAME", 4, 1),
        ((7, 8), (3, 2), (1, 1), (1, 1), "SAME", 4, 1),
        ((7, 9), (2, 3), (3, 2), (1, 1), "SAME", 1, 1),
        ((9, 12), (2, 2), (1, 1), (2, 3), "VALID", 4, 1),
        ((13, 12), (3, 2), (2, 2), (2, 1), "VALID", 4, 1),
        ((8, 8), (3, 3), (1, 1), (1, 1), "EXPLICIT", 4, 1),
        ((8, 8), (3, 3), (2, 2), (1, 1), "SAME", 6, 3),
    ],
)
def test_transposed_convolutions(tensorflow, size, k, s, d, padding, o, groups):
    tf, explicit = tensorflow, [0, 0, 1, 1, 2, 1, 0, 0] if padding == "EXPLICIT" else []
    forward = tf.raw_ops.Conv2D(
        input=np.zeros((1, *size, o), np.float32), filter=np.zeros((*k, o // groups, 6), np.float32),
        strides=[1, *s, 1], padding=padding, dilations=[1, *d, 1], explicit_paddings=explicit,
    )  # fmt: skip
    image, w = forward.shape[1:3], _random(*k, o // groups, 6)

    def build(x: Any) -> Any:
        return tf.raw_ops.Conv2DBackpropInput(
            input_sizes=tf.stack([tf.shape(x)[0], *size, o]), filter=w, out_backprop=x, strides=[1, *s, 1],
            padding=padding, dilations=[1, *d, 1], explicit_paddings=explicit,
        )  # fmt: skip

    check(tf, build, (None, *image, 6), batches=(1, 3))


def test_transposed_convolutions_of_any_size(tensorflow):
    tf = tensorflow

    def same(x: Any) -> Any:
        n, h, w, _ = tf.unstack(tf.shape(x))
        return tf.nn.conv2d_transpose(x, _random(3, 3, 2, 4), tf.stack([n, h * 2, w * 2, 2]), 2, "SAME")

    def valid(x: Any) -> Any:
        n, h, w, _ = tf.unstack(tf.shape(x))
        sizes = tf.stack([n, h * 3 + 1, w * 3 + 1, 2])
        return tf.nn.conv2d_transpose(x, _random(4, 4, 2, 4), sizes, 3, "VALID")

    check(tf, same, (None, None, None, 4), batches=(1, 5))
    check(tf, valid, (None, None, None, 4), batches=(1, 5))
    sizes = lambda x: tf.raw_ops.Conv2DBackpropInput(  # noqa: E731
        input_sizes=[6, 8], filter=_random(3, 3, 2, 4), out_backprop=x, strides=[1, 2, 2, 1], padding="SAME"
    )
    check(tf, sizes, (2, 3, 4, 4))
    # a filter known at run time
    like = lambda x, w: tf.nn.conv2d_transpose(x, w, [2, 5, 4, 3], 2, "SAME")  # noqa: E731
    check(tf, like, (2, 3, 2, 4), (3, 3, 3, 4))


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_volumes(tensorflow, padding):
    tf = tensorflow
    keywords: Any = {"padding": padding, "strides": [1, 2, 1, 2, 1]}
    check(
        tf,
        lambda x: tf.raw_ops.Conv3D(input=x, filter=_random(2, 3, 2, 3, 4), **keywords),
        (None, 5, 6, 5, 3),
        batches=(1, 3),
    )
    check(
        tf,
        lambda x: tf.raw_ops.Conv3D(
            input=x,
            filter=_random(2, 3, 2, 3, 4),
            strides=[1] * 5,
            padding=padding,
            dilations=[1, 2, 1, 2, 1],
        ),
        (None, 5, 6, 5, 3),
        batches=(1, 3),
    )
    size = [5, 6, 5] if padding == "SAME" else [4, 8, 6]

    def back(x: Any) -> Any:
        sizes = tf.stack([tf.shape(x)[0], *size, 3])
        return tf.raw_ops.Conv3DBackpropInputV2(
            input_sizes=sizes, filter=_random(2, 3, 2, 3, 4), out_backprop=x, **keywords
        )

    check(tf, back, (None, -(-size[0] // 2) if padding == "SAME" else 2, 6, 3, 4), batches=(1, 3))
    for op in ("MaxPool3D", "AvgPool3D"):
        pool = node(tf, op, "input", ksize=[1, 2, 3, 2, 1], **keywords)
        check(tf, pool, (None, 5, 6, 5, 3), batches=(1, 3))
    check_values(tf, node(tf, "MaxPool3D", "input", ksize=[1, 1, 1, 2, 1], strides=[1] * 5, padding=padding),
                 SPECIAL.reshape(1, 1, 2, 6, 1))  # fmt: skip


def test_depthwise_convolutions_and_their_transposes(tensorflow):
    tf = tensorflow
    for many, s, padding in [(1, 1, "SAME"), (2, 2, "SAME"), (2, 1, "VALID")]:
        w = _random(3, 3, 4, many)
        keywords: Any = {"strides": [1, s, s, 1], "padding": padding}
        check(tf, lambda x, w=w, k=keywords: tf.raw_ops.DepthwiseConv2dNative(input=x, filter=w, **k),
              (None, 7, 8, 4), batches=(1, 3))  # fmt: skip
        image = tf.raw_ops.DepthwiseConv2dNative(
            input=np.zeros((1, 7, 8, 4), np.float32), filter=w, **keywords
        )
        check(tf, lambda x, w=w, k=keywords: tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
            input_sizes=[2, 7, 8, 4], filter=w, out_backprop=x, **k), (2, *image.shape[1:]))  # fmt: skip


@pytest.mark.parametrize(
    ("s", "d", "padding"), [(1, 1, "SAME"), (2, 1, "SAME"), (3, 1, "VALID"), (1, 2, "VALID")]
)
def test_gradients_of_filters(tensorflow, s, d, padding):
    tf = tensorflow
    keywords: Any = {"strides": [1, s, s, 1], "dilations": [1, d, d, 1], "padding": padding}
    x = np.zeros((2, 8, 9, 3), np.float32)
    image = tf.raw_ops.Conv2D(input=x, filter=np.zeros((3, 2, 3, 4), np.float32), **keywords).shape
    build = lambda x, g: tf.raw_ops.Conv2DBackpropFilter(  # noqa: E731
        input=x, filter_sizes=[3, 2, 3, 4], out_backprop=g, **keywords
    )
    check(tf, build, x.shape, tuple(image))


def test_pools_over_channels(tensorflow):
    pool = node(tensorflow, "MaxPool", "input", ksize=[1, 1, 1, 3], strides=[1, 1, 1, 3], padding="VALID")
    check(tensorflow, pool, (None, 2, 3, 12))
    check(tensorflow, pool, ((None, 2, 3, 12), "int32"))
    check_fixed(tensorflow, pool, SPECIAL.reshape(1, 1, 2, 6)[..., ::-1].copy())
    sized = node(tensorflow, "MaxPoolV2", "input", ksize=[1, 2, 3, 1], strides=[1, 2, 1, 1], padding="SAME")
    check(tensorflow, sized, (None, 5, 6, 3), batches=(1, 3))


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_where_maxima_are(tensorflow, padding):
    for batch, index, dtype in [
        (False, "int64", "float32"),
        (True, "int32", "float64"),
        (True, "int64", "int32"),
    ]:
        pool = lambda x, b=batch, i=index: tensorflow.raw_ops.MaxPoolWithArgmax(  # noqa: E731
            input=x, ksize=[1, 2, 3, 1], strides=[1, 2, 1, 1], padding=padding, Targmax=i,
            include_batch_in_index=b,
        )  # fmt: skip
        check(tensorflow, pool, ((None, 5, 6, 3), dtype), batches=(1, 3))
    pool = lambda x: tensorflow.raw_ops.MaxPoolWithArgmax(  # noqa: E731
        input=x, ksize=[1, 1, 3, 1], strides=[1, 1, 2, 1], padding=padding
    )
    check_values(tensorflow, pool, SPECIAL.reshape(1, 1, 12, 1))


def test_dilation(tensorflow):
    for dtype in ("float32", "int32", "uint8"):
        w = array((2, 3, 2), dtype, 1, 0) if dtype != "uint8" else np.full((2, 3, 2), 250, "uint8")
        for padding, s, rates in [("SAME", [1, 2, 1, 1], [1, 1, 2, 1]), ("VALID", [1] * 4, [1, 2, 1, 1])]:
            build = lambda x, w=w, p=padding, s=s, r=rates: tensorflow.raw_ops.Dilation2D(  # noqa: E731
                input=x, filter=w, strides=s, rates=r, padding=p
            )
            check(tensorflow, build, ((None, 6, 7, 2), dtype), batches=(1, 3))
    build = lambda x: tensorflow.raw_ops.Dilation2D(  # noqa: E731
        input=x, filter=np.zeros((2, 2, 2), np.float32), strides=[1] * 4, rates=[1] * 4, padding="SAME"
    )
    check_values(tensorflow, build, np.concatenate([SPECIAL, SPECIAL[:1].repeat(6)]).reshape(1, 3, 3, 2))


@pytest.mark.parametrize("op", ["FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"])
def test_batch_normalisation_by_the_batch(tensorflow, op):
    def build(x: Any, *given: Any) -> Any:
        keys = ("x", "scale", "offset", "mean", "variance")
        none = np.zeros(0, np.float32)
        given = given if len(given) == 4 else (*given, none, none)
        inputs = dict(zip(keys, (x, *given), strict=True))
        factor = {"exponential_avg_factor": 0.25} if given[-1] is not none else {}
        return list(getattr(tensorflow.raw_ops, op)(**inputs, is_training=True, epsilon=0.01, **factor))[:5]

    check(tensorflow, build, (None, 3, 4, 5), (5,), (5,), batches=(1, 7))
    check(tensorflow, build, (1, 1, 1, 5), (5,), (5,))
    check(tensorflow, build, (None, 3, 4, 5), *[(5,)] * 4, batches=(2,))


@pytest.mark.parametrize("beta", [0.5, 1.0, 0.75])
def test_local_response_normalisation(tensorflow, beta):
    lrn = node(tensorflow, "LRN", "input", depth_radius=2, bias=1.5, alpha=0.3, beta=beta)
    check(tensorflow, lrn, (None, 3, 4, 11))
    check_fixed(tensorflow, lrn, SPECIAL.reshape(1, 3, 1, 4))
    negative = node(tensorflow, "LRN", "input", depth_radius=1, bias=-2.0, alpha=1.0, beta=beta)
    check_fixed(tensorflow, negative, _random(2, 2, 2, 4))


def _with_node(tensorflow: Any, op: str, inputs: list[str], shapes: Any, **attrs: Any) -> Graph:
    """A graph with one node that TensorFlow gives no function for."""
    tf = tensorflow
    made = tf.Graph()
    with made.as_default():
        places = {
            n: tf.compat.v1.placeholder("float32", s, name=n) for n, s in zip(inputs, shapes, strict=True)
        }
    data = made.as_graph_def()
    new = data.node.add(name="y", op=op, input=inputs)
    new.attr["T"].type = 1
    for key, value in attrs.items():
        held = new.attr[key]
        if isinstance(value, list):
            for v in value:
                (held.list.s.append(v.encode()) if isinstance(v, str) else held.list.i.append(v))
        elif isinstance(value, bool):
            held.b = value
        elif isinstance(value, int):
            held.i = value
        elif isinstance(value, float):
            held.f = value
        else:
            held.s = value.encode()
    if op == "_FusedConv2D":
        new.attr["TArgs"].list.type.extend([1] * (len(inputs) - 2))
    graph = object.__new__(Graph)
    graph.tf, graph.graph = tf, tf.Graph()
    with graph.graph.as_default():
        tf.import_graph_def(data, name="")
    graph.inputs = [p.name for p in places.values()]
    graph.outputs = [graph.graph.get_tensor_by_name("y:0")]
    return graph


CONV = {"strides": [1, 2, 1, 1], "padding": "SAME"}


@pytest.mark.parametrize(
    ("op", "shapes", "attrs"),
    [
        ("_FusedConv2D", [(3, 3, 4, 5), (5,)], {**CONV, "num_args": 1, "fused_ops": ["BiasAdd"]}),
        ("_FusedConv2D", [(3, 3, 4, 5), (5,)], {**CONV, "num_args": 1, "fused_ops": ["BiasAdd", "Relu6"]}),
        ("_FusedConv2D", [(3, 3, 4, 5), (5,)],
         {**CONV, "num_args": 1, "fused_ops": ["BiasAdd", "LeakyRelu"], "leakyrelu_alpha": 0.3}),
        ("_FusedConv2D", [(3, 3, 4, 5), *[(5,)] * 4],
         {**CONV, "num_args": 4, "fused_ops": ["FusedBatchNorm", "Relu"], "epsilon": 0.5}),
        ("_FusedConv2D", [(3, 3, 4, 5), (5,), (2, 3, 7, 5)],
         {**CONV, "num_args": 2, "fused_ops": ["BiasAdd", "Add", "Relu"]}),
        ("_FusedDepthwiseConv2dNative", [(3, 3, 4, 1), (4,)],
         {**CONV, "strides": [1, 1, 1, 1], "num_args": 1, "fused_ops": ["BiasAdd", "Relu6"]}),
    ],
)  # fmt: skip
def test_what_grappler_fuses(tensorflow, op, shapes, attrs):
    shapes = [(2, 6, 7, 4), *shapes]
    graph = _with_node(tensorflow, op, [f"x{i}" for i in range(len(shapes))], shapes, **attrs)
    arrays = [np.abs(_random(*s)) if i > 1 else _random(*s) for i, s in enumerate(shapes)]
    graph.compare(graph.load(), arrays, 1e-5)


@pytest.mark.parametrize("fused", [["BiasAdd"], ["BiasAdd", "Elu"], ["BiasAdd", "Tanh"]])
def test_fused_products(tensorflow, fused):
    attrs = {"num_args": 1, "fused_ops": fused, "transpose_a": False, "transpose_b": True}
    graph = _with_node(tensorflow, "_FusedMatMul", ["x0", "x1", "x2"], [(3, 4), (5, 4), (5,)], **attrs)
    graph.compare(graph.load(), [_random(3, 4), _random(5, 4), _random(5)], 1e-5)
