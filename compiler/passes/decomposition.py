"""What the pass decompose-conv does to a module: chooses layers and ranks, and puts the pairs in their place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..ir.attributes import Array
from ..ir.core import Builder, Op
from ..ir.passes import PassContext
from ..ir.rewrite import erase_if_dead
from ..ops.conv import Conv2D
from ..ops.matmul import MatMul
from ..target import TARGETS
from .decomposable import Layer, Point, keyed, layer_of
from .decompose_conv import DECOMPOSITIONS, DecomposeConv
from .low_rank import HORIZONTAL
from .rank_choice import Choice, Wish, choose
from .seen import Moments
from .shared import add_constant, dense_of, inherit, rounded

#: what an op of a decomposed layer has: the relative error of the layer
ERROR_BOUND = "error_bound"
#: the machine that is meant where a pass runs without one
USUAL_TARGET = TARGETS["x86-64-v4"]


def decompose(
    module: Op, context: PassContext, wish: Wish, moments: Mapping[str, Array | Moments] | None = None
) -> tuple[Choice, ...]:
    """Decomposes the layers of a module, in place, and returns what was chosen for each.

    `moments` are second moments of the patches that layers see, by the layer's key (`keyed`), as `Factorizer` has them;
    the errors of those layers are their outputs'.
    """
    name = DecomposeConv.name
    rows: tuple[dict[str, Any], ...] = module.attributes.get(DECOMPOSITIONS, ())
    done = {(r["layer"], r["kernel"]) for r in rows}
    target, precise = context.target or USUAL_TARGET, bool(getattr(context.options, "precise", False))
    layers: list[Layer] = []
    for op in module.walk():
        if ERROR_BOUND in op.attributes:
            continue
        found = layer_of(op, target, precise)
        if isinstance(found, str):
            context.refuse(name, op, found)
        elif found is not None and (found.name, found.text) not in done:
            layers.append(found)
    for key, layer in keyed(layers):
        layer.moments = (moments or {}).get(key)
    choices = tuple(choose(layers, wish, once=True))
    rows += tuple(row_of(c) for c in choices)
    for c in choices:
        if c.point is None:
            context.refuse(name, c.layer.op, c.reason)
        else:
            replace(c.layer, c.point)
            context.count(name)
    if rows:
        module.attributes[DECOMPOSITIONS] = rows
    return choices


def row_of(choice: Choice) -> dict[str, Any]:
    """What became of a layer, in plain values; there is an `output_error` where the layer's inputs were known."""
    layer, point = choice.layer, choice.point
    cycles, flops = layer.whole()
    row: dict[str, Any] = {
        "layer": layer.name,
        "kernel": layer.text,
        "rank": point.rank if point else 0,
        "full_rank": layer.full_rank(point.order) if point else max(map(layer.full_rank, layer.orders)),
        "order": order_text(layer, point) if point else "",
        "cycles_before": cycles,
        "cycles_after": point.cycles if point else cycles,
        "flops_before": flops,
        "flops_after": point.flops if point else flops,
        "parameters_before": layer.parameters,
        "parameters_after": point.parameters if point else layer.parameters,
        "weight_error": layer.factorizer(point.order).weight_error(point.rank) if point else 0.0,
        "decision": "decomposed" if point else "kept",
        "reason": choice.reason,
    }
    output = layer.factorizer(point.order).output_error(point.rank) if point else None
    return row if output is None else {**row, "output_error": output}


def order_text(layer: Layer, point: Point) -> str:
    """The two kernels in the order in which they are applied."""
    if not isinstance(layer.op, Conv2D):
        return "two products"
    n, m = layer.kernel.shape[:2]
    return f"1x{m}, {n}x1" if point.order == HORIZONTAL else f"{n}x1, 1x{m}"


def factor_names(layer: Layer, point: Point) -> tuple[str, str]:
    """What the weights of the pair are called behind the layer's own, in the order in which they are applied."""
    if not isinstance(layer.op, Conv2D):
        return "left", "right"
    first, second = order_text(layer, point).split(", ")
    return first, second


def replace(layer: Layer, point: Point) -> None:
    """The pair in place of a layer."""
    op, made = layer.op, layer.factorizer(point.order).filters(point.rank)
    old = dense_of(op.operands[1])
    if old is None:
        raise TypeError("a layer with constant weights")
    b = Builder.at(op)
    filters = [
        add_constant(
            b,
            rounded(f if isinstance(op, Conv2D) else f[0, 0], old.dtype),
            old.dtype,
            f"{old.name}/{s}" if old.name else "",
            op.operands[1].hint,
        )
        for f, s in zip(made, factor_names(layer, point), strict=True)
    ]
    if isinstance(op, Conv2D):
        across, down = along(op, 1), along(op, 0)
        first, second = (across, down) if point.order == HORIZONTAL else (down, across)
        middle = b.create(Conv2D, op.x, filters[0], **first)
        last: Op = b.create(Conv2D, middle.result, filters[1], **second)
    else:
        middle = b.create(MatMul, op.operands[0], filters[0], transpose_x=op.transpose_x)
        last = b.create(MatMul, middle.result, filters[1])
    for new in (middle, last):
        inherit(new, op)
        new.attributes[ERROR_BOUND] = point.error
    last.result.hint, weights = op.result.hint, op.operands[1].definer
    op.replace_with(last.result)
    if weights is not None:
        erase_if_dead(weights)


def along(op: Conv2D, axis: int) -> dict[str, Any]:
    """How a filter moves along one axis alone."""
    strides, dilations, pads = [1, 1], [1, 1], [0, 0, 0, 0]
    strides[axis], dilations[axis] = op.strides[axis], op.dilations[axis]
    pads[2 * axis : 2 * axis + 2] = op.pads[2 * axis : 2 * axis + 2]
    return {
        "strides": tuple(strides),
        "dilations": tuple(dilations),
        "padding": op.padding,
        "pads": tuple(pads),
    }
