"""The README shows what the commands print."""

import re
import subprocess
import sys
from pathlib import Path

import netwright
import numpy as np

ROOT = Path(netwright.__file__).resolve().parent


def _blocks() -> list[tuple[str, str]]:
    """(command, output) of the console blocks."""
    text = (ROOT / "README.md").read_text()
    found = re.findall(r"```console\n\$ (.*?)\n(.*?)```", text, re.DOTALL)
    return [(c, o) for c, o in found]


def _numbers(text: str) -> list[float]:
    return [float(v) for v in re.findall(r"-?\d+\.\d+e[+-]\d+", text)]


def test_the_commands_print_what_stands_there(tmp_path: Path) -> None:
    """Times and last digits may differ; names, shapes, IR lines and results may not."""
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for name, module in (("netwright", " -m netwright"), ("python", "")):
        script = tmp_path / ".venv" / "bin" / name
        script.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT}/.view exec {sys.executable}{module} "$@"\n')
        script.chmod(0o755)
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    blocks = _blocks()[:4]
    assert len(blocks) == 4
    for command, shown in blocks:
        command = command.partition("pip install -q . && ")[2] or command
        done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        clean = [
            re.sub(r"for \S+, compiled in [\d.]+ s|-?\d+\.\d+e[+-]\d+", "", t) for t in (done.stdout, shown)
        ]
        assert clean[0].split() == clean[1].split()
        np.testing.assert_allclose(_numbers(done.stdout), _numbers(shown), rtol=1e-3)
