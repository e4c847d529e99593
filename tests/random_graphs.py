"""Random small graphs whose results say something: every value is computed as it is made, together with what a
few roundings would make of it. An op whose result hangs on such roundings is left out, so that compiled code
and interpreter can be compared by the project's law, whatever ops follow each other.

What can be made stands in `tests/random_rows.py`, one row a kind of op.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

import netwright.compiler.driver  # noqa: F401  registers ops and passes
import numpy as np
from netwright.compiler.ir.attributes import Dense, SymbolRef
from netwright.compiler.ir.core import Block, Builder, Op, Region, Value
from netwright.compiler.ir.dims import Dim, Sym, evaluate_dim
from netwright.compiler.ir.types import FunctionType, TensorType
from netwright.compiler.ops.base import GraphOp, tensor
from netwright.compiler.ops.builtin import FuncOp, finish_function, new_module, tensor_attributes
from netwright.compiler.ops.constant import Constant
from netwright.compiler.ops.interpreter import check_requirement, evaluate
from netwright.compiler.ops.variable import ReadVariable, Variable
from netwright.runtime.errors import Error
from netwright.runtime.spec import DType, boolean, f32, f64, i8, i16, i32, i64, u8, u16, u32, u64

Array = np.ndarray[Any, Any]
N = Sym.symbol("n")
#: values of n that every graph runs with
SIZES = (1, 3, 0)
DTYPES = {"f": (f32, f64), "i": (i8, i16, i32, i64), "u": (u8, u16, u32, u64), "b": (boolean,)}
LIKELY = (f32, f32, f32, f32, f32, f32, f64, f64, i32, i32, i64, boolean)
SIDES = (1, 1, 2, 3, 4, 5, 7, 8, 13, 16, 17, 31, 32, 33, 40, 64, 67)
MOST_ELEMENTS = 1 << 14
#: how far roundings may move a result, to the largest one, for it to be used; the law allows 1e-5
STEADY = 2e-6
SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 1e-30, -1e-30, 3e38, -3e38, np.inf, -np.inf, np.nan)

#: how a result comes to differ between two right evaluations
EXACT = "exact"  # it does not
ZERO = "zero"  # zeros of either sign
ROUNDED = "rounded"  # each element by some units in the last place
SUMMED = "summed"  # each element by some units in the last place of the sum of magnitudes
LARGEST = "largest"  # each element by some units in the last place of the largest one


class Rejected(Exception):
    """The op drawn makes no sense here; another one is tried."""


@dataclass
class Item:
    """A value with its arrays, one for each of SIZES, and what they may be after other roundings."""

    value: Value
    arrays: list[Array]
    noisy: list[Array]
    exact: bool = True

    @property
    def type(self) -> TensorType:
        return tensor(self.value)

    @property
    def shape(self) -> tuple[Dim, ...]:
        return self.type.shape

    @property
    def rank(self) -> int:
        return self.type.rank

    @property
    def dtype(self) -> DType:
        return self.type.dtype


Where = Callable[[Item], bool]
Rank = Union[int, "tuple[int, int]", None]


@dataclass
class Case:
    """One graph: the function `name` of a module, its inputs and the interpreter's results for each of SIZES."""

    name: str
    module: Op
    func: FuncOp
    inputs: list[list[Array]]
    results: list[list[Array]]
    exact: list[bool]
    #: the arrays of every value, for making the graph smaller
    arrays: dict[Value, list[Array]] = field(default_factory=dict[Value, "list[Array]"])


class Draw:
    """A graph being made. Rows pick operands and emit ops."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.block = Block()
        self.b = Builder(self.block)
        self.items: list[Item] = []
        self.inputs: list[Item] = []
        self.variables: list[Variable] = []
        self.wild = self.chance(0.3)
        self.prefix = f"v{seed}"
        sides = [self.choice(SIDES) for _ in range(3)]
        self.sides: list[Dim] = [*sides, *([0] if self.chance(0.06) else []), *([N] * self.choice((0, 1, 2)))]
        if N in self.sides:  # bound by an input, also where later ones have it in formulas only
            self.fresh((N, *self.shape((0, 2))), self.dtype(), constant=False)

    # Choices.

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def integer(self, low: int, high: int) -> int:
        """low <= result <= high."""
        return int(self.rng.integers(low, high + 1))

    def choice(self, options: Sequence[Any]) -> Any:
        return options[self.integer(0, len(options) - 1)]

    def flag(self) -> bool:
        return self.chance(0.5)

    def dtype(self, kinds: str = "fiub") -> DType:
        dtype = self.choice(LIKELY)
        return dtype if dtype.kind in kinds else self.choice(DTYPES[self.choice(kinds)])

    def shape(self, rank: Rank = None) -> tuple[Dim, ...]:
        low, high = (0, 4) if rank is None else (rank, rank) if isinstance(rank, int) else rank
        return tuple(self.choice(self.sides) for _ in range(self.integer(low, high)))

    def axes(self, rank: int, least: int = 0) -> tuple[int, ...]:
        """Some axes in order."""
        count = self.integer(least, rank)
        return tuple(sorted(int(a) for a in self.rng.permutation(rank)[:count]))

    # Operands.

    def fresh(
        self, shape: Sequence[Dim], dtype: DType, values: Callable[..., Any] | None = None,
        constant: bool | None = None, variable: bool = True,
    ) -> Item:  # fmt: skip
        """A new input, constant or variable; `values(*shape)` makes its elements."""
        t = TensorType(tuple(shape), dtype)
        if not can_be_given(t):
            raise Rejected
        shapes = [tuple(evaluate_dim(d, {"n": n}) for d in shape) for n in SIZES]
        if any(np.prod(s, dtype=np.int64) > MOST_ELEMENTS for s in shapes):
            raise Rejected
        make = values or (lambda *s: self.values(s, dtype))
        if t.is_static and (self.chance(0.35) if constant is None else constant):
            arrays = [np.asarray(make(*shapes[0])).astype(dtype.numpy)] * len(SIZES)
            if variable and self.chance(0.15):
                name = f"{self.prefix}_{len(self.variables)}"
                self.variables.append(Variable(sym_name=name, value=Dense(arrays[0], name)))
                value = self.b(ReadVariable, variable=SymbolRef(name), type=t)
            else:
                value = self.b(Constant, value=Dense(arrays[0]))
        elif constant:
            raise Rejected
        else:
            arrays = [np.asarray(make(*s)).astype(dtype.numpy) for s in shapes]
            value = self.block.add_arg(t, f"x{len(self.inputs)}")
        item = Item(value, arrays, arrays)
        self.items.append(item)
        if value.definer is None:
            self.inputs.append(item)
        return item

    def values(self, shape: tuple[int, ...], dtype: DType) -> Array:
        """Elements of a new tensor; in a wild graph some are special."""
        rng = self.rng
        if dtype.kind == "b":
            return rng.integers(0, 2, shape).astype(bool)
        if dtype.is_float:
            out = rng.normal(size=shape).astype(dtype.numpy)
            special: Array = np.asarray(SPECIAL, dtype.numpy)
        else:
            info = np.iinfo(dtype.numpy)
            out = rng.integers(0 if dtype.kind == "u" else -9, 10, shape).astype(dtype.numpy)
            special = np.asarray([info.min, info.max, info.min + 1, 0, 1], dtype.numpy)
        if self.wild:
            out = np.where(rng.random(shape) < 0.15, rng.choice(special, shape), out).astype(dtype.numpy)
        return out

    def pick(
        self, kinds: str = "fiub", rank: Rank = None, where: Where | None = None, dtype: DType | None = None,
        exact: bool = False, shape: Sequence[Dim] | None = None,
    ) -> Item:  # fmt: skip
        """A value made before that fits, mostly a late one, or a new one."""
        low, high = (0, 9) if rank is None else (rank, rank) if isinstance(rank, int) else rank

        def fits(i: Item) -> bool:
            return (
                (i.dtype == dtype if dtype else i.dtype.kind in kinds)
                and low <= i.rank <= high
                and (i.exact or not exact)
                and (shape is None or i.shape == tuple(shape))
                and (where is None or where(i))
            )

        found = [i for i in self.items[-12:] if fits(i)]
        if found and self.chance(0.85):
            return found[max(self.integer(0, len(found) - 1), self.integer(0, len(found) - 1))]
        made = self.fresh(self.shape(rank) if shape is None else shape, dtype or self.dtype(kinds))
        if where is not None and not where(made):
            raise Rejected
        return made

    def like(self, x: Item, dtype: DType | None = None, exact: bool = False) -> Item:
        """A value that broadcasts with `x`."""
        dtype = dtype or x.dtype
        shape = x.shape
        if self.chance(0.4) and shape:
            shape = tuple(1 if self.chance(0.4) else d for d in shape)[self.integer(0, len(shape)) :]

        def fits(i: Item) -> bool:
            pairs = zip(i.shape[::-1], x.shape[::-1])  # noqa: B905  aligned at the end
            return all(a == b or 1 in (a, b) for a, b in pairs)

        if self.chance(0.5):
            found = [i for i in self.items[-12:] if i.dtype == dtype and fits(i) and (i.exact or not exact)]
            if found:
                return self.choice(found)
        return self.fresh(shape, dtype)

    # Ops.

    def emit(
        self, cls: type[GraphOp], *operands: Item, noise: str = EXACT, signs: Sequence[int] = (), **attributes: Any
    ) -> Item:  # fmt: skip
        """A new op and its first result. Rejected when it cannot be made, fails, or hangs on roundings.

        With noise SUMMED the op on its operands' magnitudes, times `signs`, tells how large the terms are.
        """
        try:
            op = self.b.create(cls, *(i.value for i in operands), **attributes)
        except Error as e:
            raise Rejected from e
        plain = all(i.exact for i in operands)
        made: list[Item] = []
        try:
            runs = [self._evaluate(op, operands, k, noise, signs) for k in range(len(SIZES))]
            for r, pairs in zip(op.results, zip(*runs, strict=True), strict=True):
                exact = plain and (noise in (EXACT, ZERO) or not tensor(r).dtype.is_float)
                if not all(steady(a, b, exact) for a, b in pairs):
                    raise Rejected
                made.append(Item(r, [a for a, _ in pairs], [b for _, b in pairs], exact))
        except (Rejected, Error) as e:
            op.erase()
            raise Rejected from e
        self.items += made
        return made[0]

    def _evaluate(
        self, op: GraphOp, operands: Sequence[Item], k: int, noise: str, signs: Sequence[int]
    ) -> list[tuple[Array, Array]]:
        env = {"n": SIZES[k]}
        for text in op.attributes.get("requires", ()):
            check_requirement(text, env, "")
        for r in op.results:
            if np.prod([evaluate_dim(d, env) for d in tensor(r).shape], dtype=np.int64) > MOST_ELEMENTS:
                raise Rejected
        args = [i.noisy[k] for i in operands]
        pairs = zip(evaluate(op, [i.arrays[k] for i in operands], env), evaluate(op, args, env), strict=True)
        out: list[tuple[Array, Array]] = []
        for at, (want, other) in enumerate(pairs):
            if want.dtype.kind == "f":
                if np.any((want != 0) & (np.abs(want) < np.finfo(want.dtype).tiny)):
                    raise Rejected  # compiled code flushes denormals to zero, as TensorFlow's does
                if noise != EXACT:
                    other = self._noise(op, at, args, env, other, noise, signs)
            out.append((want, other))
        return out

    def _noise(
        self, op: GraphOp, at: int, args: list[Array], env: dict[str, int], y: Array, noise: str,
        signs: Sequence[int],
    ) -> Array:  # fmt: skip
        """`y` as it might have been rounded."""
        unit = np.finfo(y.dtype).eps * 4
        if noise == SUMMED:
            wide = [
                magnitudes(a) * (signs[i] if signs else 1) if a.dtype.kind == "f" else a
                for i, a in enumerate(args)
            ]
            with np.errstate(all="ignore"):
                scale = evaluate(op, wide, env)[at]
            scale = np.where(np.isfinite(scale), np.abs(scale), 0)
            if scale.max(initial=0) > np.finfo(y.dtype).max / 100:
                raise Rejected  # which partial sums overflow depends on the order
        elif noise == LARGEST:
            scale = np.broadcast_to(magnitudes(y).max(initial=0.0), y.shape)
        else:
            scale = np.abs(y) if noise == ROUNDED else np.zeros_like(y)
        with np.errstate(all="ignore"):
            moved = (y + self.rng.uniform(-unit, unit, y.shape) * scale).astype(y.dtype)
        moved = np.where(np.isfinite(y), moved, y)
        flip = np.where(self.rng.random(y.shape) < 0.5, -1, 1).astype(y.dtype)
        return np.where(y == 0, flip * moved, moved).astype(y.dtype)


def magnitudes(a: Array) -> Array:
    return np.where(np.isfinite(a), np.abs(a), 0).astype(np.float64)


def can_be_given(t: TensorType) -> bool:
    """Whether an input may have this type: its open sizes are symbols, not formulas."""
    return all(isinstance(d, int) or d == N for d in t.shape)


def steady(a: Array, b: Array, exact: bool) -> bool:
    """Whether two evaluations are near enough for their results to be used."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind != "f" or exact:
        return bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))
    odd = ~np.isfinite(a)
    if not np.array_equal(a[odd], b[odd], equal_nan=True) or not np.isfinite(b[~odd]).all():
        return False
    x, y = a[~odd].astype(np.float64), b[~odd].astype(np.float64)
    top = np.abs(x).max(initial=0.0)
    if top > np.finfo(a.dtype).max / 100:
        return False
    return bool(np.abs(x - y).max(initial=0.0) <= (STEADY * top if top else 5e-7))


def function_of(name: str, block: Block, outputs: Sequence[Value]) -> FuncOp:
    """The function of a block that has arguments and ops, with its return."""
    types = [tensor(a) for a in block.args]
    func = FuncOp(
        regions=[Region(block)],
        sym_name=name,
        function_type=FunctionType(tuple(types), ()),
        arg_attrs=tuple(tensor_attributes(a.hint, t) for a, t in zip(block.args, types, strict=True)),
        res_attrs=(),
    )
    finish_function(func, [(f"y{i}", v) for i, v in enumerate(outputs)])
    return func


def random_case(seed: int, module: Op | None = None, most: int = 14) -> Case:
    """The graph with this number; it becomes a function of `module` if one is given."""
    from .random_rows import ROWS, WEIGHTS

    d = Draw(seed)
    wanted = d.integer(1, most)
    made = 0
    for _ in range(wanted * 6):
        row = ROWS[int(d.rng.choice(len(ROWS), p=WEIGHTS))]
        try:
            row(d)
            made += 1
        except Rejected:
            pass
        if made >= wanted:
            break
    if not d.inputs:  # all constants: still something to run
        d.fresh((2,), f32, constant=False)
    ends = [i for i in d.items if not i.value.uses and not isinstance(i.value.definer, Constant)]
    ends += [i for i in d.items if i.value.uses and i.value.definer is not None and d.chance(0.12)]
    ends = ends[-12:] or d.items[-1:]
    whole = module if module is not None else new_module()
    for v in d.variables:
        whole.body.insert(v)
    func = function_of(f"g{seed}", d.block, [i.value for i in ends])
    whole.body.insert(func)
    return Case(
        func.sym_name,
        whole,
        func,
        [[i.arrays[k] for i in d.inputs] for k in range(len(SIZES))],
        [[i.arrays[k] for i in ends] for k in range(len(SIZES))],
        [i.exact for i in ends],
        {i.value: i.arrays for i in d.items},
    )


def random_module(seeds: Sequence[int]) -> tuple[Op, list[Case]]:
    """One module with a function for each number."""
    module = new_module()
    return module, [random_case(s, module) for s in seeds]
