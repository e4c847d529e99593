"""What a kernel family is, and what families share: packing, epilogues, parallel ranges."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ...runtime.spec import DType, i32
from ..cost.tiles import PANEL
from ..ir.attributes import Array
from ..ir.core import Op, Value
from ..ir.types import MemRefType, ScalarType
from ..ops.builtin import FuncOp
from ..ops.elementwise import Add
from ..target import Target
from . import dialect_arith as arith
from . import dialect_memory as mem
from .body import apply_body
from .build import Index, LoopBuilder, finish, new_kernel_function
from .dialect_kern import Kernel
from .files import import_family

#: the error word of a call: site * 256 + status of the first error, or all ones
ERROR_WORD = MemRefType((), i32)
#: lowers a kernel to a loops-level function
Lowering = Callable[[Kernel, Target], FuncOp]
LOWERINGS: dict[str, Lowering] = {}


def lowers(family: str) -> Callable[[Lowering], Lowering]:
    """Registers the lowering of a family."""

    def register(f: Lowering) -> Lowering:
        LOWERINGS[family] = f
        return f

    return register


def lowering_of(family: str) -> Lowering:
    """The lowering of a family, whose file is imported when it is first asked for."""
    if family not in LOWERINGS:
        import_family(family)
    return LOWERINGS[family]


class KernelBuilder(LoopBuilder):
    """A LoopBuilder for one kernel: its buffers by position, and the parallel range `lo`..`hi`."""

    def __init__(self, kernel: Kernel) -> None:
        inputs, outputs = kernel.inputs, kernel.outputs
        names = [f"in{i}" for i in range(len(inputs))] + [f"out{i}" for i in range(len(outputs))]
        types = (*inputs, *outputs)
        errors = [("error", ERROR_WORD)] if kernel.params.get("error") else []
        made = new_kernel_function(
            kernel.sym_name,
            [*zip(names, types, strict=True), *errors],
            [
                *((s, s) for s in kernel.symbols),
                *([("site", "")] if errors else []),
                *([("slot", "")] if kernel.params.get("slot") else []),
                ("lo", ""),
                ("hi", ""),
            ],
        )
        super().__init__(made.func)
        self.kernel = kernel
        args = made.func.body.args
        self.inputs = args[: len(inputs)]
        self.outputs = args[len(inputs) : len(types)]
        self.error = args[len(types)] if errors else None
        indices = dict(zip((a.hint for a in args), args, strict=True))
        self.site = indices["site"] if errors else None
        #: which thread's part of scratch buffers [threads, …] this call may use, with params["slot"]
        self.slot = indices.get("slot")
        self.lo, self.hi = args[-2], args[-1]

    def finish(self) -> FuncOp:
        return finish(self)

    def apply(
        self, first_extra: int, acc: Value, where: Sequence[Index], shape: tuple[int, ...],
        axes: tuple[int, ...], inside: bool, done: Op | None = None,
    ) -> Value:  # fmt: skip
        """The kernel's body on a tile of results: argument 0 is `acc`, the others are inputs from
        `first_extra` on, read where they broadcast to the tile at `where` along `axes`. `done` is an op
        of the body whose result `acc` already is."""
        if not self.kernel.regions:
            return acc
        body = self.kernel.body
        arguments: list[Callable[[], Value]] = [lambda: acc]
        for i in range(len(body.args) - 1):
            source = self.inputs[first_extra + i]
            arguments.append(lambda s=source: read_broadcast(self, s, where, shape, axes, inside))
        given = {done.result: acc} if done is not None else {}
        return apply_body(self, body, arguments, given)[0]

    def report(self, status: int) -> None:
        """Notes an error: the smallest (site, status) wins, so that the message does not depend on threads."""
        if self.error is None or self.site is None:
            raise TypeError("this kernel has no error word")
        code = self(
            arith.CONVERSIONS["index_cast"],
            self.idx(self.add(self.mul(self.site, 256), status)),
            result_types=[ScalarType(i32)],
        )
        self(mem.AtomicRmw, code, self.error, kind="minu")


def read_broadcast(
    b: LoopBuilder,
    source: Value,
    where: Sequence[Index],
    shape: tuple[int, ...],
    axes: tuple[int, ...],
    inside: bool,
) -> Value:
    """The part of `source` that broadcasts to the tile of `shape` at `where`.

    Sizes 1 of the source repeat. The tile's last axis is the result's last axis.
    """
    t = mem.memref(source)
    lead = len(where) - t.rank
    at = [0 if t.shape[i] == 1 else where[lead + i] for i in range(t.rank)]
    own = [a - lead for a in axes]
    real = [o >= 0 and t.shape[o] != 1 for o in own]
    if all(real) or any(real[:-1]):
        # a size of 1 beside one that varies is the result's own: the tile is 1 there, or masked along columns
        return b.read(source, at, shape, tuple(own), inside and real[-1])
    if real[-1]:
        row = b.read(source, at, shape[-1:], (own[-1],), inside)
        return row if len(shape) == 1 else b.splat(row, shape)
    return b.splat(b.load(source, *at), shape)


def pack_panels(w: Array) -> Array:
    """[..., K, N] to [panels, ..., K, 32]: the columns in panels of 32, the last one filled with zeros."""
    *lead, k, n = w.shape
    panels = -(-n // PANEL)
    out = np.zeros((panels, *lead, k, PANEL), w.dtype)
    for p in range(panels):
        part = w[..., p * PANEL : (p + 1) * PANEL]
        out[p, ..., : part.shape[-1]] = part
    return out


def packed_row(b: LoopBuilder, w: Value, lead: Sequence[Index], k: Index, column: Index, width: int) -> Value:
    """A row of packed panels [panels, lead…, K, 32]; a tile wider than a panel takes neighbouring panels."""
    panel, offset = b.div(column, PANEL), b.rem(column, PANEL)
    last = 2 + len(lead)
    if width <= PANEL:
        return b.read(w, [panel, *lead, k, offset], (width,), (last,))
    rows = b.read(w, [panel, *lead, k, 0], (width // PANEL, PANEL), (0, last))
    return b.shape_cast(rows, (width,))


def zero_row(b: LoopBuilder, width: int, dtype: DType) -> Value:
    return b.splat(b.number(0.0 if dtype.is_float else 0, dtype), (width,))


def leading_bias(kernel: Kernel, first_extra: int) -> Op | None:
    """The body's first op, when it adds one number per column to the product and nothing else uses the
    product: accumulators can then start from those numbers."""
    if not kernel.regions or len(kernel.inputs) <= first_extra:
        return None
    body = kernel.body
    op, bias = body.first, kernel.inputs[first_extra]
    columns = kernel.outputs[0].shape[-1]
    if not isinstance(op, Add) or set(op.operands) != {body.args[0], body.args[1]}:
        return None
    fits = bias.rank >= 1 and bias.shape[-1] == columns and all(d == 1 for d in bias.shape[:-1])
    return op if fits and len(body.args[0].uses) == 1 else None
