"""The singular values of the layers that decompose-conv considers, and how many of them it kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...compiler.ir.attributes import Array
from ...compiler.ir.core import Op
from ...compiler.ir.passes import BaseObserver, Pass, PassContext
from ...compiler.passes.decomposable import Layer, layer_of
from ...compiler.passes.decompose_conv import DECOMPOSITIONS, DecomposeConv
from ...compiler.passes.decomposition import USUAL_TARGET
from ...compiler.passes.kernel_matrices import HORIZONTAL, VERTICAL, as_matrices
from ...compiler.passes.rank_choice import Choice

#: how a row says that a layer is a product
TWO_PRODUCTS = "two products"
#: from as many rows and columns on, singular values are the roots of eigenvalues: a tenth of the time
LARGE = 512


@dataclass(frozen=True)
class LayerSpectrum:
    """A layer, its kernel's sizes, singular values as shares of the largest one, in falling order, over all groups, and
    the rank that was chosen; 0 where the layer stays as it is."""

    layer: str
    kernel: str
    values: Array
    rank: int


def singular_values(kernel: Array, groups: int, order: str) -> Array:
    """Of a kernel [n, m, C / groups, O] as matrices, in falling order; of several groups the roots of sums of squares.

    Of large matrices those below 1e-8 of the largest are rounding.
    """
    matrices = as_matrices(np.asarray(kernel, np.float64), groups, order)
    if min(matrices.shape[1:]) < LARGE:
        found = np.linalg.svd(matrices, compute_uv=False)
    else:
        thin = matrices if matrices.shape[1] <= matrices.shape[2] else matrices.transpose(0, 2, 1)
        squares = np.linalg.eigvalsh(thin @ thin.transpose(0, 2, 1))[:, ::-1]
        found = np.sqrt(np.maximum(squares, 0.0))
    return np.sqrt((found**2).sum(axis=0))


def _shares(values: Array) -> Array:
    return values / values[0] if values[0] > 0 else values


def spectra_of(choices: Iterable[Choice]) -> list[LayerSpectrum]:
    """Of layers for which was chosen; of those that stay as they are in the horizontal order."""
    found: list[LayerSpectrum] = []
    for c in choices:
        order, rank = (HORIZONTAL, 0) if c.point is None else (c.point.order, c.point.rank)
        values = singular_values(c.layer.kernel, c.layer.groups, order)
        found.append(LayerSpectrum(c.layer.name, c.layer.text, _shares(values), rank))
    return found


@dataclass
class SpectraObserver(BaseObserver):
    """Notes the kernels that decompose-conv saw, and what became of them; `spectra` computes singular values."""

    #: by layer and kernel, as rows name them: weights, and groups
    _kernels: dict[tuple[str, str], tuple[Array, int]] = field(
        default_factory=dict[tuple[str, str], tuple[Array, int]]
    )
    _rows: tuple[dict[str, Any], ...] = ()

    def before(self, index: int, p: Pass, module: Op) -> None:
        if p.name != DecomposeConv.name:
            return
        for op in module.walk():
            # targets decide costs, which singular values do not depend on
            found = layer_of(op, USUAL_TARGET, False)
            if isinstance(found, Layer):
                self._kernels[found.name, found.text] = found.kernel, found.groups

    def after(self, index: int, p: Pass, module: Op, context: PassContext) -> None:
        if p.name == DecomposeConv.name:
            self._rows = module.attributes.get(DECOMPOSITIONS, ())

    def spectra(self) -> list[LayerSpectrum]:
        """Of the layers that were considered, in their order."""
        found: list[LayerSpectrum] = []
        for r in self._rows:
            kernel, groups = self._kernels[r["layer"], r["kernel"]]
            vertical = r["order"] and r["order"] != TWO_PRODUCTS and not r["order"].startswith("1x")
            values = singular_values(kernel, groups, VERTICAL if vertical else HORIZONTAL)
            found.append(LayerSpectrum(r["layer"], r["kernel"], _shares(values), r["rank"]))
        return found
