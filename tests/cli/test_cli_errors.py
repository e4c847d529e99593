"""What is wrong is said in one sentence on standard error, with code 1."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from .conftest import INPUT, MODEL, Run

Refused = Callable[..., str]


@pytest.mark.parametrize("command", ["compile", "check", "info", "run", "bench", "opt"])
def test_missing_file(refused: Refused, command: str) -> None:
    sentence = refused(command, "gone.pb")
    assert "gone.pb" in sentence and "\n" not in sentence


@pytest.mark.parametrize("command", ["compile", "check", "info", "opt"])
def test_what_is_no_model(refused: Refused, tmp_path: Path, command: str) -> None:
    sentence = refused(command, INPUT)
    assert sentence.startswith(f"{INPUT}: expected a model, found ") and "\n" not in sentence
    (tmp_path / "folder").mkdir()
    assert "folder" in refused(command, "folder")
    (tmp_path / "empty.pb").write_bytes(b"")
    assert "empty" in refused(command, "empty.pb")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--skip-pass", "nope"), "pass 'nope' is not in the pipeline: fold-constants, "),
        (("--stop-after", "nope"), "pass 'nope' is not in the pipeline: fold-constants, "),
        (("--pipeline", "graph(nope)"), "unknown pass 'nope'; known passes: "),
        (("--pipeline", "graph(cse)"), "makes no library: it lacks form-kernels, plan-memory, lower-loops"),
        (("--skip-pass", "plan-memory"), "makes no library: it lacks plan-memory"),
        (("--input", "nope"), "there is no node 'nope'"),
        (("--output-tensor", "nope"), "there is no node 'nope'"),
        (("--target", "nope"), "unknown target 'nope'; targets: native, x86-64"),
        (("--linker", "no-such-linker"), "expected a linker that is installed, received 'no-such-linker'"),
        (("-o", "no/m.so"), "cannot write "),
        (("-o", MODEL), "the library would replace its model"),
        (("--header", "no/m.h"), "cannot write the C header 'no/m.h': No such file or directory"),
        (("--verify", "x.npz", "--stop-after", "cse"), "--verify needs a library"),
        (("--verify", "gone.npz", "-o", "m.so"), "cannot read arrays from 'gone.npz'"),
        (("--dump-ir", INPUT), "cannot write a dump to "),
    ],
)
def test_compile(refused: Refused, options: tuple[str, ...], sentence: str) -> None:
    found = refused("compile", MODEL, *(() if "-o" in options else ("-o", "m.so")), *options)
    assert sentence in found and "\n" not in found


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "inputs without a value: 'image'"),
        (("--input", "gone.npy"), "cannot read arrays from 'gone.npy'"),
        (("--input", MODEL), "cannot read arrays from "),
        (("--input", f"x={INPUT}"), "there is no input named 'x'; inputs: 'image'"),
        (("--input", INPUT, "--output", "y=y.npy"), "there is no output named 'y'; outputs: 'Identity'"),
        (("--input", INPUT, "--output", "y.npy"), "expected NAME=FILE for --output, received 'y.npy'"),
        (("--input", INPUT, "--output", "Identity=no/y.npy"), "cannot write 'no/y.npy'"),
    ],
)
def test_run(refused: Refused, digits: Path, arguments: tuple[str, ...], sentence: str) -> None:
    found = refused("run", digits / "digits.so", *arguments)
    assert sentence in found and "\n" not in found


def test_arrays_that_do_not_fit(refused: Refused, digits: Path, tmp_path: Path) -> None:
    x = np.load(INPUT)
    for name, array in (("f64", x.astype(float)), ("wide", x[:, :, :5]), ("rank", x[0])):
        np.save(tmp_path / f"{name}.npy", array)
    np.save(tmp_path / "object.npy", np.array([{}]), allow_pickle=True)

    def sentence(name: str) -> str:
        return refused("run", digits / "digits.so", "--input", f"{name}.npy")

    assert "input 'image': expected float32, received float64; convert it" in sentence("f64")
    assert "input 'image': expected shape [?, 8, 8, 1], received [3, 8, 5, 1]" in sentence("wide")
    assert "input 'image'" in sentence("rank")
    assert "cannot read arrays from 'object.npy'" in sentence("object")


def test_damaged_libraries(refused: Refused, digits: Path, tmp_path: Path) -> None:
    whole = (digits / "digits.so").read_bytes()
    for size in (3, 100, 40000, 60000, 150000, len(whole) - 1):
        (tmp_path / "cut.so").write_bytes(whole[:size])
        assert "cut.so" in refused("run", "cut.so", "--input", INPUT)
    (tmp_path / "bad.so").write_bytes(whole.replace(b'"functions"', b'"functionz"'))
    assert "is damaged: it lacks functions" in refused("run", "bad.so", "--input", INPUT)
    (tmp_path / "bad.so").write_bytes(whole.replace(b'"functions":', b'"functions";'))
    assert "the manifest of 'bad.so' is damaged: " in refused("info", "bad.so")


def test_unsupported_operations_are_listed(run: Run, refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "odd.pbtxt").write_text(
        'node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } } '
        'attr { key: "shape" value { shape { dim { size: 2 } } } } }\n'
        'node { name: "y" op: "Frobnicate" input: "x" attr { key: "T" value { type: DT_FLOAT } } }\n'
    )
    done = run("check", "odd.pbtxt")
    assert done.returncode == 1 and "Frobnicate" in done.stdout and not done.stderr
    assert "Frobnicate" in refused("compile", "odd.pbtxt")


def test_debug_shows_the_traceback(run: Run) -> None:
    done = run("compile", "gone.pb", "--debug")
    assert done.returncode == 1 and done.stderr.startswith("Traceback")
    assert "expected a model, found nothing" in done.stderr.splitlines()[-1]
