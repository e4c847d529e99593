"""netwright bench: what it prints and writes, and what it says of other runtimes. No time is asserted."""

import csv
import io
import itertools
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import netwright as nw
import numpy as np
import pytest
from netwright.frontends.cli import tables
from netwright.frontends.cli.bench_work import work_of

from ..fast.tensorflow.graphs import const, graph, node, placeholder
from .conftest import INPUT, Run, environment

NUMBER = r"\d+\.\d+"
#: stands for the package of a runtime: models are lists of sizes, results lie beside them
FAKE = """
import json, pathlib, types, numpy
__version__ = "9.9"
class SessionOptions: pass
class InferenceSession:
    def __init__(self, path, options, providers):
        print("a line that is no answer")
        self.path = pathlib.Path(path)
        self.shape = json.loads(self.path.read_text())
        if self.shape == "die": __import__("os")._exit(3)
    def get_inputs(self):
        return [types.SimpleNamespace(name="image:0", shape=self.shape, type="tensor(float)")]
    def get_outputs(self):
        return [types.SimpleNamespace(name="Identity:0")]
    def run(self, names, feed):
        assert list(feed) == ["image:0"] and names == ["Identity:0"]
        return [numpy.load(self.path.with_name("y.npy"))]
"""


@pytest.fixture
def bench(run: Run, digits: Path) -> Callable[..., str]:
    """Runs the command for a moment; its standard output."""

    def check(*args: object, code: int = 0, **env: str) -> str:
        done = run("bench", digits / "digits.so", "--seconds", "0.01", *args, **env)
        assert (done.returncode, done.stderr) == (code, "")
        return str(done.stdout)

    return check


@pytest.fixture
def fake(tmp_path: Path, digits: Path) -> Path:
    """A Python with a package `onnxruntime` and without the others; results for the sample's inputs."""
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "onnxruntime.py").write_text(FAKE)
    for name in ("openvino", "ai_edge_litert", "tflite_runtime", "tensorflow"):
        (packages / f"{name}.py").write_text("raise ImportError('not installed')")
    path = f"{packages}:{environment()['PYTHONPATH']}"
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={path} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    y = nw.load(digits / "digits.so")(np.load(INPUT))
    np.save(tmp_path / "y.npy", np.asarray(y) * np.float32(1.5))
    (tmp_path / "m.onnx").write_text('["n", 8, 8, 1]')
    return python


def test_the_figures(bench: Callable[..., str]) -> None:
    for more in (("--batch", "2"), ("--input", f"image={INPUT}", "--threads", "2")):
        lines = bench(*more).splitlines()
        assert len(lines) == 4
        patterns = (
            rf"load {NUMBER} ms, first call {NUMBER} ms, \d+ calls on \d thread\(s\)",
            rf"median {NUMBER} ms, min {NUMBER}, 10 % {NUMBER}, 90 % {NUMBER}, 99 % {NUMBER}",
            rf"speed: {NUMBER} GFLOP/s, {NUMBER} % of the peak of {NUMBER} \(multiply-adds in \d+-byte vectors\), "
            r"at \S+ MFLOP a call",
            rf"memory: {NUMBER} GB/s, when {NUMBER} MiB are read again and again: the size of weights .*",
        )
        for line, pattern in zip(lines, patterns, strict=True):
            assert re.fullmatch(pattern, line), line


def test_json_and_profile(bench: Callable[..., str], digits: Path, tmp_path: Path) -> None:
    shown = bench("--batch", "3", "--json", "b.json", "--profile", "--csv", "p.csv")
    data: dict[str, Any] = json.loads((tmp_path / "b.json").read_text())
    calls = nw.load(digits / "digits.so").manifest["calls"]
    assert data["model"] == "digits" and data["threads"] == 1
    assert data["inputs"] == {"image": {"dtype": "float32", "shape": [3, 8, 8, 1]}}
    assert list(data["ms"]) == ["min", "p10", "p50", "p90", "p99"]
    assert sorted(data["ms"].values()) == list(data["ms"].values())
    assert data["library_bytes"] == (digits / "digits.so").stat().st_size
    rows = data["profile"]["calls"]
    assert data["flop"] == sum(r["flop"] for r in rows) > 0
    assert data["bytes"] == sum(r["bytes"] for r in rows)
    assert data["gflops"] == pytest.approx(data["flop"] / data["ms"]["p50"] / 1e6)
    assert data["of_peak"] == pytest.approx(data["gflops"] / data["peak_gflops"])
    assert [(r["call"], r["layer"], r["kernel"]) for r in rows] == [
        (i, c["layer"], c["kernel"]) for i, c in enumerate(calls)
    ]
    assert sum(r["share"] for r in rows) == pytest.approx(1)
    families = data["profile"]["families"]
    assert sum(f["us"] for f in families) == pytest.approx(sum(r["us"] for r in rows))
    for r in rows:
        roof = max(r["gflops"] / data["peak_gflops"], r["gbytes"] / data["read_gbytes"])
        assert r["times"] == 1 and r["of_roofline"] == pytest.approx(roof)
        assert r["gflops"] == pytest.approx(r["flop"] / r["us"] / 1e3)
    with open(tmp_path / "p.csv", newline="") as f:
        read = list(csv.DictReader(f))
    assert [r["layer"] for r in read] == [c["layer"] for c in calls]
    assert [float(r["us"]) for r in read] == [r["us"] for r in rows]
    table = shown.splitlines()[5:]
    assert table[0].split("  ")[0] == "call" and table[0].endswith("layer")
    for c, line in zip(calls, table[1:], strict=False):
        assert line.endswith("  " + c["layer"])  # in full, as nothing here is a terminal
    assert f"{data['profile']['runs']} runs, " in table[-1]


def test_trace(bench: Callable[..., str], digits: Path, tmp_path: Path) -> None:
    assert "call" not in bench("--trace", "t.json").splitlines()[-1]
    trace = json.loads((tmp_path / "t.json").read_text())
    events = [e for e in trace["traceEvents"] if e["ph"] == "X"]
    calls = nw.load(digits / "digits.so").manifest["calls"]
    assert [e["args"]["layer"] for e in events] == [c["layer"] for c in calls]
    assert [e["name"] for e in events] == [c["kernel"] for c in calls]
    for e in events:
        assert e["dur"] >= 0 and isinstance(e["args"]["flops"], int) and isinstance(e["args"]["bytes"], int)
    for a, b in itertools.pairwise(events):
        assert b["ts"] == pytest.approx(a["ts"] + a["dur"])


def test_beside_another_runtime(bench: Callable[..., str], fake: Path, tmp_path: Path) -> None:
    (tmp_path / "b.onnx").write_text("[1, 8, 8, 1]")  # does not fit; the next one does
    shown = bench(
        "--input", INPUT, "--json", "b.json", "--against", "onnxruntime,openvino,tflite", "--peer-python", fake,
        "--model", "b.onnx", "--model", "m.onnx",
    )  # fmt: skip
    head, ours, theirs, *others = shown.splitlines()[5:]
    assert head.split() == ["median", "ms", "ratio", "largest", "difference", "runtime", "model"]
    assert re.fullmatch(rf" *{NUMBER} +1\.00 +netwright", ours)
    assert re.fullmatch(rf" *{NUMBER} +{NUMBER} +3\.3e-01  onnxruntime 9\.9  m\.onnx", theirs)
    assert others == [
        f"openvino: not measured: expected the package openvino in {fake}, which lacks it: "
        "install it there, or name a Python that has it with --peer-python",
        "tflite: not measured: expected a model file of kind .tflite, received b.onnx, m.onnx: "
        "give one with --model",
    ]
    data = json.loads((tmp_path / "b.json").read_text())
    first, *rest = data["peers"]
    assert first["model"] == "m.onnx" and first["version"] == "9.9" and first["calls"] > 0
    assert first["ratio"] > 0 and first["difference"] == pytest.approx(1 / 3, rel=1e-3)
    assert [p["name"] for p in rest] == ["openvino", "tflite"] and all(p["problem"] for p in rest)


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        ("[1, 8, 8, 1]", "its input image:0 is float32[1, 8, 8, 1], the library's float32[3, 8, 8, 1]"),
        ("[", "Expecting value: line 1 column 2 (char 1)"),
        ('"die"', "its process ended with code 3"),
    ],
)
def test_models_that_do_not_fit(
    bench: Callable[..., str], fake: Path, tmp_path: Path, model: str, problem: str
) -> None:
    (tmp_path / "m.onnx").write_text(model)
    shown = bench(
        "--input", INPUT, "--against", "onnxruntime", "--peer-python", f"onnxruntime={fake}", "--model", "m.onnx",
        code=1,
    )  # fmt: skip
    last = shown.splitlines()[-1]
    assert last.startswith("onnxruntime: not measured: ") and problem in last and "--model" in last


def test_a_python_that_does_not_start(bench: Callable[..., str], fake: Path) -> None:
    args = ("--against", "onnxruntime", "--model", "m.onnx", "--peer-python", "nowhere/python")
    last = bench(*args, code=1).splitlines()[-1]
    assert last == (
        "onnxruntime: not measured: cannot start 'nowhere/python': No such file or directory; "
        "name another with --peer-python"
    )


def test_errors(refused: Callable[..., str], digits: Path, tmp_path: Path) -> None:
    library = digits / "digits.so"
    (tmp_path / "m.onnx").write_text("")
    short = ("bench", library, "--seconds", "0.01")
    assert refused(*short, "--against", "tflite") == "--against needs --model FILE too"
    assert refused(*short, "--model", "m.onnx") == "--model needs --against NAMES too"
    assert refused(*short, "--against", "tflite", "--model", "no.tflite") == (
        "expected a model file for --model, received 'no.tflite', which does not exist"
    )
    said = refused(*short, "--against", "tflite", "--model", "m.onnx", "--peer-python", "torch=x")
    assert said == (
        "expected PATH or PEER=PATH for --peer-python, received 'torch=x'; "
        "peers: onnxruntime, openvino, tflite"
    )
    for option in ("--json", "--trace", "--csv"):
        assert refused(*short, option, "no/file") == "cannot write 'no/file': No such file or directory"


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("--against", "torch"), "expected some of onnxruntime, openvino, tflite, received 'torch'"),
        (("--seconds", "0"), "expected a number of seconds above 0, received 0"),
        (("--seconds", "x"), "invalid seconds value: 'x'"),
    ],
)
def test_wrong_usage(run: Run, args: tuple[str, ...], sentence: str) -> None:
    done = run("bench", "a.so", *args)
    assert done.returncode == 2 and sentence in done.stderr


LAYERS = ["net/block1/conv/Conv2D + net/block1/bn/mul + net/block1/relu/Relu", "net/head/MatMul"]


@pytest.mark.parametrize(
    ("width", "want"),
    [
        (None, LAYERS),
        (60, ["block1/conv/Conv2D + block1/bn/mul + block1/relu/Relu", "head/MatMul"]),
        (30, ["block1/conv/Conv2D +2", "head/MatMul"]),
        (16, ["block1…Conv2D +2", "head/MatMul"]),
    ],
)
def test_layers_are_cut_to_the_terminal(width: int | None, want: list[str]) -> None:
    got = tables.layer_texts(LAYERS, width)
    assert got == want and (width is None or max(map(len, got)) <= width)
    assert tables.layer_texts([], width) == [] and tables.layer_texts(["", "a"], width) == ["", "a"]


def test_only_a_terminal_has_a_width(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert tables.width_of_output(["x" * 40]) == 58
    assert tables.width_of_output(["x" * 200]) == 16
    monkeypatch.setenv("NO_COLOR", "1")
    assert tables.width_of_output([""]) is None


def test_sizes_that_data_decides_leave_gaps(run: Run, tmp_path: Path) -> None:
    """How much is computed is not known, and is not made up."""
    nodes = [
        placeholder("x", None, 3),
        const("zero", np.float32(0)),
        node("above", "Greater", "x", "zero", T="float32"),
        node("where", "Where", "above", T="bool"),
        node("double", "AddV2", "where", "where", T="int64"),
    ]
    (tmp_path / "m.pb").write_bytes(graph(*nodes))
    assert run("compile", "m.pb", "-o", "m.so").returncode == 0
    done = run("bench", "m.so", "--seconds", "0.01", "--profile", "--json", "b.json", "--batch", "4")
    assert done.returncode == 0, done.stderr
    assert "\nspeed: unknown, as data decides how much is computed\n" in done.stdout and " ? " in done.stdout
    data = json.loads((tmp_path / "b.json").read_text())
    assert data["flop"] is None and data["gflops"] is None and data["of_peak"] is None
    unknown = [r for r in data["profile"]["calls"] if r["flop"] is None]
    assert unknown and all(r["gflops"] is None and r["of_roofline"] is None and r["us"] > 0 for r in unknown)


def test_a_library_without_a_list_of_calls(digits: Path) -> None:
    model = nw.load(digits / "digits.so")
    del model.manifest["calls"]
    with pytest.raises(
        nw.Error, match=r"expected a list of kernel calls in the manifest of .*, received none: compile"
    ):
        work_of(model, [np.load(INPUT)])
