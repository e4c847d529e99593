"""Why kernels were chosen: on calls, in dumps that parse back, in the manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.cost import winograd as cost
from netwright.compiler.cost.reasons import cycles_text
from netwright.compiler.explain.dump import read_dump
from netwright.compiler.ir.core import Builder, Op, Value
from netwright.compiler.ir.parser import parse_module
from netwright.compiler.ir.printer import Printer, print_op
from netwright.compiler.kernels.dialect_kern import KernCall, Kernel
from netwright.compiler.ops.activation import Relu
from netwright.compiler.ops.conv import Conv2D
from netwright.compiler.ops.matmul import MatMul
from netwright.compiler.ops.reduce import ReduceMean

from ..helpers import build, constant, graph, n, tensor


def _module() -> Op:
    rng = np.random.default_rng(0)

    def weights(b: Builder, *shape: int) -> Value:
        return constant(b, rng.normal(size=shape).astype(np.float32))

    def make(b: Builder, x: Value) -> Value:
        for kernel, c, o, groups in ((3, 64, 64, 1), (3, 64, 64, 1), (1, 64, 96, 1), (3, 1, 96, 96)):
            w = weights(b, kernel, kernel, c, o)
            x = b(Relu, b(Conv2D, x, w, strides=(1, 1), dilations=(1, 1), padding="SAME", groups=groups))
        return b(MatMul, b(ReduceMean, x, axes=(1, 2)), weights(b, 96, 10))

    return graph(make, [tensor(n, 28, 28, 64)])


def _row(rows: Any, family: str) -> Any:
    return next(r for r in rows if r["family"].startswith(family))


def test_manifest(tmp_path: Path) -> None:
    rows: Any = build(_module(), tmp_path, target="x86-64-v4").manifest["calls"]
    fast, direct, depthwise, product = (_row(rows, f) for f in ("winograd", "conv2d", "depthwise", "matmul"))
    assert fast["why"].startswith("F(4x4, 3x3) in ") and fast["cycles"].endswith("*n")
    assert "; direct " in fast["why"] and 1e-6 < fast["error_bound"] < 1e-5
    assert "of the multiply-add slots" in direct["why"] and "error_bound" not in direct
    assert "each channel on its own" in depthwise["why"]
    assert "packed weights" in product["why"]
    assert all(len(r["why"]) < 300 for r in rows)


def test_precise_says_so(tmp_path: Path) -> None:
    rows: Any = build(_module(), tmp_path, target="x86-64-v4", precise=True).manifest["calls"]
    assert "no transforms asked for" in _row(rows, "conv2d")["why"]


@pytest.mark.parametrize(
    ("out", "channels", "taps", "why"),
    [
        ((n, 28, 28, 64), 3, (3, 3), "too few channels"),
        ((n, 28, 28, 64), 33, (3, 3), "4 channels at a time"),
        ((n, 4, 4, 16), 16, (3, 3), "too small"),
        ((n, 28, 28, 64), 64, (2, 2), ""),
        ((n, n, 28, 64), 64, (3, 3), ""),
        ((n, 28, 28, 64), 64, (3, 3), "F(4x4, 3x3) in "),
    ],
)
def test_what_speaks_against_transforms(out: Any, channels: int, taps: tuple[int, int], why: str) -> None:
    from netwright.compiler.target import TARGETS

    direct = 1e3 if out[1] == 4 else 1e6
    found = cost.why_direct(TARGETS["x86-64-v4"], out, channels, 64, taps, direct)
    assert why in found
    assert bool(found) == bool(why)


def test_dumps_parse_back_and_calls_share_kernels(tmp_path: Path) -> None:
    build(_module(), tmp_path, target="x86-64-v4", dump_ir=str(tmp_path / "d"))
    path = next((tmp_path / "d").glob("*form-kernels.mlir"))
    module = read_dump(path)
    calls = [op for op in module.walk() if isinstance(op, KernCall)]
    assert any("direct" in c.why and c.error_bound > 0 for c in calls)
    assert all(c.cycles != 0 for c in calls)
    body = "".join(x for x in path.read_text().splitlines(True) if not x.startswith("// resources"))
    assert print_op(module) == body
    printer = Printer(generic=True)
    again = parse_module(printer.print(module), resources={k: d.array for k, d in printer.resources.items()})
    found = [op for op in again.walk() if isinstance(op, KernCall)]
    assert [(c.why, c.cycles, c.error_bound) for c in found] == [
        (c.why, c.cycles, c.error_bound) for c in calls
    ]
    names = {op.sym_name for op in module.walk() if isinstance(op, Kernel)}
    assert len([c for c in calls if "winograd" in c.kernel.name]) >= 2
    assert len({c.kernel.name for c in calls}) == len(names) < len(calls)


def test_cycles_in_words() -> None:
    assert [cycles_text(v) for v in (7, 940.4, 999.9, 61_234, 1_234_567, 99e6, 3e9)] == [
        "7", "940", "1.0k", "61k", "1.2M", "99M", "3.0G",
    ]  # fmt: skip
