"""Random graphs compiled, run, compared with the interpreter, and made smaller where they differ."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from netwright.compiler.driver import compile_module
from netwright.compiler.ir.core import Block, Op, Value
from netwright.compiler.ir.printer import print_op
from netwright.compiler.ops.base import tensor
from netwright.compiler.ops.builtin import new_module
from netwright.compiler.ops.variable import Variable
from netwright.compiler.options import CompileOptions
from netwright.runtime import Model, load
from netwright.runtime.errors import Error

from .helpers import close
from .random_graphs import SIZES, Case, can_be_given, function_of, random_case

Array = np.ndarray[Any, Any]
Compare = Callable[[Case, Path], "str | None"]
_numbers = itertools.count()


_MARGIN = 192


def run_case(model: Model, case: Case, k: int) -> list[Array]:
    """The results for the k-th size, in buffers with little alignment, around which nothing may be touched."""
    function = model.functions[case.name]
    given = {s.name: a for s, a in zip(function.inputs, case.inputs[k], strict=True)}
    before = [a.tobytes() for a in case.inputs[k]]
    whole: list[Array] = []
    out: dict[str, Array] = {}
    for s, want in zip(function.outputs, case.results[k], strict=True):
        bytes_ = np.full(want.nbytes + 2 * _MARGIN + 8, 0xA5, np.uint8)
        whole.append(bytes_)
        start = _MARGIN + want.itemsize
        out[s.name] = bytes_[start : start + want.nbytes].view(want.dtype).reshape(want.shape)
    function.run(given, out=out)
    for i, (bytes_, want) in enumerate(zip(whole, case.results[k], strict=True)):
        start = _MARGIN + want.itemsize
        outside = np.concatenate([bytes_[:start], bytes_[start + want.nbytes :]])
        assert (outside == 0xA5).all(), f"result {i} is written outside of its buffer"
    assert before == [a.tobytes() for a in case.inputs[k]], "an input was changed"
    return list(out.values())


def differences(got: Sequence[Array], case: Case, k: int) -> str | None:
    """What is wrong with results, in a line; None when nothing is."""
    for i, (a, b) in enumerate(zip(got, case.results[k], strict=True)):
        try:
            close(a, b)
            if case.exact[i] and b.dtype.kind == "f":  # nothing on the way to it was rounded in two ways
                np.testing.assert_array_equal(a, b)
        except AssertionError as e:
            return f"n = {SIZES[k]}, result {i}: {e}"
    return None


def compare(models: Sequence[Model], case: Case) -> str | None:
    """Runs a case on libraries with 1 and 2 threads."""
    for k in range(len(SIZES)):
        try:
            results = [run_case(m, case, k) for m in models]
        except (AssertionError, Error) as e:
            return f"n = {SIZES[k]}: {e}"
        wrong = differences(results[0], case, k)
        if wrong:
            return wrong
        for i, (a, b) in enumerate(zip(*results, strict=True)):
            if a.tobytes() != b.tobytes():
                return f"n = {SIZES[k]}, result {i} depends on the number of threads"
    return None


def build(module: Op, folder: Path, **options: Any) -> list[Model]:
    """The library of a module, for 1 and 2 threads. The module is kept."""
    path = folder / f"random{next(_numbers)}.so"
    compile_module(module.clone({}), path, CompileOptions(**options))
    models = [load(path, threads=1), load(path, threads=2)]
    path.unlink()
    return models


def fails(case: Case, folder: Path) -> str | None:
    """What is wrong with one graph alone."""
    try:
        return compare(build(alone(case), folder), case)
    except Exception as e:
        return f"{type(e).__name__}: {e}"


def alone(case: Case) -> Op:
    """A module with the function of a case and nothing else but its variables."""
    module = new_module()
    wanted = {s for op in case.func.walk() for s in op.symbol_uses()}
    for op in case.module.body.ops:
        if op is case.func or (isinstance(op, Variable) and op.sym_name in wanted):
            module.body.insert(op.clone({}))
    return module


def smaller(case: Case) -> Iterator[Case]:
    """Cases with less in them: one result, or an op's operand as an input."""
    outputs = case.func.body.terminator.operands
    for v in outputs if len(outputs) > 1 else ():
        yield cut(case, [v], None)
    for v in list(case.arrays):
        if v.definer is not None and v.uses and v not in outputs and can_be_given(tensor(v)):
            yield cut(case, outputs, v)
    for v in list(case.arrays):
        if v.definer is not None and v.uses and v not in outputs:
            yield cut(case, [v], None)


def cut(case: Case, outputs: Sequence[Value], given: Value | None) -> Case:
    """The part of a graph that `outputs` need, `given` being an input."""
    wanted = set(outputs)
    keep: list[Op] = []
    for op in reversed(list(case.func.body.ops)):
        if not op.has("terminator") and wanted & set(op.results) and given not in op.results:
            keep.insert(0, op)
            wanted |= set(op.operands)
    block, mapping = Block(), dict[Value, Value]()
    arrays: dict[Value, list[Array]] = {}
    first, *rest = case.func.body.args  # the first one binds n
    for i, v in enumerate([first, *(v for v in (*rest, *([given] if given else [])) if v in wanted)]):
        mapping[v] = block.add_arg(v.type, f"x{i}")
    for op in keep:
        block.insert(op.clone(mapping))
    for old, new in mapping.items():
        arrays[new] = case.arrays[old]
    ends = [mapping[v] for v in outputs]
    exact = dict(zip(case.func.body.terminator.operands, case.exact, strict=True))
    return Case(
        case.name,
        case.module,
        function_of(case.name, block, ends),
        [[arrays[v][k] for v in block.args] for k in range(len(SIZES))],
        [[arrays[v][k] for v in ends] for k in range(len(SIZES))],
        [exact.get(v, False) for v in outputs],
        arrays,
    )


def shrink(case: Case, folder: Path, tries: int = 150) -> tuple[Case, str]:
    """A smaller graph with something wrong, and what it is."""
    why = fails(case, folder) or "right on its own: wrong only beside the other functions of its module"
    going = True
    while going and tries > 0:
        going = False
        for other in smaller(case):
            tries -= 1
            if tries <= 0:
                break
            wrong = _fails_cloned(other, folder, case)
            if wrong:
                case, why, going = other, wrong, True
                break
    return case, why


def _fails_cloned(case: Case, folder: Path, parent: Case) -> str | None:
    case.module = new_module()
    for op in alone(parent).body.ops:
        if isinstance(op, Variable):
            case.module.body.insert(op.clone({}))
    case.module.body.insert(case.func)
    return fails(case, folder)


def check_seeds(seeds: Sequence[int], folder: Path, **options: Any) -> None:
    """Compiles the graphs with these numbers as one module, and compares all of them with the interpreter."""
    module = new_module()
    cases = [random_case(s, module) for s in seeds]
    try:
        models = build(module, folder, **options)
    except Exception as e:
        for s in seeds:
            case = random_case(s)
            if fails(case, folder):
                raise AssertionError(report(s, case, folder)) from e
        raise
    for s, case in zip(seeds, cases, strict=True):
        wrong = compare(models, case)
        if wrong:
            raise AssertionError(f"{wrong}\n{report(s, random_case(s), folder)}")


def report(seed: int, case: Case, folder: Path) -> str:
    """What a failure says: the number of the graph, and the smallest graph that shows it."""
    small, why = shrink(case, folder)
    with np.printoptions(threshold=20, edgeitems=4):
        rows = zip(small.func.body.args, small.inputs[0], strict=True)
        values = "\n".join(f"{v.hint} = {a!r}" for v, a in rows if a.size <= 64)
    return f"random graph {seed}: {why}\n{print_op(alone(small))}\n{values[:2000]}"
