"""Repeated calls: frames that stand ready give the same results as calls that build everything anew."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.ops.activation import Relu
from netwright.compiler.ops.elementwise import Add
from netwright.compiler.ops.shape import Gather
from netwright.runtime.errors import DTypeError, ExecutionError, InputError, ShapeError
from netwright.runtime.frames import POINTER_OFFSET
from netwright.runtime.spec import i32

from ..helpers import build, graph, n, tensor

Array = np.ndarray[Any, Any]


def test_data_pointers_are_where_numpy_says() -> None:
    assert POINTER_OFFSET is not None


def test_repeated_calls_of_changing_sizes(tmp_path: Path) -> None:
    model = build(graph(lambda b, x, y: (b(Add, x, y), b(Relu, x)), [tensor(n, 3), tensor(n, 3)]), tmp_path)
    rng = np.random.default_rng(0)
    for rows in (1, 4, 1, 0, 4, 4, 1):
        x, y = (rng.normal(size=(rows, 3)).astype(np.float32) for _ in range(2))
        got = model(x, y)
        assert isinstance(got, dict)
        np.testing.assert_array_equal(got["y0"], x + y)
        np.testing.assert_array_equal(got["y1"], np.maximum(x, 0))


def test_results_of_repeated_calls_share_no_memory(tmp_path: Path) -> None:
    model = build(graph(lambda b, x: b(Relu, x), [tensor(n, 3)]), tmp_path)
    x = np.ones((2, 3), np.float32)
    results = [model(x * k) for k in range(5)]
    assert [r[0, 0] for r in results] == [0, 1, 2, 3, 4]


def test_arguments_that_do_not_fit_take_the_long_way(tmp_path: Path) -> None:
    model = build(graph(lambda b, x: b(Relu, x), [tensor(n, 3)]), tmp_path)
    x = np.arange(6, dtype=np.float32).reshape(2, 3) - 2
    want = np.maximum(x, 0)
    for given in (x, np.asfortranarray(x), x[::-1][::-1], x.tolist(), x.astype(">f4")):
        np.testing.assert_array_equal(model(given), want)
    with pytest.raises(DTypeError):
        model(x.astype(np.float64))
    read_only = x.copy()
    read_only.flags.writeable = False
    np.testing.assert_array_equal(model(read_only), want)


def test_results_written_into_given_arrays(tmp_path: Path) -> None:
    """By names, again and again, also of changing sizes: some results given, some not; no copies."""
    model = build(graph(lambda b, x, y: (b(Add, x, y), b(Relu, x)), [tensor(n, 3), tensor(n, 3)]), tmp_path)
    rng = np.random.default_rng(0)
    for rows in (2, 2, 5, 2, 5, 5):
        x, y, a = (rng.normal(size=(rows, 3)).astype(np.float32) for _ in range(3))
        inputs = {"x1": y, "x0": x}
        got = model.run(inputs, out={"y1": a})
        assert list(got) == ["y0", "y1"] and got["y1"] is a and got["y0"] is not a
        np.testing.assert_array_equal(got["y0"], x + y)
        np.testing.assert_array_equal(a, np.maximum(x, 0))
        (only,) = model.run(inputs, outputs=["y0:0"]).items()
        assert only[0] == "y0:0"
        np.testing.assert_array_equal(only[1], x + y)
        np.testing.assert_array_equal(model.run({"x0:0": x, "x1": y}, out={"y1:0": a})["y0"], x + y)


def test_arrays_for_results_that_do_not_fit(tmp_path: Path) -> None:
    """The same errors as the first time, and nothing is written."""
    model = build(graph(lambda b, x: b(Relu, x), [tensor(n, 3)]), tmp_path)
    x = np.ones((2, 3), np.float32)
    read_only = np.zeros((2, 3), np.float32)
    read_only.flags.writeable = False
    for _ in range(3):
        model.run({"x0": x}, out={"y0": np.empty((2, 3), np.float32)})
        for wrong, kind in (
            (np.zeros((3, 3), np.float32), ShapeError),
            (np.zeros((2, 3), np.float64), DTypeError),
            (np.zeros((3, 2), np.float32).T, InputError),
            (read_only, InputError),
            ([[0.0] * 3] * 2, InputError),
            (x, InputError),  # the input itself
        ):
            with pytest.raises(kind):
                model.run({"x0": x}, out={"y0": wrong})  # type: ignore[dict-item]
            assert wrong is x or not np.any(wrong)
        with pytest.raises(InputError, match="there is no output named 'z'"):
            model.run({"x0": x}, out={"z": x})
        with pytest.raises(InputError, match="there is no output named 'z'"):
            model.run({"x0": x}, outputs=["z"])
        with pytest.raises(InputError, match="there is no input named 'z'"):
            model.run({"z": x})


def test_errors_of_repeated_calls(tmp_path: Path) -> None:
    model = build(graph(lambda b, x, i: b(Gather, x, i), [tensor(5, 3), tensor(n, dtype=i32)]), tmp_path)
    x = np.ones((5, 3), np.float32)
    for _ in range(3):
        assert model(x, np.array([4, 0], np.int32)).shape == (2, 3)
        with pytest.raises(ExecutionError, match="index"):
            model(x, np.array([4, 5], np.int32))


def test_threads_have_frames_of_their_own(tmp_path: Path) -> None:
    model = build(graph(lambda b, x: b(Relu, x), [tensor(n, 64)]), tmp_path, threads=1)
    wrong: list[int] = []

    def work(k: int) -> None:
        x = np.full((9, 64), k, np.float32)
        mine = np.empty_like(x)
        for _ in range(500):
            wrong.extend(1 for y in (model(x), model.run({"x0": x})["y0"]) if not (y == k).all())
            mine[:] = -1
            model.run({"x0": x}, out={"y0": mine})
            wrong.extend([1] if not (mine == k).all() else [])

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
