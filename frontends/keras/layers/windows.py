"""Sizes of windows, paddings and data formats, as arguments of layers, and what they make of a shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Shape = Any


def sizes(value: Any, n: int, name: str, allow_zero: bool = False) -> tuple[int, ...]:
    """n integers above 0 (or from 0 on) from one integer or n of them. Raises ValueError for others."""
    wrong = f"The `{name}` argument must be a tuple of {n} integers. Received {name}={value}"
    try:
        given = (value,) * n if isinstance(value, int) else tuple(value)
        numbers = tuple(int(v) for v in given)
    except (TypeError, ValueError):
        raise ValueError(wrong) from None
    if len(given) != n:
        raise ValueError(wrong)
    bad = {v for v in numbers if v < (0 if allow_zero else 1)}
    if bad:
        wanted = ">= 0" if allow_zero else "> 0"
        raise ValueError(f"{wrong}, including values {bad} that do not satisfy `value {wanted}`")
    return numbers


def padding_name(value: Any, causal: bool = False) -> str:
    """valid, same, or causal where that is allowed. Raises ValueError for others."""
    allowed = ("valid", "same", "causal") if causal else ("valid", "same")
    name = value.lower() if isinstance(value, str) else value
    if name not in allowed:
        raise ValueError(f"The `padding` argument must be one of {allowed}. Received: {value}")
    return name


def data_format_name(value: Any) -> str:
    """channels_last, which is the only one that is built. Raises ValueError for others."""
    name = "channels_last" if value is None else str(value).lower()
    if name == "channels_first":
        raise ValueError(
            "expected data_format='channels_last', received data_format='channels_first': layers with the "
            "channels first are not built here; put Permute around them"
        )
    if name != "channels_last":
        raise ValueError(f"The `data_format` argument must be 'channels_last'. Received: data_format={value}")
    return name


def pairs(value: Any, rank: int, name: str) -> tuple[tuple[int, ...], ...]:
    """(before, after) for every axis: from one number, one for each axis, or a pair for each. Raises ValueError
    for others."""
    if isinstance(value, int):
        if value < 0:
            raise ValueError(f"`{name}` cannot be negative. Received: {name}={value}.")
        return ((value, value),) * rank
    if not hasattr(value, "__len__"):
        raise ValueError(
            f"`{name}` should be either an int, a tuple of {rank} ints (the same before and after, for each "
            f"axis), or a tuple of {rank} tuples of 2 ints (before and after, for each axis). "
            f"Received: {name}={value}."
        )
    if len(value) != rank:
        count = {2: "two", 3: "3"}.get(rank, rank)
        raise ValueError(f"`{name}` should have {count} elements. Received: {name}={value}.")
    place = ("1st", "2nd", "3rd")
    return tuple(sizes(v, 2, f"{place[i]} entry of {name}", True) for i, v in enumerate(value))


def check_axes(axis: int | Sequence[int], input_shape: Shape) -> None:
    """Raises ValueError for an axis that inputs of this shape do not have."""
    for a in [axis] if isinstance(axis, int) else axis:
        if not -len(input_shape) <= a < len(input_shape):
            raise ValueError(
                f"Axis {a} is out of bounds for input shape {input_shape}. Received: axis={axis}"
            )


def window_size(size: int | None, kernel: int, stride: int, dilation: int, padding: str) -> int | None:
    """How many windows lie along an axis; 0 or less where not even one fits. None for a size that is open."""
    if size is None:
        return None
    return (
        (size - dilation * (kernel - 1) - 1) // stride + 1 if padding == "valid" else (size - 1) // stride + 1
    )


def known_channels(input_shape: Shape) -> int:
    """The size of the last axis. Raises ValueError where it is open."""
    if input_shape[-1] is None:
        raise ValueError(
            "The channel dimension of the inputs should be defined. "
            f"The input_shape received is {input_shape}, where axis -1 is the channel dimension."
        )
    return int(input_shape[-1])
