"""Settings of the whole package: the float type that is meant where none is named, and the small number that keeps
divisions and logarithms finite."""

from __future__ import annotations

from typing import Any

from ...runtime.spec import DType
from ..eager.tensor import as_dtype

__all__ = [
    "backend", "epsilon", "floatx", "image_data_format", "set_epsilon", "set_floatx", "set_image_data_format",
]  # fmt: skip

_FLOATS = ("bfloat16", "float16", "float32", "float64")
_settings: dict[str, Any] = {"floatx": "float32", "epsilon": 1e-7}


def floatx() -> str:
    """The name of the default float type: "float32" unless set."""
    return _settings["floatx"]


def set_floatx(value: str) -> None:
    """Sets the default float type. Raises ValueError for what is no float type."""
    if value not in _FLOATS:
        raise ValueError(f"expected floatx to be one of {', '.join(_FLOATS)}, received {value!r}")
    _settings["floatx"] = value


def epsilon() -> float:
    """The small number: 1e-7 unless set."""
    return _settings["epsilon"]


def set_epsilon(value: float) -> None:
    """Sets the small number."""
    _settings["epsilon"] = float(value)


def backend() -> str:
    """The name of what computes."""
    return "netwright"


def image_data_format() -> str:
    """Where the channels of images are: always last."""
    return "channels_last"


def set_image_data_format(data_format: str) -> None:
    """Raises ValueError for another one than channels_last."""
    if data_format != "channels_last":
        raise ValueError(
            f"expected data_format='channels_last', the only one that is built, received {data_format!r}"
        )


def dtype_or_default(dtype: Any = None) -> DType:
    """A data type by name, numpy's or Python's type; None is the default float type."""
    return as_dtype(floatx() if dtype is None or dtype is float or dtype == "float" else dtype)


def __getattr__(name: str) -> Any:
    raise AttributeError(f"keras.config.{name} is not built here")
