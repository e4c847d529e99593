"""When each call of a kernel ended: the log of a session, as records.

A library notes these times for whoever attaches a log to a session (`nw_log`); with none attached it costs nothing
worth measuring. What a call is, its layer, kernel, operations and bytes, stands in the manifest's list `calls`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np

from .abi import LOG_CAPACITY, LOG_COUNT, LOG_ENTRIES
from .buffers import Array
from .errors import ExecutionError, InputError
from .session import Function, Model

#: the log's words: 8 bytes each, two for an entry
_COUNT, _CAPACITY, _HEAD = LOG_COUNT // 8, LOG_CAPACITY // 8, LOG_ENTRIES // 8
#: calls that fit where no capacity is given: 1 MiB
_CAPACITY_DEFAULT = 1 << 16
#: the number under which a function notes its beginning
_BEGIN = -1


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call of a kernel: `call` counts the manifest's `calls`; times are nanoseconds of CLOCK_MONOTONIC.

    A call begins where the one before it ended, so that the little between two kernels counts to the second.
    """

    call: int
    start: int
    end: int

    @property
    def ns(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run of a function: when it began, and the calls of its kernels in order; a loop's body has several."""

    start: int
    calls: tuple[CallRecord, ...]

    @property
    def end(self) -> int:
        return self.calls[-1].end if self.calls else self.start

    @property
    def ns(self) -> int:
        """From the beginning to the end of the last kernel; checks of arguments are outside."""
        return self.end - self.start

    def totals(self) -> dict[int, tuple[int, int]]:
        """For each call number: how often it ran, and nanoseconds of all these together."""
        out: dict[int, tuple[int, int]] = {}
        for c in self.calls:
            times, ns = out.get(c.call, (0, 0))
            out[c.call] = (times + 1, ns + c.ns)
        return out


class Recorder:
    """Runs a function with a log attached: called like it, and `record` tells of the last run.

        with Recorder(model) as recorder:
            y = recorder(x)
            for call in recorder.record.calls: ...

    It has a session of its own, which other threads' calls do not take; itself it serves one thread.
    """

    def __init__(self, function: Function | Model, capacity: int = _CAPACITY_DEFAULT) -> None:
        if capacity < 1:
            raise InputError(f"expected a capacity of at least 1 call, received {capacity}")
        if isinstance(function, Model):
            function = next(iter(function.functions.values()))
        self.capacity = capacity
        self._function, self._engine = function.apart()
        # One entry more for the beginning, and one that stays empty unless there are too many.
        self._log = np.zeros(_HEAD + 2 * (capacity + 2), np.int64)
        self._log[_CAPACITY] = capacity + 2
        self._session: int | None = self._engine.idle[0]
        self._engine.library.dll.nw_log(self._session, self._log.ctypes.data)

    def __call__(self, *args: Any) -> Array | dict[str, Array]:
        """Results for inputs in order, as of the function itself."""
        self._begin()
        return self._function(*args)

    def run(self, inputs: Mapping[str, Any], outputs: Sequence[str] | None = None) -> dict[str, Array]:
        """Results by name, as of the function itself."""
        self._begin()
        return self._function.run(inputs, outputs)

    def _begin(self) -> None:
        if self._session is None:
            raise InputError("expected an open Recorder, received one that is closed: make a new one")
        self._log[_COUNT] = 0

    @property
    def record(self) -> RunRecord:
        """What the last run did. ExecutionError LIMIT when it called more kernels than the log holds."""
        count = int(self._log[_COUNT])
        if count > self.capacity + 1:
            raise ExecutionError(
                f"expected at most {self.capacity} calls of kernels in a run of {self._function.name!r}, "
                "received more: the log is full; give the Recorder a larger capacity",
                "LIMIT",
            )
        if count == 0:
            raise InputError(f"expected a run of {self._function.name!r} before its record is read")
        return _record(self._log[_HEAD : _HEAD + 2 * count].tolist())

    def close(self) -> None:
        """Detaches the log and gives the session back."""
        if self._session is not None:
            self._engine.library.dll.nw_log(self._session, None)
            self._engine.rejoin()
            self._session = None

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def profile(
    function: Function | Model, inputs: Sequence[Any], runs: int = 1, capacity: int = _CAPACITY_DEFAULT
) -> list[RunRecord]:
    """The records of `runs` runs on the same inputs, in order; a run before them is not counted, it warms."""
    if runs < 1:
        raise InputError(f"expected at least 1 run, received {runs}")
    with Recorder(function, capacity) as recorder:
        return list(_runs(recorder, inputs, runs))


def _runs(recorder: Recorder, inputs: Sequence[Any], runs: int) -> Iterator[RunRecord]:
    recorder(*inputs)
    for _ in range(runs):
        recorder(*inputs)
        yield recorder.record


def _record(words: list[int]) -> RunRecord:
    start = words[1]
    calls: list[CallRecord] = []
    last = start
    for call, time in zip(words[::2], words[1::2], strict=True):
        if call != _BEGIN:
            calls.append(CallRecord(call, last, time))
        last = time
    return RunRecord(start, tuple(calls))
