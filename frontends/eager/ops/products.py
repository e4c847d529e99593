"""Products of matrices, and sums of products over named axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....compiler.ir.dims import product
from ....compiler.ops.matmul import MatMul
from ....compiler.ops.shape import Reshape
from ....runtime.errors import ShapeError
from ....runtime.spec import i8, i32
from ..tensor import Tensor, TensorLike, cast, convert, op, pair
from .arrays import broadcast_dims, expand_dims, reshape, squeeze, transpose
from .reductions import sum

__all__ = ["dot", "einsum", "inner", "matmul", "outer", "tensordot", "vdot"]


def matmul(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1[..., M, K] · x2[..., K, N]; leading dimensions broadcast; a vector counts as a row or a column."""
    x, y = pair(convert(x1), convert(x2))
    if x.ndim == 0 or y.ndim == 0:
        raise ShapeError(f"expected matrices or vectors, received {x.shape} and {y.shape}")
    if x.type.dtype == i8:
        x, y = cast(x, i32), cast(y, i32)
    row, column = x.ndim == 1, y.ndim == 1
    x, y = expand_dims(x, 0) if row else x, expand_dims(y, 1) if column else y
    if x.ndim > 2 and y.ndim == 2:
        # one product of all rows
        *lead, m, k = x.type.shape
        flat = op(Reshape, x, shape=(product((*lead, m)), k))
        z = op(MatMul, flat, y)
        z = op(Reshape, z, shape=(*lead, m, y.type.shape[-1]))
    else:
        z = op(MatMul, x, y)
    gone = ([-2] if row else []) + ([-1] if column else [])
    return squeeze(z, gone) if gone else z


def tensordot(x1: TensorLike, x2: TensorLike, axes: int | Sequence[Any] = 2) -> Tensor:
    """The sum of products over axes: the last of x1 with the first of x2, or these."""
    x, y = pair(convert(x1), convert(x2))
    if isinstance(axes, int):
        left, right = list(range(x.ndim - axes, x.ndim)), list(range(axes))
    else:
        left, right = ([a] if isinstance(a, int) else list(a) for a in axes)
        left, right = [a % x.ndim for a in left], [a % y.ndim for a in right]
    keep_x = [i for i in range(x.ndim) if i not in left]
    keep_y = [i for i in range(y.ndim) if i not in right]
    depth = product([x.type.shape[i] for i in left])
    a = op(Reshape, transpose(x, [*keep_x, *left]), shape=(product([x.type.shape[i] for i in keep_x]), depth))
    b = op(
        Reshape, transpose(y, [*right, *keep_y]), shape=(depth, product([y.type.shape[i] for i in keep_y]))
    )
    shape = (*(x.type.shape[i] for i in keep_x), *(y.type.shape[i] for i in keep_y))
    return op(Reshape, op(MatMul, a, b), shape=shape)


def dot(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The sum of products over the last axis of x1 and the last but one of x2, as numpy's."""
    x, y = pair(convert(x1), convert(x2))
    if x.ndim == 0 or y.ndim == 0:
        return x * y
    return tensordot(x, y, ([x.ndim - 1], [max(y.ndim - 2, 0)]))


def vdot(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The sum of products of all elements."""
    return sum(reshape(x1, (-1,)) * reshape(x2, (-1,)))


def inner(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The sum of products over the last axes."""
    x, y = pair(convert(x1), convert(x2))
    return x * y if not x.ndim or not y.ndim else tensordot(x, y, ([x.ndim - 1], [y.ndim - 1]))


def outer(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The products of all pairs."""
    return reshape(x1, (-1, 1)) * reshape(x2, (1, -1))


def einsum(subscripts: str, *operands: TensorLike, **options: Any) -> Tensor:
    """Sums of products over named axes, of one or two operands at a time: `einsum("bij,bjk->bik", x, y)`.

    `...` stands for further axes, which broadcast; an axis named twice in one operand is its diagonal.
    """
    given, arrow, wanted = subscripts.replace(" ", "").partition("->")
    names = given.split(",")
    if len(names) != len(operands):
        raise ShapeError(f"expected {len(names)} operands for {subscripts!r}, received {len(operands)}")
    tensors = [convert(t) for t in operands]
    names, further = _spelled(names, tensors)
    if arrow:
        wanted = wanted.replace("...", further)
    else:
        letters = "".join(names)
        wanted = further + "".join(sorted(c for c in set(letters) - set(further) if letters.count(c) == 1))
    for k, (n, t) in enumerate(zip(names, tensors, strict=True)):
        if len(n) != t.ndim:
            raise ShapeError(f"expected {len(n)} axes for {n!r} in {subscripts!r}, received {t.shape}")
        names[k], tensors[k] = _without_twins(n, t)
    tensors = _of_one_size(names, tensors, further)
    name, x = names[0], tensors[0]
    for i in range(1, len(tensors)):
        later = set("".join(names[i + 1 :])) | set(wanted)
        name, x = _contract(name, x, names[i], tensors[i], later)
    gone = [i for i, c in enumerate(name) if c not in wanted]
    if gone:
        x, name = sum(x, gone), "".join(c for c in name if c in wanted)
    return transpose(x, [name.index(c) for c in wanted])


def _spelled(names: list[str], tensors: list[Tensor]) -> tuple[list[str], str]:
    """Names with letters in the place of `...`, and these letters."""
    counts = [t.ndim - len(n) + 3 if "..." in n else 0 for n, t in zip(names, tensors, strict=True)]
    free = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if not any(c in n for n in names)]
    further = "".join(free[: max(counts, default=0)])
    return [
        n.replace("...", further[len(further) - k :]) for n, k in zip(names, counts, strict=True)
    ], further


def _without_twins(name: str, x: Tensor) -> tuple[str, Tensor]:
    """An operand whose axes have different names: diagonals for those that were named twice."""
    from .matrices import diagonal

    for c in dict.fromkeys(name):
        while name.count(c) > 1:
            first = name.index(c)
            second = name.index(c, first + 1)
            x = diagonal(x, 0, first, second)
            name = name[:first] + name[first + 1 : second] + name[second + 1 :] + c
    return name, x


def _of_one_size(names: list[str], tensors: list[Tensor], further: str) -> list[Tensor]:
    """Operands whose axes for `...` have the same sizes where they have them."""
    sizes: dict[str, Any] = {}
    for n, t in zip(names, tensors, strict=True):
        for c, d in zip(n, t.type.shape, strict=True):
            if c in further and sizes.get(c, 1) == 1:
                sizes[c] = d
    return [
        broadcast_dims(t, tuple(sizes.get(c, d) for c, d in zip(n, t.type.shape, strict=True)))
        for n, t in zip(names, tensors, strict=True)
    ]


def _contract(a: str, x: Tensor, b: str, y: Tensor, kept: set[str]) -> tuple[str, Tensor]:
    """The product of two operands, summed over what only they have; its axes."""
    x, y = pair(x, y)
    alone = [i for i, c in enumerate(a) if c not in kept and c not in b]
    x, a = (sum(x, alone) if alone else x), "".join(c for i, c in enumerate(a) if i not in alone)
    alone = [i for i, c in enumerate(b) if c not in kept and c not in a]
    y, b = (sum(y, alone) if alone else y), "".join(c for i, c in enumerate(b) if i not in alone)
    both = [c for c in a if c in b and c in kept]
    inner_ = [c for c in a if c in b and c not in kept]
    left, right = [c for c in a if c not in b], [c for c in b if c not in a]
    size = {**dict(zip(b, y.type.shape, strict=True)), **dict(zip(a, x.type.shape, strict=True))}

    def part(t: Tensor, names: str, *groups: list[str]) -> Tensor:
        moved = transpose(t, [names.index(c) for g in groups for c in g])
        return op(
            Reshape,
            moved,
            shape=(*(size[c] for c in both), *(product([size[c] for c in g]) for g in groups[1:])),
        )

    z = op(MatMul, part(x, a, both, left, inner_), part(y, b, both, inner_, right))
    name = "".join([*both, *left, *right])
    return name, op(Reshape, z, shape=tuple(size[c] for c in name))
