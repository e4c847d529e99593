"""Libraries kept on disk, found again by what they were made from.

    DIR/keys/KEY             names a library by the hash of its contents
    DIR/libraries/HASH.so    read-only

A library is compared with its hash whenever it is taken, so a damaged one is never loaded. Files appear whole,
by a rename: processes may share a folder. Trouble with the folder never stops a compilation.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..runtime.errors import OptionError
from .cache_key import file_digest
from .codegen.payload import create, replacing

FOLDER, SIZE = "NETWRIGHT_CACHE", "NETWRIGHT_CACHE_SIZE"
DEFAULT_SIZE = "5G"
#: of the folder that nobody asked for
USER_SIZE = "500M"

_HASH = re.compile(r"[0-9a-f]{64}")
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_FICLONE = 0x40049409
_ABANDONED = 3600  # seconds: an unfinished file as old as this belongs to a process that was killed


class _DamagedError(Exception):
    """A kept library is not what its name says."""


def parse_size(text: str) -> int:
    """`500M` or `2G` in bytes. OptionError for anything else."""
    m = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if m is None:
        raise OptionError(f"{SIZE}: expected a size such as 500M or 2G, received {text!r}")
    return int(float(m[1]) * _UNITS[m[2].upper()])


class Cache:
    """A folder of libraries, the least recently used of which go when there are more than `limit` bytes.

    `notes` gathers sentences about what did not work.
    """

    def __init__(self, folder: str | os.PathLike[str], limit: int) -> None:
        self.folder = Path(os.path.abspath(folder))
        self.limit = limit
        self.notes: list[str] = []
        self._keys, self._libraries = self.folder / "keys", self.folder / "libraries"

    @staticmethod
    def from_environment() -> Cache | None:
        """The cache that NETWRIGHT_CACHE names; None without it."""
        folder = os.environ.get(FOLDER)
        if not folder:
            return None
        return Cache(folder, parse_size(os.environ.get(SIZE) or DEFAULT_SIZE))

    @staticmethod
    def of_user() -> Cache | None:
        """The cache for what Python code compiles as it runs: the one that NETWRIGHT_CACHE names, without it a folder
        of the user's caches; None where it is set to nothing, and for a user without a home."""
        if FOLDER in os.environ:
            return Cache.from_environment()
        caches = os.environ.get("XDG_CACHE_HOME", "")
        home = os.path.expanduser("~")
        if not os.path.isabs(caches):  # as the XDG specification says
            if not os.path.isabs(home):
                return None
            caches = os.path.join(home, ".cache")
        return Cache(os.path.join(caches, "netwright"), parse_size(os.environ.get(SIZE) or USER_SIZE))

    def locate(self, key: str) -> str | None:
        """The path of a kept library, whole at this moment."""
        with self._opened(key) as found:
            if found is None:
                return None
            path, digest, handle = found
            if file_digest(handle) != digest:
                raise _DamagedError
            return str(path)
        return None

    def fetch(self, key: str, output: str | os.PathLike[str]) -> bool:
        """Copies a kept library to `output`, whole or not at all. What was copied is compared with its hash."""
        with self._opened(key) as found:
            if found is None:
                return False
            _, digest, source = found
            with replacing(output) as path, create(path) as file:
                _copy(source, file.fileno())
                # A file that was opened for writing alone cannot be read.
                handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    if file_digest(handle) != digest:
                        raise _DamagedError
                finally:
                    os.close(handle)
            return True
        return False

    def store(self, key: str, library: str) -> None:
        """Keeps a copy of a library under `key`. What goes wrong becomes a note."""
        size = os.path.getsize(library)
        if size > self.limit:
            self._note(
                f"{SIZE}: the library of {size} bytes is not kept, it exceeds the limit of {self.limit} bytes"
            )
            return
        try:
            for folder in (self._keys, self._libraries):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._trusted():
                return
            with open(library, "rb") as source, _appearing(self._libraries) as (copy, names):
                _copy(source.fileno(), copy)
                digest = file_digest(copy)
                os.fchmod(copy, 0o555)
                names.append(f"{digest}.so")
            with _appearing(self._keys) as (handle, names):
                os.write(handle, f"{key}\n{digest}\n".encode())
                names.append(key)
            self._trim(f"{digest}.so")
        except OSError as e:
            self._note(
                f"{FOLDER}: cannot write to {str(self.folder)!r}, the library is not kept: {e.strerror or e}"
            )

    @contextmanager
    def _opened(self, key: str) -> Iterator[tuple[Path, str, int] | None]:
        """The library of a key: path, hash and open file; None where there is none that may be used.
        A library that turns out to be damaged is removed."""
        path, digest, handle = Path(), "", -1
        with suppress(OSError, ValueError):
            if self._trusted():
                text = (self._keys / key).read_text("ascii").split("\n")
                if len(text) == 3 and text[0] == key and _HASH.fullmatch(text[1]):
                    digest, path = text[1], self._libraries / f"{text[1]}.so"
                    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        if handle < 0 or not stat.S_ISREG(os.fstat(handle).st_mode):
            if handle >= 0:
                os.close(handle)
            yield None
            return
        try:
            with suppress(OSError):  # somebody else's, which we may read
                os.utime(path)
            yield path, digest, handle
        except _DamagedError:
            self._note(f"{FOLDER}: {str(path)!r} is damaged, the model is compiled again")
            with suppress(OSError):
                path.unlink()
        finally:
            os.close(handle)

    def _note(self, sentence: str) -> None:
        if sentence not in self.notes:
            self.notes.append(sentence)

    def _trusted(self) -> bool:
        """Whether nobody but the user and the administrator can put libraries there: they will be executed."""
        for folder in (self.folder, self._keys, self._libraries):
            s = os.stat(folder)
            writable = s.st_mode & stat.S_IWOTH and not (folder == self.folder and s.st_mode & stat.S_ISVTX)
            if writable or (os.geteuid() not in (0, s.st_uid) and s.st_uid != 0):
                self._note(
                    f"{FOLDER}: {str(folder)!r} is not used, other users could put libraries there: "
                    + ("take away their right to write" if writable else "name a folder of your own")
                )
                return False
        return True

    def _trim(self, newest: str) -> None:
        """Removes the libraries used longest ago until the rest fits, keys without one, and leftovers."""
        found: list[tuple[float, int, str]] = []
        for entry in os.scandir(self._libraries):
            with suppress(FileNotFoundError):
                s = entry.stat(follow_symlinks=False)
                found.append((s.st_mtime, s.st_size, entry.name))
        now = max((time for time, _, _ in found), default=0.0)
        total = sum(size for _, size, _ in found)
        for time, size, name in sorted(found):
            unfinished = name.endswith(".tmp")
            if (now - time > _ABANDONED) if unfinished else (total > self.limit and name != newest):
                with suppress(FileNotFoundError):
                    (self._libraries / name).unlink()
                total -= size
        for entry in os.scandir(self._keys):
            with suppress(OSError, ValueError, IndexError):
                digest = Path(entry.path).read_text("ascii").split("\n")[1]
                if not (self._libraries / f"{digest}.so").exists():
                    os.unlink(entry.path)


@contextmanager
def _appearing(folder: Path) -> Iterator[tuple[int, list[str]]]:
    """A new open file in `folder`, which in the end gets the name that was put into the list."""
    path = folder / f".nw-{os.urandom(8).hex()}.tmp"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    names: list[str] = []
    try:
        yield handle, names
        os.replace(path, folder / names[0])
    finally:
        os.close(handle)
        with suppress(FileNotFoundError):
            path.unlink()


def _copy(source: int, target: int) -> None:
    """Copies an open file into an empty one: by sharing its blocks where the file system can do that, or in
    the kernel. Never by a hard link: who writes into the copy would change the original."""
    import fcntl

    with suppress(OSError):
        fcntl.ioctl(target, _FICLONE, source)
        return
    left = os.fstat(source).st_size
    os.lseek(source, 0, os.SEEK_SET)
    with suppress(OSError):
        while left and (count := os.copy_file_range(source, target, left)):
            left -= count
    # What other file systems, or older kernels, leave to us.
    while left:
        data = os.read(source, min(left, 1 << 20))
        if not data:
            raise OSError(errno.EIO, "the file became shorter while it was copied")
        left -= os.write(target, data)
