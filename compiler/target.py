"""What the code generator knows of the machine it compiles for. All target-dependent facts are here."""

from __future__ import annotations

import platform
from dataclasses import dataclass, replace
from pathlib import Path

from ..runtime.errors import OptionError


@dataclass(frozen=True)
class Target:
    """A resolved target: nothing in it depends on the machine that compiles any more.

    `vector_bytes` and `registers` describe the vector unit; caches are bytes per core (`l3`: shared).
    """

    name: str
    triple: str
    cpu: str
    vector_bytes: int
    registers: int
    l1: int = 32 << 10
    l2: int = 1 << 20
    l3: int = 32 << 20
    #: fused multiply-adds of a full vector that start in a cycle
    fma_per_cycle: int = 2
    #: what one core reads in a cycle from beyond its second-level cache
    far_bytes_per_cycle: float = 6

    @property
    def lanes(self) -> int:
        """float32 elements of a vector."""
        return self.vector_bytes // 4

    @property
    def has_f16c(self) -> bool:
        """Whether there are instructions that convert float16."""
        return self.vector_bytes > 16

    @property
    def has_masks(self) -> bool:
        """Whether vectors are loaded and stored in part as fast as whole ones."""
        return self.vector_bytes >= 64

    def tile(self, columns: int, row_bytes: int = 0) -> tuple[int, int]:
        """Rows and vectors of the accumulator tile of a matrix product with `columns` result columns.

        Accumulators, one row of weights and one broadcast must fit the registers; see docs/kernels.md for
        the measurements behind the table. `row_bytes` is the distance of the left operand's rows: many rows
        a multiple of 4096 bytes apart fall into one set of the first-level cache.
        """
        if columns <= self.lanes:
            return (14 if self.registers >= 32 else 6), 1
        if self.registers >= 32:
            crowded = row_bytes and row_bytes % 4096 == 0 and columns > 2 * self.lanes
            return (6, 4) if crowded else (14, 2)
        return (6, 2) if self.vector_bytes >= 32 else (4, 2)

    def short_tile(self, columns: int) -> tuple[int, int]:
        """The tile for a number of rows known only at run time: few rows, many columns, little remainder."""
        if self.registers >= 32:
            return (6, 4) if columns > 2 * self.lanes else (8, 2) if columns > self.lanes else (8, 1)
        return (4, 2) if columns > self.lanes else (4, 1)

    def describe(self) -> dict[str, str | int]:
        """For the manifest."""
        facts = ("name", "triple", "cpu", "vector_bytes", "registers", "l1", "l2", "l3")
        return {f: getattr(self, f) for f in facts}


_LINUX = "x86_64-unknown-linux-gnu"
TARGETS = {
    "x86-64": Target("x86-64", _LINUX, "x86-64", 16, 16),
    "x86-64-v3": Target("x86-64-v3", _LINUX, "x86-64-v3", 32, 16),
    "x86-64-v4": Target("x86-64-v4", _LINUX, "x86-64-v4", 64, 32),
}
_V3 = {"avx2", "fma", "bmi1", "bmi2", "f16c", "movbe", "abm"}
_V4 = {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}


def _cpu_flags() -> set[str]:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return set()
    for line in text.splitlines():
        if line.startswith("flags"):
            return set(line.partition(":")[2].split())
    return set()


def native_name() -> str:
    """The best of our targets that this machine runs."""
    if platform.machine() not in ("x86_64", "AMD64"):
        raise OptionError(
            f"this machine is {platform.machine()}; targets exist for {', '.join(TARGETS)}: give --target"
        )
    flags = _cpu_flags()
    if flags >= _V3 | _V4:
        return "x86-64-v4"
    return "x86-64-v3" if flags >= _V3 else "x86-64"


def _cache_size(level: int, default: int) -> int:
    root = Path("/sys/devices/system/cpu/cpu0/cache")
    for i in range(8):
        entry = root / f"index{i}"
        try:
            if (
                int((entry / "level").read_text()) != level
                or (entry / "type").read_text().strip() == "Instruction"
            ):
                continue
            text = (entry / "size").read_text().strip()
        except (OSError, ValueError):
            continue
        scale = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}.get(text[-1], 1)
        return int(text.rstrip("KMG")) * scale
    return default


def resolve_target(name: str) -> Target:
    """The target `name`; `native` becomes the best one of this machine with its cache sizes."""
    if name == "native":
        base = TARGETS[native_name()]
        return replace(
            base, l1=_cache_size(1, base.l1), l2=_cache_size(2, base.l2), l3=_cache_size(3, base.l3)
        )
    if name not in TARGETS:
        raise OptionError(f"unknown target {name!r}; targets: native, {', '.join(TARGETS)}")
    return TARGETS[name]
