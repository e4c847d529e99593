"""What metrics have in common: variables that gather what was seen, and a result computed from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...eager import ops
from ...eager.tensor import Tensor, TensorLike, cast, convert
from ...eager.variable import Variable
from .. import initializers, naming
from ..config import dtype_or_default, floatx
from ..losses.base import apply_mask, mask_of, same_rank
from ..objects import deserialize_keras_object, serialize_keras_object


class Metric:
    """Subclasses define `update_state(…)`, which assigns their variables, and `result()`, a tensor of these.

    Both may run inside of a compiled function: then the variables live on between its runs. `dtype`: of the values,
    by default the package's float type.
    """

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self.name = name or naming.automatic(type(self))
        self._dtype = dtype_or_default(getattr(dtype, "compute_dtype", dtype)).tf_name
        self._variables: list[Variable] = []

    @property
    def dtype(self) -> str:
        return self._dtype

    @property
    def variables(self) -> list[Variable]:
        """Its variables, and those of metrics that are its attributes."""
        found = list(self._variables)
        for v in vars(self).values():
            for m in v if isinstance(v, (list, tuple)) else [v]:
                if isinstance(m, Metric):
                    found += m.variables
        return found

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Any = "zeros",
        dtype: Any = None,
        name: str | None = None,
        **_: Any,
    ) -> Variable:
        """A new variable; raises ValueError for an initializer that is not known."""
        value = initializers.get(initializer or "zeros")(tuple(shape), dtype=dtype or floatx())
        made = Variable(value, trainable=False, name=name or naming.unique("variable"))
        made.path = f"{self.name.replace('/', '>')}/{made.name}"
        self._variables.append(made)
        return made

    def add_weight(
        self, shape: Sequence[int] = (), initializer: Any = None, dtype: Any = None, name: str | None = None
    ) -> Variable:
        """A new variable, of rank 0 and value 0 unless said otherwise."""
        return self.add_variable(shape, initializer, dtype, name=name)

    def zeros(self, name: str, shape: Sequence[int] = (), dtype: Any = None) -> Variable:
        """A new variable of zeros."""
        return self.add_variable(shape, "zeros", dtype, name)

    def reset_state(self) -> None:
        """Forgets what was seen: all variables become 0."""
        for v in self.variables:
            v.assign(np.zeros(v.shape, v.type.dtype.numpy))

    #: its name in tf.keras 2
    def reset_states(self) -> None:
        self.reset_state()

    def update_state(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define update_state()")

    def result(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define result()")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Adds to what was seen; gives the result."""
        self.update_state(*args, **kwargs)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def _samplewise(
    values: TensorLike, weight: Any, mask: Any, reduce: Callable[..., Tensor], dtype: str
) -> tuple[Tensor, Tensor | None]:
    """Values times weights, a number for each sample (or of rank 0), and a weight for each."""
    values = cast(values, dtype)
    if weight is not None:
        weight = cast(weight, dtype)
        if mask is not None:
            weight = convert(apply_mask(weight, mask, dtype, "sum"))
        values, weight = same_rank(values, weight)
        if values.ndim > weight.ndim:
            values = reduce(values, axis=list(range(weight.ndim, values.ndim)))
        if weight.type.shape != values.type.shape:
            weight = weight + ops.zeros_like(values)
        values = values * weight
        if weight.ndim > 1:
            weight = reduce(weight, axis=list(range(1, weight.ndim)))
    if values.ndim > 1:
        values = reduce(values, axis=list(range(1, values.ndim)))
    return values, weight


class Sum(Metric):
    """The sum of all values, each times its sample's weight."""

    def __init__(self, name: str = "sum", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.total = self.zeros("total", dtype=self.dtype)

    def update_state(self, values: TensorLike, sample_weight: Any = None) -> None:
        values = convert(values)
        values, _ = _samplewise(values, sample_weight, mask_of(values), ops.sum, self.dtype)
        self.total.assign_add(ops.sum(values))

    def result(self) -> Tensor:
        return convert(self.total)


class Mean(Metric):
    """The mean of all values, weighted by their samples' weights."""

    def __init__(self, name: str = "mean", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.total = self.zeros("total", dtype=self.dtype)
        self.count = self.zeros("count", dtype=self.dtype)

    def update_state(self, values: TensorLike, sample_weight: Any = None) -> None:
        values = convert(values)
        self.add(values, sample_weight, mask_of(values))

    def add(self, values: Tensor, sample_weight: Any, mask: Any) -> None:
        """What `update_state` does, for values whose mask is given; it counts where there are weights."""
        values, weight = _samplewise(values, sample_weight, mask, ops.mean, self.dtype)
        self.total.assign_add(ops.sum(values))
        if weight is not None:
            self.count.assign_add(ops.sum(weight))
        elif not values.ndim:
            self.count.assign_add(1.0)
        else:
            size = values.shape[0]
            self.count.assign_add(float(size) if size is not None else ops.sum(ops.ones_like(values)))

    def result(self) -> Tensor:
        return ops.divide_no_nan(self.total, self.count)


class MeanMetricWrapper(Mean):
    """The mean of a function of (y_true, y_pred, …), which gives a value for each sample. `kwargs` are its other
    arguments."""

    #: which of these stand in the configuration; None: all, and the function
    _settings: tuple[str, ...] | None = None
    _direction: str | None = None

    def __init__(
        self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(name or getattr(fn, "__name__", None) or naming.automatic(type(fn)), dtype)
        self._fn, self._fn_kwargs = fn, kwargs

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None) -> None:
        """`mask` is y_pred's own where none is given."""
        mask = mask_of(y_pred) if mask is None else mask
        values = convert(self._fn(y_true, y_pred, **self._fn_kwargs))
        self.add(values, apply_mask(sample_weight, mask, self.dtype, "sum"), mask_of(values))

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if self._settings is not None:
            return {**config, **{n: self._fn_kwargs[n] for n in self._settings}}
        return {**config, "fn": serialize_keras_object(self._fn), **serialize_keras_object(self._fn_kwargs)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**(deserialize_keras_object(config) if "fn" in config else config))
