"""Functions of a graph's library, inlined where they are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import surgery
from .context import Context, resolve
from .graphdef import Argument, Function
from .registry import Malformed, Refused
from .scope import FunctionScope, Result
from .wire import shorten

MOST_NESTED = 64  # calls within calls


def find_function(c: Context, name: str) -> Function:
    """The function that a node calls."""
    function = c.importer.graph.functions.get(name)
    if function is None:
        raise Malformed(f"expected function {shorten(name)} in the graph's library, found none of that name")
    return function


def inline(
    c: Context, function: Function, attrs: Mapping[str, Any], operands: Sequence[Result], part: str = ""
) -> list[Result]:
    """The results of a function's body, converted at the context's place for these operands.

    Locations inside are `call/node`; `part` comes between, where a node calls several functions.
    """
    name = function.name
    if name in c.scope.callers:
        raise Refused(f"function {shorten(name)} calls itself")
    if len(c.scope.callers) >= MOST_NESTED:
        raise Refused(f"calls are nested more than {MOST_NESTED} deep")
    where = f"{c.importer.where}: function {shorten(name)}"
    given = {k: resolve(v, c.scope.attrs) for k, v in attrs.items()}
    scope = FunctionScope(
        nodes=surgery.index_nodes(function.nodes, where),
        where=where,
        prefix=f"{c.name}/{part}",
        attrs=given,
        callers=(*c.scope.callers, name),
        arguments=_bind(function, given, operands),
        functions=c.importer.graph.functions,
    )
    c.importer.spend(len(function.nodes))
    source = scope.source()
    ends = [_returned(function, output, given) for output in function.outputs]
    # What must run besides: a function's assignments of variables.
    ran = function.control_ret.values() if c.importer.effects else ()
    names = [s for s in map(source, (*ends, *ran)) if s is not None]
    for node in names:
        if node not in scope.nodes:
            raise Malformed(f"function {shorten(name)} returns {shorten(node)}, which it has no node for")
    needed = surgery.prune(scope.nodes, names, source, where, c.importer.inputs_of)
    c.importer.convert_all(scope, needed, source, c.builder)
    found = [scope.find(text) for text in ends]
    if any(v is None for v in found):
        text = ends[found.index(None)]
        raise Malformed(f"function {shorten(name)} returns {shorten(text)}, and there is no such output")
    return [v for v in found if v is not None]


def _bind(
    function: Function, given: Mapping[str, Any], operands: Sequence[Result]
) -> dict[str, Sequence[Result]]:
    """The operands by argument; an argument may be a list of several."""
    bound: dict[str, Sequence[Result]] = {}
    at = 0
    for argument in function.inputs:
        count = _count(argument, given)
        bound[argument.name] = operands[at : at + count]
        at += count
    if at != len(operands):
        raise Malformed(f"expected {at} inputs of function {shorten(function.name)}, found {len(operands)}")
    return bound


def _count(argument: Argument, given: Mapping[str, Any]) -> int:
    """How many tensors an argument is."""
    if argument.number_attr:
        count = given.get(argument.number_attr)
        found = count if type(count) is int and count >= 0 else None
    elif argument.type_list_attr:
        types = given.get(argument.type_list_attr)
        found = len(types) if isinstance(types, tuple) else None
    else:
        return 1
    if found is None:
        raise Malformed(f"expected an attribute that tells the length of argument {shorten(argument.name)}")
    return found


def _returned(function: Function, output: Argument, given: Mapping[str, Any]) -> str:
    """The input that an output of a function stands for."""
    if (output.number_attr or output.type_list_attr) and _count(output, given) != 1:
        raise Refused(f"output {shorten(output.name)} of function {shorten(function.name)} is a list")
    if output.name not in function.ret:
        raise Malformed(
            f"function {shorten(function.name)} does not return its output {shorten(output.name)}"
        )
    return function.ret[output.name]
