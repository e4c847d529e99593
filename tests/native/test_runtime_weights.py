"""Products and convolutions whose weights are known at run time, as in training: against float64."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.ops.activation import Relu
from netwright.compiler.ops.conv import Conv2D, ConvTranspose
from netwright.compiler.ops.elementwise import Add
from netwright.compiler.ops.matmul import MatMul
from netwright.compiler.ops.windows import concrete_pads
from netwright.runtime import Model, load

from ..helpers import build, check, close, graph, many_registers, tensor

TARGETS = ["native", "x86-64-v3", "x86-64"]


def _compare(folder: Path, types: Any, make: Callable[..., Any], poison: Any = None, **options: Any) -> Model:
    found: list[Any] = []

    def net(b: Any, *v: Any) -> Any:
        y = make(b, *v)
        found.append(y.definer)
        return y

    one = build(graph(net, types), folder, threads=1, **options)
    two = load(one.path, threads=2)
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=t.shape).astype(np.float32) for t in types]
    if poison is not None:
        arrays[0][poison] = np.nan
    op, wide = found[0], [a.astype(np.float64) for a in arrays]
    want = op.evaluate_dims({}, *wide) if op.has("symbolic") else op.evaluate(*wide)
    given = {s.name: a for s, a in zip(one.inputs, arrays, strict=True)}
    got = [m.run(given)["y0"] for m in (one, two)]
    close(got[0], want.astype(np.float32))
    assert got[0].tobytes() == got[1].tobytes()
    return one


def _families(model: Model) -> set[str]:
    return {row["family"] for row in model.manifest["calls"]}


PRODUCTS = [
    (100, 784, 500), (100, 500, 10), (32, 9000, 128), (16, 64, 64), (16, 1, 64), (7, 5, 300), (1, 70, 90),
    (50, 100, 37), (333, 70, 100), (33, 1000, 530), (2, 3, 4), (64, 600, 1024), (0, 20, 30), (8, 0, 30),
]  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("batch", "k", "o"), PRODUCTS)
def test_products_of_a_training_step(tmp_path: Path, target: str, batch: int, k: int, o: int) -> None:
    x, w, y = tensor(batch, k), tensor(k, o), tensor(batch, o)
    _compare(tmp_path, [x, w], lambda b, x, w: b(MatMul, x, w), target=target)
    _compare(tmp_path, [x, y], lambda b, x, y: b(MatMul, x, y, transpose_x=True), target=target)
    _compare(tmp_path, [y, w], lambda b, y, w: b(MatMul, y, w, transpose_y=True), target=target)


def test_products_of_batches(tmp_path: Path) -> None:
    for x, w, turned in [
        ((3, 20, 30), (3, 40, 30), (False, True)),
        ((3, 20, 30), (40, 30), (False, True)),
        ((2, 3, 60, 30), (3, 30, 600), (False, False)),
        ((3, 30, 60), (3, 400, 30), (True, True)),
    ]:
        given = {"transpose_x": turned[0], "transpose_y": turned[1]}
        _compare(tmp_path, [tensor(*x), tensor(*w)], lambda b, x, w, given=given: b(MatMul, x, w, **given))


def test_products_keep_their_steps(tmp_path: Path) -> None:
    def net(b: Any, x: Any, w: Any, c: Any) -> Any:
        return b(Relu, b(Add, b(MatMul, x, w, transpose_y=True), c))

    check(graph(net, [tensor(40, 900), tensor(600, 900), tensor(600)]), tmp_path, [{}])


def _conv(folder: Path, batch: int, size: Any, c: int, o: int, k: Any, s: Any = (1, 1), d: Any = (1, 1),
          padding: str = "SAME", groups: int = 1, **options: Any) -> tuple[Model, Model]:  # fmt: skip
    """A convolution and its transpose."""
    pads = (1, 2, 0, 3)
    rows = zip(size, k, s, d, (pads[:2], pads[2:]), strict=True)
    out = [
        (z + sum(concrete_pads(z, a, t, e, padding, p)) - (a - 1) * e - 1) // t + 1 for z, a, t, e, p in rows
    ]
    given: Any = {"strides": s, "dilations": d, "padding": padding, "pads": pads}
    x, w, y = tensor(batch, *size, c), tensor(*k, c // groups, o), tensor(batch, *out, o)
    forward = _compare(folder, [x, w], lambda b, x, w: b(Conv2D, x, w, **given), **options)
    back = _compare(
        folder, [y, w], lambda b, y, w: b(ConvTranspose, y, w, size=size, groups=groups, **given), **options
    )
    return forward, back


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("batch", "size", "c", "o", "k", "s", "padding"),
    [
        (1, (9, 7), 6, 6, (3, 3), (2, 2), "SAME"),
        (7, (9, 8), 40, 70, (3, 3), (2, 2), "EXPLICIT"),
        (2, (12, 9), 24, 600, (3, 3), (2, 2), "VALID"),
        (2, (17, 15), 3, 64, (7, 7), (2, 2), "SAME"),
        (7, (9, 9), 64, 130, (1, 1), (2, 2), "SAME"),
        (7, (9, 9), 64, 130, (1, 1), (1, 1), "SAME"),
        (2, (8, 8), 24, 60, (2, 2), (2, 2), "SAME"),
        (7, (12, 13), 40, 24, (3, 3), (1, 1), "EXPLICIT"),
    ],
)
def test_convolutions(tmp_path: Path, target: str, batch: int, size: Any, c: int, o: int, k: Any, s: Any,
                      padding: str) -> None:  # fmt: skip
    _conv(tmp_path, batch, size, c, o, k, s, padding=padding, target=target)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize(
    ("batch", "size", "c", "o", "k"),
    [
        (7, (28, 27), 40, 24, (3, 3)),
        (3, (14, 27), 64, 72, (3, 3)),
        (8, (7, 7), 256, 160, (3, 3)),
        (7, (14, 14), 32, 64, (5, 5)),
        (4, (9, 20), 64, 64, (1, 7)),
        (4, (20, 9), 64, 64, (3, 1)),
    ],
)
def test_transforms(
    tmp_path: Path, target: str, padding: str, batch: int, size: Any, c: int, o: int, k: Any
) -> None:
    """Filters are transformed in each call, for the gradient of the image turned around on the way."""
    models = _conv(tmp_path, batch, size, c, o, k, padding=padding, target=target)
    if many_registers():
        assert all(any(f.startswith("winograd") for f in _families(m)) for m in models)


def test_precise_takes_no_transforms(tmp_path: Path) -> None:
    models = _conv(tmp_path, 4, (28, 28), 64, 64, (3, 3), precise=True)
    assert not any(f.startswith("winograd") for m in models for f in _families(m))


@pytest.mark.parametrize(("c", "o", "groups"), [(16, 600, 2), (40, 40, 40)])
def test_groups(tmp_path: Path, c: int, o: int, groups: int) -> None:
    _conv(tmp_path, 3, (9, 8), c, o, (3, 3), groups=groups)


def test_dilated(tmp_path: Path) -> None:
    _conv(tmp_path, 3, (19, 18), 24, 48, (3, 3), d=(2, 3))


def test_no_images(tmp_path: Path) -> None:
    _conv(tmp_path, 0, (9, 8), 24, 48, (3, 3))


def test_nan_stays_where_it_belongs(tmp_path: Path) -> None:
    """Columns of a panel behind the last one are not written: nothing of them may show."""
    given: Any = {"strides": (2, 2), "padding": "SAME"}
    _compare(tmp_path, [tensor(2, 40, 41, 8), tensor(3, 3, 8, 37)], lambda b, x, w: b(Conv2D, x, w, **given),
             poison=(1, 3, 4, 5))  # fmt: skip
    _compare(tmp_path, [tensor(30, 90), tensor(700, 90)], lambda b, x, w: b(MatMul, x, w, transpose_y=True),
             poison=(3, 4))  # fmt: skip
