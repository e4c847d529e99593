"""One case or more for every op that has a gradient: operands on which it is smooth. Tests compare gradients with
differences, and compiled ones with the interpreter's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from netwright.compiler.ir.attributes import Dense
from netwright.compiler.ir.bfloat16 import narrow
from netwright.compiler.ir.core import Builder, Value
from netwright.compiler.ir.opdef import REGISTRY
from netwright.compiler.ops.activation import Square
from netwright.compiler.ops.constant import Constant
from netwright.compiler.ops.elementwise import Add
from netwright.compiler.ops.linalg import Cholesky, SelfAdjointEig, Svd
from netwright.compiler.ops.matmul import MatMul
from netwright.compiler.ops.resize import ScaleAndTranslate
from netwright.compiler.ops.shape import Transpose
from netwright.runtime.spec import DType, bf16, f32, f64

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Case:
    """An op of all `arrays` with `attributes`, or what `make` builds around it; `wrt` are the arrays to derive by, by
    default all floats."""

    op: str
    arrays: Sequence[Array]
    attributes: dict[str, Any] = field(default_factory=dict)
    wrt: Sequence[int] | None = None
    step: float = 1e-6
    tolerance: float = 1e-6
    make: Callable[..., Sequence[Value]] | None = None

    def build(self, b: Builder, *v: Value) -> Sequence[Value]:
        if self.make is not None:
            return self.make(b, *v)
        return b.create(REGISTRY["graph." + self.op], *v, **self.attributes).results

    def of(self, dtype: DType) -> Case:
        """The same case with operands of another float type; bfloat16 as its bits."""
        kinds = {k: dtype if k == "dtype" else v for k, v in self.attributes.items()}
        return replace(self, arrays=[as_floats(a, dtype) for a in self.arrays], attributes=kinds)

    def __str__(self) -> str:
        shapes = " ".join("x".join(map(str, a.shape)) or "scalar" for a in self.arrays)
        return f"{self.op} {shapes} " + " ".join(f"{k}={v}" for k, v in self.attributes.items())


def as_floats(x: Array, dtype: DType) -> Array:
    """Floats in another format, integers as they are."""
    if x.dtype.kind != "f":
        return x
    return narrow(x.astype(np.float32)) if dtype == bf16 else x.astype(dtype.numpy)


def numbers(low: float, high: float, *shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).uniform(low, high, shape)


def normal(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape)


def far_apart(*shape: int, seed: int = 0) -> Array:
    """Numbers of which no two are near each other, in any order."""
    count = int(np.prod(shape))
    return (np.random.default_rng(seed).permutation(count) - count / 2 + 0.25).reshape(shape)


#: op, the range on which the function is smooth, attributes
_UNARY: list[tuple[str, tuple[float, float], dict[str, Any]]] = [
    ("neg", (-2, 2), {}), ("abs", (0.1, 2), {}), ("abs", (-2, -0.1), {}), ("square", (-2, 2), {}),
    ("sqrt", (0.2, 3), {}), ("rsqrt", (0.2, 3), {}), ("exp", (-2, 2), {}), ("log", (0.2, 3), {}),
    ("expm1", (-2, 2), {}), ("log1p", (-0.7, 2), {}), ("relu", (-2, 2), {}), ("relu6", (-2, 9), {}),
    ("leaky_relu", (-2, 2), {}), ("leaky_relu", (-2, 2), {"alpha": -0.5}), ("sigmoid", (-3, 3), {}),
    ("tanh", (-3, 3), {}), ("elu", (-2, 2), {}), ("sin", (-4, 4), {}), ("cos", (-4, 4), {}),
    ("tan", (-1, 1), {}), ("sinh", (-2, 2), {}), ("cosh", (-2, 2), {}), ("asinh", (-3, 3), {}),
    ("acosh", (1.2, 3), {}), ("erf", (-2, 2), {}), ("erfc", (-2, 2), {}), ("cast", (-2, 2), {"dtype": f64}),
]  # fmt: skip
_SPECIAL = (
    "bessel_i0e", "bessel_i1e", "bessel_j0", "bessel_j1", "bessel_k0e", "bessel_k1e", "bessel_y0", "bessel_y1",
    "dawsn", "expint", "fresnel_cos", "fresnel_sin", "spence",
)  # fmt: skip
_BINARY: list[tuple[str, tuple[float, float], tuple[float, float]]] = [
    ("add", (-2, 2), (-2, 2)), ("sub", (-2, 2), (-2, 2)), ("mul", (-2, 2), (-2, 2)), ("div", (-2, 2), (0.5, 2)),
    ("maximum", (-2, 2), (-2, 2)), ("minimum", (-2, 2), (-2, 2)), ("squared_difference", (-2, 2), (-2, 2)),
    ("pow", (0.3, 2), (-2, 2)), ("atan2", (-2, 2), (0.3, 2)), ("truncate_mod", (4.1, 4.9), (2.5, 3)),
    ("floor_mod", (-4.9, -4.1), (2.5, 3)),
]  # fmt: skip
_SHAPES: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((2, 3), (2, 3)), ((2, 3), (3,)), ((3,), (2, 3)), ((2, 1), (1, 3)), ((), (2, 3)), ((2, 2, 1), (2, 1)),
]  # fmt: skip


def pointwise() -> list[Case]:
    loose: dict[str, Any] = {"step": 1e-4, "tolerance": 1e-5}
    cases = [Case(op, [numbers(*span, 2, 4)], more) for op, span, more in _UNARY]
    cases += [Case(op, [numbers(0.5, 5, 2, 4)], **loose) for op in ("lgamma", "digamma")]
    cases += [Case("special", [numbers(0.3, 3, 2, 4)], {"function": f}, **loose) for f in _SPECIAL]
    cases.append(Case("special", [numbers(0.2, 0.8, 2, 4)], {"function": "ndtri"}, **loose))
    cases += [
        Case(op, [numbers(*one, *shapes[0], seed=1), numbers(*two, *shapes[1], seed=2)])
        for op, one, two in _BINARY
        for shapes in _SHAPES
    ]
    for c, x, y in [
        ((2, 3), (2, 3), (2, 3)),
        ((2, 1), (3,), (2, 3)),
        ((3,), (2, 3), ()),
        ((2, 3), (), (1, 3)),
    ]:
        condition = np.asarray(numbers(-1, 1, *c) > 0)
        cases.append(Case("select", [condition, normal(*x, seed=1), normal(*y, seed=2)]))
    cases.append(Case("cast", [normal(2, 3)], {"dtype": f32}, step=1e-2, tolerance=1e-3))
    a, x = numbers(0.5, 3, 2, 3), numbers(0.5, 3, 3, seed=1)
    cases += [Case("igamma", [a, x], {"upper": upper}, wrt=[1]) for upper in (False, True)]
    p, q, at = numbers(0.5, 3, 3), numbers(0.5, 3, 2, 1, seed=1), numbers(0.2, 0.8, 2, 3, seed=2)
    cases.append(Case("betainc", [p, q, at], wrt=[2]))
    cases.append(Case("zeta", [numbers(2, 4, 3), numbers(0.5, 3, 2, 3, seed=1)], wrt=[1]))
    statistics = [numbers(0.5, 2, 4, seed=i) for i in range(1, 5)]
    cases += [Case("batch_norm", [x, *statistics]) for x in (normal(2, 3, 4), normal(4))]
    cases.append(Case("next_after", [normal(2, 3), np.zeros((2, 3))], wrt=[0]))
    return cases


def reductions() -> list[Case]:
    cases: list[Case] = []
    for op in ("reduce_sum", "reduce_mean", "reduce_prod", "reduce_max", "reduce_min"):
        for axes in ((0,), (1,), (2,), (0, 2), (1, 2), (0, 1, 2), ()):
            for keep in (False, True):
                x = numbers(0.5, 1.5, 2, 3, 2) if op == "reduce_prod" else far_apart(2, 3, 2)
                cases.append(Case(op, [x], {"axes": axes, "keep_dims": keep}))
    for keep in (False, True):
        cases += [
            Case("moments", [normal(2, 3, 4)], {"axes": axes, "keep_dims": keep}) for axes in ((0, 1), (-1,))
        ]
    holes = numbers(0.5, 1.5, 3, 4)
    holes[0, 1] = holes[1, 0] = holes[1, 2] = 0
    cases += [Case("reduce_prod", [holes], {"axes": axes}) for axes in ((0,), (1,), (0, 1))]
    cases += [Case("softmax", [normal(*shape)]) for shape in ((5,), (2, 3), (2, 2, 3))]
    for reverse in (False, True):
        for exclusive in (False, True):
            how = {"reverse": reverse, "exclusive": exclusive}
            cases += [
                Case("cumulative", [normal(2, 4, 2)], {"axis": a, "kind": "sum", **how}) for a in (0, 1, -1)
            ]
            cases.append(Case("cumulative", [numbers(0.5, 1.5, 2, 4)], {"axis": 1, "kind": "prod", **how}))
    inclusive = {"axis": 1, "kind": "log_sum_exp"}
    cases += [Case("cumulative", [normal(2, 4)], {**inclusive, "reverse": r}) for r in (False, True)]
    ids, loose = np.array([0, 0, 2, 2, 3]), np.array([2, -1, 0, 2, 1])
    for kind in ("sum", "prod", "max", "min"):
        for x in (far_apart(5, 2), far_apart(5)):
            x = numbers(0.5, 1.5, *x.shape) if kind == "prod" else x
            cases.append(Case("segment_reduce", [x, ids], {"count": 5, "kind": kind, "sorted": True}))
            cases.append(Case("segment_reduce", [x, loose], {"count": 3, "kind": kind}))
    cases.append(Case("segment_reduce", [normal(5, 2), np.array([3, -1, 0, 3, 0])], {"count": 5}))
    zeros = np.array([[0.0, 2], [3, 0], [0, 4], [5, 6], [0, 7]])
    cases.append(Case("segment_reduce", [zeros, loose], {"count": 3, "kind": "prod"}))
    cases.append(Case("bincount", [np.array([1, 0, 5, 1]), normal(4)], {"size": 3, "dtype": f64}))
    rows = np.array([[1, 0, 5], [2, 2, 1]])
    cases.append(Case("bincount", [rows, normal(2, 3)], {"size": 3, "dtype": f64}))
    cases += [Case("top_k", [far_apart(*shape)], {"k": 2}) for shape in ((4,), (3, 4), (2, 2, 3))]
    cases.append(Case("top_k", [far_apart(2, 5)], {"k": 3, "sorted": False}))
    return cases


def movements() -> list[Case]:
    cases = [
        Case("reshape", [normal(2, 6)], {"shape": (3, 4)}),
        Case("transpose", [normal(2, 3, 4)], {"permutation": (2, 0, 1)}),
        Case("pad", [normal(2, 3), np.array(1.5)], {"low": (1, 0), "high": (0, 2)}, wrt=[0]),
        Case("concat", [normal(2, 3), normal(2, 1), normal(2, 2)], {"axis": 1}),
        Case("concat", [normal(2, 3), normal(1, 3)], {"axis": -2}),
        Case("reverse", [normal(2, 3, 2)], {"axes": (0, 2)}),
        Case("patches", [normal(2, 5, 4, 2)], {"kernel": (2, 3), "strides": (2, 1), "dilations": (1, 1)}),
        Case("patches", [normal(1, 6, 5, 2)], {"kernel": (2, 2), "strides": (1, 2), "dilations": (2, 3)}),
        Case("gather_nd", [normal(3, 4, 2), np.array([[0, 1], [2, 3], [0, 1]])]),
        Case("gather_nd", [normal(3, 4), np.array([[[2], [2]], [[0], [1]]])]),
    ]
    cases += [
        Case("broadcast_to", [normal(*s)], {"shape": (2, 3, 2)})
        for s in ((), (2,), (3, 1), (2, 1, 2), (2, 3, 2))
    ]
    cases += [
        Case("slice", [normal(5, 4)], {"starts": (1, 0), "stops": stops, "steps": steps})
        for stops, steps in (((4, 4), (1, 1)), ((5, 3), (2, 1)), ((5, 4), (3, 3)), ((1, 4), (2, 1)))
    ]
    at, pairs = np.array([[0, 2], [1, 0], [2, 2]]), np.array([[0, 2, 1], [1, 0, 1]])
    cases += [Case("gather", [normal(3, 3, 2), at], {"axis": axis}) for axis in (0, 1)]
    cases.append(Case("gather", [normal(2, 4, 3), pairs], {"axis": 1, "batch_dims": 1}))
    cases.append(Case("gather", [normal(2, 4, 3), pairs.astype(np.int8)], {"axis": 2, "batch_dims": 1}))
    cases.append(Case("gather", [normal(4), np.array(2)], {"axis": 0}))
    once, twice = np.array([[2], [0]]), np.array([[2], [2]])
    for kind in ("update", "add", "sub", "min", "max"):
        cases.append(
            Case("scatter_nd", [far_apart(3, 2), once, 1.3 * far_apart(2, 2, seed=1)], {"kind": kind})
        )
    cases += [Case("scatter_nd", [normal(3, 2), twice, normal(2, 2)], {"kind": k}) for k in ("add", "sub")]
    for k, align in (((0, 0), "RIGHT_LEFT"), ((-1, 1), "LEFT_RIGHT"), ((1, 1), "LEFT_LEFT")):
        how, count = {"k": k, "align": align}, k[1] - k[0] + 1
        length = 3 - abs(k[0]) if count == 1 else 3
        diagonal = normal(2, count, length) if count > 1 else normal(2, length)
        cases.append(Case("matrix_diag_part", [normal(2, 3, 4), np.array(0.5)], how, wrt=[0]))
        cases.append(Case("matrix_set_diag", [normal(2, 3, 3), diagonal], how))
    return cases


def products() -> list[Case]:
    cases: list[Case] = []
    for lead in (
        ((), ()),
        ((2,), (2,)),
        ((2,), ()),
        ((), (2,)),
        ((2, 1), (3,)),
        ((2, 3), (1, 3)),
        ((3, 2), ()),
    ):
        for tx in (False, True):
            for ty in (False, True):
                x = normal(*lead[0], *((4, 3) if tx else (3, 4)))
                y = normal(*lead[1], *((2, 4) if ty else (4, 2)), seed=1)
                cases.append(Case("matmul", [x, y], {"transpose_x": tx, "transpose_y": ty}))
    return cases + windows() + matrices()


def _window(spatial: int, **more: Any) -> dict[str, Any]:
    """Attributes of a convolution, those not given being trivial."""
    plain = {"strides": (1,) * spatial, "dilations": (1,) * spatial, "pads": (0,) * (2 * spatial)}
    return {**plain, "padding": "VALID", **more}


def windows() -> list[Case]:
    flat = (
        _window(2), _window(2, padding="SAME", strides=(2, 1)), _window(2, padding="SAME", dilations=(1, 2)),
        _window(2, padding="EXPLICIT", pads=(1, 0, 2, 1), strides=(2, 2)),
    )  # fmt: skip
    volume = _window(3, padding="SAME", strides=(1, 2, 1))
    cases = [Case("conv2d", [normal(2, 5, 6, 4), normal(2, 3, c, 4)], w) for w in flat for c in (4, 2, 1)]
    cases.append(Case("conv3d", [normal(1, 3, 4, 3, 2), normal(2, 2, 2, 2, 3)], volume))
    for groups in (1, 2):
        back = {**_window(2, padding="SAME", strides=(2, 1)), "size": (5, 4), "groups": groups}
        cases.append(Case("conv_transpose", [normal(2, 3, 4, 4), normal(3, 2, 2, 4)], back))
        given = {**_window(2, padding="SAME", strides=(2, 1)), "kernel": (3, 2), "groups": groups}
        cases.append(Case("conv_filter_gradient", [normal(2, 5, 4, 4), normal(2, 3, 4, 2)], given))
    back = {**volume, "size": (3, 4, 3)}
    cases.append(Case("conv_transpose", [normal(1, 3, 2, 3, 3), normal(2, 2, 2, 2, 3)], back))
    pools = [
        {"kernel": (2, 2), "strides": (2, 2)},
        {"kernel": (3, 2), "strides": (1, 2), "padding": "SAME"},
        {"kernel": (3, 3), "strides": (2, 2), "padding": "EXPLICIT", "pads": (1, 1, 0, 1)},
    ]
    cube = {"kernel": (2, 2, 2), "strides": (1, 2, 1), "padding": "SAME"}
    for op in ("max_pool", "avg_pool"):
        cases += [Case(f"{op}2d", [far_apart(2, 5, 6, 2)], pool) for pool in pools]
        cases.append(Case(f"{op}3d", [far_apart(1, 3, 4, 3, 2)], cube))
    for batch in (False, True):
        cases.append(Case("max_pool_argmax", [far_apart(2, 5, 6, 2)], {**pools[1], "batch": batch}))
    for padding in ("SAME", "VALID"):
        how = {"strides": (2, 1), "rates": (1, 2), "padding": padding}
        cases.append(Case("dilation2d", [far_apart(1, 5, 6, 2), normal(2, 3, 2) / 10], how))
    for size, pool in zip(((2, 3), (5, 3), (3, 3)), pools, strict=True):
        cases.append(Case("avg_pool_gradient", [normal(2, *size, 2)], {**pool, "size": (5, 6)}))
    cases.append(Case("avg_pool_gradient", [normal(1, 3, 2, 3, 2)], {**cube, "size": (3, 4, 3)}))
    x = far_apart(2, 4, 4, 2)
    y = x.reshape(2, 2, 2, 2, 2, 2).max((2, 4))
    cases.append(Case("max_pool_gradient", [x, y, normal(2, 2, 2, 2)], pools[0], wrt=[2]))
    x = far_apart(1, 2, 4, 2, 2)
    y = x.reshape(1, 1, 2, 2, 2, 1, 2, 2).max((2, 4, 6))
    halves = {"kernel": (2, 2, 2), "strides": (2, 2, 2)}
    cases.append(Case("max_pool_gradient", [x, y, normal(1, 1, 2, 1, 2)], halves, wrt=[2]))
    return cases


def matrices() -> list[Case]:
    square, stack = normal(3, 3) + 3 * np.eye(3), normal(2, 3, 3) + 3 * np.eye(3)
    loose: dict[str, Any] = {"tolerance": 1e-5}
    cases: list[Case] = []
    for a in (square, stack):
        right = normal(*a.shape[:-1], 2, seed=1)
        cases += [Case("inverse", [a], **loose), Case("solve", [a, right], **loose)]
        cases += [Case("determinant", [a], {"log": log}, **loose) for log in (False, True)]
        cases += [Case("triangular_solve", [a, right], {"upper": u}, **loose) for u in (False, True)]
    cases += [Case("qr", [normal(*s)], **loose) for s in ((3, 3), (4, 2), (2, 4), (2, 3, 3))]
    cases.append(Case("qr", [normal(2, 3)], {"full_matrices": True}, **loose))
    cases += [Case("svd", [normal(*s)], {"compute_uv": False}, **loose) for s in ((3, 2), (2, 3, 4))]
    cases += [
        Case("svd", [normal(*s)], make=_svd(False), **loose) for s in ((3, 3), (3, 2), (2, 4), (2, 3, 3))
    ]
    cases.append(Case("svd", [normal(2, 3)], {"full_matrices": True}, make=_svd(True), **loose))
    for a in (normal(3, 3), normal(2, 3, 3)):
        cases.append(Case("cholesky", [a], make=_positive, **loose))
        cases += [
            Case("self_adjoint_eig", [a], {"compute_v": v}, make=_symmetric(v), **loose)
            for v in (False, True)
        ]
    return cases


def _positive(b: Builder, x: Value) -> Sequence[Value]:
    """Cholesky's factor of x·xᵀ + 1."""
    square = b(MatMul, x, x, transpose_y=True)
    one = b(Constant, value=Dense(np.eye(3, dtype=x.type.dtype.numpy)))  # type: ignore[union-attr]
    return [b(Cholesky, b(Add, square, one))]


def _symmetric(compute_v: bool) -> Callable[..., Sequence[Value]]:
    """Eigenvalues and squared vectors, whose signs are free, of x + xᵀ."""

    def make(b: Builder, x: Value) -> Sequence[Value]:
        order = {2: (1, 0), 3: (0, 2, 1)}[len(x.type.shape)]
        whole = b(Add, x, b(Transpose, x, permutation=order))
        values, *vectors = b.create(SelfAdjointEig, whole, compute_v=compute_v).results
        return [values, *(b(Square, v) for v in vectors)]

    return make


def _svd(full_matrices: bool) -> Callable[..., Sequence[Value]]:
    """Singular values and squared vectors, whose signs are free."""

    def make(b: Builder, x: Value) -> Sequence[Value]:
        values, *vectors = b.create(Svd, x, full_matrices=full_matrices).results
        return [values, *(b(Square, v) for v in vectors)]

    return make


def resized() -> list[Case]:
    """Results are float32, and linear in the images: differences need no small step."""
    loose: dict[str, Any] = {"step": 0.5, "tolerance": 1e-4}
    cases: list[Case] = []
    for size in ((4, 6), (3, 7), (2, 3), (1, 1)):
        for coordinates in ("legacy", "align_corners", "half_pixel"):
            for method in ("nearest", "bilinear", "bicubic", "area"):
                if method == "area" and coordinates == "half_pixel":
                    continue
                how = {"size": size, "method": method, "coordinates": coordinates}
                cases.append(Case("resize", [normal(2, 2, 3, 2).astype(np.float32)], how, **loose))
    return cases


def _translated(antialias: bool, kernel: str) -> Callable[..., Sequence[Value]]:
    def make(b: Builder, x: Value) -> Sequence[Value]:
        scale, shift = (b(Constant, value=Dense(np.array(v, np.float32))) for v in ([0.6, 1.7], [0.3, -0.8]))
        return [b(ScaleAndTranslate, x, scale, shift, size=(3, 5), kernel=kernel, antialias=antialias)]

    return make


def images() -> list[Case]:
    colours = np.array([[0.9, 0.5, 0.2], [0.1, 0.7, 0.4], [0.2, 0.3, 0.8], [0.6, 0.1, 0.5], [0.3, 0.9, 0.8]])
    cases = [Case("colour", [colours], {"kind": "rgb_to_hsv"})]
    boxes = np.array([[0.1, 0.15, 0.83, 0.93], [0.85, 0.2, 0.31, 0.7], [-0.2, 0.13, 1.1, 0.62]], np.float32)
    x, which = normal(2, 6, 7, 2).astype(np.float32), np.array([1, 0, 1], np.int32)
    for size in ((3, 4), (1, 1)):
        crop: dict[str, Any] = {"size": size}
        cases.append(Case("crop_and_resize", [x, boxes, which], crop, wrt=[0], step=0.5, tolerance=1e-4))
        cases.append(Case("crop_and_resize", [x, boxes, which], crop, wrt=[1], step=1e-3, tolerance=1e-2))
        nearest: dict[str, Any] = {"size": size, "method": "nearest"}
        cases.append(Case("crop_and_resize", [x, boxes, which], nearest, wrt=[0], step=0.5, tolerance=1e-4))
    x = normal(1, 4, 5, 2).astype(np.float32)
    for antialias in (False, True):
        for kernel in ("triangle", "lanczos3"):
            make = _translated(antialias, kernel)
            more = {"antialias": antialias, "kernel": kernel}
            cases.append(Case("scale_and_translate", [x], more, step=0.5, tolerance=1e-4, make=make))
    return cases


CASES = pointwise() + reductions() + movements() + products() + resized() + images()
