"""Detection ops to kernel calls."""

from __future__ import annotations

from ...runtime.spec import f32, i32
from ..ir.core import Value
from ..ir.dims import Dim
from ..ir.location import Location
from ..ops.base import tensor
from ..ops.detection import CombinedNonMaxSuppression, NonMaxSuppression
from .dialect_memory import memref
from .former import Former, Group, forms


def suppress(
    f: Former,
    inputs: list[Value],
    outputs: list[Value],
    given: bool,
    location: Location,
) -> None:
    """Calls the kernel, with memory of its own."""
    n, boxes, classes = memref(inputs[1]).shape
    scratch = [f.alloc((n, classes, boxes), f32), f.alloc((n, classes, boxes), i32)]
    f.call(
        "nms",
        inputs,
        [*outputs, *scratch],
        n * classes,
        {"given": given},
        unit_cost=(1e6, 0),
        location=location,
    )


@forms(NonMaxSuppression)
def form_suppression(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, NonMaxSuppression):
        boxes, width = tensor(op.boxes).shape
        first = f.reshaped(f.buffer(op.boxes), (1, boxes, 1, width))
        scores = f.reshaped(f.buffer(op.scores), (1, boxes, 1))
        shapes: list[tuple[Dim, ...]] = [(1, 1, op.most), (1, 1, op.most), (1, 1)]
        outputs = [f.reshaped(f.result(r), s) for r, s in zip(op.results, shapes, strict=True)]
        rest = [f.buffer(v) for v in op.operands[2:]]
        suppress(f, [first, scores, *rest], outputs, op.given, op.location)


@forms(CombinedNonMaxSuppression)
def form_combined(f: Former, group: Group) -> None:
    op = group.last
    if not isinstance(op, CombinedNonMaxSuppression):
        raise TypeError("a combined suppression's group")
    n, _, classes = tensor(op.scores).shape
    most = op.chosen_per_class()
    chosen = [f.alloc((n, classes, most), i32), f.alloc((n, classes, most), f32), f.alloc((n, classes), i32)]
    inputs = [f.buffer(v) for v in op.operands]
    suppress(f, inputs, chosen, False, op.location)
    f.call(
        "nms_merge",
        [inputs[0], *chosen],
        [*(f.result(r) for r in op.results), f.alloc((n, classes), i32)],
        n,
        {"clip": op.clip},
        unit_cost=(1e5, 0),
        location=op.location,
    )
