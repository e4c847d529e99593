"""The dump folder: numbered files, constants once each, an index, and reading it all back."""

from __future__ import annotations

import json
from pathlib import Path

import netwright.compiler.passes  # noqa: F401  registers the passes
import numpy as np
import pytest
from netwright.compiler.explain.dump import DumpObserver, read_dump, save_array
from netwright.compiler.ir.attributes import Dense
from netwright.compiler.ir.core import Builder, Op
from netwright.compiler.ir.location import Location
from netwright.compiler.ir.passes import PassContext, PassManager, parse_pipeline
from netwright.compiler.ir.printer import print_op
from netwright.compiler.ir.types import TensorType
from netwright.compiler.ir.verify import verify
from netwright.compiler.ops.activation import Relu
from netwright.compiler.ops.builtin import finish_function, new_function, new_module
from netwright.compiler.ops.constant import Constant
from netwright.compiler.ops.elementwise import Add, Mul
from netwright.compiler.ops.interpreter import run_module
from netwright.compiler.ops.matmul import MatMul
from netwright.runtime.errors import FormatError, InputError, ParseError
from netwright.runtime.spec import bf16, f32

PIPELINE = "cse,fold-batch-norm,canonicalize,fuse-conv-bias-relu,dce"


def network() -> Op:
    """A dense layer with large weights, a scale that folds, and constants that are small, equal or splats."""
    module = new_module("net")
    func, block = new_function(module, "main", [("x", TensorType((2, 8), f32))])
    b = Builder(block, location=Location.name("dense"))
    rng = np.random.default_rng(0)
    w = rng.standard_normal((8, 6)).astype(np.float32)
    y = b(MatMul, block.args[0], b(Constant, value=Dense(w, "dense/kernel")))
    scale = np.arange(1, 7, dtype=np.float32)
    y = b(Mul, y, b(Constant, value=Dense(scale, "scale")))
    y = b(Add, y, b(Constant, value=Dense(np.full((2, 6), 0.5, np.float32), "splat")))
    same = [b(Constant, value=Dense(np.arange(20, dtype=np.float32), n)) for n in ("t", "u")]
    y = b(Relu, y, location=Location.name("relu"))
    finish_function(func, [("y", y), *((f"{i}", v) for i, v in enumerate(same))])
    return module


def dump(folder: Path, module: Op, pipeline: str = PIPELINE) -> tuple[DumpObserver, PassContext]:
    observer, context = DumpObserver(folder), PassContext()
    PassManager(parse_pipeline(pipeline), (observer,)).run(module, context)
    return observer, context


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_files_are_numbered_and_unchanged_passes_are_only_listed(tmp_path: Path) -> None:
    dump(tmp_path, network())
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "00_import.mlir",
        "01_cse.mlir",
        "02_fold-batch-norm.mlir",
        "04_fuse-conv-bias-relu.mlir",
        "index.md",
        "resources",
    ]


def test_the_index(tmp_path: Path) -> None:
    dump(tmp_path, network())
    assert (tmp_path / "index.md").read_text(encoding="utf-8") == (
        "# Passes\n\n"
        "`graph(cse,fold-batch-norm,canonicalize,fuse-conv-bias-relu,dce)`\n\n"
        "| number | pass | changed | ops before | ops after | kinds of ops that changed | reasons | file |\n"
        "|--:|---|---|--:|--:|---|--:|---|\n"
        "| 00 | import | yes | 0 | 12 | builtin.module 0 → 1, func.func 0 → 1, func.return 0 → 1, "
        "graph.add 0 → 1, graph.constant 0 → 5, graph.matmul 0 → 1, graph.mul 0 → 1, graph.relu 0 → 1 "
        "| 0 | [00_import.mlir](00_import.mlir) |\n"
        "| 01 | cse | yes | 12 | 11 | graph.constant 5 → 4 | 0 | [01_cse.mlir](01_cse.mlir) |\n"
        "| 02 | fold-batch-norm | yes | 11 | 9 | graph.constant 4 → 3, graph.mul 1 → 0 | 0 "
        "| [02_fold-batch-norm.mlir](02_fold-batch-norm.mlir) |\n"
        "| 03 | canonicalize | no | 9 | 9 |  | 0 | [02_fold-batch-norm.mlir](02_fold-batch-norm.mlir) |\n"
        "| 04 | fuse-conv-bias-relu | yes | 9 | 7 | graph.add 1 → 0, graph.fused_matmul 0 → 1, "
        "graph.matmul 1 → 0, graph.relu 1 → 0 | 0 "
        "| [04_fuse-conv-bias-relu.mlir](04_fuse-conv-bias-relu.mlir) |\n"
        "| 05 | dce | no | 7 | 7 |  | 0 | [04_fuse-conv-bias-relu.mlir](04_fuse-conv-bias-relu.mlir) |\n"
    )


def test_every_file_reads_back_and_runs_again(tmp_path: Path) -> None:
    module = network()
    x = np.random.default_rng(1).standard_normal((2, 8)).astype(np.float32)
    want = run_module(module, [x])
    dump(tmp_path, module)
    files = sorted(tmp_path.glob("*.mlir"))
    assert len(files) == 4
    for file in files:
        again = read_dump(file)
        verify(again)
        text = file.read_text(encoding="utf-8")
        assert print_op(again) == text.partition("// resources:")[0]
        for got, wanted in zip(run_module(again, [x]), want, strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
    assert print_op(read_dump(files[-1])) == print_op(module)


def test_the_last_line_maps_names_to_hashes(tmp_path: Path) -> None:
    dump(tmp_path, network())
    last = (tmp_path / "00_import.mlir").read_text(encoding="utf-8").splitlines()[-1]
    hashes = json.loads(last.removeprefix("// resources: "))
    assert sorted(hashes) == ["dense/kernel", "t", "u"], "splats and small constants stand in the text"
    assert hashes["t"] == hashes["u"]
    stored = {p.stem for p in (tmp_path / "resources").iterdir()}
    after = (tmp_path / "02_fold-batch-norm.mlir").read_text(encoding="utf-8").splitlines()[-1]
    assert stored == {*hashes.values(), *json.loads(after.removeprefix("// resources: ")).values()}


def test_the_same_compilation_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        dump(tmp_path / name, network())
    assert content(tmp_path / "a") == content(tmp_path / "b")


def test_an_older_dump_is_replaced_and_other_files_stay(tmp_path: Path) -> None:
    dump(tmp_path / "old", network())
    (tmp_path / "old" / "notes.txt").write_text("mine", encoding="utf-8")
    (tmp_path / "old" / "resources" / "0123456789abcdef.npy").write_bytes(b"stale")
    dump(tmp_path / "old", network(), "dce")
    dump(tmp_path / "new", network(), "dce")
    assert content(tmp_path / "old") == {**content(tmp_path / "new"), "notes.txt": b"mine"}


def test_constants_are_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    save = np.save

    def note(file, array, **kw) -> None:
        written.append(file.name)
        save(file, array, **kw)

    monkeypatch.setattr(np, "save", note)
    dump(tmp_path, network())
    assert len(written) == len(set(written)) == 3


def test_the_index_is_there_when_a_pass_fails(tmp_path: Path) -> None:
    module = network()
    observer = DumpObserver(tmp_path)
    observer.start(module, parse_pipeline("cse,dce"))
    (cse, _) = parse_pipeline("cse,dce")
    cse.run(module, PassContext())
    observer.after(0, cse, module, PassContext())
    assert "| 01 | cse | yes |" in (tmp_path / "index.md").read_text(encoding="utf-8")


def test_reasons_are_counted_by_pass(tmp_path: Path) -> None:
    module = network()
    observer, context = DumpObserver(tmp_path), PassContext()
    passes = parse_pipeline("cse,dce")
    observer.start(module, passes)
    context.refuse("cse", module, "one")
    observer.after(0, passes[0], module, context)
    context.refuse("dce", module, "two")
    context.refuse("dce", module, "three")
    observer.after(1, passes[1], module, context)
    assert [r.reasons for r in observer.rows] == [0, 1, 2]


def test_texts_of_later_levels_follow_the_passes(tmp_path: Path) -> None:
    observer, _ = dump(tmp_path, network(), "cse")
    observer.add_text("model.ll", "; llvm\n")
    observer.add_text("model.s", "# assembly\n")
    assert (tmp_path / "02_model.ll").read_text(encoding="utf-8") == "; llvm\n"
    index = (tmp_path / "index.md").read_text(encoding="utf-8")
    assert index.endswith("|\n\n- [02_model.ll](02_model.ll)\n- [03_model.s](03_model.s)\n")


def constant_module(value: Dense) -> Op:
    module = new_module()
    func, block = new_function(module, "main", [])
    finish_function(func, [("y", Builder(block)(Constant, value=value))])
    return module


@pytest.mark.parametrize(
    "value",
    [
        Dense(np.arange(40, dtype=np.uint16), "bits", bf16),
        Dense(np.arange(40, dtype=np.float16), 'quotes " and / and é'),
        Dense(np.arange(40, dtype=np.int8).reshape(5, 8).T, "transposed"),
        Dense(np.arange(80, dtype=np.float64)[::2], "strided"),
        Dense(np.broadcast_to(np.arange(20, dtype=np.float32), (3, 20)), "repeated"),
        Dense(np.arange(40) % 3 == 0, "bools"),
        Dense(np.array([np.nan, -0.0, np.inf] * 9, np.float32), "special"),
        Dense(np.arange(40, dtype=np.uint64), ""),
    ],
    ids=lambda v: v.name,
)
def test_constants_of_all_kinds_read_back(tmp_path: Path, value: Dense) -> None:
    dump(tmp_path, constant_module(value), "dce")
    again = read_dump(tmp_path / "00_import.mlir")
    (constant,) = (op for op in again.walk() if isinstance(op, Constant))
    assert constant.value == value
    assert constant.value.dtype == value.dtype
    assert len(list((tmp_path / "resources").iterdir())) == 1


def test_arrays_are_written_without_a_copy(tmp_path: Path) -> None:
    array = np.zeros((64, 1024, 1024), np.uint8)

    class Watched(np.ndarray):
        def copy(self, order="C"):
            raise AssertionError("copied")

        def tobytes(self, order="C"):
            raise AssertionError("copied")

    save_array(tmp_path / "a.npy", array.view(Watched))
    assert (tmp_path / "a.npy").stat().st_size == array.nbytes + 128
    assert [p.name for p in tmp_path.iterdir()] == ["a.npy"]


def test_resources_may_lie_elsewhere(tmp_path: Path) -> None:
    dump(tmp_path / "a", network(), "dce")
    lone = tmp_path / "lone.mlir"
    (tmp_path / "a" / "00_import.mlir").rename(lone)
    read_dump(lone, tmp_path / "a" / "resources")
    with pytest.raises(FormatError, match=r"the values of 'dense/kernel' cannot be read from .*\.npy"):
        read_dump(lone)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("// resources: {", "the last line should map names to hashes"),
        ("// resources: " + "[" * 100_000, "the last line should map names to hashes"),
        ("// resources: [1]", r"\[1\] is no hash"),
        ('// resources: {"w": "../../etc/passwd"}', "'../../etc/passwd' is no hash of the values of 'w'"),
        ('// resources: {"w": 3}', "3 is no hash"),
    ],
    ids=["cut", "deep", "list", "path", "number"],
)
def test_hostile_maps_are_refused(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "m.mlir"
    file.write_text("module {\n}\n" + line + "\n", encoding="utf-8")
    with pytest.raises(FormatError, match=message):
        read_dump(file)


@pytest.mark.parametrize("data", [b"", b"\x93NUMPY\x01\x00", b"nonsense", b"\x80\x04]."])
def test_broken_resources_are_refused(tmp_path: Path, data: bytes) -> None:
    dump(tmp_path, network(), "dce")
    for path in (tmp_path / "resources").iterdir():
        path.write_bytes(data)
    with pytest.raises(FormatError, match="cannot be read from"):
        read_dump(tmp_path / "00_import.mlir")


def test_resources_of_another_shape_are_refused(tmp_path: Path) -> None:
    dump(tmp_path, network(), "dce")
    for path in (tmp_path / "resources").iterdir():
        np.save(path, np.zeros(3, np.float32))
    with pytest.raises(ParseError, match=r"resource 'dense/kernel' is float32\[3\], not tensor<8x6xf32>"):
        read_dump(tmp_path / "00_import.mlir")


def test_files_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        read_dump(tmp_path / "missing.mlir")
    (tmp_path / "binary.mlir").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FormatError, match="is no IR text"):
        read_dump(tmp_path / "binary.mlir")
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="cannot write a dump to"):
        dump(tmp_path / "file", network())
