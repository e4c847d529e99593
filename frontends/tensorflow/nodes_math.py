"""Arithmetic, comparisons, logic, selection, casts, functions of one operand."""

from __future__ import annotations

from ...compiler.ir.core import Op, Value
from ...compiler.ir.dims import Sym
from ...compiler.ops import activation as a
from ...compiler.ops import elementwise as e
from ...compiler.ops import gamma as g
from ...compiler.ops import power as p
from ...compiler.ops import special as s
from ...compiler.ops import trigonometry as t
from ...compiler.ops.base import tensor
from ...runtime.spec import boolean
from .complex_pairs import Pair, cast_to_complex
from .context import Context
from .nodes_integer import truncated
from .registry import Convert, Malformed, converts

_UNARY: dict[str, type[Op]] = {
    "Abs": a.Abs,
    "Acosh": t.Acosh,
    "Asinh": t.Asinh,
    "Ceil": a.Ceil,
    "Cos": t.Cos,
    "Cosh": t.Cosh,
    "Digamma": g.Digamma,
    "Elu": a.Elu,
    "Erf": s.Erf,
    "Erfc": s.Erfc,
    "Exp": a.Exp,
    "Expm1": a.Expm1,
    "Floor": a.Floor,
    "Lgamma": g.Lgamma,
    "Log": a.Log,
    "Log1p": a.Log1p,
    "LogicalNot": e.LogicalNot,
    "Neg": a.Neg,
    "Relu": a.Relu,
    "Relu6": a.Relu6,
    "Rint": a.Round,
    "Rsqrt": a.Rsqrt,
    "Sigmoid": a.Sigmoid,
    "Sin": t.Sin,
    "Sinh": t.Sinh,
    "Sqrt": a.Sqrt,
    "Square": a.Square,
    "Tan": t.Tan,
    "Tanh": a.Tanh,
}

_BINARY: dict[str, type[Op]] = {
    "Add": e.Add,
    "AddV2": e.Add,
    "Atan2": t.Atan2,
    "Div": e.Div,
    "Greater": e.Greater,
    "GreaterEqual": e.GreaterEqual,
    "Igamma": g.Igamma,
    "Less": e.Less,
    "LessEqual": e.LessEqual,
    "LogicalAnd": e.LogicalAnd,
    "LogicalOr": e.LogicalOr,
    "Maximum": e.Maximum,
    "Minimum": e.Minimum,
    "Mul": e.Mul,
    "NextAfter": p.NextAfter,
    "RealDiv": e.Div,
    "SquaredDifference": e.SquaredDifference,
    "Sub": e.Sub,
    "Zeta": g.Zeta,
}

_EQUALITY: dict[str, type[Op]] = {"Equal": e.Equal, "NotEqual": e.NotEqual}


def _unary(cls: type[Op]) -> Convert:
    def convert(c: Context, x: Value) -> Value:
        """Elementwise."""
        return c.make(cls, x)

    return convert


def _binary(cls: type[Op]) -> Convert:
    def convert(c: Context, x: Value, y: Value) -> Value:
        """Elementwise with broadcasting."""
        return c.make(cls, x, y)

    return convert


def _equality(cls: type[Op]) -> Convert:
    def convert(c: Context, x: Value, y: Value) -> Value:
        """Elementwise with broadcasting. Shapes that cannot broadcast differ as a whole, unless that is an error."""
        if not c.flag("incompatible_shape_error", True) and not may_broadcast(x, y):
            return c.scalar(cls is e.NotEqual, boolean)
        return c.make(cls, x, y)

    return convert


for _op, _cls in _UNARY.items():
    converts(_op)(_unary(_cls))
for _op, _cls in _BINARY.items():
    converts(_op)(_binary(_cls))
for _op, _cls in _EQUALITY.items():
    converts(_op)(_equality(_cls))


@converts("ApproximateEqual")
def approximate_equal(c: Context, x: Value, y: Value) -> Value:
    """Whether the difference is less than a tolerance."""
    difference = c.make(a.Abs, c.make(e.Sub, x, y))
    return c.make(e.Less, difference, c.scalar(c.real("tolerance", 1e-5), tensor(x).dtype))


def may_broadcast(x: Value, y: Value) -> bool:
    """Whether nothing known of two shapes keeps them from broadcasting."""
    pairs = zip(tensor(x).shape[::-1], tensor(y).shape[::-1], strict=False)
    return all(a == b or 1 in (a, b) or isinstance(a, Sym) or isinstance(b, Sym) for a, b in pairs)


@converts("AddN")
def add_n(c: Context, first: Value, *rest: Value) -> Value:
    """The sum of tensors of one shape."""
    total = first
    for v in rest:
        if not may_broadcast(first, v) or tensor(v).rank != tensor(first).rank:
            raise Malformed(f"expected inputs of one shape, found {tensor(first)} and {tensor(v)}")
        total = c.make(e.Add, total, v)
    return total


@converts("LeakyRelu")
def leaky_relu(c: Context, x: Value) -> Value:
    """Elementwise."""
    return c.make(a.LeakyRelu, x, alpha=c.real("alpha", 0.2))


@converts("Cast")
def cast(c: Context, x: Value) -> Value | Pair:
    """Between all data types that are supported; to complex ones inside of a graph."""
    made = cast_to_complex(c, x)
    if made is not None:
        return made
    dtype = c.dtype("DstT")
    if c.flag("Truncate", False):
        x = truncated(c, x, dtype)
    return x if tensor(x).dtype == dtype else c.make(e.Cast, x, dtype=dtype)


@converts("Select")
def select(c: Context, condition: Value, x: Value, y: Value) -> Value:
    """The condition is of the operands' shape, or one value, or one for each row."""
    kind, of = tensor(condition), tensor(x)
    if of.rank != tensor(y).rank or not may_broadcast(x, y):
        raise Malformed(f"expected operands of one shape, found {of} and {tensor(y)}")
    if kind.rank == 1 and of.rank > 1:
        condition = c.reshape(condition, (*kind.shape, *(1,) * (of.rank - 1)))
    elif kind.rank not in (0, of.rank):
        raise Malformed(f"expected a condition of the operands' shape, found {kind} for {of}")
    return c.make(e.Select, condition, x, y)


@converts("SelectV2")
def select_v2(c: Context, condition: Value, x: Value, y: Value) -> Value:
    """Elementwise with broadcasting."""
    return c.make(e.Select, condition, x, y)
