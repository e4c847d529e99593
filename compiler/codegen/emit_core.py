"""The core of the emitter: LLVM text, scopes, and index arithmetic in affine form.

Kernels run through no LLVM mid-level passes, so the text has to be good as it is. Integer and address
arithmetic is therefore placed by the emitter itself: each pure instruction goes to the outermost loop in which
its operands exist, and is written once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ...runtime.errors import UnsupportedError
from ...runtime.spec import DTYPES, DType
from ..ir.core import Op, Value
from ..ir.dims import Dim, Sym
from ..ir.types import IndexType, MemRefType, ScalarType, Type, VectorType
from ..target import Target

#: LLVM types by the names of ours; 16-bit floats are storage: registers hold their bits
_SCALARS = {
    **{d.name: f"i{d.bits}" for d in DTYPES},
    **{"f32": "float", "f64": "double", "f16": "i16", "bf16": "i16"},
}


def llvm_scalar(dtype: DType) -> str:
    """The LLVM type of one element in a register."""
    return _SCALARS[dtype.name]


@dataclass
class Scope:
    """Text being written: the body of a function, a loop or a branch."""

    label: str
    lines: list[str] = field(default_factory=list[str])
    known: dict[Any, str] = field(default_factory=dict[Any, str])


class Affine(NamedTuple):
    """An index: constant + Σ coefficient · name."""

    terms: tuple[tuple[str, int], ...] = ()
    constant: int = 0

    def plus(self, other: Affine, factor: int = 1) -> Affine:
        if not other.terms:  # most are constants
            return Affine(self.terms, self.constant + other.constant * factor)
        terms = dict(self.terms)
        for name, c in other.terms:
            terms[name] = terms.get(name, 0) + c * factor
        return Affine(_sorted(terms), self.constant + other.constant * factor)

    def times(self, factor: int) -> Affine:
        if factor == 1:
            return self
        return Affine(tuple((n, c * factor) for n, c in self.terms) if factor else (), self.constant * factor)

    def moved(self, constant: int) -> Affine:
        return Affine(self.terms, self.constant + constant)


ZERO = Affine()


def _sorted(terms: dict[str, int]) -> tuple[tuple[str, int], ...]:
    """The terms of an `Affine`: by name, without zeros."""
    return tuple(sorted([t for t in terms.items() if t[1]]))


@dataclass
class Vec:
    """A vector as registers: `rows` lists, each of chunks of at most the target's lanes."""

    type: VectorType
    rows: list[list[str]]


@dataclass
class Scalars:
    """A rank-1 vector whose elements are separate scalars: a column of the left operand of a product."""

    type: VectorType
    items: list[str]


@dataclass
class Mem:
    """A buffer: base pointer and type; sizes and strides are evaluated from the type's symbols.

    A view has a place `at` in a `source` instead of a pointer: its address is computed wherever it is used, for
    a long function has thousands of views, and registers that live long cost LLVM more than additions.
    """

    pointer: str
    type: MemRefType
    source: Mem | None = None
    at: Affine = ZERO


class EmitterBase:
    """State of one function's emission."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.lanes = target.lanes
        self.scopes: list[Scope] = [Scope("entry")]
        self.values: dict[Value, Any] = {}
        self.depths: dict[str, int] = {}
        self.symbols: dict[str, Affine] = {}
        self.declared: dict[str, str] = {}
        self._names = 0
        self._labels = 0

    # names, scopes, lines

    def fresh(self, depth: int | None = None) -> str:
        self._names = number = self._names + 1
        name = f"%v{number}"
        self.depths[name] = len(self.scopes) - 1 if depth is None else depth
        return name

    def label(self, stem: str) -> str:
        self._labels += 1
        return f"{stem}{self._labels}"

    @property
    def scope(self) -> Scope:
        return self.scopes[-1]

    def line(self, text: str) -> None:
        self.scopes[-1].lines.append("  " + text)

    def emit(self, text: str) -> str:
        """An instruction that stays where it is; its result."""
        name = self.fresh()
        self.scopes[-1].lines.append(f"  {name} = {text}")
        return name

    def pure(self, text: str, *operands: str) -> str:
        """An instruction without effects or traps: placed as far out as its operands allow, written once."""
        depth = self.depth_of(operands)
        scope = self.scopes[depth]
        known = scope.known.get(text)
        if known is None:
            known = self.fresh(depth)
            scope.lines.append(f"  {known} = {text}")
            scope.known[text] = known
        return known

    def depth_of(self, operands: Iterable[str]) -> int:
        """The innermost scope in which one of these is made."""
        depth, depths = 0, self.depths
        for o in operands:
            at = depths.get(o, 0)
            if at > depth:
                depth = at
        return depth

    def open(self, label: str) -> None:
        self.scopes.append(Scope(label))

    def close(self) -> Scope:
        return self.scopes.pop()

    # index arithmetic

    def index(self, v: Value | int) -> Affine:
        """The affine form of an index value."""
        if isinstance(v, int):
            return Affine((), v)
        have = self.values[v]
        return have if isinstance(have, Affine) else Affine(((have, 1),))

    def indices(self, vs: Iterable[Value]) -> list[Affine]:
        """The affine forms of index values."""
        values = self.values
        return [have if isinstance(have := values[v], Affine) else Affine(((have, 1),)) for v in vs]

    def materialize(self, a: Affine) -> str:
        """An index as one operand."""
        if not a.terms:
            return str(a.constant)
        by_depth = sorted(a.terms, key=lambda t: (self.depths.get(t[0], 0), t[0]))
        total = ""
        for name, c in by_depth:
            part = name if c == 1 else self.pure(f"mul i64 {name}, {c}", name)
            total = part if not total else self.pure(f"add i64 {total}, {part}", total, part)
        return total if not a.constant else self.pure(f"add i64 {total}, {a.constant}", total)

    def operand(self, v: Value) -> str:
        """A scalar or index value as one operand."""
        have = self.values[v]
        return self.materialize(have) if isinstance(have, Affine) else have

    def dim(self, d: Dim) -> Affine:
        """A dimension of a type, from the function's symbols."""
        if isinstance(d, int):
            return Affine((), d)
        total = Affine()
        for factors, c in d.terms.items():
            part = Affine((), 1)
            for f in factors:
                part = self.multiply(part, self._atom(d, f))
            total = total.plus(part, c)
        return total

    def _atom(self, d: Sym, factor: str) -> Affine:
        atom = d.atoms[factor]
        if not atom.args:
            if atom.name not in self.symbols:
                raise UnsupportedError(f"the size {atom.name!r} is not an argument of the kernel")
            return self.symbols[atom.name]
        a, b = (self.materialize(self.dim(x)) for x in atom.args)
        if atom.name == "floordiv":
            # sizes are not negative; a divisor may be 0 where nothing is left to be done
            if b.startswith("%"):
                b = self._intrinsic("umax", b, "1")
            return Affine(((self.pure(f"udiv i64 {a}, {b}", a, b), 1),))
        if atom.name == "bcast":
            one = self.pure(f"icmp eq i64 {b}, 1", b)
            return Affine(((self.pure(f"select i1 {one}, i64 {a}, i64 {b}", one, a, b), 1),))
        return Affine(((self._intrinsic(f"s{atom.name}", a, b), 1),))

    def _intrinsic(self, name: str, a: str, b: str) -> str:
        call = f"@llvm.{name}.i64"
        self.declare(call, f"declare i64 {call}(i64, i64)")
        return self.pure(f"call i64 {call}(i64 {a}, i64 {b})", a, b)

    def multiply(self, a: Affine, b: Affine) -> Affine:
        if not a.terms:
            return b.times(a.constant)
        if not b.terms:
            return a.times(b.constant)
        x, y = self.materialize(a), self.materialize(b)
        return Affine(((self.pure(f"mul i64 {x}, {y}", x, y), 1),))

    # memory

    def address(self, mem: Mem, indices: list[Affine]) -> str:
        """The address of an element. Terms are added loop by loop, outermost first, the constant last, so
        that neighbouring elements differ in the displacement alone."""
        return self.at(mem, self.place(mem, indices))

    def at(self, mem: Mem, place: Affine) -> str:
        """The address of a place, which is counted in elements."""
        size, (terms, constant) = mem.type.dtype.size, place
        base = self.base(mem)
        # what is known of a place belongs to the scope in which it was computed, as any other value
        known = self.scopes[self.depth_of([base, *[name for name, _ in terms]])].known
        key = (base, size, terms)
        pointer = known.get(key)
        if pointer is None:
            pointer = known[key] = self._settled(self._moved(base, terms, size))
        if constant:
            pointer = self.pure(f"getelementptr i8, ptr {pointer}, i64 {constant * size}", pointer)
        return pointer

    def place(self, mem: Mem, indices: list[Affine]) -> Affine:
        """Where an element lies, counted in elements from where its buffer begins."""
        begin = self.dim(mem.type.offset)
        terms, constant = dict(begin.terms), begin.constant
        for index, stride in zip(indices, mem.type.element_strides, strict=True):
            if not isinstance(stride, int):
                index, stride = self.multiply(index, self.dim(stride)), 1
            constant += index.constant * stride
            for name, c in index.terms:
                terms[name] = terms.get(name, 0) + c * stride
        return Affine(_sorted(terms), constant)

    def _moved(self, pointer: str, terms: tuple[tuple[str, int], ...], size: int) -> str:
        """The pointer moved by terms, loop by loop."""
        by_depth: dict[int, list[tuple[str, int]]] = {}
        for name, c in terms:
            by_depth.setdefault(self.depths.get(name, 0), []).append((name, c))
        for depth in sorted(by_depth):
            pointer = self._advance(pointer, by_depth[depth], size)
        return pointer

    def _settled(self, pointer: str) -> str:
        """The pointer, opaque to LLVM's loop strength reduction where it moves with a loop: the accesses that differ
        by constants then count as one use of the loop's variable. Their number is what its time grows with."""
        return self.pure(f"freeze ptr {pointer}", pointer) if self.depths.get(pointer, 0) else pointer

    def _advance(self, pointer: str, terms: list[tuple[str, int]], size: int) -> str:
        if len(terms) == 1:
            ((name, c),) = terms
            if c * size in (1, 2, 4, 8):
                return self.pure(f"getelementptr i{8 * c * size}, ptr {pointer}, i64 {name}", pointer, name)
        offset = self.materialize(Affine(tuple((n, c * size) for n, c in terms)))
        return self.pure(f"getelementptr i8, ptr {pointer}, i64 {offset}", pointer, offset)

    def base(self, mem: Mem) -> str:
        """The address at which a buffer begins."""
        return mem.pointer if mem.source is None else self.address(mem.source, [mem.at])

    def memory(self, v: Value) -> Mem:
        have = self.values[v]
        if not isinstance(have, Mem):
            raise UnsupportedError(f"{v.type} is no buffer")
        return have

    # vectors

    def widths(self, columns: int) -> list[int]:
        """Chunks of a row of `columns` elements."""
        full, rest = divmod(columns, self.lanes)
        return [self.lanes] * full + ([rest] if rest else [])

    def vector_type(self, dtype: DType, width: int) -> str:
        return f"<{width} x {_SCALARS[dtype.name]}>"

    def llvm_type(self, t: Type) -> str:
        if isinstance(t, IndexType):
            return "i64"
        if isinstance(t, ScalarType):
            return llvm_scalar(t.dtype)
        if isinstance(t, MemRefType):
            return "ptr"
        raise UnsupportedError(f"{t} has no LLVM type of its own")

    def declare(self, name: str, signature: str) -> None:
        """Notes an external function: `signature` is its declaration with the name."""
        self.declared[name] = signature

    def unsupported(self, op: Op, why: str) -> UnsupportedError:
        return UnsupportedError(f"the code generator cannot emit {op.name} ({op.location}): {why}", [op.name])
