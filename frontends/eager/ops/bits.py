"""Integers: bits, common divisors, views."""

from __future__ import annotations

from typing import Any

from ....compiler.ops import elementwise, integer
from ....runtime.errors import DTypeError, ShapeError
from ....runtime.spec import boolean, i32
from ..tensor import Tensor, TensorLike, as_dtype, cast, convert, op, pair
from .elementwise import abs, maximum, where

__all__ = [
    "bitwise_and", "bitwise_invert", "bitwise_left_shift", "bitwise_not", "bitwise_or",
    "bitwise_right_shift", "bitwise_xor", "gcd", "lcm", "left_shift", "right_shift", "view",
]  # fmt: skip


def _bits(cls: Any, of_bools: Any, text: str) -> Any:
    def apply_to(x: TensorLike, y: TensorLike) -> Tensor:
        a, b = pair(x, y)
        if a.type.dtype.is_float:
            raise DTypeError(f"expected integers or bools, received {a.dtype}")
        if a.type.dtype == boolean:
            return op(of_bools, a, b) if of_bools else op(cls, cast(a, i32), cast(b, i32))
        return op(cls, a, b)

    apply_to.__doc__ = text
    return apply_to


bitwise_and = _bits(integer.BitwiseAnd, elementwise.LogicalAnd, "The bits that are set in both.")
bitwise_or = _bits(integer.BitwiseOr, elementwise.LogicalOr, "The bits that are set in one or both.")
bitwise_xor = _bits(integer.BitwiseXor, elementwise.NotEqual, "The bits that are set in exactly one.")
left_shift = bitwise_left_shift = _bits(integer.ShiftLeft, None, "The bits of x moved up by y places.")
right_shift = bitwise_right_shift = _bits(integer.ShiftRight, None, "The bits of x moved down by y places.")


def bitwise_invert(x: TensorLike) -> Tensor:
    """All bits the other way round."""
    x = convert(x)
    if x.type.dtype == boolean:
        return op(elementwise.LogicalNot, x)
    if x.type.dtype.is_float:
        raise DTypeError(f"expected integers or bools, received {x.dtype}")
    ones = -1 if x.type.dtype.kind == "i" else 2 ** (8 * x.type.dtype.size) - 1
    return op(integer.BitwiseXor, x, convert(ones, x.type.dtype))


bitwise_not = bitwise_invert


def gcd(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The greatest common divisor, elementwise, by Euclid's algorithm."""
    from .arrays import broadcast_to_shape_of
    from .control import while_loop
    from .reductions import any

    a, b = pair(x1, x2)
    if a.type.dtype.is_float:
        raise DTypeError(f"expected integers, received {a.dtype}")
    a, b = broadcast_to_shape_of(abs(a), b), broadcast_to_shape_of(abs(b), a)

    def step(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        ended = b == 0
        rest = op(integer.TruncateMod, a, where(ended, 1, b))
        return where(ended, a, b), where(ended, 0, rest)

    return while_loop(lambda a, b: any(b != 0), step, (a, b))[0]


def lcm(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The least common multiple, elementwise; 0 where one is 0."""
    a, b = pair(x1, x2)
    a, b = abs(a), abs(b)
    return op(integer.FloorDiv, a, maximum(gcd(a, b), 1)) * b


def view(x: TensorLike, dtype: Any = None) -> Tensor:
    """The same bytes as another data type; the last axis grows or shrinks with its size.

    Raises:
        ShapeError: the last axis does not divide into elements of the new type.
    """
    x = convert(x)
    wanted = x.type.dtype if dtype is None else as_dtype(dtype)
    old, new = x.type.dtype.size, wanted.size
    if wanted == x.type.dtype:
        return x
    if old == new:
        return op(integer.Bitcast, x, dtype=wanted)
    from .arrays import reshape_to

    if not x.ndim:
        raise ShapeError(
            f"expected an axis to regroup for a view of {x.dtype} as {wanted.tf_name}, received a scalar"
        )
    *lead, last = x.type.shape
    if old > new:
        return reshape_to(op(integer.Bitcast, x, dtype=wanted), (*lead, last * (old // new)))
    if not isinstance(last, int) or last % (new // old):
        raise ShapeError(f"expected a last axis that divides by {new // old}, received {x.shape}")
    return op(integer.Bitcast, reshape_to(x, (*lead, last // (new // old), new // old)), dtype=wanted)
