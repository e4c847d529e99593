"""Random graphs over the whole dialect: compiled code equals the interpreter, on one and on two threads.

NETWRIGHT_RANDOM_GRAPHS says how many graphs are tried, NETWRIGHT_RANDOM_SEED the number of the first one.
"""

import os
from pathlib import Path

import pytest
from netwright.compiler.ir.opdef import REGISTRY
from netwright.compiler.kernels import former

from ..random_check import check_seeds
from ..random_rows import MADE, NEVER

COUNT = int(os.environ.get("NETWRIGHT_RANDOM_GRAPHS", "500"))
FIRST = int(os.environ.get("NETWRIGHT_RANDOM_SEED", "0"))
BATCH = 50


@pytest.mark.parametrize("first", range(FIRST, FIRST + COUNT, BATCH))
def test_random_graphs(first: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if first // BATCH % 2:  # small tensors are one task; here every unit is, so that threads share them
        monkeypatch.setattr(former, "TASK_NS", 1)
    check_seeds(range(first, min(first + BATCH, FIRST + COUNT)), tmp_path)


def test_every_op_is_drawn() -> None:
    known = {c.name for c in MADE} | set(NEVER)
    assert not [name for name in REGISTRY if name.startswith("graph.") and name not in known]
