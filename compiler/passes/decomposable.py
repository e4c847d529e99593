"""Layers that two thinner ones may stand for: their kernels, and what each rank costs."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Union

import numpy as np

from ...runtime.spec import f32, f64
from ..cost.predict import ConvShape, conv_cycles, product_cycles
from ..ir.attributes import Array
from ..ir.core import Op
from ..ir.dims import Dim, substitute, symbols_of
from ..ir.location import UNKNOWN
from ..ops.base import tensor
from ..ops.conv import Conv2D, Conv3D, ConvTranspose
from ..ops.matmul import MatMul
from ..target import Target
from .low_rank import HORIZONTAL, ORDERS, Factorizer
from .seen import Moments
from .shared import dense_of

#: images whose sizes are known at run time only are compared at this size
USUAL_SIZE = 64
#: ranks are multiples of it where that costs nothing
STEP = 16
#: cycles that count as none
FREE = 1.02
#: a pair is worth it below this share of the layer's cycles: of 17 shapes that predictions were not fitted to, the
#: measured ratio was above 1.2 times the predicted one for one, 1.43 times
WORTH = 0.8


@dataclass(frozen=True)
class Point:
    """One way to decompose a layer: the order of the two kernels, their rank, what the pair costs, and its error."""

    order: str
    rank: int
    cycles: int
    flops: int
    parameters: int
    error: float


@dataclass
class Layer:
    """A convolution with a kernel [n, m, C / groups, O], or a product with a matrix as a kernel [1, 1, C, O]."""

    op: Union[Conv2D, MatMul]
    kernel: Array
    groups: int
    target: Target
    precise: bool
    moments: Array | Moments | None = None
    _made: dict[str, Factorizer] = field(default_factory=dict[str, Factorizer])

    @property
    def name(self) -> str:
        """The user's name of the layer; without one the weights'."""
        weights = dense_of(self.op.operands[1])
        if self.op.location != UNKNOWN or weights is None:
            return str(self.op.location)
        return weights.name

    @property
    def text(self) -> str:
        """The kernel's sizes."""
        sizes = self.kernel.shape if isinstance(self.op, Conv2D) else self.kernel.shape[2:]
        return "x".join(map(str, sizes)) + (f" of {self.groups} groups" if self.groups > 1 else "")

    @property
    def orders(self) -> tuple[str, ...]:
        return ORDERS if isinstance(self.op, Conv2D) else (HORIZONTAL,)

    @property
    def parameters(self) -> int:
        return self.kernel.size

    @property
    def size(self) -> int:
        """Bytes of an element."""
        return tensor(self.op.result).dtype.size

    @property
    def out(self) -> tuple[int, ...]:
        return self._sizes(tensor(self.op.result).shape)

    def _sizes(self, shape: tuple[Dim, ...]) -> tuple[int, ...]:
        """A shape with numbers for symbols: one image, of a usual size."""
        first = tensor(self.op.operands[0]).shape[0]
        images = symbols_of(first)
        found: list[int] = []
        for d in shape:
            known = substitute(d, {s: 1 if s in images else USUAL_SIZE for s in symbols_of(d)})
            found.append(max(known, 1) if isinstance(known, int) else USUAL_SIZE)
        return tuple(found)

    @property
    def rows(self) -> int:
        """Rows of a product, of all that lead them."""
        return math.prod(self.out[:-1])

    def whole(self) -> tuple[int, int]:
        """Predicted cycles of the layer as it is, and its FLOPs."""
        if isinstance(self.op, Conv2D):
            s = self._conv(self.out, self.kernel.shape, self.op.strides, self.op.dilations)
            return conv_cycles(self.target, s, self.precise), s.flops
        *_, depth, columns = self.kernel.shape
        return product_cycles(
            self.target, self.rows, columns, depth, self.size
        ), 2 * self.rows * depth * columns

    @property
    def worth(self) -> float:
        """What a pair may take, in cycles."""
        return WORTH * self.whole()[0]

    def most(self, order: str, below: float) -> int:
        """The largest rank whose pair takes fewer cycles than that; 0 for none. Pairs of higher rank take more."""
        full = self.full_rank(order)
        ranks = [*range(1, min(STEP, full)), *range(STEP, full, STEP), full]
        count = bisect_left(ranks, True, key=lambda r: self.price(order, r)[0] >= below)
        return ranks[count - 1] if count else 0

    def full_rank(self, order: str) -> int:
        n, m, c, o = self.kernel.shape
        taps, others = (m, n) if order == HORIZONTAL else (n, m)
        return min(taps * c, others * (o // self.groups))

    def price(self, order: str, rank: int) -> tuple[int, int, int]:
        """Predicted cycles, FLOPs and parameters of the pair."""
        if not isinstance(self.op, Conv2D):
            *_, c, o = self.kernel.shape
            pairs = ((rank, c), (o, rank))
            cycles = sum(product_cycles(self.target, self.rows, *p, self.size) for p in pairs)
            return cycles, 2 * self.rows * rank * (c + o), rank * (c + o)
        shapes = self.pair(order, rank)
        cycles = sum(conv_cycles(self.target, s, self.precise) for s in shapes)
        return cycles, sum(s.flops for s in shapes), sum(math.prod(s.filter) for s in shapes)

    def pair(self, order: str, rank: int) -> tuple[ConvShape, ConvShape]:
        """The two convolutions of a convolution, in the order in which they are computed."""
        op, (n, m, c, o) = self.op, self.kernel.shape
        if not isinstance(op, Conv2D):
            raise TypeError("a product has no window")
        (sy, sx), (dy, dx) = op.strides, op.dilations
        (images, height, width, _), have = self.out, self._sizes(tensor(op.x).shape)
        wide = self.groups * rank
        if order == HORIZONTAL:
            first = self._conv((images, have[1], width, wide), (1, m, c, wide), (1, sx), (1, dx))
            return first, self._conv(self.out, (n, 1, rank, o), (sy, 1), (dy, 1))
        first = self._conv((images, height, have[2], wide), (n, 1, c, wide), (sy, 1), (dy, 1))
        return first, self._conv(self.out, (1, m, rank, o), (1, sx), (1, dx))

    def _conv(
        self,
        out: tuple[int, ...],
        filter: tuple[int, ...],
        strides: tuple[int, ...],
        dilations: tuple[int, ...],
    ) -> ConvShape:
        return ConvShape(out, filter, strides, dilations, self.groups, self.size)

    def factorizer(self, order: str) -> Factorizer:
        if order not in self._made:
            self._made[order] = Factorizer(self.kernel, self.groups, order, self.moments)
        return self._made[order]

    def settle(self, point: Point | None) -> None:
        """Keeps of all factorisations the one that was chosen."""
        self._made = {} if point is None else {point.order: self.factorizer(point.order)}
        if point is not None:
            self._made[point.order].settle(point.rank)

    def point(self, order: str, rank: int) -> Point:
        return Point(order, rank, *self.price(order, rank), self.factorizer(order).error(rank))

    def rounded(self, order: str, rank: int) -> int:
        """The rank, or the multiple of `STEP` above it where that costs nothing worth mentioning."""
        up = min(-(-rank // STEP) * STEP, self.full_rank(order))
        cycles = self.price(order, up)[0]
        free = cycles <= FREE * self.price(order, rank)[0] and cycles < self.worth
        return up if free else rank


def keyed(layers: Iterable[Layer]) -> Iterator[tuple[str, Layer]]:
    """Layers in the module's order by their names; a number tells those of the same name apart."""
    seen: Counter[str] = Counter()
    for layer in layers:
        count = seen[layer.name]
        seen[layer.name] += 1
        yield (f"{layer.name}#{count}" if count else layer.name), layer


def layers_of(module: Op, target: Target, precise: bool) -> list[Layer]:
    """The layers of a module that can be decomposed, in its order."""
    found = (layer_of(op, target, precise) for op in module.walk())
    return [layer for layer in found if isinstance(layer, Layer)]


def layer_of(op: Op, target: Target, precise: bool) -> Layer | str | None:
    """The layer that an op is, the reason why it is left alone, or None for other ops."""
    if type(op) in (Conv3D, ConvTranspose):
        return "only two-dimensional convolutions that are not transposed are decomposed"
    if not isinstance(op, (Conv2D, MatMul)):
        return None
    if "epilogue" in op.attributes:
        return "its epilogue is fused already: decompose-conv comes before fuse-conv-bias-relu"
    weights = dense_of(op.operands[1])
    if weights is None:
        return "its weights are computed, not constant"
    if weights.dtype not in (f32, f64):
        return f"its weights are {weights.dtype.tf_name}, not floats of 32 or 64 bits"
    array = weights.array
    if isinstance(op, MatMul):
        if array.ndim != 2:
            return f"its weights have {array.ndim} dimensions, not 2"
        array = (array.T if op.transpose_y else array)[None, None]
    if 0 in array.shape:
        return "its weights are empty"
    n, m, c, o = array.shape
    if isinstance(op, Conv2D) and 1 in (n, m):
        return f"its kernel {n}x{m} has one dimension only"
    if min(n * c, m * c, n * o, m * o) < 2:
        return "its weights are a vector: their rank is 1"
    if not bool(np.isfinite(array).all()):
        return "its weights are not finite"
    return Layer(op, array, op.groups if isinstance(op, Conv2D) else 1, target, precise)
