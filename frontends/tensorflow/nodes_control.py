"""Calls of functions, branches and loops whose bodies are functions of the graph's library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...compiler.ir.core import Block, Region, Value
from ...compiler.ir.types import TensorType
from ...compiler.ops.base import tensor
from ...compiler.ops.constant import constant_value
from ...compiler.ops.control import If, While, Yield
from ...compiler.ops.elementwise import Cast
from ...runtime.spec import boolean
from .context import Context
from .functions import find_function, inline
from .graphdef import FuncRef, Function
from .registry import Malformed, Missing, Refused, converts
from .scope import Result, Results, missing_among
from .surgery import data_inputs

MOST_IDENTITIES = 16  # one behind the other, between an argument of a loop's body and its result


def called(c: Context, key: str) -> tuple[Function, Mapping[str, object]]:
    """The function that an attribute names, and the attributes it is called with."""
    ref: FuncRef = c.function(key)
    return find_function(c, ref.name), ref.attrs


@converts("PartitionedCall", "StatefulPartitionedCall", lazy=True)
def call(c: Context, *operands: Result) -> Results:
    """Inlined."""
    function, attrs = called(c, "f")
    return inline(c, function, attrs, operands)


def truth(c: Context, v: Value) -> Value:
    """A condition as one bool."""
    if tensor(v).rank != 0:
        raise Refused(f"a condition of type {tensor(v)} is not supported: it must be one value")
    return v if tensor(v).dtype == boolean else c.make(Cast, v, dtype=boolean)


def yielding(c: Context, block: Block, results: Sequence[Value]) -> Region:
    """A block, ended, as a region."""
    block.insert(Yield(*results, location=c.builder.location))
    return Region(block)


def values_of(results: Sequence[Result]) -> list[Value]:
    return [v for v in results if isinstance(v, Value)]


@converts("If", "StatelessIf", lazy=True)
def if_(c: Context, condition: Result, *operands: Result) -> Results:
    """Both branches give the same types; a condition that is known leaves one branch."""
    if isinstance(condition, Missing):
        c.importer.use(condition)
        return condition
    condition = truth(c, condition)
    known = constant_value(condition)
    if known is not None:
        part = "then" if bool(known) else "else"
        function, attrs = called(c, f"{part}_branch")
        return inline(c, function, attrs, operands, f"{part}/")
    regions: list[Region] = []
    types: list[list[object]] = []
    for part in ("then", "else"):
        block = Block()
        function, attrs = called(c, f"{part}_branch")
        results = inline(c.inside(block), function, attrs, operands, f"{part}/")
        missing = missing_among(results)
        if missing is not None:
            return missing
        types.append([v.type for v in values_of(results)])
        regions.append(yielding(c, block, values_of(results)))
    if types[0] != types[1]:
        raise Refused(f"its branches give different types: {_texts(types[0])} and {_texts(types[1])}")
    return c.results(If, condition, regions=regions)


def _texts(types: Sequence[object]) -> str:
    return "(" + ", ".join(map(str, types)) + ")"


@converts("While", "StatelessWhile", lazy=True)
def while_(c: Context, *operands: Result) -> Results:
    """Each value that is carried from round to round keeps its type."""
    condition, body = called(c, "cond"), called(c, "body")
    carried = carried_values(body[0], len(operands))
    missing = missing_among(c.importer.use(operands[i]) for i in carried)
    if missing is not None:
        return missing
    initial = values_of([operands[i] for i in carried])
    blocks: list[Block] = []
    found: list[list[Result]] = []
    for part, (function, attrs) in (("cond", condition), ("body", body)):
        block = Block((v.type for v in initial), (body[0].inputs[i].name for i in carried))
        # What the body hands on unchanged is seen from inside; a constant stays a constant.
        arguments = list(operands)
        for i, v in zip(carried, block.args, strict=True):
            arguments[i] = v
        results = inline(c.inside(block), function, attrs, arguments, f"{part}/")
        missing = missing_among(results)
        if missing is not None:
            return missing
        blocks.append(block)
        found.append(results)
    return _loop(c, operands, carried, initial, blocks, found)


def _loop(
    c: Context,
    operands: Sequence[Result],
    carried: Sequence[int],
    initial: Sequence[Value],
    blocks: Sequence[Block],
    found: Sequence[Sequence[Result]],
) -> Results:
    """The loop op from its two blocks and what they compute."""
    conditions = values_of(found[0])
    if len(conditions) != 1:
        raise Malformed(f"expected one condition, found {len(conditions)}")
    test = truth(c.inside(blocks[0]), conditions[0])
    after = values_of([found[1][i] for i in carried])
    for v, w in zip(initial, after, strict=True):
        if v.type != w.type:
            raise Refused(f"a value changes from {_type(v)} to {_type(w)} in a round of the loop")
    regions = [yielding(c, blocks[0], [test]), yielding(c, blocks[1], after)]
    results: list[Result] = list(operands)
    for i, v in zip(carried, c.results(While, *initial, regions=regions), strict=True):
        results[i] = v
    return results


def _type(v: Value) -> str:
    kind = v.type
    if isinstance(kind, TensorType) and not kind.is_static:
        return f"{kind} of shape [{', '.join(map(str, kind.shape))}]"
    return str(kind)


def carried_values(body: Function, count: int) -> list[int]:
    """Which arguments of a loop's body it does not return as they are."""
    if len(body.inputs) != count or len(body.outputs) != count:
        raise Malformed(f"expected {count} inputs and outputs of the loop's body, found others")
    identities = {n.name: next(data_inputs(n), "") for n in body.nodes if n.op == "Identity"}
    carried: list[int] = []
    for i, (given, returned) in enumerate(zip(body.inputs, body.outputs, strict=True)):
        name = body.ret.get(returned.name, "").partition(":")[0]
        for _ in range(MOST_IDENTITIES):
            if name == given.name or name not in identities:
                break
            name = identities[name].partition(":")[0]
        if name != given.name:
            carried.append(i)
    return carried
