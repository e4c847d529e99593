"""Linear algebra against TensorFlow."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.compiler.ops.interpreter import run_module
from netwright.runtime.errors import ExecutionError, UnsupportedError

from ..helpers import close
from .tensorflow_graphs import Graph, check_values, node

pytestmark = pytest.mark.filterwarnings("ignore")


def _matrices(*shape, dtype="float32"):
    rng = np.random.default_rng(0)
    return (rng.normal(size=shape) + 3 * np.eye(*shape[-2:])).astype(dtype)


def _positive(*shape, dtype="float32"):
    a = np.random.default_rng(1).normal(size=shape)
    return (a @ np.swapaxes(a, -1, -2) + np.eye(shape[-1])).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 5, 5), (0, 2, 2), (2, 0, 0), (1, 1)], ids=str)
def test_elimination(tensorflow, dtype, shape):
    a = _matrices(*shape, dtype=dtype)
    y = np.random.default_rng(2).normal(size=(*shape[:-1], 2)).astype(dtype)
    for adjoint in (False, True):
        check_values(tensorflow, node(tensorflow, "MatrixInverse", "input", adjoint=adjoint), a)
        check_values(tensorflow, node(tensorflow, "MatrixSolve", "matrix", "rhs", adjoint=adjoint), a, y)
    check_values(tensorflow, node(tensorflow, "MatrixDeterminant", "input"), a)
    check_values(tensorflow, node(tensorflow, "LogMatrixDeterminant", "input"), a)
    for index in ("int32", "int64"):
        check_values(tensorflow, node(tensorflow, "Lu", "input", output_idx_type=index), a)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_triangles(tensorflow, dtype):
    a = _positive(3, 1, 4, 4, dtype=dtype)
    y = np.random.default_rng(2).normal(size=(1, 2, 4, 3)).astype(dtype)
    check_values(tensorflow, node(tensorflow, "Cholesky", "input"), a)
    for lower in (False, True):
        for adjoint in (False, True):
            op = node(tensorflow, "MatrixTriangularSolve", "matrix", "rhs", lower=lower, adjoint=adjoint)
            for x, rhs in ((a, y), (a[0, 0], y), (a, y[0, 0])):
                graph = Graph(tensorflow, op, [(v.shape, dtype) for v in (x, rhs)])
                graph.compare(graph.load(), [x, rhs], 1e-5)


def test_qr(tensorflow):
    for shape in ((3, 3), (2, 5, 3), (3, 5), (2, 3, 0)):
        a = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        for full in (False, True):
            check_values(tensorflow, node(tensorflow, "Qr", "input", full_matrices=full), a)


@pytest.mark.parametrize("full", [False, True])
def test_decompositions(tensorflow, full):
    tf = tensorflow

    def svd(x):
        s, u, v = tf.raw_ops.Svd(input=x, full_matrices=full)
        k = min(x.shape[-1], x.shape[-2])
        return s, tf.matmul(u[..., :k] * s[..., None, :], v[..., :k], adjoint_b=True), abs(u)[..., :k]

    def eig(x):
        e, v = tf.raw_ops.SelfAdjointEigV2(input=x)
        return e, tf.matmul(v * e[..., None, :], v, adjoint_b=True), abs(v)

    for shape in ((3, 3), (2, 5, 3), (3, 5)):
        x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        graph = Graph(tf, svd, [(x.shape, "float32")])
        graph.compare(graph.load(), [x], 1e-5)
    check_values(tf, eig, _positive(2, 4, 4))
    check_values(tf, lambda x: tf.raw_ops.Svd(input=x, compute_uv=False)[0], _matrices(4, 4))
    check_values(tf, lambda x: tf.raw_ops.SelfAdjointEigV2(input=x, compute_v=False)[0], _positive(4, 4))


NAN, INF = np.nan, np.inf
SPECIAL = [
    [[1, 2], [2, 4]], [[0, 0], [0, 0]], [[1, NAN], [2, 4]], [[INF, 1], [2, 4]], [[0, 5], [1, 2]], [[4, NAN], [2, 5]],
    [[-3, 1], [0, -2]],
]  # fmt: skip


@pytest.mark.parametrize("matrix", SPECIAL, ids=str)
def test_special_matrices(tensorflow, matrix):
    a = np.array(matrix, np.float32)
    raw = tensorflow.raw_ops
    check_values(tensorflow, lambda x: raw.MatrixDeterminant(input=x), a)
    check_values(tensorflow, lambda x: raw.LogMatrixDeterminant(input=x), a)
    check_values(
        tensorflow, lambda x: raw.MatrixTriangularSolve(matrix=x, rhs=np.ones((2, 1), np.float32)), a
    )
    check_values(tensorflow, lambda x: raw.Svd(input=x)[0], a)
    check_values(tensorflow, lambda x: raw.SelfAdjointEigV2(input=x)[0], a)
    # above the diagonal TensorFlow leaves anything where the matrix is not positive definite
    lower = np.tril(np.ones((2, 2), bool))
    check_values(tensorflow, lambda x: tensorflow.where(lower, raw.Cholesky(input=x), 0.0), a)


@pytest.mark.parametrize("op", ["MatrixInverse", "Lu"])
def test_singular_matrices(tensorflow, op):
    graph = Graph(tensorflow, node(tensorflow, op, "input"), [((None, 2, 2), "float32")])
    module = graph.load()
    a = np.array([[[1, 0], [0, 1]], [[1, 2], [2, 4]]], np.float32)
    with pytest.raises(ExecutionError, match="the matrix is not invertible"):
        run_module(module, [a])
    for got, want in zip(run_module(module, [a[:1]]), graph.run([a[:1]]), strict=True):
        close(got, want)


def test_what_is_refused(tensorflow):
    graph = Graph(
        tensorflow, lambda x: tensorflow.raw_ops.Svd(input=x, compute_uv=False)[1], [((3, 3), "float32")]
    )
    with pytest.raises(UnsupportedError, match="compute_uv=false leaves out"):
        graph.load()
