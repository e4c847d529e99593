"""What a layer holds: variables, and other layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ....compiler.ir.attributes import Array
from ...eager.variable import Variable
from .. import constraints, initializers, naming, regularizers
from ..loading import zeros_wanted
from ..tracking import distinct, found

#: attributes that hold no state of the layer
_UNTRACKED = frozenset({"_calls", "_given", "_losses"})


class Holder:
    """Variables and layers in the attributes of an object, alone or in lists and dictionaries."""

    name: Any
    built: bool
    _dtype: str
    _trainable: bool
    _variables: list[Variable]

    def _set_up(self) -> None:
        """What every layer has; also of those that set attributes before they call this class's __init__."""
        if "built" not in vars(self):
            values: dict[str, Any] = {
                "built": False, "_trainable": True, "_dtype": "float32", "_losses": [], "_variables": [], "_calls": [],
                "supports_masking": False, "input_spec": None, "activity_regularizer": None, "_build_shapes": None,
                "name": None, "input_shape_given": None, "autocast": True,
            }  # fmt: skip
            for k, v in values.items():
                object.__setattr__(self, k, v)

    def __setattr__(self, name: str, value: Any) -> None:
        if "built" not in vars(self):
            self._set_up()
        object.__setattr__(self, name, value)

    # what it has

    def _own(self, wanted: Callable[[Any], bool]) -> list[Any]:
        values = [v for k, v in vars(self).items() if k not in _UNTRACKED]
        return distinct(item for v in values for item in found(v, wanted))

    @property
    def _layers(self) -> list[Any]:
        """The layers that are assigned to its attributes."""
        return [v for v in self._own(lambda v: isinstance(v, Holder)) if v is not self]

    def _flatten_layers(self, recursive: bool = True, include_self: bool = True) -> list[Any]:
        out: list[Any] = [self] if include_self else []
        for layer in self._layers:
            out += layer._flatten_layers() if recursive else [layer]
        return distinct(out)

    def _own_variables(self) -> list[Variable]:
        return self._own(lambda v: isinstance(v, Variable))

    def _seeds(self) -> list[Any]:
        """Generators of random numbers among its attributes."""
        return self._own(lambda v: hasattr(v, "state") and isinstance(v.state, Variable))

    @property
    def variables(self) -> list[Variable]:
        """All variables: weights, and the states of random generators and metrics."""
        own = [*self._own_variables(), *(s.state for s in self._seeds())]
        return distinct([*own, *(v for layer in self._layers for v in layer.variables)])

    @property
    def weights(self) -> list[Variable]:
        """The weights: of this layer those to be trained first, then those of the layers in it."""
        own = self._own_variables()
        ordered = [v for v in own if v.trainable] + [v for v in own if not v.trainable]
        return distinct([*ordered, *(v for layer in self._layers for v in layer.weights)])

    @property
    def trainable_variables(self) -> list[Variable]:
        """The variables that training changes."""
        if not self.trainable:
            return []
        own = [v for v in self._own_variables() if v.trainable]
        return distinct([*own, *(v for layer in self._layers for v in layer.trainable_variables)])

    trainable_weights = trainable_variables

    @property
    def non_trainable_variables(self) -> list[Variable]:
        chosen = {id(v) for v in self.trainable_variables}
        return [v for v in self.variables if id(v) not in chosen]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        chosen = {id(v) for v in self.trainable_variables}
        return [v for v in self.weights if id(v) not in chosen]

    @property
    def trainable(self) -> bool:
        """Whether training changes its weights; setting it sets it for all layers in it."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        object.__setattr__(self, "_trainable", bool(value))
        for layer in self._layers:
            layer.trainable = value

    def get_weights(self) -> list[Array]:
        """Copies of the weights' values."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Gives all weights new values, in the order of `weights`."""
        have = self.weights
        if len(have) != len(weights):
            raise ValueError(
                f"You called `set_weights(weights)` on layer '{self.name}' with a weight list of length "
                f"{len(weights)}, "
                f"but the layer was expecting {len(have)} weights."
            )
        for v, w in zip(have, weights, strict=True):
            if tuple(np.shape(w)) != v.shape:
                raise ValueError(
                    f"Layer {self.name} weight shape {v.shape} is not compatible with provided weight shape "
                    f"{np.shape(w)}."
                )
        for v, w in zip(have, weights, strict=True):
            v.assign(np.asarray(w))

    def count_params(self) -> int:
        """How many numbers the weights hold."""
        if not self.built:
            raise ValueError(
                f"You tried to call `count_params` on layer '{self.name}', but the layer isn't built. "
                "You can build it manually via: `layer.build(input_shape)`."
            )
        return sum(int(np.prod(v.shape, dtype=np.int64)) for v in self.weights)

    @property
    def dtype(self) -> str:
        return self._dtype

    compute_dtype = variable_dtype = dtype

    @property
    def path(self) -> str:
        """Its name behind those of the layers that were being called when it was built."""
        return getattr(self, "_path", None) or self.name

    # making variables

    def add_weight(
        self,
        shape: Sequence[int] | None = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = "none",
        name: str | None = None,
    ) -> Variable:
        """A new variable of this layer. Without an initializer: Glorot's uniform for floats, zeros for others."""
        self._set_up()
        kind = dtype_name(dtype or self._dtype)
        if initializer is None:
            initializer = "glorot_uniform" if "float" in kind else "zeros"
        size = () if shape is None else tuple(int(d) for d in shape)
        if zeros_wanted(size, name or "variable"):
            initializer = "zeros"
        made = Variable(
            initializers.get(initializer), size, kind, trainable, name or naming.unique("variable")
        )
        made.path = naming.path(made.name) if _inside(self) else naming.path(f"{self.name}/{made.name}")
        made.regularizer = regularizers.get(regularizer)
        made.constraint = constraints.get(constraint)
        self._variables.append(made)
        return made

    def save_own_variables(self, store: Any) -> None:
        """Puts its own weights into a store by number."""
        for i, v in enumerate(self._saved()):
            store[str(i)] = v.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Takes its own weights from a store."""
        have = self._saved()
        if len(store) != len(have):
            raise ValueError(
                f"Layer '{self.name}' expected {len(have)} variables, but received {len(store)} variables during "
                "loading. "
                f"Expected: {[v.path for v in have]}"
            )
        for i, v in enumerate(have):
            v.assign(np.asarray(store[str(i)]))

    def _saved(self) -> list[Variable]:
        own = self._own_variables()
        return [v for v in own if v.trainable] + [v for v in own if not v.trainable]


def dtype_name(dtype: Any) -> str:
    """The name of a data type, or of the policy of one; ValueError for a policy of two."""
    if dtype is None:
        return "float32"
    if isinstance(dtype, dict):
        dtype = dtype.get("config", {}).get("name", "float32")
    name = getattr(dtype, "name", None) or str(dtype)
    if name.startswith("mixed_"):
        raise ValueError(
            f"expected a data type that variables and computation share, received the policy {name!r}"
        )
    return name


def _inside(holder: Holder) -> bool:
    """Whether the layer is being built, so that the path has its name already."""
    return naming.path("").split("/")[-2:-1] == [holder.name]
