"""Einsum, planned: each pair of operands becomes one product of stacks of matrices.

Labels fall into four kinds: *batch* (in both operands and in what is still needed), *contracted* (in both, not
needed any more), and *free* ones of either side. What only one operand has and nothing needs is summed first;
what one operand has twice is its diagonal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...compiler.ir.core import Value
from ...compiler.ir.dims import Dim
from ...compiler.ops.base import dims_text, tensor
from ...compiler.ops.elementwise import Mul
from ...compiler.ops.matmul import MatMul
from ...compiler.ops.reduce import ReduceSum
from ...compiler.ops.shape import BroadcastTo, Concat, Slice
from .context import Context
from .registry import Malformed, Refused
from .wire import shorten

ELLIPSIS = "..."


@dataclass(frozen=True)
class Equation:
    """The labels of each operand and of the result. An axis under an ellipsis has a label of its own, `.1`
    for the last one, so that axes under ellipses are aligned at their ends."""

    inputs: tuple[tuple[str, ...], ...]
    output: tuple[str, ...]

    @staticmethod
    def parse(text: str, ranks: Sequence[int]) -> Equation:
        """Reads `ij,jk->ik` for operands of these ranks; Malformed when they contradict each other."""
        left, arrow, right = text.partition("->")
        parts = left.split(",")
        if not arrow or "->" in right or "," in right:
            raise Malformed(f"expected an equation like 'ij,jk->ik', found {shorten(text)}")
        if len(parts) != len(ranks):
            raise Malformed(f"expected {len(ranks)} operands in {shorten(text)}, found {len(parts)}")
        inputs = tuple(_labels(p, r) for p, r in zip(parts, ranks, strict=True))
        known = {label for labels in inputs for label in labels}
        widest = max((sum(len(x) > 1 for x in labels) for labels in inputs), default=0)
        if widest and ELLIPSIS not in right:
            raise Malformed(f"expected the axes under '...' in the result of {shorten(text)}, found none")
        output = _labels(right, len(right.replace(ELLIPSIS, "")) + widest if ELLIPSIS in right else None)
        if not known.issuperset(output):
            raise Malformed(f"expected labels of operands in the result of {shorten(text)}, found others")
        return Equation(inputs, output)


def _labels(text: str, rank: int | None) -> tuple[str, ...]:
    before, dots, after = text.partition(ELLIPSIS)
    if "." in before + after:
        raise Refused(f"dots in {shorten(text)} are not supported")
    under = (len(before) + len(after) if rank is None else rank) - len(before) - len(after)
    if under < 0 or (under and not dots):
        raise Malformed(f"expected {len(before) + len(after)} axes for {shorten(text)}, found {rank}")
    return (*before, *(f".{i}" for i in range(under, 0, -1)), *after)


@dataclass(frozen=True)
class Term:
    """A tensor and the labels of its axes."""

    value: Value
    labels: tuple[str, ...]

    @property
    def sizes(self) -> dict[str, Dim]:
        return dict(zip(self.labels, tensor(self.value).shape, strict=True))


def contract(c: Context, equation: Equation, operands: Sequence[Value]) -> Value:
    """The result of an equation: operands are taken two at a time, from the left."""
    terms = [Term(v, labels) for v, labels in zip(operands, equation.inputs, strict=True)]
    whole = _sizes(terms)
    terms = [_diagonal(c, _without_ones(c, t, whole)) for t in terms]
    while True:
        needed = [set(equation.output).union(*(t.labels for t in terms if t is not x)) for x in terms]
        terms = [_summed(c, t, keep) for t, keep in zip(terms, needed, strict=True)]
        if len(terms) == 1:
            break
        keep = set(equation.output).union(*(t.labels for t in terms[2:]))
        terms = [_product(c, terms[0], terms[1], equation.output, keep), *terms[2:]]
    return _arranged(c, terms[0], equation.output, whole)


def _sizes(terms: Sequence[Term]) -> dict[str, Dim]:
    """The size of every label; under an ellipsis sizes broadcast."""
    out: dict[str, Dim] = {}
    for t in terms:
        for label, d in zip(t.labels, tensor(t.value).shape, strict=True):
            have = out.setdefault(label, d)
            if len(label) > 1 and (have == 1 or d == 1):
                out[label] = d if have == 1 else have
            elif isinstance(have - d, int) and have != d:
                raise Malformed(f"expected one size for {label!r}, found {have} and {d}")
    return out


def _without_ones(c: Context, t: Term, whole: dict[str, Dim]) -> Term:
    """Without axes under an ellipsis that broadcast."""
    pairs = list(zip(t.labels, tensor(t.value).shape, strict=True))
    kept = [(x, d) for x, d in pairs if len(x) == 1 or d != 1 or whole[x] == 1]
    return Term(c.reshape(t.value, [d for _, d in kept]), tuple(x for x, _ in kept))


def _diagonal(c: Context, t: Term) -> Term:
    """Each label once. The diagonal of [n, n], with n zeros behind it, is the first column of [n, n + 1]."""
    while len(set(t.labels)) < len(t.labels):
        label = next(x for x in t.labels if t.labels.count(x) > 1)
        first = t.labels.index(label)
        second = t.labels.index(label, first + 1)
        rest = [i for i in range(len(t.labels)) if i not in (first, second)]
        x = c.transpose(t.value, [*rest, first, second])
        lead, n = tensor(x).shape[:-2], tensor(x).shape[-1]
        if tensor(x).shape[-2] != n:
            raise Refused(
                f"a diagonal of {dims_text(tensor(x).shape)} is not supported: are its sizes equal?"
            )
        padded = _with_zeros(c, c.reshape(x, (*lead, n * n)), n)
        column = _first(c, c.reshape(padded, (*lead, n, n + 1)), 1)
        t = Term(c.reshape(column, (*lead, n)), (*(t.labels[i] for i in rest), label))
    return t


def _spread(c: Context, x: Value) -> Value:
    """[..., n] as the diagonals of [..., n, n], which are zero elsewhere."""
    *lead, n = tensor(x).shape
    rows = _with_zeros(c, c.reshape(x, (*lead, n, 1)), n)
    flat = _first(c, c.reshape(rows, (*lead, n * (n + 1))), n * n)
    return c.reshape(flat, (*lead, n, n))


def _with_zeros(c: Context, x: Value, count: Dim) -> Value:
    """x with zeros behind it on the last axis."""
    of = tensor(x)
    zeros = c.make(BroadcastTo, c.scalar(0, of.dtype), shape=(*of.shape[:-1], count))
    return c.make(Concat, x, zeros, axis=of.rank - 1)


def _first(c: Context, x: Value, count: Dim) -> Value:
    """The first elements of the last axis."""
    shape = tensor(x).shape
    stops = (*shape[:-1], count)
    return c.make(Slice, x, starts=(0,) * len(shape), stops=stops, steps=(1,) * len(shape))


def _summed(c: Context, t: Term, keep: set[str]) -> Term:
    """Without the labels that nothing needs."""
    axes = tuple(i for i, x in enumerate(t.labels) if x not in keep)
    if not axes:
        return t
    kept = tuple(x for x in t.labels if x in keep)
    return Term(c.make(ReduceSum, t.value, axes=axes, keep_dims=False), kept)


def _product(c: Context, x: Term, y: Term, output: Sequence[str], keep: set[str]) -> Term:
    """One product. Operands change places where the result then comes out in order."""
    shared = [a for a in x.labels if a in y.labels]
    free_x = [a for a in x.labels if a not in shared]
    free_y = [a for a in y.labels if a not in shared]
    order = {a: i for i, a in enumerate(output)}
    if free_x and free_y and order.get(free_x[-1], 0) > order.get(free_y[-1], 0):
        return _product_in_order(c, y, x, shared, keep)
    return _product_in_order(c, x, y, shared, keep)


def _product_in_order(c: Context, x: Term, y: Term, shared: list[str], keep: set[str]) -> Term:
    batch = [a for a in shared if a in keep]
    summed = [a for a in shared if a not in keep]
    rows = [a for a in x.labels if a not in shared]
    columns = [a for a in y.labels if a not in shared]
    labels = (*batch, *rows, *columns)
    if not summed:
        return Term(c.make(Mul, _aligned(c, x, labels), _aligned(c, y, labels)), labels)
    left, transpose_x = _matrices(c, x, batch, rows, summed)
    right, transpose_y = _matrices(c, y, batch, columns, summed)
    # [batch, rows, summed] by [batch, columns, summed] transposed
    product = c.make(MatMul, left, right, transpose_x=transpose_x, transpose_y=not transpose_y)
    sizes = {**y.sizes, **x.sizes}
    return Term(c.reshape(product, [sizes[a] for a in labels]), labels)


def _matrices(
    c: Context, t: Term, batch: list[str], free: list[str], summed: list[str]
) -> tuple[Value, bool]:
    """A stack of matrices [batch…, free, summed], or with the last two exchanged and True, where that is the
    order in memory already."""
    straight = (*batch, *free, *summed)
    crossed = (*batch, *summed, *free)
    exchanged = t.labels == crossed and t.labels != straight
    sizes = t.sizes
    x = _permuted(c, t, crossed if exchanged else straight)
    inner = [c.count([sizes[a] for a in part]) for part in (free, summed)]
    lead = [sizes[a] for a in batch]
    return c.reshape(x, [*lead, *(inner[::-1] if exchanged else inner)]), exchanged


def _permuted(c: Context, t: Term, labels: Sequence[str]) -> Value:
    if t.labels == tuple(labels):
        return t.value
    return c.transpose(t.value, [t.labels.index(a) for a in labels])


def _aligned(c: Context, t: Term, labels: Sequence[str]) -> Value:
    """The tensor with its axes in the order of `labels`, and size 1 for those that it does not have."""
    x = _permuted(c, t, [a for a in labels if a in t.labels])
    return c.reshape(x, [t.sizes.get(a, 1) for a in labels])


def _arranged(c: Context, t: Term, output: Sequence[str], whole: dict[str, Dim]) -> Value:
    """The result: labels that it has more than once are spread over diagonals."""
    labels = list(t.labels)
    value = t.value
    for a in dict.fromkeys(output):
        if a not in labels:  # of size 1 in all operands
            value = c.reshape(value, (*tensor(value).shape, whole[a]))
            labels.append(a)
    places = [*labels]
    for a in dict.fromkeys(output):
        for _ in range(output.count(a) - 1):
            at = places.index(a)
            value = _spread(c, c.transpose(value, [*(i for i in range(len(places)) if i != at), at]))
            places = [*places[:at], *places[at + 1 :], a, a]
    order: list[int] = []
    for a in output:
        order.append(next(i for i, p in enumerate(places) if p == a and i not in order))
    return value if order == list(range(len(order))) else c.transpose(value, order)
