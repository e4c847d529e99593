"""Compiling with NETWRIGHT_CACHE: what comes from the cache is what a compilation gives, bit for bit."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import netwright as nw
import numpy as np
import pytest
from netwright.compiler.cache import Cache
from netwright.compiler.driver import compile_module
from netwright.compiler.ops.activation import Relu
from netwright.compiler.options import CompileOptions
from netwright.frontends import load
from netwright.frontends.build import build

from ..helpers import graph, n, tensor

ROOT = Path(nw.__file__).resolve().parent
DIGITS = ROOT / "samples" / "digits.pb"
SAVED_MODEL = ROOT / "tests" / "data" / "savedmodels" / "network"
TEXT = """module {
  func.func @main(%x: tensor<4x8xf32>) -> (tensor<4x8xf32>) {
    %y = graph.relu(%x) : tensor<4x8xf32>
    func.return(%y)
  }
}
"""


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a cache that is in use."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("NETWRIGHT_CACHE", str(folder))
    return folder


def _build(src: Path, output: Path, **options: Any) -> tuple[bytes, bool]:
    built = build(src, output, CompileOptions(**options), cache=Cache.from_environment())
    assert not built.notes and built.path == str(output) and built.manifest == nw.load(output).manifest
    return output.read_bytes(), built.from_cache


def _source(kind: str, folder: Path) -> Path:
    """A model in a folder of its own."""
    folder.mkdir()
    if kind == "folder":
        return Path(shutil.copytree(SAVED_MODEL, folder / "network"))
    if kind == "graph":
        return Path(shutil.copy(DIGITS, folder))
    (folder / "text.mlir").write_text(TEXT)
    return folder / "text.mlir"


@pytest.mark.parametrize("kind", ["graph", "folder", "text"])
def test_the_second_time_gives_the_same_bytes(kind: str, kept: Path, tmp_path: Path) -> None:
    """Also from another folder, and the same as without a cache."""
    a, b = _source(kind, tmp_path / "a"), _source(kind, tmp_path / "b")
    (tmp_path / "plain").mkdir()
    plain = build(a, tmp_path / "plain" / "m.so", CompileOptions())
    want = Path(plain.path).read_bytes()
    assert not plain.from_cache and not kept.exists()
    assert _build(a, tmp_path / "m.so") == (want, False)
    assert _build(b, tmp_path / "m.so") == (want, True)
    assert len(list((kept / "libraries").iterdir())) == 1


def test_changes_are_compiled(kept: Path, tmp_path: Path) -> None:
    src = _source("folder", tmp_path / "a")
    first, _ = _build(src, tmp_path / "m.so")
    for options in ({"batch": 2}, {"target": "x86-64"}):
        assert not _build(src, tmp_path / "m.so", **options)[1]
        assert _build(src, tmp_path / "m.so", **options)[1]
    assert not _build(src, tmp_path / "other.so")[1]  # the library says its own name
    renamed = src.rename(src.with_name("renamed"))  # and the model's
    assert not _build(renamed, tmp_path / "m.so")[1]
    renamed.rename(src)
    # Without its checksum the changed value would be refused: the last bytes belong to no tensor then.
    with (src / "variables" / "variables.data-00000-of-00001").open("ab") as file:
        file.write(b"\0")
    assert _build(src, tmp_path / "m.so") == (first, False)
    assert _build(src, tmp_path / "m.so") == (first, True)


def test_a_file_that_changes_while_it_is_read(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read may be the new contents: the library must not be found by the old ones."""
    src = _source("graph", tmp_path / "a")
    read = load.load_model

    def changing(*args: Any, **keywords: Any) -> Any:
        module = read(*args, **keywords)
        os.utime(src, (1, 1))
        return module

    with monkeypatch.context() as patch:
        patch.setattr(load, "load_model", changing)
        assert not _build(src, tmp_path / "m.so")[1]
    assert [_build(src, tmp_path / "m.so")[1] for _ in range(2)] == [False, True]
    assert len(list((kept / "keys").iterdir())) == 2  # by its module, then by its file


def test_modules_have_keys_too(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", 1 << 30)
    one, two = (
        compile_module(graph(lambda b, x: b(Relu, x), [tensor(n, 4)]), tmp_path / "m.so", cache=cache)
        for _ in range(2)
    )
    assert (one.from_cache, two.from_cache) == (False, True)
    assert one.manifest == two.manifest
    other = compile_module(graph(lambda b, x: b(Relu, x), [tensor(n, 5)]), tmp_path / "m.so", cache=cache)
    assert not other.from_cache


def test_headers_and_dumps(kept: Path, tmp_path: Path) -> None:
    """A header is written again; a dump needs the passes."""
    headers = [tmp_path / "a.h", tmp_path / "b.h"]
    found = [_build(SAVED_MODEL, tmp_path / "m.so", header=str(h))[1] for h in headers]
    assert found == [False, True]
    assert headers[0].read_text() == headers[1].read_text() and "NW_FUNCTION_MAIN" in headers[0].read_text()
    assert not _build(SAVED_MODEL, tmp_path / "m.so", dump_ir=str(tmp_path / "dumps"))[1]
    assert (tmp_path / "dumps" / "index.md").exists()


def test_models_without_a_file_share_the_kept_one(kept: Path) -> None:
    x = np.load(DIGITS.with_suffix(".npy"))
    first, second, third = (nw.compile(DIGITS) for _ in range(3))
    assert (
        not first.path.startswith(str(kept))
        and second.path.startswith(str(kept))
        and third.path == second.path
    )
    want = first(x)
    np.testing.assert_array_equal(second(x), want)
    # What is removed from the folder stays with those who have it.
    shutil.rmtree(kept)
    np.testing.assert_array_equal(third(x), want)


def test_trouble_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NETWRIGHT_CACHE", str(tmp_path / "file"))
    with pytest.warns(
        RuntimeWarning, match="NETWRIGHT_CACHE: cannot write to '.*file', the library is not kept"
    ):
        model = nw.compile(DIGITS, tmp_path / "m.so")
    assert model.outputs


TRAINING = """
import sys
import numpy as np
import netwright.compiler.codegen.objects as objects
from netwright import keras

compiled = []
emit = objects.emit_object
objects.emit_object = lambda *a: compiled.append(1) or emit(*a)
keras.utils.set_random_seed(3)
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, activation="relu"), keras.layers.Dense(1)])
model.compile("adam", "mse")
x = np.arange(24, dtype="float32").reshape(8, 3) / 24
losses = [float(model.train_on_batch(x, x[:, :1])) for _ in range(3)]
print(len(compiled), losses)
"""


def test_a_training_script_that_runs_again_compiles_nothing(tmp_path: Path) -> None:
    env = {k: v for k, v in os.environ.items() if k != "NETWRIGHT_CACHE"}
    env |= {"XDG_CACHE_HOME": str(tmp_path)}

    def run(**more: str) -> tuple[int, str]:
        command = [sys.executable, "-c", TRAINING]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=env | more)
        count, _, losses = done.stdout.partition(" ")
        return int(count), losses

    count, losses = run()
    assert count > 0
    assert run() == (0, losses)
    assert run(NETWRIGHT_CACHE="") == (count, losses)
    (kept,) = (tmp_path / "netwright" / "libraries").iterdir()
    kept.chmod(0o644)
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")
    assert run() == (count, losses), "a damaged one is not loaded"
