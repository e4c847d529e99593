"""The importer against TensorFlow: reductions, running totals, searches, segments, counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from netwright.compiler.ops.interpreter import run_module
from netwright.runtime.errors import ExecutionError

from .tensorflow_graphs import Graph, check, check_values, node

# TensorFlow calls what Python and numpy deprecate.
pytestmark = pytest.mark.filterwarnings("ignore")

INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]


@pytest.mark.parametrize("dtype", INTEGERS)
def test_reductions_of_integers(tensorflow, dtype):
    info = np.iinfo(dtype)
    x = np.random.default_rng(0).integers(info.min, info.max, (7, 33), dtype=dtype, endpoint=True)
    for op in ("Sum", "Prod", "Max", "Min", "Mean"):
        for axes in ([0], [1], [0, 1]):
            check_values(tensorflow, node(tensorflow, op, "input", axis=axes), x)
        check(tensorflow, node(tensorflow, op, "input", axis=[0]), ((None, 3), dtype))


def test_reductions_of_bools(tensorflow):
    for op in ("All", "Any"):
        for axes in ([0], [1], [0, 1], []):
            build = node(
                tensorflow, op, "input", axis=np.array(axes, np.int32), keep_dims=bool(len(axes) % 2)
            )
            check(tensorflow, build, ((None, 5), "bool"))


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int32", "int64", "uint8"])
def test_euclidean_norms(tensorflow, dtype):
    tolerance = 1e-3 if dtype == "float16" else 1e-5
    build = node(tensorflow, "EuclideanNorm", "input", axis=[1])
    check(tensorflow, build, ((None, 3), dtype), batches=(1, 7), tolerance=tolerance)


@pytest.mark.parametrize("op", ["ArgMax", "ArgMin"])
def test_places(tensorflow, op):
    for dtype in ("float32", "float16", "bfloat16", "float64", "int8", "uint64", "bool"):
        for axis in (0, 1, -1):
            wide = "float32" if dtype == "bfloat16" else dtype

            def build(x: Any, axis: int = axis, dtype: str = dtype) -> Any:
                return getattr(tensorflow.raw_ops, op)(input=tensorflow.cast(x, dtype), dimension=axis)

            check(tensorflow, build, ((None, 5, 3), wide), batches=(1, 7))
    kinds = ["int32", "int64"] + (["int16", "uint16"] if op == "ArgMax" else [])
    for kind in kinds:
        check(tensorflow, node(tensorflow, op, "input", dimension=1, output_type=kind), (None, 5))
    odd = (
        np.random.default_rng(0)
        .choice([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, 1e-40], (50, 7))
        .astype(np.float32)
    )
    odd[0], odd[1], odd[2] = np.nan, -np.inf, np.inf
    check_values(tensorflow, node(tensorflow, op, "input", dimension=1), odd)


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
def test_running_totals(tensorflow, exclusive, reverse):
    given = {"exclusive": exclusive, "reverse": reverse}
    for op in ("Cumsum", "Cumprod"):
        for axis in (0, 1, -1):
            check(tensorflow, node(tensorflow, op, "x", axis=axis, **given), (None, 5, 3))
        check(tensorflow, node(tensorflow, op, "x", axis=0, **given), ((None, 3), "int8"))
    odd = np.array([-np.inf, 1, 2, 800, -800, np.inf, 3, np.inf], np.float32)
    for x in (odd[:5], odd, odd[1:4], np.array([-np.inf, -np.inf, 1], np.float32)):
        check_values(tensorflow, node(tensorflow, "CumulativeLogsumexp", "x", axis=0, **given), x)


def test_searches(tensorflow):
    rng = np.random.default_rng(0)
    for dtype in ("float32", "int32", "int64"):
        rows, values = (
            np.sort(rng.integers(0, 9, (3, 6)), 1).astype(dtype),
            rng.integers(-1, 11, (3, 8)).astype(dtype),
        )
        for op in ("LowerBound", "UpperBound"):
            for out in ("int32", "int64"):
                check_values(
                    tensorflow, node(tensorflow, op, "sorted_inputs", "values", out_type=out), rows, values
                )
    for dtype in ("float32", "float64", "int32", "int64"):
        check(
            tensorflow,
            node(tensorflow, "Bucketize", "input", boundaries=[-1.0, 0.0, 0.5, 2.0]),
            ((None, 5), dtype),
        )


@pytest.mark.parametrize("op", ["Sum", "Prod", "Max", "Min", "Mean"])
@pytest.mark.parametrize("dtype", ["float32", "int32", "float16"])
def test_segments(tensorflow, op, dtype):
    tf = tensorflow
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(8, 3)) * 4).astype(dtype)
    ids = np.array([0, 0, 2, 2, 2, 3, 6, 6], np.int32)
    tolerance = 2e-3 if dtype == "float16" else 1e-5
    # numbers known, and known at run time only
    fixed = lambda v: getattr(tf.raw_ops, "Segment" + op)(data=v, segment_ids=ids)  # noqa: E731
    check_values(tf, fixed, x, tolerance=tolerance)
    check_values(tf, node(tf, "Segment" + op, "data", "segment_ids"), x, ids, tolerance=tolerance)
    if op != "Mean":
        loose = np.array([[3, 0], [0, -1], [5, 5], [1, 3]], np.int64)
        build = node(tf, "UnsortedSegment" + op, "data", "segment_ids", num_segments=7)
        check_values(tf, build, x.reshape(4, 2, 3), loose, tolerance=tolerance)
        graph = Graph(tf, build, [((None, None), dtype), ((None,), "int64")])
        with pytest.raises(ExecutionError):
            run_module(graph.load(), [x, np.array([0, 0, 0, 0, 7, 0, 0, 0])])


def test_segments_out_of_order(tensorflow):
    build = node(tensorflow, "SegmentSum", "data", "segment_ids")
    graph = Graph(tensorflow, build, [((None,), "float32"), ((None,), "int32")])
    x = np.ones(3, np.float32)
    for bad in ([0, 2, 1], [-1, 0, 1]):
        with pytest.raises(Exception, match="egment"):
            graph.run([x, np.array(bad, np.int32)])
        with pytest.raises(ExecutionError):
            run_module(graph.load(), [x, np.array(bad, np.int32)])


@pytest.mark.parametrize("op", ["Sum", "Mean", "SqrtN"])
def test_sparse_segments(tensorflow, op):
    x = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    rows, ids = np.array([0, 3, 3, 1, 5], np.int32), np.array([0, 0, 1, 3, 3], np.int32)
    build = node(tensorflow, "SparseSegment" + op, "data", indices=rows, segment_ids=ids)
    check_values(tensorflow, build, x)
    counted = f"SparseSegment{op}WithNumSegments"
    check_values(
        tensorflow, node(tensorflow, counted, "data", indices=rows, segment_ids=ids, num_segments=6), x
    )


def test_counts(tensorflow):
    tf = tensorflow
    x = np.array([1, 2, 2, 5, 9, 0, 2], np.int32)
    weights = np.arange(7).astype(np.float32) / 2
    for w in (np.zeros(0, np.float32), weights):
        for size in (4, 6, 12):
            check_values(tf, lambda a, w=w, size=size: tf.raw_ops.Bincount(arr=a, size=size, weights=w), x)
            for binary in (False, True):
                dense = lambda a, w=w, size=size, binary=binary: tf.raw_ops.DenseBincount(  # noqa: E731
                    input=a, size=size, weights=w, binary_output=binary)  # fmt: skip
                check_values(tf, dense, x)
    rows = np.array([[1, 2, 2], [0, 0, 7]])
    for w in (np.zeros(0, np.int64), np.arange(6).reshape(2, 3)):
        build = lambda a, w=w: tf.raw_ops.DenseBincount(input=a, size=np.int64(5), weights=w)  # noqa: E731
        check_values(tf, build, rows)
    # as tf.math does it: the size is computed
    check_values(tf, lambda a: tf.math.bincount(a), x)
    check_values(tf, lambda a: tf.math.bincount(a, minlength=3, maxlength=5), x)


def test_histograms(tensorflow):
    tf = tensorflow
    x = np.array([-1, 0, 0.1, 0.5, 0.99, 1.0, 2, np.inf, -np.inf, 0.2, 0.4, 0.6, 0.8], np.float32)
    for dtype in ("int32", "int64"):
        check_values(tf, lambda v, d=dtype: tf.histogram_fixed_width(v, [0.0, 1.0], 5, dtype=d), x)
    check_values(tf, lambda v: tf.histogram_fixed_width(v, [0, 7], 3), np.arange(-3, 10, dtype=np.int32))
    check_values(tf, lambda v: tf.histogram_fixed_width(v, np.array([-2.0, 3.0]), 7), np.linspace(-3, 4, 40))


def test_equality_of_shapes_that_do_not_fit(tensorflow):
    for op in ("Equal", "NotEqual"):
        build = node(tensorflow, op, "x", "y", incompatible_shape_error=False)
        check(tensorflow, build, (2, 3), (2, 2))
        check(tensorflow, build, (2, 3), (3,))


def test_approximate_equality(tensorflow):
    x = np.array([1, np.inf, np.nan, 1.0, -2, 3], np.float32)
    y = np.array([1.000001, np.inf, np.nan, 1.1, -2, 3.01], np.float32)
    for tolerance in (1e-5, 0.05):
        check_values(tensorflow, node(tensorflow, "ApproximateEqual", "x", "y", tolerance=tolerance), x, y)


def test_sizes_of_1_at_run_time_repeat(tensorflow):
    """Sizes that differ in the graph broadcast when one of them turns out to be 1."""
    tf = tensorflow
    graph = Graph(tf, lambda x, y, z: tf.where(x > y, x, y) * z, [((None, 5), "float32"), ((None, 5), "float32"),
                                                                 ((None, None), "float32")])  # fmt: skip
    module = graph.load()
    rng = np.random.default_rng(0)
    for a, b, (k, m) in ((4, 4, (4, 5)), (1, 4, (1, 1)), (4, 1, (4, 1)), (1, 1, (7, 5)), (0, 1, (1, 1))):
        arrays = [rng.normal(size=s).astype(np.float32) for s in ((a, 5), (b, 5), (k, m))]
        graph.compare(module, arrays, 1e-6)
