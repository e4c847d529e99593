"""What tests share: one helper compiles a small graph and compares the library with the interpreter."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from netwright.compiler.driver import compile_module
from netwright.compiler.ir.attributes import Dense
from netwright.compiler.ir.core import Builder, Op, Value
from netwright.compiler.ir.dims import Dim, Sym, evaluate_dim
from netwright.compiler.ir.parser import parse_module
from netwright.compiler.ir.types import TensorType
from netwright.compiler.ops.builtin import finish_function, functions, new_function, new_module
from netwright.compiler.ops.constant import Constant
from netwright.compiler.ops.interpreter import Interpreter
from netwright.compiler.options import CompileOptions
from netwright.compiler.target import resolve_target
from netwright.runtime import Model, load
from netwright.runtime.spec import DType, f32

_counter = itertools.count()
n = Sym.symbol("n")
Array = np.ndarray[Any, Any]


def tensor(*shape: Dim, dtype: DType = f32) -> TensorType:
    return TensorType(shape, dtype)


def constant(b: Builder, array: Any, name: str = "c") -> Value:
    return b(Constant, value=Dense(np.asarray(array), name))


def graph(build: Callable[..., Value | tuple[Value, ...]], types: Sequence[TensorType]) -> Op:
    """A module with one function, whose body `build(builder, *arguments)` makes."""
    module = new_module()
    func, block = new_function(module, "main", [(f"x{i}", t) for i, t in enumerate(types)])
    made = build(Builder(block), *block.args)
    results = made if isinstance(made, tuple) else (made,)
    finish_function(func, [(f"y{i}", v) for i, v in enumerate(results)])
    return module


def bits_of_bfloat16(x: Array) -> Array:
    """Arrays of ml_dtypes as the interpreter has them."""
    return x.view(np.uint16) if x.dtype.name == "bfloat16" else x


def close(got: Any, want: Any, tolerance: float = 1e-5) -> None:
    """The project's law: largest difference over largest reference; NaN and infinities in equal places."""
    got, want = (bits_of_bfloat16(np.asarray(a)) for a in (got, want))
    assert got.shape == want.shape, f"shape {got.shape}, want {want.shape}"
    assert got.dtype == want.dtype, f"dtype {got.dtype}, want {want.dtype}"
    if want.dtype.kind in "iub" or want.size == 0:
        np.testing.assert_array_equal(got, want)
        return
    a, b = got.astype(np.float64), want.astype(np.float64)
    odd = ~np.isfinite(b)
    np.testing.assert_array_equal(a[odd], b[odd])
    assert np.isfinite(a[~odd]).all()
    top = np.abs(b[~odd]).max(initial=0.0)
    error = np.abs(a[~odd] - b[~odd]).max(initial=0.0)
    assert error <= (tolerance * top if top else 1e-6), f"error {error:.3g} of {top:.3g}"


def many_registers() -> bool:
    """Whether "native" has AVX-512: what a test says of kernels that were chosen by cost holds there."""
    return resolve_target("native").registers >= 32


def random_array(t: TensorType, sizes: dict[str, int], rng: np.random.Generator) -> Array:
    shape = tuple(evaluate_dim(d, sizes) for d in t.shape)
    if t.dtype.is_float:
        return rng.normal(size=shape).astype(t.dtype.numpy)
    if t.dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    return rng.integers(0 if t.dtype.kind == "u" else -20, 20, shape).astype(t.dtype.numpy)


def random_inputs(module: Op, sizes: dict[str, int], seed: int = 0) -> list[Array]:
    rng = np.random.default_rng(seed)
    return [random_array(a.type, sizes, rng) for a in functions(module)[0].body.args]  # type: ignore[arg-type]


def build(module: Op | str, folder: Path, threads: int | None = None, **options: Any) -> Model:
    """The loaded library of a module, which is consumed, or of IR text."""
    path = folder / f"m{next(_counter)}.so"
    compile_module(
        parse_module(module) if isinstance(module, str) else module, path, CompileOptions(**options)
    )
    return load(path, threads=threads)


def check(
    module: Op | str,
    folder: Path,
    sizes: Sequence[dict[str, int]] = ({"n": 1}, {"n": 3}),
    tolerance: float = 1e-5,
    inputs: list[Array] | None = None,
    **options: Any,
) -> Model:
    """Compiles once, and compares with the interpreter for all sizes on 1 and 2 threads, whose results must
    have the same bits."""
    whole = parse_module(module) if isinstance(module, str) else module
    reference = whole.clone({})
    one = build(whole, folder, threads=1, **options)
    two = load(one.path, threads=2)
    for env in sizes:
        arrays = inputs if inputs is not None else random_inputs(reference, env)
        want = Interpreter(reference).run(arrays)
        given = {s.name: a for s, a in zip(one.inputs, arrays, strict=True)}
        results = [list(m.run(given).values()) for m in (one, two)]
        for got, w in zip(results[0], want, strict=True):
            close(got, w, tolerance)
        for a, b in zip(*results, strict=True):
            assert a.tobytes() == b.tobytes()
    return one
