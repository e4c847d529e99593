"""netwright opt: single passes over files of a dump, both forms, pipes."""

import itertools
from pathlib import Path

import netwright as nw
import numpy as np
import pytest
from netwright.frontends.load import load_model

from .conftest import INPUT, MODEL, Run


def _text(done: object) -> str:
    assert done.returncode == 0, done.stderr  # type: ignore[attr-defined]
    return str(done.stdout)  # type: ignore[attr-defined]


def test_passes_run_again_on_a_dump(run: Run, digits: Path) -> None:
    done = run("opt", digits / "dumps" / "00_import.mlir", "--pass", "fold-constants")
    want = (digits / "dumps" / "01_fold-constants.mlir").read_text()
    assert _text(done) == want
    several = run(
        "opt", digits / "dumps" / "00_import.mlir", "--pipeline", "graph(fold-constants)", "--pass", "cse"
    )
    assert _text(several) == want


def test_the_kern_and_loops_levels(run: Run, digits: Path) -> None:
    dumps = sorted((digits / "dumps").glob("*.mlir"))
    by_name = {p.stem.split("_", 1)[1]: p for p in dumps}
    fused = by_name["fuse-conv-bias-relu"]
    assert _text(run("opt", fused, "--pass", "form-kernels")) == by_name["form-kernels"].read_text()
    done = run("opt", fused, "--pipeline", "kern(form-kernels,plan-memory),loops(lower-loops)")
    assert _text(done) == by_name["lower-loops"].read_text()
    for earlier, later in itertools.pairwise(("form-kernels", "plan-memory", "lower-loops")):
        assert _text(run("opt", by_name[earlier], "--pass", later)) == by_name[later].read_text()
    for p in dumps:
        assert _text(run("opt", p)) == p.read_text()


@pytest.mark.parametrize(
    ("name", "rest"), [("plan-memory", "loops(lower-loops)"), ("lower-loops", ""), ("fold-batch-norm", None)]
)
def test_every_level_of_a_dump_compiles(
    run: Run, digits: Path, tmp_path: Path, name: str, rest: str | None
) -> None:
    (file,) = (digits / "dumps").glob(f"??_{name}.mlir")
    _text(run("compile", file, "-o", "m.so", *(() if rest is None else ("--pipeline", rest))))
    x = np.load(INPUT)
    np.testing.assert_array_equal(nw.load(tmp_path / "m.so")(x), nw.load(digits / "digits.so")(x))
    if rest is not None:
        done = run("compile", file, "-o", "m.so")
        assert done.returncode == 1 and f"give the passes that are left, --pipeline '{rest}'" in done.stderr


@pytest.mark.parametrize("flag", ["--generic", "--no-locations", "--target=x86-64"])
def test_output_parses_back(run: Run, digits: Path, tmp_path: Path, flag: str) -> None:
    file = digits / "dumps" / "00_import.mlir"
    _text(run("opt", file, "--pass", "fold-constants{max-bytes=1000}", flag, "-o", "new/a.mlir"))
    assert load_model(tmp_path / "new" / "a.mlir").name == "builtin.module"
    again = _text(run("opt", "new/a.mlir", flag))
    assert again == (tmp_path / "new" / "a.mlir").read_text()
    assert ('"graph.conv2d"(' in again) == (flag == "--generic")
    assert ("loc(" in again) == (flag != "--no-locations")


def test_standard_input(run: Run, digits: Path) -> None:
    dumps = digits / "dumps"
    text = (dumps / "00_import.mlir").read_text()
    got = run("opt", "-", "--resources", dumps / "resources", "--pass", "fold-constants", stdin=text)
    assert _text(got) == (dumps / "01_fold-constants.mlir").read_text()
    small = "module {\n  func.func @f(%x: tensor<2xf32>) -> (tensor<2xf32>) {\n    func.return(%x)\n  }\n}\n"
    assert _text(run("opt", "-", stdin=small)) == small
    for bad, sentence in (("", "<stdin>: expected a model, found an empty file"), ("module {", "<stdin>:")):
        done = run("opt", "-", stdin=bad)
        assert done.returncode == 1 and sentence in done.stderr


def test_a_model_can_be_read_too(run: Run) -> None:
    shown = _text(run("opt", MODEL, "--pass", "fold-constants", "--no-locations"))
    assert shown.startswith("module {") and "loc(" not in shown


def test_printing_between_passes_goes_to_standard_error(run: Run, digits: Path) -> None:
    file = digits / "dumps" / "00_import.mlir"
    done = run("opt", file, "--pass", "cse", "--pass", "dce", "--print-ir-after-all")
    assert done.stdout.startswith("module {") and done.stderr.count("// -----// IR after ") == 2
    done = run("opt", file, "--pass", "cse", "--pass", "dce", "--print-ir-after-change")
    assert done.stderr.count(": no change //----- //") == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--pass", "nope"), "unknown pass 'nope'; known passes: canonicalize, cse, "),
        (("--pass", "cse{x=1}"), "pass 'cse' has no option 'x'; its options: none"),
        (("--pass", "fold-constants{max-bytes=x}"), "expected a number, received 'x'"),
        (("--pipeline", "kern(cse)"), "pass 'cse' belongs to level graph, not kern"),
        (("--pipeline", "top(cse)"), "unknown level 'top' in the pipeline; levels: graph, kern, loops"),
        (("--resources", "gone"), "cannot be read from gone/"),
    ],
)
def test_refused(run: Run, digits: Path, arguments: tuple[str, ...], sentence: str) -> None:
    done = run("opt", digits / "dumps" / "00_import.mlir", *arguments)
    assert done.returncode == 1 and not done.stdout
    assert sentence in done.stderr and done.stderr.count("\n") == 1
