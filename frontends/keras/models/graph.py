"""The calls of layers between a model's inputs and outputs, and how they run again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ....compiler.ir.dims import Dim, Sym
from ...eager import nodes
from ...eager.nodes import Node, Placeholder, Read, Ref
from ...eager.structure import leaves, rebuilt
from ...eager.tensor import Tensor
from ..layers.history import LayerCall, is_input
from ..layers.input_layer import InputLayer


class Graph:
    """What lies between symbolic inputs and outputs, which may be structures of tensors."""

    def __init__(self, inputs: Any, outputs: Any) -> None:
        self.inputs, self.outputs = inputs, outputs
        self.flat_inputs: list[Tensor] = list(leaves(inputs))
        for t in (*self.flat_inputs, *leaves(outputs)):
            if not isinstance(t, Tensor) or not is_input(t):
                raise ValueError(
                    "All `inputs` and `outputs` values must be KerasTensors. Received: "
                    f"{t!r} of type {type(t).__name__}"
                )
        self._first = {t.node for t in self.flat_inputs}
        #: calls and ops in an order in which they can run; ops stand between layers
        self.steps: list[LayerCall | Node] = []
        #: in the order in which they were met on the way from the outputs
        self._met: dict[Any, int] = {}
        self._walk()
        self.layers = self._by_depth()

    def _source(self, node: Node) -> LayerCall | None:
        """The call that gives a node's value; None for an input of the model."""
        if node in self._first:
            return None
        return node.source[0] if isinstance(node, Placeholder) and node.source is not None else None

    def _needed(self, node: Node) -> list[Node]:
        """The nodes that a node's value is computed from."""
        if node in self._first or node.values is not None:
            return []
        call = self._source(node)
        if call is not None:
            if isinstance(call.layer, InputLayer):
                raise ValueError(
                    f"`inputs` not connected to `outputs`: the output depends on the input {call.layer.name!r}, "
                    "which is not among the inputs of the model"
                )
            return [t.node for t in call.tensors()]
        return [n for n, _ in node.operands]

    def _walk(self) -> None:
        done: set[Any] = set()
        stack: list[tuple[Node, bool]] = [(t.node, False) for t in reversed(list(_by_key(self.outputs)))]
        while stack:
            node, ready = stack.pop()
            key = self._source(node) or node
            if ready:
                if key not in done:
                    done.add(key)
                    if node not in self._first:
                        self.steps.append(key)
                continue
            if key in done:
                continue
            if isinstance(key, LayerCall):
                self._met.setdefault(key.layer, len(self._met))
            elif node in self._first and isinstance(node, Placeholder) and node.source is not None:
                self._met.setdefault(node.source[0].layer, len(self._met))
            stack.append((node, True))
            stack += [(n, False) for n in reversed(self._needed(node))]

    def _by_depth(self) -> list[Any]:
        """Layers by their distance from the outputs, as Keras lists them: those furthest away first."""
        depth: dict[Any, int] = {}
        of_layer: dict[Any, int] = {}
        for step in reversed(self.steps):
            here = depth.setdefault(step, 0)
            if isinstance(step, LayerCall):
                of_layer[step.layer] = here = max(here, of_layer.get(step.layer, 0))
                depth[step] = here
            below = step.tensors() if isinstance(step, LayerCall) else []
            needed = [t.node for t in below] or (
                [n for n, _ in step.operands] if isinstance(step, Node) else []
            )
            for n in needed:
                key = self._source(n) or n
                depth[key] = max(here + 1, depth.get(key, 0))
        for t in self.flat_inputs:
            source = (
                t.node.source[0] if isinstance(t.node, Placeholder) and t.node.source is not None else None
            )
            if source is not None and isinstance(source.layer, InputLayer):
                of_layer[source.layer] = max(depth.get(t.node, 0), of_layer.get(source.layer, 0))
        deepest = max(of_layer.values(), default=0)
        return sorted(
            of_layer, key=lambda layer: (deepest - of_layer[layer], self._met.get(layer, len(self._met)))
        )

    def calls(self) -> Iterator[LayerCall]:
        """The calls of layers, in order."""
        return (s for s in self.steps if isinstance(s, LayerCall))

    def run(
        self,
        inputs: Any,
        training: bool | None = None,
        mask: Any = None,
        call: Callable[..., Any] | None = None,
    ) -> Any:
        """The outputs for inputs in the structure of the model's inputs. `call(step, *args, **kwargs)` may stand in
        the place of calling a step's layer."""
        given = self._matched(inputs)
        masks = [None] * len(given) if mask is None else list(leaves(mask))
        sizes: dict[str, Dim] = {}
        known: dict[Ref, Tensor] = {}
        for own, t, m in zip(self.flat_inputs, given, masks, strict=True):
            for d, have in zip(own.type.shape, t.type.shape, strict=True):
                if isinstance(d, Sym):
                    sizes.setdefault(str(d), have)
            known[own.ref] = t
            if m is not None:
                t.mask = m
        for step in self.steps:
            if isinstance(step, LayerCall):
                self._call(step, known, call)
            else:
                _compute(step, known, sizes)
        return rebuilt(self.outputs, lambda t: known[t.ref])

    def _matched(self, inputs: Any) -> list[Tensor]:
        """The inputs in order: by name where a dictionary is given."""
        if isinstance(inputs, dict) and not isinstance(self.inputs, dict):
            names = [t.node.name for t in self.flat_inputs]  # type: ignore[attr-defined]
            missing = [n for n in names if n not in inputs]
            if missing:
                raise ValueError(f"expected inputs named {names}, received {list(inputs)}")
            given: list[Any] = [inputs[n] for n in names]
        elif isinstance(self.inputs, dict) and isinstance(inputs, dict):
            given = [v for k in self.inputs for v in leaves(inputs[k])]
        else:
            given = list(leaves(inputs))
        if len(given) != len(self.flat_inputs):
            raise ValueError(f"expected {len(self.flat_inputs)} input(s), received {len(given)}")
        return [_fitted(own, t) for own, t in zip(self.flat_inputs, given, strict=True)]

    def _call(self, call: LayerCall, known: dict[Ref, Tensor], other: Callable[..., Any] | None) -> None:
        def actual(v: Any) -> Any:
            return known.get(v.ref, v) if isinstance(v, Tensor) else v

        args, kwargs = rebuilt(call.args, actual), rebuilt(call.kwargs, actual)
        result = call.layer(*args, **kwargs) if other is None else other(call, *args, **kwargs)
        for own, t in zip(leaves(call.outputs), leaves(result), strict=True):
            if isinstance(own, Tensor):
                known[own.ref] = t


def _by_key(structure: Any) -> Iterator[Any]:
    """What is in a structure, dictionaries in the order of their keys, as Keras goes through them."""
    if isinstance(structure, dict):
        for k in sorted(structure):
            yield from _by_key(structure[k])
    elif isinstance(structure, (list, tuple)):
        for v in structure:
            yield from _by_key(v)
    else:
        yield structure


def _fitted(own: Tensor, t: Tensor) -> Tensor:
    """An input as its place wants it: a last dimension of 1 is added or dropped."""
    from ...eager.ops.arrays import expand_dims, squeeze

    rank, have = own.ndim, t.ndim
    if have == rank + 1 and t.shape[-1] == 1:
        t = squeeze(t, -1)
    elif have == rank - 1 and own.shape[-1] == 1:
        t = expand_dims(t, -1)
    wrong = t.ndim != rank or any(
        a is not None and b is not None and a != b for a, b in zip(own.shape, t.shape, strict=True)
    )
    if wrong:
        name = own.node.name if isinstance(own.node, Placeholder) else ""
        raise ValueError(
            f"Invalid input shape for input {name!r}: expected shape {own.shape}, received {t.shape}"
        )
    return t


def _compute(node: Node, known: dict[Ref, Tensor], sizes: dict[str, Dim]) -> None:
    """An op between layers on the actual tensors."""
    if node.values is not None:
        for i in range(len(node.types)):
            known[node, i] = Tensor(node, i)
    elif isinstance(node, Read):
        known[node, 0] = node.variable.value
    elif node.template is not None:
        attributes = {k: nodes.sized(v, sizes) for k, v in node.template.attributes.items()}
        made = nodes.apply(node.template.op, [known[r].ref for r in node.operands], **attributes)
        for i in range(len(node.types)):
            known[node, i] = Tensor(made, i)
    else:
        raise ValueError("expected an op on symbolic tensors of the model")
