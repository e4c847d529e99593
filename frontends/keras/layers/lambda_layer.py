"""A function as a layer."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ...eager.structure import leaves, rebuilt
from .layer import Layer


class Lambda(Layer):
    """A function of tensors, made of `netwright.ops`, as a layer; `arguments` are given to it by name.

    A configuration holds the function by its name, so that loading one needs it in `custom_objects`, or registered:
    code is never read from a file.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not callable(function):
            raise ValueError(f"expected a function for a Lambda layer, received {function!r}")
        self.function, self.arguments = function, arguments or {}
        self.mask, self._output_shape = mask, output_shape
        self.supports_masking = mask is not None
        takes = inspect.signature(function).parameters
        self._takes_mask, self._takes_training = "mask" in takes, "training" in takes

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        given = dict(self.arguments)
        if self._takes_mask:
            given["mask"] = mask
        if self._takes_training:
            given["training"] = training
        return self.function(inputs, **given)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def compute_output_shape(self, input_shape: Any) -> Any:
        if self._output_shape is None:
            return super().compute_output_shape(input_shape)
        if callable(self._output_shape):
            return self._output_shape(input_shape)
        batch = next(leaves(input_shape))
        if all(d is None or isinstance(d, int) for d in self._output_shape):
            return (batch, *self._output_shape)
        return rebuilt(list(self._output_shape), lambda d: d)

    def get_config(self) -> dict[str, Any]:
        from ..objects import serialize_keras_object as plain

        config: dict[str, Any] = {"function": _named(self.function), "arguments": plain(self.arguments)}
        for name, value in (("output_shape", self._output_shape), ("mask", self.mask)):
            if value is not None:
                config[name] = _named(value) if callable(value) else plain(value)
        return {**super().get_config(), **config}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None, safe_mode: Any = None) -> Any:
        from ..objects import deserialize_keras_object

        made = dict(config)
        for name in ("function", "output_shape", "mask", "arguments"):
            value = made.get(name)
            if isinstance(value, dict) and value.get("class_name") == "__lambda__":
                raise ValueError(
                    f"Requested the deserialization of a `Lambda` layer whose `{name}` is a Python lambda. Code "
                    f"is not read "
                    "from files: make the layer of a named function, and hand that over in `custom_objects`."
                )
            if value is not None and not callable(value):
                made[name] = deserialize_keras_object(value, custom_objects=custom_objects)
        shape = made.get("output_shape")
        if isinstance(shape, list) and all(d is None or isinstance(d, int) for d in shape):
            made["output_shape"] = tuple(shape)
        return cls(**made)


def _named(function: Any) -> Any:
    from ..objects import serialize_keras_object

    if getattr(function, "__name__", "") == "<lambda>":
        raise ValueError(
            "A Lambda layer of a Python lambda has no configuration: make it of a function with a name, which is found "
            "again in `custom_objects`."
        )
    return serialize_keras_object(function)
