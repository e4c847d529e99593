"""MLIR's arith and math ops that the loops level uses. Operands are index, scalars or vectors."""

from __future__ import annotations

from ...runtime.spec import DType, boolean
from ..ir.attributes import Number
from ..ir.core import Op
from ..ir.opdef import Attr, DefinedOp, Operand
from ..ir.types import ScalarType, Type, VectorType


def element_dtype(t: Type) -> DType | None:
    """The dtype of a scalar or vector; None for index."""
    return t.dtype if isinstance(t, (ScalarType, VectorType)) else None


def with_dtype(t: Type, dtype: DType) -> Type:
    """The same scalar or vector with another element type."""
    return VectorType(t.shape, dtype) if isinstance(t, VectorType) else ScalarType(dtype)


class ArithConstant(DefinedOp, name="arith.constant", traits={"pure", "constant"}):
    """A number."""

    properties = ("value",)
    value = Attr(Number)

    def infer(self) -> tuple[Type, ...]:
        return (self.value.type,)


class ArithBinary(DefinedOp, name="", traits={"pure"}):
    """Two operands of one type."""

    x = Operand()
    y = Operand()

    def infer(self) -> tuple[Type, ...]:
        return (self.x.type,)


class ArithUnary(DefinedOp, name="", traits={"pure"}):
    """One operand; the result has its type."""

    x = Operand()

    def infer(self) -> tuple[Type, ...]:
        return (self.x.type,)


class Conversion(DefinedOp, name="", traits={"pure"}):
    """To another element type, `to` (index when None)."""

    x = Operand()


def _declare(base: type[DefinedOp], dialect: str, names: str) -> dict[str, type[Op]]:
    """One class for each name: these ops differ in nothing but their names."""
    return {n: type(n, (base,), {"__slots__": ()}, name=f"{dialect}.{n}") for n in names.split()}


INTEGER = _declare(
    ArithBinary,
    "arith",
    "addi subi muli divsi divui remsi remui floordivsi ceildivsi minsi maxsi minui maxui "
    "andi ori xori shli shrsi shrui",
)
FLOAT = _declare(ArithBinary, "arith", "addf subf mulf divf maximumf minimumf maxnumf minnumf remf")
FLOAT_UNARY = _declare(ArithUnary, "arith", "negf")
MATH_UNARY = _declare(
    ArithUnary,
    "math",
    "absf absi sqrt exp expm1 log log1p tanh sin cos tan erf erfc floor ceil roundeven",
)
MATH_BINARY = _declare(ArithBinary, "math", "atan2 copysign powf")
CONVERSIONS = _declare(
    Conversion,
    "arith",
    "index_cast extf truncf sitofp uitofp fptosi fptoui extsi extui trunci bitcast",
)

INTEGER_PREDICATES = ("eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge")
FLOAT_PREDICATES = (
    "false", "oeq", "ogt", "oge", "olt", "ole", "one", "ord",
    "ueq", "ugt", "uge", "ult", "ule", "une", "uno", "true",
)  # fmt: skip


class CmpI(DefinedOp, name="arith.cmpi", traits={"pure"}):
    """Compares integers; signed and unsigned predicates."""

    properties = ("predicate",)
    x = Operand()
    y = Operand()
    predicate = Attr(str, choices=INTEGER_PREDICATES, enum=True)

    def infer(self) -> tuple[Type, ...]:
        return (with_dtype(self.x.type, boolean),)


class CmpF(DefinedOp, name="arith.cmpf", traits={"pure"}):
    """Compares floats; ordered predicates are false for NaN, unordered ones true."""

    properties = ("predicate",)
    x = Operand()
    y = Operand()
    predicate = Attr(str, choices=FLOAT_PREDICATES, enum=True)

    def infer(self) -> tuple[Type, ...]:
        return (with_dtype(self.x.type, boolean),)


class SelectOp(DefinedOp, name="arith.select", traits={"pure"}):
    """x where the condition holds, else y."""

    condition = Operand()
    x = Operand()
    y = Operand()

    def infer(self) -> tuple[Type, ...]:
        return (self.x.type,)


class Fma(DefinedOp, name="math.fma", traits={"pure"}):
    """x * y + z, rounded once where the target can."""

    x = Operand()
    y = Operand()
    z = Operand()

    def infer(self) -> tuple[Type, ...]:
        return (self.x.type,)
