"""The loaded model: names, wrong arguments, threads, memory outside of callers' buffers."""

import ctypes
import json
import mmap
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.codegen import rt_session
from netwright.compiler.driver import compile_module
from netwright.compiler.ops.activation import Relu
from netwright.compiler.ops.conv import Conv2D
from netwright.compiler.ops.elementwise import Add
from netwright.compiler.ops.matmul import MatMul
from netwright.compiler.ops.norm import Softmax
from netwright.compiler.ops.pool import MaxPool2D
from netwright.compiler.ops.reduce import ReduceMean
from netwright.runtime import Model, library, load
from netwright.runtime.abi import Tensor
from netwright.runtime.errors import ArtifactError, DTypeError, InputError, ShapeError

from ..helpers import build, constant, graph, n, tensor


def _network(b: Any, x: Any) -> Any:
    rng = np.random.default_rng(1)
    w = constant(b, rng.normal(size=(3, 3, 3, 20)).astype(np.float32))
    y = b(Relu, b(Add, b(Conv2D, x, w, padding="SAME"), constant(b, np.ones(20, np.float32))))
    y = b(ReduceMean, b(MaxPool2D, y, kernel=(2, 2), strides=(2, 2)), axes=(1, 2))
    return b(Softmax, b(MatMul, y, constant(b, rng.normal(size=(20, 7)).astype(np.float32))))


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return build(graph(_network, [tensor(n, 9, 11, 3)]), tmp_path, threads=1)


def _image(count: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=(count, 9, 11, 3)).astype(np.float32)


def test_names(model: Model) -> None:
    assert [str(s) for s in model.inputs] == ["x0: float32[?, 9, 11, 3]"]
    assert model.outputs[0].shape == (None, 7)
    x = _image(2)
    want = model(x)
    np.testing.assert_array_equal(model.run({"x0": x})["y0"], want)
    np.testing.assert_array_equal(model.run({"x0:0": x}, outputs=["y0:0"])["y0:0"], want)
    out = np.empty((2, 7), np.float32)
    assert model.run({"x0": x}, out={"y0": out})["y0"] is out
    np.testing.assert_array_equal(out, want)
    np.testing.assert_array_equal(model(x[::-1]), want[::-1])
    np.testing.assert_array_equal(model(x.tolist()), want)


def test_wrong_arguments(model: Model) -> None:
    x = _image(2)
    cases: list[tuple[Any, type[Exception], str]] = [
        (lambda: model.run({"z": x}), InputError, "there is no input named 'z'; inputs: 'x0'"),
        (lambda: model.run({}), InputError, "inputs without a value: 'x0'"),
        (lambda: model.run({"x0": x}, outputs=["q"]), InputError, "there is no output named 'q'"),
        (lambda: model(), InputError, "main takes 1 inputs (x0), received 0"),
        (lambda: model(x.astype(np.float64)), DTypeError, "input 'x0': expected float32, received float64"),
        (lambda: model(x[0]), ShapeError, "input 'x0': expected shape [?, 9, 11, 3], received [9, 11, 3]"),
        (lambda: model(x[:, :8]), ShapeError, "input 'x0': expected shape [?, 9, 11, 3], received [2, 8, 11, 3]"),
        (
            lambda: model.run({"x0": x}, out={"y0": np.empty((7, 2), np.float32).T}),
            InputError, "output 'y0': expected a writable C-contiguous array",
        ),
        (
            lambda: model.run({"x0": x}, out={"y0": np.empty((3, 7), np.float32)}),
            ShapeError, "output 'y0': expected shape [2, 7], received [3, 7]",
        ),
        (
            lambda: model.run({"x0": x}, out={"y0": np.empty((2, 7), np.float64)}),
            DTypeError, "output 'y0': expected float32, received float64",
        ),
    ]  # fmt: skip
    for call, kind, text in cases:
        with pytest.raises(kind) as e:
            call()
        assert text in str(e.value)


def test_overlapping_buffers(model: Model) -> None:
    memory = np.zeros(9 * 11 * 3 + 4, np.float32)
    x, y = memory[: 9 * 11 * 3].reshape(1, 9, 11, 3), memory[-7:].reshape(1, 7)
    with pytest.raises(InputError, match="output 'y0' shares memory with input 0"):
        model.run({"x0": x}, out={"y0": y})


def _raw(array: Any, dtype: int = 1) -> Any:
    dims = (ctypes.c_int64 * array.ndim)(*array.shape)
    t = Tensor(array.ctypes.data, array.ndim, dims, dtype)
    t.keep = dims
    return t


def test_null_pointers_and_counts(model: Model) -> None:
    """What a C program can do wrong gives a status and a sentence."""
    dll, session = model._engine.library.dll, model._engine.idle[0]
    x, y = _image(1), np.empty((1, 7), np.float32)
    err = ctypes.create_string_buffer(256)

    def run(*args: Any) -> tuple[int, str]:
        return dll.nw_run(*args, err, 256), err.value.decode()

    i, o = _raw(x), _raw(y)
    assert run(None, None, 0, i, 1, o, 1) == (3, "nw_run needs a session")
    assert run(session, None, 3, i, 1, o, 1) == (4, "there is no function 3: this library has 1")
    assert run(session, None, 0, i, 2, o, 1) == (4, "function 'main' takes 1 inputs, received 2")
    assert run(session, None, 0, i, 1, o, 0) == (4, "function 'main' gives 1 outputs, received 0")
    assert run(session, None, 0, None, 1, o, 1) == (3, "the inputs are a null pointer")
    empty = _raw(x)
    empty.data = None
    assert run(session, None, 0, empty, 1, o, 1) == (3, "input 'x0': data is a null pointer")
    i.dtype = 99
    assert run(session, None, 0, i, 1, o, 1)[1] == "input 'x0': expected float32, received no data type"
    busy = ctypes.c_int32.from_address(session)
    busy.value = 1
    assert run(session, None, 0, _raw(x), 1, o, 1)[0] == 8
    busy.value = 0
    assert dll.nw_run(session, None, 0, _raw(x), 1, o, 1, None, 0) == 0
    assert dll.nw_run(session, None, 3, _raw(x), 1, o, 1, err, 8) == 4
    assert err.value == b"there i"


def test_threads_share_models(tmp_path: Path) -> None:
    """Two Python threads on one model and on two give the bits of one, with and without contention."""
    one = build(graph(_network, [tensor(n, 9, 11, 3)]), tmp_path, threads=1)
    models = [load(one.path, threads=2), load(one.path, threads=2)]
    images = [_image(5, seed) for seed in range(4)]
    want = [one(x) for x in images]
    wrong: list[int] = []

    def work(m: Model, start: int) -> None:
        for i in range(200):
            k = (start + i) % len(images)
            if m(images[k]).tobytes() != want[k].tobytes():
                wrong.append(k)

    for pair in ((models[0], models[0]), tuple(models), (models[0], models[0], one, models[1])):
        threads = [threading.Thread(target=work, args=(m, i)) for i, m in enumerate(pair)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    assert not wrong


def test_fork(tmp_path: Path) -> None:
    """A child has none of its parent's threads: the pool starts anew."""
    m = load(build(graph(_network, [tensor(n, 9, 11, 3)]), tmp_path, threads=2).path, threads=2)
    x = _image(64)
    want = m(x)
    code = (
        "import sys, os, numpy as np\n"
        "from netwright.runtime import load\n"
        "m = load(sys.argv[1], threads=2); x = np.load(sys.argv[2]); y = m(x)\n"
        "pid = os.fork()\n"
        "ok = all((m(x) == y).all() for _ in range(50))\n"
        "if pid == 0: os._exit(0 if ok else 1)\n"
        "sys.exit(0 if ok and os.waitpid(pid, 0)[1] == 0 else 1)\n"
    )
    np.save(tmp_path / "x.npy", x)
    subprocess.run([sys.executable, "-c", code, m.path, tmp_path / "x.npy"], check=True, env=_environment())
    np.testing.assert_array_equal(m(x), want)


def _environment() -> dict[str, str]:
    import netwright

    view = Path(netwright.__file__).parent / ".view"
    return {**os.environ, "PYTHONPATH": str(view)}


def test_runtime_needs_numpy_alone(model: Model, tmp_path: Path) -> None:
    """The loader works where the compiler's libraries cannot be imported."""
    code = (
        "import sys\n"
        "class Block:\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name.split('.')[0] in ('llvmlite', 'google', 'networkx', 'h5py', 'rich'):\n"
        "            raise ImportError(name + ' is blocked')\n"
        "sys.meta_path.insert(0, Block())\n"
        "import numpy as np, netwright as nw\n"
        "m = nw.load(sys.argv[1])\n"
        "y = m(np.ones((2, 9, 11, 3), np.float32))\n"
        "assert y.shape == (2, 7)\n"
        "bad = [m for m in sys.modules if m.startswith(('netwright.compiler', 'netwright.frontends', 'llvmlite'))]\n"
        "assert not bad, bad\n"
    )
    subprocess.run([sys.executable, "-c", code, model.path], check=True, env=_environment())


def _guarded(array: Any, at_end: bool) -> Any:
    """A copy of an array that touches an inaccessible page with its last, or its first, byte."""
    page = mmap.PAGESIZE
    size = -(-array.nbytes // page) * page
    area = mmap.mmap(-1, size + 2 * page)
    libc = ctypes.CDLL(None, use_errno=True)
    base = ctypes.addressof(ctypes.c_char.from_buffer(area))
    for guard in (base, base + page + size):
        assert libc.mprotect(ctypes.c_void_p(guard), page, 0) == 0
    offset = page + (size - array.nbytes if at_end else 0)
    out = np.frombuffer(area, array.dtype, array.size, offset).reshape(array.shape)
    out[...] = array
    return out


@pytest.mark.parametrize("at_end", [True, False])
@pytest.mark.parametrize("target", ["native", "x86-64-v3", "x86-64"])
@pytest.mark.parametrize(("height", "width", "channels"), [(9, 11, 3), (7, 5, 1), (3, 17, 13)])
def test_no_access_outside_of_callers_buffers(
    tmp_path: Path, at_end: bool, target: str, height: int, width: int, channels: int
) -> None:
    """Inputs and outputs end, or begin, at pages that must not be touched."""

    def net(b: Any, x: Any, r: Any) -> Any:
        w = constant(b, np.ones((3, 3, channels, 5), np.float32))
        y = b(Conv2D, x, w)
        z = b(Relu, b(Add, b(Conv2D, x, constant(b, np.ones((1, 1, channels, 35), np.float32))), r))
        return y, z, b(MaxPool2D, x, kernel=(3, 3), strides=(2, 2), padding="SAME"), b(Softmax, x), b(Relu, r)

    shapes = [tensor(n, height, width, channels), tensor(n, height, width, 35)]
    m = build(graph(net, shapes), tmp_path, threads=1, target=target)
    rng = np.random.default_rng(0)
    for count in (1, 3):
        x = rng.normal(size=(count, height, width, channels)).astype(np.float32)
        r = rng.normal(size=(count, height, width, 35)).astype(np.float32)
        want = m.run({"x0": x, "x1": r})
        places = {k: _guarded(np.zeros_like(v), at_end) for k, v in want.items()}
        m.run({"x0": _guarded(x, at_end), "x1": _guarded(r, at_end)}, out=places)
        for k, v in want.items():
            np.testing.assert_array_equal(places[k], v)


def test_same_input_same_bytes(tmp_path: Path) -> None:
    written: list[bytes] = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "model.so"
        compile_module(graph(_network, [tensor(n, 9, 11, 3)]), path)
        written.append(path.read_bytes())
    assert written[0] == written[1]


def test_manifest(model: Model) -> None:
    m = json.loads(json.dumps(model.manifest))
    assert m["functions"][0]["inputs"] == [{"name": "x0", "dtype": "float32", "shape": ["n", 9, 11, 3]}]
    assert m["functions"][0]["arena"].endswith("*n")
    assert m["target"]["name"] in ("x86-64-v4", "x86-64-v3", "x86-64")


def test_what_is_no_library(tmp_path: Path) -> None:
    path = tmp_path / "x.so"
    path.write_bytes(b"hello")
    with pytest.raises(ArtifactError, match=r"x\.so"):
        load(path)
    with pytest.raises(ArtifactError, match="missing"):
        load(tmp_path / "missing.so")


def test_a_lesser_processor_gets_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Played by a library that wants a feature that no processor has."""
    monkeypatch.setitem(rt_session._FEATURES, "x86-64", (("1c", 1 << 16),))
    with pytest.raises(ArtifactError) as e:
        build(graph(_network, [tensor(n, 9, 11, 3)]), tmp_path, target="x86-64")
    assert re.fullmatch(
        r"'.*\.so': this library was compiled for x86-64, which this CPU is not; "
        "compile it with a lesser --target", str(e.value)
    )  # fmt: skip


@pytest.mark.parametrize("triple", ["aarch64-unknown-linux-gnu", "x86_64-apple-darwin"])
def test_another_machine_gets_a_sentence(model: Model, monkeypatch: pytest.MonkeyPatch, triple: str) -> None:
    manifest = {**model.manifest, "target": {**model.manifest["target"], "triple": triple}}
    monkeypatch.setattr(library, "manifest_of", lambda _: manifest)
    with pytest.raises(
        ArtifactError, match=f"was compiled for {triple}, but this machine is x86_64 with linux"
    ):
        load(model.path)


def test_threads_must_be_positive(model: Model) -> None:
    with pytest.raises(InputError, match="expected at least 1 thread, received 0"):
        load(model.path, threads=0)
