"""A C program against the generated header; linkers and readelf on a real library."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.driver import compile_module
from netwright.compiler.ops.activation import Relu
from netwright.compiler.ops.elementwise import Add
from netwright.compiler.ops.matmul import MatMul
from netwright.compiler.options import CompileOptions
from netwright.runtime import load

from ..helpers import constant, graph, n, tensor

pytestmark = pytest.mark.skipif(
    shutil.which("cc") is None and not os.environ.get("CI"), reason="needs a C compiler"
)

PROGRAM = r"""
#include <stdio.h>
#include "model.h"

int main(void) {
  char err[256];
  nw_session *session = NULL;
  if (nw_abi_version() != NW_ABI_VERSION) return 2;
  if (nw_session_create(2, &session, err, sizeof err) != NW_OK) { puts(err); return 3; }
  float x[2][4] = {{1, 2, 3, 4}, {-1, 0, 1, 2}}, y[2][3];
  int64_t in_dims[] = {2, 4}, out_dims[NW_MAX_RANK];
  nw_tensor in = {x, 2, in_dims, NW_FLOAT32}, out = {y, 0, out_dims, 0};
  if (nw_infer(NW_FUNCTION_MAIN, &in, 1, &out, 1, err, sizeof err) != NW_OK) { puts(err); return 4; }
  printf("%ld %ld\n", (long)out.dims[0], (long)out.dims[1]);
  if (nw_run(session, NULL, NW_FUNCTION_MAIN, &in, 1, &out, 1, err, sizeof err) != NW_OK) { puts(err); return 5; }
  for (int i = 0; i < 6; i++) printf("%g ", y[i / 3][i % 3]);
  in_dims[1] = 3;
  int32_t status = nw_run(session, NULL, 0, &in, 1, &out, 1, err, sizeof err);
  printf("\n%d %s\n", status, err);
  nw_session_destroy(session);
  return 0;
}
"""


def _net(b: Any, x: Any) -> Any:
    w = np.arange(12, dtype=np.float32).reshape(4, 3) - 5
    return b(Relu, b(Add, b(MatMul, x, constant(b, w)), constant(b, np.array([0.5, -1, 2], np.float32))))


def _compile(folder: Path, linker: str | None = None) -> Path:
    path = folder / "libmodel.so"
    compile_module(
        graph(_net, [tensor(n, 4)]), path, CompileOptions(header=str(folder / "model.h"), linker=linker)
    )
    return path


def _run(*command: Any) -> str:
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("standard", ["-std=c99", "-std=c17", "-xc++"])
def test_c_program(tmp_path: Path, standard: str) -> None:
    library = _compile(tmp_path)
    (tmp_path / "main.c").write_text(PROGRAM)
    flags = ["-Wall", "-Wextra", "-Werror", standard, "-pedantic", "-D_DEFAULT_SOURCE"]
    _run(
        "cc",
        *flags,
        tmp_path / "main.c",
        "-xnone",
        library,
        f"-Wl,-rpath,{tmp_path}",
        "-o",
        tmp_path / "main",
    )
    x = np.array([[1, 2, 3, 4], [-1, 0, 1, 2]], np.float32)
    y = load(library)(x)
    lines = _run(tmp_path / "main").splitlines()
    assert lines[0] == "2 3"
    np.testing.assert_allclose([float(v) for v in lines[1].split()], np.asarray(y).reshape(-1), rtol=1e-5)
    assert lines[2] == "1 input 'x0': expected shape [?, 4], received [2, 3]"


@pytest.mark.parametrize("linker", ["ld", "cc"])
def test_other_linkers_give_the_same_results(tmp_path: Path, linker: str) -> None:
    (tmp_path / "own").mkdir()
    own, other = _compile(tmp_path / "own"), _compile(tmp_path, linker)
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    assert np.asarray(load(own)(x)).tobytes() == np.asarray(load(other)(x)).tobytes()
    assert load(own).manifest == load(other).manifest


def test_tools_accept_the_library(tmp_path: Path) -> None:
    library = _compile(tmp_path)
    text = _run("readelf", "-aW", library)
    assert "warning" not in text.lower() and "error:" not in text.lower()
    assert "Shared library: [libc.so.6]" in text
    stack = next(line for line in text.splitlines() if "GNU_STACK" in line)
    assert "RW " in stack and "RWE" not in stack
    (tmp_path / "main.c").write_text('#include "model.h"\nint main(void) { return nw_abi_version() != 1; }\n')
    _run("cc", "-c", tmp_path / "main.c", "-o", tmp_path / "main.o")
    _run("ld", "-r", tmp_path / "main.o", "-o", tmp_path / "again.o")
    _run("ld", "-shared", tmp_path / "main.o", library, "-o", tmp_path / "uses.so")


@pytest.mark.skipif(shutil.which("valgrind") is None and not os.environ.get("CI"), reason="needs valgrind")
def test_valgrind_finds_no_bad_access(tmp_path: Path) -> None:
    """With the baseline target: valgrind knows no AVX-512."""
    path = tmp_path / "libmodel.so"
    options = CompileOptions(header=str(tmp_path / "model.h"), target="x86-64")
    compile_module(graph(_net, [tensor(n, 4)]), path, options)
    (tmp_path / "main.c").write_text(PROGRAM)
    _run("cc", "-g", tmp_path / "main.c", path, f"-Wl,-rpath,{tmp_path}", "-o", tmp_path / "main")
    _run(
        "valgrind",
        "-q",
        "--error-exitcode=9",
        "--leak-check=full",
        "--errors-for-leak-kinds=definite",
        tmp_path / "main",
    )
