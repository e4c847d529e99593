"""The importer against TensorFlow: random numbers of a session's first run, integers and uniform ones exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from netwright.compiler.ops.interpreter import run_module
from netwright.frontends.tensorflow.importer import import_graph
from netwright.runtime.errors import UnsupportedError

from .tensorflow_graphs import Graph, check_values

# TensorFlow calls what Python and numpy deprecate.
pytestmark = pytest.mark.filterwarnings("ignore")

SEEDS = [{"seed": 1, "seed2": 2}, {"seed": -5, "seed2": 2**40}, {"seed": 0, "seed2": 7}]
X = np.zeros((3, 5), np.float32)


@pytest.mark.parametrize("seeds", SEEDS, ids=str)
def test_stateful_numbers(tensorflow, seeds):
    tf, raw = tensorflow, tensorflow.raw_ops

    def uniform(x: Any) -> Any:
        shape = tf.concat([tf.shape(x), [1001]], 0)
        low, high = np.int64(-3), np.int64(2**40)
        return [
            raw.RandomUniform(shape=shape, dtype="float32", **seeds),
            raw.RandomUniform(shape=[7], dtype="float64", **seeds),
            raw.RandomUniformInt(shape=shape, minval=np.int32(-7), maxval=np.int32(100), **seeds),
            raw.RandomUniformInt(shape=[5], minval=low, maxval=high, **seeds),
            raw.RandomShuffle(value=np.arange(501, dtype=np.int32), **seeds),
            raw.RandomShuffle(value=x, **seeds),
        ]

    def normal(x: Any) -> Any:
        shape = tf.concat([tf.shape(x), [1001]], 0)
        return [
            made(shape=shape, dtype=dtype, **seeds)
            for made in (raw.RandomStandardNormal, raw.TruncatedNormal)
            for dtype in ("float32", "float64")
        ]

    check_values(tf, uniform, X, tolerance=0)
    check_values(tf, normal, X, tolerance=1e-6)


def test_half_precision(tensorflow):
    raw = tensorflow.raw_ops
    for op in ("RandomUniform", "RandomStandardNormal", "TruncatedNormal"):
        for dtype in ("float16", "bfloat16"):

            def build(x: Any, op: str = op, dtype: str = dtype) -> Any:
                made = getattr(raw, op)(shape=[3, 5], dtype=dtype, **SEEDS[0])
                return x + tensorflow.cast(made, "float32")

            check_values(tensorflow, build, X, tolerance=0 if op == "RandomUniform" else 0.004)


def test_samples(tensorflow):
    raw, seeds = tensorflow.raw_ops, SEEDS[0]
    logits = np.random.default_rng(0).normal(size=(4, 9)).astype(np.float32)
    logits[1, :3] = [np.inf, np.nan, -np.inf]
    rates = np.array([[0.3, 1, 0.9, 2, 9.99], [10, 25.5, 1e3, 1e6, 5]])

    def build(x: Any, p: Any) -> Any:
        return [
            raw.Multinomial(logits=x, num_samples=13, **seeds),
            raw.RandomPoissonV2(shape=[7, 3], rate=p, dtype="float64", **seeds),
            raw.RandomPoissonV2(shape=np.zeros(0, np.int32), rate=p, dtype="int32", **seeds),
        ]

    check_values(tensorflow, build, logits, rates, tolerance=0)
    check_values(tensorflow, lambda p: raw.RandomGamma(shape=[40], alpha=p, **seeds), rates)


def test_stateless_numbers(tensorflow):
    raw = tensorflow.raw_ops
    p = np.array([0.3, 2.0, 17.0])

    def exact(seed: Any) -> Any:
        key, counter = raw.StatelessRandomGetKeyCounter(seed=seed)
        state = {"key": key, "counter": counter, "alg": raw.StatelessRandomGetAlg()}
        bounds = {"minval": np.int32(-3), "maxval": np.int32(50)}
        return [
            raw.StatelessRandomUniform(shape=[70], seed=seed),
            raw.StatelessRandomUniformV2(shape=[70], **state),
            raw.StatelessRandomUniformInt(shape=[70], seed=seed, **bounds),
            raw.StatelessRandomUniformIntV2(shape=[70], **state, **bounds),
            raw.StatelessRandomUniformFullInt(shape=[70], seed=seed, dtype="int64"),
            raw.StatelessRandomUniformFullIntV2(shape=[70], **state, dtype="uint32"),
            raw.StatelessMultinomial(logits=np.array([[1, 2, 0.5]], np.float32), num_samples=40, seed=seed),
            raw.StatelessRandomPoisson(shape=[40, 3], seed=seed, lam=p, dtype="float32"),
        ]

    def close(seed: Any) -> Any:
        key, counter = raw.StatelessRandomGetKeyCounter(seed=seed)
        state = {"key": key, "counter": counter, "alg": 1}
        return [
            raw.StatelessRandomNormal(shape=[70], seed=seed),
            raw.StatelessRandomNormalV2(shape=[70], **state),
            raw.StatelessTruncatedNormal(shape=[70], seed=seed),
            raw.StatelessTruncatedNormalV2(shape=[70], **state),
            raw.StatelessRandomGammaV2(shape=[40, 3], seed=seed, alpha=p),
        ]

    for seed in (np.array([5, -7], np.int64), np.array([-1, 3], np.int32)):
        check_values(tensorflow, exact, seed, tolerance=0)
        check_values(tensorflow, close, seed, tolerance=1e-6)


def test_ops_without_seed_differ_and_repeat(tensorflow):
    raw = tensorflow.raw_ops
    graph = Graph(
        tensorflow,
        lambda x: [raw.RandomUniform(shape=[9], dtype="float32") for _ in "ab"],
        [((1,), "float32")],
    )
    first, second = (run_module(graph.load(), [X[0, :1]]) for _ in "ab")
    assert np.array_equal(first[0], second[0]) and np.array_equal(first[1], second[1])
    assert not np.array_equal(first[0], first[1])
    assert all(((a >= 0) & (a < 1)).all() for a in first)


def test_numbers_in_loops_are_refused(tensorflow):
    tf = tensorflow

    @tf.function
    def walk(x):
        for _ in tf.range(3):
            x = x + tf.random.uniform([3], seed=1)
        return x

    concrete = walk.get_concrete_function(tf.TensorSpec([3]))
    data = concrete.graph.as_graph_def().SerializeToString()
    with pytest.raises(UnsupportedError, match="RandomUniform"):
        import_graph(data, inputs=["x:0"], outputs=[t.name for t in concrete.graph.outputs])
