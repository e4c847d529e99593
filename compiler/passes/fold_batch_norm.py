"""Folds batch normalisation, and the multiplications and additions it comes as, into weights."""

from __future__ import annotations

import numpy as np

from ...runtime.spec import f32
from ..ir.attributes import Array, Dense
from ..ir.bfloat16 import narrow, widen
from ..ir.core import Builder, Op, Value
from ..ir.passes import Pass, PassContext
from ..ir.rewrite import erase_if_dead
from ..ops.base import tensor
from ..ops.conv import Conv2D, Conv3D, ConvTranspose
from ..ops.elementwise import Add, Mul, Sub
from ..ops.matmul import MatMul
from ..ops.norm import BatchNorm
from .per_channel import (
    Affine,
    affine_step,
    channels_of,
    identity,
    not_sole,
    scaled_by,
    statistics,
)
from .shared import add_constant, dense_of, float64_of, inherit, name_at, rounded, where

PRODUCTS = (Conv2D, Conv3D, ConvTranspose, MatMul)
#: x * factor + offset loses what `x - mean` would keep when the mean is this many deviations away from 0
MOST_DEVIATIONS = 16


#: a number in front of a product goes into its weights when it is neither smaller nor larger
FACTORS = (1e-6, 1e6)


class FoldBatchNorm(Pass):
    """convolution or matmul → batch_norm (or mul and add by channel)  becomes one with scaled weights and a
    bias, and mul by a number → convolution or matmul one with scaled weights; a batch_norm elsewhere becomes mul and
    add."""

    name = "fold-batch-norm"

    def run(self, module: Op, context: PassContext) -> None:
        for op in list(module.walk()):
            if type(op) in PRODUCTS and op.block is not None:
                self.fold_into(fold_number(op, context, self.name), context)
        for op in list(module.walk()):
            if isinstance(op, BatchNorm):
                self.split(op, context)

    def fold_into(self, product: Op, context: PassContext) -> None:
        """Folds the ops that follow `product`, or says at the first of them why not."""
        weights = dense_of(product.operands[1])
        channels = channels_of(product.result)
        steps, affine = self.chain(product, channels, context) if channels else ([], None)
        if affine is None or not affine.scales:
            return
        asked = next(op for op in steps if scaled_by(op))
        if weights is None or not weights.dtype.is_float:
            context.refuse(self.name, asked, f"the weights of {where(product)} are computed, not constant")
            return
        if not affine.is_finite:
            context.refuse(self.name, asked, "the folded scale or offset is not finite")
            return
        array = scaled_weights(product, weights, affine.scale)
        bias = rounded(affine.offset, weights.dtype)
        if array is None or not is_finite(Dense(bias, "", weights.dtype)):
            context.refuse(self.name, asked, "the folded weights or the bias would not be finite")
            return
        replace(product, steps, Dense(array, weights.name, weights.dtype), bias if affine.shifts else None)
        context.count(self.name)

    def chain(self, product: Op, channels: int, context: PassContext) -> tuple[list[Op], Affine]:
        """The steps after `product` that scale and shift its channels, up to the first that does not."""
        steps: list[Op] = []
        total, x = identity(channels), product.result
        while True:
            wanted = next((u for u in x.users if scaled_by(u)), None)
            user = next(iter(x.users), None)
            if len(x.uses) != 1 or user is None:
                if wanted is not None:
                    context.refuse(self.name, wanted, not_sole(x, wanted))
                return steps, total
            step = affine_step(user, x, channels)
            if isinstance(step, Affine) and user.block is not product.block:
                step = f"{where(product)} is outside of its region"
            if not isinstance(step, Affine):
                if step is not None and wanted is not None:
                    context.refuse(self.name, user, step)
                return steps, total
            steps.append(user)
            total, x = total.then(step), user.result

    def split(self, op: BatchNorm, context: PassContext) -> None:
        """mul and add in place of a batch_norm that was not folded; sub first where the mean is far off."""
        given = statistics(op)
        if isinstance(given, str):
            context.refuse(self.name, op, given)
            return
        scale, offset, mean, variance = given
        dtype = tensor(op.x).dtype
        with np.errstate(all="ignore"):
            factor = scale / np.sqrt(variance + op.epsilon)
            far = np.abs(mean * factor) > MOST_DEVIATIONS * np.maximum(np.abs(scale), np.abs(offset))
            shift = offset if far.any() else offset - mean * factor
        factor, shift, mean = (rounded(a, dtype) for a in (factor, shift, mean))
        if not all(is_finite(Dense(a, "", dtype)) for a in (factor, shift, mean)):
            context.refuse(self.name, op, "its scale or offset is not finite")
            return
        b = Builder.at(op)

        def constant(array: Array, what: str) -> Value:
            return add_constant(b, array, dtype, name_at(op.location, what))

        x = b(Sub, op.x, constant(mean, "mean")) if far.any() else op.x
        scaled = b(Mul, x, constant(factor, "scale"))
        op.replace_with(b(Add, scaled, constant(shift, "offset")))
        context.count(self.name)


def number_step(v: Value, kind: type[Op]) -> tuple[Value, Dense] | None:
    """x and the number, where v is `x kind number` and has one use."""
    op = v.definer
    if not isinstance(op, kind) or len(v.uses) != 1:
        return None
    for x, other in (op.operands, op.operands[::-1]):
        number = dense_of(other)
        if number is not None and number.array.size == 1 and x.type == v.type and dense_of(x) is None:
            return x, number
    return None


def fold_number(product: Op, context: PassContext, name: str) -> Op:
    """x * number → product becomes a product of x with scaled weights: the zeros of a border stay zeros. Pictures are
    scaled so in front of networks, and 0 is added, which a sum of products does not show."""
    weights, v = dense_of(product.operands[1]), product.operands[0]
    shifted = number_step(v, Add)
    if shifted is not None and not float64_of(shifted[1]).any():
        v = shifted[0]
    found = number_step(v, Mul)
    before = v.definer
    if found is None or before is None or weights is None or weights.dtype != f32:
        return product
    x, number = found
    factor = float(float64_of(number).reshape(()))
    if not FACTORS[0] <= abs(factor) <= FACTORS[1]:
        context.refuse(name, before, f"its number {factor:g} would take weights out of their range")
        return product
    scaled = np.empty(weights.array.shape, weights.array.dtype)
    with np.errstate(all="ignore"):
        np.multiply(weights.array, factor, out=scaled, casting="same_kind")
    made = Dense(scaled, weights.name, f32)
    if not is_finite(made) and is_finite(weights):
        context.refuse(name, before, "the folded weights would not be finite")
        return product
    old = product.operands[1]
    w = add_constant(Builder.at(old.definer or product), scaled, f32, weights.name, old.hint)
    folded = Builder.at(product).create(type(product), x, w, *product.operands[2:], **product.attributes)
    inherit(folded, before, product)
    folded.result.hint = product.result.hint
    steps = [op for op in (product.operands[0].definer, before) if op is not None]
    left = [v.definer for op in steps for v in op.operands if v.definer]
    product.replace_with(folded.result)
    for d in (*steps, *left, old.definer):
        if d is not None and d.block is not None:
            erase_if_dead(d)
    context.count(name)
    return folded


def scaled_weights(product: Op, weights: Dense, scale: Array) -> Array | None:
    """The weights times `scale` for each output channel, rounded once; None when that overflows."""
    if isinstance(product, MatMul) and product.transpose_y:
        scale = scale[:, None]
    if isinstance(product, ConvTranspose):  # [K…, O / groups, C]: a group's columns make its own channels
        per_group = weights.array.shape[-1] // product.groups
        scale = np.repeat(scale.reshape(product.groups, -1).T, per_group, axis=1)
    with np.errstate(all="ignore"):
        if weights.dtype.name == "bf16":
            out = narrow(widen(weights.array) * scale)
        else:  # numpy multiplies in float64 piece by piece: no copy of the weights in float64
            out = np.empty(weights.array.shape, weights.array.dtype)
            np.multiply(weights.array, scale, out=out, casting="same_kind")
    new = Dense(out, weights.name, weights.dtype)
    return out if is_finite(new) or not is_finite(weights) else None


def is_finite(value: Dense) -> bool:
    if value.dtype.name == "bf16":
        return bool(np.isfinite(float64_of(value)).all())
    return bool(np.isfinite(value.array).all())


def replace(product: Op, steps: list[Op], weights: Dense, bias: Array | None) -> None:
    """The product with other weights, and the bias in place of `steps`."""
    dtype = weights.dtype
    old = product.operands[1]
    w = add_constant(Builder.at(old.definer or product), weights.array, dtype, weights.name, old.hint)
    folded = Builder.at(product).create(type(product), product.operands[0], w, **product.attributes)
    inherit(folded, product, *(s for s in steps if scaled_by(s)))
    folded.result.hint = product.result.hint
    result: Value = folded.result
    last = steps[-1]
    if bias is not None:
        b = Builder.at(last)
        name = name_at(last.location, "bias")
        shift = b.create(Add, result, add_constant(b, bias, dtype, name))
        result = inherit(shift, *steps).result
    operands = [v.definer for op in (product, *steps) for v in op.operands if v.definer]
    last.result.replace_with(result)
    for op in (*reversed(steps), product):
        op.erase()
    for d in operands:
        erase_if_dead(d)
