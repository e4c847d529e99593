"""What fusion passes make: a convolution or product with pointwise steps on its result."""

from __future__ import annotations

from typing import cast

from ...runtime.errors import VerifyError
from ..ir.attributes import Array
from ..ir.core import Builder, Op, Value
from ..ir.opdef import REGISTRY, Attr, Variadic
from ..ir.types import Type
from .base import Env, Gradients, GraphOp, no_gradient, tensor
from .conv import Conv2D, Conv3D, ConvTranspose
from .matmul import MatMul

#: steps that take one more operand; the others work on the result alone
BINARY_STEPS = ("add", "sub", "mul")
UNARY_STEPS = ("relu", "relu6", "sigmoid", "tanh", "elu")


def step_class(step: str) -> type[GraphOp]:
    return cast("type[GraphOp]", REGISTRY["graph." + step])


class _Fused(GraphOp, name=""):
    """Shared by the fused ops: `epilogue` names graph ops applied in order to the product's result; a
    binary step takes the next of `extra` as its second operand, which broadcasts to the result."""

    extra = Variadic()
    epilogue = Attr(tuple[str, ...])

    def verify(self) -> None:
        wanted = sum(s in BINARY_STEPS for s in self.epilogue)
        if wanted != len(self.extra):
            raise VerifyError(
                f"{self.name} ({self.location}): epilogue {list(self.epilogue)} takes {wanted} operands, "
                f"received {len(self.extra)}"
            )
        for s in self.epilogue:
            if s not in BINARY_STEPS + UNARY_STEPS:
                raise VerifyError(f"{self.name} ({self.location}): unknown epilogue step {s!r}")
        for v in self.extra:
            have, whole = tensor(v), tensor(self.result)
            aligned = whole.shape[whole.rank - have.rank :]
            if have.rank > whole.rank or any(
                a not in (1, b) for a, b in zip(have.shape, aligned, strict=True)
            ):
                raise VerifyError(f"{self.name} ({self.location}): {have} does not broadcast to {whole}")

    def finish(self, y: Array, extra: tuple[Array, ...]) -> Array:
        """The epilogue on concrete arrays."""
        rest = list(extra)
        for s in self.epilogue:
            cls = step_class(s)
            args = (y, rest.pop(0)) if s in BINARY_STEPS else (y,)
            y = cast(Array, cls.evaluate(object.__new__(cls), *args))
        return y

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        raise no_gradient(self, "take gradients of a module before it is optimised")


class FusedConv2D(_Fused, Conv2D, name="graph.fused_conv2d"):
    """conv2d(x, w) followed by the steps of `epilogue`."""

    def infer(self) -> tuple[Type, ...]:
        return Conv2D.infer(self)

    def evaluate(self, *arrays: Array) -> Array:
        return self.finish(Conv2D.evaluate(self, *arrays[:2]), arrays[2:])


class FusedConv3D(_Fused, Conv3D, name="graph.fused_conv3d"):
    """conv3d(x, w) followed by the steps of `epilogue`."""

    def infer(self) -> tuple[Type, ...]:
        return Conv3D.infer(self)

    def evaluate(self, *arrays: Array) -> Array:
        return self.finish(Conv3D.evaluate(self, *arrays[:2]), arrays[2:])


class FusedConvTranspose(_Fused, ConvTranspose, name="graph.fused_conv_transpose", traits={"symbolic"}):
    """conv_transpose(x, w) followed by the steps of `epilogue`."""

    def infer(self) -> tuple[Type, ...]:
        return ConvTranspose.infer(self)

    def evaluate_dims(self, env: Env, *arrays: Array) -> Array:
        return self.finish(ConvTranspose.evaluate_dims(self, env, *arrays[:2]), arrays[2:])


class FusedMatMul(_Fused, MatMul, name="graph.fused_matmul"):
    """matmul(x, y) followed by the steps of `epilogue`."""

    def infer(self) -> tuple[Type, ...]:
        return MatMul.infer(self)

    def evaluate(self, *arrays: Array) -> Array:
        return self.finish(MatMul.evaluate(self, *arrays[:2]), arrays[2:])


FUSED: dict[type[Op], type[Op]] = {
    Conv2D: FusedConv2D,
    Conv3D: FusedConv3D,
    ConvTranspose: FusedConvTranspose,
    MatMul: FusedMatMul,
}
FUSED_OPS = (FusedConv2D, FusedConv3D, FusedConvTranspose, FusedMatMul)


def expand_epilogue(b: Builder, op: _Fused, y: Value) -> Value:
    """The epilogue as graph ops on `y`."""
    rest = list(op.extra)
    for s in op.epilogue:
        cls = step_class(s)
        y = b(cls, y, rest.pop(0)) if s in BINARY_STEPS else b(cls, y)
    return y
