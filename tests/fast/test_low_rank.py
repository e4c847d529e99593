"""The mathematics of low-rank kernels, and the choice of ranks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from netwright.compiler.cost.predict import ConvShape, conv_cycles
from netwright.compiler.ir.attributes import Array
from netwright.compiler.ops.windows import patches
from netwright.compiler.passes import spectrum as spectrum_file
from netwright.compiler.passes.decomposable import Point
from netwright.compiler.passes.low_rank import (
    HORIZONTAL,
    ORDERS,
    Factorizer,
    as_filters,
    as_matrices,
    composed,
    spectrum,
)
from netwright.compiler.passes.rank_choice import _hull
from netwright.compiler.target import TARGETS

RNG = np.random.default_rng(0)
SHAPES = [
    (3, 3, 4, 6, 1),
    (2, 5, 3, 4, 1),
    (7, 2, 8, 6, 2),
    (3, 3, 9, 9, 9),
    (1, 1, 12, 5, 1),
    (5, 3, 6, 12, 3),
]


def kernel(n: int, m: int, c: int, o: int, groups: int) -> Array:
    return RNG.normal(size=(n, m, c // groups, o))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_full_rank_gives_the_kernel_back(shape: tuple[int, ...], order: str) -> None:
    k, groups = kernel(*shape), shape[-1]  # type: ignore[arg-type]
    f = Factorizer(k, groups, order)
    first, second = f.filters(f.full)
    n, m, c, o = k.shape
    one, other = ((1, m), (n, 1)) if order == HORIZONTAL else ((n, 1), (1, m))
    assert first.shape == (*one, c, groups * f.full) and second.shape == (*other, f.full, o)
    np.testing.assert_allclose(composed(first, second, groups), k, atol=1e-12)


@pytest.mark.parametrize("large", [0, 1000])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_eckart_young(
    shape: tuple[int, ...], order: str, large: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error of a truncation is the root of the discarded squares, whichever way the decomposition is computed."""
    monkeypatch.setattr(spectrum_file, "LARGE", large)
    k, groups = kernel(*shape), shape[-1]  # type: ignore[arg-type]
    f = Factorizer(k, groups, order)
    values = np.linalg.svd(as_matrices(k, groups, order), compute_uv=False)
    for rank in range(1, f.full + 1):
        error = np.linalg.norm(k - composed(*f.filters(rank), groups))
        want = math.sqrt(float((values[:, rank:] ** 2).sum()))
        assert abs(error - want) <= 1e-6 * np.linalg.norm(k)
        assert abs(f.weight_error(rank) - want / np.linalg.norm(k)) <= 1e-6
        left, right = f.factors(rank)
        np.testing.assert_allclose(np.linalg.norm(left, axis=1), np.linalg.norm(right, axis=2), atol=1e-7)


def test_small_singular_values_of_large_matrices() -> None:
    """They are not lost in the squares of the large ones."""
    u, _ = np.linalg.qr(RNG.normal(size=(200, 150)))
    v, _ = np.linalg.qr(RNG.normal(size=(180, 150)))
    values = 10.0 ** -np.linspace(0, 6, 150)
    found = spectrum(((u * values) @ v.T)[None])
    np.testing.assert_allclose(found.s[0, :150], values, rtol=1e-4)
    assert found.rank == 150


def gaussian(n: int) -> Array:
    at = np.arange(n) - (n - 1) / 2
    return np.exp(-(at**2) / n)


SOBEL = np.outer([1, 2, 1], [1, 0, -1])


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("plane", [SOBEL, SOBEL.T, np.outer(gaussian(7), gaussian(5)), np.ones((5, 5))])
def test_separable_filters_have_rank_1(plane: Array, order: str) -> None:
    f = Factorizer(plane.astype(np.float32)[:, :, None, None], 1, order)
    assert f.spectrum.rank == 1
    np.testing.assert_allclose(composed(*f.filters(1), 1)[:, :, 0, 0], plane, atol=1e-6)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("rank", [1, 2, 3, 4])
def test_a_rank_is_found_again(rank: int, order: str) -> None:
    shape = (3, 5, 16, 24)
    rows = shape[1 if order == HORIZONTAL else 0] * shape[2]
    columns = shape[0 if order == HORIZONTAL else 1] * shape[3]
    factors = RNG.normal(size=(1, rows, rank)), RNG.normal(size=(1, rank, columns))
    made = composed(*as_filters(*factors, shape, order), 1).astype(np.float32)
    assert Factorizer(made, 1, order).spectrum.rank == rank


@pytest.mark.parametrize("order", ORDERS)
def test_groups_and_channels_have_one_rank(order: str) -> None:
    """Each channel's filter is separable: two depthwise filters do."""
    planes = np.einsum("ic,jc->ijc", RNG.normal(size=(3, 8)), RNG.normal(size=(5, 8)))
    f = Factorizer(planes[:, :, None].astype(np.float32), 8, order)
    assert f.spectrum.rank == 1
    first, second = f.filters(1)
    assert {first.shape, second.shape} == {(3, 1, 1, 8), (1, 5, 1, 8)}


def test_zeros() -> None:
    f = Factorizer(np.zeros((3, 3, 2, 4)), 1, HORIZONTAL)
    assert f.spectrum.rank == 1 and f.weight_error(1) == 0
    assert not composed(*f.filters(1), 1).any()


def correlated(channels: int, rank: int, size: int = 16) -> Array:
    """Images whose channels are mixtures of a few, smooth in space, with a little noise."""
    base = np.cumsum(RNG.normal(size=(4, size, size, rank)), axis=2)
    mixed = base @ RNG.normal(size=(rank, channels))
    return mixed / mixed.std() + 0.01 * RNG.normal(size=mixed.shape)


def moments_of(images: Array, n: int, m: int, groups: int) -> Array:
    seen = patches(images, (n, m), (1, 1), (1, 1))
    cut = np.moveaxis(seen.reshape(*seen.shape[:-1], groups, -1), -2, 0).reshape(
        groups, -1, seen[0, 0, 0].size // groups
    )
    return np.stack([p.T @ p / len(p) for p in cut])


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("n", "m", "groups"), [(3, 3, 1), (1, 1, 1), (5, 3, 2), (1, 3, 1), (3, 2, 8)])
def test_data_aware_is_never_worse_and_often_much_better(n: int, m: int, groups: int, order: str) -> None:
    k = RNG.normal(size=(n, m, 8 // groups, 16))
    gains: list[float] = []
    for images in (correlated(8, 3), RNG.normal(size=(2, 12, 12, 8))):
        moments = moments_of(images, n, m, groups)
        plain, aware = Factorizer(k, groups, order), Factorizer(k, groups, order, moments)
        for rank in range(1, aware.full + 1):
            given = Factorizer(k, groups, order, moments)
            given._known[rank] = plain.factors(rank)
            before, after = given.output_error(rank), aware.output_error(rank)
            assert before is not None and after is not None
            assert after <= before + 1e-9
            gains.append(before / max(after, 1e-9))
    if groups == 1:  # else a group has fewer channels than it takes to be correlated
        assert max(gains) > 3


def test_the_output_error_is_that_of_the_output() -> None:
    images, k = correlated(6, 2), RNG.normal(size=(3, 3, 6, 10))
    f = Factorizer(k, 1, HORIZONTAL, moments_of(images, 3, 3, 1))
    seen = patches(images, (3, 3), (1, 1), (1, 1)).reshape(-1, 54)
    change = k - composed(*f.filters(4), 1)
    want = np.linalg.norm(seen @ change.reshape(54, 10)) / np.linalg.norm(seen @ k.reshape(54, 10))
    assert f.output_error(4) == pytest.approx(want, rel=1e-6)
    least = f.within(0.05)
    assert f.error(least) <= 0.05 and (least == 1 or f.error(least - 1) > 0.05)


def test_the_hull_takes_the_cheapest_errors_first() -> None:
    points = [
        Point(HORIZONTAL, r, 1, flops, 1, e)
        for r, flops, e in [(1, 10, 0.9), (2, 40, 0.3), (3, 60, 0.29), (4, 80, 0.0)]
    ]
    found = _hull(100, points)
    assert [p.rank for _, p in found] == [4, 2, 1]
    slopes = [s for s, _ in found]
    assert slopes == sorted(slopes) and slopes[0] == 0


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_transforms_count_in_predictions(target: object) -> None:
    s = ConvShape((1, 28, 28, 64), (3, 3, 64, 64))
    assert conv_cycles(target, s) < conv_cycles(target, s, precise=True)  # type: ignore[arg-type]
    assert s.flops == 2 * 28 * 28 * 64 * 9 * 64


def planted(rank: int, size: int, noise: float) -> Array:
    """A matrix [1, size, size] of norm 1 of this rank, and noise of a given norm."""
    made = RNG.normal(size=(size, rank)) @ RNG.normal(size=(rank, size))
    other = RNG.normal(size=made.shape)
    made = made / np.linalg.norm(made) + noise * other / np.linalg.norm(other)
    return (made / np.linalg.norm(made))[None]


@pytest.mark.parametrize("rank", [1, 20, 48])
def test_leading_values_are_those_of_the_whole(rank: int) -> None:
    matrices = planted(rank, 600, 0.004)
    found, whole = spectrum_file.leading(matrices, 0.01, 16, 200), spectrum(matrices)
    assert found is not None and found.known < found.full == 600
    assert found.within(0.01) == whole.within(0.01) == rank
    up = -(-rank // 16) * 16
    np.testing.assert_allclose(found.tails[: up + 1], whole.tails[: up + 1], atol=1e-6)
    left, right = found.truncated(up)
    error = np.linalg.norm(matrices - left @ right)
    assert error == pytest.approx(found.tails[up], abs=1e-9)


def test_many_values_are_not_looked_for_among_few() -> None:
    assert spectrum_file.leading(planted(200, 600, 0.004), 0.01, 16, 300) is None
    assert spectrum_file.leading(planted(20, 200, 0.004), 0.01, 16, 100) is None


@pytest.mark.parametrize(("rows", "columns"), [(500, 500), (400, 900), (900, 400)])
def test_a_bound_refuses_no_rank_that_would_do(rows: int, columns: int) -> None:
    """It tells the truth where it says something, and says so of weights without structure."""
    cases = [
        RNG.normal(size=(1, rows, columns)),
        RNG.normal(size=(1, rows, columns)) * (0.99 ** np.arange(columns)),
        planted(30, max(rows, columns), 0.02)[:, :rows, :columns],
        planted(30, max(rows, columns), 0.0)[:, :rows, :columns],
    ]
    refused = 0
    for matrices in cases:
        tails = spectrum(matrices).tails
        for rank in (1, 20, 60, 150, 300, 399):
            for error in (1e-3, 0.01, 0.1, 0.5):
                above = spectrum_file.surely_above(matrices, rank, error)
                assert not above or tails[rank] > error
                refused += above
    assert all(spectrum_file.surely_above(cases[0], rank, 0.01) for rank in (20, 60, 150))
    assert refused > 20
