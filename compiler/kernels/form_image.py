"""Image ops to kernel calls."""

from __future__ import annotations

from ...runtime.spec import f32, i32
from ..ir.core import Op, Value
from ..ir.dims import Dim, ceildiv, product
from ..ops.base import tensor
from ..ops.constant import constant_value
from ..ops.image import Colour, CropAndResize, DrawBoxes, ProjectiveTransform
from ..ops.resize import Resize, ScaleAndTranslate, most_area_taps
from . import colour
from .dialect_memory import memref
from .form_moves import copy
from .former import Former, Group, forms


@forms(Resize)
def form_resize(f: Former, group: Group) -> None:
    op = group.last
    if not isinstance(op, Resize):
        raise TypeError("a resize's group")
    if op.method in ("bicubic", "area"):
        tables = [
            _resize_tables(f, op, i, most_area_taps(tensor(op.x).shape[1 + i], op.size[i])) for i in (0, 1)
        ]
        _resample(f, op, op.x, tables, 4 if op.method == "bicubic" else 0)
        return
    x, y = tensor(op.x), tensor(op.result)
    per_pixel = y.shape[3] if isinstance(y.shape[3], int) else 64
    per_row = per_pixel * (y.shape[2] if isinstance(y.shape[2], int) else 64)
    tables = [t for i in (0, 1) for t in _resize_tables(f, op, i, 0)]
    f.call(
        "resize",
        [f.buffer(op.x), *tables],
        [f.result(op.result)],
        y.shape[0] * y.shape[1],
        {"method": op.method, "dtype": x.dtype},
        cost_of=[op],
        unit_cost=(8.0 * per_row, 2.0 * y.dtype.size * per_row),
        location=op.location,
    )


def _resize_tables(f: Former, op: Resize, axis: int, taps: Dim) -> list[Value]:
    out = op.size[axis]
    params = {
        "method": op.method,
        "coordinates": op.coordinates,
        "size": tensor(op.x).shape[1 + axis],
    }
    if op.method == "nearest":
        tables = [f.alloc((out,), i32)]
    elif op.method == "bilinear":
        tables = [f.alloc((out,), i32), f.alloc((out,), i32), f.alloc((out,), f32)]
    else:
        wide = 4 if op.method == "bicubic" else taps
        tables = [f.alloc((out,), i32), f.alloc((out,), i32), f.alloc((out, wide), f32)]
    f.call("resize_taps", [], tables, out, params, location=op.location, unit_cost=(64, 16))
    return tables


def _resample(f: Former, op: Op, x: Value, tables: list[list[Value]], taps: int) -> None:
    """Along the rows into a buffer, then along the columns."""
    t, y = tensor(x), tensor(op.result)
    n, h, w, c = t.shape
    _, rows, columns, _ = y.shape
    between = f.alloc((n, rows, w * c), f32)
    first = (f.reshaped(f.buffer(x), (n, h, w * c)), between, tables[0], t.dtype)
    result = f.result(op.result)
    second = (
        f.reshaped(between, (n * rows, w, c)),
        f.reshaped(result, (n * rows, columns, c)),
        tables[1],
        f32,
    )
    for source, target, table, dtype in (first, second):
        shape = memref(target).shape
        wide = shape[2] if isinstance(shape[2], int) else 64
        f.call(
            "resample",
            [source, *table],
            [target],
            product(shape[:2]),
            {"taps": taps, "dtype": dtype},
            unit_cost=(8.0 * wide, 20.0 * wide),
            location=op.location,
        )


@forms(ScaleAndTranslate)
def form_scale_and_translate(f: Former, group: Group) -> None:
    op = group.last
    if not isinstance(op, ScaleAndTranslate):
        raise TypeError("a scaling's group")
    scale = constant_value(op.scale)
    tables: list[list[Value]] = []
    for axis, out in enumerate(op.size):
        taps = op.most_taps(axis, None if scale is None else float(scale[axis]))
        table = [f.alloc((out,), i32), f.alloc((out,), i32), f.alloc((out, taps), f32)]
        params = {
            "method": "kernel",
            "kernel": op.kernel,
            "antialias": op.antialias,
            "axis": axis,
            "size": tensor(op.x).shape[1 + axis],
            "error": True,
        }
        inputs = [f.buffer(op.scale), f.buffer(op.translation)]
        f.call("resize_taps", inputs, table, out, params, location=op.location, unit_cost=(512, 64))
        tables.append(table)
    _resample(f, op, op.x, tables, 0)


@forms(Colour)
def form_colour(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, Colour):
        x = tensor(op.x)
        f.call(
            "colour",
            [f.buffer(v) for v in op.operands],
            [f.result(op.result)],
            ceildiv(product(x.shape[:-1]), colour.BLOCK),
            {"kind": op.kind, "dtype": x.dtype},
            cost_of=[op],
            unit_cost=(40.0 * colour.BLOCK, 24.0 * colour.BLOCK),
            location=op.location,
        )


@forms(DrawBoxes)
def form_draw_boxes(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, DrawBoxes):
        y = f.result(op.result)
        copy(f, f.buffer(op.x), y, location=op.location)
        inputs = [f.buffer(op.boxes), f.buffer(op.colours)]
        f.call(
            "draw_boxes",
            inputs,
            [y],
            tensor(op.x).shape[0],
            {"dtype": tensor(op.x).dtype},
            location=op.location,
        )


@forms(CropAndResize)
def form_crop_and_resize(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, CropAndResize):
        y = tensor(op.result)
        f.call(
            "crop",
            [f.buffer(v) for v in op.operands],
            [f.result(op.result)],
            product(y.shape[:2]),
            {
                "method": op.method,
                "outside": op.outside,
                "dtype": tensor(op.x).dtype,
                "image_dtype": tensor(op.image).dtype,
                "error": True,
            },
            cost_of=[op],
            location=op.location,
        )


@forms(ProjectiveTransform)
def form_projective_transform(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, ProjectiveTransform):
        y = tensor(op.result)
        f.call(
            "warp",
            [f.buffer(v) for v in op.operands],
            [f.result(op.result)],
            product(y.shape[:2]),
            {"method": op.method, "fill_mode": op.fill_mode, "dtype": y.dtype, "error": True},
            cost_of=[op],
            location=op.location,
        )
