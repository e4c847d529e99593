"""Arrays made ready for models."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ....compiler.ir.attributes import Array
from ....runtime.spec import dtype_of
from ...eager.structure import leaves, rebuilt
from ...eager.tensor import Tensor, convert


def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """Class numbers [..., 1] or [...] as rows with a 1 at that place: float32 [..., num_classes], by default one more
    than the largest. A tensor gives a tensor."""
    if isinstance(x, Tensor):
        from ...eager import ops

        if num_classes is None:
            raise ValueError("expected num_classes beside a tensor of class numbers")
        shape = x.shape
        x = ops.squeeze(x, -1) if len(shape) > 1 and shape[-1] == 1 else x
        return ops.one_hot(x, num_classes)
    classes = np.array(x, dtype=np.int64)
    shape = classes.shape
    if shape and shape[-1] == 1 and len(shape) > 1:
        shape = shape[:-1]
    flat = classes.reshape(-1)
    if not num_classes:
        num_classes = int(flat.max()) + 1
    out = np.zeros((flat.size, num_classes), np.float32)
    out[np.arange(flat.size), flat] = 1
    return out.reshape((*shape, num_classes))


def normalize(x: Any, axis: int = -1, order: int = 2) -> Any:
    """x divided by its norms of this order along an axis; where a norm is 0 x stays."""
    if not isinstance(order, int) or order < 1:
        raise ValueError(f"Argument `order` must be an int >= 1. Received: order={order}")
    if isinstance(x, Tensor):
        from ...eager import ops

        norm = ops.power(ops.sum(ops.power(ops.abs(x), float(order)), axis, True), 1.0 / order)
        return x / ops.where(ops.equal(norm, 0.0), convert(1.0, dtype_of(x.dtype)), norm)
    array = np.asarray(x)
    norm = np.atleast_1d(np.linalg.norm(array, order, axis))
    norm[norm == 0] = 1
    return array / np.expand_dims(norm, axis)


def pad_sequences(
    sequences: Sequence[Any], maxlen: int | None = None, dtype: Any = "int32", padding: str = "pre",
    truncating: str = "pre", value: Any = 0.0,
) -> Array:  # fmt: skip
    """Sequences of several lengths as one array [count, maxlen, ...], filled up with `value` and cut, before ("pre")
    or after ("post") what they hold. `maxlen` is the greatest length by default."""
    for name, given in (("padding", padding), ("truncating", truncating)):
        if given not in ("pre", "post"):
            raise ValueError(f'expected {name} to be "pre" or "post", received {given!r}')
    if not hasattr(sequences, "__len__") or not all(hasattr(s, "__len__") for s in sequences):
        raise ValueError("`sequences` must be a list of iterables.")
    if maxlen is None:
        maxlen = max((len(s) for s in sequences), default=0)
    sample = next((np.asarray(s).shape[1:] for s in sequences if len(s)), ())
    text = np.dtype(dtype).kind in "US" if not isinstance(dtype, type(object)) else dtype is object
    if isinstance(value, str) and not text and dtype is not object:
        raise ValueError(f"`dtype` {dtype} is not compatible with `value`'s type: {type(value)}")
    out = np.full((len(sequences), maxlen, *sample), value, dtype=dtype)
    for row, s in zip(out, sequences, strict=True):
        if not len(s) or not maxlen:
            continue
        kept = np.asarray(s[-maxlen:] if truncating == "pre" else s[:maxlen], dtype=dtype)
        if kept.shape[1:] != sample:
            raise ValueError(
                f"expected elements of shape {sample} in all sequences, received {kept.shape[1:]}"
            )
        if padding == "post":
            row[: len(kept)] = kept
        else:
            row[maxlen - len(kept) :] = kept
    return out


def split_dataset(
    dataset: Any,
    left_size: Any = None,
    right_size: Any = None,
    shuffle: bool = False,
    seed: int | None = None,
) -> tuple[Any, Any]:
    """Arrays, or a structure of them, in two parts: of so many samples each, or of so large a part of all.

    Raises ValueError for sizes that do not fit, and TypeError for what is no array or list of arrays.
    """
    arrays = [np.asarray(a) for a in leaves(dataset)]
    if not arrays or any(not a.ndim for a in arrays):
        raise TypeError(
            f"expected an array, or a list, tuple or dictionary of arrays, received a {type(dataset).__name__}"
        )
    count = len(arrays[0])
    if any(len(a) != count for a in arrays):
        raise ValueError("expected arrays of as many samples each")
    left = _part(left_size, count, "left_size")
    right = _part(right_size, count, "right_size")
    if left is None and right is None:
        raise ValueError(
            "At least one of the `left_size` or `right_size` must be specified. Received: None for both"
        )
    left = count - right if left is None and right is not None else left or 0
    right = count - left if right is None else right
    if left + right > count or min(left, right) <= 0:
        raise ValueError(f"expected two parts of {count} samples, received sizes {left} and {right}")
    order = np.arange(count)
    if shuffle:
        np.random.default_rng(seed).shuffle(order)
    first, last = (
        order[:left],
        order[count - right :] if left + right == count else order[left : left + right],
    )
    return rebuilt(dataset, lambda a: np.asarray(a)[first]), rebuilt(dataset, lambda a: np.asarray(a)[last])


def _part(size: Any, count: int, name: str) -> int | None:
    if size is None:
        return None
    if isinstance(size, bool) or not isinstance(size, (int, float)):
        raise TypeError(f"expected {name} as a number of samples or a part of them, received {size!r}")
    if isinstance(size, float):
        if not 0 < size < 1:
            raise ValueError(f"expected {name} between 0 and 1, received {size}")
        return math.floor(size * count) if name == "left_size" else round(size * count)
    if not 0 < size < count:
        raise ValueError(f"expected {name} from 1 to {count - 1}, received {size}")
    return size
