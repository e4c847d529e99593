"""Convolutions and matrix products to kernel calls: borders, tiles, packed weights."""

from __future__ import annotations

from ..cost.choose import choose_conv, choose_matmul
from ..ir.core import Value
from ..ir.dims import Dim, ceildiv, product
from ..ops.base import tensor
from ..ops.constant import constant_value
from ..ops.conv import Conv2D
from ..ops.matmul import MatMul
from ..ops.windows import static_pads
from .dialect_memory import memref
from .family import pack_panels
from .form_moves import copy
from .former import Former, Group, forms, refuse


@forms(Conv2D)
def form_conv(f: Former, group: Group) -> None:
    op = group.anchor
    if not isinstance(op, Conv2D):
        raise TypeError("a convolution's group")
    w = tensor(op.w)
    if not all(isinstance(d, int) for d in (*w.shape, tensor(op.x).shape[3])):
        raise refuse(op, "the filter's shape and the number of channels must be known")
    if op.groups > 1 and len(group.ops) > 1:
        raise refuse(op, "a grouped convolution with steps on its result")
    x = bordered(f, op)
    y = f.result(group.result)
    if op.groups == 1:
        _conv_call(f, group, op, x, _filter(f, op, slice(None)), y)
        return
    c, o = int(w.shape[2]), int(w.shape[3]) // op.groups  # type: ignore[arg-type]
    xt, yt = memref(x), memref(y)
    for g in range(op.groups):
        part = f.view(x, (*xt.shape[:3], c), xt.element_strides, g * c)
        out = f.view(y, (*yt.shape[:3], o), yt.element_strides, g * o)
        _conv_call(f, group, op, part, _filter(f, op, slice(g * o, (g + 1) * o)), out)


def _filter(f: Former, op: Conv2D, columns: slice) -> tuple[Value, bool]:
    """The filter's buffer, and whether it is packed."""
    array = constant_value(op.w)
    if array is None:
        if columns != slice(None):
            raise refuse(op, "a grouped convolution whose filter is computed at run time")
        return f.buffer(op.w), False
    part = array[..., columns]
    kh, kw, c, o = part.shape
    name = (op.w.definer.attributes["value"].name if op.w.definer else "") or str(op.location)
    suffix = f":{columns.start}" if columns.start is not None else ""
    return f.constant(pack_panels(part.reshape(kh, kw * c, o)), name + suffix, tensor(op.w).dtype), True


def bordered(f: Former, op: Conv2D) -> Value:
    """The image with its padding around it; the image itself when there is none."""
    x = f.buffer(op.x)
    t = tensor(op.x)
    (kh, kw), (sh, sw), (dh, dw), p = op.kernel, op.strides, op.dilations, op.pads
    pads = [
        static_pads(t.shape[1], kh, sh, dh, op.padding, (p[0], p[1])),
        static_pads(t.shape[2], kw, sw, dw, op.padding, (p[2], p[3])),
    ]
    if all(pad == (0, 0) for pad in pads):
        return x
    n, h, w, c = t.shape
    out = tensor(op.result).shape

    def size(axis: int, have: Dim, k: int, s: int, d: int) -> Dim:
        pad = pads[axis]
        return (out[1 + axis] - 1) * s + (k - 1) * d + 1 if pad is None else have + sum(pad)

    shape = (n, size(0, h, kh, sh, dh), size(1, w, kw, sw, dw), c)
    y = f.alloc(shape, memref(x).dtype)
    f.call(
        "border",
        [x],
        [y],
        n * shape[1],
        {"pads": tuple(-1 if pad is None else pad[0] for pad in pads)},
        unit_cost=(0, _number(shape[2]) * _number(c) * 8),
        location=op.location,
    )
    return y


def _number(d: Dim, default: int = 64) -> int:
    return d if isinstance(d, int) else default


def _conv_call(f: Former, group: Group, op: Conv2D, x: Value, weights: tuple[Value, bool], y: Value) -> None:
    (kh, kw), (sh, sw) = op.kernel, op.strides
    xt, yt = memref(x), memref(y)
    flat = (kh, kw, sh, sw) == (1, 1, 1, 1) and xt.strides is None and yt.strides is None
    c, o = _number(xt.shape[3]), _number(yt.shape[3])
    choice = choose_conv(f.target, yt.shape, c, o, (kh, kw), (sh, sw), flat and _extras_flat(group, yt.rank))
    if choice.flat:
        n, h, w, _ = yt.shape
        x = f.reshaped(x, (n, 1, h * w, c))
        y = f.reshaped(y, (n, 1, h * w, o))
        yt = memref(y)
    blocks = ceildiv(yt.shape[1], choice.rows_per_tile)
    groups = -(-o // (choice.tile[1] * f.target.lanes))
    per_unit = 2.0 * kh * kw * c * o * choice.rows_per_tile * _number(yt.shape[2])
    if choice.split == "panels":
        units: Dim = groups
        per_unit *= _number(blocks) / groups
    else:
        units = yt.shape[0] * blocks
    f.call(
        "conv2d",
        [x, weights[0]],
        [y],
        units,
        {
            "kernel": op.kernel,
            "strides": op.strides,
            "dilations": op.dilations,
            "tile": choice.tile,
            "rows_per_tile": choice.rows_per_tile,
            "chunk": choice.chunk,
            "split": choice.split,
            "packed": weights[1],
        },
        group=group,
        unit_cost=(per_unit, 0),
    )


def _extras_flat(group: Group, rank: int) -> bool:
    """Whether the steps on the result allow pixels to be merged: their operands repeat over pixels."""
    return all(tensor(v).size == tensor(v).shape[-1] if tensor(v).rank else True for v in group.inputs())


@forms(MatMul)
def form_matmul(f: Former, group: Group) -> None:
    op = group.anchor
    if not isinstance(op, MatMul):
        raise TypeError("a product's group")
    x, y = f.buffer(op.x), f.result(group.result)
    array = constant_value(op.y)
    packed = array is not None and array.ndim == 2
    if packed and array is not None:
        name = op.y.definer.attributes["value"].name if op.y.definer else ""
        w = f.constant(pack_panels(array.T if op.transpose_y else array), name, tensor(op.y).dtype)
    else:
        w = _right_operand(f, op)
    xt, yt = memref(x), memref(y)
    if packed and xt.rank > 2 and not op.transpose_x and _extras_flat(group, yt.rank):
        x = f.reshaped(x, (product(xt.shape[:-1]), xt.shape[-1]))
        y = f.reshaped(y, (product(yt.shape[:-1]), yt.shape[-1]))
        xt, yt = memref(x), memref(y)
    m, n = yt.shape[-2:]
    k = xt.shape[-2 if op.transpose_x else -1]
    tile, block = choose_matmul(f.target, m, _number(n), _number(k))
    groups = ceildiv(n, tile[1] * f.target.lanes)
    rows = min(_number(m, block), block)
    f.call(
        "matmul",
        [x, w],
        [y],
        product(yt.shape[:-2]) * groups * ceildiv(m, block),
        {"packed": packed, "transpose_x": op.transpose_x, "tile": tile, "row_block": block},
        group=group,
        unit_cost=(
            2.0 * rows * _number(k) * tile[1] * f.target.lanes,
            4.0 * _number(k) * tile[1] * f.target.lanes,
        ),
    )


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
