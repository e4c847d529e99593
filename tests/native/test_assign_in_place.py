"""Variables read and computed in place: values against the interpreter over several runs, and which copies are left."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.driver import compile_module
from netwright.compiler.ir.attributes import Dense, SymbolRef
from netwright.compiler.ir.core import Builder, Op, Value
from netwright.compiler.ops.activation import Relu
from netwright.compiler.ops.builtin import finish_function, new_function, new_module
from netwright.compiler.ops.elementwise import Add, Mul, Sub
from netwright.compiler.ops.interpreter import Interpreter
from netwright.compiler.ops.matmul import MatMul
from netwright.compiler.ops.shape import Reshape, Transpose
from netwright.compiler.ops.variable import AssignVariable, ReadVariable, Variable
from netwright.compiler.options import CompileOptions
from netwright.runtime import load

from ..helpers import close, constant, tensor

Array = np.ndarray[Any, Any]
_counter = itertools.count()


class Step:
    """A function over variables that is being written: `read`, `assign`, and ops by `b`."""

    def __init__(self, b: Builder, shapes: dict[str, tuple[int, ...]]) -> None:
        self.b, self.shapes = b, shapes

    def read(self, name: str) -> Value:
        return self.b(ReadVariable, variable=SymbolRef(name), type=tensor(*self.shapes[name]))

    def assign(self, name: str, v: Value) -> None:
        self.b.create(AssignVariable, v, variable=SymbolRef(name))


Body = Callable[..., "Value | None"]


def module_of(body: Body, shapes: dict[str, tuple[int, ...]], inputs: tuple[tuple[int, ...], ...]) -> Op:
    module = new_module()
    rng = np.random.default_rng(7)
    for name, shape in shapes.items():
        value = Dense(rng.normal(size=shape).astype(np.float32), name)
        module.body.insert(Variable(sym_name=name, value=value))
    func, block = new_function(module, "main", [(f"x{i}", tensor(*s)) for i, s in enumerate(inputs)])
    y = body(Step(Builder(block), shapes), *block.args)
    finish_function(func, [("y", y)] if y is not None else [])
    return module


def check_steps(
    body: Body,
    shapes: dict[str, tuple[int, ...]],
    folder: Path,
    inputs: tuple[tuple[int, ...], ...] = (),
    copies: int | None = None,
    threads: int = 2,
) -> None:
    """Three runs: results and the state after each as the interpreter's; `copies` calls move a whole buffer."""
    module = module_of(body, shapes, inputs)
    reference = Interpreter(module.clone({}))
    path = folder / f"m{next(_counter)}.so"
    compile_module(module, path, CompileOptions())
    model = load(path, threads=threads)
    rng = np.random.default_rng(3)
    for _ in range(3):
        arrays = [rng.normal(size=s).astype(np.float32) for s in inputs]
        want = reference.run(arrays)
        got = model.run({s.name: a for s, a in zip(model.inputs, arrays, strict=True)})
        for g, w in zip(got.values(), want, strict=True):
            close(g, w)
        for name in shapes:
            close(model.get_variable(name), reference.state[name])
    if copies is not None:
        assert [c["algorithm"] for c in model.manifest["calls"]].count("copy") == copies


SHAPES = {"a": (5, 3), "b": (5, 3)}


def update(s: Step, old: Value, g: Value) -> Value:
    """old - 0.1 g"""
    return s.b(Sub, old, s.b(Mul, g, constant(s.b, np.float32(0.1))))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("shape", [(), (1,), (3, 5), (0, 4), (513, 77)])
def test_descent_needs_no_copy(tmp_path: Path, shape: tuple[int, ...], threads: int) -> None:
    def body(s: Step, g: Value) -> None:
        s.assign("a", update(s, s.read("a"), g))

    check_steps(body, {"a": shape}, tmp_path, (shape,), copies=0, threads=threads)


def test_several_variables(tmp_path: Path) -> None:
    def body(s: Step, x: Value, g: Value) -> Value:
        a, b = s.read("a"), s.read("b")
        loss = s.b(MatMul, x, a)
        s.assign("a", update(s, a, s.b(MatMul, g, b)))
        s.assign("b", update(s, b, loss))
        return loss

    check_steps(body, {"a": (4, 6), "b": (6, 6)}, tmp_path, ((6, 4), (4, 6)), copies=0)


def test_swap(tmp_path: Path) -> None:
    def body(s: Step) -> None:
        a, b = s.read("a"), s.read("b")
        s.assign("a", b)
        s.assign("b", a)

    check_steps(body, SHAPES, tmp_path, copies=3)


def test_computed_swap(tmp_path: Path) -> None:
    """Each new value is computed from the other's old one: at least one old value has to be kept."""

    def body(s: Step) -> None:
        a, b = s.read("a"), s.read("b")
        s.assign("a", s.b(MatMul, b, a))
        s.assign("b", s.b(MatMul, a, b))

    check_steps(body, {"a": (3, 3), "b": (3, 3)}, tmp_path)


def test_pointwise_swap(tmp_path: Path) -> None:
    def body(s: Step) -> None:
        a, b = s.read("a"), s.read("b")
        new = s.b(Add, b, a)
        s.assign("a", new)
        s.assign("b", s.b(Mul, a, s.b(Relu, b)))

    check_steps(body, SHAPES, tmp_path)


def test_rotation(tmp_path: Path) -> None:
    def body(s: Step) -> None:
        a, b, c = map(s.read, "abc")
        s.assign("a", b)
        s.assign("b", c)
        s.assign("c", a)

    check_steps(body, {"a": (7,), "b": (7,), "c": (7,)}, tmp_path, copies=4)


def test_old_value_used_after_the_assignment(tmp_path: Path) -> None:
    def body(s: Step, g: Value) -> Value:
        old = s.read("a")
        s.assign("a", update(s, old, g))
        return s.b(MatMul, old, s.read("a"))

    check_steps(body, {"a": (4, 4)}, tmp_path, ((4, 4),))


def test_read_after_assignment(tmp_path: Path) -> None:
    def body(s: Step, g: Value) -> Value:
        s.assign("a", update(s, s.read("a"), g))
        new = s.read("a")
        s.assign("b", s.b(Add, s.read("b"), new))
        return s.b(Mul, new, new)

    check_steps(body, SHAPES, tmp_path, ((5, 3),))


def test_two_assignments(tmp_path: Path) -> None:
    def body(s: Step, g: Value) -> Value:
        first = update(s, s.read("a"), g)
        s.assign("a", first)
        second = s.b(Mul, s.read("a"), g)
        s.assign("a", second)
        return s.b(Add, first, second)

    check_steps(body, SHAPES, tmp_path, ((5, 3),))


def test_one_value_for_two_variables(tmp_path: Path) -> None:
    def body(s: Step, g: Value) -> None:
        new = update(s, s.read("a"), g)
        s.assign("b", new)
        s.assign("a", new)

    check_steps(body, SHAPES, tmp_path, ((5, 3),), copies=1)


def test_overwritten_between_two_assignments_of_a_value(tmp_path: Path) -> None:
    def body(s: Step, g: Value) -> None:
        x = update(s, s.read("b"), g)
        s.assign("a", x)
        s.assign("a", s.b(Relu, g))
        s.assign("b", x)

    check_steps(body, SHAPES, tmp_path, ((5, 3),))


def test_inputs_constants_and_results(tmp_path: Path) -> None:
    def body(s: Step, g: Value) -> Value:
        s.assign("a", g)
        s.assign("b", constant(s.b, np.ones((5, 3), np.float32)))
        new = s.b(Relu, s.read("c"))
        s.assign("c", s.b(Add, new, s.read("a")))
        s.assign("d", new)
        return new

    check_steps(body, dict.fromkeys("abcd", (5, 3)), tmp_path, ((5, 3),))


def test_itself(tmp_path: Path) -> None:
    def body(s: Step) -> None:
        s.assign("a", s.read("a"))

    check_steps(body, SHAPES, tmp_path)


@pytest.mark.parametrize("reshaped", [False, True])
def test_views(tmp_path: Path, reshaped: bool) -> None:
    """A new value under another shape is computed in place, one that is transposed is not."""

    def body(s: Step, x: Value, g: Value) -> None:
        old = s.read("a")
        if reshaped:
            s.assign("a", s.b(Reshape, s.b(Relu, s.b(MatMul, x, g)), shape=(2, 3, 6)))
        else:
            s.assign("b", s.b(Transpose, s.b(Reshape, old, shape=(6, 6)), permutation=(1, 0)))
            s.assign("a", s.b(Reshape, s.b(Transpose, s.read("b"), permutation=(1, 0)), shape=(2, 3, 6)))

    shapes = {"a": (2, 3, 6), "b": (6, 6)}
    check_steps(body, shapes, tmp_path, ((6, 4), (4, 6)), copies=0 if reshaped else None)


def test_transposed_itself(tmp_path: Path) -> None:
    def body(s: Step, g: Value) -> None:
        old = s.read("a")
        s.assign("a", s.b(Add, s.b(Transpose, old, permutation=(1, 0)), g))

    check_steps(body, {"a": (37, 37)}, tmp_path, ((37, 37),))


def test_used_at_other_places(tmp_path: Path) -> None:
    """A product with itself, and a column added to a row of the same numbers."""

    def body(s: Step, g: Value) -> None:
        old, row = s.read("a"), s.read("b")
        s.assign("a", s.b(Add, s.b(MatMul, old, old), s.b(Mul, row, g)))
        s.assign("b", s.b(MatMul, row, s.read("a")))

    check_steps(body, {"a": (8, 8), "b": (1, 8)}, tmp_path, ((8, 8),))


@pytest.mark.parametrize("seed", range(12))
def test_random_orders(tmp_path: Path, seed: int) -> None:
    """Reads, pointwise steps, products and assignments of three variables in any order."""
    rng = np.random.default_rng(seed)

    def body(s: Step, g: Value) -> Value:
        values = [g, s.read("a")]
        for _ in range(14):
            x, y = (values[i] for i in rng.integers(0, len(values), 2))
            name = str(rng.choice(list("abc")))
            match int(rng.integers(0, 6)):
                case 0 | 1:
                    values.append(s.read(name))
                case 2 | 3:
                    s.assign(name, x)
                case 4:
                    values.append(s.b(Sub, s.b(Mul, x, constant(s.b, np.float32(0.5))), y))
                case _:
                    values.append(s.b(Mul, s.b(MatMul, x, y), constant(s.b, np.float32(0.2))))
        return values[-1]

    check_steps(body, dict.fromkeys("abc", (4, 4)), tmp_path, ((4, 4),))
