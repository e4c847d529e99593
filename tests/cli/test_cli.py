"""Commands on the sample model: what they print, write and return."""

import io
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import netwright as nw
import numpy as np
import pytest
from netwright.frontends.cli import terminal
from netwright.frontends.cli.main import COMMANDS

from ..fast.tensorflow.graphs import const, graph, node, placeholder
from .conftest import INPUT, MODEL, Run, environment

X = np.load(INPUT)


def _text(done: Any, code: int = 0) -> str:
    assert done.returncode == code, (done.stdout, done.stderr)
    assert code or not done.stderr
    return str(done.stdout)


def test_version(run: Run) -> None:
    assert _text(run("--version")) == f"netwright {nw.__version__}\n"


def test_without_a_command_the_help_is_shown(run: Run) -> None:
    shown = _text(run(), 2)
    for name, _, doc in COMMANDS:
        assert name in shown and doc in shown


@pytest.mark.parametrize("name", [name for name, _, _ in COMMANDS])
def test_help(run: Run, name: str) -> None:
    shown = _text(run(name, "--help"))
    assert shown.startswith(f"usage: netwright {name} ") and "--debug" in shown


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["nope"], "netwright: argument COMMAND: invalid choice: 'nope'"),
        (["compile"], "netwright compile: the following arguments are required: model"),
        (["compile", MODEL, "--batch", "0"], "argument --batch: expected a number from 1 up, received 0"),
        (["compile", MODEL, "--batch", "x"], "argument --batch: invalid positive value: 'x'"),
        (["run", "a.so", "--nope"], "unrecognized arguments: --nope"),
        (["bench", "a.so", "--threads", "-1"], "expected a number from 1 up, received -1"),
    ],
)
def test_wrong_usage(run: Run, args: list[str], sentence: str) -> None:
    done = run(*args)
    assert done.returncode == 2 and not done.stdout
    assert sentence in done.stderr and done.stderr.count("\n") == 1 and "--help" in done.stderr


def test_compile_and_run(run: Run, tmp_path: Path) -> None:
    said = _text(run("compile", MODEL, "-o", "m.so", "--header", "m.h", "--verify", INPUT))
    assert re.fullmatch(
        r"m\.so: 0\.\d\d MiB for \S+, compiled in \d\.\d\d s\n"
        r"Identity: max \|difference\| / max \|reference\| = \d\.\d\de-\d\d\n",
        said,
    )
    assert "NW_FUNCTION_MAIN" in (tmp_path / "m.h").read_text()
    said = _text(run("run", "m.so", "--input", f"image={INPUT}", "--output", "Identity=y", "--threads", "1"))
    assert said == "Identity: float32[3, 10] -> y\n"
    want = nw.load(tmp_path / "m.so", threads=1)(X)
    np.testing.assert_array_equal(np.load(tmp_path / "y"), want)
    assert np.asarray(want).argmax(1).tolist() == [1, 7, 4]


def test_verify_takes_arrays_by_name(run: Run, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", **{"image:0": X})
    assert "= " in _text(run("compile", MODEL, "-o", "m.so", "--verify", "x.npz", "--target", "x86-64"))
    assert _text(run("run", "m.so", "--input", "x.npz")).startswith("Identity: float32[3, 10]\n[[")


def test_the_library_lies_beside_the_model_by_default(run: Run, tmp_path: Path) -> None:
    (tmp_path / "net.pb").write_bytes(Path(MODEL).read_bytes())
    assert _text(run("compile", "net.pb", "--batch", "3")).startswith("net.so: ")
    assert nw.load(tmp_path / "net.so").inputs[0].shape == (3, 8, 8, 1)


def test_small_results_are_printed_in_full_and_large_ones_in_part(
    run: Run, digits: Path, tmp_path: Path
) -> None:
    assert "..." not in _text(run("run", digits / "digits.so", "--input", INPUT))
    np.save(tmp_path / "many.npy", np.repeat(X, 50, axis=0))
    said = _text(run("run", digits / "digits.so", "--input", "many.npy"))
    assert "float32[150, 10]" in said and "..." in said and said.count("\n") < 12


def test_check(run: Run) -> None:
    assert _text(run("check", MODEL, "--batch", "2")) == f"{MODEL}: everything is supported\n"
    shown = run("check", "--help").stdout
    assert "--input " in shown and "--skip-pass" not in shown


def test_info(run: Run, digits: Path) -> None:
    shown = _text(run("info", MODEL))
    assert "12 constants, 153324 bytes" in shown and "2 graph.conv2d\n" in shown
    shown = _text(run("info", digits / "digits.so"))
    assert "input   image: float32[n, 8, 8, 1]" in shown and "output  Identity: float32[n, 10]" in shown
    found = json.loads(_text(run("info", "--json", digits / "digits.so")))
    assert found == nw.load(digits / "digits.so").manifest


def test_info_of_kernels(run: Run, digits: Path, tmp_path: Path) -> None:
    library = digits / "digits.so"
    shown = _text(run("info", "--kernels", library))
    head, *lines = shown.splitlines()
    assert head.split() == ["%", "cycles", "kcycles", "error", "kernel", "layer"]
    calls = nw.load(library).manifest["calls"]
    assert len(lines) == len(calls) + sum(1 for c in calls if c["why"])
    assert "% of the multiply-add slots" in shown and "packed weights" in shown
    shares = [float(line.split()[0]) for line in lines if not line.startswith(" " * 9)]
    assert len(shares) == len(calls) and abs(sum(shares) - 100) < 0.1 * len(shares)
    (tmp_path / "old.so").write_bytes(library.read_bytes().replace(b'"cycles":', b'"cicles":'))
    assert "compile the model again" in run("info", "--kernels", "old.so").stderr


def test_dump_folder(digits: Path) -> None:
    names = sorted(p.name for p in (digits / "dumps").iterdir())
    assert names[0] == "00_import.mlir" and {"index.md", "resources"} <= set(names)
    last = [n.split("_", 1)[1] for n in names if n.endswith((".ll", ".s"))]
    assert last == ["llvm.ll", "assembly.s"]
    index = (digits / "dumps" / "index.md").read_text()
    assert all(f"]({n})" in index for n in names if n[0].isdigit())


def test_stop_after(run: Run, tmp_path: Path) -> None:
    shown = _text(run("compile", MODEL, "--stop-after", "fold-constants", "--dump-ir", "d"))
    assert shown.startswith("module {") and "graph.conv2d(" in shown and not list(tmp_path.glob("*.so"))
    # the last run of the pass counts
    assert "| 03 | fold-constants |" in (tmp_path / "d" / "index.md").read_text()


def test_skip_pass_is_told_to_the_manifest(run: Run, tmp_path: Path) -> None:
    _text(run("compile", MODEL, "-o", "m.so", "--skip-pass", "fold-batch-norm", "--skip-pass", "cse"))
    pipeline = nw.load(tmp_path / "m.so").manifest["pipeline"]
    assert "fold-batch-norm" not in pipeline and "cse" not in pipeline and "canonicalize" in pipeline
    _text(run("compile", MODEL, "-o", "n.so", "--pipeline", pipeline))
    assert (tmp_path / "m.so").stat().st_size == (tmp_path / "n.so").stat().st_size


def test_print_ir(run: Run) -> None:
    common = ("compile", MODEL, "--stop-after", "cse")
    everything = _text(run(*common, "--print-ir-after-all"))
    changes = _text(run(*common, "--print-ir-after-change"))
    assert everything.count("// -----// IR after canonicalize //----- //\nmodule {") == 2
    assert "// -----// IR after canonicalize: no change //----- //\n" in changes
    assert len(changes) < len(everything)


def test_remarks(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.mlir").write_text(
        'module {\n  func.func @main(%x: tensor<1x4x4x8xf32> {graph.name = "x"}) -> (tensor<1x4x4x8xf32>, '
        "tensor<1x4x4x8xf32>) {\n"
        "    %w = graph.constant() {value = dense<1.0> : tensor<1x1x8x8xf32>} : tensor<1x1x8x8xf32>\n"
        "    %y = graph.conv2d(%x, %w) : tensor<1x4x4x8xf32>\n"
        "    %z = graph.relu(%y) : tensor<1x4x4x8xf32>\n"
        "    func.return(%y, %z)\n  }\n}\n"
    )
    done = run("opt", "a.mlir", "--pass", "fuse-conv-bias-relu", "--remarks")
    assert done.returncode == 0 and done.stderr.startswith("fuse-conv-bias-relu: graph."), done.stderr
    assert done.stderr.rstrip() in _text(run("compile", "a.mlir", "-o", "a.so", "--remarks"))


def test_output_that_nobody_reads_is_no_error(digits: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "netwright", "info", "--json", str(digits / "digits.so")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), cwd=tmp_path
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}])
def test_progress_on_a_terminal_alone(tmp_path: Path, variables: dict[str, str]) -> None:
    import os
    import pty

    here, there = pty.openpty()
    command = [sys.executable, "-m", "netwright", "compile", MODEL, "-o", "m.so"]
    env = environment(TERM="xterm", **variables)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=there, env=env, cwd=tmp_path)
    os.close(there)
    try:
        shown = os.read(here, 10000).decode()
    except OSError:  # nothing was written
        shown = ""
    os.close(here)
    assert done.returncode == 0 and b"\x1b" not in done.stdout
    if variables:
        assert shown == ""
    else:
        assert re.search(r" s  pass \d+ of \d+: fold-constants …", shown), shown
        assert " s  link …" in shown and shown.endswith("\r\x1b[K")


def test_the_clock_ticks_while_a_step_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """And it stands still once the line is taken away."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(terminal, "_TICK", 0.001)
    progress = terminal.Progress()
    drawn = shown.getvalue
    progress.tell("x" * 1000)
    while drawn().count("\r\x1b[K") < 4:
        time.sleep(0.001)
    progress.clear()
    assert max(map(len, drawn().split("\r\x1b[K"))) <= 79
    before = drawn()
    assert before.endswith("\r\x1b[K")
    time.sleep(0.01)
    assert drawn() == before


def test_check_lists_everything(run: Run, tmp_path: Path) -> None:
    """All obstacles at once, with the nearest op that is supported; as JSON too."""
    model = tmp_path / "model.pb"
    nodes = [
        placeholder("x", 2, 3),
        node("a", "Relu7", "x"),
        node("b", "Relu7", "a"),
        node("y", "Frobnicate", "b"),
    ]
    model.write_bytes(graph(*nodes))
    shown = _text(run("check", model), 1)
    assert "Frobnicate x 1 ('y'): this op is not supported" in shown
    assert "Relu7 x 2 ('a', 'b'): this op is not supported; the nearest that is: Relu" in shown
    rows = json.loads(_text(run("check", model, "--json"), 1))
    assert [(r["op"], r["count"], r["nodes"]) for r in rows] == [
        ("Frobnicate", 1, ["y"]), ("Relu7", 2, ["a", "b"])
    ]  # fmt: skip
    assert json.loads(_text(run("check", MODEL, "--json"))) == []


def test_check_lists_what_kernels_refuse(run: Run, tmp_path: Path) -> None:
    """Also that is told at once."""
    model = tmp_path / "model.pb"
    filters = [const(f"w{i}", np.full((1, 1, 4, 4), i, np.float32)) for i in range(2)]
    convs = [
        node(f"y{i}", "Conv2D", "x", f"w{i}", strides=(1, 1, 1, 1), padding="SAME", data_format="NHWC")
        for i in range(2)
    ]
    model.write_bytes(graph(placeholder("x", None, 8, 8, None), *filters, *convs))
    reason = "the filter's shape and the number of channels must be known"
    assert _text(run("check", model), 1) == (
        f"expected ops that can be compiled, found others:\n  conv2d x 2 (y0, y1): {reason}\n"
    )
    (row,) = json.loads(_text(run("check", model, "--json"), 1))
    assert row == {"op": "conv2d", "count": 2, "nodes": ["y0", "y1"], "reason": reason}
