"""GradientTape: which computations are recorded, and their gradients."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any

import numpy as np

from ...runtime.errors import InputError
from . import nodes
from .gradients import differentiate
from .nodes import Node, Recorder, Ref
from .structure import leaves, packed
from .tensor import Tensor, TensorLike, convert
from .variable import Variable


class GradientTape(Recorder):
    """Records what is computed inside of its `with` block, for gradients of it.

        with GradientTape() as tape:
            loss = f(w)
        dw = tape.gradient(loss, w)

    Trainable variables are watched by themselves, tensors by `watch`. A tape that is not `persistent` gives
    gradients once. Gradients taken inside of another tape are recorded there: that gives higher orders.
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self._persistent, self._automatic = persistent, watch_accessed_variables
        self._nodes: dict[Node, None] = {}
        self._reads: dict[Variable, list[Node]] = {}
        self._watched: set[Node | Variable] = set()
        self._used = False

    def __enter__(self) -> GradientTape:
        if self._used:
            raise InputError("expected a new GradientTape, received one that was used before")
        self._used = True
        nodes.recorders.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        nodes.recorders.remove(self)

    def __del__(self) -> None:
        self._release()

    def record(self, node: Node) -> None:
        if node in self._nodes:
            return
        self._nodes[node] = None
        node.kept += 1

    def record_read(self, variable: Variable, node: Node) -> None:
        self.record(node)
        reads = self._reads.setdefault(variable, [])
        if node not in reads:
            reads.append(node)
        if self._automatic and variable.trainable:
            self._watched.add(variable)

    def watch(self, tensor: Any) -> None:
        """Gradients with respect to this tensor, or these, can be asked for."""
        for t in leaves(tensor):
            if isinstance(t, Variable):
                self._watched.add(t)
            elif isinstance(t, Tensor):
                self._watched.add(t.node)
            else:
                raise InputError(f"expected a tensor or variable to watch, received a {type(t).__name__}")

    def watched_variables(self) -> tuple[Variable, ...]:
        return tuple(v for v in self._reads if v in self._watched)

    def stop_recording(self) -> Any:
        """A context in which nothing is recorded."""
        return _Pause(self)

    def reset(self) -> None:
        """Forgets what was recorded."""
        self._release()

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: str = "none",
    ) -> Any:
        """d target / d sources, in the structure of `sources`; several targets count as their sum.

        `output_gradients`: what the targets' gradients are, by default ones. Where a source has no influence the
        gradient is None, or zeros with `unconnected_gradients="zero"`.
        """
        if unconnected_gradients not in ("none", "zero"):
            raise InputError(
                f"expected unconnected_gradients 'none' or 'zero', received {unconnected_gradients!r}"
            )
        if not self._nodes and self._used and not self._persistent and not self._watched:
            raise InputError(
                "expected a persistent tape for a second gradient: GradientTape(persistent=True)"
            )
        targets = [convert(t).ref for t in leaves(target)]
        wanted = list(leaves(sources))
        refs: list[list[Ref]] = [self._refs(s) for s in wanted]
        seeds: list[Ref | None] = [None] * len(targets)
        if output_gradients is not None:
            single = not isinstance(target, (list, tuple, dict))
            given = [output_gradients] if single else list(_beside(target, output_gradients))
            seeds = [
                None if g is None else convert(g, n.types[i].dtype).ref
                for g, (n, i) in zip(given, targets, strict=True)
            ]
        flat = [r for rs in refs for r in rs]
        found = iter(differentiate(targets, flat, seeds, self._recorded))
        out = [
            self._sum([next(found) for _ in rs], s, unconnected_gradients)
            for rs, s in zip(refs, wanted, strict=True)
        ]
        if not self._persistent:
            self._release()
            self._watched.clear()
        return packed(sources, out)

    def jacobian(self, target: TensorLike, sources: Any) -> Any:
        """All derivatives of a tensor: shape target + source. Needs a persistent tape."""
        from .ops.arrays import reshape, stack

        if not self._persistent:
            raise InputError("expected a persistent tape for a jacobian: GradientTape(persistent=True)")
        y = convert(target)
        shape = tuple(d for d in y.shape if d is not None)
        rows: list[list[Any]] = []
        for k in range(int(np.prod(shape, dtype=np.int64))):
            seed = np.zeros(shape, y.type.dtype.numpy)
            seed.reshape(-1)[k] = 1
            rows.append(list(leaves(self.gradient(y, sources, output_gradients=seed))))
        columns = zip(*rows, strict=True)
        return packed(
            sources,
            [
                None if any(g is None for g in c) else reshape(stack(list(c)), (*shape, *c[0].shape))
                for c in columns
            ],
        )

    def _recorded(self, node: Node) -> bool:
        return node in self._nodes

    def _refs(self, source: Any) -> list[Ref]:
        if isinstance(source, Variable):
            return [(r, 0) for r in self._reads.get(source, [])] if source in self._watched else []
        if isinstance(source, Tensor):
            return [source.ref] if source.node in self._watched or source.node in self._nodes else []
        raise InputError(
            f"expected a tensor or variable as the source of a gradient, received a {type(source).__name__}"
        )

    def _sum(self, parts: list[Ref | None], source: Any, unconnected: str) -> Tensor | None:
        total: Tensor | None = None
        for p in parts:
            if p is not None:
                total = Tensor(*p) if total is None else total + Tensor(*p)
        if total is None and unconnected == "zero":
            s = source if isinstance(source, Tensor) else source.value
            return convert(np.zeros([d or 0 for d in s.shape], s.type.dtype.numpy))
        return total

    def _release(self) -> None:
        for n in self._nodes:
            n.kept -= 1
            if not n.kept and n.values is not None and all(v is not None for v in n.values):
                n.operands = ()
        self._nodes.clear()
        self._reads.clear()


def _beside(target: Any, given: Any) -> Iterator[Any]:
    """What is given for each tensor of a structure."""
    if isinstance(target, dict):
        for k in target:
            yield from _beside(target[k], given[k])
    elif isinstance(target, (list, tuple)):
        for t, g in zip(target, given, strict=True):
            yield from _beside(t, g)
    else:
        yield given


class _Pause:
    def __init__(self, tape: GradientTape) -> None:
        self._tape = tape

    def __enter__(self) -> None:
        nodes.recorders.remove(self._tape)

    def __exit__(self, *_: Any) -> None:
        nodes.recorders.append(self._tape)
