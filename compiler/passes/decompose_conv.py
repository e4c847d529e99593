"""Replaces convolutions by a 1×m and an n×1 one, and dense layers by two thin ones: an approximation, made when asked.

The two kernels are the factors of the kernel's singular value decomposition (`low_rank`). Strides, dilations and
paddings along an axis go with the kernel that lies along it, so that a pair of full rank computes what the convolution
did, for sizes known at run time too. Biases and activations stay behind the second kernel. A pair is taken only where
the cost model that kernels are chosen by predicts less than 0.8 of the cycles of the layer as it would run,
transforms of Winograd's included; ranks are multiples of 16 where that costs nothing. An infinity in an
image may come out as NaN, as differences of the factors' products with it.

`max-error` is the largest relative error of each layer's weights in the Frobenius norm; 0 leaves only what loses
nothing, as blurs and Sobel filters. `flops` is the share of the FLOPs of all layers that can be decomposed to keep,
shared out where a FLOP saved costs the least error; with `rank` every layer gets that one. `force` takes slower pairs
too, for study. The module's attribute `graph.decompositions` has a row for each layer; new ops have their layer's error
as `error_bound`. Kernels that are 1×n or n×1 already are left alone. Where a library trains, the same is done before
weights become variables, and the factors are trained.

With samples (`--calibrate`) the factors make the error of each layer's output small, not that of its weights, and
`max-error` and `flops` count it (`seen`): the first factor comes from the principal directions of the output, the
second one is solved for by least squares. What few samples say is mixed with an equal variance everywhere, as Ledoit
and Wolf estimate. Of 3×3 kernels [3, 3, 16, 24] of random weights over images whose 16 channels are mixtures of 4, the
relative errors of the output on images that were not among the samples, 1×3 first:

| rank of 48 | 4 | 8 | 12 | 14 |
|---|---|---|---|---|
| singular values of the weights | 0.94 | 0.85 | 0.77 | 0.62 |
| fitted to 8 images | 0.24 | 0.12 | 0.041 | 0.038 |
| fitted to 1 image (100 patches of 144 numbers) | 0.31 | 0.15 | 0.083 | 0.071 |

Of images of noise, where nothing can be gained, no rank lost more than 1% in the cases tested. All layers of the sample
network of digits at one rank (`force`), fitted to 1000 images, on the 797 others (500 of which the network was trained
with), where it is right in 98.1% as it is:

| rank | 4 | 8 | 16 | 32 |
|---|---|---|---|---|
| error of the results, weights | 0.88 | 0.69 | 0.095 | 0.045 |
| error of the results, fitted | 0.67 | 0.17 | 0.034 | 0.014 |
| accuracy, weights | 38.0% | 67.9% | 97.5% | 98.0% |
| accuracy, fitted | 67.3% | 96.0% | 98.2% | 98.0% |
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...runtime.errors import OptionError
from ..ir.attributes import Array
from ..ir.core import Builder, Op
from ..ir.passes import Pass, PassContext
from ..ir.rewrite import erase_if_dead
from ..ops.conv import Conv2D
from ..ops.matmul import MatMul
from ..target import TARGETS
from .decomposable import Layer, Point, keyed, layer_of
from .low_rank import HORIZONTAL
from .rank_choice import Choice, Wish, choose
from .seen import Moments
from .shared import add_constant, dense_of, inherit, rounded

#: the attribute of a module with a row for each layer that was considered
DECOMPOSITIONS = "graph.decompositions"
#: what an op of a decomposed layer has: the relative error of the layer
ERROR_BOUND = "error_bound"
#: the machine that is meant where a pass runs without one
USUAL_TARGET = TARGETS["x86-64-v4"]


@dataclass(frozen=True)
class DecomposeConv(Pass):
    """conv2d by n×m  becomes conv2d by 1×m → conv2d by n×1, or n×1 → 1×m, and matmul two thin ones, where the error
    that is allowed makes that faster."""

    name = "decompose-conv"
    max_error: float = 0.0
    flops: float = 0.0
    rank: int = 0
    force: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.max_error < 1:
            raise OptionError(
                f"decompose-conv: expected max-error from 0 to below 1, received {self.max_error}"
            )
        if not 0 <= self.flops <= 1:
            raise OptionError(f"decompose-conv: expected flops as a share from 0 to 1, received {self.flops}")
        if self.rank < 0:
            raise OptionError(f"decompose-conv: expected a rank from 1 up, received {self.rank}")
        if self.rank and self.flops:
            raise OptionError("decompose-conv: expected rank or flops, received both")

    @property
    def wish(self) -> Wish:
        return Wish(self.max_error, self.flops, self.rank, self.force)

    def run(self, module: Op, context: PassContext) -> None:
        decompose(module, context, self.wish, context.given.get(self.name))


def parse_decomposition(text: str) -> DecomposeConv:
    """`max-error=0.01`, `flops=0.5`, `force rank=16`: the pass that these words, between blanks or commas, ask for.

    Raises:
        OptionError: there is no such word, a number is none, or is out of its range.
    """
    kinds: dict[str, type] = {"max-error": float, "flops": float, "rank": int}
    given: dict[str, Any] = {}
    words = [w for w in re.split(r"[\s,]+", text) if w]
    for word in words:
        key, equals, value = word.partition("=")
        name = key.replace("_", "-")
        if name.replace("-", "_") in given:
            raise OptionError(f"--decompose-conv: {name} is given twice in {text!r}")
        if name == "force" and not equals:
            given["force"] = True
        elif name in kinds and equals:
            try:
                given[name.replace("-", "_")] = kinds[name](value)
            except ValueError:
                raise OptionError(
                    f"--decompose-conv: expected a number behind {name}=, received {value!r}"
                ) from None
        else:
            raise OptionError(
                f"--decompose-conv: expected max-error=E, flops=SHARE, rank=R or force, received {word!r}"
            )
    if "rank" in given and given["rank"] < 1:
        raise OptionError(f"--decompose-conv: expected a rank from 1 up, received {given['rank']}")
    if "flops" in given and not 0 < given["flops"] <= 1:
        raise OptionError(
            f"--decompose-conv: expected flops as a share above 0 and at most 1, received {given['flops']}"
        )
    if not given.keys() & {"max_error", "flops", "rank"}:
        raise OptionError(f"--decompose-conv: expected max-error=E, flops=SHARE or rank=R, received {text!r}")
    return DecomposeConv(**given)


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
