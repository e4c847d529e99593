"""A sample of `ops` calls as native code, compared with the interpreter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from netwright.compiler.ir.types import TensorType
from netwright.compiler.ops.interpreter import run_module
from netwright.frontends.eager.traced import Compiled, Traced
from netwright.runtime.spec import dtype_of

from ..ops_calls import Case, arrays_in, traced_call
from ..ops_cases_algebra import LINEAR, SIGNALS
from ..ops_cases_arrays import ORDER, PRODUCTS, SHAPES
from ..ops_cases_elementwise import ELEMENTWISE
from ..ops_cases_images import IMAGES
from ..ops_cases_networks import NORMS, WINDOWS
from ..ops_cases_reductions import ACTIVATIONS, REDUCTIONS

#: of each family every so many
SAMPLE = [
    *ELEMENTWISE[::12], *ACTIVATIONS[::6], *REDUCTIONS[::12], *SHAPES[::12], *ORDER[::3], *PRODUCTS[::5], *WINDOWS[::5],
    *NORMS[::3], *LINEAR[::5], *SIGNALS[::3], *IMAGES[::6],
]  # fmt: skip


@pytest.mark.parametrize("case", SAMPLE, ids=[f"{i}-{x.id}" for i, x in enumerate(SAMPLE)])
def test_compiled_as_interpreted(case: Case) -> None:
    arrays = [a.make(k) for k, a in enumerate(arrays_in((case.args, case.keywords)))]
    types = [(f"x{i}", TensorType(a.shape, dtype_of(a.dtype))) for i, a in enumerate(arrays)]
    traced: Any = Traced(traced_call(case), types, "call")
    wanted = run_module(traced.module()[0], arrays)
    made = Compiled(traced).run([np.ascontiguousarray(a) for a in arrays])
    for a, b in zip(made, wanted, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        step = 2e-3 if a.dtype == np.float16 else 4e-6 * case.loose
        np.testing.assert_allclose(a, b, rtol=2 * step, atol=step)
