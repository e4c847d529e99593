"""Matrix products to kernel calls: tiles, packed weights."""

from __future__ import annotations

from ..cost.choose import choose_matmul
from ..cost.reasons import Why, product_reason, repeated
from ..cost.tiles import depth_block
from ..ir.core import Value
from ..ir.dims import Dim, Sym, ceildiv, product
from ..ops.base import tensor
from ..ops.constant import constant_value
from ..ops.matmul import MatMul
from . import matvec
from .dialect_kern import THREADS
from .dialect_memory import memref
from .family import pack_panels
from .form_border import number
from .form_filters import FAR_ROWS
from .form_gemm import extras_flat, gemm_of
from .form_moves import copy
from .former import Former, Group, forms


@forms(MatMul)
def form_matmul(f: Former, group: Group) -> None:
    op = group.anchor
    if not isinstance(op, MatMul):
        raise TypeError("a product's group")
    if tensor(op.result).shape[-1] == 1 and not op.transpose_x:
        _rows_by_vector(f, group, op, op.x, op.y, -2)
        return
    array = constant_value(op.y)
    packed = array is not None and array.ndim == 2
    if tensor(op.result).shape[-2] == 1 and op.transpose_y and not packed:
        _rows_by_vector(f, group, op, op.y, op.x, -1)
        return
    x, y = f.buffer(op.x), f.result(group.result)
    transpose_x = op.transpose_x
    if array is None and _is_large(f, group, op, x, y):
        return
    if packed and array is not None:
        name = op.y.definer.attributes["value"].name if op.y.definer else ""
        w = f.constant(pack_panels(array.T if op.transpose_y else array), name, tensor(op.y).dtype)
    elif tensor(op.result).shape[-1] == 1 and group.last is op:
        # a column times a matrix that is transposed: the other way round it is a row by a matrix
        x, w, y, transpose_x = _row(f, f.buffer(op.y)), x, _row(f, y), False
    else:
        w = f.buffer(op.y) if _turns(op) else _right_operand(f, op)
    xt, yt = memref(x), memref(y)
    if packed and xt.rank > 2 and not transpose_x and extras_flat(group):
        x = f.reshaped(x, (product(xt.shape[:-1]), xt.shape[-1]))
        y = f.reshaped(y, (product(yt.shape[:-1]), yt.shape[-1]))
        xt, yt = memref(x), memref(y)
    m, n = yt.shape[-2:]
    k = xt.shape[-2 if transpose_x else -1]
    tile, block = choose_matmul(f.target, m, number(n), number(k), xt.dtype.size)
    groups = ceildiv(n, tile[1] * f.target.lanes)
    rows = min(number(m, block), block)
    params = {"packed": packed, "transpose_x": transpose_x, "tile": tile, "row_block": block}
    why = repeated(
        product_reason(f.target, m, number(n), number(k), tile, xt.dtype.size, packed), yt.shape[:-2]
    )
    sums: list[Value] = []
    steps = 0
    if isinstance(k, int) and isinstance(n, int):
        steps = depth_block(f.target, number(m), tile[0], tile[1] * f.target.lanes, k, xt.dtype.size)
        if steps:
            params["depth_block"] = steps
            why = why._replace(text=f"{why.text}; {steps} steps of the sums at a time")
            sums = [] if yt.dtype == xt.dtype else [f.alloc(yt.shape, xt.dtype)]
    turns = w is f.buffers.get(op.y) and _turns(op)
    if turns or (not packed and w is f.buffers.get(op.y) and _worth_copying(m, n, k, tile)):
        steps = steps or number(k)
        lanes = max(f.target.lanes, 1)
        params |= {"slot": True, "transpose_y": turns}
        shape = (Sym.symbol(THREADS), -(-steps // lanes) * lanes, tile[1] * f.target.lanes)
        sums.append(f.alloc(shape, xt.dtype))
    f.call(
        "matmul",
        [x, w],
        [y, *sums],
        product(yt.shape[:-2]) * groups * ceildiv(m, block),
        params,
        group=group,
        unit_cost=(
            2.0 * rows * number(k) * tile[1] * f.target.lanes,
            4.0 * number(k) * tile[1] * f.target.lanes,
        ),
        why=why,
    )


def _is_large(f: Former, group: Group, op: MatMul, x: Value, y: Value) -> bool:
    """Calls the kernel of large products, if that pays."""
    plain = memref(y).rank == 2 and tensor(op.y).rank == 2
    return plain and gemm_of(f, x, f.buffer(op.y), y, op.transpose_x, op.transpose_y, group)


def _turns(op: MatMul) -> bool:
    """Whether the kernel exchanges rows and columns of a transposed right operand, of which it must know the size."""
    shape = (*tensor(op.result).shape[-2:], tensor(op.y).shape[-1])
    known = all(isinstance(d, int) for d in shape) and 1 not in shape[:2]
    return op.transpose_y and tensor(op.y).dtype.is_float and known


def _worth_copying(m: Dim, n: Dim, k: Dim, tile: tuple[int, int]) -> bool:
    """Whether tiles read a right operand that is known at run time so often that its columns are put together."""
    return (
        isinstance(m, int) and isinstance(n, int) and isinstance(k, int) and m > 2 * tile[0] and n >= FAR_ROWS
    )


def _rows_by_vector(f: Former, group: Group, op: MatMul, rows: Value, vector: Value, axis: int) -> None:
    """The rows of a matrix times one vector; `axis` of the result counts the rows."""
    a, v, y = f.buffer(rows), f.buffer(vector), f.result(group.result)
    depth = tensor(rows).shape[-1]
    v = f.reshaped(v, (*tensor(vector).shape[:-2], depth))
    if axis == -2 and tensor(vector).rank == 2 and memref(y).rank > 2 and extras_flat(group):
        count = product(memref(y).shape[:-1])
        a, y = f.reshaped(a, (count, depth)), f.reshaped(y, (count, 1))
    shape, dtype = memref(y).shape, memref(a).dtype
    # sums wait for the steps that follow in the result's own memory, unless those change the data type
    sums = [] if memref(y).dtype == dtype else [f.alloc(shape, dtype)]
    f.call(
        "matvec",
        [a, v],
        [y, *sums],
        product(shape[:-2]) * ceildiv(shape[axis], matvec.BLOCK),
        {"axis": axis},
        group=group,
        unit_cost=(0, 4.0 * matvec.BLOCK * number(depth)),
        cost_of=[op],
        why=Why("a matrix times one vector: vectors along the sum, bound by reading the matrix"),
    )


def _row(f: Former, x: Value) -> Value:
    """A column as a row; a row as it is."""
    *lead, m, n = memref(x).shape
    return f.reshaped(x, (*lead, 1, m * n))


def _right_operand(f: Former, op: MatMul) -> Value:
    """The right operand [..., K, N]; a transposed one is copied."""
    w = f.buffer(op.y)
    if not op.transpose_y:
        return w
    t = memref(w)
    shape = (*t.shape[:-2], t.shape[-1], t.shape[-2])
    strides = (*t.element_strides[:-2], t.element_strides[-1], t.element_strides[-2])
    out = f.alloc(shape, t.dtype)
    copy(f, f.view(w, shape, strides), out, op)
    return out
