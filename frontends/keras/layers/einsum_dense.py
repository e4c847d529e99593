"""Products with a kernel over axes that an equation names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...eager import ops
from .. import activations
from .arguments import config_of, take_functions
from .layer import Layer

_SPARE = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_WEIGHTS = tuple(f"{w}_{p}" for w in ("kernel", "bias") for p in ("initializer", "regularizer", "constraint"))


class EinsumDense(Layer):
    """activation(einsum(equation, x, kernel) + bias), as `EinsumDense("abc,cd->abd", output_shape=(None, 64))`.

    `equation` names the axes of x and of the kernel, and those of the result; `...` stands for all other axes of x, at
    the front or at the end of both. `output_shape`: the result's sizes without the batch (or without what `...` stands
    for), None where they are those of x. `bias_axes`: the names of the result's axes that the bias has.

    Raises:
        ValueError: the equation has not this form, or an axis' size cannot be told.
    """

    kernel_initializer: Any
    bias_initializer: Any
    kernel_regularizer: Any
    bias_regularizer: Any
    kernel_constraint: Any
    bias_constraint: Any

    def __init__(
        self,
        equation: str,
        output_shape: Any,
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        gptq_unpacked_column_size: int | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if any(
            v is not None for v in (lora_rank, lora_alpha, gptq_unpacked_column_size, quantization_config)
        ):
            raise ValueError(
                "expected no lora_rank, lora_alpha, gptq_unpacked_column_size or quantization_config: these are not "
                "built here"
            )
        self.equation = equation
        self.partial_output_shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        self.activation = activations.get(activation)
        self.bias_axes = bias_axes
        take_functions(
            self, kernel_initializer=kernel_initializer, bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint, bias_constraint=bias_constraint,
        )  # fmt: skip
        self._terms(None)

    def _terms(self, rank: int | None) -> tuple[str, str, str]:
        """The names of the axes of x, kernel and result; of x of this rank `...` is spelt out."""
        left, arrow, out = self.equation.replace(" ", "").partition("->")
        parts = left.split(",")
        if not arrow or len(parts) != 2:
            raise ValueError(
                f"Invalid einsum equation '{self.equation}'. Equations must be in the form [X],[Y]->[Z], "
                "...[X],[Y]->...[Z], or [X]...,[Y]->[Z]...."
            )
        x, kernel = parts
        if ("..." in x) != ("..." in out) or "..." in kernel or x.startswith("...") != out.startswith("..."):
            raise ValueError(
                f"Invalid einsum equation '{self.equation}': expected `...` at the same end of input and result, "
                "or nowhere"
            )
        if rank is not None and "..." in x:
            count = rank - len(x) + 3
            spare = "".join([c for c in _SPARE if c not in x + kernel + out][: max(count, 0)])
            x, out = x.replace("...", spare), out.replace("...", spare)
        return x, kernel, out

    def _sizes(self, input_shape: Sequence[int | None]) -> tuple[str, str, str, dict[str, int | None]]:
        x, kernel, out = self._terms(len(input_shape))
        if len(x) != len(input_shape):
            raise ValueError(
                f"expected an input of {len(x)} axes for the equation '{self.equation}', received {tuple(input_shape)}"
            )
        sizes: dict[str, int | None] = dict(zip(x, input_shape, strict=True))
        missing = len(out) - len(self.partial_output_shape)
        lasting = "..." in self.equation and not self.equation.replace(" ", "").startswith("...")
        given = (
            (*self.partial_output_shape, *(None,) * (missing - 1)) if lasting else self.partial_output_shape
        )
        front = len(out) - len(given)
        for name, size in zip(out[front:], given, strict=False):
            if size is None and sizes.get(name) is None and name not in sizes:
                raise ValueError(
                    f"expected the size of '{name}' in output_shape, received {self.partial_output_shape}"
                )
            if size is not None:
                have = sizes.get(name)
                if have is not None and have != size:
                    raise ValueError(
                        f"Input shape and output shape do not match at shared dimension '{name}'. Input shape is "
                        f"{have}, and output shape is {size}."
                    )
                sizes[name] = size
        unknown = [c for c in kernel if sizes.get(c) is None]
        if unknown:
            raise ValueError(
                f"Weight dimension '{unknown[0]}' did not have a match in either the input spec '{x}' or the "
                f"output spec '{out}'. For this layer, the weight must be fully specified."
            )
        return x, kernel, out, sizes

    def build(self, input_shape: Any) -> None:
        _, kernel, out, sizes = self._sizes(input_shape)
        self.kernel = self.add_weight(
            [sizes[c] or 0 for c in kernel], self.kernel_initializer, name="kernel",
            regularizer=self.kernel_regularizer, constraint=self.kernel_constraint,
        )  # fmt: skip
        self.bias = None
        if self.bias_axes is not None:
            wrong = [c for c in self.bias_axes if c not in out]
            if wrong:
                raise ValueError(
                    f"Bias dimension '{wrong[0]}' was requested, but is not part of the output spec '{out}'"
                )
            first = min(out.index(c) for c in self.bias_axes)
            shape = [(sizes[c] or 0) if c in self.bias_axes else 1 for c in out[first:]]
            self.bias = self.add_weight(
                shape, self.bias_initializer, name="bias", regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )  # fmt: skip

    def call(self, inputs: Any) -> Any:
        x, kernel, out = self._terms(inputs.ndim)
        y = ops.einsum(f"{x},{kernel}->{out}", inputs, self.kernel)
        y = y if self.bias is None else y + self.bias
        return y if self.activation is None else self.activation(y)

    def compute_output_shape(self, input_shape: Any) -> Any:
        _, _, out, sizes = self._sizes(input_shape)
        return tuple(sizes[c] for c in out)

    def get_config(self) -> dict[str, Any]:
        names = ("equation", "activation", "bias_axes", *_WEIGHTS, "activity_regularizer")
        config = {**super().get_config(), **config_of(self, names)}
        return {**config, "output_shape": self.partial_output_shape}
