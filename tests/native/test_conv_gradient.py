"""Gradients of convolutions by their filters: compiled code against the reference in float64."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.ops.activation import Relu
from netwright.compiler.ops.conv import Conv2D
from netwright.compiler.ops.conv_gradient import ConvFilterGradient
from netwright.compiler.ops.windows import concrete_pads
from netwright.runtime import load
from netwright.runtime.spec import DType, f32, f64

from ..helpers import build, check, close, graph, n, tensor

TARGETS = ["native", "x86-64-v3", "x86-64"]


def _compare(
    folder: Path, batch: int, size: Any, c: int, o: int, kernel: Any, strides: Any, dilations: Any, padding: str,
    groups: int = 1, dtype: DType = f32, poison: Any = None, **options: Any,
) -> None:  # fmt: skip
    """Compiles, and compares results on 1 and 2 threads, which must have the same bits."""
    pads = (1, 2, 0, 3, 2, 1)[: 2 * len(size)]
    out: list[int] = []
    for i, (z, k, s, d) in enumerate(zip(size, kernel, strides, dilations, strict=True)):
        around = sum(concrete_pads(z, k, s, d, padding, (pads[2 * i], pads[2 * i + 1])))
        out.append((z + around - (k - 1) * d - 1) // s + 1)
    found: list[Any] = []

    def net(b: Any, x: Any, dy: Any) -> Any:
        y = b(ConvFilterGradient, x, dy, kernel=kernel, strides=strides, dilations=dilations, padding=padding,
              pads=pads, groups=groups)  # fmt: skip
        found.append(y.definer)
        return y

    types = [tensor(batch, *size, c, dtype=dtype), tensor(batch, *out, o, dtype=dtype)]
    one = build(graph(net, types), folder, threads=1, **options)
    two = load(one.path, threads=2)
    rng = np.random.default_rng(0)
    x, dy = (rng.normal(size=t.shape).astype(dtype.numpy) for t in types)  # type: ignore[arg-type]
    if poison is not None:
        x[poison] = np.nan
    want = found[0].evaluate(x.astype(np.float64), dy.astype(np.float64))
    got = [m.run({"x0": x, "x1": dy})["y0"] for m in (one, two)]
    close(got[0], want.astype(dtype.numpy), 1e-5 if dtype == f32 else 1e-13)
    assert got[0].tobytes() == got[1].tobytes()


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("padding", ["SAME", "VALID", "EXPLICIT"])
@pytest.mark.parametrize(
    ("batch", "size", "c", "o", "k", "s", "d"),
    [
        (1, (9, 11), 5, 7, (3, 3), (1, 1), (1, 1)),
        (7, (13, 8), 32, 70, (3, 3), (2, 2), (1, 1)),
        (3, (9, 11), 6, 40, (3, 2), (2, 1), (1, 3)),
        (7, (28, 28), 1, 32, (5, 5), (1, 1), (1, 1)),
        (4, (17, 17), 3, 64, (7, 7), (2, 2), (1, 1)),
        (7, (14, 14), 96, 33, (1, 1), (1, 1), (1, 1)),
        (2, (14, 15), 40, 16, (1, 1), (2, 2), (1, 1)),
        (1, (90, 33), 16, 17, (3, 3), (1, 1), (2, 2)),
    ],
)
def test_images(tmp_path: Path, target: str, padding: str, batch: int, size: Any, c: int, o: int, k: Any, s: Any,
                d: Any) -> None:  # fmt: skip
    _compare(tmp_path, batch, size, c, o, k, s, d, padding, target=target)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("padding", ["SAME", "VALID", "EXPLICIT"])
def test_volumes(tmp_path: Path, groups: int, padding: str) -> None:
    _compare(tmp_path, 2, (5, 6, 7), 6, 20, (3, 2, 3), (1, 2, 1), (1, 1, 2), padding, groups)


@pytest.mark.parametrize(
    ("c", "o", "groups"), [(24, 48, 4), (40, 40, 40), (37, 37, 37), (6, 18, 6), (4, 4, 4), (8, 256, 8)]
)
@pytest.mark.parametrize("k", [(3, 3), (7, 3)])
def test_groups_and_depthwise(tmp_path: Path, c: int, o: int, groups: int, k: Any) -> None:
    _compare(tmp_path, 3, (14, 13), c, o, k, (2, 1), (1, 1), "SAME", groups)


@pytest.mark.parametrize("groups", [1, 8])
def test_without_images_it_is_0(tmp_path: Path, groups: int) -> None:
    _compare(tmp_path, 0, (6, 7), 8, 8, (3, 3), (1, 1), (1, 1), "SAME", groups)


@pytest.mark.parametrize("groups", [1, 16])
def test_float64(tmp_path: Path, groups: int) -> None:
    _compare(tmp_path, 2, (9, 10), 16, 48, (3, 3), (1, 1), (1, 1), "SAME", 1 if groups == 1 else 16, f64)


@pytest.mark.parametrize(("c", "o", "groups"), [(5, 40, 1), (20, 20, 20)])
def test_nan_stays_where_it_belongs(tmp_path: Path, c: int, o: int, groups: int) -> None:
    """One channel's NaN reaches its own numbers of the filter, and of those all whose windows see it."""
    _compare(tmp_path, 2, (9, 7), c, o, (3, 3), (1, 1), (1, 1), "SAME", groups, poison=(1, 8, 6, 2))


def test_many_blocks_of_many_images(tmp_path: Path) -> None:
    """Blocks of several images, of which the last has fewer; sums in parts; groups of columns in ranges."""
    _compare(tmp_path, 21, (7, 7), 64, 200, (3, 3), (1, 1), (1, 1), "SAME")
    _compare(tmp_path, 5, (57, 31), 16, 48, (3, 3), (1, 1), (1, 1), "SAME")


@pytest.mark.parametrize(("batch", "size"), [(3, (7, 8)), (1, (3, 3)), (2, (31, 37)), (8, (14, 14))])
@pytest.mark.parametrize(("c", "o"), [(512, 512), (1024, 600), (40, 70), (3, 9)])
@pytest.mark.parametrize("s", [1, 2])
def test_windows_of_one_pixel(tmp_path: Path, batch: int, size: Any, c: int, o: int, s: int) -> None:
    """All pixels as rows of equal length; many channels in panels."""
    _compare(tmp_path, batch, size, c, o, (1, 1), (s, s), (1, 1), "SAME")


def test_any_number_of_images(tmp_path: Path) -> None:
    types = [tensor(n, 9, 8, 6), tensor(n, 9, 8, 40)]
    module = graph(
        lambda b, x, dy: b(ConvFilterGradient, x, dy, kernel=(3, 3), strides=(1, 1), dilations=(1, 1),
                           padding="SAME", pads=(0,) * 4), types,
    )  # fmt: skip
    check(module, tmp_path, [{"n": 0}, {"n": 1}, {"n": 13}])


def test_an_image_with_a_border_is_shared(tmp_path: Path) -> None:
    """What a convolution reads with a border the gradient reads in the same buffer."""

    def net(b: Any, x: Any, w: Any, dy: Any) -> Any:
        a = b(Relu, x)
        given: Any = {"strides": (1, 1), "dilations": (1, 1), "padding": "SAME", "pads": (0,) * 4}
        return b(Conv2D, a, w, **given), b(ConvFilterGradient, a, dy, kernel=(3, 3), **given)

    types = [tensor(2, 40, 40, 32), tensor(3, 3, 32, 48), tensor(2, 40, 40, 48)]
    model = check(graph(net, types), tmp_path, [{}])
    families = [row["family"] for row in model.manifest["calls"]]
    assert {"conv_filter", "winograd_gradient_blocks"} & set(families)
    assert "border" not in families
