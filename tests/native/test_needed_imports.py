"""Files of kernels are imported when a model needs them: a small network's compilation does without most."""

import os
import pkgutil
import subprocess
import sys
from importlib import import_module

import pytest
from netwright.compiler import kernels
from netwright.compiler.kernels import files
from netwright.compiler.kernels.family import LOWERINGS, lowering_of
from netwright.compiler.kernels.former import FORMS

TRAIN = """
import numpy as np
from netwright import keras
model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(3, "softmax")])
model.compile("adam", "sparse_categorical_crossentropy")
loss = model.train_on_batch(np.ones((2, 4), np.float32), np.array([0, 2]))
assert np.isfinite(loss)
"""
LATER = """
x = keras.ops.linalg.inv(np.array([[2.0, 0.0], [0.0, 4.0]], np.float32)).numpy()
assert x[1, 1] == 0.25
"""
#: what nothing in a dense network needs
ABSENT = (
    *(
        "conv",
        "winograd",
        "linalg_lu",
        "sort",
        "resize",
        "detection",
        "random_numbers",
        "form_conv",
        "form_linalg",
    ),
    *("bands", "pooled", "recurrent", "special"),
)


def _imported(code: str) -> set[str]:
    """The modules that a process has after `code`."""
    code += "\nimport sys; print(*sys.modules)"
    # nothing from a cache: what is found there needs no kernel at all
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "NETWRIGHT_CACHE": ""},
        capture_output=True,
        text=True,
    )
    assert not done.returncode, done.stderr
    return set(done.stdout.split())


def test_a_dense_network_imports_few_kernels() -> None:
    names = _imported(TRAIN)
    assert "netwright.compiler.kernels.lower_loops" in names
    assert not names & {f"netwright.compiler.kernels.{name}" for name in ABSENT}
    assert not names & {
        f"netwright.compiler.passes.{name}" for name in ("decomposable", "rank_choice", "seen")
    }
    assert not names & {
        "matplotlib",
        "h5py",
        "networkx",
        "statistics",
        "argparse",
        "netwright.compiler.explain",
    }


def test_what_is_needed_later_is_imported_then() -> None:
    names = _imported(TRAIN + LATER)
    assert {f"netwright.compiler.kernels.{name}" for name in ("form_linalg", "linalg_lu")} <= names
    assert "netwright.compiler.kernels.form_conv" not in names


def test_each_family_and_form_is_registered_by_the_file_that_the_tables_name() -> None:
    for module in pkgutil.iter_modules(kernels.__path__):
        import_module(f"{kernels.__name__}.{module.name}")
    families = {name: f.__module__ for name, f in LOWERINGS.items()}
    assert families == _table(files.FAMILIES)
    forms = {c.__name__: f.__module__ for c, f in FORMS.items()}
    assert forms == _table(files.FORMS) and len(forms) == len(FORMS)


def _table(names_of: dict[str, str]) -> dict[str, str]:
    rows = [
        (name, f"{kernels.__name__}.{file}") for file, names in names_of.items() for name in names.split()
    ]
    assert len(rows) == len(dict(rows)), "a name stands twice"
    return dict(rows)


def test_no_file_holds_an_unknown_family() -> None:
    with pytest.raises(KeyError, match="no_such_family"):
        lowering_of("no_such_family")
