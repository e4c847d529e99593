"""Spectral normalization of another layer's kernel."""

from __future__ import annotations

from typing import Any

from ...eager import ops
from ...eager.ops.normalization import normalize
from ...eager.stop import stop_gradient
from ...eager.tensor import Tensor, cast
from ..initializers import TruncatedNormal
from .arguments import config_of
from .spec import InputSpec
from .wrapper import Wrapper


class SpectralNormalization(Wrapper):
    """Divides the kernel of a layer by its largest singular value at each call in training: Miyato et al., "Spectral
    Normalization for Generative Adversarial Networks", 2018.

    The value is estimated by `power_iterations` steps from a vector that is kept. A kernel of zeros is left alone.
    """

    def __init__(self, layer: Any, power_iterations: int = 1, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        if power_iterations <= 0:
            raise ValueError(
                "`power_iterations` should be greater than zero. Received: "
                f"`power_iterations={power_iterations}`"
            )
        self.power_iterations = power_iterations

    def build(self, input_shape: Any = None) -> None:
        super().build(input_shape)
        self.input_spec = InputSpec(min_ndim=1, axes={-1: input_shape[-1]})
        kernel = getattr(self.layer, "kernel", None)
        kernel = getattr(self.layer, "embeddings", None) if kernel is None else kernel
        if kernel is None:
            raise ValueError(f"{type(self.layer).__name__} object has no attribute 'kernel' nor 'embeddings'")
        self.kernel = kernel
        self.vector_u = self.add_weight(
            (1, kernel.shape[-1]),
            TruncatedNormal(stddev=0.02),
            kernel.dtype,
            trainable=False,
            name="vector_u",
        )

    def call(self, inputs: Any, training: bool = False) -> Any:
        if training:
            u, kernel = self.normalized_weights()
            self.vector_u.assign(u)
            # the gradient is that at the new kernel, and does not know how it came about
            old = self.kernel.value
            self.kernel.assign(old + stop_gradient(kernel - old))
        return cast(self.layer(inputs), inputs.dtype)

    def normalized_weights(self) -> tuple[Tensor, Tensor]:
        """The next vector [1, out], and the kernel over the singular value that it gives."""
        kernel = self.kernel.value
        rows = ops.reshape(kernel, (-1, kernel.shape[-1]))
        u = v = self.vector_u.value
        for _ in range(self.power_iterations):
            v = normalize(ops.matmul(u, ops.transpose(rows)))
            u = normalize(ops.matmul(v, rows))
        u, v = stop_gradient(u), stop_gradient(v)
        largest = ops.reshape(ops.matmul(ops.matmul(v, rows), ops.transpose(u)), ())
        empty = ops.all(kernel == 0)
        return (
            ops.where(empty, self.vector_u.value, u),
            ops.where(empty, kernel, kernel / ops.where(empty, 1.0, largest)),
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        return self.layer.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **config_of(self, ["power_iterations"])}
