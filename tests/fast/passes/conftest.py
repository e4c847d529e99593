"""Pass tests: IR text before and after, the reasons given, and equal results of both on random inputs.

`tests/data/passes/<pass>/*.mlir` holds the module before; behind the line `// ----- after` stand, as comments,
the module after and the reasons. The first line is the command that runs the file by hand. After a change,
`pytest tests/fast/passes --update-golden` rewrites the comments, to be read in the diff.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import netwright.compiler.passes  # noqa: F401  registers the passes
import numpy as np
import pytest
from netwright.compiler.ir.attributes import Array
from netwright.compiler.ir.core import Op
from netwright.compiler.ir.dims import evaluate_dim, parse_dim, symbols_of
from netwright.compiler.ir.parser import parse_module
from netwright.compiler.ir.passes import PassContext, PassManager, parse_pipeline
from netwright.compiler.ir.printer import print_op
from netwright.compiler.ir.types import TensorType
from netwright.compiler.ir.verify import verify
from netwright.compiler.ops.builtin import FuncOp, functions
from netwright.compiler.ops.interpreter import Interpreter

DATA = Path(__file__).parents[2] / "data" / "passes"
MARK = "// ----- after"
COMMAND = "// netwright opt --pass "
SPECIAL = [np.nan, -0.0, 0.0, np.inf, -np.inf]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "golden" in metafunc.fixturenames:
        name = Path(metafunc.module.__file__).stem.removeprefix("test_").replace("_", "-")
        paths = sorted((DATA / name).glob("*.mlir"))
        metafunc.parametrize("golden", paths, ids=[p.stem for p in paths])


class Outcome:
    """A module after a pipeline, its text, and the reasons as `op (location): reason`."""

    def __init__(self, module: Op, context: PassContext) -> None:
        self.module = module
        self.text = print_op(module, locations=False)
        self.located = print_op(module)
        self.reasons = [f"{r.op_name} ({r.location}): {r.reason}" for r in context.remarks]
        self.statistics = context.statistics

    def count(self, name: str) -> int:
        return sum(op.name == name for op in self.module.walk())


def run(pipeline: str, text: str) -> Outcome:
    """Runs passes on IR text; the law of the IR holds before and after, and running again changes nothing."""
    module = parse_module(text)
    verify(module)
    context = PassContext()
    manager = PassManager(parse_pipeline(pipeline))
    manager.run(module, context)
    verify(module)
    outcome = Outcome(module, context)
    manager.run(module, PassContext())
    verify(module)
    assert print_op(module) == outcome.located, "running again changes the module"
    assert print_op(parse_module(outcome.located)) == outcome.located
    return outcome


def random_inputs(func: FuncOp, seed: int) -> list[Array]:
    """Arrays of odd sizes; from seed 1 on with NaN, infinities and zeros of both signs among them. Where
    sizes must agree, all symbols are equal."""
    rng = np.random.default_rng(seed)
    symbols = sorted(
        s
        for a in func.body.args
        if isinstance(a.type, TensorType)
        for d in a.type.shape
        for s in symbols_of(d)
    )
    required = any(op.attributes.get("requires") for op in func.walk())
    env = {s: 3 if required else int(rng.choice([1, 3, 5, 7])) for s in symbols}
    arrays: list[Array] = []
    for a in func.body.args:
        assert isinstance(a.type, TensorType)
        shape = [evaluate_dim(parse_dim(str(d)), env) for d in a.type.shape]
        if a.type.dtype.is_float:
            x = np.asarray(rng.standard_normal(shape))
            if seed:
                x = np.where(rng.random(shape) < 0.2, rng.choice(SPECIAL, shape), x)
            arrays.append(np.asarray(x, a.type.dtype.numpy))
        elif a.type.dtype.kind == "b":
            arrays.append(np.asarray(rng.random(shape) < 0.5))
        else:
            arrays.append(np.asarray(rng.integers(1, 4, shape), a.type.dtype.numpy))
    return arrays


def assert_same(got: Array, want: Array, tolerance: float = 0.0) -> None:
    """Equal dtype and shape, equal positions of NaN, and equal bits elsewhere unless there is a tolerance."""
    assert got.dtype == want.dtype
    assert got.shape == want.shape
    if want.dtype.kind != "f":
        np.testing.assert_array_equal(got, want)
        return
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
    known = ~np.isnan(want)
    if tolerance:
        scale = float(np.max(np.abs(want[np.isfinite(want)]), initial=1.0))
        np.testing.assert_allclose(got[known], want[known], rtol=0, atol=tolerance * scale)
    else:
        np.testing.assert_array_equal(got[known].view(np.uint8), want[known].view(np.uint8))


def check_equal(text: str, module: Op, tolerance: float = 0.0) -> None:
    """`module` computes what the module in `text` computes; two runs in a row, for what variables hold."""
    original = parse_module(text)
    for func in functions(original):
        before, after = Interpreter(original), Interpreter(module)
        for seed in (0, 1) if not tolerance else (0,):
            inputs = random_inputs(func, seed)
            want = before.run(inputs, func.sym_name)
            got = after.run(inputs, func.sym_name)
            for g, w in zip(got, want, strict=True):
                assert_same(g, w, tolerance)


@pytest.fixture
def run_pass() -> Callable[[str, str], Outcome]:
    """Runs a pipeline on IR text and compares the results of the module before and after."""

    def check(pipeline: str, text: str, tolerance: float = 0.0) -> Outcome:
        outcome = run(pipeline, text)
        check_equal(text, outcome.module, tolerance)
        return outcome

    return check


@pytest.fixture
def check_golden(pytestconfig: pytest.Config) -> Callable[..., None]:
    """Runs the command in a file's first line and compares with what stands behind its mark."""

    def check(path: Path, tolerance: float = 0.0) -> None:
        text = path.read_text(encoding="utf-8")
        before, _, kept = text.partition(MARK)
        command = before.partition("\n")[0]
        assert command.startswith(COMMAND) and command.endswith(" %s"), "the first line is the command"
        outcome = run(command.removeprefix(COMMAND).removesuffix(" %s"), before)
        check_equal(before, outcome.module, tolerance)
        shown = outcome.located if "loc(" in before else outcome.text
        lines = shown.splitlines() + [f"reason: {r}" for r in outcome.reasons]
        now = "\n" + "".join(f"// {line}\n" for line in lines)
        if pytestconfig.getoption("--update-golden"):
            path.write_text(before + MARK + now, encoding="utf-8")
        else:
            assert now == kept

    return check
