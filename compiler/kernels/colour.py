"""Colour spaces, hue and saturation, pixel by pixel; and lines around boxes."""

from __future__ import annotations

from ...runtime.spec import DType, f32
from ..ir.dims import product
from ..ops.builtin import FuncOp
from ..ops.expression import Num
from ..target import Target
from .build import Index
from .channels import across, get_row, put_row
from .dialect_kern import Kernel
from .family import lowers
from .scalar import ScalarBuilder

Pixel = tuple[Num, Num, Num]
#: pixels of one unit
BLOCK = 1024


@lowers("colour")
def lower_colour(kernel: Kernel, target: Target) -> FuncOp:
    """`(x [..., 3], [amount,] y)`; a block of pixels is a unit."""
    b = ScalarBuilder(kernel)
    dtype: DType = kernel.params["dtype"]
    total = product(kernel.inputs[0].shape[:-1])
    x, y = (b.dense(v, (total, 3)) for v in (b.inputs[0], b.outputs[0]))
    amount = b.get(b.inputs[1], dtype) if len(b.inputs) > 1 else b.c(0, dtype)
    with b.loop(b.lo, b.hi) as unit:
        first = b.mul(unit.iv, BLOCK)
        with b.loop(first, b.min(b.add(first, BLOCK), b.dim(total))) as i:
            r, g, c = (b.get(x, dtype, i.iv, k) for k in range(3))
            for k, v in enumerate(_converted((r, g, c), amount, kernel.params["kind"])):
                b.put(v, y, i.iv, k)
    return b.finish()


def _converted(x: Pixel, amount: Num, kind: str) -> Pixel:
    if kind == "hsv_to_rgb":
        h, s, v = x
        return _shades(h * 6, v * (1 - s), v)
    h, s, v = _hsv(x)
    if kind == "rgb_to_hsv":
        return h, s, v
    if kind == "adjust_saturation":
        return _shades(h * 6, v * (1 - (s * amount).max(0).min(1)), v)
    sector = (h + amount) * 6
    return _shades(sector - (sector / 6).f("floor") * 6, x[0].min(x[1]).min(x[2]), v)


def _hsv(x: Pixel) -> Pixel:
    """Hue in turns, saturation, value."""
    r, g, b = x
    top = r.max(g).max(b)
    span = top - r.min(g).min(b)
    lit, coloured = top > 0, span > 0
    norm = 1 / (coloured.where(span, 1) * 6)
    hue = r.eq(top).where(norm * (g - b), g.eq(top).where(norm * (b - r) + 1 / 3, norm * (r - g) + 2 / 3))
    hue = coloured.where(hue, 0)
    return (hue < 0).where(hue + 1, hue), lit.where(span / lit.where(top, 1), 0), top


def _shades(sector: Num, low: Num, high: Num) -> Pixel:
    """Red, green and blue of a hue in sixths of a turn, between the smallest and the largest of the three."""

    def shade(part: Num) -> Num:
        return low + (high - low) * part.max(0).min(1)

    return shade(abs(sector - 3) - 1), shade(2 - abs(sector - 2)), shade(2 - abs(sector - 4))


@lowers("draw_boxes")
def lower_draw_boxes(kernel: Kernel, target: Target) -> FuncOp:
    """`(boxes, colours, images)`, drawn into the images; an image is a unit."""
    b = ScalarBuilder(kernel)
    boxes, colours = kernel.inputs
    height, width = (b.dim(d) for d in kernel.outputs[0].shape[1:3])
    with b.loop(b.lo, b.hi) as unit, b.loop(0, b.dim(boxes.shape[1])) as box:
        last = [b.of_index(b.sub(d, 1)).to(f32) for d in (height, width, height, width)]
        places = [b.get(b.inputs[0], f32, unit.iv, box.iv, k) * last[k] for k in range(4)]
        y1, x1, y2, x2 = (b.index(p.max(-1e9).min(1e9)) for p in places)
        drawn = b.holds("sle", y1, y2) & b.holds("sle", x1, x2)
        drawn &= b.holds("slt", y1, height) & b.holds("sge", y2, 0)
        drawn &= b.holds("slt", x1, width) & b.holds("sge", x2, 0)
        with b.when(drawn.v):
            pen = _Pen(b, target, unit.iv, b.rem(box.iv, b.dim(colours.shape[0])))
            rows = b.max(y1, 0), b.add(b.min(y2, b.sub(height, 1)), 1)
            columns = b.max(x1, 0), b.add(b.min(x2, b.sub(width, 1)), 1)
            for row in (y1, y2):
                with b.when(b.compare("ult", row, height)), b.loop(*columns) as column:
                    pen.dot(row, column.iv)
            for column in (x1, x2):
                with b.when(b.compare("ult", column, width)), b.loop(*rows) as row:
                    pen.dot(row.iv, column)
    return b.finish()


class _Pen:
    """Draws on one image in one colour."""

    def __init__(self, b: ScalarBuilder, target: Target, image: Index, colour: Index) -> None:
        self.b, self.image, self.colour = b, image, colour
        self.wide = 2 * target.lanes

    def dot(self, row: Index, column: Index) -> None:
        b = self.b
        dtype: DType = b.kernel.params["dtype"]

        def vector(c: Index, width: int, inside: bool) -> None:
            v = get_row(b, b.inputs[1], f32, [self.colour, c], width, inside)
            put_row(b, v.to(dtype), b.outputs[0], [self.image, row, column, c], inside)

        across(b, b.dim(b.kernel.outputs[0].shape[3]), self.wide, vector)
