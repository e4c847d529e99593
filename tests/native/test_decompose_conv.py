"""Decomposed convolutions: equal at full rank, compiled and interpreted; budgets; predictions."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.cost.predict import ConvShape, conv_cycles
from netwright.compiler.driver import compile_module
from netwright.compiler.ir.core import Builder, Op, Value
from netwright.compiler.ir.dims import Dim, Sym, evaluate_dim, parse_dim
from netwright.compiler.ir.passes import PassContext
from netwright.compiler.ir.verify import verify
from netwright.compiler.ops.activation import Relu
from netwright.compiler.ops.conv import Conv2D
from netwright.compiler.ops.elementwise import Add
from netwright.compiler.ops.interpreter import Interpreter
from netwright.compiler.ops.matmul import MatMul
from netwright.compiler.ops.pool import MaxPool2D
from netwright.compiler.ops.shape import Concat
from netwright.compiler.options import CompileOptions
from netwright.compiler.passes.decompose_conv import DECOMPOSITIONS, parse_decomposition
from netwright.compiler.passes.decomposition import decompose
from netwright.compiler.passes.rank_choice import Wish
from netwright.compiler.target import resolve_target
from netwright.runtime.errors import OptionError

from ..helpers import Array, build, check, close, constant, graph, n, random_inputs, tensor

TARGET = resolve_target("native")
H, W = Sym.symbol("h"), Sym.symbol("w")


def conv(
    kernel: tuple[int, int],
    channels: int,
    out: int,
    groups: int,
    sizes: tuple[Dim, Dim],
    seed: int,
    **window: Any,
) -> Op:
    """A convolution with a bias and a relu."""
    rng = np.random.default_rng(seed)
    filters = rng.normal(size=(*kernel, channels // groups, out)).astype(np.float32)
    bias = rng.normal(size=out).astype(np.float32)

    def make(b: Builder, x: Value) -> Value:
        y = b(Conv2D, x, constant(b, filters, "w"), **window)
        return b(Relu, b(Add, y, constant(b, bias, "bias")))

    return graph(make, [tensor(n, *sizes, channels)])


def decomposed(module: Op, text: str) -> Op:
    parse_decomposition(text).run(module, PassContext(target=TARGET))
    verify(module)
    return module


def rows_of(module: Op) -> list[dict[str, Any]]:
    return list(module.attributes.get(DECOMPOSITIONS, ()))


KERNELS = list(itertools.product((2, 3, 5, 7), (1, 2, 3, 5, 7)))
WINDOWS: list[dict[str, Any]] = [
    {"padding": "SAME"},
    {"padding": "VALID"},
    {"padding": "EXPLICIT", "pads": (2, 0, 1, 3)},
    {"padding": "SAME", "strides": (2, 3)},
    {"padding": "SAME", "strides": (1, 2), "dilations": (2, 1)},
    {"padding": "VALID", "strides": (3, 1), "dilations": (1, 2)},
    {"padding": "EXPLICIT", "pads": (0, 4, 5, 1), "strides": (2, 2)},
]
#: channels, results, groups; depthwise ones last, the second with two results a channel
LAYERS = [(4, 6, 1), (6, 4, 2), (1, 3, 1), (8, 8, 8), (6, 12, 6)]


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_full_rank_computes_the_same(kernel: tuple[int, int]) -> None:
    """For known sizes and for symbols."""
    for i, (window, layer) in enumerate(itertools.product(WINDOWS, LAYERS)):
        sizes: tuple[Dim, Dim] = (H, W) if i % 2 else (17, 16)
        original = conv(kernel, *layer, sizes, i, **window)
        module = decomposed(original.clone({}), "force rank=1000")
        assert len(rows_of(module)) == (kernel[1] > 1)
        inputs = random_inputs(original, {"n": 2, "h": 15, "w": 18}, i)
        (want,), (got,) = (Interpreter(m).run(inputs) for m in (original, module))
        close(got, want)


@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_compiled(window: dict[str, Any], layer: tuple[int, int, int], tmp_path: Path) -> None:
    kernel = KERNELS[1:][sum(layer) * len(window) % (len(KERNELS) - 1)]
    kernel = (kernel[0], max(kernel[1], 2))
    sizes: tuple[Dim, Dim] = (H, W) if layer[2] == 1 else (17, 16)
    original = conv(kernel, *layer, sizes, 0, **window)
    module = decomposed(original.clone({}), "force rank=1000")
    env = [{"n": k, "h": 14, "w": 19} for k in (1, 2)]
    model = check(module, tmp_path, sizes=env)
    inputs = random_inputs(original, env[1])
    (want,) = Interpreter(original).run(inputs)
    (name,) = (s.name for s in model.inputs)
    (got,) = model.run({name: inputs[0]}).values()
    close(got, want)


def network(seed: int) -> Op:
    """A random network of convolutions of nearly low rank, pools, additions and concatenations, with a dense end."""
    rng = np.random.default_rng(seed)
    channels, size = int(rng.choice([32, 48])), int(rng.choice([14, 20]))

    def filters(kh: int, kw: int, c: int, o: int) -> Array:
        rank = int(rng.integers(4, 13))
        a, b = rng.normal(size=(kw * c, rank)), rng.normal(size=(rank, kh * o))
        k = (a @ b).reshape(kw, c, kh, o).transpose(2, 0, 1, 3) / np.sqrt(rank * kh * kw * c)
        return (k + rng.normal(size=k.shape) * 0.003).astype(np.float32)

    def make(b: Builder, x: Value) -> Value:
        c = channels
        for i in range(3):
            kh, kw = (int(k) for k in rng.choice([3, 5], 2))
            y = b(Conv2D, x, constant(b, filters(kh, kw, c, c), f"w{i}"), padding="SAME")
            y = b(Relu, b(Add, y, constant(b, rng.normal(size=c).astype(np.float32), f"b{i}")))
            kind = rng.integers(3)
            if kind == 0:
                x = b(Add, x, y)
            elif kind == 1:
                x, c = b(Concat, x, y, axis=3), 2 * c
            else:
                x = b(MaxPool2D, y, kernel=(2, 2), strides=(2, 2))
        dense = rng.normal(size=(c, 8)) @ rng.normal(size=(8, 64)) / c
        return b(MatMul, x, constant(b, dense.astype(np.float32), "dense"))

    return graph(make, [tensor(1, size, size, channels)])


@pytest.mark.parametrize("seed", range(4))
def test_budgets(seed: int, tmp_path: Path) -> None:
    original = network(seed)
    inputs = random_inputs(original, {})
    (want,) = Interpreter(original).run(inputs)
    for text in ("max-error=0", "max-error=0.1", "max-error=0.3"):
        budget = float(text.partition("=")[2])
        module = decomposed(original.clone({}), text)
        rows = rows_of(module)
        assert all(r["weight_error"] <= max(budget, 2**-23) for r in rows)
        assert all(r["cycles_after"] <= r["cycles_before"] for r in rows)
        assert budget == 0 or any(r["decision"] == "decomposed" for r in rows)
        (got,) = Interpreter(module).run(inputs)
        assert np.linalg.norm(got - want) <= (1e-5 + 6 * budget) * np.linalg.norm(want)
    errors: list[float] = []
    for share in (0.9, 0.6, 0.3):
        rows = rows_of(decomposed(original.clone({}), f"flops={share}"))
        able = [r for r in rows if r["reason"] != "no rank allowed is cheaper"]
        before, after = (sum(r[f"flops_{k}"] for r in able) for k in ("before", "after"))
        assert after <= share * before
        assert all(r["cycles_after"] <= r["cycles_before"] for r in rows)
        errors.append(sum(r["weight_error"] ** 2 for r in rows))
    assert errors == sorted(errors)
    check(decomposed(original.clone({}), "max-error=0.1"), tmp_path, sizes=[{}], tolerance=1e-4)


def test_both_budgets() -> None:
    """An error beside a share of FLOPs limits what each layer may lose."""
    original = network(3)
    rows = rows_of(decomposed(original.clone({}), "flops=0.1 max-error=0.02"))
    assert max(r["weight_error"] for r in rows) <= 0.02
    alone = rows_of(decomposed(original.clone({}), "flops=0.1"))
    assert sum(r["flops_after"] for r in alone) < sum(r["flops_after"] for r in rows)


def test_a_share_out_of_reach_is_said() -> None:
    rows = rows_of(decomposed(network(0), "flops=0.001"))
    assert any("0.001 of the FLOPs is out of reach" in r["reason"] for r in rows)


@pytest.mark.parametrize("precise", [False, True])
@pytest.mark.parametrize(
    ("kernel", "channels", "out", "groups", "window"),
    [
        ((3, 3), 64, 64, 1, {"padding": "SAME"}),
        ((1, 3), 64, 32, 1, {"padding": "SAME"}),
        ((7, 1), 48, 32, 1, {"padding": "SAME"}),
        ((5, 3), 24, 40, 1, {"padding": "SAME", "strides": (2, 2)}),
        ((3, 3), 32, 64, 2, {"padding": "VALID"}),
        ((3, 3), 64, 64, 64, {"padding": "SAME"}),
        ((3, 3), 32, 2, 1, {"padding": "SAME"}),
        ((1, 1), 64, 64, 1, {"padding": "VALID"}),
    ],
)
def test_predictions_are_those_of_kernels(
    kernel: tuple[int, int],
    channels: int,
    out: int,
    groups: int,
    window: dict[str, Any],
    precise: bool,
    tmp_path: Path,
) -> None:
    module = conv(kernel, channels, out, groups, (28, 28), 0, **window)
    size = tuple(1 if isinstance(d, Sym) else int(d) for d in module_result(module))
    shape = ConvShape(
        size,
        (*kernel, channels // groups, out),
        window.get("strides", (1, 1)),
        window.get("dilations", (1, 1)),
        groups,
    )
    made = compile_module(module, tmp_path / "m.so", CompileOptions(precise=precise)).manifest
    families = ("conv", "winograd", "depthwise")
    calls = [c for c in made["calls"] if c["family"].startswith(families)]
    assert calls
    cycles = sum(_for_one(c["cycles"]) for c in calls)
    assert conv_cycles(TARGET, shape, precise) == pytest.approx(cycles, rel=0.02)


def module_result(module: Op) -> tuple[Dim, ...]:
    (op,) = (op for op in module.walk() if isinstance(op, Conv2D))
    return op.result.type.shape  # type: ignore[attr-defined]


def _for_one(text: str) -> int:
    return evaluate_dim(parse_dim(text), {"n": 1})


def test_with_second_moments_the_output_counts() -> None:
    """A layer whose inputs have only few directions loses nothing with them."""
    rng = np.random.default_rng(0)
    base = np.kron(np.eye(3), rng.normal(size=(48, 2)))
    moment = base @ base.T

    def make(b: Builder, x: Value) -> Value:
        return b(Conv2D, x, constant(b, rng.normal(size=(3, 3, 16, 32)).astype(np.float32), "w"))

    module = graph(make, [tensor(1, 12, 12, 16)])
    (choice,) = decompose(module, PassContext(target=TARGET), Wish(0.05, force=True), {"w": moment[None]})
    (row,) = rows_of(module)
    assert choice.point is not None and row["rank"] <= 16 < row["full_rank"]
    assert row["output_error"] <= 0.05 < row["weight_error"]


def test_option(tmp_path: Path) -> None:
    original = network(1)
    compiled = compile_module(
        original.clone({}), tmp_path / "m.so", CompileOptions(decompose_conv="max-error=0.1")
    )
    assert "decompose-conv{max-error=0.1},fuse-conv-bias-relu" in compiled.manifest["pipeline"]
    rows = compiled.manifest["decompositions"]
    made = [r for r in rows if r["decision"] == "decomposed"]
    assert made and all(r["output_error"] is None for r in rows)
    assert any(c.get("error_bound", 0) >= made[0]["weight_error"] for c in compiled.manifest["calls"])
    plain = compile_module(original.clone({}), tmp_path / "p.so", CompileOptions())
    assert "decompositions" not in plain.manifest and "decompose" not in plain.manifest["pipeline"]
    build(original.clone({}), tmp_path, decompose_conv="flops=0.5")
    with pytest.raises(OptionError, match="expected --decompose-conv or --pipeline, received both"):
        compile_module(
            original, tmp_path / "q.so", CompileOptions(decompose_conv="flops=0.5", pipeline="cse")
        )
    with pytest.raises(OptionError, match="expected a module that was decomposed before its weights became"):
        compile_module(original, tmp_path / "q.so", CompileOptions(decompose_conv="flops=0.5", train="sgd"))
