"""Pictures of singular values and of budgets, and the figures they show."""

import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from netwright.compiler.driver import resolve_target, run_passes
from netwright.compiler.ir.core import Builder, Op, Value
from netwright.compiler.ops.activation import Relu
from netwright.compiler.ops.conv import Conv2D
from netwright.compiler.options import CompileOptions
from netwright.compiler.passes.decompose_conv import DECOMPOSITIONS, parse_decomposition
from netwright.compiler.passes.kernel_matrices import HORIZONTAL, VERTICAL
from netwright.frontends.lowrank import pictures
from netwright.frontends.lowrank.pictures import CurvePoint, check_picture, draw_curve, draw_ranks
from netwright.frontends.lowrank.spectra import LayerSpectrum, SpectraObserver, singular_values, spectra_of
from netwright.frontends.lowrank.study import Study
from netwright.runtime.errors import InputError, UnsupportedError

from ..helpers import Array, constant, graph, tensor

RNG = np.random.default_rng(5)


def planted(kernel: int, channels: int, out: int, rank: int) -> Array:
    """A kernel that a 1×n one to `rank` channels and an n×1 one make."""
    a, b = RNG.normal(size=(kernel * channels, rank)), RNG.normal(size=(rank, kernel * out))
    cut = (a @ b).reshape(kernel, channels, kernel, out)
    return (cut.transpose(2, 0, 1, 3) / np.sqrt(rank * channels) / kernel).astype(np.float32)


def two_layers() -> Op:
    """A convolution of rank 16, and one of full rank."""
    plain = (RNG.normal(size=(3, 3, 32, 32)) / 17).astype(np.float32)

    def make(b: Builder, x: Value) -> Value:
        y = b(Relu, b(Conv2D, x, constant(b, planted(5, 32, 32, 16), "low"), padding="SAME"))
        return b(Conv2D, y, constant(b, plain, "full"), padding="SAME")

    return graph(make, [tensor(1, 32, 32, 32)])


def test_singular_values_are_those_of_the_matrix_of_taps() -> None:
    kernel = RNG.normal(size=(2, 3, 4, 6))
    for groups, width in ((1, 6), (2, 3)):
        for order in (HORIZONTAL, VERTICAL):
            squares = np.zeros(1)
            for g in range(groups):
                part = kernel[..., g * width : (g + 1) * width]
                first, second = (1, 0) if order == HORIZONTAL else (0, 1)
                matrix = np.moveaxis(part, (first, 2, second, 3), (0, 1, 2, 3)).reshape(
                    part.shape[first] * 4, part.shape[second] * width
                )
                squares = squares + np.linalg.svd(matrix, compute_uv=False) ** 2
            np.testing.assert_allclose(singular_values(kernel, groups, order), np.sqrt(squares), rtol=1e-12)


def test_singular_values_of_large_matrices() -> None:
    for shape in ((700, 520), (520, 700)):
        matrix = RNG.normal(size=shape)
        want = np.linalg.svd(matrix, compute_uv=False)
        np.testing.assert_allclose(singular_values(matrix[None, None], 1, HORIZONTAL), want, rtol=1e-9)


def test_the_observer_sees_what_the_pass_chose() -> None:
    module, options = two_layers(), CompileOptions(decompose_conv="max-error=0.001")
    seen = SpectraObserver()
    run_passes(module.clone({}), options, resolve_target("x86-64-v4"), [seen])
    low, full = seen.spectra()
    assert (low.layer, low.rank, full.layer, full.rank) == ("low", 16, "full", 0)
    assert low.values[0] == full.values[0] == 1
    assert low.values[15] > 1e-2 and low.values[16] < 1e-6 and full.values.min() > 1e-4
    study = Study(module, CompileOptions(target="x86-64-v4"))
    again = spectra_of(study.choices(parse_decomposition("max-error=0.001").wish))
    assert [(s.layer, s.kernel, s.rank) for s in again] == [(s.layer, s.kernel, s.rank) for s in (low, full)]
    np.testing.assert_allclose(again[0].values, low.values, atol=1e-7)


def test_a_study_decomposes_as_the_pass_does() -> None:
    module = two_layers()
    study = Study(module, CompileOptions(target="x86-64-v4"))
    for text in ("max-error=0", "rank=4 force", "flops=0.5"):
        whole = module.clone({})
        options = CompileOptions(decompose_conv=text, stop_after="decompose-conv")
        run_passes(whole, options, resolve_target("x86-64-v4"))
        made = study.decomposed(study.choices(parse_decomposition(text).wish))
        assert made.attributes[DECOMPOSITIONS] == whole.attributes[DECOMPOSITIONS]
        assert [op.name for op in made.walk()] == [op.name for op in whole.walk()]
    assert sum(isinstance(op, Conv2D) for op in module.walk()) == 2


def layers(count: int, full: int, rank: int) -> list[LayerSpectrum]:
    values = np.geomspace(1, 1e-4, full)
    return [LayerSpectrum(f"net/block{i}/conv", "3x3x8x8", values, rank) for i in range(count)]


def pixels(path: Path, colour: str) -> tuple[Array, tuple[int, int]]:
    """Where a picture has a colour, [count, (row, column)], and its size."""
    image = np.asarray(matplotlib.image.imread(path))[..., :3]
    want = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.argwhere(np.abs(image - want).max(axis=-1) < 0.01), image.shape[:2]


def test_the_line_stands_at_the_rank(tmp_path: Path) -> None:
    at: list[float] = []
    for rank in (10, 30, 50):
        draw_ranks(layers(1, 101, rank), "title", str(tmp_path / "r.png"))
        marked, size = pixels(tmp_path / "r.png", pictures.MARK)
        columns, counts = np.unique(marked[:, 1], return_counts=True)
        assert counts.max() > 0.5 * size[0]  # a line from top to bottom
        at.append(float(columns[counts.argmax()]) / size[1])
    assert 0.1 < at[0] < at[1] < at[2] < 0.6
    assert at[2] - at[1] == pytest.approx(at[1] - at[0], abs=0.01)


def test_nothing_is_marked_where_all_stays(tmp_path: Path) -> None:
    draw_ranks(layers(2, 40, 0), "title", str(tmp_path / "r.png"))
    assert len(pixels(tmp_path / "r.png", pictures.MARK)[0]) == 0


def test_pictures_grow_with_the_layers(tmp_path: Path) -> None:
    heights: list[int] = []
    for count in (3, 13, 53):
        draw_ranks(layers(count, 24, 5), "title", str(tmp_path / "r.png"))
        marked, (height, width) = pixels(tmp_path / "r.png", pictures.MARK)
        assert 500 <= width <= 2400 and len(marked) > 20 * count
        heights.append(height)
    assert heights == sorted(heights) and heights[-1] < 3000


@pytest.mark.parametrize(("ending", "begin"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_kinds_of_pictures(ending: str, begin: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"r.{ending}"
    check_picture(str(path))
    draw_ranks(layers(2, 8, 3), "title", str(path))
    assert path.read_bytes().startswith(begin)


def test_names_are_cut_and_scopes_left_out() -> None:
    assert pictures._titles(["a/b/c/d + a/b/c/f", "a/b/e"]) == ["c/d", "e"]
    assert pictures._titles(["a", "a/b"]) == ["a", "a/b"]
    assert pictures._titles(["net/conv"]) == ["net/conv"]
    assert pictures._short("block1_conv1/convolution", 12) == "block1_c…ion"


def test_a_curve(tmp_path: Path) -> None:
    points = [CurvePoint("0.01", 2.0, 0.02, 0.9), CurvePoint("0.1", 1.0, 0.2, 0.7), CurvePoint("0", 3.0, 0.0)]
    path = tmp_path / "c.png"
    draw_curve(points, 3.0, None, "title", str(path))
    marked, (height, _) = pixels(path, pictures.MARK)
    left, right = (
        marked[marked[:, 1] < np.median(marked[:, 1])],
        marked[marked[:, 1] >= np.median(marked[:, 1])],
    )
    assert left[:, 0].mean() < right[:, 0].mean()  # a budget with more error, further right, takes less time
    draw_curve(points, 3.0, 0.95, "title", str(path))
    assert pixels(path, pictures.MARK)[1][0] > 1.3 * height
    draw_curve([], 3.0, None, "title", str(path))
    assert len(pixels(path, pictures.MARK)[0]) == 0


def test_labels_of_equal_budgets_are_one() -> None:
    points = [CurvePoint(b, 1.0, e) for b, e in (("0.1", 0.1), ("0.2", 0.3), ("0.3", 0.3))]
    found = pictures._together(points, [1.0, 2.0, 3.0])
    assert found == [(0.1, 1.0, "0.1"), (0.3, 2.0, "0.2 to 0.3")]


def test_what_cannot_be_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        InputError, match=r"cannot draw into 'ranks': expected a file name that ends in .*png"
    ):
        check_picture("ranks")
    with pytest.raises(InputError, match="there is no folder"):
        check_picture(str(tmp_path / "none" / "ranks.png"))
    with pytest.raises(InputError, match="the model has no layer that could be decomposed"):
        draw_ranks([], "title", str(tmp_path / "r.png"))
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(InputError, match="cannot write"):
        draw_ranks(layers(1, 8, 3), "title", str(tmp_path / "folder.png"))
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UnsupportedError, match=r"not installed: pip install 'netwright\[plot\]'"):
        check_picture("ranks.png")
