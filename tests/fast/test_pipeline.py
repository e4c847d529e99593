"""Pipelines: their text, what runs of them, what observers see, what happens when a pass fails."""

from __future__ import annotations

import io
import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass

import netwright.compiler.passes as all_passes
import pytest
from netwright.compiler.explain.observers import (
    PrintObserver,
    TimeObserver,
    VerifyObserver,
    print_ir_after,
)
from netwright.compiler.ir.core import Op
from netwright.compiler.ir.parser import parse_module
from netwright.compiler.ir.passes import (
    PASSES,
    BaseObserver,
    Pass,
    PassContext,
    PassManager,
    make_pass,
    parse_pipeline,
    pipeline_text,
)
from netwright.compiler.ir.printer import print_op
from netwright.compiler.passes.fold_constants import FoldConstants
from netwright.compiler.passes.fuse_conv_bias_relu import FuseConvBiasRelu
from netwright.compiler.passes.pipelines import GRAPH_PASSES
from netwright.runtime.errors import OptionError, PassError, UnsupportedError, VerifyError

TEXT = """func.func @main(%x: tensor<2xf32>) -> (tensor<2xf32>) {
  %one = graph.constant() {value = dense<1.0> : tensor<f32>} : tensor<f32>
  %two = graph.add(%one, %one) : tensor<f32>
  %unused = graph.exp(%x) : tensor<2xf32>
  %y = graph.mul(%x, %two) : tensor<2xf32>
  func.return(%y)
}
"""


@dataclass(frozen=True)
class Options(Pass):
    """A pass with an option of each kind."""

    name = "test-options"
    level = "kern"
    count: int = 3
    ratio: float = 0.5
    deep_search: bool = False
    mode: str = "fast"

    def run(self, module: Op, context: PassContext) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Break(Pass):
    """Raises what it is told to."""

    name = "test-break"
    kind: str = "bug"

    def run(self, module: Op, context: PassContext) -> None:
        next(op for op in module.walk() if op.name == "graph.exp").erase()
        if self.kind == "user":
            raise UnsupportedError("graph.exp is not supported", ["graph.exp"])
        if self.kind == "law":
            next(op for op in module.walk() if op.name == "graph.mul").attributes["x"] = object()
        if self.kind == "bug":
            raise KeyError("oops")


for _name in ("test-options", "test-break"):
    del PASSES[_name]  # known in these tests alone


@pytest.fixture(autouse=True)
def _register(monkeypatch: pytest.MonkeyPatch) -> None:
    for cls in (Options, Break):
        monkeypatch.setitem(PASSES, cls.name, cls)


def test_text_reads_back() -> None:
    for passes in (
        (),
        GRAPH_PASSES,
        (FoldConstants(max_bytes=7), Options(), FuseConvBiasRelu()),
        (Options(count=-1, ratio=1e-3, deep_search=True, mode="slow"),),
    ):
        assert parse_pipeline(pipeline_text(passes)) == passes


def test_text_groups_by_level_and_shows_what_differs_from_the_default() -> None:
    passes = (FoldConstants(), FuseConvBiasRelu(max_steps=2), Options(deep_search=True), FoldConstants())
    assert pipeline_text(passes) == (
        "graph(fold-constants,fuse-conv-bias-relu{max-steps=2}),kern(test-options{deep-search=true}),"
        "graph(fold-constants)"
    )


@pytest.mark.parametrize(
    "text",
    [
        "cse,test-options{count=4 mode=slow},dce",
        " graph( cse ) , kern(test-options{ count=4   mode=slow }),\n graph(dce)",
        "cse,kern(test-options{count=4 mode=slow}),dce",
        "graph(),graph(cse),test-options{count=4 mode=slow},graph(dce)",
    ],
)
def test_level_names_may_be_left_out(text: str) -> None:
    got = parse_pipeline(text)
    assert [p.text for p in got] == ["cse", "test-options{count=4 mode=slow}", "dce"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing", "unknown pass 'nothing'; known passes: .*canonicalize, cse, dce"),
        ("cse{fast=true}", "pass 'cse' has no option 'fast'; its options: none"),
        (
            "fold-constants{max-byte=1}",
            "pass 'fold-constants' has no option 'max-byte'; its options: max-bytes",
        ),
        (
            "fold-constants{max-bytes=many}",
            "option max-bytes of fold-constants: expected a number, received 'many'",
        ),
        (
            "test-options{deep-search=yes}",
            "option deep-search of test-options: expected true or false, received 'yes'",
        ),
        ("kern(cse)", "pass 'cse' belongs to level graph, not kern"),
        ("tensor(cse)", "unknown level 'tensor' in the pipeline; levels: graph, kern, loops"),
        ("graph(cse", r"cannot read 'graph\(cse' in the pipeline"),
        ("cse)", r"cannot read 'cse\)' in the pipeline"),
        ("cse,", "cannot read '' in the pipeline"),
        ("cse,,dce", "cannot read '' in the pipeline"),
        ("graph(cse)kern(dce)", "cannot read"),
        ("graph(kern(test-options))", r"cannot read 'kern\(test-options\)' in the pipeline"),
        ("cse{", "cannot read 'cse{' in the pipeline"),
    ],
)
def test_errors(text: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        parse_pipeline(text)


def test_every_file_of_passes_is_registered_and_tested_under_its_name() -> None:
    for file in all_passes.FILES:
        name = file.replace("_", "-")
        assert type(make_pass(name)).__name__ == "".join(word.title() for word in file.split("_"))
        assert make_pass(name).__doc__
        assert make_pass(name).level == "graph"
    found = {m.name for m in pkgutil.iter_modules(all_passes.__path__)}
    assert set(all_passes.FILES) <= found


class Record(BaseObserver):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def start(self, module: Op, passes: Sequence[Pass]) -> None:
        self.seen.append("start " + " ".join(p.name for p in passes))

    def before(self, index: int, p: Pass, module: Op) -> None:
        self.seen.append(f"{index} before {p.name}")

    def after(self, index: int, p: Pass, module: Op, context: PassContext) -> None:
        self.seen.append(f"{index} after {p.name}")


def test_observers_see_each_pass() -> None:
    record = Record()
    PassManager(parse_pipeline("cse,dce"), (record,)).run(parse_module(TEXT), PassContext())
    assert record.seen == ["start cse dce", "0 before cse", "0 after cse", "1 before dce", "1 after dce"]


def test_stop_after_and_skip() -> None:
    passes = parse_pipeline("cse,dce,canonicalize,dce,fold-constants")

    def names(**kw: object) -> list[str]:
        return [p.name for p in PassManager(passes, **kw).plan()]  # pyright: ignore[reportArgumentType]

    assert names(stop_after="canonicalize") == ["cse", "dce", "canonicalize"]
    assert names(stop_after="dce") == ["cse", "dce", "canonicalize", "dce"]
    assert names(skip=("dce",)) == ["cse", "canonicalize", "fold-constants"]
    assert names(skip=("dce",), stop_after="dce") == ["cse", "canonicalize"]
    for wrong in ({"skip": ("dec",)}, {"stop_after": "dec"}):
        with pytest.raises(
            OptionError, match="pass 'dec' is not in the pipeline: cse, dce, canonicalize, fold-"
        ):
            names(**wrong)


def test_a_failing_pass_is_named_and_its_input_is_kept() -> None:
    kept: list[tuple[str, list[str], str]] = []

    def on_failure(original: Op, before: Sequence[Pass], failing: Pass) -> str:
        kept.append((print_op(original), [p.name for p in before], failing.text))
        return "/tmp/reproducer.mlir"

    module = parse_module(TEXT)
    before = print_op(module)
    passes = (FoldConstants(), Break())
    with pytest.raises(
        PassError, match=r"pass 'test-break' failed: 'oops'; the module before it is in /tmp/rep"
    ) as e:
        PassManager(passes, on_failure=on_failure).run(module, PassContext())
    assert e.value.reproducer == "/tmp/reproducer.mlir"
    assert isinstance(e.value.__cause__, KeyError)
    assert kept == [(before, ["fold-constants"], "test-break")]
    again = parse_module(kept[0][0])
    with pytest.raises(PassError, match="pass 'test-break' failed: 'oops'"):
        PassManager(passes).run(again, PassContext())


def test_a_users_error_passes_through() -> None:
    with pytest.raises(UnsupportedError, match=r"graph.exp is not supported"):
        PassManager((Break("user"),)).run(parse_module(TEXT), PassContext())


def test_the_verifier_blames_the_pass_that_broke_the_law() -> None:
    manager = PassManager((FoldConstants(), Break("law"), FoldConstants()), (VerifyObserver(),))
    with pytest.raises(PassError, match=r"pass 'test-break' failed: graph.mul .* which IR text cannot hold"):
        manager.run(parse_module(TEXT), PassContext())


def test_the_verifier_blames_no_pass_for_a_module_that_came_broken() -> None:
    module = parse_module(TEXT)
    next(op for op in module.walk() if op.name == "graph.mul").attributes["x"] = object()
    with pytest.raises(VerifyError):
        PassManager((FoldConstants(),), (VerifyObserver(),)).run(module, PassContext())


def test_times_are_there_to_be_read() -> None:
    times = TimeObserver()
    PassManager(GRAPH_PASSES, (times,)).run(parse_module(TEXT), PassContext())
    assert [name for name, _ in times.seconds] == [p.name for p in GRAPH_PASSES]
    assert times.total == sum(s for _, s in times.seconds)
    assert all(s >= 0 for _, s in times.seconds)


def test_print_ir_after_all() -> None:
    stream = io.StringIO()
    PassManager(parse_pipeline("cse,dce"), (print_ir_after(stream),)).run(parse_module(TEXT), PassContext())
    first, second = stream.getvalue().split("// -----// IR after ")[1:]
    assert first.startswith("cse //----- //\nmodule {\n")
    assert second.startswith("dce //----- //\nmodule {\n")
    assert print_op(parse_module("// " + second)) == second.partition("\n")[2]
    assert "%unused" in first
    assert "%unused" not in second


def test_print_ir_after_change() -> None:
    stream = io.StringIO()
    observer = print_ir_after(stream, only_changes=True, generic=True)
    assert isinstance(observer, PrintObserver)
    PassManager(parse_pipeline("cse,dce"), (observer,)).run(parse_module(TEXT), PassContext())
    lines = stream.getvalue().splitlines()
    assert lines[0] == "// -----// IR after cse: no change //----- //"
    assert lines[1] == "// -----// IR after dce //----- //"
    assert lines[2] == '"builtin.module"() ({'


def test_remarks_are_noted_once_in_order() -> None:
    context = PassContext()
    ops = [op for op in parse_module(TEXT).walk() if op.name.startswith("graph.")]
    for _ in range(2):
        for op in ops[:2]:
            context.refuse("p", op, "because")
        context.refuse("p", ops[0], "also")
    assert [(r.op_name, r.reason) for r in context.remarks] == [
        ("graph.constant", "because"),
        ("graph.add", "because"),
        ("graph.constant", "also"),
    ]
    context.count("p")
    context.count("p", 2)
    assert context.statistics == {"p": 3}
