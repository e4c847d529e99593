"""What inputs a layer takes."""

from __future__ import annotations

from typing import Any

from ...eager.structure import leaves
from ...eager.tensor import Tensor


class InputSpec:
    """Rank, data type and sizes that an input must have; what is None is free."""

    def __init__(
        self,
        dtype: Any = None,
        shape: Any = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: dict[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ) -> None:
        self.dtype = None if dtype is None else str(dtype)
        self.shape = None if shape is None else tuple(shape)
        self.ndim = len(self.shape) if self.shape is not None else ndim
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        self.axes = {int(k): v for k, v in (axes or {}).items()}
        self.allow_last_axis_squeeze, self.name, self.optional = allow_last_axis_squeeze, name, optional


def check_inputs(layer: Any, spec: Any, inputs: Any) -> None:
    """Raises ValueError where inputs are not as a layer's `input_spec` says."""
    if spec is None:
        return
    specs, given = list(leaves(spec)), list(leaves(inputs))
    if len(specs) != len(given):
        raise ValueError(
            f'Layer "{layer.name}" expects {len(specs)} input(s), but it received {len(given)} input tensors.'
        )
    for i, (s, t) in enumerate(zip(specs, given, strict=True)):
        if s is not None and isinstance(t, Tensor):
            _check(f'Input {i} of layer "{layer.name}" is incompatible with the layer: ', s, t)


def _check(where: str, s: InputSpec, t: Tensor) -> None:
    shape = t.shape
    if s.ndim is not None and len(shape) != s.ndim and not s.allow_last_axis_squeeze:
        raise ValueError(
            f"{where}expected ndim={s.ndim}, found ndim={len(shape)}. Full shape received: {shape}"
        )
    if s.max_ndim is not None and len(shape) > s.max_ndim:
        raise ValueError(f"{where}expected max_ndim={s.max_ndim}, found ndim={len(shape)}")
    if s.min_ndim is not None and len(shape) < s.min_ndim:
        raise ValueError(
            f"{where}expected min_ndim={s.min_ndim}, found ndim={len(shape)}. Full shape received: {shape}"
        )
    for axis, size in s.axes.items():
        have = shape[axis]
        if size is not None and have is not None and have != size:
            raise ValueError(
                f"{where}expected axis {axis} of input shape to have value {size}, "
                f"but received input with shape {shape}"
            )
    for want, have in zip(s.shape or (), shape, strict=False):
        if want is not None and have is not None and want != have:
            raise ValueError(f"{where}expected shape={s.shape}, found shape={shape}")
