"""Functions of tensors and variables as one graph: run op by op in numpy, or compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from netwright.compiler.ir.types import TensorType
from netwright.compiler.ops.interpreter import Interpreter
from netwright.frontends.eager.traced import Compiled, Traced
from netwright.runtime.spec import dtype_of


def traced(function: Callable[..., Any], arrays: Any) -> Traced:
    types = [(f"x{i}", TensorType(np.shape(a), dtype_of(np.asarray(a).dtype))) for i, a in enumerate(arrays)]
    return Traced(function, types, "traced")


def interpreted(function: Callable[..., Any], *arrays: Any) -> list[Any]:
    """The results of a traced function by the reference interpreter; variables are read and assigned."""
    made = traced(function, arrays)
    module, names = made.module()
    interpreter = Interpreter(module)
    for v, name in names.items():
        interpreter.state[name] = v.numpy()
    results = interpreter.run([np.asarray(a) for a in arrays])
    for v in made.updates:
        v.assign(interpreter.state[names[v]])
    return list(results)


def compiled(function: Callable[..., Any], *arrays: Any) -> Callable[..., list[Any]]:
    """A traced function as native code, for arrays like these."""
    made = Compiled(traced(function, arrays))
    return lambda *given: made.run([np.ascontiguousarray(a) for a in given])
