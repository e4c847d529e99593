"""What a call of a library does, from its manifest: operations and bytes of each kernel's call, for given sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...compiler.ir.dims import Dim, parse_dim, substitute, symbols_of
from ...runtime import Model
from ...runtime.errors import ExecutionError
from ...runtime.profile import Recorder, RunRecord
from .arrays import Array
from .calls import calls_of

_FACTS = ("kernel", "family", "algorithm", "layer", "flops", "bytes")
#: a run that calls more kernels than this is not recorded
_MOST_CALLS = 1 << 24


@dataclass(frozen=True)
class CallRow:
    """A row of the manifest's `calls`: what one call of it does; None where data decides how much."""

    number: int
    kernel: str
    family: str
    algorithm: str
    layer: str
    flops: int | None
    bytes: int | None


@dataclass(frozen=True)
class Work:
    """All calls a library may make, and bytes of its weights and intermediate results."""

    rows: list[CallRow]
    working_set: int

    def totals(self, run: RunRecord) -> tuple[int | None, int | None]:
        """Operations and bytes of a run, by the calls it made; None where one of them is not known."""
        made = [(times, self.rows[call]) for call, (times, _) in run.totals().items()]
        flops = [None if r.flops is None else n * r.flops for n, r in made]
        moved = [None if r.bytes is None else n * r.bytes for n, r in made]
        return _sum(flops), _sum(moved)


def work_of(model: Model, arrays: Sequence[Array]) -> Work:
    """The work of the first function on inputs of these sizes."""
    manifest = model.manifest
    calls = calls_of(model.path, manifest, _FACTS)
    function = manifest["functions"][0]
    sizes = _sizes(function["inputs"], arrays)
    rows = [
        CallRow(
            i, c["kernel"], c["family"], c["algorithm"], c["layer"],
            _value(c["flops"], sizes), _value(c["bytes"], sizes),
        )
        for i, c in enumerate(calls)
    ]  # fmt: skip
    return Work(rows, manifest["weights_bytes"] + (_value(str(function["arena"]), sizes) or 0))


def _sizes(rows: Sequence[Mapping[str, Any]], arrays: Sequence[Array]) -> dict[str, Dim]:
    """The symbols that are sizes of inputs."""
    out: dict[str, Dim] = {}
    for row, array in zip(rows, arrays, strict=True):
        for d, size in zip(row["shape"], array.shape, strict=True):
            if isinstance(d, str) and symbols_of(parse_dim(d)) == {d}:
                out[d] = size
    return out


def _value(text: str, sizes: Mapping[str, Dim]) -> int | None:
    found = substitute(parse_dim(text), sizes)
    return found if isinstance(found, int) else None


def _sum(values: Sequence[int | None]) -> int | None:
    known = [v for v in values if v is not None]
    return sum(known) if len(known) == len(values) else None


def open_recorder(model: Model, args: Sequence[Array]) -> Recorder:
    """A recorder whose log is large enough for a run on these inputs; it has made one."""
    capacity = 1 << 16
    while True:
        recorder = Recorder(model, capacity)
        try:
            recorder(*args)
            recorder.record  # noqa: B018 - reading it tells whether the log was large enough
            return recorder
        except BaseException as e:
            recorder.close()
            full = isinstance(e, ExecutionError) and e.status == "LIMIT" and capacity < _MOST_CALLS
            if not full or "log is full" not in str(e):
                raise
            capacity *= 4
