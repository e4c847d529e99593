"""States in safetensors files: written and read by the library, by Python, and by the format's own library."""

import importlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.driver import compile_module
from netwright.compiler.ir.attributes import Dense, SymbolRef
from netwright.compiler.ir.core import Builder
from netwright.compiler.ir.types import TensorType
from netwright.compiler.ops.builtin import finish_function, new_function, new_module
from netwright.compiler.ops.elementwise import Add
from netwright.compiler.ops.variable import AssignVariable, ReadVariable, Variable
from netwright.runtime import Model, load
from netwright.runtime.checkpoint import header, read_arrays, write_arrays
from netwright.runtime.errors import FormatError, InputError
from netwright.runtime.library import Library
from netwright.runtime.spec import TensorSpec, dtype_of, f32

KIND = TensorType((2, 3), f32)
ONES = np.ones((2, 3), np.float32)
VALUES: dict[str, Any] = {
    "layer/kernel": np.arange(6, dtype=np.float32).reshape(2, 3),
    "count": np.array(3, np.int64),
    "flags": np.array([True, False, True]),
    "none": np.zeros((0, 4), np.float64),
}


def _compile(path: Path, external: bool = False) -> Path:
    module = new_module()
    for name, value in VALUES.items():
        module.body.insert(Variable(sym_name=name, value=Dense(value, name), external=external))
    func, block = new_function(module, "add", [("x", KIND)])
    b = Builder(block)
    ref = SymbolRef("layer/kernel")
    total = b(Add, b(ReadVariable, variable=ref, type=KIND), block.args[0])
    b.create(AssignVariable, total, variable=ref)
    finish_function(func, [("y", total)])
    compile_module(module, path)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(_compile(tmp_path_factory.mktemp("state") / "model.so"))


def test_save_and_restore(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    before = {n: model.get_variable(n) for n in VALUES}
    model.save_state(path)
    model(ONES)
    assert not np.array_equal(model.get_variable("layer/kernel"), before["layer/kernel"])
    model.restore_state(path)
    for name, value in before.items():
        assert np.array_equal(model.get_variable(name), value) and value.dtype == VALUES[name].dtype
    assert [p.name for p in tmp_path.iterdir()] == ["state.safetensors"]


def test_python_and_the_library_write_the_same_bytes(model: Model, tmp_path: Path) -> None:
    model.save_state(tmp_path / "a")
    write_arrays(tmp_path / "b", read_arrays(tmp_path / "a"))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_formats_own_library_reads_it(model: Model, tmp_path: Path) -> None:
    if os.environ.get("NETWRIGHT_REQUIRE_ORACLE") != "1":
        pytest.importorskip("safetensors")
    safetensors = importlib.import_module("safetensors.numpy")
    model.save_state(tmp_path / "a")
    found = safetensors.load_file(tmp_path / "a")
    for name in VALUES:
        assert np.array_equal(found[name], model.get_variable(name)), name
    safetensors.save_file(found, tmp_path / "b")
    for name, value in read_arrays(tmp_path / "b").items():
        assert np.array_equal(value, found[name]), name


def test_other_files_are_refused(model: Model, tmp_path: Path) -> None:
    path, before = tmp_path / "state", model.get_variable("layer/kernel")
    model.save_state(path)
    whole = path.read_bytes()
    for damaged in (b"", whole[:7], whole[:-1], whole + b"x", whole.replace(b"flags", b"flagt")):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="is no state of this library, or damaged"):
            model.restore_state(path)
    with pytest.raises(InputError, match="cannot read the state file"):
        model.restore_state(tmp_path / "missing")
    with pytest.raises(InputError, match="cannot write the state file"):
        model.save_state(tmp_path / "missing" / "state")
    assert np.array_equal(model.get_variable("layer/kernel"), before)


def _file(text: bytes, data: bytes = b"") -> bytes:
    return len(text).to_bytes(8, "little") + text + data


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 7,
        (1 << 60).to_bytes(8, "little"),
        _file(b"[1]"),
        _file(b"{"),
        _file(b"[" * 100_000),
        _file(b'{"a": 1}'),
        _file(b'{"a": {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]}}', b"1234"),
        _file(b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}', b"1234"),
        _file(b'{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}', b"1234"),
        _file(b'{"a": {"dtype": "F32", "shape": [true], "data_offsets": [0, 4]}}', b"1234"),
        _file(b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}', b"1234"),
        _file(b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0]}}', b"1234"),
        _file(b'{"a": {"dtype": "F32", "shape": [281474976710656], "data_offsets": [0, 4]}}', b"1234"),
    ],
)
def test_damaged_files_are_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(FormatError):
        read_arrays(tmp_path / "a")


def test_header_is_aligned() -> None:
    for n in range(1, 9):
        assert len(header([TensorSpec("x" * n, (2,), dtype_of("float32"))])) % 8 == 0


def test_state_over_the_callers_memory(tmp_path: Path) -> None:
    library = Library(_compile(tmp_path / "model.so", external=True))
    blocks = [np.zeros(256, np.uint8) for _ in VALUES]
    places = [b.ctypes.data + -b.ctypes.data % 64 for b in blocks]
    start = places[0] - blocks[0].ctypes.data
    own = blocks[0][start : start + 24].view(np.float32).reshape(2, 3)
    own[:] = 5
    states = [library.attach_state(places) for _ in range(2)]
    model = Model(library)
    engine = model._engine
    kept, engine.state = engine.state, states[0]
    try:
        model(ONES)
        assert (own == 6).all()
        engine.state = states[1]
        assert (model.get_variable("layer/kernel") == 6).all()
        with pytest.raises(Exception, match="4 variables, nw_state_attach was given 1"):
            library.attach_state(places[:1])
    finally:
        engine.state = kept
        for s in states:
            library.dll.nw_state_destroy(s)
