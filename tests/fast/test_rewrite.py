"""The pattern driver: matching, reasons, ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import netwright.compiler.ops  # noqa: F401  registers the ops
import pytest
from netwright.compiler.ir.core import Builder, Op, Value
from netwright.compiler.ir.location import Location
from netwright.compiler.ir.parser import parse_module
from netwright.compiler.ir.passes import PASSES, PassContext
from netwright.compiler.ir.printer import print_op
from netwright.compiler.ir.rewrite import Match, P, RewritePass, erase_if_dead, is_dead, rewrite_greedily
from netwright.compiler.ir.verify import verify
from netwright.compiler.ops.activation import Exp, Log, Neg, Relu
from netwright.compiler.ops.elementwise import Add, Mul, Sub
from netwright.runtime.errors import PassError


@pytest.fixture(autouse=True)
def _forget_passes() -> Iterator[None]:
    """The passes of these tests are not left registered."""
    before = dict(PASSES)
    yield
    PASSES.clear()
    PASSES.update(before)


def module_of(*lines: str, args: int = 3) -> Op:
    """A function of that many vectors that returns %r."""
    given = ", ".join(f"%{n}: tensor<2xf32>" for n in "xyz"[:args])
    body = "\n".join(line + " : tensor<2xf32>" + loc for line, loc in (_split(x) for x in lines))
    module = parse_module(f"func.func @main({given}) -> (tensor<2xf32>) {{\n{body}\nfunc.return(%r)\n}}")
    verify(module)
    return module


def _split(line: str) -> tuple[str, str]:
    op, _, name = line.partition(" @ ")
    return op, f' loc("{name}")' if name else ""


def names(module: Op) -> list[str]:
    return [op.name.removeprefix("graph.") for op in module.walk() if op.name.startswith("graph.")]


def run(module: Op, *rewrites: RewritePass) -> PassContext:
    context = PassContext()
    rewrite_greedily(module, rewrites, context)
    verify(module)
    return context


@dataclass(frozen=True)
class LogOfExp(RewritePass):
    """log(exp(x)) becomes x, when exp is used only here."""

    name = "log-of-exp"

    def pattern(self) -> P:
        return P(Log, P(Exp, "x", name="exp"))

    def check(self, m: Match) -> str | None:
        users = m.exp.result.users
        return None if len(users) == 1 else f"{m.exp.location} has {len(users)} users"

    def rewrite(self, b: Builder, m: Match) -> Value:
        return m.x


@dataclass(frozen=True)
class AddOfNeg(RewritePass):
    """x + -y becomes x - y."""

    name = "add-of-neg"

    def pattern(self) -> P:
        return P(Add, "x", P(Neg, "y"))

    def rewrite(self, b: Builder, m: Match) -> Value:
        return b(Sub, m.x, m.y)


def test_a_match_is_replaced_and_its_dead_ops_go() -> None:
    module = module_of("%a = graph.exp(%x)", "%b = graph.log(%a)", "%r = graph.relu(%b)")
    context = run(module, LogOfExp())
    assert names(module) == ["relu"]
    assert context.statistics == {"log-of-exp": 1}
    assert context.remarks == []


def test_a_replacement_is_looked_at_again() -> None:
    lines = ["%v0 = graph.exp(%x)"]
    lines += [f"%v{i + 1} = graph.exp(%v{i})" for i in range(9)]
    lines += [f"%v{i + 1} = graph.log(%v{i})" for i in range(9, 19)] + ["%r = graph.neg(%v19)"]
    module = module_of(*lines)
    assert run(module, LogOfExp()).statistics == {"log-of-exp": 10}
    assert names(module) == ["neg"]


def test_commutative_operands_match_in_either_order() -> None:
    for line in ("%r = graph.add(%x, %n)", "%r = graph.add(%n, %x)"):
        module = module_of("%n = graph.neg(%y)", line)
        run(module, AddOfNeg())
        assert "%r = graph.sub(%x, %y)" in print_op(module)


def test_others_match_in_order_only() -> None:
    pattern = P(Sub, "x", P(Neg, "y"))
    for line, n in (("%r = graph.sub(%x, %n)", 1), ("%r = graph.sub(%n, %x)", 0)):
        module = module_of("%n = graph.neg(%y)", line)
        assert sum(len(list(pattern.match(op))) for op in module.walk()) == n


def test_all_ways_to_match_are_tried() -> None:
    module = module_of("%a = graph.neg(%x)", "%b = graph.neg(%y)", "%r = graph.add(%a, %b)")
    pattern = P(Add, P(Neg, "u"), P(Neg, "v"))
    add = next(op for op in module.walk() if isinstance(op, Add))
    assert [(m.u.hint, m.v.hint) for m in pattern.match(add)] == [("x", "y"), ("y", "x")]


def test_one_name_is_one_value() -> None:
    pattern = P(Add, P(Mul, "x", "y"), "x")
    for last, found in (("%x", True), ("%y", True), ("%z", False)):
        module = module_of("%a = graph.mul(%x, %y)", f"%r = graph.add({last}, %a)")
        assert any(True for op in module.walk() for _ in pattern.match(op)) == found


def test_captures_and_locations() -> None:
    module = module_of("%a = graph.neg(%x) @ inner", "%r = graph.add(%y, %a) @ outer")
    pattern = P((Add, Mul), "x", P(Neg, "y"), name="sum")
    (m,) = (m for op in module.walk() for m in pattern.match(op))
    assert isinstance(m.sum, Add)
    assert m.x.hint == "y"
    assert m.location == Location(("inner", "outer"))
    with pytest.raises(AttributeError, match="the pattern captures no 'z'"):
        _ = m.z
    run(module, AddOfNeg())
    (sub,) = (op for op in module.walk() if isinstance(op, Sub))
    assert sub.location == Location(("inner", "outer"))


def test_a_refused_match_gives_its_reason() -> None:
    module = module_of("%a = graph.exp(%x) @ e", "%b = graph.log(%a) @ l", "%r = graph.add(%a, %b)")
    context = run(module, LogOfExp())
    assert [(r.pass_name, r.op_name, str(r.location), r.reason) for r in context.remarks] == [
        ("log-of-exp", "graph.log", "l", "e has 2 users")
    ]
    assert names(module) == ["exp", "log", "add"]


def test_a_reason_that_no_longer_holds_is_not_given() -> None:
    module = module_of(
        "%a = graph.exp(%x) @ e", "%b = graph.log(%a) @ l", "%n = graph.neg(%a)", "%c = graph.add(%y, %n)",
        "%d = graph.neg(%b)", "%r = graph.add(%d, %y)",
    )  # fmt: skip

    @dataclass(frozen=True)
    class DropNeg(RewritePass):
        """A negation becomes y."""

        name = "drop-neg"

        def pattern(self) -> P:
            return P(Neg, P(Exp, "x"))

        def rewrite(self, b: Builder, m: Match) -> Value:
            (y,) = (op.operands[0] for op in module.walk() if isinstance(op, Add) and op.result.hint == "c")
            return y

    context = run(module, LogOfExp(), DropNeg())
    assert "log" not in names(module), "the use that stood in the way is gone, and the op was looked at again"
    assert context.remarks == []


def test_reasons_of_other_alternatives_are_not_given_when_one_fits() -> None:
    @dataclass(frozen=True)
    class OnlyY(RewritePass):
        """relu(x + y) with y on either side becomes y."""

        name = "only-y"

        def pattern(self) -> P:
            return P(Relu, P(Add, "first", "second"))

        def check(self, m: Match) -> str | None:
            return None if m.first.hint == "y" else "it is not y"

        def rewrite(self, b: Builder, m: Match) -> Value:
            return m.first

    module = module_of("%a = graph.add(%x, %y)", "%b = graph.relu(%a)", "%r = graph.neg(%b)")
    context = run(module, OnlyY())
    assert context.remarks == []
    assert names(module) == ["neg"]


def test_a_rewrite_without_end_is_stopped_with_its_name() -> None:
    @dataclass(frozen=True)
    class Turn(RewritePass):
        """x + y becomes y + x, again and again."""

        name = "turn"

        def pattern(self) -> P:
            return P(Add, "x", "y")

        def rewrite(self, b: Builder, m: Match) -> Value:
            return b(Add, m.y, m.x)

    module = module_of("%r = graph.add(%x, %y) @ sum")
    with pytest.raises(
        PassError, match=r"rewrite 'turn' does not come to an end: it fired \d+ times, last at"
    ):
        Turn().run(module, PassContext())


def test_a_rewrite_that_grows_is_stopped_too() -> None:
    @dataclass(frozen=True)
    class Grow(RewritePass):
        """exp(x) becomes exp(neg(x))."""

        name = "grow"

        def pattern(self) -> P:
            return P(Exp, "x")

        def rewrite(self, b: Builder, m: Match) -> Value:
            return b(Exp, b(Neg, m.x))

    with pytest.raises(PassError, match="rewrite 'grow' does not come to an end"):
        run(module_of("%r = graph.exp(%x)"), Grow())


def test_a_pass_must_say_what_it_does() -> None:
    @dataclass(frozen=True)
    class Empty(RewritePass):
        """Nothing."""

        name = "empty"

    module = module_of("%r = graph.exp(%x)")
    with pytest.raises(PassError, match="pass 'empty' has no pattern"):
        Empty().run(module, PassContext())


WITH_EFFECT = """module {
  graph.variable() {sym_name = "v", value = dense<1.0> : tensor<f32>}
  func.func @main(%p: tensor<i1>, %x: tensor<f32>) -> () {
    %a = graph.exp(%x) : tensor<f32>
    %r = graph.read_variable() {type = tensor<f32>, variable = @v} : tensor<f32>
    %y = graph.if(%p) ({
      graph.assign_variable(%a) {variable = @v}
      graph.yield(%a)
    }, {
      graph.yield(%x)
    }) : tensor<f32>
    %z = graph.if(%p) ({
      %b = graph.exp(%a) : tensor<f32>
      graph.yield(%b)
    }, {
      graph.yield(%r)
    }) : tensor<f32>
    func.return()
  }
}
"""


def test_what_is_dead() -> None:
    module = parse_module(WITH_EFFECT)
    y, z = (op for op in module.walk() if op.name == "graph.if")
    assert not is_dead(y), "it assigns a variable"
    assert is_dead(z)
    assert not any(is_dead(op) for op in module.walk() if op.has("terminator"))
    assert not any(is_dead(op) for op in module.walk() if op.name in ("graph.variable", "func.func"))
    erase_if_dead(z)
    verify(module)
    assert names(module) == ["variable", "exp", "if", "assign_variable", "yield", "yield"]
    erase_if_dead(y)
    assert y.block is not None
