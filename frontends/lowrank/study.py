"""A model decomposed for one budget after the other: passes run once, and each layer is factorised once."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from ...compiler.ir.attributes import Array
from ...compiler.ir.core import Op, Value
from ...compiler.options import CompileOptions
from ...compiler.passes.decomposable import keyed, layers_of
from ...compiler.passes.decompose_conv import DECOMPOSITIONS
from ...compiler.passes.decomposition import replace, row_of
from ...compiler.passes.rank_choice import Choice, Wish, choose
from ...compiler.passes.seen import Moments
from ...compiler.target import resolve_target
from .moments import prepare


class Study:
    """The layers of a model that decompose-conv considers.

    `module` is a graph-level one as it was read, and stays as it is. `moments` are second moments of what layers see,
    by their keys, as `decompose` has them; the errors of those layers are their outputs'.
    """

    def __init__(
        self, module: Op, options: CompileOptions, moments: Mapping[str, Array | Moments] | None = None
    ) -> None:
        self._module = module.clone({})
        prepare(self._module, options)
        self.layers = layers_of(self._module, resolve_target(options.target), options.precise)
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
