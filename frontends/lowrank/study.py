"""A model decomposed for one budget after the other: passes run once, and each layer is factorised once."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from ...compiler.ir.attributes import Array
from ...compiler.ir.core import Op, Value
from ...compiler.ir.passes import PassContext
from ...compiler.options import CompileOptions
from ...compiler.passes.decomposable import Layer, keyed, layer_of
from ...compiler.passes.decompose_conv import DECOMPOSITIONS, DecomposeConv, replace, row_of
from ...compiler.passes.pipelines import GRAPH_PASSES, with_decomposition
from ...compiler.passes.rank_choice import Choice, Wish, choose
from ...compiler.passes.seen import Moments
from ...compiler.target import resolve_target


class Study:
    """The layers of a model that decompose-conv considers.

    `module` is a graph-level one as it was read, and stays as it is. `moments` are second moments of what layers see,
    by their keys, as `decompose` has them; the errors of those layers are their outputs'.
    """

    def __init__(
        self, module: Op, options: CompileOptions, moments: Mapping[str, Array | Moments] | None = None
    ) -> None:
        target = resolve_target(options.target)
        context = PassContext(target=target, options=options)
        self._module = module.clone({})
        for p in with_decomposition(GRAPH_PASSES, DecomposeConv()):
            if isinstance(p, DecomposeConv):
                break
            p.run(self._module, context)
        self.layers: list[Layer] = []
        for op in self._module.walk():
            found = layer_of(op, target, options.precise)
            if isinstance(found, Layer):
                self.layers.append(found)
        for key, layer in keyed(self.layers):
            layer.moments = (moments or {}).get(key)

    def choices(self, wish: Wish) -> list[Choice]:
        """What becomes of each layer for a budget."""
        return choose(self.layers, wish)

    def decomposed(self, choices: Sequence[Choice]) -> Op:
        """A new module with pairs in the place of layers, and a row for each; ready to be compiled without a budget."""
        mapping: dict[Value, Value] = {}
        made = self._module.clone(mapping)
        for c in choices:
            op = mapping[c.layer.op.result].definer
            if c.point is not None and op is not None:
                # with the factorisations of the original's layer
                replace(dataclasses.replace(c.layer, op=op), c.point)
        if choices:
            made.attributes[DECOMPOSITIONS] = tuple(map(row_of, choices))
        return made
