"""Whole networks from their stored graphs and TensorFlow's stored results: one artifact each, any batch, any
thread count; and every dump of the graph level is a program of its own."""

import importlib.util
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import netwright as nw
import numpy as np
import pytest
from netwright.compiler.explain.dump import read_dump
from netwright.compiler.ir.parser import parse_module
from netwright.compiler.ir.printer import Printer, print_op
from netwright.compiler.ops.interpreter import run_module

from ..helpers import close

_SPEC = importlib.util.spec_from_file_location(
    "recipe", Path(__file__).parents[1] / "data" / "networks" / "recipe.py"
)
assert _SPEC and _SPEC.loader
recipe = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(recipe)

NETWORKS = list(recipe.NETWORKS)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """`built(name)`: library and dump folder of a network, compiled once."""

    @cache
    def build(name: str) -> tuple[Path, Path]:
        folder = tmp_path_factory.mktemp(name)
        (folder / f"{name}.pb").write_bytes(recipe.fill(name))
        nw.compile(folder / f"{name}.pb", folder / f"{name}.so", dump_ir=folder / "dump")
        return folder / f"{name}.so", folder / "dump"

    return build


def _images(name: str, count: int) -> Any:
    seven = recipe.images(name, 7, tuple(recipe.meta(name)["shape"]))
    return np.resize(seven, (count, *seven.shape[1:]))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", NETWORKS)
def test_agrees_with_tensorflow(built: Any, name: str, threads: int) -> None:
    model = nw.load(built(name)[0], threads=threads)
    want = recipe.expected(name)
    for count in (1, 7, 32):
        close(model(_images(name, count)), np.resize(want, (count, want.shape[1])), recipe.TOLERANCE[name])
    assert model(_images(name, 1)[:0]).shape == (0, want.shape[1])


@pytest.mark.parametrize("name", NETWORKS)
def test_thread_counts_give_the_same_bits(built: Any, name: str) -> None:
    one, two = (nw.load(built(name)[0], threads=t) for t in (1, 2))
    x = _images(name, 3)
    assert one(x).tobytes() == two(x).tobytes()


def _graph_dumps(folder: Path) -> list[Path]:
    return [p for p in sorted(folder.glob("*.mlir")) if "kern" not in p.name and _is_graph(p)]


def _is_graph(path: Path) -> bool:
    text = path.read_text()
    return "graph." in text and "kern." not in text and "scf." not in text


@pytest.mark.parametrize("name", NETWORKS)
def test_every_graph_dump_runs(built: Any, name: str) -> None:
    """A dump parses back to the same text, and the interpreter gets the same numbers from it."""
    dumps = _graph_dumps(built(name)[1])
    assert len(dumps) >= 2, dumps
    x, want = _images(name, 2), recipe.expected(name)[:2]
    for path in dumps:
        module = read_dump(path)
        body = "".join(
            line for line in path.read_text().splitlines(True) if not line.startswith("// resources")
        )
        assert print_op(module) == body
        close(run_module(module, [x])[0], want, recipe.TOLERANCE[name])


@pytest.mark.skipif(
    shutil.which("mlir-opt-19") is None and not os.environ.get("CI"), reason="needs mlir-opt-19"
)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_graph_dump_passes_through_mlir_opt(built: Any, name: str) -> None:
    for path in _graph_dumps(built(name)[1]):
        module = read_dump(path)
        printer = Printer(generic=True)
        command = [
            "mlir-opt-19",
            "--allow-unregistered-dialect",
            "--mlir-print-op-generic",
            "--mlir-print-debuginfo",
        ]
        done = subprocess.run(command, input=printer.print(module), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[:2000]
        back = parse_module(done.stdout, resources={k: d.array for k, d in printer.resources.items()})
        assert Printer(generic=True, names=False).print(back) == Printer(generic=True, names=False).print(
            module
        )


def test_dumps_are_reproducible(tmp_path: Path) -> None:
    (tmp_path / "lenet.pb").write_bytes(recipe.fill("lenet"))
    for folder in ("a", "b"):
        nw.compile(tmp_path / "lenet.pb", dump_ir=tmp_path / folder)
    names = sorted(p.name for p in (tmp_path / "a").iterdir())
    assert names == sorted(p.name for p in (tmp_path / "b").iterdir())
    for p in (tmp_path / "a").glob("*.*"):
        assert p.read_bytes() == (tmp_path / "b" / p.name).read_bytes(), p.name
