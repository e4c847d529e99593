"""Gradients beside TensorFlow's tape: the same numbers, NaN and infinities in the same places, None where it has None.
Operands with ties, zeros and edges, where the derivative is a convention."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from netwright.compiler.autodiff import gradients
from netwright.compiler.ir.core import Builder, Value
from netwright.compiler.ir.opdef import REGISTRY

from ..gradients import Array, gradients_of
from ..helpers import close

INF, NAN = np.inf, np.nan
EDGES = np.array([-INF, -2, -1, -0.5, 0, 0.5, 1, 2, 6, 7, INF, NAN])
#: the tensorflow function of operands, ours, operands
Row = tuple[str, Callable[..., Any], str, Sequence[Any], dict[str, Any]]


def _sides() -> tuple[Array, Array]:
    """Every pair of some numbers, one of which is at an edge."""
    numbers = np.array([-INF, -1.5, -1, 0, 1, 2.5, INF, NAN])
    return np.repeat(numbers, len(numbers)), np.tile(numbers, len(numbers))


def _tensorflow(
    tf: ModuleType, f: Callable[..., Any], arrays: Sequence[Array]
) -> tuple[list[Any], list[Array]]:
    """Gradients by each float operand for random gradients of the results, and these."""
    values = [tf.constant(a) for a in arrays]
    floats = [v for v in values if v.dtype.is_floating]
    with tf.GradientTape() as tape:
        for v in floats:
            tape.watch(v)
        made = f(tf, *values)
        made = [y for y in (made if isinstance(made, (list, tuple)) else [made]) if y.dtype.is_floating]
    rng = np.random.default_rng(3)
    dys = [rng.normal(size=y.shape).astype(y.dtype.as_numpy_dtype) for y in made]
    return tape.gradient(made, floats, [tf.constant(d) for d in dys]), dys


def _check(
    tf: ModuleType, f: Callable[..., Any], name: str, arrays: Sequence[Array], how: dict[str, Any]
) -> None:
    def build(b: Builder, *v: Value) -> Sequence[Value]:
        return b.create(REGISTRY["graph." + name], *v, **how).results

    want, dys = _tensorflow(tf, f, arrays)
    floats = [i for i, a in enumerate(arrays) if a.dtype.kind == "f"]
    found = gradients_of(build, arrays, dys, floats)
    for i, w in zip(floats, want, strict=True):
        if w is None:
            assert i not in found, f"operand {i}: TensorFlow has no gradient"
            continue
        close(found[i], tf.convert_to_tensor(w).numpy())


UNARY: list[tuple[str, Callable[..., Any], dict[str, Any]]] = [
    ("neg", lambda tf, x: -x, {}),
    ("abs", lambda tf, x: tf.abs(x), {}),
    ("square", lambda tf, x: tf.square(x), {}),
    ("sqrt", lambda tf, x: tf.sqrt(x), {}),
    ("rsqrt", lambda tf, x: tf.math.rsqrt(x), {}),
    ("exp", lambda tf, x: tf.exp(x), {}),
    ("log", lambda tf, x: tf.math.log(x), {}),
    ("expm1", lambda tf, x: tf.math.expm1(x), {}),
    ("log1p", lambda tf, x: tf.math.log1p(x), {}),
    ("floor", lambda tf, x: tf.floor(x), {}),
    ("ceil", lambda tf, x: tf.math.ceil(x), {}),
    ("round", lambda tf, x: tf.round(x), {}),
    ("relu", lambda tf, x: tf.nn.relu(x), {}),
    ("relu6", lambda tf, x: tf.nn.relu6(x), {}),
    ("leaky_relu", lambda tf, x: tf.nn.leaky_relu(x, 0.2), {"alpha": 0.2}),
    ("sigmoid", lambda tf, x: tf.sigmoid(x), {}),
    ("tanh", lambda tf, x: tf.tanh(x), {}),
    ("elu", lambda tf, x: tf.nn.elu(x), {}),
    ("sin", lambda tf, x: tf.sin(x), {}),
    ("cos", lambda tf, x: tf.cos(x), {}),
    ("tan", lambda tf, x: tf.tan(x), {}),
    ("sinh", lambda tf, x: tf.sinh(x), {}),
    ("cosh", lambda tf, x: tf.cosh(x), {}),
    ("asinh", lambda tf, x: tf.asinh(x), {}),
    ("erf", lambda tf, x: tf.math.erf(x), {}),
    ("erfc", lambda tf, x: tf.math.erfc(x), {}),
    ("stop_gradient", lambda tf, x: tf.stop_gradient(x), {}),
]


@pytest.mark.parametrize(("name", "f", "how"), UNARY, ids=[r[0] for r in UNARY])
def test_functions_at_their_edges(tensorflow: ModuleType, name: str, f: Any, how: dict[str, Any]) -> None:
    with np.errstate(all="ignore"):
        _check(tensorflow, f, name, [EDGES], how)


SMOOTH: list[tuple[str, Callable[..., Any], dict[str, Any], tuple[float, float]]] = [
    ("acosh", lambda tf, x: tf.acosh(x), {}, (1.1, 4)),
    ("lgamma", lambda tf, x: tf.math.lgamma(x), {}, (0.2, 6)),
    ("digamma", lambda tf, x: tf.math.digamma(x), {}, (0.2, 6)),
    ("special", lambda tf, x: tf.math.ndtri(x), {"function": "ndtri"}, (0.05, 0.95)),
    *(
        ("special", lambda tf, x, n=n: getattr(tf.math.special, n)(x), {"function": n}, (0.0 if "j" in n else 0.2, 5))
        for n in (
            "bessel_i0e", "bessel_i1e", "bessel_j0", "bessel_j1", "bessel_k0e", "bessel_k1e", "bessel_y0",
            "bessel_y1", "dawsn", "expint", "fresnel_cos", "fresnel_sin", "spence",
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "f", "how", "span"), SMOOTH, ids=[r[2].get("function", r[0]) for r in SMOOTH]
)
def test_special_functions(tensorflow: ModuleType, name: str, f: Any, how: dict[str, Any], span: Any) -> None:
    _check(tensorflow, f, name, [np.linspace(*span, 12)], how)


BINARY: list[tuple[str, Callable[..., Any]]] = [
    ("add", lambda tf, x, y: x + y),
    ("sub", lambda tf, x, y: x - y),
    ("mul", lambda tf, x, y: x * y),
    ("div", lambda tf, x, y: x / y),
    ("maximum", lambda tf, x, y: tf.maximum(x, y)),
    ("minimum", lambda tf, x, y: tf.minimum(x, y)),
    ("squared_difference", lambda tf, x, y: tf.math.squared_difference(x, y)),
    ("pow", lambda tf, x, y: tf.pow(x, y)),
    ("atan2", lambda tf, x, y: tf.atan2(x, y)),
    ("floor_div", lambda tf, x, y: tf.math.floordiv(x, y)),
    ("next_after", lambda tf, x, y: tf.math.nextafter(x, y)),
]


@pytest.mark.parametrize(("name", "f"), BINARY, ids=[r[0] for r in BINARY])
def test_two_operands_at_their_edges(tensorflow: ModuleType, name: str, f: Any) -> None:
    with np.errstate(all="ignore"):
        _check(tensorflow, f, name, _sides(), {})


def test_remainders(tensorflow: ModuleType) -> None:
    x, y = np.array([-5.5, -2, 0, 2, 5.5]), np.array([2.0, -1.5, 3, -2, 1.5])
    _check(tensorflow, lambda tf, x, y: tf.math.floormod(x, y), "floor_mod", [x, y], {})


@pytest.mark.parametrize(
    "shapes", [((2, 3), (3,)), ((3,), (2, 3)), ((2, 1), (1, 3)), ((), (2, 3)), ((2, 2, 1), (2, 1))]
)
@pytest.mark.parametrize(("name", "f"), BINARY, ids=[r[0] for r in BINARY])
def test_operands_that_broadcast(tensorflow: ModuleType, name: str, f: Any, shapes: Any) -> None:
    rng = np.random.default_rng(0)
    _check(tensorflow, f, name, [rng.uniform(0.5, 2, s) for s in shapes], {})


def _rng(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape)


def _whole(*shape: int, seed: int = 0) -> Array:
    """Small whole numbers, many of them equal."""
    return np.random.default_rng(seed).integers(-2, 3, shape).astype(np.float64)


WITH_NAN = np.array([[1.0, 3, 3], [2, 2, 2], [NAN, 1, NAN], [0, INF, INF], [0, 0, 1]])
IDS, LOOSE = np.array([0, 0, 2, 2, 3]), np.array([2, -1, 0, 2, 0])
AT = np.array([[0, 2], [1, 0], [2, 2]])
ROWS = np.array([[0.9, 0.5, 0.2], [0.1, 0.7, 0.4], [0.2, 0.3, 0.8], [0.6, 0.1, 0.5], [0.3, 0.9, 0.8]])
BOXES = np.array([[0.1, 0.15, 0.8, 0.93], [0.85, 0.2, 0.31, 0.7], [-0.2, 0.13, 1.1, 0.62]], np.float32)
SQUARE = _rng(2, 3, 3) + 3 * np.eye(3)


def _pool(kind: str, spatial: int, kernel: Any, strides: Any, padding: str) -> Callable[..., Any]:
    return lambda tf, x: getattr(tf.nn, f"{kind}_pool{spatial}d")(x, kernel, strides, padding)


#: name, of TensorFlow, of ours, operands, attributes
OPS: list[Row] = [
    ("select", lambda tf, c, x, y: tf.where(c, x, y), "select",
     [np.array([[True], [False]]), _rng(3), _rng(2, 3)], {}),
    *((f"{op} {axes} {keep}", lambda tf, x, op=op, axes=axes, keep=keep: getattr(tf, op)(x, axes, keep), op,
       [WITH_NAN], {"axes": axes, "keep_dims": keep})
      for op in ("reduce_sum", "reduce_mean", "reduce_prod", "reduce_max", "reduce_min")
      for axes in ((0,), (1,), (0, 1)) for keep in (False, True)),
    ("reduce_prod zeros", lambda tf, x: tf.reduce_prod(x, 1), "reduce_prod",
     [np.array([[0.0, 2, 3], [0, 0, 4], [1, 2, 3]])], {"axes": (1,)}),
    ("softmax", lambda tf, x: tf.nn.softmax(x), "softmax", [_rng(2, 5)], {}),
    *((f"cumulative {kind} {exclusive} {reverse}",
       lambda tf, x, f=f, e=exclusive, r=reverse: getattr(tf.math, f)(x, 1, exclusive=e, reverse=r), "cumulative", [x],
       {"axis": 1, "kind": kind, "exclusive": exclusive, "reverse": reverse})
      for exclusive in (False, True) for reverse in (False, True)
      for kind, f, x in (("sum", "cumsum", _rng(2, 4)), ("prod", "cumprod", _whole(3, 4)),
                         ("log_sum_exp", "cumulative_logsumexp", _rng(2, 4)))),
    *((f"segment_{kind}", lambda tf, x, i, k=kind: getattr(tf.math, f"segment_{k}")(x, i), "segment_reduce",
       [_whole(5, 3), IDS], {"count": 4, "kind": kind, "sorted": True}) for kind in ("sum", "max", "min", "prod")),
    *((f"unsorted_segment_{kind}",
       lambda tf, x, i, k=kind: getattr(tf.math, f"unsorted_segment_{k}")(x, i, 3), "segment_reduce",
       [_whole(5, 3, seed=2), LOOSE], {"count": 3, "kind": kind}) for kind in ("sum", "max", "min", "prod")),
    ("top_k", lambda tf, x: tf.math.top_k(x, 3).values, "top_k", [_whole(3, 6)], {"k": 3}),
    ("reshape", lambda tf, x: tf.reshape(x, (3, 4)), "reshape", [_rng(2, 6)], {"shape": (3, 4)}),
    ("transpose", lambda tf, x: tf.transpose(x, (2, 0, 1)), "transpose", [_rng(2, 3, 4)],
     {"permutation": (2, 0, 1)}),
    ("pad", lambda tf, x, v: tf.pad(x, ((1, 0), (0, 2)), constant_values=v), "pad", [_rng(2, 3), np.array(1.5)],
     {"low": (1, 0), "high": (0, 2)}),
    ("concat", lambda tf, x, y: tf.concat([x, y], 1), "concat", [_rng(2, 3), _rng(2, 2)], {"axis": 1}),
    ("slice", lambda tf, x: x[1:5:3, 0:4:2], "slice", [_rng(5, 4)],
     {"starts": (1, 0), "stops": (5, 4), "steps": (3, 2)}),
    ("broadcast_to", lambda tf, x: tf.broadcast_to(x, (2, 3, 2)), "broadcast_to", [_rng(3, 1)],
     {"shape": (2, 3, 2)}),
    ("gather", lambda tf, x, i: tf.gather(x, i, axis=1), "gather", [_rng(3, 3, 2), AT], {"axis": 1}),
    ("gather batch", lambda tf, x, i: tf.gather(x, i, axis=1, batch_dims=1), "gather",
     [_rng(3, 4, 2), AT], {"axis": 1, "batch_dims": 1}),
    ("gather_nd", lambda tf, x, i: tf.gather_nd(x, i), "gather_nd", [_rng(3, 4, 2), AT], {}),
    *((f"scatter {kind}", lambda tf, x, i, u, f=f: getattr(tf, f)(x, i, u), "scatter_nd",
       [_whole(3, 2), np.array([[2], [0]]), _whole(2, 2, seed=4)], {"kind": kind})
      for kind, f in (("update", "tensor_scatter_nd_update"), ("add", "tensor_scatter_nd_add"),
                      ("sub", "tensor_scatter_nd_sub"), ("min", "tensor_scatter_nd_min"),
                      ("max", "tensor_scatter_nd_max"))),
    ("diag_part", lambda tf, x, p: tf.linalg.diag_part(x, k=(-1, 1), padding_value=p), "matrix_diag_part",
     [_rng(2, 3, 4), np.array(0.5)],
     {"k": (-1, 1)}),
    ("set_diag", lambda tf, x, d: tf.linalg.set_diag(x, d), "matrix_set_diag", [_rng(2, 3, 4), _rng(2, 3)], {}),
    ("reverse", lambda tf, x: tf.reverse(x, [0, 2]), "reverse", [_rng(2, 3, 2)], {"axes": (0, 2)}),
    ("patches", lambda tf, x: tf.image.extract_patches(x, (1, 2, 3, 1), (1, 2, 1, 1), (1, 1, 1, 1), "VALID"),
     "patches", [_rng(2, 5, 4, 2)], {"kernel": (2, 3), "strides": (2, 1), "dilations": (1, 1)}),
    *((f"matmul {tx} {ty}", lambda tf, x, y, tx=tx, ty=ty: tf.matmul(x, y, transpose_a=tx, transpose_b=ty), "matmul",
       [_rng(2, *((4, 3) if tx else (3, 4))), _rng(1, *((2, 4) if ty else (4, 2)))],
       {"transpose_x": tx, "transpose_y": ty}) for tx in (False, True) for ty in (False, True)),
    *((f"conv2d {s} {p}", lambda tf, x, w, s=s, p=p: tf.nn.conv2d(x, w, s, p), "conv2d",
       [_rng(2, 7, 6, 4), _rng(3, 2, 4, 4)], {"strides": s, "padding": p})
      for s in ((1, 1), (2, 3)) for p in ("SAME", "VALID")),
    ("conv3d", lambda tf, x, w: tf.nn.conv3d(x, w, (1, 1, 2, 1, 1), "SAME"), "conv3d",
     [_rng(1, 4, 5, 4, 2), _rng(2, 3, 2, 2, 3)],
     {"strides": (1, 2, 1), "padding": "SAME"}),
    ("conv2d_transpose", lambda tf, x, w: tf.nn.conv2d_transpose(x, w, (2, 5, 4, 3), (2, 1), "SAME"),
     "conv_transpose", [_rng(2, 3, 4, 4), _rng(3, 2, 3, 4)],
     {"strides": (2, 1), "padding": "SAME", "size": (5, 4), "dilations": (1, 1), "pads": (0, 0, 0, 0)}),
    *((f"{kind}_pool2d {p}", _pool(kind, 2, (3, 2), (2, 1), p), f"{kind}_pool2d", [_whole(2, 6, 5, 3)],
       {"kernel": (3, 2), "strides": (2, 1), "padding": p}) for kind in ("max", "avg") for p in ("SAME", "VALID")),
    *((f"{kind}_pool3d {p}", _pool(kind, 3, (2, 2, 2), (1, 2, 1), p), f"{kind}_pool3d",
       [_whole(1, 4, 5, 3, 2).astype(np.float32)],
       {"kernel": (2, 2, 2), "strides": (1, 2, 1), "padding": p})
      for kind in ("max", "avg") for p in ("SAME", "VALID")),
    ("max_pool_with_argmax", lambda tf, x: tf.nn.max_pool_with_argmax(x, (2, 2), (2, 2), "SAME")[0],
     "max_pool_argmax", [_whole(2, 5, 5, 2)], {"kernel": (2, 2), "strides": (2, 2), "padding": "SAME"}),
    ("dilation2d", lambda tf, x, w: tf.nn.dilation2d(x, w, (1, 2, 1, 1), "SAME", "NHWC", (1, 1, 2, 1)), "dilation2d",
     [_rng(1, 5, 6, 2), _rng(2, 3, 2, seed=1)], {"strides": (2, 1), "rates": (1, 2), "padding": "SAME"}),
    ("inverse", lambda tf, x: tf.linalg.inv(x), "inverse", [SQUARE], {}),
    ("solve", lambda tf, x, y: tf.linalg.solve(x, y), "solve", [SQUARE, _rng(2, 3, 2)], {}),
    ("det", lambda tf, x: tf.linalg.det(x), "determinant", [SQUARE], {}),
    ("slogdet", lambda tf, x: list(tf.linalg.slogdet(x)), "determinant", [SQUARE], {"log": True}),
    *((f"triangular {lower}", lambda tf, x, y, lower=lower: tf.linalg.triangular_solve(x, y, lower), "triangular_solve",
       [SQUARE, _rng(2, 3, 2)], {"upper": not lower}) for lower in (True, False)),
    ("cholesky", lambda tf, x: tf.linalg.cholesky(x), "cholesky", [SQUARE @ SQUARE.transpose(0, 2, 1)], {}),
    *((f"qr {shape}", lambda tf, x: list(tf.linalg.qr(x)), "qr", [_rng(*shape)], {})
      for shape in ((2, 3, 3), (4, 3), (3, 5))),
    ("eigvalsh", lambda tf, x: tf.linalg.eigvalsh(x), "self_adjoint_eig", [SQUARE + SQUARE.transpose(0, 2, 1)],
     {"compute_v": False}),
    ("svd values", lambda tf, x: tf.linalg.svd(x, compute_uv=False), "svd", [_rng(2, 3, 4)], {"compute_uv": False}),
    *((f"resize {m} {size}", lambda tf, x, m=m, size=size: tf.image.resize(x, size, m), "resize",
       [_rng(2, 3, 4, 2).astype(np.float32)], {"method": o, "size": size, "coordinates": "half_pixel"})
      for m, o in (("nearest", "nearest"), ("bilinear", "bilinear")) for size in ((6, 8), (5, 3))),
    *((f"crop {size}", lambda tf, x, boxes, at, size=size: tf.image.crop_and_resize(x, boxes, at, size),
       "crop_and_resize", [_rng(2, 6, 7, 2).astype(np.float32), BOXES, np.array([1, 0, 1], np.int32)], {"size": size})
      for size in ((3, 4), (1, 5))),
    ("rgb_to_hsv", lambda tf, x: tf.image.rgb_to_hsv(x), "colour", [ROWS], {"kind": "rgb_to_hsv"}),
    ("betainc", lambda tf, a, b, x: tf.math.betainc(a, b, x), "betainc",
     [np.array([0.5, 2, 3]), np.array([1.5, 0.7, 2]), np.array([0.2, 0.5, 0.9])], {}),
    ("zeta", lambda tf, x, q: tf.math.zeta(x, q), "zeta", [np.array([2.0, 3.5]), np.array([0.5, 2])], {}),
]  # fmt: skip


def test_zeros_for_what_only_says_where(tensorflow: ModuleType) -> None:
    """The gradient of a pool's gradient by the image is zero, not none."""
    tf, x = tensorflow, _whole(1, 4, 4, 2)
    value = tf.constant(x)
    with tf.GradientTape() as outer:
        outer.watch(value)
        with tf.GradientTape() as inner:
            inner.watch(value)
            y = tf.nn.max_pool2d(value, (2, 2), (2, 2), "VALID")
        first = inner.gradient(y, value)
    want = outer.gradient(first, value)

    def build(b: Builder, *v: Value) -> Sequence[Value]:
        y = b(REGISTRY["graph.max_pool2d"], *v, kernel=(2, 2), strides=(2, 2))
        return [g for g in gradients(b, [y], v) if g is not None]

    found = gradients_of(build, [x], [np.ones_like(x)], [0])
    np.testing.assert_array_equal(found[0], np.zeros_like(x) if want is None else want.numpy())


@pytest.mark.parametrize(("name", "f", "op", "arrays", "how"), OPS, ids=[r[0] for r in OPS])
def test_ops(tensorflow: ModuleType, name: str, f: Any, op: str, arrays: Any, how: dict[str, Any]) -> None:
    with np.errstate(all="ignore"):
        _check(tensorflow, f, op, arrays, how)
