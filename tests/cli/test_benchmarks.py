"""The command that reproduces the benchmark, on a network that takes no time."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from .conftest import MODEL, environment

ROOT = Path(__file__).resolve().parents[2]


def _run(*args: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-W", "error", "-m", "tests.benchmarks", *map(str, args)]
    return subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, encoding="utf-8")


def test_the_table(tmp_path: Path) -> None:
    shutil.copy(MODEL, tmp_path / "digits.pb")
    done = _run(
        "--models", tmp_path, "--networks", "digits", "--batches", "1,2", "--threads", "1", "--seconds", "0.01",
        "--json", tmp_path / "b.json", "--keep", tmp_path / "kept",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    head, _, *rows, _, where = done.stdout.splitlines()
    names = [c.strip() for c in head.strip("|").split("|")]
    assert names[:4] == ["network", "batch", "threads", "ms"] and names[-1] == "library MB"
    assert [r.split("|")[1:4] for r in rows] == [[" digits ", f" {n} ", " 1 "] for n in (1, 2)]
    assert all(r.count("|") == head.count("|") for r in rows)
    assert re.search(r", \d+ processors, \d{4}-\d\d-\d\d; peak \d+ GFLOP/s on 1 thread\(s\)$", where)
    data = json.loads((tmp_path / "b.json").read_text())
    assert [d["batch"] for d in data] == [1, 2] and data[1]["flop"] == 2 * data[0]["flop"]
    assert (tmp_path / "kept" / "digits.so").exists()


def test_errors(tmp_path: Path) -> None:
    done = _run("--models", tmp_path, "--networks", "lenet_mnist")
    assert done.returncode == 1 and done.stderr == (
        f"expected lenet_mnist in {str(tmp_path)!r} as NAME.pb or NAME/model.pb, found none\n"
    )
    done = _run("--against", "tflite")
    assert done.returncode == 1 and done.stderr.startswith("--against needs --models: ")
    (tmp_path / "lenet_mnist.pb").write_bytes(b"\x0a\xff")
    done = _run("--models", tmp_path)
    assert done.returncode == 1 and done.stderr.startswith("lenet_mnist: netwright compile: ")
