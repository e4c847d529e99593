"""A recurrent layer in both directions."""

from __future__ import annotations

from typing import Any

from ...eager.ops.arrays import concatenate, flip
from .layer import Layer

_MODES = ("sum", "mul", "ave", "concat", None)


class Bidirectional(Layer):
    """Runs a recurrent layer and a copy of it (or `backward_layer`) that goes backwards, and merges their outputs by
    `merge_mode`; None gives both. The outputs of both are in the order of time."""

    forward_layer: Any
    backward_layer: Any

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ) -> None:
        inner: Any = layer
        if not isinstance(layer, Layer):
            raise ValueError(
                f"Please initialize `Bidirectional` layer with a `keras.layers.Layer` instance. Received: {layer}"
            )
        if backward_layer is not None and not isinstance(backward_layer, Layer):
            raise ValueError(
                f"`backward_layer` need to be a `keras.layers.Layer` instance. Received: {backward_layer}"
            )
        if merge_mode not in _MODES:
            raise ValueError(
                f"Invalid merge mode. Received: {merge_mode}. Merge mode should be one of "
                '{"sum", "mul", "ave", "concat", None}'
            )
        if weights is not None:
            raise ValueError(
                "Bidirectional has no argument `weights` here: call set_weights() when it is built"
            )
        super().__init__(**kwargs)
        name = inner.name
        self.forward_layer = _copied(inner, name=f"forward_{name.removeprefix('forward_')}")
        if backward_layer is None:
            backward_layer = _copied(
                inner, name=f"backward_{name.removeprefix('backward_')}", go_backwards=True
            )
        self.backward_layer = backward_layer
        self._check_both()
        for one in (self.forward_layer, self.backward_layer):
            if hasattr(one, "zero_output_for_mask"):
                one.zero_output_for_mask = one.return_sequences
        self.merge_mode = merge_mode
        self.stateful, self.return_sequences = inner.stateful, inner.return_sequences
        self.return_state = inner.return_state
        self.supports_masking = True
        self.input_spec = inner.input_spec

    def _check_both(self) -> None:
        if self.forward_layer.go_backwards == self.backward_layer.go_backwards:
            raise ValueError(
                "Forward layer and backward layer should have different `go_backwards` value. Received: "
                f"forward_layer.go_backwards {self.forward_layer.go_backwards}, "
                f"backward_layer.go_backwards={self.backward_layer.go_backwards}"
            )
        for name in ("stateful", "return_sequences", "return_state"):
            one, other = getattr(self.forward_layer, name), getattr(self.backward_layer, name)
            if one != other:
                raise ValueError(
                    "Forward layer and backward layer are expected to have the same value for attribute "
                    f'"{name}", got "{one}" for forward layer and "{other}" for backward layer'
                )

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        out, states = self.forward_layer.compute_output_shape(sequences_shape), ()
        if self.return_state:
            out, states = out[0], tuple(out[1:])
        if self.merge_mode == "concat":
            out = (*out[:-1], out[-1] * 2)
        both = (out, out) if self.merge_mode is None else (out,)
        if self.return_state:
            return (*both, *states, *states)
        return list(both) if self.merge_mode is None else out

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(sequences_shape)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        mask = previous_mask[0] if isinstance(previous_mask, (list, tuple)) else previous_mask
        mask = mask if self.return_sequences else None
        both = (mask, mask) if self.merge_mode is None else (mask,)
        return both if self.merge_mode is None or self.return_state else mask

    def call(
        self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool | None = None
    ) -> Any:
        first: Any = (None, None)
        if initial_state is not None:
            half = len(initial_state) // 2
            first = (list(initial_state[:half]), list(initial_state[half:]))
        y, other = (
            layer(sequences, initial_state=s, mask=mask, training=training)
            for layer, s in zip((self.forward_layer, self.backward_layer), first, strict=True)
        )
        states: tuple[Any, ...] = ()
        if self.return_state:
            states, y, other = (*y[1:], *other[1:]), y[0], other[0]
        if self.return_sequences:
            other = flip(other, 1)
        merged = self._merged(y, other)
        if not self.return_state:
            return merged
        return (*merged, *states) if self.merge_mode is None else (merged, *states)

    def _merged(self, y: Any, other: Any) -> Any:
        if self.merge_mode == "concat":
            return concatenate([y, other], -1)
        if self.merge_mode == "mul":
            return y * other
        if self.merge_mode is None:
            return y, other
        return y + other if self.merge_mode == "sum" else (y + other) * 0.5

    @property
    def states(self) -> Any:
        """The variables that keep the states of both layers, where they are stateful and built."""
        both = self.forward_layer.states, self.backward_layer.states
        return (*both[0], *both[1]) if all(both) else None

    def reset_state(self) -> None:
        """Sets the states of both layers to 0."""
        if not self.stateful:
            raise AttributeError("Layer must be stateful.")
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state

    def get_config(self) -> dict[str, Any]:
        from ..objects import serialize_keras_object

        return {
            **super().get_config(),
            "merge_mode": self.merge_mode,
            "layer": serialize_keras_object(self.forward_layer),
            "backward_layer": serialize_keras_object(self.backward_layer),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        from ..objects import deserialize_keras_object

        made = dict(config)
        for name in ("layer", "backward_layer"):
            if made.get(name) is not None:
                made[name] = deserialize_keras_object(made[name], custom_objects=custom_objects)
        return cls(**made)


def _copied(layer: Any, **changed: Any) -> Any:
    """A layer of the same configuration but for some arguments."""
    return type(layer).from_config({**layer.get_config(), **changed})
