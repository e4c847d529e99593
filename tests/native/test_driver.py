"""The driver: reproducers of failing passes, the same bytes from any process, threads by default."""

import ctypes
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import netwright
import numpy as np
import pytest
from netwright.compiler.driver import compile_module, run_passes
from netwright.compiler.explain.dump import read_dump
from netwright.compiler.ir.core import Op
from netwright.compiler.ir.location import Location
from netwright.compiler.ir.passes import PASSES, Pass, PassContext
from netwright.compiler.ir.printer import print_op
from netwright.compiler.ops.activation import Relu
from netwright.compiler.ops.conv import Conv2D
from netwright.compiler.ops.elementwise import Add
from netwright.compiler.options import CompileOptions
from netwright.compiler.target import resolve_target
from netwright.runtime import load
from netwright.runtime.errors import OptionError, PassError, UnsupportedError

from ..helpers import build, constant, graph, n, tensor

SAMPLE = Path(netwright.__file__).resolve().parent / "samples" / "digits.pb"


def _net(b: Any, x: Any) -> Any:
    w = np.random.default_rng(0).normal(size=(3, 3, 4, 20)).astype(np.float32)
    return b(Relu, b(Add, b(Conv2D, x, constant(b, w, "conv/w")), constant(b, np.ones(20, np.float32))))


@pytest.fixture
def failing() -> Any:
    @dataclass(frozen=True)
    class Failing(Pass):
        """Fails."""

        name = "failing"

        def run(self, module: Op, context: PassContext) -> None:
            raise ValueError("on purpose")

    yield Failing
    del PASSES["failing"]


def test_a_failing_pass_leaves_a_reproducer(failing: Any) -> None:
    """The file holds the module as the pass saw it, constants included, and the command to run."""
    module = graph(_net, [tensor(n, 9, 9, 4)])
    options = CompileOptions(pipeline="graph(fold-constants,fuse-conv-bias-relu,failing)")
    with pytest.raises(PassError, match="pass 'failing' failed: on purpose; the module before it is in") as e:
        run_passes(module, options, resolve_target("native"))
    assert e.value.reproducer is not None
    text = Path(e.value.reproducer).read_text()
    assert text.startswith("// netwright opt --target ") and "--pass 'failing' reproducer.mlir\n" in text
    again = read_dump(e.value.reproducer)
    assert "graph.fused_conv2d" in print_op(again)
    with pytest.raises(PassError, match="on purpose"):
        run_passes(again, CompileOptions(pipeline="failing"), resolve_target("native"))


def test_the_same_bytes_from_any_process(tmp_path: Path) -> None:
    """Nothing depends on the order of hashes, or on where the file lies."""
    root = SAMPLE.parents[1]
    written = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        code = "import sys, netwright as nw; nw.compile(sys.argv[1], sys.argv[2], dump_ir=sys.argv[3])"
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root / ".view")}
        command = [sys.executable, "-c", code, SAMPLE, folder / "model.so", folder / "dump"]
        subprocess.run(command, check=True, env=env)
        files = [folder / "model.so", *sorted((folder / "dump").glob("*.*"))]
        written.append({f.name: f.read_bytes() for f in files})
    assert written[0] == written[1]


def test_default_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NETWRIGHT_THREADS wins over the processors that the process may use."""
    path = build(graph(_net, [tensor(n, 9, 9, 4)]), tmp_path).path

    def threads() -> int:
        model = load(path)
        return ctypes.c_int32.from_address(model._engine.idle[0] + 4).value

    assert 1 <= threads() <= len(os.sched_getaffinity(0))
    # the C library's environment, which monkeypatch.setenv changes too
    monkeypatch.setenv("NETWRIGHT_THREADS", "3")
    assert threads() == 3
    monkeypatch.setenv("NETWRIGHT_THREADS", "nonsense")
    assert 1 <= threads() <= len(os.sched_getaffinity(0))


def test_lesser_targets_say_what_they_lack(tmp_path: Path) -> None:
    with pytest.raises(
        OptionError, match="unknown target 'pentium'; targets: native, x86-64, x86-64-v3, x86-64-v4"
    ):
        compile_module(graph(_net, [tensor(n, 9, 9, 4)]), tmp_path / "m.so", CompileOptions(target="pentium"))


def test_what_has_no_kernel_is_refused_by_name(tmp_path: Path) -> None:
    """A filter with a number of channels that only a call tells."""

    def make(b: Any, x: Any, w: Any) -> Any:
        b.location = Location.name("layer")
        return b(Conv2D, x, w, strides=(1, 1), dilations=(1, 1), padding="VALID", pads=(0,) * 4)

    module = graph(make, [tensor(1, 4, 4, n), tensor(1, 1, n, 2)])
    with pytest.raises(UnsupportedError, match=r"graph\.conv2d \(layer\)") as e:
        build(module, tmp_path)
    assert e.value.ops == ("conv2d",)


def test_a_library_compiled_again_to_the_same_path_is_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "m.so"
    x = np.array([1.0, -2.0, 3.0], np.float32)
    models: list[Any] = []
    for scale in (2.0, 5.0, 7.0):
        y = np.full(3, scale, np.float32)
        module = graph(lambda b, x, y=y: b(Add, x, constant(b, y)), [tensor(3)])
        compile_module(module, path, CompileOptions())
        models += [load(path), load(path)]
    for model, scale in zip(models, (2, 2, 5, 5, 7, 7), strict=True):
        np.testing.assert_array_equal(model(x), x + np.float32(scale))
