"""Products with matrices of several axes, as attention has them for its heads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....compiler.ir.dims import product
from ...eager.ops.arrays import reshape_to
from ...eager.ops.products import matmul
from ...eager.tensor import convert
from .. import activations
from .arguments import take_functions
from .layer import Layer


class Projection(Layer):
    """x [..., *in] · kernel [*in, *out] + bias [*out], over the last `bound` axes of x: [..., *out]."""

    kernel_initializer: Any
    kernel_regularizer: Any
    kernel_constraint: Any
    bias_initializer: Any
    bias_regularizer: Any
    bias_constraint: Any

    def __init__(
        self,
        output_shape: Sequence[int],
        bound: int = 1,
        use_bias: bool = True,
        activation: Any = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.sizes, self.bound, self.use_bias = tuple(output_shape), bound, use_bias
        self.activation = None if activation is None else activations.get(activation)
        take_functions(
            self, kernel_initializer=kernel_initializer, bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint, bias_constraint=bias_constraint,
        )  # fmt: skip

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight(
            name="kernel", shape=(*input_shape[-self.bound :], *self.sizes), initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer, constraint=self.kernel_constraint,
        )  # fmt: skip
        self.bias = (
            self.add_weight(
                name="bias", shape=self.sizes, initializer=self.bias_initializer,
                regularizer=self.bias_regularizer, constraint=self.bias_constraint,
            )
            if self.use_bias
            else None
        )  # fmt: skip

    def call(self, inputs: Any) -> Any:
        lead, last = inputs.type.shape[: -self.bound], inputs.type.shape[-self.bound :]
        rows, columns = product(last), product(self.sizes)
        y = matmul(reshape_to(inputs, (*lead, rows)), reshape_to(convert(self.kernel), (rows, columns)))
        if self.bias is not None:
            y = y + reshape_to(convert(self.bias), (columns,))
        y = reshape_to(y, (*lead, *self.sizes))
        return y if self.activation is None else self.activation(y)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[: -self.bound], *self.sizes)
