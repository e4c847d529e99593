"""Files to calibrate with, batches, random samples, accuracy; factors for what a layer sees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.ir.core import Builder, Op, Value
from netwright.compiler.ops.elementwise import Add
from netwright.compiler.ops.windows import patches
from netwright.compiler.passes.low_rank import ORDERS, Factorizer, composed
from netwright.compiler.passes.seen import root_of, shrinkage
from netwright.frontends.lowrank.calibration import Calibration, random_calibration, read_calibration
from netwright.frontends.lowrank.moments import Sum, Window
from netwright.frontends.lowrank.quality import hits, labelled
from netwright.frontends.lowrank.samples import batches, specs_of
from netwright.runtime import TensorSpec
from netwright.runtime.errors import InputError
from netwright.runtime.spec import f32, i32

from ..helpers import Array, graph, n, tensor


def image_model() -> Op:
    return graph(lambda b, x: b(Add, x, x), [tensor(n, 4, 4, 2)])


def pair_model() -> Op:
    """Of two inputs; the second is the same for all samples."""

    def make(b: Builder, x: Value, y: Value) -> tuple[Value, Value]:
        return b(Add, x, x), b(Add, y, y)

    return graph(make, [tensor(n, 3), tensor(5, 5)])


def saved(folder: Path, **arrays: Any) -> str:
    np.savez(folder / "x.npz", **arrays)
    return str(folder / "x.npz")


@pytest.mark.parametrize("name", ["x0", "x0:0", "x", "images"])
def test_the_only_input_needs_no_name(name: str, tmp_path: Path) -> None:
    x = np.arange(96, dtype=np.uint8).reshape(3, 4, 4, 2)
    found = read_calibration(saved(tmp_path, **{name: x, "y": [1, 2, 3]}), image_model())
    assert found.samples == 3 and found.labels is not None and found.labels.tolist() == [1, 2, 3]
    assert found.inputs["x0"].dtype == np.float32
    np.testing.assert_array_equal(found.inputs["x0"], x)


def test_labels_may_be_called_so(tmp_path: Path) -> None:
    path = saved(tmp_path, x=np.zeros((2, 4, 4, 2)), labels=[[0, 1], [1, 0]])
    assert read_calibration(path, image_model()).labels is not None
    assert read_calibration(saved(tmp_path, x=np.zeros((2, 4, 4, 2))), image_model()).labels is None


IMAGE = np.zeros((2, 4, 4, 2), np.float32)


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"a": IMAGE, "b": IMAGE}, r"expected an array for each input, received none for x0: .*; arrays: a, b"),
        ({}, "received none for x0"),
        ({"y": [1, 2]}, "received none for x0.*arrays: none"),
        ({"x": np.zeros((2, 4, 5, 2))}, r"'x': expected the shape samplesx4x4x2 for the input x0.*received 2x4x5x2"),
        ({"x": np.zeros((4, 4, 2))}, "expected the shape samplesx4x4x2 .*received 4x4x2: samples come first"),
        ({"x": IMAGE[:0]}, r"expected samples, received none \(shape 0x4x4x2\)"),
        ({"x": np.array(["a"])}, "expected numbers, float32, received <U1"),
        ({"x": np.full((2, 4, 4, 2), 1e300)}, "expected numbers that float32 can hold, received larger ones"),
        ({"x": IMAGE, "y": [1, 2, 3]}, r"expected a label for each of 2 samples, received 3 \('y'\)"),
        ({"x": IMAGE, "y": 1}, "expected a label for each of 2 samples, received 0"),
        ({"x": IMAGE, "y": ["a", "b"]}, "expected labels as numbers of classes, received <U1"),
    ],
)  # fmt: skip
def test_files_that_do_not_fit(arrays: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"x\.npz: .*{sentence}"):
        read_calibration(saved(tmp_path, **arrays), image_model())


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite(bad: float, tmp_path: Path) -> None:
    x = IMAGE.copy()
    x[1, 2, 3, 0] = x[1, 3, 3, 1] = bad
    with pytest.raises(InputError, match=rf"received {bad} in 2 places, the first at \(1, 2, 3, 0\)"):
        read_calibration(saved(tmp_path, x=x), image_model())


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.array([{}], object))
    with pytest.raises(
        InputError, match=r"expected an \.npz file of arrays of numbers.*write one with numpy\.savez"
    ):
        read_calibration(tmp_path / "x.npz", image_model())


def write_text(path: Path) -> None:
    path.write_text("no arrays")


def write_npy(path: Path) -> None:
    with path.open("wb") as f:
        np.save(f, IMAGE)


def write_half(path: Path) -> None:
    np.savez(path, x=IMAGE)
    path.write_bytes(path.read_bytes()[:200])


@pytest.mark.parametrize("write", [write_text, write_npy, write_half, lambda path: None])
def test_files_that_are_none(write: Callable[[Path], None], tmp_path: Path) -> None:
    write(tmp_path / "x.npz")
    with pytest.raises(InputError, match=r"x\.npz: expected an \.npz file"):
        read_calibration(tmp_path / "x.npz", image_model())


def test_floats_for_integers_are_refused(tmp_path: Path) -> None:
    model = graph(lambda b, x: b(Add, x, x), [tensor(n, 3, dtype=i32)])
    with pytest.raises(InputError, match=r"received float64; convert it with \.astype\('int32'\)"):
        read_calibration(saved(tmp_path, x=np.zeros((2, 3))), model)
    with pytest.raises(InputError, match="expected numbers that int32 can hold"):
        read_calibration(saved(tmp_path, x=np.full((2, 3), 1 << 40)), model)
    found = read_calibration(saved(tmp_path, x=np.ones((2, 3), np.int64)), model)
    assert found.inputs["x0"].dtype == np.int32


def test_inputs_of_different_numbers_of_samples(tmp_path: Path) -> None:
    model = graph(lambda b, x, y: b(Add, x, y), [tensor(n, 3), tensor(n, 3)])
    path = saved(tmp_path, x0=np.zeros((2, 3)), x1=np.zeros((4, 3)))
    with pytest.raises(
        InputError, match="expected as many samples of every input, received 2 of 'x0', 4 of 'x1'"
    ):
        read_calibration(path, model)
    path = saved(tmp_path, x0=np.zeros((2, 3)), x1=np.zeros((2, 3)), z=np.zeros(2))
    with pytest.raises(InputError, match="received 'z' too: leave it out"):
        read_calibration(path, model)


def test_batches_of_open_size() -> None:
    model = pair_model()
    c = Calibration({"x0": np.arange(21.0).reshape(7, 3), "x1": np.ones((5, 5))})
    made = list(batches(c, specs_of(model), 3))
    assert [(b.begin, b.count, b.size) for b in made] == [(0, 3, 3), (3, 3, 3), (6, 1, 1)]
    assert all(b.inputs["x1"].shape == (5, 5) for b in made)
    np.testing.assert_array_equal(np.concatenate([b.inputs["x0"] for b in made]), c.inputs["x0"])
    assert [b.begin for b in batches(c, specs_of(model), 3, 1)] == [1, 4]


def test_batches_of_fixed_size_are_filled_up() -> None:
    specs = (TensorSpec("x", (4, 2), f32),)
    made = list(batches(Calibration({"x": np.arange(12.0).reshape(6, 2)}), specs, 100))
    assert [(b.begin, b.count, b.size) for b in made] == [(0, 4, 4), (4, 2, 4)]
    np.testing.assert_array_equal(made[1].inputs["x"][:, 0], [8, 10, 8, 10])


def test_random_samples_are_the_same_again() -> None:
    a, b, c = (random_calibration(pair_model(), 6, seed) for seed in (0, 0, 1))
    assert a.inputs["x0"].shape == (6, 3) and a.inputs["x1"].shape == (5, 5)
    np.testing.assert_array_equal(a.inputs["x0"], b.inputs["x0"])
    assert not np.array_equal(a.inputs["x0"], c.inputs["x0"])


RNG = np.random.default_rng(0)
SCORES = RNG.normal(size=(6, 4))


@pytest.mark.parametrize(
    ("made", "labels", "right"),
    [
        (SCORES, SCORES.argmax(axis=1), 6),
        (SCORES, SCORES.argmax(axis=1)[:, None], 6),
        (SCORES, SCORES.argmin(axis=1), 0),
        (SCORES, np.eye(4)[SCORES.argmax(axis=1)], 6),
        (SCORES, np.append(SCORES.argmax(axis=1)[:4], SCORES.argmin(axis=1)[4:]), 4),
        (np.array([[0.2], [0.7], [0.6]]), [0, 1, 0], 2),
        (np.array([0.2, 0.7, 0.6]), [[0], [1], [1]], 3),
        (np.array([3, 1, 2]), [3, 1, 0], 2),
        (SCORES.reshape(2, 3, 4), SCORES.argmax(axis=1).reshape(2, 3), 6),
    ],
)
def test_what_is_right(made: Array, labels: Any, right: int) -> None:
    labels = np.asarray(labels)
    assert labelled((TensorSpec("y", (), f32),), {"y": made}, labels) == "y"
    assert int(hits(made, labels).sum()) == right


@pytest.mark.parametrize("labels", [[4, 0, 0, 0, 0, 0], [-1, 0, 0, 0, 0, 0], [0.5, 0, 0, 0, 0, 0]])
def test_labels_that_are_no_classes(labels: list[float]) -> None:
    with pytest.raises(InputError, match=r"expected labels as numbers of classes from 0 to 3, received"):
        hits(SCORES, np.array(labels))


def test_labels_of_no_output() -> None:
    with pytest.raises(InputError, match="received 6x3 for 6 samples; outputs: y 6x4"):
        labelled((TensorSpec("y", (), f32),), {"y": SCORES}, np.zeros((6, 3)))


def test_roots() -> None:
    for rank in (5, 3, 0):
        a = RNG.normal(size=(rank, 5))
        moment = a.T @ a
        root = root_of(moment)
        np.testing.assert_allclose(root.T @ root, moment, atol=1e-9)


def share_of(samples: Array) -> float:
    """For samples by rows, as they are and as their moment."""
    count, size = samples.shape
    fourth = np.array([np.sum(np.sum(samples**2, axis=1) ** 2)])
    few = shrinkage(samples[None] / np.sqrt(count), fourth, count)
    moment = shrinkage((samples.T @ samples / count)[None], fourth, count)
    if count < size:
        np.testing.assert_allclose(few, moment, atol=1e-9)
    return float(moment[0])


def test_few_samples_are_trusted_little() -> None:
    """Of equal variance in all directions nothing but the mean variance is taken, of few directions all."""
    assert share_of(RNG.normal(size=(20, 200))) > 0.9
    assert share_of(RNG.normal(size=(300, 200))) > 0.9
    assert share_of(RNG.normal(size=(150, 2)) @ RNG.normal(size=(2, 200))) < 0.1


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("count", [2, 40])
def test_sums_are_the_mean_over_all_patches(count: int, groups: int) -> None:
    """As samples while there are few, then as a moment; whatever the bands."""
    window = Window((3, 2), 4 // groups, groups, (2, 1), (1, 2), "SAME")
    images = RNG.normal(size=(count, 6, 5, 4)).astype(np.float32)
    total = Sum(window)
    for part in np.array_split(images, 2):
        total.add(part)
    found = total.result.values
    # 3 rows of windows of 3 rows apart by 2: a zero in front of 6 + 1 rows' end; columns 2 apart: one each side
    padded = np.pad(images, ((0, 0), (0, 1), (1, 1), (0, 0))).astype(np.float64)
    seen = patches(padded, (3, 2), (2, 1), (1, 2)).reshape(-1, 6, groups, 4 // groups)
    apart = np.moveaxis(seen, 2, 0).reshape(groups, -1, 24 // groups)
    want = np.einsum("gpi,gpj->gij", apart, apart) / apart.shape[1]
    assert found.shape[1] == (24 // groups if apart.shape[1] >= 24 // groups else apart.shape[1])
    few = found.shape[1] != found.shape[2]
    np.testing.assert_allclose(np.einsum("gpi,gpj->gij", found, found) if few else found, want, atol=1e-12)


def mixed(count: int, channels: int, rank: int, seed: int) -> Array:
    """Images whose channels are mixtures of a few, smooth in space, with a little noise."""
    rng = np.random.default_rng(seed)
    mixture = np.random.default_rng(7).normal(size=(rank, channels))
    base = np.cumsum(rng.normal(size=(count, 12, 12, rank)), axis=2) @ mixture
    return base / base.std() + 0.05 * rng.normal(size=base.shape)


def patches_of(images: Array, size: int) -> Array:
    return patches(images, (size, size), (1, 1), (1, 1)).reshape(-1, size * size * images.shape[-1])


def held_out(size: int, order: str, seen: Array, other: Array) -> tuple[Array, Array]:
    """Relative output errors on images that were not seen, of plain and of data-aware factors, by rank."""
    kernel = np.random.default_rng(3).normal(size=(size, size, 16, 24))
    flat, patches_there = kernel.reshape(-1, 24), patches_of(other, size)
    total = Sum(Window((size, size), 16, 1))
    total.add(seen)
    whole = np.linalg.norm(patches_there @ flat)

    def errors(f: Factorizer) -> Array:
        change = (kernel - composed(*f.filters(rank), 1) for rank in range(1, f.full))
        return np.array([np.linalg.norm(patches_there @ c.reshape(flat.shape)) / whole for c in change])

    return errors(Factorizer(kernel, 1, order)), errors(Factorizer(kernel, 1, order, total.result))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("samples", [1, 8])
def test_held_out_activations(samples: int, size: int, order: str) -> None:
    """At every rank at least as good as singular values of the weights, and much better where inputs depend on each
    other: also of one image, which has fewer patches than they are long."""
    plain, aware = held_out(size, order, mixed(samples, 16, 4, 0), mixed(8, 16, 4, 1))
    assert (aware <= plain).all()
    rank = 4 * size
    assert aware[rank - 1] < plain[rank - 1] / 4


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("samples", [1, 8])
def test_held_out_noise(samples: int, size: int) -> None:
    """Where inputs have no directions there is nothing to gain, and little is lost."""
    rng = np.random.default_rng(4)
    plain, aware = held_out(
        size, ORDERS[0], rng.normal(size=(samples, 10, 10, 16)), rng.normal(size=(8, 10, 10, 16))
    )
    assert (aware <= plain * 1.01).all()
