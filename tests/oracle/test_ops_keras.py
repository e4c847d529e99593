"""`ops` against Keras': each call traced for static sizes and interpreted; many also with an unknown first size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from netwright.compiler.ir.dims import Sym
from netwright.compiler.ir.types import TensorType
from netwright.compiler.ir.verify import verify
from netwright.compiler.ops.interpreter import run_module
from netwright.frontends.eager.structure import leaves
from netwright.frontends.eager.traced import Traced
from netwright.runtime.spec import dtype_of

from ..ops_calls import Case, arrays_in, filled, function, traced_call
from ..ops_cases_algebra import LINEAR, SIGNALS
from ..ops_cases_arrays import ORDER, PRODUCTS, SHAPES
from ..ops_cases_elementwise import ELEMENTWISE
from ..ops_cases_images import IMAGES
from ..ops_cases_networks import NORMS, WINDOWS
from ..ops_cases_reductions import ACTIVATIONS, REDUCTIONS

Array = np.ndarray[Any, Any]
NUMBERS = [*ELEMENTWISE, *ACTIVATIONS, *REDUCTIONS, *SHAPES, *ORDER, *PRODUCTS]
CASES = [*NUMBERS, *WINDOWS, *NORMS, *LINEAR, *SIGNALS, *IMAGES]


def arguments(case: Case, batch: int | None = None) -> list[Array]:
    return [a.make(k, batch) for k, a in enumerate(arrays_in((case.args, case.keywords)))]


def expected(keras: Any, case: Case, arrays: list[Array]) -> list[Array]:
    args, keywords = filled(
        (case.args, case.keywords), iter([keras.ops.convert_to_tensor(a) for a in arrays])
    )
    made = function(keras.ops, case.name)(*args, **keywords)
    if case.after is not None:
        made = case.after([np.asarray(v) for v in leaves(made)], arrays)
    return [np.asarray(v) for v in leaves(made)]


def found(case: Case, arrays: list[Array], symbolic: bool = False) -> list[Array]:
    """The results of the interpreter, for types with the sizes of the arrays or with an unknown first one."""
    types: list[Any] = []
    for a in arrays:
        lead = (Sym.symbol(f"n{a.shape[0]}"), *a.shape[1:]) if symbolic and a.ndim else a.shape
        types.append(TensorType(lead, dtype_of(a.dtype)))
    module, _ = Traced(traced_call(case), [(f"x{i}", t) for i, t in enumerate(types)], "call").module()
    verify(module)
    made: Any = list(run_module(module, arrays))
    if case.after is not None:
        made = case.after(made, arrays)
    return [np.asarray(v) for v in leaves(made)]


def compare(made: list[Array], wanted: list[Array], loose: float) -> None:
    assert len(made) == len(wanted)
    for a, b in zip(made, wanted, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        if a.dtype.kind in "biu":
            np.testing.assert_array_equal(a, b)
        else:
            step = 2e-3 if a.dtype == np.float16 else 2e-6
            np.testing.assert_allclose(a, b, rtol=step * loose * 2, atol=step * loose)


@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{x.id}" for i, x in enumerate(CASES)])
def test_as_keras(keras: Any, case: Case) -> None:
    arrays = arguments(case)
    wanted = expected(keras, case, arrays)
    compare(found(case, arrays), wanted, case.loose)


OPEN = [case for case in CASES if case.batch and arrays_in((case.args, case.keywords))]


@pytest.mark.parametrize("case", OPEN, ids=[f"{i}-{x.id}" for i, x in enumerate(OPEN)])
def test_an_unknown_first_size(keras: Any, case: Case) -> None:
    arrays = arguments(case)
    compare(found(case, arrays, symbolic=True), expected(keras, case, arrays), case.loose)
