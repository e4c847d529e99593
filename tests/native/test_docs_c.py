"""The program in docs/c.md compiles and prints what the page says."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import netwright
import pytest

ROOT = Path(netwright.__file__).resolve().parent

pytestmark = pytest.mark.skipif(
    shutil.which("cc") is None and not os.environ.get("CI"), reason="needs a C compiler"
)


def test_the_program_of_the_documentation(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "c.md").read_text(encoding="utf-8")
    program = re.search(r"```c\n(.*?)```", page, re.DOTALL)
    shown = re.search(r"&& \./main\n(.*?)```", page, re.DOTALL)
    assert program is not None and shown is not None
    (tmp_path / "main.c").write_text(program.group(1))
    netwright.compile(
        ROOT / "samples" / "digits.pb", tmp_path / "libdigits.so", header=str(tmp_path / "digits.h")
    )
    flags = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-std=c11", "-L.", "-Wl,-rpath,$ORIGIN"]
    subprocess.run(["cc", "main.c", *flags, "-ldigits", "-o", "main"], cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True)
    got, want = done.stdout.splitlines(), shown.group(1).splitlines()
    assert got[-1] == want[-1] and len(got) == len(want)
    for a, b in zip(got[:-1], want[:-1], strict=True):
        assert abs(float(a.split()[1]) - float(b.split()[1])) < 2e-4
