"""Base of the graph dialect's ops, and what their declarations share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, Union

import numpy as np

from ...runtime.errors import DTypeError, ShapeError, UnsupportedError
from ...runtime.spec import DType
from ..ir.attributes import Array
from ..ir.core import Builder, Op, Value
from ..ir.dims import Dim, Sym, dim_bcast, evaluate_dim, is_surely_positive_or_zero, parse_dim
from ..ir.opdef import DefinedOp
from ..ir.types import TensorType, Type

#: values of symbols during one evaluation
Env: TypeAlias = Mapping[str, int]


@dataclass(frozen=True)
class NoGradient:
    """Stands for the gradient of an operand that nobody has derived, and says why. It is an error only where
    that operand's gradient is wanted."""

    reason: str


#: one for each operand: a value of the operand's type, None where none flows
Gradients: TypeAlias = tuple[Union[Value, NoGradient, None], ...]


class Scalars(Protocol):
    """What an op's pointwise lowering may use: elementwise operations on opaque values of one dtype.

    The kernel generators implement it once for vectors; `c` makes a constant of the same type as `like`.
    `dtype` is the graph's dtype of the operands, set before each call: it tells signed from unsigned.
    """

    dtype: DType

    def c(self, value: float, like: Any) -> Any: ...
    def unary(self, name: str, x: Any) -> Any: ...
    def binary(self, name: str, x: Any, y: Any) -> Any: ...
    def compare(self, name: str, x: Any, y: Any) -> Any: ...
    def select(self, condition: Any, x: Any, y: Any) -> Any: ...
    def cast(self, x: Any, to: DType) -> Any: ...
    def bitcast(self, x: Any, to: DType) -> Any: ...


class GraphOp(DefinedOp, name="", traits={"pure"}):
    """An op of the graph level: pure, over tensors, with a numpy reference evaluation.

    A class declares operands, attributes, `infer`, `evaluate`, `gradient` and, with trait "pointwise", `lower`.
    """

    __slots__ = ()

    def lower(self, e: Scalars, *v: Any) -> Any:
        """The op's scalar expression on operands `v`; operands broadcast."""
        raise DTypeError(f"{self.name} is not pointwise")

    def evaluate(self, *arrays: Array) -> Array | tuple[Array, ...]:
        """The results for concrete operands: the reference that everything else is compared with."""
        raise DTypeError(f"{self.name} has no reference evaluation")

    def evaluate_dims(self, env: Env, *arrays: Array) -> Array | tuple[Array, ...]:
        """The same for ops of trait "symbolic", whose attributes hold symbols."""
        return self.evaluate(*arrays)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        """The gradients of the operands, in graph ops that `b` makes, for those of the results. Of `dy` those that
        nothing flows into are None, but not all.

        Raises:
            UnsupportedError: this op has none.
        """
        raise no_gradient(self, "use it outside of what is differentiated, or stop the gradient behind it")


def no_gradient(op: Op, why: str) -> UnsupportedError:
    """An UnsupportedError that says where, and what to do."""
    return UnsupportedError(f"{op.name} ({op.location}): it has no gradient; {why}", [op.name])


def none_flows(self: Op, b: Builder, *dy: Value | None) -> tuple[None, ...]:
    """The `gradient` of ops through which TensorFlow's tape passes nothing: what counts, compares, rounds or draws."""
    return (None,) * len(self.operands)


def flushed(x: Array) -> Array:
    """Denormals of float32 and float64 as zeros of their sign: compiled code runs with FTZ and DAZ, as
    TensorFlow's kernels do. Evaluations use it where the difference shows: comparisons, quotients, products."""
    dtype: Any = getattr(x, "dtype", None)
    if dtype is None or dtype.kind != "f" or dtype.itemsize < 4:
        return x  # sizes, too, which are symbols
    return np.where(np.abs(x) < np.finfo(dtype).tiny, np.copysign(np.zeros((), x.dtype), x), x)


def tensor(v: Value) -> TensorType:
    """The type of a value that must be a tensor."""
    if not isinstance(v.type, TensorType):
        raise ShapeError(f"expected a tensor, received {v.type}")
    return v.type


def shape_error(op: Op, message: str) -> ShapeError:
    """A ShapeError that says where."""
    return ShapeError(f"{op.name} ({op.location}): {message}")


def same_dtype(op: Op, *values: Value) -> DType:
    """The dtype that all operands share."""
    dtypes = [tensor(v).dtype for v in values]
    if any(d != dtypes[0] for d in dtypes):
        raise DTypeError(
            f"{op.name} ({op.location}): operands must share one data type, received "
            + ", ".join(d.tf_name for d in dtypes)
        )
    return dtypes[0]


def dims_text(shape: tuple[Dim, ...]) -> str:
    return "[" + ", ".join(map(str, shape)) + "]"


def concrete(shape: tuple[Dim, ...], env: Env) -> tuple[int, ...]:
    """The sizes for given symbols."""
    return tuple(evaluate_dim(d, env) for d in shape)


def broadcast_dim(op: Op, a: Dim, b: Dim) -> Dim:
    """One dimension of a broadcast. Of two sizes that cannot be proved equal either may turn out to be 1: the op
    notes in its `requires` that they must fit, and the compiled function checks it at entry."""
    if a != b and 1 not in (a, b):
        if not isinstance(a, Sym) and not isinstance(b, Sym):
            raise shape_error(op, f"sizes {a} and {b} do not broadcast")
        require_broadcast(op, a, b)
    return dim_bcast(a, b)


def require_broadcast(op: Op, a: Dim, b: Dim) -> None:
    """Notes on the op that `a` and `b` must be equal at run time, or one of them 1."""
    _note(op, requirement(a, "~", b))


def require_equal(op: Op, a: Dim, b: Dim) -> None:
    """Notes on the op that `a` and `b` must be equal at run time; an error when they never are."""
    if a == b:
        return
    if isinstance(a - b, int):
        raise shape_error(op, f"sizes {a} and {b} differ")
    _note(op, f"{a} == {b}")


def require_at_least(op: Op, a: Dim, b: Dim, why: str) -> None:
    """Notes on the op that `a >= b` must hold at run time, unless that is sure; an error when it never does."""
    if is_surely_positive_or_zero(a - b):
        return
    if isinstance(a - b, int):
        raise shape_error(op, why)
    _note(op, f"{a} >= {b}")


def _note(op: Op, text: str) -> None:
    noted: tuple[str, ...] = op.attributes.get("requires", ())
    if text not in noted:
        op.attributes["requires"] = (*noted, text)


def requirement(a: Dim, relation: str, b: Dim) -> str:
    """What a relation of two sizes reads as."""
    return f"{a} == {b} or 1" if relation == "~" else f"{a} {relation} {b}"


def split_requirement(text: str) -> tuple[Dim, str, Dim]:
    """`a == b`, `a >= b`, or `a == b or 1` (relation "~": equal, or one of them 1) taken apart."""
    sign = ">=" if ">=" in text else "=="
    left, _, right = text.removesuffix(" or 1").partition(f" {sign} ")
    return parse_dim(left), "~" if text.endswith(" or 1") else sign, parse_dim(right)


def holds(relation: str, a: int, b: int) -> bool:
    """Whether two sizes are as a requirement wants them."""
    return a >= b if relation == ">=" else a == b or (relation == "~" and 1 in (a, b))


def broadcast_shapes(op: Op, *shapes: tuple[Dim, ...], provably: bool = False) -> tuple[Dim, ...]:
    """numpy's broadcasting over symbolic shapes. With `provably`, sizes that are not known to be 1 must be equal."""
    rank = max(len(s) for s in shapes)
    out: list[Dim] = [1] * rank
    for s in shapes:
        for i, d in enumerate(s, rank - len(s)):
            if provably and 1 not in (d, out[i]):
                require_equal(op, out[i], d)
                out[i] = d if isinstance(out[i], Sym) else out[i]
            else:
                out[i] = broadcast_dim(op, out[i], d)
    return tuple(out)


def normal_axis(op: Op, axis: int, rank: int) -> int:
    """An axis counted from the front."""
    if not -rank <= axis < rank:
        raise shape_error(op, f"axis {axis} is outside of rank {rank}")
    return axis % rank


def one(t: Type) -> tuple[Type, ...]:
    return (t,)
