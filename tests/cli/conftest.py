"""The command as users run it: in a process of its own, in a folder of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import netwright
import pytest

ROOT = Path(netwright.__file__).parent
SAMPLES = ROOT.resolve() / "samples"
MODEL, INPUT = str(SAMPLES / "digits.pb"), str(SAMPLES / "digits.npy")
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def environment(**more: str) -> dict[str, str]:
    kept = {k: os.environ[k] for k in ("HOME", "TMPDIR", "SYSTEMROOT") if k in os.environ}
    return {"PATH": os.defpath, "PYTHONPATH": str(ROOT.parent), "PYTHONIOENCODING": "utf-8", **kept, **more}


def netwright_command(
    folder: Path, *args: object, stdin: str = "", **env: str
) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-W", "error", "-m", "netwright", *map(str, args)]
    return subprocess.run(
        command, cwd=folder, env=environment(**env), input=stdin, capture_output=True, encoding="utf-8"
    )


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`run("info", file)` in an empty folder: the finished process."""
    return lambda *args, **kw: netwright_command(tmp_path, *args, **kw)


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample, compiled, with its dump, in a folder that nobody writes to."""
    folder = tmp_path_factory.mktemp("digits")
    done = netwright_command(folder, "compile", MODEL, "-o", "digits.so", "--dump-ir", "dumps")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def refused(run: Run) -> Callable[..., str]:
    """Runs a command that must fail with one sentence and code 1; returns the sentence."""

    def check(*args: object, stdin: str = "") -> str:
        done = run(*args, stdin=stdin)
        assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
        prefix = f"netwright {args[0]}: "
        assert done.stderr.startswith(prefix), done.stderr
        assert "Traceback" not in done.stderr and "internal error" not in done.stderr
        return done.stderr.removeprefix(prefix).rstrip("\n")

    return check
