"""bfloat16 arrays: see `ir.bfloat16`."""

from ..ir.bfloat16 import narrow, widen

__all__ = ["narrow", "widen"]
