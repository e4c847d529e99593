"""Products, arithmetic, comparisons, logic, selection, casts, functions of one operand."""

from __future__ import annotations

from functools import partial

from ...compiler.ir.core import Op, Value
from ...compiler.ops import activation as a
from ...compiler.ops import elementwise as e
from ...compiler.ops.base import tensor
from ...compiler.ops.matmul import MatMul
from ...runtime.spec import boolean
from .context import Context
from .registry import Malformed, Refused, converts

_UNARY: dict[str, type[Op]] = {
    "Abs": a.Abs,
    "Elu": a.Elu,
    "Exp": a.Exp,
    "Floor": a.Floor,
    "Log": a.Log,
    "LogicalNot": e.LogicalNot,
    "Neg": a.Neg,
    "Relu": a.Relu,
    "Relu6": a.Relu6,
    "Rsqrt": a.Rsqrt,
    "Sigmoid": a.Sigmoid,
    "Sqrt": a.Sqrt,
    "Square": a.Square,
    "Tanh": a.Tanh,
}

_BINARY: dict[str, type[Op]] = {
    "Add": e.Add,
    "AddV2": e.Add,
    "Div": e.Div,
    "Equal": e.Equal,
    "Greater": e.Greater,
    "GreaterEqual": e.GreaterEqual,
    "Less": e.Less,
    "LessEqual": e.LessEqual,
    "LogicalAnd": e.LogicalAnd,
    "LogicalOr": e.LogicalOr,
    "Maximum": e.Maximum,
    "Minimum": e.Minimum,
    "Mul": e.Mul,
    "NotEqual": e.NotEqual,
    "RealDiv": e.Div,
    "SquaredDifference": e.SquaredDifference,
    "Sub": e.Sub,
}


def _unary(cls: type[Op], c: Context, x: Value) -> Value:
    """Elementwise."""
    return c.make(cls, x)


def _binary(cls: type[Op], c: Context, x: Value, y: Value) -> Value:
    """Elementwise with broadcasting."""
    return c.make(cls, x, y)


def _table(convert: object, rows: dict[str, type[Op]]) -> None:
    for op, cls in rows.items():
        converts(op)(partial(convert, cls))
