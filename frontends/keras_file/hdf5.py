"""HDF5 files: trees of named arrays and attributes.

Reading follows no link, neither within the file nor out of it, and believes no size that the file does not hold
the bytes for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...compiler.ir.attributes import Array
from ...runtime.errors import Error, FormatError, UnsupportedError

#: what all arrays of a file may claim together: so many bytes, and so many times the file's own size
_FREE, _TIMES = 64 << 20, 100
_ERRORS = (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError, MemoryError, AttributeError)


def library() -> Any:
    """The module h5py. UnsupportedError where it is not installed."""
    try:
        import h5py
    except ModuleNotFoundError as e:
        if e.name != "h5py":
            raise
        raise UnsupportedError(
            "files of Keras models hold their weights in HDF5, for which h5py is needed: "
            "pip install 'netwright[keras]'"
        ) from None
    return h5py


@contextmanager
def reading(source: Any, where: str, size: int) -> Iterator[Tree]:
    """The root of a file, a path or an open binary file of `size` bytes. FormatError for what is no HDF5."""
    h5py = library()
    try:
        file = h5py.File(source, "r")
    except _ERRORS as e:
        raise FormatError(f"{where}: expected an HDF5 file: {e}") from None
    try:
        yield Tree(file, where, "", _Budget(_FREE + _TIMES * size))
    finally:
        try:
            file.close()
        except _ERRORS:  # of a broken file: nothing was written
            pass


class _Budget:
    """How many bytes arrays may still claim."""

    def __init__(self, left: int) -> None:
        self.left = left


class Tree:
    """A group: names of groups and arrays in it, and attributes. All methods raise FormatError for damage."""

    def __init__(self, group: Any, where: str, path: str, budget: _Budget) -> None:
        self._group, self.where, self.path, self._budget = group, where, path, budget

    def _wrong(self, text: Any) -> FormatError:
        return FormatError(f"{self.where}: {self.path or '/'}: {text}")

    def names(self) -> list[str]:
        """What is in the group, in order."""
        try:
            return [str(n) for n in self._group]
        except _ERRORS as e:
            raise self._wrong(f"expected a group of names: {e}") from None

    def _item(self, name: str) -> Any:
        h5py = library()
        try:
            if name not in self._group:
                return None
            link = self._group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise self._wrong(f"expected groups and arrays in the file, found a link {name!r}")
            return self._group[name]
        except Error:
            raise
        except _ERRORS as e:
            raise self._wrong(f"{name!r} cannot be read: {e}") from None

    def group(self, path: str) -> Tree | None:
        """The group at a path below this one; None where there is none."""
        found: Tree | None = self
        for part in path.split("/") if path else ():
            item = found._item(part) if found is not None else None
            if item is None or not isinstance(item, library().Group):
                return None
            found = Tree(item, self.where, f"{found.path}/{part}" if found.path else part, self._budget)  # type: ignore[union-attr]
        return found

    def array(self, path: str) -> Array:
        """The array at a path below this group."""
        parent, _, name = path.rpartition("/")
        group = self.group(parent)
        item = None if group is None else group._item(name)
        if group is None or not isinstance(item, library().Dataset):
            raise self._wrong(f"expected an array {path!r}, found none")
        return group._read(item, name)

    def _read(self, item: Any, name: str) -> Array:
        try:
            if item.is_virtual or item.external:
                raise self._wrong(f"expected {name!r} in the file itself, found one that lies in others")
            dtype, shape = item.dtype, tuple(int(d) for d in item.shape or ())
            count = 1
            for d in shape:
                count *= d
            self._claim(count * max(dtype.itemsize, 1), name)
            brain = dtype.kind == "V" and dtype.itemsize == 2
            if dtype.kind not in "fiub" and not brain:
                raise self._wrong(f"expected an array of numbers as {name!r}, found {dtype}")
            value = np.asarray(item[()])
        except Error:
            raise
        except _ERRORS as e:
            raise self._wrong(f"array {name!r} cannot be read: {e}") from None
        if brain:  # bfloat16: the upper half of float32
            return (
                (np.ascontiguousarray(value).view(np.uint16).astype(np.uint32) << 16)
                .view(np.float32)
                .reshape(shape)
            )
        return value

    def _claim(self, count: int, name: str) -> None:
        self._budget.left -= count
        if self._budget.left < 0:
            raise self._wrong(f"array {name!r} claims {count} bytes, which the file cannot hold")

    def size(self) -> int:
        """The bytes that all arrays in the group and below claim."""
        total, seen = 0, 0
        todo: list[Tree] = [self]
        while todo:
            tree = todo.pop()
            for name in tree.names():
                seen += 1
                if seen > 1_000_000:
                    raise self._wrong("expected at most a million of names")
                item = tree._item(name)
                if isinstance(item, library().Dataset):
                    try:
                        total += int(np.prod(item.shape or (), dtype=object)) * item.dtype.itemsize
                    except _ERRORS as e:
                        raise self._wrong(f"array {name!r} cannot be read: {e}") from None
                elif isinstance(item, library().Group):
                    below = tree.group(name)
                    if below is not None and below.path.count("/") < 100:
                        todo.append(below)
                    else:
                        raise self._wrong("expected groups nested at most 100 deep")
        return total

    def text(self, name: str) -> str | None:
        """An attribute as text; None where there is none."""
        value = self._attribute(name)
        if isinstance(value, np.ndarray) and not value.ndim:
            value = value.item()
        if isinstance(value, bytes):
            try:
                return value.decode()
            except UnicodeDecodeError as e:
                raise self._wrong(f"attribute {name!r}: {e}") from None
        return None if value is None else str(value)

    def texts(self, name: str) -> list[str]:
        """An attribute as a list of texts; long ones stand in parts, name0, name1, …"""
        value = self._attribute(name)
        parts = [] if value is None else [value]
        while value is None and (more := self._attribute(f"{name}{len(parts)}")) is not None:
            parts.append(more)
        out: list[str] = []
        for part in parts:
            for v in np.ravel(np.asarray(part, object)):
                try:
                    out.append(v.decode() if isinstance(v, bytes) else str(v))
                except UnicodeDecodeError as e:
                    raise self._wrong(f"attribute {name!r}: {e}") from None
        return out

    def _attribute(self, name: str) -> Any:
        try:
            return self._group.attrs.get(name, None)
        except _ERRORS as e:
            raise self._wrong(f"attribute {name!r} cannot be read: {e}") from None


#: what an object's header holds at the most
_HEADER = 64512


def set_texts(group: Any, name: str, values: list[str]) -> None:
    """A list of texts as an attribute, in parts where it is too long for one."""
    encoded = np.asarray([v.encode() for v in values]) if values else np.asarray([], "S1")
    parts = 1
    while any(p.nbytes > _HEADER for p in np.array_split(encoded, parts)):
        parts += 1
        if parts > max(1, len(values)):
            raise FormatError(f"expected names of at most {_HEADER} bytes")
    if parts == 1:
        group.attrs[name] = encoded
        return
    for i, part in enumerate(np.array_split(encoded, parts)):
        group.attrs[f"{name}{i}"] = part


@contextmanager
def writing(target: Any) -> Iterator[Any]:
    """A new file, at a path or in an open binary file: h5py's root group."""
    with library().File(target, "w") as file:
        yield file
