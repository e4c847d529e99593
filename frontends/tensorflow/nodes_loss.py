"""Losses, and gradients of activations, which frozen graphs of training steps hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...compiler.ir.core import Value
from ...compiler.ir.dims import Dim
from ...compiler.ops import activation as a
from ...compiler.ops.base import tensor
from ...compiler.ops.indexing import Iota
from ...compiler.ops.norm import Softmax
from ...compiler.ops.shape import BroadcastTo, Gather
from .context import Context
from .nodes_math import add_n, may_broadcast
from .nodes_special import SELU_ALPHA, SELU_SCALE
from .registry import Malformed, converts
from .terms import Term


@converts("AccumulateNV2")
def accumulate(c: Context, first: Value, *rest: Value) -> Value:
    """The sum of tensors of one shape."""
    return add_n(c, first, *rest)


@converts("L2Loss")
def l2_loss(c: Context, x: Value) -> Value:
    """Half the sum of squares."""
    t = Term(c, x)
    return ((t * t).total(*range(tensor(x).rank)) * 0.5).v


def _below_log_sum(x: Term) -> Term:
    """The logarithms of softmax along the last axis."""
    last = tensor(x.v).rank - 1
    t = x - x.highest(last, keep_dims=True)
    return t - t.op(a.Exp).total(last, keep_dims=True).op(a.Log)


@converts("LogSoftmax")
def log_softmax(c: Context, x: Value) -> Value:
    """Along the last axis."""
    if tensor(x).rank < 1:
        raise Malformed(f"expected a tensor of rank 1 or more, found {tensor(x)}")
    return _below_log_sum(Term(c, x)).v


@converts("SoftmaxCrossEntropyWithLogits", outputs=("loss", "backprop"))
def softmax_cross_entropy(c: Context, logits: Value, labels: Value) -> Sequence[Value]:
    """Of logits and probabilities [batch, classes] that broadcast; the loss and its gradient."""
    x, p = tensor(logits), tensor(labels)
    if x.rank != 2 or p.rank != 2 or not may_broadcast(logits, labels):
        raise Malformed(f"expected logits and labels [batch, classes], found {x} and {p}")
    if x.shape != p.shape:
        shape: list[Dim] = [u if v == 1 else v for u, v in zip(x.shape, p.shape, strict=True)]
        logits, labels = (c.make(BroadcastTo, v, shape=tuple(shape)) for v in (logits, labels))
    target = Term(c, labels)
    loss = -(target * _below_log_sum(Term(c, logits))).total(1)
    return [loss.v, (Term(c, c.make(Softmax, logits)) - target).v]


@converts("SparseSoftmaxCrossEntropyWithLogits", outputs=("loss", "backprop"))
def sparse_softmax_cross_entropy(c: Context, logits: Value, labels: Value) -> Sequence[Value]:
    """Of logits [batch, classes] and classes [batch]; a class out of range is an error at run time."""
    x, chosen = tensor(logits), tensor(labels)
    if x.rank != 2 or chosen.rank != 1 or not chosen.dtype.is_integer:
        raise Malformed(f"expected logits [batch, classes] and labels [batch], found {x} and {chosen}")
    loss = -Term(c, c.make(Gather, _below_log_sum(Term(c, logits)).v, labels, axis=1, batch_dims=1))
    # the label by way of a table, so that a class out of range is an error here too
    classes = c.make(Iota, size=x.shape[1], dtype=chosen.dtype)
    label = Term(c, c.reshape(c.make(Gather, classes, labels), (chosen.shape[0], 1)))
    hit = label.eq(Term(c, classes)).to(x.dtype)
    return [loss.v, (Term(c, c.make(Softmax, logits)) - hit).v]


def _gradient(op: str, *ops: str) -> Callable[[Callable[[Term, Term], Term]], Callable[[Term, Term], Term]]:
    """Registers the gradient of an activation: a formula of the gradient behind it and what the node keeps."""

    def register(f: Callable[[Term, Term], Term]) -> Callable[[Term, Term], Term]:
        def behind_first(c: Context, dy: Value, x: Value) -> Value:
            """Elementwise."""
            return f(Term(c, dy), Term(c, x)).v

        def behind_second(c: Context, y: Value, dy: Value) -> Value:
            """Elementwise."""
            return f(Term(c, dy), Term(c, y)).v

        converts(op, *ops)(behind_second if op in _OF_OUTPUTS else behind_first)
        return f

    return register


#: nodes (y, dy), where the others are (dy, x)
_OF_OUTPUTS = ("ReciprocalGrad", "RsqrtGrad", "SigmoidGrad", "SqrtGrad", "TanhGrad")


@_gradient("ReluGrad")
def relu_gradient(dy: Term, x: Term) -> Term:
    return dy * (x > 0.0).to(dy.dtype)


@_gradient("Relu6Grad")
def relu6_gradient(dy: Term, x: Term) -> Term:
    return dy * ((x > 0.0) & (x < 6.0)).to(dy.dtype)


@converts("LeakyReluGrad")
def leaky_relu_gradient(c: Context, dy: Value, x: Value) -> Value:
    """Elementwise."""
    g = Term(c, dy)
    return (Term(c, x) > 0.0).where(g, g * c.real("alpha", 0.2)).v


@_gradient("EluGrad")
def elu_gradient(dy: Term, y: Term) -> Term:
    return (y < 0.0).where((y + 1.0) * dy, dy)


@_gradient("SeluGrad")
def selu_gradient(dy: Term, y: Term) -> Term:
    return (y < 0.0).where((y + SELU_SCALE * SELU_ALPHA) * dy, dy * SELU_SCALE)


@_gradient("SoftplusGrad")
def softplus_gradient(dy: Term, x: Term) -> Term:
    return dy / ((-x).op(a.Exp) + 1.0)


@_gradient("SoftsignGrad")
def softsign_gradient(dy: Term, x: Term) -> Term:
    return dy / (abs(x) + 1.0).op(a.Square)


@_gradient("TanhGrad")
def tanh_gradient(dy: Term, y: Term) -> Term:
    return dy * (1.0 - y * y)


@_gradient("SigmoidGrad")
def sigmoid_gradient(dy: Term, y: Term) -> Term:
    return dy * (y * (1.0 - y))


def _of_nothing(dy: Term, dx: Term) -> Term:
    """A gradient that is 0 where the one behind it is, at infinities too."""
    return dy.eq(0.0).where(0.0, dx)


@_gradient("SqrtGrad")
def sqrt_gradient(dy: Term, y: Term) -> Term:
    return _of_nothing(dy, dy * (0.5 / y))


@_gradient("RsqrtGrad")
def rsqrt_gradient(dy: Term, y: Term) -> Term:
    return _of_nothing(dy, dy * -0.5 * y * y * y)


@_gradient("ReciprocalGrad", "InvGrad")
def reciprocal_gradient(dy: Term, y: Term) -> Term:
    return _of_nothing(dy, -dy * y * y)
