"""Values, ops, blocks, regions, and the verifier that holds them to the law."""

from __future__ import annotations

from collections.abc import Callable

import netwright.compiler.ops  # noqa: F401  registers the ops
import pytest
from netwright.compiler.ir.attributes import SymbolRef
from netwright.compiler.ir.core import Block, Builder, Op, Region, Value
from netwright.compiler.ir.location import UNKNOWN, Location
from netwright.compiler.ir.parser import parse_module
from netwright.compiler.ir.printer import print_op
from netwright.compiler.ir.types import FunctionType, TensorType
from netwright.compiler.ir.verify import verify
from netwright.compiler.ops.activation import Exp, LeakyRelu, Relu
from netwright.compiler.ops.builtin import FuncOp, ReturnOp, functions
from netwright.compiler.ops.control import If, Yield
from netwright.compiler.ops.elementwise import Add
from netwright.runtime.errors import ShapeError, VerifyError
from netwright.runtime.spec import f32, f64

T = TensorType((2,), f32)


def block_of(*classes: type[Op]) -> tuple[Block, list[Op]]:
    """A block with one argument and a chain of unary ops on it."""
    block = Block((T,))
    b, v, ops = Builder(block), block.args[0], []
    for cls in classes:
        ops.append(b.create(cls, v))
        v = ops[-1].result
    return block, ops


def order(block: Block) -> list[Op]:
    """The ops forwards, after checking that backwards is the same list."""
    forwards, backwards, op = list(block.ops), [], block.last
    while op is not None:
        backwards.append(op)
        op = op.prev
    assert backwards[::-1] == forwards
    assert all(op.block is block for op in forwards)
    return forwards


def test_use_lists_follow_operands() -> None:
    block, (a, c) = block_of(Exp, Relu)
    x = block.args[0]
    d = Builder(block).create(Add, x, x)
    assert list(x.uses) == [(a, 0), (d, 0), (d, 1)]
    assert x.users == [a, d]
    assert a.result.users == [c]
    d.set_operand(0, a.result)
    assert list(x.uses) == [(a, 0), (d, 1)]
    assert list(a.result.uses) == [(c, 0), (d, 0)]
    d.set_operands((a.result, a.result))
    assert x.users == [a]
    assert d.operands == (a.result, a.result)


def test_replace_with_moves_all_uses_and_keeps_a_name() -> None:
    block, (a, c) = block_of(Exp, Exp)
    a.result.hint = "first"
    d = Builder(block).create(Add, a.result, a.result)
    other = Builder(block, before=c).create(Relu, block.args[0])
    a.result.replace_with(other.result)
    assert d.operands == (other.result, other.result)
    assert c.operands == (other.result,)
    assert not a.result.uses
    assert other.result.hint == "first"
    other.result.replace_with(other.result)
    assert c.operands == (other.result,)


def test_op_replace_with_erases_the_op() -> None:
    block, (a, c) = block_of(Exp, Relu)
    a.replace_with(block.args[0])
    assert order(block) == [c]
    assert c.operands == (block.args[0],)
    assert a.block is None
    assert a.operands == ()


def test_erase_refuses_an_op_in_use() -> None:
    block, (a, c) = block_of(Exp, Relu)
    with pytest.raises(VerifyError, match=r"graph.exp \(\?\) is erased while graph.relu still uses it"):
        a.erase()
    assert order(block) == [a, c]
    c.erase()
    a.erase()
    assert order(block) == []
    assert block.first is None
    assert block.last is None
    assert not block.args[0].uses


def test_erase_drops_what_regions_use() -> None:
    module = parse_module(
        """func.func @main(%p: tensor<i1>, %x: tensor<2xf32>) -> () {
          %y = graph.if(%p) ({
            %a = graph.exp(%x) : tensor<2xf32>
            graph.yield(%a)
          }, {
            graph.yield(%x)
          }) : tensor<2xf32>
          func.return()
        }"""
    )
    (func,) = functions(module)
    branch = next(op for op in func.walk() if isinstance(op, If))
    inner = branch.regions[0].block.first
    branch.erase()
    assert not func.body.args[1].uses
    assert inner is not None
    assert inner.block is None, "nobody takes it for an op of the module"


def test_an_op_that_cannot_be_made_uses_nothing() -> None:
    x = Value(TensorType((2,), f32), Block(), 0)
    y = Value(TensorType((3,), f32), Block(), 0)
    with pytest.raises(ShapeError, match="sizes 2 and 3 do not broadcast"):
        Add(x, y)
    assert not x.uses
    assert not y.uses


def test_linked_list_order() -> None:
    block, (a, c) = block_of(Exp, Relu)
    first = Builder(block, before=a).create(Relu, block.args[0])
    middle = Builder(block, before=c).create(Relu, block.args[0])
    last = Builder(block).create(Relu, block.args[0])
    assert order(block) == [first, a, middle, c, last]
    for op, rest in ((middle, [first, a, c, last]), (last, [first, a, c]), (first, [a, c])):
        op.detach()
        assert op.block is None
        assert order(block) == rest
    block.insert(first, before=c)
    assert order(block) == [a, first, c]
    with pytest.raises(VerifyError, match=r"graph.relu is already in a block"):
        block.insert(first)


def test_ops_may_go_and_come_while_iterating() -> None:
    block, ops = block_of(Exp, Exp, Exp)
    seen: list[Op] = []
    for op in block.ops:
        seen.append(op)
        if op is ops[1]:
            new = Builder(block, before=ops[2]).create(Relu, block.args[0])
            op.replace_with(new.result)
    assert seen == ops
    assert [o.name for o in block.ops] == ["graph.exp", "graph.relu", "graph.exp"]


def test_clone_is_deep_and_maps_values() -> None:
    text = """module {
  func.func @main(%p: tensor<i1>, %x: tensor<2xf32>) -> (tensor<2xf32>) {
    %a = graph.exp(%x) : tensor<2xf32> loc("a")
    %y = graph.if(%p) ({
      %b = graph.add(%a, %x) : tensor<2xf32>
      graph.yield(%b)
    }, {
      graph.yield(%a)
    }) : tensor<2xf32>
    func.return(%y)
  }
}
"""
    module = parse_module(text)
    mapping: dict[Value, Value] = {}
    copy = module.clone(mapping)
    verify(copy)
    assert print_op(copy) == print_op(module)
    theirs = set(module.walk())
    assert not theirs & set(copy.walk())
    (func,) = functions(module)
    x = func.body.args[1]
    assert mapping[x] is functions(copy)[0].body.args[1]
    assert all(op not in theirs for op in mapping[x].users)
    functions(copy)[0].erase()
    assert print_op(module) == text


def test_clone_of_one_op_keeps_outer_values() -> None:
    block, (a, c) = block_of(Exp, LeakyRelu)
    new = block.insert(c.clone({}))
    assert new.operands == (a.result,)
    assert new.attributes == c.attributes
    assert new.attributes is not c.attributes
    assert a.result.users == [c, new]


def test_builder_gives_place_and_location() -> None:
    block, (a, c) = block_of(Exp, Relu)
    a.location = Location.name("here")
    b = Builder.at(a)
    assert b.create(Relu, block.args[0]).location == Location.name("here")
    assert b.create(Relu, block.args[0], location=UNKNOWN).location == UNKNOWN
    assert order(block)[-2:] == [a, c]
    c.detach()
    with pytest.raises(VerifyError, match=r"graph.relu is in no block"):
        Builder.at(c)


def test_fused_locations_keep_each_part_once() -> None:
    a, b = Location.name("a"), Location.file("f.py", 3, 7)
    assert Location.fused(a, b, a, UNKNOWN) == Location(("a", ("f.py", 3, 7)))
    assert str(Location.fused(a, b)) == "a + f.py:3"
    assert str(UNKNOWN) == "?"


GOOD = """module {
  graph.variable() {sym_name = "v", value = dense<1.0> : tensor<f32>}
  func.func @main(%p: tensor<i1>, %x: tensor<2xf32>) -> (tensor<2xf32>) {
    %a = graph.exp(%x) : tensor<2xf32> loc("exp")
    %r = graph.read_variable() {type = tensor<f32>, variable = @v} : tensor<f32> loc("read")
    %b = graph.leaky_relu(%a) : tensor<2xf32> loc("leaky")
    %y = graph.if(%p) ({
      %c = graph.add(%b, %r) : tensor<2xf32>
      graph.yield(%c)
    }, {
      graph.yield(%x)
    }) : tensor<2xf32> loc("if")
    func.return(%y)
  }
}
"""


def find(module: Op, name: str) -> Op:
    return next(op for op in module.walk() if op.name == name)


def drop_use(m: Op) -> None:
    exp = find(m, "graph.exp")
    del exp.operands[0].uses[(exp, 0)]


def stale_use(m: Op) -> None:
    find(m, "graph.exp").result.uses[(find(m, "graph.if"), 0)] = None


def stale_use_of_no_operand(m: Op) -> None:
    find(m, "graph.exp").result.uses[(find(m, "graph.if"), 7)] = None


def use_before_definition(m: Op) -> None:
    exp, leaky = find(m, "graph.exp"), find(m, "graph.leaky_relu")
    exp.detach()
    assert leaky.block is not None
    leaky.block.insert(exp, before=leaky.next)


def use_from_another_region(m: Op) -> None:
    find(m, "func.return").set_operand(0, find(m, "graph.add").result)


def use_of_another_function(m: Op) -> None:
    other = FuncOp(
        regions=[Region(Block())], sym_name="other", function_type=FunctionType((), (T,)), arg_attrs=(), res_attrs=({},)
    )  # fmt: skip
    other.body.insert(ReturnOp(find(m, "graph.exp").result))
    m.body.insert(other)


def missing_terminator(m: Op) -> None:
    find(m, "graph.yield").erase()


def terminator_in_the_middle(m: Op) -> None:
    ret = find(m, "func.return")
    assert ret.block is not None
    ret.block.insert(ReturnOp(*ret.operands))


def wrong_result_type(m: Op) -> None:
    find(m, "graph.exp").result.type = TensorType((3,), f32)


def missing_attribute(m: Op) -> None:
    del find(m, "graph.leaky_relu").attributes["alpha"]


def wrong_attribute(m: Op) -> None:
    find(m, "graph.leaky_relu").attributes["alpha"] = 1


def attribute_without_text(m: Op) -> None:
    find(m, "graph.exp").attributes["note"] = object()


def missing_operand(m: Op) -> None:
    find(m, "graph.exp").set_operands(())


def unknown_symbol(m: Op) -> None:
    find(m, "graph.read_variable").attributes["variable"] = SymbolRef("w")


def symbol_twice(m: Op) -> None:
    m.body.insert(find(m, "graph.variable").clone({}))


def wrong_block(m: Op) -> None:
    find(m, "graph.exp").block = Block()


def region_of_another_op(m: Op) -> None:
    find(m, "graph.if").regions[0].parent = m


def no_block(m: Op) -> None:
    find(m, "graph.if").regions[1].blocks.clear()


def other_condition(m: Op) -> None:
    find(m, "graph.if").set_operand(0, find(m, "graph.read_variable").result)


def other_branch_type(m: Op) -> None:
    find(m, "graph.if").regions[1].block.terminator.set_operands([find(m, "graph.read_variable").result])


def variable_type(m: Op) -> None:
    read = find(m, "graph.read_variable")
    read.attributes["type"] = TensorType((), f64)
    read.result.type = TensorType((), f64)


def no_variable(m: Op) -> None:
    find(m, "graph.read_variable").attributes["variable"] = SymbolRef("main")


def other_return(m: Op) -> None:
    find(m, "func.return").set_operand(0, find(m, "graph.read_variable").result)


def other_arguments(m: Op) -> None:
    functions(m)[0].attributes["function_type"] = FunctionType((T,), (T,))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (drop_use, r"graph.exp \(exp\): operand 0 does not list this use"),
        (stale_use, r"graph.exp \(exp\): stale use by graph.if"),
        (stale_use_of_no_operand, r"graph.exp \(exp\): stale use by graph.if"),
        (use_before_definition, r"graph.leaky_relu \(leaky\): operand 0 is not defined before its use"),
        (use_from_another_region, r"func.return \(\?\): operand 0 is not defined before its use"),
        (use_of_another_function, r"func.return \(\?\): operand 0 is not defined before its use"),
        (missing_terminator, r"the block of graph.if \(if\) does not end in a terminator"),
        (terminator_in_the_middle, r"func.return \(\?\) is a terminator but not the last op"),
        (
            wrong_result_type,
            r"graph.exp \(exp\): result types are \(tensor<3xf32>\), inference gives \(tensor<2xf32>\)",
        ),
        (missing_attribute, r"graph.leaky_relu \(leaky\): attribute 'alpha' is missing"),
        (wrong_attribute, r"graph.leaky_relu \(leaky\): attribute 'alpha' must be float, received 1"),
        (attribute_without_text, r"attribute 'note' is a object, which IR text cannot hold"),
        (missing_operand, r"graph.exp \(exp\): expected 1 operands, received 0"),
        (unknown_symbol, r"graph.read_variable \(read\): symbol @w is not defined"),
        (symbol_twice, r"symbol @v is defined twice"),
        (wrong_block, r"graph.exp \(exp\) does not know its block"),
        (region_of_another_op, r"graph.if \(if\): a region does not know its op"),
        (no_block, r"graph.if \(if\): expected one block in a region"),
        (other_condition, r"graph.if \(if\): the condition must be one bool"),
        (other_branch_type, r"graph.if \(if\): the branches yield different types"),
        (variable_type, r"graph.read_variable \(read\): variable @v is tensor<f32>, not tensor<f64>"),
        (no_variable, r"graph.read_variable \(read\): there is no variable @main"),
        (other_return, r"func.func @main returns \(tensor<f32>\), declares \(tensor<2xf32>\)"),
        (other_arguments, r"func.func @main: the block's arguments are not the function's"),
    ],
)
def test_the_verifier_catches(damage: Callable[[Op], None], message: str) -> None:
    module = parse_module(GOOD)
    verify(module)
    damage(module)
    with pytest.raises(VerifyError, match=message):
        verify(module)


def test_regions_do_not_see_what_a_sibling_region_defines() -> None:
    module = parse_module(GOOD)
    branch = find(module, "graph.if")
    inner = branch.regions[0].block.first
    assert inner is not None
    branch.regions[1].block.terminator.set_operand(0, inner.result)
    with pytest.raises(VerifyError, match=r"graph.yield \(\?\): operand 0 is not defined before its use"):
        verify(module)


def test_yield_of_nothing_ends_a_block() -> None:
    block = Block()
    block.insert(Yield())
    assert block.terminator.operands == ()
    with pytest.raises(VerifyError, match="a block has no terminator"):
        _ = Block().terminator
