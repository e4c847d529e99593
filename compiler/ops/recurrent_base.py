"""What recurrent layers and their gradients share: attributes, checks of operands, the order of steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ...runtime.errors import DTypeError
from ...runtime.spec import boolean
from ..ir.attributes import Array
from ..ir.core import Value
from ..ir.dims import Dim
from ..ir.opdef import Attr
from ..ir.types import TensorType
from .base import GraphOp, dims_text, require_equal, same_dtype, shape_error, tensor
from .recurrent_activation import ACTIVATIONS, on_arrays

#: an activation, or its slope, on arrays
OnArrays = Callable[[Array], Array]
NAMES = tuple(ACTIVATIONS)


class RecurrentOp(GraphOp, name=""):
    """Runs step after step over time, from the last step on with `reverse`. Results that have a time axis are in the
    order in which steps are taken."""

    activation = Attr(str, default="tanh", choices=NAMES)
    reverse = Attr(bool, default=False)

    def float_operands(self, *values: Value) -> None:
        """Checks that `values` are floats of one data type."""
        dtype = same_dtype(self, *values)
        if not dtype.is_float:
            raise DTypeError(f"{self.name} ({self.location}) is not defined for {dtype.tf_name}")

    def expect(self, what: str, v: Value, *shape: Dim) -> None:
        """Checks that an operand has this shape."""
        have = tensor(v).shape
        never = any(isinstance(d - want, int) and d != want for d, want in zip(have, shape, strict=False))
        if len(have) != len(shape) or never:
            raise shape_error(self, f"{what} must have the shape {dims_text(shape)}, received {tensor(v)}")
        for d, want in zip(have, shape, strict=True):
            require_equal(self, d, want)

    def expect_mask(self, mask: Value, batch: Dim, steps: Dim) -> None:
        """Checks that a mask says of each step whether it is there."""
        if tensor(mask).dtype != boolean:
            raise DTypeError(
                f"{self.name} ({self.location}): the mask must be bool, received {tensor(mask).dtype.tf_name}"
            )
        self.expect("the mask", mask, batch, steps)

    def sizes(self, u: Value, gates: int) -> Dim:
        """The number of units, from recurrent weights [H, gates * H]."""
        t = tensor(u)
        if t.rank != 2:
            raise shape_error(self, f"recurrent weights must be a matrix, received {t}")
        self.expect("the recurrent weights", u, t.shape[0], gates * t.shape[0])
        return t.shape[0]

    def function(self, v: Value, name: str | None = None) -> OnArrays:
        """The activation (or the one called `name`) for arrays of a value's data type."""
        return on_arrays(ACTIVATIONS[name or self.activation].value, tensor(v).dtype)

    def slope(self, v: Value, name: str | None = None) -> OnArrays:
        """Its derivative where the result is given."""
        return on_arrays(ACTIVATIONS[name or self.activation].slope, tensor(v).dtype)

    def steps(self, count: int) -> Iterator[tuple[int, int]]:
        """(number of the step, place in time) in the order in which steps are taken."""
        for s in range(count):
            yield s, count - 1 - s if self.reverse else s


class Gated(RecurrentOp, name=""):
    """A recurrent layer with gates."""

    recurrent_activation = Attr(str, default="sigmoid", choices=NAMES)


def there(masks: tuple[Array, ...], t: int) -> Array:
    """[B, 1]: whether the step at `t` is there; a single True without a mask."""
    return masks[0][:, t, None] if masks else np.ones((1, 1), bool)


def grown(t: TensorType, *shape: Dim) -> TensorType:
    """The same data type with another shape."""
    return TensorType(shape, t.dtype)
