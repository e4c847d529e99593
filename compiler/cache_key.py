"""Under which key a library is kept: a hash of everything that its bytes depend on."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .options import CompileOptions, option_fields
from .target import Target

if TYPE_CHECKING:
    from .ir.core import Op

_BLOCK = 32 << 20  # hashed by one thread
_STEP = 1 << 20


def library_key(source: str, options: CompileOptions, target: Target, name: str, soname: str) -> str:
    """The key of the library for what hashes to `source`.

    `name` is the model's in the manifest and `soname` the library's own: both are in its bytes.
    """
    chosen = {
        f.name: getattr(options, f.name)
        for f in option_fields()
        if f.name != "target" and "cache" not in f.metadata
    }
    facts = {
        "source": source,
        "options": chosen,
        "target": dataclasses.asdict(target),
        "names": [name, soname],
        "made by": versions(),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@cache
def versions() -> dict[str, Any]:
    """What compiles: our own sources, so that a changed checkout finds nothing old; numpy, which folds
    constants; llvmlite, and the library that it brings LLVM in."""
    import llvmlite
    import numpy as np

    sources, newest = hashlib.sha256(), 0.0
    root = Path(__file__).resolve().parents[1]
    for top in ("runtime", "compiler", "frontends"):
        for path in sorted((root / top).rglob("*.py")):
            data = path.read_bytes()
            newest = max(newest, path.stat().st_mtime)
            sources.update(f"{path.relative_to(root)} {len(data)}\n".encode() + data)
    binding = Path(llvmlite.__file__).parent / "binding" / "libllvmlite.so"
    stat = binding.stat() if binding.is_file() else None
    if newest > _process_start():
        # Somebody works on them: what was imported may be older than what was read here.
        sources.update(os.urandom(16))
    return {
        "netwright": sources.hexdigest(),
        "numpy": np.__version__,
        "llvmlite": llvmlite.__version__,
        "llvm": [stat.st_size, stat.st_mtime_ns] if stat else [],
    }


def _process_start() -> float:
    """When this process began, by the clock of files."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return 0.0
    return time.time() - age


def module_digest(module: Op) -> str:
    """A hash of a graph-level module: its text with the locations, the values of its constants, and the names
    of values, which tensors without a name of their own are called by."""
    import numpy as np

    from .ir.printer import Printer

    printer = Printer(generic=True)
    h = hashlib.sha256(printer.print(module).encode("utf-8", "surrogateescape"))
    for name, constant in printer.resources.items():
        array = constant.array
        h.update(f"\n{name} {constant.type} {array.strides == (0,) * array.ndim}\n".encode())
        if array.size:
            h.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    for op in module.walk():
        arguments = [a for region in op.regions for block in region.blocks for a in block.args]
        h.update(json.dumps([v.hint for v in (*op.results, *arguments)]).encode())
    return h.hexdigest()


def file_digest(handle: int) -> str:
    """A hash of an open file's contents: the hash of its size and its blocks' hashes, so that threads share
    the work on a large one."""
    size = os.fstat(handle).st_size
    starts = range(0, size, _BLOCK)

    def block(start: int) -> bytes:
        h, view = hashlib.sha256(), memoryview(bytearray(min(_STEP, size)))
        at, stop = start, min(start + _BLOCK, size)
        while at < stop:
            count = os.preadv(handle, [view[: stop - at]], at)
            if not count:
                raise OSError(f"the file ends at byte {at} of {size}: it was changed while it was read")
            h.update(view[:count])
            at += count
        return h.digest()

    if len(starts) > 1:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(min(len(starts), len(os.sched_getaffinity(0)), 4)) as pool:
            parts = list(pool.map(block, starts))
    else:
        parts = [block(start) for start in starts]
    return hashlib.sha256(size.to_bytes(8, "little") + b"".join(parts)).hexdigest()
