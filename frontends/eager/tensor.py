"""Tensors: results of nodes, with Python's operators."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ...compiler.ir.attributes import Array
from ...compiler.ir.core import Op
from ...compiler.ir.dims import Sym
from ...compiler.ir.types import TensorType
from ...compiler.ops import activation, elementwise, integer, power
from ...runtime.errors import DTypeError, InputError
from ...runtime.spec import DType, bf16, boolean, dtype_of, f32, i32
from . import nodes
from .nodes import Node, Ref, apply

#: whatever becomes a tensor: a tensor, a variable, an array, numbers, lists of them
TensorLike: TypeAlias = Any
Shape: TypeAlias = "tuple[int | None, ...]"

#: pending graphs are cut at this depth
_DEEPEST = 1000


class Operators:
    """Python's operators, on whatever `convert` makes a tensor of."""

    __slots__ = ()
    __array_priority__ = 100
    __array_ufunc__ = None
    __hash__ = object.__hash__

    if TYPE_CHECKING:

        def __add__(self, other: TensorLike) -> Tensor: ...
        def __radd__(self, other: TensorLike) -> Tensor: ...
        def __sub__(self, other: TensorLike) -> Tensor: ...
        def __rsub__(self, other: TensorLike) -> Tensor: ...
        def __mul__(self, other: TensorLike) -> Tensor: ...
        def __rmul__(self, other: TensorLike) -> Tensor: ...
        def __truediv__(self, other: TensorLike) -> Tensor: ...
        def __rtruediv__(self, other: TensorLike) -> Tensor: ...
        def __floordiv__(self, other: TensorLike) -> Tensor: ...
        def __rfloordiv__(self, other: TensorLike) -> Tensor: ...
        def __mod__(self, other: TensorLike) -> Tensor: ...
        def __rmod__(self, other: TensorLike) -> Tensor: ...
        def __and__(self, other: TensorLike) -> Tensor: ...
        def __rand__(self, other: TensorLike) -> Tensor: ...
        def __or__(self, other: TensorLike) -> Tensor: ...
        def __ror__(self, other: TensorLike) -> Tensor: ...
        def __xor__(self, other: TensorLike) -> Tensor: ...
        def __rxor__(self, other: TensorLike) -> Tensor: ...
        def __lt__(self, other: TensorLike) -> Tensor: ...
        def __le__(self, other: TensorLike) -> Tensor: ...
        def __gt__(self, other: TensorLike) -> Tensor: ...
        def __ge__(self, other: TensorLike) -> Tensor: ...

    def __neg__(self) -> Tensor:
        return unary(activation.Neg, self)

    def __abs__(self) -> Tensor:
        return unary(activation.Abs, self)

    def __invert__(self) -> Tensor:
        return unary(elementwise.LogicalNot, self)

    def __matmul__(self, other: TensorLike) -> Tensor:
        from .ops.products import matmul

        return matmul(self, other)

    def __rmatmul__(self, other: TensorLike) -> Tensor:
        from .ops.products import matmul

        return matmul(other, self)

    def __pow__(self, other: TensorLike) -> Tensor:
        return raised_to(self, other)

    def __rpow__(self, other: TensorLike) -> Tensor:
        return raised_to(other, self)

    def __getitem__(self, key: Any) -> Tensor:
        from .indexing import index

        return index(convert(self), key)


class Tensor(Operators):
    """An array that is computed when it is asked for: by `numpy()`, `float()`, printing, comparing in an `if`.

    `shape` has None for sizes known later, `dtype` is the name of the data type. In a function that is being
    traced, and among the inputs of a model, tensors are symbolic: they have no value.
    """

    __slots__ = ("__weakref__", "index", "mask", "node")

    def __init__(self, node: Node, index: int = 0) -> None:
        self.node, self.index = node, index
        #: which of its steps count, for layers that come after one that masks
        self.mask: Any = None
        if node.value(index) is None and not node.symbolic:
            nodes.pending.add(self)

    @property
    def ref(self) -> Ref:
        return self.node, self.index

    @property
    def type(self) -> TensorType:
        return self.node.types[self.index]

    @property
    def shape(self) -> Shape:
        return tuple([None if isinstance(d, Sym) else d for d in self.type.shape])

    @property
    def dtype(self) -> str:
        return self.type.dtype.tf_name

    @property
    def ndim(self) -> int:
        return len(self.type.shape)

    rank = ndim

    @property
    def size(self) -> int | None:
        size = self.type.size
        return size if isinstance(size, int) else None

    @property
    def is_symbolic(self) -> bool:
        """Whether it stands for a value that is not known yet, of an input or of a traced function."""
        return self.node.symbolic and self.node.values is None

    def numpy(self) -> Array:
        """Its value; raises InputError for a symbolic tensor."""
        value = self.node.value(self.index)
        if value is None:
            from .evaluate import compute

            compute([self.ref])
            value = self.node.value(self.index)
        if value is None:
            raise InputError("expected a tensor that was computed")
        return value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        value = self.numpy()
        return value.astype(dtype) if dtype is not None and value.dtype != dtype else value

    def item(self) -> Any:
        return self.numpy().item()

    def tolist(self) -> Any:
        return self.numpy().tolist()

    def __float__(self) -> float:
        return float(self.numpy())

    def __int__(self) -> int:
        return int(self.numpy())

    def __index__(self) -> int:
        if not self.type.dtype.is_integer:
            raise TypeError(f"expected an integer tensor as an index, received {self.dtype}")
        return int(self.numpy())

    def __bool__(self) -> bool:
        return bool(self.numpy())

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("a scalar has no length")
        size = self.shape[0]
        if size is None:
            raise TypeError("the first dimension is known only when the tensor is computed")
        return size

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        dims = ", ".join("None" if d is None else str(d) for d in self.shape)
        if self.is_symbolic:
            return f"<Tensor ({dims}) {self.dtype}, symbolic>"
        return f"<Tensor ({dims}) {self.dtype}: {np.array2string(self.numpy(), threshold=20)}>"

    def __format__(self, spec: str) -> str:
        return format(self.item() if not self.ndim else self.numpy(), spec)

    @property
    def T(self) -> Tensor:
        from ...compiler.ops.shape import Transpose

        return op(Transpose, self, permutation=tuple(reversed(range(self.ndim))))


def as_dtype(dtype: Any) -> DType:
    """A data type by name, numpy's type, or Python's."""
    if isinstance(dtype, type) and dtype in (float, int, bool):
        return {float: f32, int: i32, bool: boolean}[dtype]
    return dtype_of(dtype)


def convert(value: TensorLike, dtype: DType | None = None) -> Tensor:
    """A tensor for a value. Python's floats become float32, its ints int32, unless a dtype is wanted; tensors are
    cast to that."""
    if isinstance(value, Tensor):
        return value if dtype is None or value.type.dtype == dtype else cast(value, dtype)
    made = getattr(value, "__tensor__", None)
    if made is not None:
        return convert(made(), dtype)
    if dtype == bf16:
        # numpy has no such numbers
        return cast(convert(value, f32), bf16)
    number = isinstance(value, (bool, int, float))
    if isinstance(value, (list, tuple)) and any(isinstance(v, Tensor) for v in _flat(value)):
        from .ops.arrays import stack

        return convert(stack([convert(v, dtype) for v in value]), dtype)
    array = np.asarray(value)
    if dtype is not None and array.dtype != dtype.numpy:
        array = array.astype(dtype.numpy)
    elif dtype is None and not isinstance(value, (np.ndarray, np.generic)):
        array = array.astype({"f": np.float32, "i": np.int32}.get(array.dtype.kind, array.dtype), copy=False)
    if array.dtype.kind not in "fiub":
        raise DTypeError(f"expected numbers, received {type(value).__name__} of {array.dtype}")
    return Tensor(nodes.leaf(array, number))


def _flat(value: Any) -> Iterator[Any]:
    for v in value:
        if isinstance(v, (list, tuple)):
            yield from _flat(v)
        else:
            yield getattr(v, "__tensor__", lambda v=v: v)()


def cast(x: TensorLike, dtype: Any) -> Tensor:
    """x as another data type."""
    x, wanted = convert(x), as_dtype(dtype)
    return x if x.type.dtype == wanted else op(elementwise.Cast, x, dtype=wanted)


def op(cls: type[Op], *operands: Tensor, **attributes: Any) -> Tensor:
    """The only result of an op on tensors."""
    return Tensor(_made(cls, operands, attributes))


def ops(cls: type[Op], *operands: Tensor, **attributes: Any) -> list[Tensor]:
    """All results of an op on tensors."""
    node = _made(cls, operands, attributes)
    return [Tensor(node, i) for i in range(len(node.types))]


def _made(cls: type[Op], operands: Sequence[Tensor], attributes: dict[str, Any]) -> Node:
    node = apply(cls, [t.ref for t in operands], **attributes)
    if node.depth > _DEEPEST and not node.symbolic and not node.kept:
        from .evaluate import compute_now

        compute_now(node)
    return node


_ORDER = ["bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"]
_FLOATS = ["bfloat16", "float16", "float32", "float64"]


def promoted(a: DType, b: DType) -> DType:
    """The data type of an operation on two: the float one, else the wider integer, a signed one of more bits for
    signed with unsigned."""
    if a == b:
        return a
    if a.is_float or b.is_float:
        if not (a.is_float and b.is_float):
            return a if a.is_float else b
        if {a.tf_name, b.tf_name} == {"float16", "bfloat16"}:
            return f32
        return max(a, b, key=lambda d: _FLOATS.index(d.tf_name))
    if {a.kind, b.kind} == {"i", "u"}:
        unsigned, signed = (a, b) if a.kind == "u" else (b, a)
        if unsigned.size >= signed.size:
            return f32 if unsigned.size == 8 else dtype_of(f"int{16 * unsigned.size}")
        return signed
    return max(a, b, key=lambda d: _ORDER.index(d.tf_name))


def pair(x: TensorLike, y: TensorLike) -> tuple[Tensor, Tensor]:
    """Two operands of one data type: Python numbers take that of the other operand, or make it float32."""
    weak_x, weak_y = isinstance(x, (int, float)), isinstance(y, (int, float))
    if weak_y and not weak_x:
        x = convert(x)
        y = convert(y, _weak(x.type.dtype, y))
    elif weak_x and not weak_y:
        y = convert(y)
        x = convert(x, _weak(y.type.dtype, x))
    else:
        x, y = convert(x), convert(y)
    dtype = promoted(x.type.dtype, y.type.dtype)
    return cast(x, dtype), cast(y, dtype)


def _weak(dtype: DType, number: float) -> DType:
    """What a number becomes beside a tensor of a data type."""
    if isinstance(number, float) and not dtype.is_float:
        return f32
    return i32 if dtype == boolean and not isinstance(number, bool) else dtype


def binary(cls: type[Op], x: TensorLike, y: TensorLike) -> Tensor:
    """An op on two operands, which are promoted."""
    return op(cls, *pair(x, y))


def unary(cls: type[Op], x: TensorLike) -> Tensor:
    return op(cls, convert(x))


def floats(x: TensorLike) -> Tensor:
    """x, as float32 where it is no float."""
    x = convert(x)
    return x if x.type.dtype.is_float else cast(x, f32)


def numbers(x: TensorLike) -> Tensor:
    """x, as int32 where it holds bools."""
    x = convert(x)
    return cast(x, i32) if x.type.dtype == boolean else x


def divided(x: TensorLike, y: TensorLike) -> Tensor:
    """x / y; integers become float32."""
    a, b = pair(x, y)
    return op(elementwise.Div, *pair(floats(a), floats(b)))


def raised_to(x: TensorLike, y: TensorLike) -> Tensor:
    """x ** y, by products and roots for the exponents where that is exact."""
    x = x if isinstance(x, (int, float)) else numbers(x)
    if isinstance(y, (int, float)) and not isinstance(y, bool):
        base = floats(x) if isinstance(y, float) else convert(x)
        if y == 1:
            return base
        if y == 2:
            return unary(activation.Square, base)
        if y == 3:
            return base * unary(activation.Square, base)
        if base.type.dtype.is_float and y in (0.5, -0.5, -1):
            if y == -1:
                return divided(1, base)
            return unary(activation.Sqrt if y == 0.5 else activation.Rsqrt, base)
    return binary(power.Pow, x, y)


def _logical(a: type[Op], b: type[Op]) -> Any:
    def apply_to(x: TensorLike, y: TensorLike) -> Tensor:
        left, right = pair(x, y)
        return op(a if left.type.dtype == boolean else b, left, right)

    return apply_to


def _with(cls: type[Op]) -> Any:
    return lambda x, y: binary(cls, x, y)


_OPERATORS: dict[str, Any] = {
    "add": _with(elementwise.Add),
    "sub": _with(elementwise.Sub),
    "mul": _with(elementwise.Mul),
    "truediv": divided,
    "floordiv": _with(integer.FloorDiv),
    "mod": _with(integer.FloorMod),
    "and": _logical(elementwise.LogicalAnd, integer.BitwiseAnd),
    "or": _logical(elementwise.LogicalOr, integer.BitwiseOr),
    "xor": _logical(elementwise.NotEqual, integer.BitwiseXor),
}
_COMPARISONS: dict[str, type[Op]] = {
    "eq": elementwise.Equal,
    "ne": elementwise.NotEqual,
    "lt": elementwise.Less,
    "le": elementwise.LessEqual,
    "gt": elementwise.Greater,
    "ge": elementwise.GreaterEqual,
}


for _name, _function in _OPERATORS.items():
    setattr(Operators, f"__{_name}__", lambda self, other, f=_function: f(self, other))
    setattr(Operators, f"__r{_name}__", lambda self, other, f=_function: f(other, self))
for _name, _compare in _COMPARISONS.items():
    setattr(Operators, f"__{_name}__", lambda self, other, c=_compare: binary(c, self, other))
