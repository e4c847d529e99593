"""A session's own tables: blocks for sizes known late, results that the caller fetches after the call."""

from __future__ import annotations

from dataclasses import dataclass

from ..kernels.dialect_session import RESULT_BYTES, STAGE_BYTES
from .native import Function, V, i32, i64

#: where the tables begin in a session
OWN = 64


@dataclass(frozen=True)
class Own:
    """How many rows the tables have: blocks by stage, then results by the number of the output."""

    stages: int
    results: int

    @property
    def session_size(self) -> int:
        return OWN + -(-(self.stages * STAGE_BYTES + self.results * RESULT_BYTES) // 64) * 64

    def tables(self, f: Function, session: V) -> V:
        return f.at(session, i64(OWN))

    def result(self, f: Function, session: V, output: V) -> V:
        return f.item(f.at(session, i64(OWN + self.stages * STAGE_BYTES)), RESULT_BYTES, output)

    def free(self, f: Function, session: V) -> None:
        for k in range(self.stages):
            f.call("free", f.load("ptr", session, OWN + k * STAGE_BYTES))

    def clear_results(self, f: Function, session: V) -> None:
        if self.results:
            f.call("memset", self.result(f, session, i32(0)), i32(0), i64(self.results * RESULT_BYTES))
