"""While a model is read from a file, its variables begin at zero, and are no larger than what the file holds."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ...runtime.errors import FormatError

_local = threading.local()


@contextmanager
def loading(size: int) -> Iterator[None]:
    """Variables made inside of it get zeros. All together may take `size` bytes, and a mebibyte for what files
    leave out."""
    kept = getattr(_local, "left", None)
    _local.left = size + (1 << 20)
    try:
        yield
    finally:
        _local.left = kept


def zeros_wanted(shape: Sequence[int], name: str) -> bool:
    """Whether a new variable begins at zero, as a file has its value. FormatError where the file cannot have it."""
    left = getattr(_local, "left", None)
    if left is None:
        return False
    count = 1
    for d in shape:
        count *= max(0, int(d))
    _local.left = left - count
    if _local.left < 0:
        raise FormatError(
            f"variable {name!r}: expected a shape that the file has the numbers for, found {tuple(shape)}"
        )
    return True
