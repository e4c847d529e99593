"""Calibrated decompositions, compiled: moments from the library's own activations, budgets of the output's error, the
whole model's error and accuracy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import netwright as nw
import numpy as np
import pytest
from netwright.compiler.driver import compile_module
from netwright.compiler.ir.core import Builder, Op, Value
from netwright.compiler.ir.dims import Dim, Sym
from netwright.compiler.ops.activation import Relu
from netwright.compiler.ops.conv import Conv2D
from netwright.compiler.ops.elementwise import Add
from netwright.compiler.ops.interpreter import Interpreter
from netwright.compiler.ops.matmul import MatMul
from netwright.compiler.ops.pool import MaxPool2D
from netwright.compiler.ops.shape import Reshape
from netwright.compiler.ops.windows import padded_windows
from netwright.compiler.options import CompileOptions
from netwright.frontends.build import build
from netwright.frontends.lowrank.calibration import Calibration, moments, random_calibration
from netwright.frontends.lowrank.quality import quality
from netwright.runtime.errors import InputError

from ..helpers import Array, constant, graph, n, tensor

FORCE = CompileOptions(decompose_conv="force rank=4")


def images(count: int, size: int, channels: int, seed: int) -> Array:
    """Mixtures of two smooth planes, with little noise."""
    rng = np.random.default_rng(seed)
    planes = np.cumsum(np.cumsum(rng.normal(size=(count, size, size, 2)), axis=1), axis=2) / size
    mixture = np.random.default_rng(9).normal(size=(2, channels))
    return (planes @ mixture + 0.02 * rng.normal(size=(count, size, size, channels))).astype(np.float32)


def gram(found: Array) -> Array:
    """The moments, also where there are few patches."""
    few = found.shape[1] < found.shape[2]
    return np.einsum("gpi,gpj->gij", found, found) if few else found


WINDOWS: list[tuple[tuple[int, int], int, dict[str, Any]]] = [
    ((3, 3), 1, {"padding": "SAME"}),
    ((3, 2), 1, {"padding": "VALID", "strides": (2, 1)}),
    ((5, 3), 2, {"padding": "SAME", "strides": (2, 3), "dilations": (1, 1)}),
    ((2, 3), 6, {"padding": "EXPLICIT", "pads": (2, 0, 1, 3), "dilations": (2, 1)}),
]


@pytest.mark.parametrize("batch", [n, 4])
@pytest.mark.parametrize("samples", [1, 7])
@pytest.mark.parametrize(("kernel", "groups", "window"), WINDOWS, ids=str)
def test_moments_are_those_of_the_patches(
    kernel: tuple[int, int], groups: int, window: dict[str, Any], samples: int, batch: Dim
) -> None:
    """Of the layer's input as it is computed, its padding included; whatever the batch."""
    rng = np.random.default_rng(0)
    bias = rng.normal(size=6).astype(np.float32)
    filters = rng.normal(size=(*kernel, 6 // groups, 12)).astype(np.float32)

    def make(b: Builder, x: Value) -> Value:
        y = b(Relu, b(Add, x, constant(b, bias, "bias")))
        return b(Relu, b(Conv2D, y, constant(b, filters, "w"), **window))

    module = graph(make, [tensor(batch, 13, 12, 6)])
    x = images(samples, 13, 6, 1)[:, :, :12]
    ((name, found),) = moments(module, Calibration({"x0": x}), FORCE).items()
    assert name == "w"
    seen = padded_windows(
        np.maximum(x + bias, 0),
        kernel,
        window.get("strides", (1, 1)),
        window.get("dilations", (1, 1)),
        window["padding"],
        window.get("pads", (0, 0, 0, 0)),
    )
    cut = seen.reshape(-1, kernel[0] * kernel[1], groups, 6 // groups).astype(np.float64)
    apart = np.moveaxis(cut, 2, 0).reshape(groups, len(cut), -1)
    want = np.einsum("gpi,gpj->gij", apart, apart) / len(cut)
    np.testing.assert_allclose(gram(found.values), want, rtol=1e-5, atol=1e-6 * np.abs(want).max())
    assert found.shares.shape == (groups,)


def network(size: Dim = 12) -> Op:
    """Two convolutions of weights of full rank, a pool between them, and a dense layer."""
    rng = np.random.default_rng(5)

    def weights(b: Builder, name: str, *shape: int) -> Value:
        scale = np.sqrt(2 / np.prod(shape[:-1]))
        return constant(b, (scale * rng.normal(size=shape)).astype(np.float32), name)

    def make(b: Builder, x: Value) -> Value:
        y = b(Relu, b(Conv2D, x, weights(b, "first", 3, 3, 16, 32), padding="SAME"))
        y = b(MaxPool2D, y, kernel=(2, 2), strides=(2, 2))
        y = b(Relu, b(Conv2D, y, weights(b, "second", 5, 5, 32, 32), padding="SAME"))
        flat = b(Reshape, y, shape=(n, 6 * 6 * 32))
        return b(MatMul, flat, weights(b, "dense", 6 * 6 * 32, 10))

    return graph(make, [tensor(n, size, size, 16)])


def saved(folder: Path, **arrays: Any) -> str:
    np.savez(folder / "calibration.npz", **arrays)
    return str(folder / "calibration.npz")


def rows_of(compiled: Any) -> dict[str, dict[str, Any]]:
    return {r["layer"]: r for r in compiled.manifest["decompositions"]}


def test_budgets_of_the_output(tmp_path: Path) -> None:
    """Every layer keeps its budget on the samples, where the weights' error is far larger. The model's error is that of
    the library beside the interpreter."""
    x = images(24, 12, 16, 2)
    labels = np.arange(24) % 10
    path = saved(tmp_path, x=x, y=labels)
    module = network()
    options = CompileOptions(decompose_conv="max-error=0.05", calibrate=path, dump_ir=str(tmp_path / "ir"))
    compiled = build(module.clone({}), tmp_path / "m.so", options)
    rows = rows_of(compiled)
    made = [r for r in rows.values() if r["decision"] == "decomposed"]
    assert len(made) >= 2
    assert all(r["output_error"] <= 0.05 for r in made)
    assert all(r["weight_error"] > 0.3 for r in made)
    before = build(module.clone({}), tmp_path / "p.so", CompileOptions(decompose_conv="max-error=0.05"))
    assert all(r["decision"] == "kept" for r in rows_of(before).values())
    (want,) = Interpreter(module).run([x])
    got = np.asarray(nw.load(tmp_path / "m.so")(x), np.float64)
    error = np.linalg.norm(got - want) / np.linalg.norm(np.asarray(want, np.float64))
    found = compiled.manifest["quality"]
    assert found["error"] == pytest.approx(error, rel=1e-2) and 0 < error < 0.15
    assert found["accuracy_before"] == pytest.approx((want.argmax(1) == labels).mean(), abs=1e-4)
    assert found["accuracy_after"] == pytest.approx((got.argmax(1) == labels).mean(), abs=1e-4)
    assert (found["samples"], found["inputs"]) == (24, "given")


def test_one_layer_is_independent_of_the_rest(tmp_path: Path) -> None:
    """The error of one decomposed layer's output, from the result of the library alone."""
    rng = np.random.default_rng(1)
    filters = rng.normal(size=(3, 3, 16, 24)).astype(np.float32)
    module = graph(
        lambda b, x: b(Conv2D, x, constant(b, filters, "w"), padding="SAME"), [tensor(n, 14, 14, 16)]
    )
    x = images(9, 14, 16, 3)
    (want,) = Interpreter(module).run([x])
    for rank in (2, 8, 48):
        budget = f"force rank={rank}"
        compiled = build(
            module.clone({}),
            tmp_path / f"m{rank}.so",
            CompileOptions(decompose_conv=budget, calibrate=saved(tmp_path, x=x)),
        )
        plain = build(module.clone({}), tmp_path / f"p{rank}.so", CompileOptions(decompose_conv=budget))
        errors = [
            float(np.linalg.norm(nw.load(c.path)(x) - want) / np.linalg.norm(want)) for c in (compiled, plain)
        ]
        (row,) = rows_of(compiled).values()
        assert row["output_error"] == pytest.approx(errors[0], rel=1e-3, abs=1e-6)
        assert errors[0] <= errors[1] + 1e-6
        assert compiled.manifest["quality"]["error"] == pytest.approx(errors[0], rel=1e-2, abs=1e-6)
    assert errors[0] < 1e-6


def test_random_inputs_without_a_file(tmp_path: Path) -> None:
    options = CompileOptions(decompose_conv="force rank=8")
    module = network()
    compiled = build(module.clone({}), tmp_path / "m.so", options)
    found = compiled.manifest["quality"]
    assert (found["inputs"], found["samples"], found["accuracy_before"]) == ("random", 16, None)
    inputs = random_calibration(module).inputs
    (want,) = Interpreter(module).run([inputs["x0"]])
    got = nw.load(compiled.path)(inputs["x0"])
    error = np.linalg.norm(got - want) / np.linalg.norm(want)
    assert found["error"] == pytest.approx(error, rel=1e-2) and error > 0.1
    (tmp_path / "again").mkdir()
    again = build(module, tmp_path / "again" / "m.so", options)
    assert Path(again.path).read_bytes() == Path(compiled.path).read_bytes()


def test_nothing_decomposed_changes_nothing(tmp_path: Path) -> None:
    options = CompileOptions(decompose_conv="max-error=0")
    found = build(network(), tmp_path / "m.so", options).manifest["quality"]
    assert found["error"] == 0 and found["accuracy_after"] is None
    path = saved(tmp_path, x=images(5, 12, 16, 0), y=np.arange(5))
    found = build(network(), tmp_path / "m.so", options.replace(calibrate=path)).manifest["quality"]
    assert found["error"] == 0 and found["accuracy_before"] == found["accuracy_after"]


def test_a_model_of_a_fixed_batch(tmp_path: Path) -> None:
    """Samples fill it up in part."""
    rng = np.random.default_rng(1)
    filters = rng.normal(size=(3, 3, 8, 16)).astype(np.float32)

    def module(batch: Dim) -> Op:
        return graph(lambda b, x: b(Conv2D, x, constant(b, filters, "w")), [tensor(batch, 9, 9, 8)])

    path = saved(tmp_path, x=images(6, 9, 8, 0))
    options = CompileOptions(decompose_conv="force rank=3", calibrate=path)
    fixed, free = (build(module(batch), tmp_path / "m.so", options) for batch in (4, n))
    (a,), (b,) = (rows_of(c).values() for c in (fixed, free))
    assert a["output_error"] == pytest.approx(b["output_error"], rel=1e-4)
    assert fixed.manifest["quality"]["error"] == pytest.approx(free.manifest["quality"]["error"], rel=1e-3)


def test_layers_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    weights = rng.normal(size=(16, 16)).astype(np.float32)

    def make(b: Builder, x: Value) -> Value:
        y = b(Relu, b(MatMul, x, constant(b, weights, "w")))
        return b(MatMul, y, constant(b, weights, "w"))

    x = rng.normal(size=(50, 16)).astype(np.float32)
    found = moments(graph(make, [tensor(n, 16)]), Calibration({"x0": x}), FORCE)
    assert set(found) == {"w", "w#1"}
    second = np.maximum(x @ weights, 0).astype(np.float64)
    np.testing.assert_allclose(found["w#1"].values[0], second.T @ second / 50, rtol=1e-4, atol=1e-4)


def test_labels_and_samples_that_do_not_fit(tmp_path: Path) -> None:
    x = images(5, 12, 16, 0)
    options = CompileOptions(
        decompose_conv="force rank=4", calibrate=saved(tmp_path, x=x, y=np.zeros((5, 3)))
    )
    with pytest.raises(
        InputError, match=r"expected labels as numbers of classes.*received 5x3.*outputs: y0 5x10"
    ):
        build(network(), tmp_path / "m.so", options)
    assert not (tmp_path / "m.so").exists()
    options = options.replace(calibrate=saved(tmp_path, x=x[:, :5]))
    with pytest.raises(InputError, match=r"'x': expected the shape samplesx12x12x16"):
        build(network(), tmp_path / "m.so", options)


def test_sizes_known_at_run_time(tmp_path: Path) -> None:
    h, w = Sym.symbol("h"), Sym.symbol("w")
    filters = np.random.default_rng(0).normal(size=(3, 3, 8, 16)).astype(np.float32)
    module = graph(lambda b, x: b(Conv2D, x, constant(b, filters, "w"), padding="SAME"), [tensor(n, h, w, 8)])
    x = images(3, 11, 8, 0)
    compiled = build(
        module,
        tmp_path / "m.so",
        CompileOptions(decompose_conv="force rank=6", calibrate=saved(tmp_path, x=x)),
    )
    (row,) = rows_of(compiled).values()
    assert compiled.manifest["quality"]["error"] == pytest.approx(row["output_error"], rel=1e-2)


def test_quality_counts_the_worst_output(tmp_path: Path) -> None:
    """Each output for itself; what is not finite must stay so."""

    def model(name: str, scale: float) -> nw.Model:
        def make(b: Builder, x: Value) -> tuple[Value, Value]:
            big = constant(b, np.full((1, 3), 1000.0, np.float32), "big")
            small = constant(b, np.full((1, 3), scale, np.float32), "small")
            return b(Add, x, big), b(Add, x, small)

        compile_module(graph(make, [tensor(n, 3)]), tmp_path / name)
        return nw.load(tmp_path / name)

    x = np.ones((20, 3), np.float32)
    before, after = model("a.so", 1.0), model("b.so", 1.5)
    found = quality(before, after, Calibration({"x0": x}))
    assert found.error == pytest.approx(0.25) and found.accuracy_before is None
    x[3, 1] = np.inf
    assert quality(before, after, Calibration({"x0": x})).error == pytest.approx(0.25, rel=1e-2)
    assert quality(before, before, Calibration({"x0": x})).error == 0
