"""vector.shuffle: elements of two vectors in another order."""

from __future__ import annotations

from ..ir.core import Op
from ..kernels.dialect_memory import Shuffle
from .emit_core import Vec
from .emit_vector import VectorEmitter


def vector_shuffle(emitter: VectorEmitter, op: Op) -> None:
    """Of operands that are one register each; the result may take several."""
    if not isinstance(op, Shuffle):
        raise emitter.unsupported(op, "not a shuffle")
    x, y = emitter.chunks(op.x), emitter.chunks(op.y)
    if len(x.rows[0]) != 1 or x.type.shape != y.type.shape:
        raise emitter.unsupported(op, "shuffled vectors are single registers of one width")
    kind = emitter.vector_type(x.type.dtype, x.type.shape[-1])
    chunks: list[str] = []
    done = 0
    for width in emitter.widths(len(op.mask)):
        lanes = ", ".join(f"i32 {i}" for i in op.mask[done : done + width])
        chunks.append(
            emitter.emit(
                f"shufflevector {kind} {x.rows[0][0]}, {kind} {y.rows[0][0]}, <{width} x i32> <{lanes}>"
            )
        )
        done += width
    emitter.values[op.result] = Vec(type(x.type)((len(op.mask),), x.type.dtype), [chunks])
