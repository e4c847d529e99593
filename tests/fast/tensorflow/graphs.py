"""GraphDefs in a few words, made with the reader's own messages, and their import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from netwright.compiler.ir.core import Op
from netwright.compiler.ir.parser import parse_module
from netwright.compiler.ir.printer import Printer
from netwright.compiler.ir.verify import verify
from netwright.compiler.ops.builtin import FuncOp, functions
from netwright.compiler.ops.interpreter import run_module
from netwright.frontends.tensorflow import proto
from netwright.frontends.tensorflow.importer import import_graph

m = proto.messages()
NUMBER = {name: number for number, name in enumerate(proto.DATA_TYPES)}
SPELLED = {"float32": "FLOAT", "float64": "DOUBLE", "float16": "HALF"}


class Shape(tuple):
    """An attribute that is a shape; None for a size that is not known."""


class Type(str):
    """An attribute that is a data type: `Type("float32")`."""


class Func(str):
    """An attribute that names a function."""


class Ref(str):
    """An attribute in a function that stands for the call's."""


def type_number(name: str) -> int:
    return NUMBER[SPELLED.get(name, name.upper())]


def shape_proto(shape: Sequence[int | None]) -> Any:
    return m.TensorShapeProto(dim=[m.Dim(size=-1 if d is None else d) for d in shape])


def tensor_proto(value: Any) -> Any:
    array = np.asarray(value)
    if array.dtype == object:
        return m.TensorProto(
            dtype=NUMBER["STRING"], tensor_shape=shape_proto(array.shape), string_val=array.ravel()
        )
    number = type_number(array.dtype.name)
    return m.TensorProto(dtype=number, tensor_shape=shape_proto(array.shape), tensor_content=array.tobytes())


def attribute(value: Any) -> Any:
    """Python's value as the AttrValue it stands for."""
    if isinstance(value, bool):
        return m.AttrValue(b=value)
    if isinstance(value, int):
        return m.AttrValue(i=value)
    if isinstance(value, float):
        return m.AttrValue(f=value)
    if isinstance(value, Type):
        return m.AttrValue(type=type_number(value))
    if isinstance(value, Func):
        return m.AttrValue(func=m.NameAttrList(name=value))
    if isinstance(value, Ref):
        return m.AttrValue(placeholder=value)
    if isinstance(value, str):
        return m.AttrValue(s=value.encode())
    if isinstance(value, Shape):
        return m.AttrValue(shape=shape_proto(value))
    if isinstance(value, np.ndarray):
        return m.AttrValue(tensor=tensor_proto(value))
    if value and isinstance(value[0], Type):
        return m.AttrValue(list=m.ListValue(type=[type_number(v) for v in value]))
    return m.AttrValue(list=m.ListValue(i=value))


def node(name: str, op: str, *inputs: str, **attrs: Any) -> Any:
    return m.NodeDef(name=name, op=op, input=inputs, attr={k: attribute(v) for k, v in attrs.items()})


def placeholder(name: str, *shape: int | None, dtype: str = "float32") -> Any:
    return node(name, "Placeholder", dtype=Type(dtype), shape=Shape(shape))


def const(name: str, value: Any, dtype: str | None = None) -> Any:
    """Python integers are int32 and floats float32, as in TensorFlow."""
    array = np.asarray(value)
    if dtype is None and not isinstance(value, (np.ndarray, np.generic)):
        dtype = {"i": "int32", "f": "float32"}.get(array.dtype.kind)
    return node(name, "Const", value=array.astype(dtype) if dtype else array)


def function(
    name: str, inputs: Sequence[str], returns: Mapping[str, str], nodes: Sequence[Any], dtype: str = "float32"
) -> Any:
    """A function; inputs and returns are of one data type, or have theirs behind a colon."""

    def argument(text: str) -> Any:
        base, _, own = text.partition(":")
        return m.ArgDef(name=base, type=type_number(own or dtype))

    signature = m.OpDef(
        name=name, input_arg=[argument(i) for i in inputs], output_arg=[argument(r) for r in returns]
    )
    ret = {r.partition(":")[0]: value for r, value in returns.items()}
    return m.FunctionDef(signature=signature, node_def=nodes, ret=ret)


def graph(*nodes: Any, functions: Sequence[Any] = (), producer: int = 2000) -> bytes:
    library = m.FunctionDefLibrary(function=functions)
    versions = m.VersionDef(producer=producer)
    return m.GraphDef(node=nodes, library=library, versions=versions).SerializeToString()


def load(data: bytes, **keywords: Any) -> Op:
    """The imported module, verified, also after a round trip through text."""
    module = import_graph(data, **keywords)
    verify(module)
    printer = Printer()
    text = printer.print(module)
    again = parse_module(text, "<text>", {k: d.array for k, d in printer.resources.items()})
    verify(again)
    assert Printer().print(again) == text
    return module


def run(data: bytes, *arrays: Any, **keywords: Any) -> Any:
    """What the imported graph computes; one result alone, several as a tuple."""
    results = run_module(load(data, **keywords), arrays)
    return results[0] if len(results) == 1 else results


def main(module: Op) -> FuncOp:
    return functions(module)[0]


def ops(module: Op) -> list[str]:
    """The names of the ops in the function's body, without constants and the return."""
    names = [op.name.removeprefix("graph.") for op in main(module).body.ops]
    return [name for name in names if name not in ("constant", "func.return")]


def argument_shapes(module: Op) -> dict[str, list[str]]:
    """The shape of each input by name, as text."""
    func = main(module)
    return {
        str(attrs["graph.name"]): [str(d) for d in a.type.shape]  # type: ignore[union-attr]
        for a, attrs in zip(func.body.args, func.arg_attrs, strict=True)
    }


def result_shapes(module: Op) -> dict[str, list[str]]:
    func = main(module)
    return {
        str(attrs["graph.name"]): [str(d) for d in v.type.shape]  # type: ignore[union-attr]
        for v, attrs in zip(func.body.terminator.operands, func.res_attrs, strict=True)
    }


X = placeholder("x", None, 4)
IMAGE = placeholder("x", None, 8, 8, 4)
KERNEL = const("w", np.zeros((3, 3, 4, 5), np.float32))


def conv(**attrs: Any) -> Any:
    """A Conv2D of IMAGE and KERNEL; attributes given as None are left out."""
    attrs = {"strides": (1, 1, 1, 1), "padding": "SAME", **attrs}
    return node("y", "Conv2D", "x", "w", **{k: v for k, v in attrs.items() if v is not None})


def max_pool(**attrs: Any) -> Any:
    return node("y", "MaxPool", "x", strides=(1, 1, 1, 1), padding="SAME", **attrs)
