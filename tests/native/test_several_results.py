"""Pointwise kernels with several results: an optimizer's update as one pass, and where groups must stay apart."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.driver import run_passes
from netwright.compiler.ir.core import Value
from netwright.compiler.kernels.dialect_kern import KernCall
from netwright.compiler.ops.activation import Exp, Neg, Relu, Sigmoid, Sqrt, Square, Tanh
from netwright.compiler.ops.builtin import functions
from netwright.compiler.ops.elementwise import Add, Cast, Div, Greater, Mul, Select, Sub
from netwright.compiler.ops.matmul import MatMul
from netwright.compiler.ops.reduce import ReduceMax
from netwright.compiler.ops.shape import Concat, Pad, Transpose
from netwright.compiler.options import CompileOptions
from netwright.compiler.target import resolve_target
from netwright.runtime.spec import f32, f64, i32

from ..helpers import check, constant, graph, n, tensor
from .test_assign_in_place import Step, check_steps, module_of


def families(module: Any, target: str = "native") -> list[str]:
    """The families of the calls that a module's function becomes; the module is consumed."""
    run_passes(module, CompileOptions(stop_after="form-kernels", target=target), resolve_target(target))
    kernels = {k.sym_name: k.family for k in module.body.ops if k.name == "kern.kernel"}
    calls = (op for op in functions(module)[0].walk() if isinstance(op, KernCall))
    return [kernels[c.kernel.name] for c in calls]


def adam(s: Step, name: str, g: Value) -> None:
    b = s.b

    def c(x: float) -> Value:
        return constant(b, np.float32(x))

    w, m, v = (s.read(name + k) for k in ("", "_m", "_v"))
    m2 = b(Add, b(Mul, m, c(0.9)), b(Mul, g, c(0.1)))
    v2 = b(Add, b(Mul, v, c(0.999)), b(Mul, b(Square, g), c(0.001)))
    s.assign(name + "_m", m2)
    s.assign(name + "_v", v2)
    step = b(Div, m2, b(Add, b(Sqrt, b(Square, v2)), c(1e-3)))
    s.assign(name, b(Sub, w, b(Mul, step, c(0.01))))


def slots(**shapes: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    return {name + k: shape for name, shape in shapes.items() for k in ("", "_m", "_v")}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("shape", [(), (1,), (7,), (64,), (33, 129), (0, 3), (300, 301)])
def test_adam(tmp_path: Path, shape: tuple[int, ...], threads: int) -> None:
    check_steps(lambda s, g: adam(s, "w", g), slots(w=shape), tmp_path, (shape,), copies=0, threads=threads)


def test_adam_is_one_kernel() -> None:
    def body(s: Step, x: Value, g: Value) -> None:
        adam(s, "w", s.b(MatMul, x, g))
        adam(s, "u", s.b(Neg, x))

    found = families(module_of(body, slots(w=(5, 6), u=(5, 4)), ((5, 4), (4, 6))))
    copies = 12  # of which the memory plan removes all
    assert sorted(found) == ["matmul"] + ["pointwise"] * (2 + copies)


def test_diamond(tmp_path: Path) -> None:
    """A value with three users, all of them results."""

    def net(b: Any, x: Any, y: Any) -> Any:
        a = b(Add, x, y)
        return a, b(Exp, a), b(Mul, b(Tanh, a), x), b(Greater, a, y)

    module = graph(net, [tensor(n, 37), tensor(n, 37)])
    assert families(module.clone({})) == ["pointwise"]
    check(module, tmp_path, [{"n": 1}, {"n": 7}, {"n": 300}, {"n": 0}])


def test_apart_where_something_runs_between(tmp_path: Path) -> None:
    def net(b: Any, x: Any) -> Any:
        a = b(Relu, x)
        top = b(ReduceMax, a, axes=(1,), keep_dims=True)
        e = b(Exp, b(Sub, a, top))
        return a, e, b(Add, e, b(Sigmoid, a))

    module = graph(net, [tensor(n, 50)])
    assert families(module.clone({})) == ["pointwise", "reduce", "pointwise"]
    check(module, tmp_path)


def test_what_reads_an_early_result_moves_behind(tmp_path: Path) -> None:
    def net(b: Any, x: Any, w: Any) -> Any:
        a = b(Tanh, x)
        z = b(MatMul, a, w)
        late = b(Mul, a, b(Neg, x))
        return z, late, b(Transpose, late, permutation=(1, 0)), b(Add, z, a)

    check(graph(net, [tensor(7, 7), tensor(7, 7)]), tmp_path, [{}])


@pytest.mark.parametrize("target", ["native", "x86-64-v3", "x86-64"])
def test_data_types_and_broadcasts(tmp_path: Path, target: str) -> None:
    def net(b: Any, x: Any, row: Any, column: Any) -> Any:
        a = b(Mul, b(Add, x, row), column)
        positive = b(Greater, a, constant(b, np.float32(0)))
        whole = b(Cast, a, dtype=i32)
        wide = b(Cast, b(Select, positive, a, x), dtype=f64)
        return a, positive, whole, wide

    module = graph(net, [tensor(5, n, 19), tensor(19), tensor(5, 1, 1)])
    assert families(module.clone({}), target) == ["pointwise"]
    check(module, tmp_path, [{"n": 1}, {"n": 6}], target=target)


def test_in_parts_of_other_buffers(tmp_path: Path) -> None:
    """One result in a concatenation, one inside of a padding."""

    def net(b: Any, x: Any) -> Any:
        a = b(Tanh, x)
        e = b(Exp, a)
        joined = b(Concat, a, b(ReduceMax, e, axes=(0,), keep_dims=True), axis=0)
        return joined, b(Pad, e, constant(b, np.float32(0)), low=(1, 2), high=(0, 3))

    check(graph(net, [tensor(9, 40)]), tmp_path, [{}])


def test_integer_division_by_zero_among_results(tmp_path: Path) -> None:
    def net(b: Any, x: Any, y: Any) -> Any:
        q = b(Div, x, y)
        return q, b(Add, q, x), b(Mul, q, q)

    x = np.arange(-10, 11, dtype=np.int32)
    module = graph(net, [tensor(21, dtype=i32), tensor(21, dtype=i32)])
    check(module, tmp_path, [{}], inputs=[x, np.where(x == 0, 3, x).astype(np.int32)])


@pytest.mark.parametrize("seed", range(10))
def test_random_webs(tmp_path: Path, seed: int) -> None:
    """Pointwise ops, products and maxima that read whatever was made before, half of it results."""
    rng = np.random.default_rng(seed)

    def net(b: Any, *given: Any) -> Any:
        values = list(given)
        for _ in range(25):
            x, y = (values[i] for i in rng.integers(0, len(values), 2))
            match int(rng.integers(0, 7)):
                case 0:
                    values.append(b(Tanh, b(MatMul, x, y)))
                case 1:
                    values.append(b(Sub, x, b(ReduceMax, y, axes=(1,), keep_dims=True)))
                case 2:
                    values.append(b(Sigmoid, x))
                case 3:
                    values.append(b(Relu, x))
                case _:
                    cls = (Add, Sub, Mul)[int(rng.integers(0, 3))]
                    values.append(b(Tanh, b(cls, x, y)))
        return tuple(values[i] for i in rng.permutation(np.arange(2, len(values)))[:12])

    check(graph(net, [tensor(6, 6, dtype=f32), tensor(6, 6)]), tmp_path, [{}], tolerance=1e-4)
