"""What the tests of gradients share: gradients by the interpreter beside differences of results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from netwright.compiler.autodiff import gradients
from netwright.compiler.ir.core import Builder, Op, Value
from netwright.compiler.ir.types import TensorType
from netwright.compiler.ir.verify import verify
from netwright.compiler.ops.builtin import finish_function, new_function, new_module
from netwright.compiler.ops.interpreter import run_module
from netwright.runtime.spec import dtype_of

Array = np.ndarray[Any, Any]
Build = Callable[..., "Value | Sequence[Value]"]


def forward(build: Build, types: Sequence[TensorType]) -> Op:
    """A module that gives the results of `build(builder, *arguments)`."""
    module = new_module()
    func, block = new_function(module, "main", [(f"x{i}", t) for i, t in enumerate(types)])
    finish_function(func, [(f"y{i}", y) for i, y in enumerate(results(build(Builder(block), *block.args)))])
    verify(module)
    return module


def backward(
    build: Build, types: Sequence[TensorType], wrt: Sequence[int], order: int = 1
) -> tuple[Op, list[TensorType], list[int]]:
    """A module that takes the arguments and the gradients of the results of floats, and gives those of `wrt`, of which
    those that are None are left out; the results' types; which of `wrt` have a gradient.

    With `order` 2 it gives the gradients of the sum of the squares of these gradients.
    """
    kinds = [v.type for v in functions_results(forward(build, types))]
    floats = [t for t in kinds if isinstance(t, TensorType) and t.dtype.is_float]
    module = new_module()
    named = [*((f"x{i}", t) for i, t in enumerate(types)), *((f"d{i}", t) for i, t in enumerate(floats))]
    func, block = new_function(module, "main", named)
    b, xs, dys = Builder(block), block.args[: len(types)], block.args[len(types) :]
    ys = [y for y in results(build(b, *xs)) if isinstance(y.type, TensorType) and y.type.dtype.is_float]
    found = gradients(b, ys, [xs[i] for i in wrt], dys)
    for _ in range(order - 1):
        some = [g for g in found if g is not None]
        found = gradients(b, some, [xs[i] for i in wrt], some)
    there = [i for i, g in zip(wrt, found, strict=True) if g is not None]
    finish_function(func, [(f"g{i}", g) for i, g in zip(wrt, found, strict=True) if g is not None])
    verify(module)
    return module, floats, there


def results(made: Value | Sequence[Value]) -> list[Value]:
    return [made] if isinstance(made, Value) else list(made)


def functions_results(module: Op) -> Sequence[Value]:
    (func,) = module.body.ops
    return func.body.terminator.operands


def types_of(arrays: Sequence[Array]) -> list[TensorType]:
    return [TensorType(a.shape, dtype_of(a.dtype)) for a in arrays]


def floating(arrays: Sequence[Array]) -> list[int]:
    return [i for i, a in enumerate(arrays) if a.dtype.kind == "f"]


def gradients_of(
    build: Build, arrays: Sequence[Array], dys: Sequence[Array], wrt: Sequence[int]
) -> dict[int, Array]:
    """The gradients by number of the argument."""
    module, _, there = backward(build, types_of(arrays), wrt)
    return dict(zip(there, run_module(module, [*arrays, *dys]), strict=True))


def check_gradient(
    build: Build,
    *arrays: Array,
    wrt: Sequence[int] | None = None,
    step: float = 1e-6,
    tolerance: float = 1e-6,
    seed: int = 0,
) -> None:
    """Compares the gradients by `wrt` (default: all floats) for random gradients of the results with central
    differences. An argument that has no gradient must have no influence."""
    chosen = list(floating(arrays) if wrt is None else wrt)
    module = forward(build, types_of(arrays))
    made = [np.asarray(y) for y in run_module(module, list(arrays))]
    rng = np.random.default_rng(seed)
    dys = [rng.normal(size=y.shape).astype(y.dtype) for y in made if y.dtype.kind == "f"]
    found = gradients_of(build, arrays, dys, chosen)
    for i in chosen:
        want = differences(module, arrays, dys, i, step)
        got = found.get(i, np.zeros_like(want))
        assert got.shape == want.shape and got.dtype == arrays[i].dtype
        top = max(np.abs(want).max(initial=0.0), 1e-3)
        error = np.abs(got - want).max(initial=0.0)
        assert error <= tolerance * top, f"operand {i}: error {error:.3g} of {top:.3g}\n{got}\n{want}"


def differences(module: Op, arrays: Sequence[Array], dys: Sequence[Array], i: int, step: float) -> Array:
    """The derivative of the results times `dys` by each element of an argument."""
    out = np.zeros(arrays[i].shape, np.float64)

    def value(place: tuple[int, ...], change: float) -> float:
        moved = [a.copy() for a in arrays]
        moved[i][place] += change
        made = [y for y in run_module(module, moved) if y.dtype.kind == "f"]
        parts = zip(made, dys, strict=True)
        return float(sum((np.asarray(y, np.float64) * d).sum() for y, d in parts))

    for place in np.ndindex(*out.shape):
        out[place] = (value(place, step) - value(place, -step)) / (2 * step)
    return out
