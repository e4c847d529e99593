"""Numbers of categories, and of ranges, as vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...eager.ops.arrays import cast, expand_dims, squeeze
from ...eager.ops.encodings import multi_hot, one_hot
from ...eager.ops.ordering import digitize
from ...eager.ops.reductions import sum
from ...eager.tensor import Tensor, convert
from .layer import Layer

_MODES = ("count", "one_hot", "multi_hot")


def encoded(x: Any, mode: str, depth: int, dtype: str, weights: Any = None) -> Tensor:
    """Integers as vectors of `depth`: one for each (`one_hot`), or one for each row (`multi_hot`, `count`)."""
    x = convert(x)
    if mode == "int":
        return cast(x, dtype)
    x = expand_dims(x, -1) if not x.ndim else x
    if mode == "one_hot":
        return one_hot(squeeze(x, -1) if x.ndim > 1 and x.shape[-1] == 1 else x, depth, dtype=dtype)
    if mode == "multi_hot":
        return multi_hot(x, depth, dtype=dtype)
    rows = one_hot(x, depth, dtype=dtype)
    if weights is not None:
        rows = rows * expand_dims(convert(weights), -1)
    return sum(rows, 1 if x.ndim > 1 else 0)


class CategoryEncoding(Layer):
    """Integers below num_tokens as vectors of that size: [..., N] to [..., num_tokens], or [..., N, num_tokens] for
    `one_hot`. `count` takes weights in the shape of the input."""

    def __init__(
        self,
        num_tokens: int | None = None,
        output_mode: str = "multi_hot",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        output_mode = "multi_hot" if output_mode == "binary" else output_mode
        if output_mode not in _MODES:
            raise ValueError(f"Unknown arg for output_mode: {output_mode}")
        if num_tokens is None:
            raise ValueError(
                "num_tokens must be set to use this layer. If the number of tokens is not known beforehand, use the "
                "IntegerLookup layer instead."
            )
        if num_tokens < 1:
            raise ValueError(f"`num_tokens` must be >= 1. Received: num_tokens={num_tokens}.")
        if sparse:
            raise ValueError("CategoryEncoding has no sparse=True here")
        self.num_tokens, self.output_mode, self.sparse = num_tokens, output_mode, sparse

    def call(self, inputs: Any, count_weights: Any = None) -> Any:
        if count_weights is not None and self.output_mode != "count":
            raise ValueError(
                "`count_weights` is not used when `output_mode` is not `'count'`. Received "
                f"`count_weights={count_weights}`."
            )
        x = convert(inputs)
        return encoded(
            x if x.type.dtype.is_integer else cast(x, "int32"),
            self.output_mode,
            self.num_tokens,
            self.dtype,
            count_weights,
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        shape, depth = tuple(input_shape), self.num_tokens
        if self.output_mode == "one_hot" and shape and (shape[-1] != 1 or len(shape) == 1):
            return (*shape, depth)
        return (*shape[:-1], depth)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_tokens": self.num_tokens, "output_mode": self.output_mode}


class Discretization(Layer):
    """Numbers as the range they are in, counted by boundaries in order: a number below the first is in range 0.

    `num_bins` in the place of boundaries: `adapt` finds some that split the data evenly, as well as `epsilon` says.
    """

    def __init__(
        self,
        bin_boundaries: Any = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        dtype: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        if sparse:
            raise ValueError("Discretization has no sparse=True here")
        if output_mode not in ("int", *_MODES):
            raise ValueError(
                "Unknown argument output_mode for layer Discretization. Expected one of ('int', 'one_hot', "
                f"'multi_hot', 'count'). Received: {output_mode}"
            )
        if num_bins is not None and num_bins < 0:
            raise ValueError(
                f"`num_bins` must be greater than or equal to 0. Received: `num_bins={num_bins}`"
            )
        if num_bins is not None and bin_boundaries is not None:
            raise ValueError(
                "Both `num_bins` and `bin_boundaries` should not be set. Received: "
                f"`num_bins={num_bins}` and `bin_boundaries={bin_boundaries}`"
            )
        if num_bins is None and bin_boundaries is None:
            raise ValueError("You need to set either `num_bins` or `bin_boundaries`.")
        self.bin_boundaries = bin_boundaries if bin_boundaries is None else [float(b) for b in bin_boundaries]
        self.num_bins, self.epsilon, self.output_mode, self.sparse = num_bins, epsilon, output_mode, sparse
        self.reset_state()

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Finds the boundaries for an array, or for the arrays that an iterable gives."""
        if self.num_bins is None:
            raise ValueError(
                "Cannot adapt a Discretization layer that has been initialized with `bin_boundaries`, use "
                "`num_bins` instead."
            )
        self.reset_state()
        single = isinstance(data, (np.ndarray, Tensor)) or not hasattr(data, "__iter__")
        for i, batch in enumerate([data] if single else data):
            if steps is not None and i >= steps:
                break
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Counts a batch of numbers."""
        values = np.sort(np.asarray(data, np.float32).reshape(-1))
        step = max(values.size * self.epsilon, 1)
        ends = values[int(step - 1) :: int(step)]
        self.summary = _compressed(
            np.concatenate([np.stack([ends, np.full_like(ends, step)]), self.summary], 1), self.epsilon
        )

    def finalize_state(self) -> None:
        if self.num_bins is not None:
            self.bin_boundaries = _compressed(self.summary, 1 / self.num_bins)[0, :-1].tolist()

    def reset_state(self) -> None:
        """Forgets what was counted."""
        #: numbers in order, and how many each stands for
        self.summary = np.zeros((2, 0), np.float32)

    def call(self, inputs: Any) -> Any:
        if self.bin_boundaries is None:
            raise ValueError(
                "You need to either pass the `bin_boundaries` argument at construction time or call "
                "`adapt(dataset)` before "
                "you can start using the `Discretization` layer."
            )
        dtype = "int32" if self.output_mode == "int" else self.dtype
        bins = digitize(inputs, np.asarray(self.bin_boundaries, np.float32))
        return encoded(bins, self.output_mode, len(self.bin_boundaries) + 1, dtype)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {
            "name": config["name"],
            "dtype": config["dtype"],
            "bin_boundaries": self.bin_boundaries,
            "num_bins": self.num_bins,
            "epsilon": self.epsilon,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        given = dict(config)
        found = given.pop("bin_boundaries", None) if given.get("num_bins") is not None else None
        made = cls(**given)
        if found is not None:
            made.bin_boundaries = found
        return made


def _compressed(summary: Any, epsilon: float) -> Any:
    """A summary of about 1 / epsilon numbers that stand for equally many each."""
    summary = np.take(summary, np.argsort(summary[0]), axis=1)
    if summary.shape[1] * epsilon < 1:
        return summary
    share = epsilon + np.arange(0.0, 1.0, epsilon)
    weights = np.cumsum(summary[1])
    ends = share * weights[-1]
    numbers = np.interp(ends, weights, summary[0])
    return np.stack([numbers, np.diff(np.interp(ends, weights, weights), prepend=0.0)]).astype(np.float32)
