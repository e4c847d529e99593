"""Layer: a function of tensors with variables of its own."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, Self

import numpy as np

from ....compiler.ir.location import Location
from ...eager import nodes
from ...eager.structure import leaves, rebuilt
from ...eager.tensor import Tensor, convert
from ...eager.variable import Variable
from .. import naming, regularizers
from ..context import apart, calling, current
from .history import LayerCall, is_input, symbolic_call
from .holder import Holder, dtype_name
from .spec import InputSpec, check_inputs


class Layer(Holder):
    """Base of all layers. A subclass has `call(inputs, …)`, and `build(input_shape)` where its variables' shapes
    depend on the input's; `__call__` builds it once and calls `call`.

    `call` may take `training` (whether dropout drops, batch statistics are used) and `mask`. Layers and variables
    that are assigned to attributes, also in lists and dictionaries, belong to it.
    """

    _given: dict[str, Any]
    _calls: list[LayerCall]
    _losses: list[Tensor]
    _build_shapes: Any
    supports_masking: bool
    input_spec: Any

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        layer = super().__new__(cls)
        object.__setattr__(layer, "_given", _arguments(cls, args, kwargs))
        return layer

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in vars(cls):
            cls.build = _building(vars(cls)["build"])

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        shape = kwargs.pop("input_shape", None)
        dim = kwargs.pop("input_dim", None)
        kwargs.pop("batch_size", None)
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments passed to {type(self).__name__}: {kwargs}")
        self._set_up()
        self.input_shape_given = (dim,) if dim is not None else None if shape is None else tuple(shape)
        self.name = naming.automatic(type(self)) if name is None else str(name)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self._trainable = bool(trainable)
        self._dtype = dtype_name(dtype)
        self.autocast = autocast

    def add_loss(self, loss: Any) -> None:
        """Adds numbers to what training minimises; to be called in `call`."""
        for v in leaves(loss):
            self._losses.append(convert(v))

    @property
    def losses(self) -> list[Tensor]:
        """What the last call added, and the regularizers' losses of the weights."""
        out: list[Tensor] = []
        for layer in self._flatten_layers():
            # those of a function that is traced no more have no value
            out += [t for t in layer._losses if nodes.current_trace() is not None or not t.is_symbolic]
        return out + self.weight_losses()

    def weight_losses(self) -> list[Tensor]:
        """The regularizers' losses of the weights that are trained."""
        return [v.regularizer(v.value) for v in self.trainable_variables if v.regularizer is not None]

    # being called

    def build(self, *input_shape: Any) -> None:
        """Makes the variables; a subclass that has some replaces it."""
        self.built = True

    def call(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"Layer {type(self).__name__} does not have a `call()` method implemented.")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._set_up()
        args, kwargs = rebuilt(args, _as_tensor), rebuilt(kwargs, _as_tensor)
        signature = _signature(type(self).call, self)
        asked = kwargs.get("training")
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as e:
            if signature is not _ANY and "training" in kwargs and "training" not in signature.parameters:
                kwargs.pop("training")  # what is called does not tell training from inference
                bound = signature.bind(*args, **kwargs)
            else:
                raise TypeError(f"{type(self).__name__}.call(): {e}") from None
        if args:
            check_inputs(self, self.input_spec, args[0])
        outermost = current() is None
        # layers inside take it even where this one does not
        given = bound.arguments.get("training", asked)
        with calling(given if isinstance(given, bool) else None) as context:
            if "training" in signature.parameters and given is None and context.training is not None:
                bound.arguments["training"] = context.training
            self._pass_mask(bound, signature)
            if outermost:
                for layer in self._flatten_layers():
                    layer._losses.clear()
            if any(isinstance(v, Tensor) and is_input(v) for v in leaves([bound.args, bound.kwargs])):
                return symbolic_call(self, bound, self._run)
            return self._run(*bound.args, **bound.kwargs)

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        with naming.scope(self.name), nodes.named(Location.name(naming.path("")[:-1])):
            self._maybe_build(args, kwargs)
            result = self.call(*args, **kwargs)
        if self.activity_regularizer is not None:
            for t in leaves(result):
                self.add_loss(self.activity_regularizer(t) / _batch(t))
        self._mask_result(args, result)
        return result

    def _maybe_build(self, args: Any, kwargs: Any) -> None:
        if self.built:
            return
        shapes = build_shapes(self, args, kwargs)
        with nodes.tracing(None), apart():
            self.build(*shapes)
        self.built = True
        for layer in self._flatten_layers():
            layer._losses.clear()

    def _pass_mask(self, bound: inspect.BoundArguments, signature: inspect.Signature) -> None:
        """Masks that the inputs carry, where `call` takes them and none is given."""
        names = list(signature.parameters)
        for i, name in enumerate(names):
            wanted = "mask" if i == 0 and "mask" in names else f"{name}_mask"
            if wanted in names and bound.arguments.get(wanted) is None and name in bound.arguments:
                masks = rebuilt(bound.arguments[name], lambda t: getattr(t, "mask", None))
                if any(m is not None for m in leaves(masks)):
                    bound.arguments[wanted] = masks

    def _mask_result(self, args: Any, result: Any) -> None:
        """The results' masks, where the inputs have some or this layer makes them."""
        if not args:
            return
        before = rebuilt(args[0], lambda t: getattr(t, "mask", None))
        makes = type(self).compute_mask is not Layer.compute_mask
        if not makes and not any(m is not None for m in leaves(before)):
            return
        if not self.supports_masking and not makes:
            return
        mask = self.compute_mask(args[0], before)
        for t, m in zip(leaves(result), leaves(mask), strict=False):
            if isinstance(t, Tensor):
                t.mask = m

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The mask of the result: that of the input."""
        return previous_mask

    def compute_output_shape(self, *input_shape: Any) -> Any:
        """The result's shape for an input's shape, found by a trial on inputs without values."""
        from .history import symbolic_like

        given = [symbolic_like(s, self._dtype) for s in input_shape]
        count = len(self._calls)
        result = self(*given)
        del self._calls[count:]  # no part of a model
        return rebuilt(result, lambda t: t.shape)

    def stateless_call(self, *_: Any, **__: Any) -> Any:
        raise AttributeError(
            f"{type(self).__name__} has no stateless_call: variables are read and assigned in place here"
        )

    # as a part of a model

    @property
    def input(self) -> Any:
        """The symbolic input of its first call in a model."""
        return self._first_call().inputs

    @property
    def output(self) -> Any:
        """The symbolic result of its first call in a model."""
        return self._first_call().outputs

    def _first_call(self) -> LayerCall:
        if not self._calls:
            raise AttributeError(
                f"The layer {self.name} has never been called and thus has no defined input or output."
            )
        return self._calls[0]

    # configuration

    def get_config(self) -> dict[str, Any]:
        """What makes an equal layer, with new weights. A subclass with arguments of its own adds them; without
        that they are those it was made with, where these are plain values."""
        config: dict[str, Any] = {"name": self.name, "trainable": self._trainable, "dtype": self._dtype}
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        if type(self).get_config is Layer.get_config:
            config.update(_plain(self._given, type(self)))
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A layer of this configuration."""
        try:
            return cls(**config)
        except TypeError as e:
            raise TypeError(
                f"Error when deserializing class '{cls.__name__}' using config={config}.\n\nException encountered: {e}"
            ) from None

    def get_build_config(self) -> dict[str, Any] | None:
        """The shapes it was built for."""
        shapes = self._build_shapes
        if not shapes:
            return None
        return {"input_shape": next(iter(shapes.values()))} if len(shapes) == 1 else {"shapes_dict": shapes}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Builds it for the shapes of `get_build_config`."""
        if not config or self.built:
            return
        with naming.scope(self.name):
            if "input_shape" in config:
                self.build(_tuples(config["input_shape"]))
            elif "shapes_dict" in config:
                self.build(**{k: _tuples(v) for k, v in config["shapes_dict"].items()})

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


def build_shapes(layer: Layer, args: Any, kwargs: Any) -> list[Any]:
    """The arguments of `build`: the shape of the first argument; those of the tensors that it names otherwise."""
    wanted = list(inspect.signature(type(layer).build).parameters.values())[1:]
    wanted = [p for p in wanted if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    if len(wanted) <= 1 or not all(p.name.endswith("_shape") for p in wanted):
        return [rebuilt(args[0] if args else next(iter(kwargs.values()), None), _shape)]
    bound = _signature(type(layer).call, layer).bind(*args, **kwargs).arguments
    by_name = {k: rebuilt(v, _shape) for k, v in bound.items()}
    out: list[Any] = []
    for p in wanted:
        shape = by_name.get(p.name.removesuffix("_shape"))
        if shape is None and p.default is not p.empty:
            shape = p.default
        out.append(shape)
    return out


def _shape(t: Any) -> Any:
    return t.shape if isinstance(t, (Tensor, Variable)) else None


def _building(build: Callable[..., Any]) -> Callable[..., Any]:
    """A `build` that remembers its shapes."""
    signature = inspect.signature(build)

    @wraps(build)
    def wrapped(self: Layer, *args: Any, **kwargs: Any) -> Any:
        self._set_up()
        if self._build_shapes is None:
            object.__setattr__(self, "_build_shapes", _named_shapes(signature, args, kwargs))
            object.__setattr__(self, "_path", naming.path("")[:-1] or self.name)
        direct = naming.path("").split("/")[-2:-1] != [self.name]
        if direct:
            with naming.scope(self.name):
                result = build(self, *args, **kwargs)
        else:
            result = build(self, *args, **kwargs)
        self.built = True
        return result

    return wrapped


def _named_shapes(signature: inspect.Signature, args: Any, kwargs: Any) -> dict[str, Any]:
    """The shapes that `build` was given, by its parameters."""
    bound = signature.bind(None, *args, **kwargs).arguments
    shapes: dict[str, Any] = {}
    for name, value in list(bound.items())[1:]:
        if signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL:
            value = value[0] if len(value) == 1 else list(value) or None
        if value is not None:
            shapes[name] = value
    return shapes


_ANY = inspect.signature(lambda *args, **kwargs: None)


def _signature(call: Callable[..., Any], layer: Layer) -> inspect.Signature:
    """The parameters of `call` without self."""
    found_ = getattr(call, "_netwright_signature", None)
    if found_ is None:
        whole = inspect.signature(call)
        found_ = whole.replace(parameters=list(whole.parameters.values())[1:])
        try:
            call._netwright_signature = found_  # type: ignore[attr-defined]
        except AttributeError:
            pass
    return found_


def call_parameters(layer: Layer) -> set[str]:
    """The names of what a layer's `call` takes."""
    return set(_signature(type(layer).call, layer).parameters)


def _as_tensor(value: Any) -> Any:
    return convert(value, _narrow(value)) if isinstance(value, (np.ndarray, np.generic, Variable)) else value


def _narrow(value: Any) -> Any:
    """float64 arrays count as float32, as every layer computes."""
    from ...eager.tensor import as_dtype

    return as_dtype("float32") if getattr(value, "dtype", None) == np.float64 else None


def _batch(t: Tensor) -> Any:
    return 1 if not t.ndim or t.shape[0] is None else t.shape[0]


def _arguments(cls: type, args: Any, kwargs: Any) -> dict[str, Any]:
    """The arguments of __init__ by name, where they can be told."""
    try:
        bound = inspect.signature(cls.__init__).bind(None, *args, **kwargs)
    except (TypeError, ValueError):
        return dict(kwargs)
    out: dict[str, Any] = {}
    for name, value in list(bound.arguments.items())[1:]:
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            out.update(value)
        elif kind is not inspect.Parameter.VAR_POSITIONAL:
            out[name] = value
    return out


def _plain(given: dict[str, Any], cls: type) -> dict[str, Any]:
    for name, value in given.items():
        if not isinstance(value, (bool, int, float, str, type(None), list, tuple, dict)):
            raise NotImplementedError(
                f"Object {cls.__name__} was created by passing non-serializable argument values in `__init__()`, and "
                f"therefore the object must override `get_config()` in order to be serializable: {name}={value!r}"
            )
    return given


def _tuples(shape: Any) -> Any:
    if isinstance(shape, list) and all(d is None or isinstance(d, int) for d in shape):
        return tuple(shape)
    if isinstance(shape, dict):
        return {k: _tuples(v) for k, v in shape.items()}
    return [_tuples(s) for s in shape] if isinstance(shape, list) else shape


__all__ = ["InputSpec", "Layer"]
