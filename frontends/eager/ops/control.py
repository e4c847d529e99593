"""Branches and loops.

Where values are known, Python takes the branch and runs the loop. In a traced function they become ops with regions:
a loop is compiled once, whatever it runs; under a tape loops of a known length are unrolled, for those have gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ....compiler.ops.control import If, While
from ....runtime.errors import InputError, ShapeError
from ....runtime.spec import boolean, i32
from .. import nodes
from ..regions import Traced, build
from ..structure import leaves, packed
from ..tensor import Tensor, TensorLike, cast, convert
from .arrays import broadcast_dims, concatenate, expand_dims, flip, reshape_to, stack, take
from .elementwise import clip, logical_and
from .encodings import scatter_update

__all__ = ["associative_scan", "cond", "fori_loop", "map", "scan", "switch", "vectorized_map", "while_loop"]


def cond(pred: TensorLike, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """What the first function gives where the condition holds, else what the second gives.

    Both give tensors in the same structure; in a traced function of the same types. Variables that a branch assigns
    are assigned if it is taken.

    Raises:
        InputError: the branches give different structures or types.
    """
    if isinstance(pred, (bool, np.bool_)):
        return true_fn() if pred else false_fn()
    test = reshape_to(cast(pred, boolean), ())
    if not test.is_symbolic:
        return true_fn() if bool(test) else false_fn()
    branches = [Traced(f, (), n, assigns=True) for f, n in ((true_fn, "true_fn"), (false_fn, "false_fn"))]
    assigned: list[Any] = list(dict.fromkeys(v for b in branches for v in b.trace.updates))
    results: list[list[Tensor]] = []
    for branch, other in zip(branches, branches[::-1], strict=True):
        values = branch.converted(lambda own, b=branch, o=other: _fitted(own, o.outputs, b, assigned))
        results.append(values)
    if [t.type for t in results[0]] != [t.type for t in results[1]]:
        texts = (", ".join(str(t.type) for t in row) for row in results)
        raise InputError("expected branches of the same types, received {} and {}".format(*texts))
    made = build(If, [test], list(zip(branches, results, strict=True))) if results[0] else []
    count = len(branches[0].outputs)
    for v, t in zip(assigned, made[count:], strict=True):
        v.assign(t)
    source = iter(made[:count])
    flat = [None if v is None else next(source) for v in leaves(branches[0].result)]
    return packed(branches[0].result, flat)


def _fitted(own: list[Tensor], other: list[Tensor], branch: Traced, assigned: list[Any]) -> list[Tensor]:
    """A branch's results, Python numbers in the other's data types, and the variables' values after it."""
    if len(own) != len(other):
        raise InputError(f"expected branches of one structure, received {len(own)} and {len(other)} tensors")
    fitted = [_weak(a, b) for a, b in zip(own, other, strict=True)]
    return fitted + [v.value for v in assigned]


def _weak(x: Tensor, like: Tensor) -> Tensor:
    is_number = isinstance(x.node, nodes.Leaf) and x.node.number
    return cast(x, like.type.dtype) if is_number else x


def switch(index: TensorLike, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """What the branch of this number gives of the operands; numbers outside count as the nearest one."""
    if not branches:
        raise InputError("expected one branch or more, received none")
    at = clip(cast(index, i32), 0, len(branches) - 1)

    def choose(first: int) -> Any:
        if first == len(branches) - 1:
            return branches[first](*operands)
        return cond(at == first, lambda: branches[first](*operands), lambda: choose(first + 1))

    return choose(0)


def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, maximum_iterations: int | None = None
) -> Any:
    """Applies `body` to the variables as long as `cond` of them holds, at most `maximum_iterations` times.

    Variables are one tensor, or a list or tuple of structures of tensors; their shapes and data types do not change.

    Raises:
        InputError: the body gives another structure or other types.
    """
    several = isinstance(loop_vars, (tuple, list))
    initial = tuple(loop_vars) if several else (loop_vars,)
    flat = [convert(v) for v in leaves(initial)]

    def again(values: Sequence[Tensor]) -> Tensor:
        return reshape_to(cast(cond(*packed(initial, values)), boolean), ())

    def after(values: Sequence[Tensor]) -> list[Tensor]:
        given = body(*packed(initial, values))
        given = given if several else (given,)
        found = [convert(v) for v in leaves(given)]
        if len(found) != len(values):
            raise InputError(f"expected {len(values)} tensors of a loop's body, received {len(found)}")
        return [_same(v, w, k) for k, (v, w) in enumerate(zip(found, values, strict=True))]

    known = not any(t.is_symbolic for t in flat) and nodes.current_trace() is None
    if known and nodes.recorders:
        made = _run(again, after, flat, maximum_iterations)
    else:
        made = _loop(again, after, flat, maximum_iterations)
    out = packed(initial, made)
    return (list(out) if isinstance(loop_vars, list) else out) if several else out[0]


def _same(found: Tensor, before: Tensor, k: int) -> Tensor:
    found = _weak(found, before)
    if found.type != before.type:
        raise InputError(f"expected loop variable {k} to stay {before.type}, received {found.type}")
    return found


def _run(again: Any, after: Any, values: list[Tensor], most: int | None) -> list[Tensor]:
    """In Python, for the tape to see."""
    rounds = 0
    while (most is None or rounds < most) and bool(again(values)):
        values, rounds = after(values), rounds + 1
    return values


def _loop(again: Any, after: Any, values: list[Tensor], most: int | None) -> list[Tensor]:
    if most is not None:
        return _counted(again, after, values, convert(int(most)))
    types = [t.type for t in values]
    test = Traced(lambda *v: again(list(v)), types, "cond")
    step = Traced(lambda *v: after(list(v)), types, "body")
    return build(While, values, [(test, test.outputs), (step, step.outputs)])


def _counted(again: Any, after: Any, values: list[Tensor], most: Tensor) -> list[Tensor]:
    """With the number of rounds in front of the variables."""

    def is_on(v: list[Tensor]) -> Tensor:
        return logical_and(v[0] < most, again(v[1:]))

    def step(v: list[Tensor]) -> list[Tensor]:
        return [v[0] + 1, *after(v[1:])]

    return _loop(is_on, step, [convert(0), *values], None)[1:]


def fori_loop(
    lower: TensorLike, upper: TensorLike, body_fun: Callable[[Any, Any], Any], init_val: Any
) -> Any:
    """body_fun(i, value) for i from lower to below upper, each with the value that the one before it gave."""
    known = isinstance(lower, (int, np.integer)) and isinstance(upper, (int, np.integer))
    if known and nodes.recorders:
        value = init_val
        for i in range(int(lower), int(upper)):
            value = body_fun(convert(i, i32), value)
        return value
    last = cast(upper, i32)
    return while_loop(
        lambda i, v: i < last, lambda i, v: (i + 1, body_fun(i, v)), (cast(lower, i32), init_val)
    )[1]


def scan(
    f: Callable[[Any, Any], Any],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple[Any, Any]:
    """(carry, y) = f(carry, x) for every slice x of `xs` along the first axis: the last carry, and all y as one tensor.

    `xs` and `y` are tensors, structures of them or None; without `xs` there are `length` rounds.

    Raises:
        InputError: neither xs nor length, or another number of slices.
    """
    flat = [convert(v) for v in leaves(xs) if v is not None]
    sizes = {t.type.shape[0] for t in flat} | ({int(length)} if length is not None else set())
    if len(sizes) != 1 or not isinstance(next(iter(sizes)), int):
        raise InputError(f"expected one known number of rounds from xs or length, received {sizes or None}")
    (count,) = sizes

    def at(i: Any) -> Any:
        return None if xs is None else packed(xs, [take(t, i, 0) for t in flat])

    if unroll is True or nodes.recorders or count == 0:
        return _unrolled(f, init, at, count, reverse)  # type: ignore[arg-type]
    start = [convert(v) for v in leaves(init)]
    shown: list[Any] = []

    def probe(i: Tensor, *carry: Tensor) -> list[Tensor]:
        """Once, to learn what y is."""
        shown.append(f(packed(init, carry), at(i))[1])
        return [convert(v) for v in leaves(shown[0]) if v is not None]

    ys = Traced(probe, [convert(0).type, *(t.type for t in start)], "scan").outputs
    rows = [broadcast_dims(convert(0, y.type.dtype), (count, *y.type.shape)) for y in ys]

    def body(i: Tensor, carry: Any, kept: list[Tensor]) -> Any:
        place = convert(count - 1) - i if reverse else i  # type: ignore[operator]
        carry, y = f(carry, at(place))
        new = [convert(v) for v in leaves(y) if v is not None]
        where = expand_dims(expand_dims(place, 0), 0)
        return i + 1, carry, [scatter_update(k, where, v[None]) for k, v in zip(kept, new, strict=True)]

    _, carry, kept = while_loop(lambda i, c, k: i < count, body, (convert(0), init, rows))
    source = iter(kept)
    return carry, packed(shown[0], [None if v is None else next(source) for v in leaves(shown[0])])


def _unrolled(f: Any, carry: Any, at: Callable[[int], Any], count: int, reverse: bool) -> tuple[Any, Any]:
    found: list[Any] = []
    for i in reversed(range(count)) if reverse else range(count):
        carry, y = f(carry, at(i))
        found.append(y)
    found = found[::-1] if reverse else found
    if not found:
        raise InputError("expected one round or more for a scan, received none")
    columns = zip(*(list(leaves(y)) for y in found), strict=True)
    return carry, packed(found[0], [None if c[0] is None else stack(list(c)) for c in columns])


def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """f of every slice of `xs` along the first axis, as one tensor."""
    return scan(lambda _, x: ((), f(x)), (), xs)[1]


def vectorized_map(function: Callable[[Any], Any], elements: Any) -> Any:
    """The function of every slice along the first axis, whose size must be known; all of them side by side."""
    flat = [convert(t) for t in leaves(elements)]
    count = flat[0].shape[0] if flat and flat[0].ndim else None
    if count is None:
        raise ShapeError("expected elements whose first size is known for vectorized_map")
    found = [function(packed(elements, [t[i] for t in flat])) for i in range(count)]
    columns = zip(*(list(leaves(y)) for y in found), strict=True)
    return packed(found[0], [stack(list(c)) for c in columns])


def associative_scan(f: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """At every place along an axis the elements up to it combined by an associative function of two structures of
    slices: in rounds that each combine neighbours, after Blelloch, "Prefix Sums and Their Applications", 1990."""
    flat = [convert(t) for t in leaves(elems)]
    if any(t.shape[axis] is None for t in flat):
        raise ShapeError("expected elements of a known size along the axis of a scan")
    flat = [flip(t, axis) for t in flat] if reverse else flat

    def part(t: Tensor, chosen: slice) -> Tensor:
        return t[(*(slice(None),) * (axis % t.ndim), chosen)]

    def combine(a: list[Tensor], b: list[Tensor]) -> list[Tensor]:
        return [convert(v) for v in leaves(f(packed(elems, a), packed(elems, b)))]

    def run(values: list[Tensor]) -> list[Tensor]:
        size: int = values[0].shape[axis]  # type: ignore[assignment]
        if size < 2:
            return values
        paired = combine(
            [part(t, slice(0, size - 1, 2)) for t in values], [part(t, slice(1, size, 2)) for t in values]
        )
        odd = run(paired)
        before = [part(t, slice(0, -1)) for t in odd] if size % 2 == 0 else odd
        rest = [part(t, slice(2, None, 2)) for t in values]
        even = combine(before, rest) if size > 2 else []
        order = np.argsort(np.concatenate([np.arange(0, size, 2), np.arange(1, size, 2)])).astype(np.int32)
        out: list[Tensor] = []
        for k, t in enumerate(values):
            parts = [part(t, slice(0, 1)), *([even[k]] if even else []), odd[k]]
            out.append(take(concatenate(parts, axis), order, axis))
        return out

    made = run(flat)
    return packed(elems, [flip(t, axis) for t in made] if reverse else made)
