"""The importer against TensorFlow: indexing, scatters, diagonals, rearrangements, series."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from netwright.compiler.ops.interpreter import run_module
from netwright.frontends.tensorflow.importer import import_graph
from netwright.runtime.errors import Error

from .tensorflow_graphs import Graph, array, check, check_values, node

# TensorFlow calls what Python and numpy deprecate.
pytestmark = pytest.mark.filterwarnings("ignore")


def raw(tf: Any, op: str, **attrs: Any) -> Any:
    return node(tf, op, *attrs.pop("keys").split(), **attrs)


def check_rows(tf: Any, build: Any, *arrays: Any) -> None:
    """Compares a graph on given values, with an open first size for each of its inputs and with all sizes fixed."""
    graph = Graph(tf, build, [((None, *a.shape[1:]) if a.ndim else (), a.dtype.name) for a in arrays])
    graph.compare(graph.load(), arrays, 1e-5)
    check_fixed(tf, build, *arrays)


def check_fixed(tf: Any, build: Any, *arrays: Any) -> None:
    """The same with all sizes fixed."""
    graph = Graph(tf, build, [(a.shape, a.dtype.name) for a in arrays])
    graph.compare(graph.load(), arrays, 1e-5)


def test_reversals(tensorflow):
    tf = tensorflow
    some = (1, 2, 7)  # TensorFlow reverses nothing that has no elements
    for axes in ([0], [1, -1], []):
        for dtype in ("float32", "int64", "bool"):
            build = raw(tf, "ReverseV2", keys="tensor", axis=np.array(axes, np.int32))
            check(tf, build, ((None, 3, 4), dtype), batches=some)
    check(tf, raw(tf, "Reverse", keys="tensor", dims=[True, False, True]), (None, 3, 4), batches=some)
    check(tf, lambda x: tf.reshape(x, tf.reverse(tf.shape(x), [0])), (None, 3, 4))


@pytest.mark.parametrize(("seq", "batch"), [(1, 0), (0, 1), (2, 0), (1, 2), (3, 1)])
def test_reversed_sequences(tensorflow, seq, batch):
    tf = tensorflow
    build = raw(tf, "ReverseSequence", keys="input seq_lengths", seq_dim=seq, batch_dim=batch)
    x = np.arange(3 * 3 * 3 * 3, dtype=np.float32).reshape(3, 3, 3, 3)
    for dtype in (np.int32, np.int64):
        check_values(tf, build, x, np.array([0, 3, 2], dtype))


SLICES: list[Any] = [
    np.s_[::-1], np.s_[:, ::-1], np.s_[:, ::-2, 1:], np.s_[:, 3:0:-1], np.s_[..., -2::-2], np.s_[:, 9:-9:-3],
    np.s_[::-1, None, 0, ::-1], np.s_[:, 0:3:-1], np.s_[:, -1:-3:-1], np.s_[-2:0:-1], np.s_[::-3, 1:-1],
]  # fmt: skip


@pytest.mark.parametrize("index", SLICES, ids=str)
def test_slices_backwards(tensorflow, index):
    check(tensorflow, lambda x: x[index], (None, 4, 5), batches=(2, 3, 7))


def test_strided_slices_of_random_masks(tensorflow):
    rng = np.random.default_rng(1)
    tried = 0
    while tried < 100:
        k = int(rng.integers(1, 5))
        masks = {f"{key}_mask": int(rng.integers(0, 1 << k)) for key in ("begin", "end", "new_axis")}
        masks["shrink_axis_mask"] = int(rng.integers(0, 1 << k) & rng.integers(0, 1 << k))
        masks["ellipsis_mask"] = int(rng.choice([0, *(1 << i for i in range(k))]))
        given = {key: rng.integers(-7, 8, k).astype(np.int32) for key in ("begin", "end")}
        given["strides"] = rng.choice([-3, -2, -1, 1, 2], k).astype(np.int32)
        build = node(tensorflow, "StridedSlice", "input", **given, **masks)
        try:
            Graph(tensorflow, build, [((3, 4, 5), "float32")])
        except ValueError:  # TensorFlow refuses the masks
            continue
        check(tensorflow, build, (3, 4, 5))
        tried += 1


@pytest.mark.parametrize(
    ("shift", "axis"), [([1], [0]), ([-2, 9], [0, 1]), ([0], [1]), ([3, -1, 1], [-1, 0, -1]), ([-7], [2])]
)
def test_rolls(tensorflow, shift, axis):
    tf = tensorflow
    build = raw(tf, "Roll", keys="input", shift=np.array(shift, np.int32), axis=np.array(axis, np.int32))
    check(tf, build, (None, 4, 5), batches=(0, 1, 2, 7))
    check(tf, lambda x: tf.roll(x, tf.shape(x)[0], 1), (None, 4), batches=(1, 2, 7))


@pytest.mark.parametrize("mode", ["REFLECT", "SYMMETRIC"])
def test_mirrored_borders(tensorflow, mode):
    tf = tensorflow
    for pads in ([[0, 0], [1, 2], [3, 0]], [[1, 1], [0, 0], [0, 4]], [[0, 0]] * 3):
        build = raw(tf, "MirrorPad", keys="input", paddings=pads, mode=mode)
        check(tf, build, (None, 3, 5), batches=(2, 7))
        check(tf, build, ((None, 3, 5), "int32"), batches=(2, 3))


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_space_and_depth(tensorflow, layout):
    """TensorFlow computes NHWC alone on a CPU; NCHW is that with the axes in another order."""
    tf = tensorflow
    for op, shape in (("SpaceToDepth", (None, 4, 6, 3)), ("DepthToSpace", (None, 2, 3, 12))):
        build = raw(tf, op, keys="input", block_size=2)
        if layout == "NHWC":
            check(tf, build, shape)
            check_values(tf, build, array((3, *shape[1:]), "int32", 0, 0))
            continue
        x = array((3, *shape[1:]), "float32", 3, 0)
        turned = x.transpose(0, 3, 1, 2)
        other = raw(tf, op, keys="input", block_size=2, data_format="NCHW")
        (got,) = run_module(Graph(tf, other, [(turned.shape, "float32")]).load(), [turned])
        (want,) = Graph(tf, build, [(x.shape, "float32")]).run([x])
        np.testing.assert_array_equal(got, want.transpose(0, 3, 1, 2))


def test_space_and_batch(tensorflow):
    tf = tensorflow
    i = np.int32
    cases = [
        ([2, 3], [[1, 1], [0, 2]], (None, 4, 4, 2)),
        ([3], [[2, 0]], (None, 4, 5)),
        ([2, 1], [[0, 0], [0, 0]], (2, 4, None)),
    ]
    for block, pads, shape in cases:
        pads = np.array(pads, i)
        check(
            tf, raw(tf, "SpaceToBatchND", keys="input", block_shape=np.array(block, i), paddings=pads), shape
        )
        build = raw(tf, "BatchToSpaceND", keys="input", block_shape=np.array(block, i), crops=pads)
        x = array((12, *(d or 5 for d in shape[1:])), "float32", 0, 0)
        check_rows(tf, build, x)
        check_values(tf, build, x)
        computed = raw(tf, "SpaceToBatchND", keys="input paddings", block_shape=np.array(block, i))
        check_fixed(tf, computed, array([d or 4 for d in shape], "float32", 0, 0), pads)
        computed = raw(tf, "BatchToSpaceND", keys="input crops", block_shape=np.array(block, i))
        check_fixed(tf, computed, x, pads)
    check(tf, raw(tf, "SpaceToBatch", keys="input", block_size=2, paddings=[[1, 0], [1, 1]]), (None, 3, 4, 2))
    check(tf, raw(tf, "BatchToSpace", keys="input", block_size=2, crops=[[1, 0], [1, 1]]), (8, 3, 4, 2))


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_patches(tensorflow, padding):
    tf = tensorflow
    for k, s, r in (([3, 2], [1, 1], [1, 1]), ([2, 3], [2, 3], [1, 1]), ([2, 2], [1, 2], [2, 1])):
        build = raw(
            tf, "ExtractImagePatches", keys="images", padding=padding,
            ksizes=[1, *k, 1], strides=[1, *s, 1], rates=[1, *r, 1],
        )  # fmt: skip
        check(tf, build, (None, 6, 7, 2))
        check(tf, build, ((2, 5, 5, 1), "int32"))
        check_values(tf, build, array((2, 6, 7, 2), "float32", 0, 0))
    build = raw(
        tf, "ExtractVolumePatches", keys="input", padding=padding,
        ksizes=[1, 2, 3, 2, 1], strides=[1, 1, 2, 2, 1],
    )  # fmt: skip
    check(tf, build, (None, 3, 5, 4, 2))


def test_joins(tensorflow):
    tf = tensorflow
    check(tf, lambda x, y: tf.raw_ops.ParallelConcat(values=[x, y], shape=[2, 3]), (1, 3), (1, 3))
    for op in ("DeepCopy", "Snapshot", "PreventGradient"):
        check(
            tf,
            lambda x, op=op: getattr(tf.raw_ops, op)(**{"x" if op == "DeepCopy" else "input": x}),
            (None, 3),
        )
    check(tf, raw(tf, "EnsureShape", keys="input", shape=[None, 3]), (None, 3))


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_gathers(tensorflow, dtype):
    tf = tensorflow
    i = np.array([[0, 2, 1], [2, 2, 0]], dtype)
    x = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)
    for axis, batch in ((1, 1), (2, 1), (-1, 1), (3, 0), (2, 2), (-2, -1)):
        where = i if batch != 2 else i[:, :3]
        check_values(tf, raw(tf, "GatherV2", keys="params indices", axis=axis, batch_dims=batch), x, where)
    for depth in range(4):
        where = np.minimum(np.arange(2 * 4 * depth).reshape(2, 4, depth) % 3, 1).astype(dtype)
        check_rows(tf, raw(tf, "GatherNd", keys="params indices"), x, where)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint8", "int64"])
def test_scatters(tensorflow, dtype):
    tf = tensorflow
    for shape, depth in (((5, 3), 1), ((2, 3, 2), 2), ((4,), 1)):
        rng = np.random.default_rng(depth)
        i = np.stack([rng.integers(0, d, 6) for d in shape[:depth]], -1).astype(np.int32)
        u = array((6, *shape[depth:]), dtype, 0, 1)
        x = array(shape, dtype, 0, 2)
        if dtype == "float32":
            u.reshape(-1)[::5], x.reshape(-1)[::4] = np.nan, np.nan
        check_rows(tf, raw(tf, "ScatterNd", keys="indices updates", shape=np.array(shape, np.int32)), i, u)
        for kind in ("Add", "Sub", "Min", "Max", "Update"):
            check_rows(tf, raw(tf, f"TensorScatter{kind}", keys="tensor indices updates"), x, i, u)
        if dtype != "uint8":
            check_rows(tf, raw(tf, "ScatterNdNonAliasingAdd", keys="input indices updates"), x, i, u)
    i = np.array([[0], [2], [0]], np.int32)
    bools = raw(tf, "ScatterNd", keys="indices updates", shape=[4])
    check_rows(tf, bools, i, np.array([True, True, False]))
    check_rows(
        tf,
        raw(tf, "InvertPermutation", keys="x"),
        np.array([2, 0, 3, 1], dtype if dtype[0] == "i" else "int32"),
    )


def test_stitches(tensorflow):
    tf = tensorflow
    a, b = np.array([0, 4], np.int32), np.array([[3, 1], [2, 0]], np.int32)
    x, y = np.ones((2, 3), np.float32), np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    for op in ("DynamicStitch", "ParallelDynamicStitch"):
        made = getattr(tf.raw_ops, op)
        check_values(tf, lambda a, b, x, y, made=made: made(indices=[a, b], data=[x, y]), a, b, x, y)
        check_values(tf, lambda x, y, made=made: made(indices=[a, b], data=[x, y]), x, y)
    check_values(tf, lambda a: tf.raw_ops.DynamicStitch(indices=[a], data=[a]), np.zeros(0, np.int32))


BANDS: list[Any] = [0, 2, -1, [-1, 1], [0, 2], [-2, -1], [1, 3]]


@pytest.mark.parametrize("k", BANDS, ids=str)
def test_diagonals(tensorflow, k):
    tf = tensorflow
    low, high = k if isinstance(k, list) else (k, k)
    length, count = min(3 + min(high, 0), 5 - max(low, 0)), high - low + 1
    band = (None, *([count] if count > 1 else []), length)
    for align in ("LEFT_LEFT", "LEFT_RIGHT", "RIGHT_LEFT", "RIGHT_RIGHT"):
        given = {"k": k, "align": align}
        check(tf, raw(tf, "MatrixDiagPartV3", keys="input", padding_value=7.0, **given), (None, 3, 5))
        batch = None if count == 1 else 2  # TensorFlow has no shape for bands in matrices of an open batch
        check(
            tf, raw(tf, "MatrixSetDiagV3", keys="input diagonal", **given), (batch, 3, 5), (batch, *band[1:])
        )
        for rows, columns in ((-1, -1), (3, 5)):
            size = {"num_rows": rows, "num_cols": columns, "padding_value": -1.0}
            check(tf, raw(tf, "MatrixDiagV3", keys="diagonal", **given, **size), band)
    check(tf, raw(tf, "MatrixDiagPartV2", keys="input", k=k, padding_value=7.0), (None, 3, 5))
    check(tf, raw(tf, "MatrixSetDiagV2", keys="input diagonal", k=k), (2, 3, 5), (2, *band[1:]))
    size = {"num_rows": -1, "num_cols": -1, "padding_value": 3.0}
    check(tf, raw(tf, "MatrixDiagV2", keys="diagonal", k=k, **size), band)


def test_main_diagonals(tensorflow):
    tf = tensorflow
    for shape in ((None, 4), (2, None), (None,)):
        check(tf, raw(tf, "MatrixDiag", keys="diagonal"), shape)
        check(tf, raw(tf, "Diag", keys="diagonal"), shape)
    for shape in ((None, 4, 3), (2, None, 4)):
        check(tf, raw(tf, "MatrixDiagPart", keys="input"), shape)
    check(tf, raw(tf, "MatrixSetDiag", keys="input diagonal"), (None, 4, 3), (None, 3))
    check(tf, raw(tf, "DiagPart", keys="input"), (2, 3, 2, 3))
    check(tf, raw(tf, "DiagPart", keys="input"), ((4, 4), "int32"))


@pytest.mark.parametrize("widths", [(0, 0), (1, -1), (-1, 0), (2, 1), (-1, -1)])
def test_bands(tensorflow, widths):
    tf = tensorflow
    for dtype in ("float32", "int32", "bool"):
        build = raw(tf, "MatrixBandPart", keys="input", num_lower=widths[0], num_upper=widths[1])
        check(tf, build, ((None, 4, 5), dtype))
    check(tf, build, (2, 4, None), batches=(2, 7))
    computed = raw(tf, "MatrixBandPart", keys="input num_lower num_upper")
    check_values(tf, computed, array((2, 3, 4), "float32", 0, 0), *(np.array(w, np.int64) for w in widths))


def test_one_hots(tensorflow):
    tf = tensorflow
    for axis in (-1, 0, 1, 2):
        build = raw(tf, "OneHot", keys="indices", depth=4, on_value=2.5, off_value=-1.0, axis=axis)
        check(tf, build, ((None, 3), "int32"))
    for dtype in ("uint8", "int64", "int8"):
        build = raw(
            tf, "OneHot", keys="indices", depth=300 if dtype != "int64" else 3, on_value=True, off_value=False
        )
        check(tf, build, ((None,), dtype))
        check(tf, build, ((), dtype))
    build = raw(tf, "OneHot", keys="indices on_value off_value", depth=3)
    values = np.array([-1, 2, 3], np.int32), np.array(np.nan, np.float32), np.array(np.inf, np.float32)
    check_values(tf, build, *values)
    check(tf, lambda x: tf.one_hot(tf.range(tf.shape(x)[0]), tf.shape(x)[0]), (None, 2), batches=(1, 7))


def test_ranges(tensorflow):
    tf = tensorflow
    rng = np.random.default_rng(0)
    for k in range(40):
        delta = rng.choice([0.1, 0.3, 0.7, 0.05, -0.3])
        start = rng.integers(-5, 5) / 10
        kind = (np.float32, np.float64)[k % 2]
        given = [kind(v) for v in (start, start + delta * rng.integers(0, 60), delta)]
        check(tf, lambda x, g=given: tf.cast(tf.range(*g), "float32") + x, ())
    for dtype in (np.float32, np.float64, np.int32, np.int64):
        for values in ((0, 5, 1), (5, 0, -2), (3, 3, 1), (-2, 9, 4), (0, 1, 10)):
            check_values(
                tf, raw(tf, "Range", keys="start limit delta"), *(np.array(v, dtype) for v in values)
            )
    check(tf, lambda x: tf.range(tf.shape(x)[0] * 2, delta=3), (None, 2))
    check(tf, lambda x: tf.cast(tf.range(1, tf.shape(x)[0] + 1), "float32") * x[:, 0], (None, 2))


def test_evenly_spaced_numbers(tensorflow):
    tf = tensorflow
    for dtype in (np.float32, np.float64):
        for a, b in ((0.1, 0.9), (3, -3), (2, 2), (0, np.inf)):
            for n in (1, 2, 7, 50):
                build = raw(tf, "LinSpace", keys="start stop", num=n)
                check_values(tf, build, dtype(a) * np.ones((), dtype), dtype(b) * np.ones((), dtype))
    check(tf, lambda x: tf.linspace(0.0, 1.0, tf.shape(x)[0] + 2), (None, 2))


def test_shapes(tensorflow):
    tf = tensorflow
    for a, b in (([2, 1, 3], [4, 3]), ([1], [0, 5]), ([], [2]), ([3, 1], [3, 1]), ([1, 1], [1])):
        pair = np.array(a, np.int32), np.array(b, np.int32)
        check_fixed(tf, raw(tf, "BroadcastArgs", keys="s0 s1"), *pair)
        check(tf, lambda x, p=pair: [tf.raw_ops.BroadcastArgs(s0=p[0], s1=p[1]), x], ())
        check(tf, lambda x, p=pair: [*tf.raw_ops.BroadcastGradientArgs(s0=p[0], s1=p[1]), x], ())
    check(tf, lambda x: tf.raw_ops.BroadcastArgs(s0=tf.shape(x), s1=[4, 1, 1]), (None, 3))
    shapes = [np.array([2, k], np.int32) for k in (3, 0, 4)]
    check(tf, lambda x: [*tf.raw_ops.ConcatOffset(concat_dim=1, shape=shapes), x], ())
    two = lambda x: tf.raw_ops.ConcatOffset(concat_dim=0, shape=[tf.shape(x), tf.shape(x)])  # noqa: E731
    check(tf, two, (None, 3))


def test_windows_that_do_not_fit(tensorflow):
    sizes = {"ksizes": [1, 9, 1, 1], "strides": [1] * 4, "rates": [1] * 4, "padding": "VALID"}
    graph = Graph(
        tensorflow,
        raw(tensorflow, "ExtractImagePatches", keys="images", **sizes),
        [((1, None, 4, 1), "float32")],
    )
    module = graph.load()
    with pytest.raises(Error):
        run_module(module, [np.zeros((1, 4, 4, 1), np.float32)])
    data = graph.graph.as_graph_def().SerializeToString().replace(b"ksizes", b"ksizez")
    with pytest.raises(Error, match="ksizes"):
        import_graph(data, inputs=graph.inputs, outputs=[o.name for o in graph.outputs])
