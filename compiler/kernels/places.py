"""Where values lie: producers write straight into their part of a concatenation, of a padded tensor, or of a buffer
with the border that a convolution wants.

This is decided before a block's ops are converted, from the last one to the first. Such a value is a view with gaps,
so every kernel that makes or reads it must take one; what is not known to do so keeps the value out. So do values
that the caller, another block or a later size has to do with. The borders are filled in each run, for the memory
around a value has been used by others.
"""

from __future__ import annotations

from collections.abc import Callable

from ..cost.choose import choose_conv
from ..ir.core import Block, Op, Value
from ..ir.dims import product
from ..ops.base import tensor
from ..ops.constant import Constant
from ..ops.conv import Conv2D, Conv3D, ConvTranspose
from ..ops.conv_gradient import ConvFilterGradient
from ..ops.matmul import MatMul
from ..ops.pool import AvgPool2D, AvgPool3D, MaxPool2D, MaxPool3D
from ..ops.pool_gradient import MaxPoolGradient
from ..ops.rearrange import Reverse
from ..ops.resize import Resize
from ..ops.shape import BroadcastTo, Concat, Pad, Slice, Transpose
from .body import signless
from .form_border import frame
from .form_gemm import extras_flat
from .form_moves import inside_of, part_of
from .former import Bordered, Former, Group, Place

#: kernels that work on tiles or pixels of images, wherever those lie
IMAGES = (Conv2D, Conv3D, MaxPool2D, MaxPool3D, AvgPool2D, AvgPool3D)
#: ops that read their first operand through any view
MOVES = (Pad, Slice, Transpose, BroadcastTo, Reverse)
#: pointwise loops over shorter stretches would lose more than a copy costs
LEAST_STRETCH = 32
#: cycles for an element that is copied and then read from there
COPY_CYCLES = 1.3

#: zeros in front of and behind an image, for each spatial dimension
Margins = tuple[tuple[int, int], ...]


def plan_places(f: Former, block: Block, groups: dict[Op, Group]) -> None:
    """Fills in `f.places` for values of a block."""
    plan = _Plan(f, block, groups)
    for op in reversed(list(block.ops)):
        group = groups.get(op)
        if group is None or group.last is not op or len(op.results) != 1:
            continue
        for v in reversed(group.results):
            if plan.may_lie_anywhere(group, v):
                plan.place(group, v)


class _Plan:
    def __init__(self, f: Former, block: Block, groups: dict[Op, Group]) -> None:
        self.f, self.block, self.groups = f, block, groups
        #: values whose rows of pixels have gaps between them
        self.spread: set[Value] = set()

    def place(self, group: Group, v: Value) -> None:
        """A place for `v`, one of the group's results."""
        f = self.f
        users = list(dict.fromkeys(user for user, _ in v.uses))
        for op in users:
            if isinstance(op, Concat) and self._fits_concat(group, v, op):
                i = op.xs.index(v)
                self._put(v, op, lambda op=op, i=i: part_of(f, op, f.result(op.result), i))
                if op.result in self.spread or 1 < op.axis % tensor(v).rank < tensor(v).rank - 1:
                    self.spread.add(v)
                return
        for op in users:
            if isinstance(op, Pad) and self._fits_pad(group, v, op):
                self._put(v, op, lambda op=op: inside_of(f, op, f.result(op.result)))
                self.spread.add(v)
                return
        wanted = [(op, m) for op in users if isinstance(op, (Conv2D, Conv3D)) and (m := self._border(op))]
        if wanted and self._pays(group, v, len(wanted), True):
            margins = tuple(
                (max(low for low, _ in axis), max(high for _, high in axis))
                for axis in zip(*(m for _, m in wanted), strict=True)
            )
            op = wanted[0][0]
            self._put(v, op, lambda: _inside_border(f, v, margins, op))
            self.spread.add(v)

    def _border(self, op: Conv2D | Conv3D) -> Margins | None:
        from .form_conv import border_wanted  # with all kernels of convolutions: only where there are some

        return border_wanted(self.f, op, self.groups[op].pool)

    def _put(self, v: Value, by: Op, make: Callable[[], Value]) -> None:
        self.f.places[v] = Place(by, make)

    def _fits_concat(self, group: Group, v: Value, op: Concat) -> bool:
        t = tensor(v)
        axis = op.axis % t.rank
        if self.f.late.is_late(op.result) or not self._has_stretches(group, v, axis):
            return False
        return self._pays(group, v, 1, op.result in self.spread or 1 < axis < t.rank - 1)

    def _fits_pad(self, group: Group, v: Value, op: Pad) -> bool:
        if not isinstance(op.value.definer, Constant) or self.f.late.is_late(op.result):
            return False
        padded = [i for i, pads in enumerate(zip(op.low, op.high, strict=True)) if pads != (0, 0)]
        return self._has_stretches(group, v, max(padded, default=0)) and self._pays(group, v, 1, True)

    def _has_stretches(self, group: Group, v: Value, axis: int) -> bool:
        """Whether what lies together, from `axis` on, is enough for the pointwise loops around the value."""
        loops = [group, *(g for user, _ in v.uses if (g := self.groups.get(user)))]
        length = product(tensor(v).shape[axis:])
        enough = not isinstance(length, int) or length >= LEAST_STRETCH
        return enough or all(g.anchor is not None for g in loops)

    # Whether kernels can.

    def may_lie_anywhere(self, group: Group, v: Value) -> bool:
        late = self.f.late
        if v in self.f.destinations or late.is_late(v) or not v.uses or tensor(v).size == 0:
            return False
        return _writes_views(group) and all(self._reads_view(user, v) for user in dict.fromkeys(v.users))

    def _reads_view(self, user: Op, v: Value) -> bool:
        if user.block is not self.block or user not in self.groups:
            return False
        if isinstance(user, Concat):
            return True
        anchor = self.groups[user].anchor
        if user is not anchor:  # one of the steps of a body
            return anchor is None or _takes_views(anchor)
        if isinstance(user, MaxPoolGradient):
            return True
        if v in user.operands[1:]:
            return False
        if isinstance(user, Resize):
            return _is_simple_resize(user)
        return isinstance(user, (*IMAGES, *MOVES, ConvTranspose, ConvFilterGradient)) or _is_plain_product(
            user
        )

    # Whether it pays.

    def _pays(self, group: Group, v: Value, copies: int, gaps: bool) -> bool:
        """Whether copies saved are more than 1x1 convolutions lose that see rows of pixels instead of one."""
        if not gaps:
            return True
        lost = self._loss_of_writing(group)
        for user in dict.fromkeys(v.users):
            reader = self.groups[user]
            if reader.anchor is user:
                lost += self._loss(reader)
        image = product(tensor(v).shape[1:])
        return not lost or not isinstance(image, int) or lost <= copies * COPY_CYCLES * image

    def _loss_of_writing(self, group: Group) -> float:
        if not isinstance(group.anchor, Concat):
            return self._loss(group)
        makers = (self.groups.get(v.definer) for v in group.anchor.xs if v.definer is not None)
        return sum(self._loss_of_writing(g) for g in makers if g is not None)

    def _loss(self, group: Group) -> float:
        """What a 1x1 convolution loses, in cycles for an image."""
        op = group.anchor
        if not isinstance(op, Conv2D) or op.groups > 1 or {*op.kernel, *op.strides} != {1}:
            return 0
        x, out = tensor(op.x).shape, tensor(op.result).shape
        if not isinstance(x[-1], int) or not isinstance(out[-1], int) or not extras_flat(group):
            return 0
        flat, rows = (
            choose_conv(self.f.target, out, x[-1], out[-1], op.kernel, op.strides, may).cycles
            for may in (True, False)
        )
        return max(rows - flat, 0)


def _inside_border(f: Former, v: Value, margins: Margins, by: Op) -> Value:
    """A buffer with a border of zeros; the view inside is for `v`."""
    t = tensor(v)
    low = tuple(a for a, _ in margins)
    n, *sizes, c = t.shape
    whole = [a + size + b for size, (a, b) in zip(sizes, margins, strict=True)]
    buffer = f.alloc((n, *whole, c), signless(t.dtype))
    buffer.hint = v.hint and f"{v.hint}_bordered"
    f.borders[v] = Bordered(buffer, low)
    return frame(f, buffer, (0, *low, 0), t.shape, by.location)


def _writes_views(group: Group) -> bool:
    """Whether the kernel of a group can write a result with gaps."""
    anchor = group.anchor
    if anchor is None or isinstance(anchor, (*IMAGES, Concat, Pad)):
        return True
    return _is_simple_resize(anchor) or _is_plain_product(anchor)


def _takes_views(anchor: Op) -> bool:
    """Whether a kernel's body can read values that lie anywhere. With strides, phases that share a kernel do not."""
    if isinstance(anchor, ConvTranspose):
        return {*anchor.strides} == {1}
    return isinstance(anchor, IMAGES) or _is_plain_product(anchor)


def _is_plain_product(op: Op) -> bool:
    """Products of two matrices, with neither buffers seen under other shapes nor single rows or columns."""
    if not isinstance(op, MatMul):
        return False
    shape = tensor(op.result).shape
    return len(shape) == 2 and 1 not in shape


def _is_simple_resize(op: Op) -> bool:
    return isinstance(op, Resize) and op.method in ("nearest", "bilinear")
