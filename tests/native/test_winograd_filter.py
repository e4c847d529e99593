"""Gradients of filters by Winograd's transforms: compiled code against the reference in float64, in every way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.cost import winograd_gradient as cost
from netwright.compiler.cost.accuracy import LAW, gradient_error_bound
from netwright.compiler.cost.winograd import transform
from netwright.compiler.ir.core import Builder, Op, Value
from netwright.compiler.ops.activation import Relu
from netwright.compiler.ops.conv import Conv2D
from netwright.compiler.ops.conv_gradient import ConvFilterGradient
from netwright.compiler.ops.windows import concrete_pads
from netwright.compiler.target import resolve_target
from netwright.runtime import Model, load

from ..helpers import Array, build, check, close, graph, many_registers, tensor

TRANSFORMS = [(m, taps) for taps, ms in cost.TRIED.items() for m in ms]
PADS = (1, 2, 0, 3)


@dataclass(frozen=True)
class Way:
    """Tiles of a block, 0 for stages; whether by lines of points; how many parts, or channels at a time."""

    block: int = 0
    lines: bool = False
    parts: int = 1
    rows: tuple[int, int] = (0, 0)

    def force(self, monkeypatch: pytest.MonkeyPatch, m: tuple[int, int], taps: tuple[int, int]) -> None:
        def only(plan: Any) -> list[cost.WinogradGradientChoice]:
            block = min(self.block, plan.tiles)
            parts = min(self.parts, -(-plan.tiles // block)) if block else 1
            return [plan._choice(block, self.lines, self.rows, parts, (1.0, 1.0))]

        monkeypatch.setattr(cost, "LEAST_CYCLES", 0)
        monkeypatch.setattr(cost, "TRIED", {taps: (m,)})
        monkeypatch.setattr(cost._Plan, "all", only)


WAYS = {
    "a block": Way(block=1000),
    "blocks": Way(block=12),
    "blocks in parts": Way(block=8, parts=3),
    "lines": Way(block=12, lines=True),
    "lines in parts": Way(block=8, lines=True, parts=2),
    "stages": Way(rows=(64, 64)),
    "stages by ranges": Way(rows=(16, 16)),
    "stages by ranges, few sums": Way(rows=(32, 9)),
}


@dataclass
class Case:
    """A gradient of [batch, height, width, c] to o channels."""

    batch: int
    size: tuple[int, int]
    c: int
    o: int
    taps: tuple[int, int]
    padding: str = "SAME"

    def types(self) -> list[Any]:
        rows = zip(self.size, self.taps, (PADS[:2], PADS[2:]), strict=True)
        out = [z + sum(concrete_pads(z, k, 1, 1, self.padding, pads)) - k + 1 for z, k, pads in rows]
        return [tensor(self.batch, *self.size, self.c), tensor(self.batch, *out, self.o)]

    def gradient(self, b: Builder, x: Value, dy: Value) -> Value:
        return b(ConvFilterGradient, x, dy, kernel=self.taps, strides=(1, 1), dilations=(1, 1),
                 padding=self.padding, pads=PADS)  # fmt: skip

    def arrays(self, seed: int = 0) -> list[Array]:
        rng = np.random.default_rng(seed)
        return [rng.normal(size=t.shape).astype(np.float32) for t in self.types()]

    def run(self, folder: Path, poison: Callable[[Array, Array], None] | None = None, **options: Any) -> Any:
        """Results of one and two threads, which have the same bits, and what they should be in float64."""
        made: list[Op] = []

        def net(b: Builder, x: Value, dy: Value) -> Value:
            y = self.gradient(b, x, dy)
            made.append(y.owner)  # type: ignore[arg-type]
            return y

        one = build(graph(net, self.types()), folder, threads=1, **options)
        two = load(one.path, threads=2)
        x, dy = self.arrays()
        if poison is not None:
            poison(x, dy)
        want = made[0].evaluate(x.astype(np.float64), dy.astype(np.float64))  # type: ignore[attr-defined]
        got = [m.run({"x0": x, "x1": dy})["y0"] for m in (one, two)]
        assert got[0].tobytes() == got[1].tobytes()
        return one, got[0], want

    def compare(self, folder: Path, **options: Any) -> Model:
        model, got, want = self.run(folder, **options)
        close(got, want.astype(np.float32), LAW)
        return model


def families(model: Model) -> set[str]:
    rows: Any = model.manifest["calls"]
    return {r["family"] for r in rows}


def uses_transforms(model: Model) -> bool:
    return any(name.startswith("winograd_gradient") for name in families(model))


@pytest.mark.parametrize(("m", "taps"), TRANSFORMS)
def test_transforms_are_gradients(m: tuple[int, int], taps: tuple[int, int]) -> None:
    """F(taps, m) gives sums of the numbers of dy with each tap's numbers of x."""
    rng = np.random.default_rng(0)
    for r, k in zip(taps, m, strict=True):
        t = transform(r, k)
        x, dy = rng.normal(size=t.size), rng.normal(size=k)
        output, weights, given = (np.array(a, np.float64) for a in (t.output, t.weights, t.input))
        np.testing.assert_allclose(
            output @ ((weights @ dy) * (given @ x)), np.correlate(x, dy, "valid"), atol=1e-12
        )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("m", "taps"), TRANSFORMS)
def test_every_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, m: Any, taps: Any) -> None:
    """Tiles that reach out of the image, channels that fill no vector, several images in a block."""
    WAYS[way].force(monkeypatch, m, taps)
    odd = (list(WAYS).index(way) + TRANSFORMS.index((m, taps))) % 2
    case = Case(7, (7, 6), 37, 70, taps) if odd else Case(1, (9, 11), 16, 40, taps)
    assert uses_transforms(case.compare(tmp_path))


@pytest.mark.parametrize("way", ["blocks in parts", "lines", "stages by ranges, few sums"])
@pytest.mark.parametrize("target", ["x86-64-v3", "x86-64"])
@pytest.mark.parametrize(("m", "taps"), [((4, 4), (3, 3)), ((2, 4), (5, 5))])
def test_other_targets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, target: str, m: Any, taps: Any
) -> None:
    WAYS[way].force(monkeypatch, m, taps)
    assert uses_transforms(Case(3, (9, 10), 21, 45, taps).compare(tmp_path, target=target))


@pytest.mark.parametrize("way", ["blocks", "lines", "stages"])
@pytest.mark.parametrize("padding", ["SAME", "VALID", "EXPLICIT"])
@pytest.mark.parametrize(("m", "taps", "size"), [((4, 4), (3, 3), (13, 8)), ((4, 2), (5, 5), (5, 16))])
def test_paddings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, padding: str, m: Any, taps: Any, size: Any
) -> None:
    WAYS[way].force(monkeypatch, m, taps)
    Case(2, size, 20, 33, taps, padding).compare(tmp_path)


@pytest.mark.parametrize("way", ["blocks in parts", "lines in parts", "stages"])
def test_one_tile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    WAYS[way].force(monkeypatch, (4, 4), (3, 3))
    Case(1, (3, 2), 16, 16, (3, 3)).compare(tmp_path)
    Case(1, (3, 3), 48, 17, (3, 3), "VALID").compare(tmp_path)


@pytest.mark.parametrize("way", ["blocks in parts", "lines", "stages by ranges"])
@pytest.mark.parametrize(("m", "taps"), TRANSFORMS)
def test_nan_stays_in_its_channel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, m: Any, taps: Any
) -> None:
    """NaN that all taps see reaches the numbers of the filter that it reaches by the definition."""

    def poison(x: Array, dy: Array) -> None:
        x[1, 6, 5, 3] = np.nan
        dy[2, 6, 7, 19] = np.nan

    WAYS[way].force(monkeypatch, m, taps)
    _, got, want = Case(3, (12, 13), 18, 20, taps).run(tmp_path, poison)
    assert np.isnan(want[..., 3, :]).all() and np.isnan(want[..., 19]).all()
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
    close(np.nan_to_num(got), np.nan_to_num(want).astype(np.float32), LAW)


@pytest.mark.parametrize(("m", "taps"), TRANSFORMS)
@pytest.mark.parametrize("way", ["blocks", "stages"])
def test_error_is_that_of_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, m: Any, taps: Any
) -> None:
    replace(WAYS[way], block=cost.LONGEST if WAYS[way].block else 0, parts=2).force(monkeypatch, m, taps)
    model, got, want = Case(20, (20, 20), 32, 32, taps).run(tmp_path)
    rows: Any = model.manifest["calls"]
    (bound,) = {r["error_bound"] for r in rows if r["family"].startswith("winograd_gradient")}
    assert gradient_error_bound(m, taps, 1) <= bound <= LAW
    assert np.abs(got - want).max() / np.abs(want).max() < bound


def test_what_breaks_the_law_is_not_chosen() -> None:
    """Transforms of many taps round too often where very many tiles are added up; those that nobody measured are not
    taken at all."""
    target = resolve_target("x86-64-v4")
    for images in (8, 1000, 10**6):
        found = cost.ways(target, (images, 14, 14, 64), 32, (5, 5))
        assert all(c.error_bound <= LAW for c in found)
        assert bool(found) == (images < 10**6)
    assert gradient_error_bound((6, 6), (3, 3), 1) == float("inf")


def test_what_is_chosen(tmp_path: Path) -> None:
    def chosen(*case: Any, **options: Any) -> bool:
        model = build(graph((c := Case(*case)).gradient, c.types()), tmp_path, **options)
        rows: Any = model.manifest["calls"]
        assert all(r["why"] for r in rows if r["family"] == "conv_filter")
        return uses_transforms(model)

    assert chosen(8, (28, 28), 128, 128, (3, 3))
    assert chosen(50, (14, 14), 32, 64, (5, 5))
    assert not chosen(8, (28, 28), 128, 128, (3, 3), precise=True)
    assert not chosen(8, (28, 28), 128, 128, (1, 1))
    assert not chosen(1, (4, 4), 16, 16, (3, 3))
    assert not chosen(8, (28, 28), 3, 64, (3, 3))
    assert not chosen(0, (28, 28), 128, 128, (3, 3))


def test_which_way(tmp_path: Path) -> None:
    """Blocks where sums stay in the cache, stages where they are far larger; what else is considered costs about as
    much with fewer registers."""

    def of(*case: Any) -> set[str]:
        c = Case(*case)
        return families(build(graph(c.gradient, c.types()), tmp_path))

    if many_registers():
        assert "winograd_gradient_blocks" in of(8, (56, 56), 64, 64, (3, 3))
        assert "winograd_gradient_product" in of(8, (7, 7), 512, 512, (3, 3))


def test_without_images_it_is_0(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    WAYS["blocks"].force(monkeypatch, (4, 4), (3, 3))
    Case(0, (12, 12), 32, 32, (3, 3)).compare(tmp_path)


def test_an_image_with_a_border_is_shared(tmp_path: Path) -> None:
    """The gradient reads the buffer with a border that a convolution wants, however wide."""

    def net(b: Builder, x: Value, w: Value, dy: Value) -> tuple[Value, Value]:
        a = b(Relu, x)
        given: Any = {"strides": (1, 1), "dilations": (1, 1), "padding": "SAME", "pads": (0,) * 4}
        return b(Conv2D, a, w, **given), b(ConvFilterGradient, a, dy, kernel=(3, 3), **given)

    types = [tensor(4, 45, 45, 32), tensor(3, 3, 32, 64), tensor(4, 45, 45, 64)]
    model = check(graph(net, types), tmp_path, [{}])
    assert uses_transforms(model)
    assert "border" not in families(model)
