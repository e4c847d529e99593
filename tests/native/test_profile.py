"""The log of a session, and the records that `runtime/profile.py` makes of it."""

import gc
import itertools
from pathlib import Path

import netwright as nw
import numpy as np
import pytest
from netwright.runtime import Model, load
from netwright.runtime.errors import ExecutionError, InputError, ShapeError
from netwright.runtime.profile import CallRecord, Recorder, RunRecord, profile

from ..helpers import build
from .test_control import WHILE

X = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


@pytest.fixture
def loop(tmp_path: Path) -> Model:
    return build(WHILE, tmp_path, threads=1)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("profile") / "digits.so"
    nw.compile(Path(nw.__file__).resolve().parent / "samples" / "digits.pb", path)
    return path


@pytest.mark.parametrize("threads", [1, 2])
def test_every_call_once_in_order(digits: Path, threads: int) -> None:
    model = load(digits, threads=threads)
    runs = profile(model, [np.ones((2, 8, 8, 1), np.float32)], runs=3)
    assert len(runs) == 3
    for a, b in itertools.pairwise(runs):
        assert a.start <= a.end <= b.start
    for r in runs:
        assert [c.call for c in r.calls] == list(range(len(model.manifest["calls"])))
        ends = [r.start, *(c.end for c in r.calls)]
        assert [c.start for c in r.calls] == ends[:-1] and ends == sorted(ends)
        assert sum(c.ns for c in r.calls) == r.ns == r.end - r.start


@pytest.mark.parametrize("rounds", [0, 1, 7])
def test_the_body_of_a_loop_is_called_several_times(loop: Model, rounds: int) -> None:
    (r,) = profile(loop.functions["main"], [X, np.array(rounds, np.int32)])
    times = {call: n for call, (n, _) in r.totals().items()}
    assert rounds in times.values() or rounds == 0
    assert sum(times.values()) == len(r.calls)
    assert sum(ns for _, ns in r.totals().values()) == r.ns


def test_totals_add_up_what_is_called_twice() -> None:
    r = RunRecord(5, (CallRecord(0, 5, 7), CallRecord(1, 7, 10), CallRecord(0, 10, 20)))
    assert r.totals() == {0: (2, 12), 1: (1, 3)} and (r.end, r.ns) == (20, 15)
    assert (RunRecord(5, ()).end, RunRecord(5, ()).ns, RunRecord(5, ()).totals()) == (5, 0, {})


def test_a_full_log_is_an_error(loop: Model) -> None:
    needed = len(profile(loop, [X, np.array(7, np.int32)])[0].calls)
    args = (X, np.array(7, np.int32))
    with Recorder(loop, capacity=needed) as recorder:
        recorder(*args)
        assert len(recorder.record.calls) == needed
    with Recorder(loop, capacity=needed - 1) as recorder:
        recorder(*args)
        with pytest.raises(
            ExecutionError, match=f"expected at most {needed - 1} calls .* in a run of 'main'"
        ) as e:
            recorder.record  # noqa: B018
        assert e.value.status == "LIMIT" and "larger capacity" in str(e.value)
        recorder(X, np.array(0, np.int32))
        assert len(recorder.record.calls) < needed


def test_results_are_those_of_the_function(loop: Model) -> None:
    args = (X, np.array(2, np.int32))
    want = loop(*args)
    assert isinstance(want, dict)
    with Recorder(loop) as recorder:
        named = recorder.run({s.name: a for s, a in zip(loop.inputs, args, strict=True)})
        assert recorder.record.calls
        some = recorder.run(
            {s.name: a for s, a in zip(loop.inputs, args, strict=True)}, [loop.outputs[1].name]
        )
    assert named.keys() == want.keys() and list(some) == [loop.outputs[1].name]
    for n, a in want.items():
        np.testing.assert_array_equal(named[n], a)


def test_calls_of_the_model_itself_are_not_recorded(loop: Model) -> None:
    with Recorder(loop) as recorder:
        recorder(X, np.array(1, np.int32))
        before = recorder.record
        loop(X, np.array(3, np.int32))
        assert recorder.record == before
    loop(X, np.array(3, np.int32))


def test_it_keeps_the_model_alive(digits: Path) -> None:
    with Recorder(load(digits)) as recorder:
        gc.collect()
        recorder(np.ones((1, 8, 8, 1), np.float32))
        assert recorder.record.calls


def test_wrong_uses(digits: Path) -> None:
    model = load(digits)
    with pytest.raises(InputError, match="expected a capacity of at least 1 call, received 0"):
        Recorder(model, 0)
    with pytest.raises(InputError, match="expected at least 1 run, received 0"):
        profile(model, [], 0)
    recorder = Recorder(model)
    with pytest.raises(InputError, match="expected a run of 'main' before its record is read"):
        recorder.record  # noqa: B018
    recorder(np.ones((1, 8, 8, 1), np.float32))
    with pytest.raises(ShapeError):
        recorder(np.ones((1, 7, 8, 1), np.float32))
    with pytest.raises(InputError, match="expected a run"):
        recorder.record  # noqa: B018
    recorder.close()
    recorder.close()
    with pytest.raises(InputError, match="expected an open Recorder, received one that is closed"):
        recorder(np.ones((1, 8, 8, 1), np.float32))
