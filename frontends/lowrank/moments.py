"""Second moments of what the layers of a model see, from its own activations.

The module goes through the graph passes in front of decompose-conv, so that its layers are those that the pass will
see. A library is compiled whose results are the inputs of these layers; it runs over the samples in batches, and numpy
adds up the products of the patches with each other in double precision, a band of rows at a time.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from ...compiler.driver import compile_module, pass_manager
from ...compiler.ir.attributes import Array
from ...compiler.ir.core import Op, Value
from ...compiler.ir.passes import PassContext
from ...compiler.ops.builtin import FuncOp, finish_function, functions
from ...compiler.ops.conv import Conv2D
from ...compiler.ops.windows import concrete_pads, patches
from ...compiler.options import CompileOptions
from ...compiler.passes.decomposable import STEP, Layer, keyed, layers_of
from ...compiler.passes.decompose_conv import DecomposeConv, parse_decomposition
from ...compiler.passes.rank_choice import FEW
from ...compiler.passes.seen import Moments, shrinkage
from ...compiler.target import resolve_target
from ...runtime import Model, load
from .samples import Batch, Calibration, batches

#: bytes of one band of patches, and of the activations of one batch
BAND = 64 << 20
#: longest patches whose matrix of moments is made, and how many are kept of longer ones
LONGEST, FEWEST = 6144, 4096


def moments(
    module: Op, calibration: Calibration, options: CompileOptions, imported: bool = False
) -> dict[str, Moments]:
    """For each layer that may be decomposed, by its key (`keyed`), what it sees.

    The layers are those that decompose-conv meets, or with `imported` those of the module as it is, which is not
    changed. Layers in loops and branches have none, nor have those of which no pair is predicted to be faster, unless
    `options.decompose_conv` says `force`.

    Raises InputError for samples that the model does not take, and what compiling and running it raises.
    """
    probed = module.clone({})
    target = resolve_target(options.target)
    if not imported:
        prepare(probed, options)
    force = options.decompose_conv is not None and parse_decomposition(options.decompose_conv).force
    func = functions(probed)[0]
    layers = {
        key: layer
        for key, layer in keyed(layers_of(probed, target, options.precise))
        if layer.op.block is func.body and (force or _may_pay(layer))
    }
    if not layers:
        return {}
    # what stays of a layer when its module is compiled
    wanted = {key: Window.of(layer) for key, layer in layers.items()}
    places = _give_out(func, {key: layer.op.operands[0] for key, layer in layers.items()})
    with tempfile.TemporaryDirectory(prefix="netwright-") as folder:
        path = os.path.join(folder, "activations.so")
        compile_module(probed, path, CompileOptions(precise=options.precise), name="activations")
        return _gathered(load(path), calibration, wanted, places)


def prepare(module: Op, options: CompileOptions) -> None:
    """Runs the passes in front of decompose-conv on a module, in place."""
    plan = pass_manager(options.replace(stop_after=None)).plan()
    context = PassContext(target=resolve_target(options.target), options=options)
    names = [p.name for p in plan]
    if DecomposeConv.name not in names:  # the passes in front of which it would come
        chosen = options.replace(decompose_conv="max-error=0", stop_after=None)
        plan = pass_manager(chosen).plan()
        names = [p.name for p in plan]
    for p in plan[: names.index(DecomposeConv.name)] if DecomposeConv.name in names else ():
        p.run(module, context)


def _may_pay(layer: Layer) -> bool:
    """Whether a pair of some small rank is predicted to be faster."""
    cycles = layer.whole()[0]
    return any(
        layer.price(order, min(rank, layer.full_rank(order)))[0] < cycles
        for order in layer.orders
        for rank in (*FEW, STEP)
    )


def _give_out(func: FuncOp, values: dict[str, Value]) -> dict[str, int]:
    """Makes these values the results of a function, each once; which of them belongs to which name."""
    distinct = list(dict.fromkeys(values.values()))
    func.body.terminator.erase()
    finish_function(func, [(f"activation_{i}", v) for i, v in enumerate(distinct)])
    return {key: distinct.index(v) for key, v in values.items()}


@dataclass(frozen=True)
class Window:
    """How a layer's patches lie in its input: of a convolution, or the rows of a product."""

    kernel: tuple[int, int]
    channels: int
    groups: int
    strides: tuple[int, int] = (1, 1)
    dilations: tuple[int, int] = (1, 1)
    padding: str = "VALID"
    pads: tuple[int, ...] = (0, 0, 0, 0)
    transposed: bool = False

    @staticmethod
    def of(layer: Layer) -> Window:
        n, m, c, _ = layer.kernel.shape
        op = layer.op
        if not isinstance(op, Conv2D):
            return Window((1, 1), c, 1, transposed=op.transpose_x)
        strides, dilations = cast("tuple[int, int]", op.strides), cast("tuple[int, int]", op.dilations)
        return Window((n, m), c, layer.groups, strides, dilations, op.padding, op.pads)

    @property
    def size(self) -> int:
        """Numbers of a patch of one group."""
        return self.kernel[0] * self.kernel[1] * self.channels

    def bands(self, x: Array) -> Iterator[Array]:
        """All patches [groups, patches, K] of an input, some rows of them at a time, in double precision."""
        if self.kernel == (1, 1):
            rows = (np.swapaxes(x, -1, -2) if self.transposed else x).reshape(-1, self.size)
            step = max(BAND // (8 * self.size), 1)
            for at in range(0, len(rows), step):
                yield rows[None, at : at + step].astype(np.float64)
            return
        sides = [
            concrete_pads(
                x.shape[1 + i], self.kernel[i], self.strides[i], self.dilations[i], self.padding,
                (self.pads[2 * i], self.pads[2 * i + 1]),
            )
            for i in (0, 1)
        ]  # fmt: skip
        out = [
            (d + sum(p) - (k - 1) * t - 1) // s + 1
            for d, p, k, t, s in zip(
                x.shape[1:3], sides, self.kernel, self.dilations, self.strides, strict=True
            )
        ]
        row = max(8 * self.groups * self.size * max(out[1], 1), 1)  # bytes
        images, rows = max(BAND // (row * max(out[0], 1)), 1), max(BAND // row, 1)
        for first in range(0, len(x), images):
            padded = np.pad(x[first : first + images], ((0, 0), *sides, (0, 0)))
            seen = patches(padded, self.kernel, self.strides, self.dilations)
            for at in range(0, seen.shape[1], rows):
                cut = seen[:, at : at + rows].reshape(-1, *self.kernel, self.groups, self.channels)
                yield np.moveaxis(cut, 3, 0).astype(np.float64).reshape(self.groups, -1, self.size)


@dataclass
class Sum:
    """Adds up the second moment of patches. As long as there are fewer than they are long they are kept as they are;
    of patches too long for that some are, evenly spread."""

    window: Window
    stride: int = 1
    count: int = 0
    _passed: int = 0
    _rows: list[Array] = field(default_factory=list[Array])
    _moment: Array | None = None
    _fourth: Array | float = 0.0

    def add(self, x: Array) -> None:
        for band in self.window.bands(x):
            first = -self._passed % self.stride
            self._passed += band.shape[1]
            taken = band[:, first :: self.stride]
            self.count += taken.shape[1]
            self._fourth = self._fourth + np.sum(np.sum(taken**2, axis=2) ** 2, axis=1)
            if self._moment is not None:
                self._add(taken)
            else:
                self._rows.append(taken)
                if self.count >= self.window.size:
                    self._moment = np.zeros((self.window.groups, self.window.size, self.window.size))
                    kept, self._rows = self._rows, []
                    for rows in kept:
                        self._add(rows)

    def _add(self, rows: Array) -> None:
        if self._moment is not None:
            for total, part in zip(self._moment, rows, strict=True):
                total += part.T @ part

    @property
    def result(self) -> Moments:
        if self._moment is None:
            values = np.concatenate(self._rows, axis=1) / np.sqrt(self.count)
        else:
            values = self._moment / self.count
        return Moments(values, shrinkage(values, np.asarray(self._fourth), self.count))


def _gathered(
    model: Model, calibration: Calibration, windows: dict[str, Window], places: dict[str, int]
) -> dict[str, Moments]:
    """The moments of the windows over results of the model, each at its place."""
    sums: dict[str, Sum] = {}

    def take(batch: Batch) -> int:
        made = list(model.run(batch.inputs).values())
        for key, window in windows.items():
            x = _kept(made[places[key]], batch)
            if key not in sums:
                sums[key] = Sum(window, _stride(window, x, batch, calibration))
            sums[key].add(x)
        return sum(a.nbytes for a in made) // batch.size

    first = next(batches(calibration, model.inputs, 1))
    size = max(BAND // max(take(first), 1), 1)
    for batch in batches(calibration, model.inputs, size, first.count):
        take(batch)
    return {key: s.result for key, s in sums.items() if s.count}


def _kept(x: Array, batch: Batch) -> Array:
    """An activation without what only fills up a batch: the samples lead."""
    if batch.count == batch.size or not x.ndim or x.shape[0] % batch.size:
        return x
    return x[: x.shape[0] // batch.size * batch.count]


def _stride(window: Window, x: Array, batch: Batch, calibration: Calibration) -> int:
    """Every which patch is taken."""
    if window.size <= LONGEST:
        return 1
    patches_seen = sum(band.shape[1] for band in window.bands(x))
    total = patches_seen * calibration.samples / batch.count
    return max(int(np.ceil(total / FEWEST)), 1)
