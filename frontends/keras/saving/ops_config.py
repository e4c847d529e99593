"""Functions between the layers of a model, in the form of Keras' operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ....compiler.ir.dims import Sym
from ...eager.nodes import Node, Read
from ...eager.tensor import Tensor
from .. import naming

if TYPE_CHECKING:
    from .functional_config import Writer

_NUMPY, _NN, _CORE = "keras.src.ops.numpy", "keras.src.ops.nn", "keras.src.ops.core"

#: ops that take tensors alone: the module and the class of Keras' operation
_PLAIN: dict[str, tuple[str, str]] = {
    **{
        f"graph.{name}": (_NUMPY, cls)
        for name, cls in {
            "add": "Add", "sub": "Subtract", "mul": "Multiply", "div": "TrueDivide", "maximum": "Maximum",
            "minimum": "Minimum", "power": "Power", "matmul": "Matmul", "neg": "Negative", "abs": "Absolute",
            "square": "Square", "sqrt": "Sqrt", "exp": "Exp", "log": "Log", "expm1": "Expm1", "log1p": "Log1p",
            "floor": "Floor", "ceil": "Ceil", "equal": "Equal", "not_equal": "NotEqual", "less": "Less",
            "less_equal": "LessEqual", "greater": "Greater", "greater_equal": "GreaterEqual",
            "logical_and": "LogicalAnd", "logical_or": "LogicalOr", "logical_not": "LogicalNot", "select": "Where",
            "tanh": "Tanh", "sin": "Sin", "cos": "Cos",
        }.items()
    },
    **{f"graph.{cls.lower()}": (_NN, cls) for cls in ("Relu", "Relu6", "Sigmoid")},
    "graph.stop_gradient": (_CORE, "StopGradient"),
}  # fmt: skip

Options = Callable[[dict[str, Any], Node], dict[str, Any]]


def _reduction(attributes: dict[str, Any], node: Node) -> dict[str, Any]:
    return {"axis": list(attributes["axes"]), "keepdims": bool(attributes.get("keepdims", False))}


def _reshape(attributes: dict[str, Any], node: Node) -> dict[str, Any]:
    shape = [-1 if isinstance(d, Sym) else int(d) for d in attributes["shape"]]
    if shape.count(-1) > 1:
        raise ValueError(
            f"expected at most one open size in a reshape between layers to save, found {attributes['shape']}: "
            "use a Reshape layer"
        )
    return {"newshape": shape}


#: ops with attributes: module, class, and what of the attributes is written
_OTHERS: dict[str, tuple[str, str, Options]] = {
    "graph.reduce_sum": (_NUMPY, "Sum", _reduction),
    "graph.reduce_mean": (_NUMPY, "Mean", _reduction),
    "graph.reduce_max": (_NUMPY, "Max", _reduction),
    "graph.reduce_min": (_NUMPY, "Min", _reduction),
    "graph.reduce_prod": (_NUMPY, "Prod", _reduction),
    "graph.reshape": (_NUMPY, "Reshape", _reshape),
    "graph.transpose": (_NUMPY, "Transpose", lambda a, n: {"axes": list(a["permutation"])}),
    "graph.concat": (_NUMPY, "Concatenate", lambda a, n: {"axis": int(a["axis"])}),
    "graph.cast": (_CORE, "Cast", lambda a, n: {"dtype": n.types[0].dtype.tf_name}),
}


def node_entry(node: Node, writer: Writer) -> dict[str, Any]:
    """The entry of a function between layers; its result gets a place. ValueError for one that Keras' operations
    have no equal of."""
    if isinstance(node, Read) or node.template is None:
        raise ValueError(
            "expected layers between the inputs and outputs of a model that is saved, found a variable of no layer: "
            "make it a weight of a layer"
        )
    name = node.template.op.name
    attributes = dict(node.template.attributes)
    if name in _PLAIN:
        module, cls = _PLAIN[name]
        options: dict[str, Any] = {}
        if any(attributes.values()):
            raise ValueError(_refusal(name))
    elif name in _OTHERS:
        module, cls, make = _OTHERS[name]
        options = make(attributes, node)
    else:
        raise ValueError(_refusal(name))
    called = writer.unique(naming.snake_case(cls))
    args: list[Any] = [_operand(n, i, writer) for n, i in node.operands]
    if name == "graph.concat":
        args = [args]
    writer.places[node, 0] = (called, 0, 0)
    return {
        "module": module,
        "class_name": cls,
        "config": {"name": called, **options},
        "registered_name": None,
        "name": called,
        "inbound_nodes": [{"args": args, "kwargs": {}}],
    }


def _refusal(name: str) -> str:
    return (
        f"expected layers between the inputs and outputs of a model that is saved, found the function {name!r}, which "
        "cannot be written: put it in a layer"
    )


def _operand(node: Node, index: int, writer: Writer) -> Any:
    value = node.value(index)
    if value is None:
        return writer.value(Tensor(node, index))
    array = np.asarray(value)
    if not array.ndim:
        return array.item()
    config = {"value": array.tolist(), "dtype": str(array.dtype)}
    return {"class_name": "__numpy__", "config": config}
