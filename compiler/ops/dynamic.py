"""Sizes that are computed at run time: a symbol gets its value from a tensor."""

from __future__ import annotations

from ...runtime.errors import DTypeError, ExecutionError
from ..ir.attributes import Array
from ..ir.opdef import Attr, DefinedOp, Operand
from ..ir.types import Type
from .base import shape_error, tensor


class DefineSize(DefinedOp, name="graph.define_size", traits={"effect"}):
    """Gives `symbol` its value, the whole number x, for all sizes that follow; a negative one is the error SHAPE.

    Where sizes depend on data, an op computes into a buffer of the largest possible size and counts; the count
    becomes a size here, and a slice takes what is in use.
    """

    x = Operand()
    symbol = Attr(str)

    def infer(self) -> tuple[Type, ...]:
        t = tensor(self.x)
        if not t.dtype.is_integer:
            raise DTypeError(f"{self.name} ({self.location}): a size must be an integer, received {t}")
        if t.shape != ():
            raise shape_error(self, f"a size must be a scalar, received {t}")
        return ()

    def value(self, array: Array) -> int:
        """The size, checked."""
        size = int(array)
        if size < 0:
            raise ExecutionError(f"{self.location}: a size computed at run time is {size}", "SHAPE")
        return size
