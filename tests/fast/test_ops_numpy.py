"""`ops` against numpy: what Keras does not have, or does otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from netwright.frontends.eager import ops
from netwright.frontends.eager.function import function
from netwright.runtime.errors import InputError, ShapeError

X = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


@pytest.mark.parametrize("k", range(-4, 5))
def test_rot90(k: int) -> None:
    np.testing.assert_array_equal(ops.rot90(X, k).numpy(), np.rot90(X, k))


@pytest.mark.parametrize(
    "name", ["add", "multiply", "maximum", "minimum", "bitwise_and", "bitwise_or", "bitwise_xor"]
)
def test_bools(name: str) -> None:
    a, b = np.array([True, True, False]), np.array([True, False, False])
    made = getattr(ops, name)(a, b).numpy()
    np.testing.assert_array_equal(made, getattr(np, name)(a, b))
    assert made.dtype == bool


@pytest.mark.parametrize(
    ("a", "b", "wanted"),
    [
        ("bool", "int8", "int8"), ("uint8", "int8", "int16"), ("uint32", "int32", "int64"), ("int32", "int64", "int64"),
        ("int64", "float32", "float32"), ("int32", "float16", "float16"), ("bfloat16", "float16", "float32"),
        ("float32", "float64", "float64"), ("uint16", "int8", "int32"),
    ],
)  # fmt: skip
def test_promotion(a: str, b: str, wanted: str) -> None:
    for x, y in ((a, b), (b, a)):
        assert ops.add(ops.ones((2,), x), ops.ones((2,), y)).dtype == wanted


@pytest.mark.parametrize(
    ("a", "number", "wanted"),
    [
        ("bool", 1, "int32"), ("int8", 1, "int8"), ("int8", 1.0, "float32"), ("float16", 1.0, "float16"),
        ("bool", 1.5, "float32"),
    ],
)  # fmt: skip
def test_promotion_of_python_numbers(a: str, number: float, wanted: str) -> None:
    assert ops.add(ops.ones((2,), a), number).dtype == wanted
    assert ops.add(number, ops.ones((2,), a)).dtype == wanted
    assert ops.where(True, ops.ones((2,), a), number).dtype == wanted


def test_infinities_and_nan() -> None:
    ends = np.array([np.inf, -np.inf, np.nan, 0, -0.0, 1], np.float32)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(ops.logaddexp(ends, ends).numpy(), np.logaddexp(ends, ends))
    np.testing.assert_array_equal(ops.hypot(ends, 1.0).numpy(), np.hypot(ends, np.float32(1)))
    for name in (
        "isnan",
        "isinf",
        "isfinite",
        "isposinf",
        "isneginf",
        "sign",
        "signbit",
        "trunc",
        "nan_to_num",
    ):
        np.testing.assert_array_equal(getattr(ops, name)(ends).numpy(), getattr(np, name)(ends))
    ints = np.array([1, -2, 0], np.int32)
    for name in ("isnan", "isinf", "isfinite"):
        np.testing.assert_array_equal(getattr(ops, name)(ints).numpy(), getattr(np, name)(ints))


def test_sorting_is_stable_and_puts_nan_last() -> None:
    x = np.array([[2, np.nan, 1, 2, 1]], np.float32)
    np.testing.assert_array_equal(ops.argsort(x).numpy(), np.argsort(x, kind="stable"))
    np.testing.assert_array_equal(ops.sort(x).numpy(), np.sort(x))
    np.testing.assert_array_equal(ops.sort(np.array([True, False, True])).numpy(), [False, True, True])


def test_unique() -> None:
    x = np.array([3, 1, 3, 2, 1, 1], np.int32)
    made = ops.unique(x, return_index=True, return_inverse=True, return_counts=True)
    wanted = np.unique(x, return_index=True, return_inverse=True, return_counts=True)
    for a, b in zip(made, wanted, strict=True):
        np.testing.assert_array_equal(a.numpy(), b)
    np.testing.assert_array_equal(ops.unique(x, size=5, fill_value=9).numpy(), [1, 2, 3, 9, 9])
    np.testing.assert_array_equal(ops.unique(x, size=2).numpy(), [1, 2])
    with pytest.raises(InputError, match="expected size"):
        function(lambda t: ops.unique(t))(x)


def test_nonzero_needs_a_value() -> None:
    for a, b in zip(ops.nonzero(X > 0), np.nonzero(X > 0), strict=True):
        np.testing.assert_array_equal(a.numpy(), b)
    for a, b in zip(ops.where(X > 0), np.nonzero(X > 0), strict=True):
        np.testing.assert_array_equal(a.numpy(), b)
    with pytest.raises(InputError, match="number of places is not known"):
        function(lambda t: ops.nonzero(t))(X)


def test_slices_at_places_known_when_they_are_computed() -> None:
    @function
    def run(x: Any, i: Any) -> Any:
        return ops.slice(x, (i, 0), (2, 3)), ops.slice_update(x, (i, 1), ops.ones((1, 2)))

    for i in range(2):
        part, changed = run(X, np.array(i, np.int32))
        np.testing.assert_array_equal(part.numpy(), X[i : i + 2, :3])
        wanted = X.copy()
        wanted[i, 1:3] = 1
        np.testing.assert_array_equal(changed.numpy(), wanted)


def test_complex_numbers_are_pairs() -> None:
    real, imag = ops.polar(np.array([2.0], np.float32), np.array([np.pi / 2], np.float32))
    np.testing.assert_allclose([real.numpy()[0], imag.numpy()[0]], [0, 2], atol=1e-6)
    signal = np.random.default_rng(2).normal(size=(2, 64)).astype(np.float32)
    back = ops.istft(ops.stft(signal, 16, 4, 16), 16, 4, 16)
    np.testing.assert_allclose(back.numpy()[:, 8:-8], signal[:, 8:-8], atol=1e-5)


def test_einsum_of_further_axes_that_broadcast() -> None:
    a, b = np.ones((1, 2, 3), np.float32), np.random.default_rng(0).normal(size=(4, 3, 2)).astype(np.float32)
    np.testing.assert_allclose(
        ops.einsum("...ij,...jk->...ik", a, b).numpy(), np.einsum("...ij,...jk->...ik", a, b), rtol=1e-6
    )


def test_errors_say_what_was_expected() -> None:
    with pytest.raises(ShapeError, match="at most one size of -1"):
        ops.reshape(X, (-1, -1))
    with pytest.raises(ShapeError, match="a vector or a matrix"):
        ops.diag(np.zeros((2, 2, 2), np.float32))
    with pytest.raises(InputError, match="expected side"):
        ops.searchsorted(X[0], X, side="middle")
    with pytest.raises(InputError, match="expected a number as the order"):
        ops.norm(X, ord="nuc", axis=1)
    with pytest.raises(InputError, match="a pattern of the tensor's 2 axes"):
        ops.rearrange(X, "a b c -> c b a")
