"""Which convolutions take the maxima of 2x2 pixels themselves, from finished tiles: what lies between is never stored,
and a quarter as many numbers are.
"""

from __future__ import annotations

from ...runtime.spec import f32
from ..cost.choose import choose_conv
from ..cost.dot import MOST_COLUMNS
from ..ir.core import Op
from ..ir.dims import product
from ..ops.base import tensor
from ..ops.conv import Conv2D
from ..ops.pool import MaxPool2D
from ..ops.windows import static_pads
from .form_conv import winograd_of
from .form_winograd import computed, number
from .former import Former, Group

#: cycles for a number that is stored and read again by a pool's own kernel
POOL_CYCLES = 0.7


def fuse_pools(f: Former, groups: dict[Op, Group]) -> None:
    """Pools join the groups of convolutions. Steps that follow on a pool become a group of their own, with a quarter
    as many numbers to work on."""
    for op, group in list(groups.items()):
        if not isinstance(op, MaxPool2D) or group.anchor is not op:
            continue
        host = _host(f, op, groups)
        if host is None:
            continue
        host.ops.append(op)
        host.pool, groups[op] = op, host
        if group.steps:
            rest = Group(group.steps, None)
            groups.update(dict.fromkeys(rest.ops, rest))


def _host(f: Former, op: MaxPool2D, groups: dict[Op, Group]) -> Group | None:
    """The group of the convolution whose kernel can do the pool, when nobody else needs its result."""
    host = groups.get(op.x.definer) if op.x.definer is not None else None
    if host is None or host.pool is not None or host.result is not op.x or len(op.x.uses) != 1:
        return None
    if not isinstance(host.anchor, Conv2D) or tensor(op.x).dtype != f32 or not _is_plain(op):
        return None
    return host if _pays(f, host.anchor, op) else None


def _is_plain(op: MaxPool2D) -> bool:
    """Whether each window is a block of 2x2 pixels inside an image of known size."""
    sizes = tensor(op.x).shape[1:-1]
    if op.kernel != (2, 2) or op.strides != (2, 2) or not all(isinstance(d, int) for d in sizes):
        return False
    pads = (
        static_pads(d, 2, 2, 1, op.padding, (op.pads[2 * i], op.pads[2 * i + 1])) for i, d in enumerate(sizes)
    )
    return all(p == (0, 0) for p in pads)


def _pays(f: Former, conv: Conv2D, op: MaxPool2D) -> bool:
    """Whether the tiles of the convolution's kernel consist of whole windows, or may do so for less than what the pool
    costs. With windows of one pixel all pixels are better off as one row, and for a few channels vectors run along
    the sums."""
    channels, columns = (tensor(v).shape[-1] for v in (conv.x, conv.result))
    if not isinstance(channels, int) or not isinstance(columns, int) or columns <= MOST_COLUMNS:
        return False
    if conv.groups > 1 or conv.kernel == (1, 1):
        return False
    fast = winograd_of(f, conv, op)
    if fast is not None:
        return all(m % 2 == 0 for m in fast[0].m)
    if winograd_of(f, conv, None) is not None:
        return False
    apart, whole = (
        choose_conv(
            f.target, computed(conv, pool), channels, columns, conv.kernel, conv.strides, False, size
        ).cycles
        for pool, size in ((None, (1, 1)), (op, op.kernel))
    )
    return whole < apart + POOL_CYCLES * number(product(tensor(conv.result).shape[1:]))
