"""Settings and small helpers under the names of `keras.backend`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...runtime.spec import dtype_of
from ..eager.tensor import Tensor, as_dtype
from . import naming
from .config import (
    backend,
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from .layers.history import is_input

__all__ = [
    "backend", "clear_session", "epsilon", "floatx", "get_uid", "image_data_format", "is_float_dtype", "is_int_dtype",
    "is_keras_tensor", "name_scope", "result_type", "set_epsilon", "set_floatx", "set_image_data_format",
    "standardize_dtype",
]  # fmt: skip

name_scope = naming.scope


def clear_session(free_memory: bool = True) -> None:
    """Names of layers begin anew: `dense`, not `dense_7`."""
    naming.reset()


def get_uid(prefix: str = "") -> int:
    """How often a prefix was asked for, from 1 on."""
    return naming.count(prefix)


def is_keras_tensor(x: Any) -> bool:
    """Whether it is a symbolic tensor of a model."""
    return isinstance(x, Tensor) and is_input(x)


def standardize_dtype(dtype: Any) -> str:
    """The name of a data type: of numpy's, Python's, or a name; None is the default float type."""
    if dtype is None or dtype is float:
        return floatx()
    return as_dtype(dtype).tf_name


def is_float_dtype(dtype: Any) -> bool:
    return as_dtype(dtype).is_float


def is_int_dtype(dtype: Any) -> bool:
    return not as_dtype(dtype).is_float and standardize_dtype(dtype) != "bool"


def result_type(*dtypes: Any) -> str:
    """The data type of a result of operands of these types."""
    found = np.result_type(*(as_dtype(d).numpy for d in dtypes))
    return dtype_of(found).tf_name


def __getattr__(name: str) -> Any:
    raise AttributeError(f"keras.backend has no {name!r}: functions on tensors are in keras.ops")
