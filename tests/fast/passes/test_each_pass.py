"""Every graph-level pass, alone and after the others, keeps the results of random graphs over the whole dialect.

NETWRIGHT_RANDOM_GRAPHS says how many graphs are tried, NETWRIGHT_RANDOM_SEED the number of the first one.
"""

import os
from functools import cache

import netwright.compiler.driver  # noqa: F401  registers the passes
import pytest
from netwright.compiler.ir.core import Op
from netwright.compiler.ir.passes import PASSES, Pass, PassContext
from netwright.compiler.ir.verify import verify
from netwright.compiler.ops.builtin import new_module
from netwright.compiler.ops.interpreter import Interpreter
from netwright.compiler.passes.pipelines import GRAPH_PASSES
from netwright.compiler.target import resolve_target

from ...random_check import differences
from ...random_graphs import SIZES, Case, random_case

CONTEXT = PassContext(target=resolve_target("x86-64-v4"))
COUNT = int(os.environ.get("NETWRIGHT_RANDOM_GRAPHS", "30"))
FIRST = int(os.environ.get("NETWRIGHT_RANDOM_SEED", "20000"))
NAMES = sorted(name for name, cls in PASSES.items() if cls.level == "graph")


def check(module: Op, cases: list[Case], what: str) -> None:
    verify(module)
    for case in cases:
        for k in range(len(SIZES)):
            got = Interpreter(module).run(case.inputs[k], case.name)
            wrong = differences(got, case, k)
            assert wrong is None, f"{what}, {case.name}: {wrong}"


@cache
def graphs() -> tuple[Op, list[Case]]:
    module = new_module()
    return module, [random_case(seed, module) for seed in range(FIRST, FIRST + COUNT)]


@pytest.mark.parametrize("name", NAMES)
def test_alone(name: str) -> None:
    module, cases = graphs()
    changed = module.clone({})
    PASSES[name]().run(changed, CONTEXT)
    check(changed, cases, name)


def test_one_after_the_other() -> None:
    original, cases = graphs()
    module = original.clone({})
    done: list[Pass] = []
    for p in GRAPH_PASSES:
        p.run(module, CONTEXT)
        done.append(p)
        check(module, cases, ", ".join(d.name for d in done))
