"""Fuses the pointwise steps after a convolution or product into it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ..ir.core import Builder, Op, Value
from ..ir.passes import Pass, PassContext
from ..ir.types import TensorType
from ..ops.base import dims_text, tensor
from ..ops.fused import BINARY_STEPS, FUSED, UNARY_STEPS, step_class
from .shared import blocks, inherit, where

_STEPS: dict[type[Op], str] = {step_class(s): s for s in BINARY_STEPS + UNARY_STEPS}
_TARGETS: dict[type[Op], type[Op]] = {**FUSED, **{cls: cls for cls in FUSED.values()}}


class Step(NamedTuple):
    """One op of the epilogue, with the other operand of a binary one."""

    op: Op
    name: str
    extra: tuple[Value, ...]


@dataclass(frozen=True)
class FuseConvBiasRelu(Pass):
    """convolution or matmul → add, mul, relu, …  becomes one op with an epilogue."""

    name = "fuse-conv-bias-relu"
    max_steps: int = 8

    def run(self, module: Op, context: PassContext) -> None:
        for block in blocks(module):
            # from the back: of two products that meet in one add, the later one takes it
            for op in reversed(list(block.ops)):
                if type(op) in _TARGETS:
                    self.grow(op, context)

    def grow(self, product: Op, context: PassContext) -> None:
        """Fuses the steps after `product` as far as they go, at the place of the last one."""
        before = len(product.attributes.get("epilogue", ()))
        steps: list[Step] = []
        value = product.result
        while True:
            step = next_step(value, tensor(product.result))
            if isinstance(step, Step) and before + len(steps) == self.max_steps:
                step = f"the epilogue has max-steps={self.max_steps} steps; {where(step.op)} is one more"
            if not isinstance(step, Step):
                break
            steps.append(step)
            value = step.op.result
        if steps:
            product = fuse(product, steps)
            context.count(self.name, len(steps))
        if step is not None:
            context.refuse(self.name, product, step)


def next_step(value: Value, whole: TensorType) -> Step | str | None:
    """The step that uses `value`; why there is none, where a user may have expected one; else None."""
    users = value.users
    wanted = next((u for u in users if type(u) in _STEPS), None)
    if wanted is None:
        return _not_a_step(users[0], value) if len(users) == 1 else None
    if len(users) > 1:
        other = next(u for u in users if u is not wanted)
        return f"its result, an operand of {where(wanted)}, is also used by {where(other)}"
    if len(value.uses) > 1:
        return f"its result is both operands of {where(wanted)}"
    if value.definer is None or wanted.block is not value.definer.block:
        return f"its result is used inside of a region, by {where(wanted)}"
    if wanted.result.type != whole:
        shape = dims_text(tensor(wanted.result).shape)
        return f"{where(wanted)} gives shape {shape}, the product {dims_text(whole.shape)}"
    if whole.dtype.is_half:
        return f"{whole.dtype.tf_name} is rounded after every op"
    name = _STEPS[type(wanted)]
    if name in UNARY_STEPS:
        return Step(wanted, name, ())
    if name == "sub" and wanted.operands[0] is not value:
        return f"{where(wanted)} subtracts the result from another value"
    (extra,) = (v for v in wanted.operands if v is not value)
    if not broadcasts(tensor(extra), whole):
        shape = dims_text(tensor(extra).shape)
        return f"{where(wanted)}: {shape} is not known to broadcast to {dims_text(whole.shape)}"
    return Step(wanted, name, (extra,))


def _not_a_step(user: Op, value: Value) -> str | None:
    if user.has("pointwise"):
        return f"{where(user)} cannot be part of an epilogue"
    if type(user) in FUSED.values() and value not in user.operands[:2]:
        return f"its result is part of the epilogue of {where(user)}, which is computed later"
    return None


def broadcasts(extra: TensorType, whole: TensorType) -> bool:
    """Whether `extra` provably broadcasts to `whole`."""
    if extra.rank > whole.rank:
        return False
    aligned = whole.shape[whole.rank - extra.rank :]
    return all(a in (1, b) for a, b in zip(extra.shape, aligned, strict=True))


def fuse(product: Op, steps: list[Step]) -> Op:
    """The fused op in place of the last step."""
    last = steps[-1].op
    extra = [v for s in steps for v in s.extra]
    attributes = {**product.attributes}
    attributes["epilogue"] = (*attributes.get("epilogue", ()), *(s.name for s in steps))
    fused = Builder.at(last).create(_TARGETS[type(product)], *product.operands, *extra, **attributes)
    inherit(fused, product, *(s.op for s in steps))
    last.result.replace_with(fused.result)
    for s in reversed(steps):
        s.op.erase()
    product.erase()
    return fused
