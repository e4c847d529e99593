"""A layer applied to every step."""

from __future__ import annotations

from typing import Any

from ...eager.ops.arrays import cast, reshape_to, stack
from ...eager.structure import rebuilt
from ...eager.tensor import Tensor
from .history import is_trial
from .layer import Layer
from .wrapper import Wrapper


class TimeDistributed(Wrapper):
    """Applies a layer to every step of x [B, T, …]: the results [B, T, …].

    All steps are computed at once, as a batch of B * T, except where the layer keeps statistics or states of the
    batch: there steps are taken one after the other.
    """

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        if not isinstance(layer, Layer):
            raise ValueError(
                f"Please initialize `TimeDistributed` layer with a `keras.layers.Layer` instance. Received: {layer}"
            )
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def _child_shape(self, input_shape: Any) -> tuple[Any, ...]:
        if not isinstance(input_shape, (tuple, list)) or len(input_shape) < 3:
            raise ValueError(
                "`TimeDistributed` Layer should be passed an `input_shape` with at least 3 dimensions, received: "
                f"{input_shape}"
            )
        return (input_shape[0], *input_shape[2:])

    def compute_output_shape(self, input_shape: Any) -> Any:
        child = self.layer.compute_output_shape(self._child_shape(input_shape))
        return (child[0], input_shape[1], *child[1:])

    def build(self, input_shape: Any) -> None:
        super().build(self._child_shape(input_shape))

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        self._child_shape(inputs.shape)
        if mask is not None:
            _check_mask(mask.shape, inputs.shape)
        if not self._keeps_state() or (inputs.shape[1] is None and is_trial(inputs)):
            return self._at_once(inputs, training, mask)
        if inputs.shape[1] is None:
            raise ValueError(
                f"Layer {self.name} expected a known number of steps for a layer that keeps statistics, received "
                f"{inputs.shape}"
            )
        steps = [
            self._called(inputs[:, t], training, None if mask is None else mask[:, t])
            for t in range(inputs.shape[1])
        ]
        return stack(steps, 1)

    def _keeps_state(self) -> bool:
        return any(not v.trainable for v in self.layer.weights) or any(
            getattr(layer, "stateful", False) for layer in self.layer._flatten_layers()
        )

    def _at_once(self, inputs: Tensor, training: bool | None, mask: Any) -> Any:
        batch, steps, *rest = inputs.type.shape
        flat = reshape_to(inputs, (batch * steps, *rest))
        mask = None if mask is None else reshape_to(mask, (batch * steps, *mask.type.shape[2:]))
        return rebuilt(
            self._called(flat, training, mask), lambda y: reshape_to(y, (batch, steps, *y.type.shape[1:]))
        )

    def _called(self, x: Tensor, training: bool | None, mask: Any) -> Any:
        from .layer import call_parameters

        takes = call_parameters(self.layer)
        given: dict[str, Any] = {}
        if "mask" in takes and mask is not None:
            given["mask"] = cast(mask, "bool")
        if "training" in takes:
            given["training"] = training
        return self.layer(x, **given)


def _check_mask(mask: Any, inputs: Any) -> None:
    if len(mask) < 2:
        raise ValueError(
            "The `mask` passed to the `TimeDistributed` layer must be at least 2D (e.g., `(batch_size, "
            "timesteps)`), but it "
            f"has {len(mask)} dimension(s) with shape {mask}."
        )
    if any(a is not None and b is not None and a != b for a, b in zip(mask[:2], inputs[:2], strict=True)):
        raise ValueError(
            f"The `mask` passed to the `TimeDistributed` layer has a shape {mask} that is incompatible with the "
            f"input shape "
            f"{inputs}. The first two dimensions of the mask (batch size and timesteps) must match the input's "
            f"first two "
            f"dimensions. Expected mask shape prefix: ({inputs[0]}, {inputs[1]})."
        )
