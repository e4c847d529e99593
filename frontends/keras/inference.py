"""What a model computes in inference as a module of the graph level: its weights are constants, its batch is open."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ...compiler.ir.attributes import Dense
from ...compiler.ir.core import Op
from ...compiler.ir.dims import Dim, Sym
from ...compiler.ir.types import TensorType
from ...compiler.ops.builtin import new_module
from ...compiler.ops.variable import Variable as VariableOp
from ...runtime.errors import UNFORESEEN, Error, InputError, ShapeError, UnsupportedError
from ...runtime.spec import DType
from ..eager.structure import leaves, packed
from ..eager.tensor import Tensor, as_dtype
from ..eager.traced import Traced
from ..eager.variable import Variable
from .models.graph import Graph

Shape = tuple[int | str | None, ...]
_SHAPED = re.compile(r"(?P<name>[^:]+?)(?::0)?(?::\[?(?P<shape>[^\[\]:]*)\]?)?")


def inference_module(
    model: Any,
    *,
    inputs: Sequence[str] | Mapping[str, Any] | None = None,
    outputs: Sequence[str] | None = None,
    batch: int | None = None,
    where: str = "the model",
) -> Op:
    """A module with one function `main`, from the model's inputs to its outputs.

    Inputs have the names of their layers, outputs those of the layers that give them, and ops the paths of the
    layers they come from. `inputs` gives shapes where they are open, `name:?,32,32,3` or {name: shape}; `outputs`
    names other layers whose results are wanted; `batch` fixes the batch. Variables that inference changes stay
    variables.

    Raises InputError for names that the model does not have, and for models whose inputs are not known.
    """
    structure, result, names = _ends(model, outputs, where)
    types = _types(model, structure, _given(inputs), batch, where)

    def run(*tensors: Tensor) -> Any:
        whole = packed(structure, tensors)
        if isinstance(result, Graph):
            return result.run(whole, False)
        return model(whole, training=False)

    try:
        traced = Traced(run, types, "main")
    except Error:
        raise
    except (NotImplementedError, *UNFORESEEN) as e:
        raise UnsupportedError(f"{where}: the model cannot be traced for inputs {_shown(types)}: {e}") from e
    traced.freeze(traced.variables)
    module = new_module()
    symbols = _symbols(traced.variables)
    for v, symbol in symbols.items():
        module.body.insert(VariableOp(sym_name=symbol, value=Dense(v.numpy(), symbol)))
    count = len(traced.outputs)
    called = names if len(names) == count else [f"output_{i}" for i in range(count)]
    traced.add_to(module, symbols, _unique(called))
    return module


def _ends(model: Any, outputs: Sequence[str] | None, where: str) -> tuple[Any, Any, list[str]]:
    """The structure of the inputs, a graph to run in the model's place, and the outputs' names."""
    graph: Graph | None = getattr(model, "_graph", None)
    wanted = [outputs] if isinstance(outputs, str) else list(outputs or ())
    if graph is None:
        if wanted:
            raise InputError(
                f"{where}: expected no names of outputs for a model that is not made of symbolic tensors"
            )
        return _shapes(model, where), None, ["output"]
    if not wanted:
        return graph.inputs, None, model.output_names
    found = [(name, list(leaves(_output(model, name, where)))) for name in wanted]
    names = [name.removesuffix(":0") for name, tensors in found for _ in tensors]
    return graph.inputs, Graph(graph.inputs, [t for _, tensors in found for t in tensors]), names


def _output(model: Any, name: str, where: str) -> Any:
    name = name.removesuffix(":0")
    by_name = dict(zip(model.output_names, leaves(model._graph.outputs), strict=True))
    if name in by_name:
        return by_name[name]
    for call in model._graph.calls():
        if call.layer.name == name:
            return call.outputs
    known = ", ".join(layer.name for layer in model.layers[:20])
    raise InputError(f"{where}: there is no layer {name!r} in the model; it has {known}")


def _shapes(model: Any, where: str) -> Any:
    """Inputs of a model that is a subclass: those that it was built for."""
    shape = model._build_shapes
    if shape is None:
        raise InputError(
            f"{where}: expected a model that knows its inputs: call it on data, or `build` it, before it is compiled"
        )
    return _inputs(shape, model.dtype, [0])


def _inputs(shape: Any, dtype: str, count: list[int]) -> Any:
    from .layers.history import symbolic

    if isinstance(shape, dict):
        return {k: symbolic(tuple(v), dtype, k) for k, v in shape.items()}
    if isinstance(shape, (list, tuple)) and any(isinstance(d, (list, tuple)) for d in shape):
        return [_inputs(s, dtype, count) for s in shape]
    count[0] += 1
    name = "input" if count[0] == 1 else f"input_{count[0]}"
    return symbolic((None, *shape[1:]), dtype, name)


def _given(inputs: Any) -> dict[str, Shape | None]:
    """What the user says of inputs: shapes by name."""
    if not inputs:
        return {}
    items = (
        inputs.items()
        if isinstance(inputs, Mapping)
        else [(t, None) for t in ([inputs] if isinstance(inputs, str) else inputs)]
    )
    found: dict[str, Shape | None] = {}
    for text, shape in items:
        match = _SHAPED.fullmatch(str(text))
        if match is None:
            raise InputError(
                f"expected an input as NAME or NAME:SHAPE, like x:?,224,224,3; received {text!r}"
            )
        if shape is None and match["shape"] is not None:
            shape = [s.strip() for s in match["shape"].split(",") if s.strip()]
        found[match["name"]] = None if shape is None else tuple(_size(str(text), d) for d in shape)
    return found


def _size(text: str, d: Any) -> int | str | None:
    if d is None or d in ("?", "-1", -1):
        return None
    if isinstance(d, str) and re.fullmatch(r"[A-Za-z_]\w*", d):
        return d
    try:
        size = int(d)
    except (TypeError, ValueError):
        size = -1
    if size < 0:
        raise InputError(f"expected the shape of input {text!r} as numbers, `?` or names; received {d!r}")
    return size


def _types(
    model: Any, structure: Any, given: dict[str, Shape | None], batch: int | None, where: str
) -> list[tuple[str, TensorType]]:
    """Names and types of the inputs, with a symbol for each size that is open: `n` for the batch."""
    own = [(t.node.name, t.shape, as_dtype(t.dtype)) for t in leaves(structure)]
    names = _unique([n for n, _, _ in own])
    unknown = [n for n in given if n not in names]
    if unknown:
        raise InputError(f"{where}: there is no input {unknown[0]!r}; the model has {', '.join(names)}")
    out: list[tuple[str, TensorType]] = []
    for name, (_, shape, dtype) in zip(names, own, strict=True):
        sizes = _merged(name, given.get(name), shape, where)
        out.append((name, _typed(name, sizes, dtype, batch)))
    if batch is not None and not any(t.rank and t.shape[0] == batch for _, t in out):
        fixed = out[0][1].shape[0] if out and out[0][1].rank else None
        raise InputError(f"{where}: the batch of input {names[0]!r} is fixed at {fixed}, received {batch}")
    return out


def _merged(name: str, given: Shape | None, own: Any, where: str) -> Shape:
    if given is None:
        return tuple(own)
    if len(given) != len(own) or any(
        isinstance(a, int) and b is not None and a != b for a, b in zip(given, own, strict=True)
    ):
        raise ShapeError(f"{where}: input {name!r} has shape {tuple(own)}, which {given} does not fit")
    return tuple(a if b is None else b for a, b in zip(given, own, strict=True))


def _typed(name: str, shape: Shape, dtype: DType, batch: int | None) -> TensorType:
    base = re.sub(r"\W", "_", name, flags=re.ASCII) or "_"
    base = f"_{base}" if base[0].isdigit() else base
    dims: list[Dim] = []
    for i, d in enumerate(shape):
        if isinstance(d, int):
            dims.append(d)
        elif i == 0 and batch is not None and d in (None, "n"):
            dims.append(batch)
        else:
            dims.append(Sym.symbol(d if d is not None else "n" if i == 0 else f"{base}_d{i}"))
    return TensorType(tuple(dims), dtype)


def _symbols(variables: Sequence[Variable]) -> dict[Variable, str]:
    names = _unique([re.sub(r"[^\w./]", "_", v.path) for v in variables])
    return dict(zip(variables, names, strict=True))


def _unique(names: Sequence[str]) -> list[str]:
    out: list[str] = []
    for name in names:
        called, n = name, 0
        while called in out:
            n += 1
            called = f"{name}_{n}"
        out.append(called)
    return out


def _shown(types: Sequence[tuple[str, TensorType]]) -> str:
    return ", ".join(f"{n}: {t}" for n, t in types)
