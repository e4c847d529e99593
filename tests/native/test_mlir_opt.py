"""Our generic form is MLIR's: mlir-opt reads it, checks it, and what it prints we read back equal."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
from pathlib import Path

import netwright.compiler.passes  # noqa: F401  registers ops and passes
import numpy as np
import pytest
from netwright.compiler.ir.attributes import Dense, Raw, SymbolRef, Unit
from netwright.compiler.ir.core import Builder, Op
from netwright.compiler.ir.location import Location
from netwright.compiler.ir.parser import parse_module
from netwright.compiler.ir.printer import Printer
from netwright.compiler.ir.types import TensorType
from netwright.compiler.ir.verify import verify
from netwright.compiler.ops.activation import Exp
from netwright.compiler.ops.builtin import finish_function, new_function, new_module
from netwright.compiler.ops.constant import Constant
from netwright.compiler.ops.variable import Variable
from netwright.runtime.spec import DTYPES, DType, bf16, f32, u8

TOOL = shutil.which("mlir-opt-19") or shutil.which("mlir-opt")
OPTIONS = ["--allow-unregistered-dialect", "--mlir-print-op-generic", "--mlir-print-debuginfo"]
PASS_FILES = sorted((Path(__file__).parents[1] / "data" / "passes").glob("*/*.mlir"))

pytestmark = pytest.mark.skipif(TOOL is None and not os.environ.get("CI"), reason="needs mlir-opt-19")


def mlir_opt(text: str) -> str:
    """What mlir-opt makes of the text; its complaint fails the test."""
    assert TOOL is not None, "mlir-opt-19 must be installed where CI is set"
    done = subprocess.run([TOOL, *OPTIONS], input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def check(module: Op) -> None:
    """The module goes through mlir-opt and comes back equal, locations included."""
    verify(module)
    printer = Printer(generic=True, names=False)
    text = printer.print(module)
    resources = {name: d.array for name, d in printer.resources.items()}
    again = parse_module(mlir_opt(text), resources=resources)
    verify(again)
    assert Printer(generic=True, names=False).print(again) == text


@pytest.mark.parametrize("path", PASS_FILES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_pass_tests_go_through(path: Path) -> None:
    check(parse_module(path.read_text(encoding="utf-8")))


def module_with(**attributes: object) -> Op:
    """A variable, and a function with one op that has these attributes besides its own."""
    module = new_module()
    value = Dense(np.float32(1).reshape(()), "")
    module.body.insert(Variable(sym_name="a/b", value=value))
    func, block = new_function(module, "main", [("x", TensorType((2,), f32))])
    finish_function(func, [("y", Builder(block)(Exp, block.args[0], **attributes))])
    return module


def test_attributes_of_all_kinds() -> None:
    check(
        module_with(
            t=True, f=False, i=-5, big=2**62, zero=-0.0, tenth=0.1, small=5e-324, large=1e300, whole=1e22,
            inf=math.inf, ninf=-math.inf, nan=math.nan, empty="", quotes='" and \\ and \\AB', lines="a\nb\tc\0d\x7f",
            words="grüße 漢字 🙂 \u2028", ints=(1, 2), mixed=(1.5, "x", True, Unit(), ()), none={}, unit=Unit(),
            nested={"a b": 1, "c": {"d": f32}}, symbol=SymbolRef("a/b"), kind=u8, type=TensorType((2, 3), bf16),
            raw=Raw("affine_map<(d0) -> (d0)>"),
        )
    )  # fmt: skip


@pytest.mark.parametrize(
    "location",
    [
        Location(),
        Location.name("conv1/Conv2D"),
        Location.name('quotes " and \\ and é'),
        Location.file("dir/model.py", 3, 4),
        Location.fused(Location.name("a"), Location.file("b.py", 1), Location.name("c")),
    ],
    ids=str,
)
def test_locations(location: Location) -> None:
    module = module_with()
    for op in module.walk():
        op.location = location
    check(module)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_constants(dtype: DType) -> None:
    module = new_module("constants/all")
    func, block = new_function(module, "main", [])
    b, rng = Builder(block), np.random.default_rng(0)
    values = []
    for shape in ((), (1,), (7,), (2, 3), (0, 2), (5, 5)):
        size = math.prod(shape) * dtype.numpy.itemsize
        bits = rng.integers(0, 2 if dtype.kind == "b" else 256, size, np.uint8)
        array = np.frombuffer(bits.tobytes(), dtype.numpy).reshape(shape)
        values.append(Dense(array, f"layer/{len(values)} w", dtype))
    values.append(Dense(np.broadcast_to(values[0].array, (100,)), "splat", dtype))
    finish_function(func, [(f"{i}", b(Constant, value=v)) for i, v in enumerate(values)])
    check(module)


def test_modules_without_ops() -> None:
    check(new_module())
    check(new_module("a b"))
