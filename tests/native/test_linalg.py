"""Linear algebra: compiled code against the interpreter."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.ops import linalg as la
from netwright.runtime import load
from netwright.runtime.errors import ExecutionError
from netwright.runtime.spec import DType, f32, f64, i32, i64

from ..helpers import build, check, close, graph, n, tensor

TOLERANCE = {f32: 2e-5, f64: 1e-12}


def _module(op: Any, *shapes: Any, dtype: DType = f64, **attributes: Any) -> Any:
    def net(b: Any, *xs: Any) -> Any:
        return b.create(op, *xs, **attributes).results

    return graph(net, [tensor(*s, dtype=dtype) for s in shapes])


def _matrices(*shape: int, dtype: Any = np.float64, seed: int = 0) -> Any:
    """Far from singular."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=shape)
    return (a + 2 * np.eye(*shape[-2:])[rng.permutation(shape[-2])]).astype(dtype)


def _symmetric(*shape: int, dtype: Any = np.float64) -> Any:
    a = np.random.default_rng(1).normal(size=shape)
    return (a + np.swapaxes(a, -1, -2)).astype(dtype)


def _positive(*shape: int, dtype: Any = np.float64) -> Any:
    a = np.random.default_rng(2).normal(size=shape)
    return (a @ np.swapaxes(a, -1, -2) + np.eye(shape[-1])).astype(dtype)


SHAPES = [(3, 3), (2, 3, 1, 1), (0, 3, 3), (2, 0, 0), (2, 40, 40)]


@pytest.mark.parametrize("dtype", [f32, f64], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_elimination(tmp_path: Path, dtype: DType, shape: Any) -> None:
    a = _matrices(*shape, dtype=dtype.numpy)
    y = np.random.default_rng(3).normal(size=(*shape[:-1], 5)).astype(dtype.numpy)
    options = {"dtype": dtype}
    tolerance = TOLERANCE[dtype]
    index = i32 if dtype == f32 else i64
    check(_module(la.Lu, shape, index_dtype=index, **options), tmp_path, tolerance=tolerance, inputs=[a])
    check(_module(la.Inverse, shape, **options), tmp_path, tolerance=tolerance, inputs=[a])
    check(_module(la.Solve, shape, y.shape, **options), tmp_path, tolerance=tolerance, inputs=[a, y])
    for log in (False, True):
        module = _module(la.Determinant, shape, log=log, **options)
        check(module, tmp_path, tolerance=5 * tolerance, inputs=[a])


@pytest.mark.parametrize("dtype", [f32, f64], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_triangles(tmp_path: Path, dtype: DType, shape: Any) -> None:
    a = _positive(*shape, dtype=dtype.numpy)
    y = np.random.default_rng(3).normal(size=(*shape[:-1], 20)).astype(dtype.numpy)
    tolerance = TOLERANCE[dtype]
    check(_module(la.Cholesky, shape, dtype=dtype), tmp_path, tolerance=tolerance, inputs=[a])
    a = a + 10 * np.eye(shape[-1], dtype=dtype.numpy)
    for lower in (False, True):
        module = _module(la.TriangularSolve, shape, y.shape, dtype=dtype, upper=not lower)
        check(module, tmp_path, tolerance=tolerance, inputs=[a, y])


@pytest.mark.parametrize("dtype", [f32, f64], ids=str)
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("shape", [(2, 5, 3), (3, 5), (1, 1), (2, 3, 0), (2, 0, 3), (40, 33)], ids=str)
def test_qr(tmp_path: Path, dtype: DType, full: bool, shape: Any) -> None:
    a = np.random.default_rng(0).normal(size=shape).astype(dtype.numpy)
    module = _module(la.Qr, shape, dtype=dtype, full_matrices=full)
    check(module, tmp_path, tolerance=TOLERANCE[dtype], inputs=[a])


def test_sizes_known_at_run_time(tmp_path: Path) -> None:
    sizes = [{"n": 1}, {"n": 4}, {"n": 9}]
    for op in (la.Lu, la.Inverse, la.Determinant, la.Qr):
        check(_module(op, (2, n, n)), tmp_path, sizes, tolerance=1e-9)
        check(_module(op, (n, 3, 3)), tmp_path, [{"n": 0}, *sizes], tolerance=1e-9)
    check(_module(la.Solve, (2, n, n), (2, n, n)), tmp_path, sizes, tolerance=1e-9)
    check(_module(la.TriangularSolve, (2, n, n), (2, n, 3)), tmp_path, sizes, tolerance=1e-9)
    check(_module(la.Qr, (2, n, 3)), tmp_path, sizes)


@pytest.mark.parametrize("op", [la.Lu, la.Inverse, la.Solve])
@pytest.mark.parametrize("matrix", [[[1.0, 2], [2, 4]], [[0.0, 0], [0, 0]]], ids=str)
def test_singular_matrices(tmp_path: Path, op: Any, matrix: Any) -> None:
    shapes = [(2, 2, 2)] * (2 if op is la.Solve else 1)
    model = build(_module(op, *shapes), tmp_path)
    a = np.stack([np.eye(2), np.array(matrix)])
    with pytest.raises(ExecutionError, match="a matrix has no inverse") as caught:
        model.run(dict(zip((s.name for s in model.inputs), [a, np.ones((2, 2, 2))], strict=False)))
    assert caught.value.status == "ARITH"


NAN, INF = np.nan, np.inf


@pytest.mark.parametrize(
    "matrix",
    [[[1, 2], [2, 4]], [[0, 0], [0, 0]], [[1, NAN], [2, 4]], [[INF, 1], [2, 4]], [[0, 5], [1, 2]], [[4, NAN], [2, 5]],
     [[1, 0], [0, NAN]], [[-3, 1], [0, -2]], [[1, -1], [1, 1]]],
    ids=str,
)  # fmt: skip
def test_special_matrices(tmp_path: Path, matrix: Any) -> None:
    a = np.array(matrix, np.float64)
    y = np.ones((2, 3))
    with np.errstate(all="ignore"):
        for log in (False, True):
            check(_module(la.Determinant, (2, 2), log=log), tmp_path, inputs=[a])
        check(_module(la.Cholesky, (2, 2)), tmp_path, inputs=[a])
        for lower in (False, True):
            check(_module(la.TriangularSolve, (2, 2), (2, 3), upper=not lower), tmp_path, inputs=[a, y])
        check(_module(la.Svd, (2, 2), compute_uv=False), tmp_path, inputs=[a])
        check(_module(la.SelfAdjointEig, (2, 2), compute_v=False), tmp_path, inputs=[a])
        if np.isfinite(a).all():
            check(_module(la.Qr, (2, 2)), tmp_path, inputs=[a])


def _run(module: Any, tmp_path: Path, arrays: Sequence[Any]) -> Iterator[tuple[Any, list[Any]]]:
    """Each array with its results; those of one and of two threads must have the same bits."""
    one = build(module, tmp_path, threads=1)
    two = load(one.path, threads=2)
    for a in arrays:
        got = [list(m.run({m.inputs[0].name: a}).values()) for m in (one, two)]
        for x, y in zip(*got, strict=True):
            assert x.tobytes() == y.tobytes()
        yield a, got[0]


def _orthonormal(q: Any, tolerance: float) -> None:
    product = np.swapaxes(q, -1, -2) @ q
    close(product, np.broadcast_to(np.eye(q.shape[-1], dtype=q.dtype), product.shape), 50 * tolerance)


def _degenerate(a: Any) -> Any:
    """Of half the rank, with equal singular values."""
    u, _, vt = np.linalg.svd(a, full_matrices=False)
    s = np.where(np.arange(u.shape[-1]) < (u.shape[-1] + 1) // 2, 2.0, 0.0)
    return ((u * s) @ vt).astype(a.dtype)


@pytest.mark.parametrize("dtype", [f32, f64], ids=str)
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("shape", [(3, 3), (2, 5, 3), (1, 4), (2, 3, 0), (0, 2, 2), (20, 50)], ids=str)
def test_svd(tmp_path: Path, dtype: DType, full: bool, shape: Any) -> None:
    tolerance = TOLERANCE[dtype]
    a = np.random.default_rng(0).normal(size=shape).astype(dtype.numpy)
    module = _module(la.Svd, shape, dtype=dtype, full_matrices=full)
    some = (a, _degenerate(a), np.zeros_like(a), np.ones_like(a)) if a.size else (a,)
    for x, (s, u, v) in _run(module, tmp_path, some):
        k = s.shape[-1]
        close(s, np.linalg.svd(x, compute_uv=False).astype(dtype.numpy), tolerance)
        close((u[..., :k] * s[..., None, :]) @ np.swapaxes(v[..., :k], -1, -2), x, tolerance)
        _orthonormal(u, tolerance)
        _orthonormal(v, tolerance)
    check(_module(la.Svd, shape, dtype=dtype, compute_uv=False), tmp_path, inputs=[a], tolerance=tolerance)


@pytest.mark.parametrize("dtype", [f32, f64], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_self_adjoint_eig(tmp_path: Path, dtype: DType, shape: Any) -> None:
    tolerance = TOLERANCE[dtype]
    a = _symmetric(*shape, dtype=dtype.numpy)
    module = _module(la.SelfAdjointEig, shape, dtype=dtype)
    some = [
        a,
        np.zeros_like(a),
        np.ones_like(a),
        np.broadcast_to(np.eye(shape[-1], dtype=a.dtype), a.shape).copy(),
    ]
    for x, (e, v) in _run(module, tmp_path, some if a.size else (a,)):
        close(e, np.linalg.eigvalsh(x).astype(dtype.numpy), tolerance)
        close((v * e[..., None, :]) @ np.swapaxes(v, -1, -2), x, 5 * tolerance)
        _orthonormal(v, tolerance)
    module = _module(la.SelfAdjointEig, shape, dtype=dtype, compute_v=False)
    check(module, tmp_path, inputs=[a], tolerance=tolerance)


def test_vectors_of_what_is_not_finite(tmp_path: Path) -> None:
    a = np.array([[INF, 1], [2, 4]])
    ((_, results),) = _run(_module(la.Svd, (2, 2)), tmp_path, [a])
    assert all(np.isnan(r).all() for r in results)
    ((_, (e, v)),) = _run(_module(la.SelfAdjointEig, (2, 2)), tmp_path, [a])
    assert np.isnan(e).all()
    np.testing.assert_array_equal(v, np.eye(2))
