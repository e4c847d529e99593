"""Sorting against TensorFlow."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.runtime.errors import UnsupportedError

from .tensorflow_graphs import Graph, check, check_values, node

pytestmark = pytest.mark.filterwarnings("ignore")

DTYPES = ["float32", "float64", "int8", "uint8", "int16", "uint16", "int32", "int64", "uint32", "uint64"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_top_k(tensorflow, dtype):
    for k in (0, 1, 4, 9):
        check(tensorflow, node(tensorflow, "TopKV2", "input", k=k), ((None, 9), dtype))
    check(tensorflow, node(tensorflow, "TopKV2", "input", k=3, index_type="int64"), ((None, 9), dtype))


def test_top_k_that_is_not_sorted(tensorflow):
    rng = np.random.default_rng(0)
    for n, k in ((3, 2), (10, 1), (10, 5), (10, 10), (60, 7), (60, 50)):
        for x in (
            rng.normal(size=(4, n)),
            rng.integers(0, 9, (4, n)),
            rng.integers(0, 9, (4, n)).astype(np.int32),
        ):
            x = x if x.dtype == np.int32 else x.astype(np.float32)
            check_fixed(tensorflow, node(tensorflow, "TopKV2", "input", k=k, sorted=False), x)


def test_top_k_of_equals_and_infinities(tensorflow):
    x = np.array([[1, np.inf, 1, -np.inf, 0, -0.0, np.inf, 1], [0, -0.0, 0, 2, 2, 2, -1, -1]], np.float32)
    for k in (1, 2, 5, 8):
        check_values(tensorflow, node(tensorflow, "TopKV2", "input", k=k), x)


@pytest.mark.parametrize("direction", ["ASCENDING", "DESCENDING"])
def test_sorts(tensorflow, direction):
    tf = tensorflow
    for dtype in ("float32", "int32"):
        check(tf, lambda x: tf.sort(x, direction=direction), ((None, 6), dtype))
        check(tf, lambda x: tf.argsort(x, direction=direction, stable=True), ((None, 6), dtype))
        check(tf, lambda x: tf.sort(x, axis=0, direction=direction), ((None, 6), dtype))


@pytest.mark.parametrize("reverse", [False, True])
def test_nth_element(tensorflow, reverse):
    for at in (0, 2, 5):
        check(tensorflow, node(tensorflow, "NthElement", "input", n=at, reverse=reverse), (None, 6))
        check(tensorflow, node(tensorflow, "NthElement", "input", n=at, reverse=reverse), ((6,), "int32"))
    check(
        tensorflow, node(tensorflow, "NthElement", "input", n=1, reverse=reverse), (3, None), batches=(2, 7)
    )


def test_numbers_computed_at_run_time(tensorflow):
    x = np.random.default_rng(0).normal(size=(3, 6)).astype(np.float32)
    for k in (0, 2, 5):
        check_fixed(tensorflow, node(tensorflow, "NthElement", "input", "n"), x, np.array(k, np.int32))
        check_fixed(tensorflow, node(tensorflow, "TopKV2", "input", "k"), x, np.array(k, np.int32))


def check_fixed(tf, build, *arrays):
    """Compares a graph whose sizes are those of the arrays."""
    graph = Graph(tf, build, [(a.shape, a.dtype.name) for a in arrays])
    graph.compare(graph.load(), arrays, 1e-5)


@pytest.mark.parametrize("k", [-1, 0, 1, 2, 3, 5])
def test_in_top_k(tensorflow, k):
    nan, inf = np.nan, np.inf
    p = [
        [0.1, 0.3, 0.3, 0.2],
        [0.1, nan, 0.3, 0.2],
        [inf, 1, 2, 3],
        [1, -inf, 3, 4],
        [1, 1, 1, 1],
        [4, 3, 2, 1],
    ]
    predictions = np.array(p, np.float32)
    for targets in ([1, 2, 2, 0, 3, 3], [0, 0, 0, 5, -1, 4], [2, 1, 0, 3, 0, 0]):
        for dtype in (np.int32, np.int64):
            t = np.array(targets, dtype)
            build = node(tensorflow, "InTopKV2", "predictions", "targets", k=dtype(k))
            check_fixed(tensorflow, build, predictions, t)
        check_fixed(tensorflow, node(tensorflow, "InTopK", "predictions", "targets", k=k), predictions, t)


def test_what_is_refused(tensorflow):
    inputs = [((3, None), "float32"), ((3,), "int32")]
    graph = Graph(tensorflow, node(tensorflow, "InTopK", "predictions", "targets", k=1), inputs)
    with pytest.raises(UnsupportedError, match="number of classes"):
        graph.load()
