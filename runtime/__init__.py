"""What ships with a compiled model: loading it and running it, with numpy alone."""

from .session import Function, Model, load
from .spec import DType, TensorSpec

__all__ = ["DType", "Function", "Model", "TensorSpec", "load"]
