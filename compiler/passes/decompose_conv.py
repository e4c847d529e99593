"""Replaces convolutions by a 1×m and an n×1 one, and dense layers by two thin ones: an approximation, made when asked.

The two kernels are the factors of the kernel's singular value decomposition (`low_rank`). Strides, dilations and
paddings along an axis go with the kernel that lies along it, so that a pair of full rank computes what the convolution
did, for sizes known at run time too. Biases and activations stay behind the second kernel. A pair is taken only where
the cost model that kernels are chosen by predicts less than 0.8 of the cycles of the layer as it would run,
transforms of Winograd's included; ranks are multiples of 16 where that costs nothing. An infinity in an
image may come out as NaN, as differences of the factors' products with it.

`max-error` is the largest relative error of each layer's weights in the Frobenius norm; 0 leaves only what loses
nothing, as blurs and Sobel filters. `flops` is the share of the FLOPs of all layers that can be decomposed to keep,
shared out where a FLOP saved costs the least error; with `rank` every layer gets that one. `force` takes slower pairs
too, for study. The module's attribute `graph.decompositions` has a row for each layer; new ops have their layer's error
as `error_bound`. Kernels that are 1×n or n×1 already are left alone. Where a library trains, the same is done before
weights become variables, and the factors are trained.

With samples (`--calibrate`) the factors make the error of each layer's output small, not that of its weights, and
`max-error` and `flops` count it (`seen`): the first factor comes from the principal directions of the output, the
second one is solved for by least squares. What few samples say is mixed with an equal variance everywhere, as Ledoit
and Wolf estimate. Of 3×3 kernels [3, 3, 16, 24] of random weights over images whose 16 channels are mixtures of 4, the
relative errors of the output on images that were not among the samples, 1×3 first:

| rank of 48 | 4 | 8 | 12 | 14 |
|---|---|---|---|---|
| singular values of the weights | 0.94 | 0.85 | 0.77 | 0.62 |
| fitted to 8 images | 0.24 | 0.12 | 0.041 | 0.038 |
| fitted to 1 image (100 patches of 144 numbers) | 0.31 | 0.15 | 0.083 | 0.071 |

Of images of noise, where nothing can be gained, no rank lost more than 1% in the cases tested. All layers of the sample
network of digits at one rank (`force`), fitted to 1000 images, on the 797 others (500 of which the network was trained
with), where it is right in 98.1% as it is:

| rank | 4 | 8 | 16 | 32 |
|---|---|---|---|---|
| error of the results, weights | 0.88 | 0.69 | 0.095 | 0.045 |
| error of the results, fitted | 0.67 | 0.17 | 0.034 | 0.014 |
| accuracy, weights | 38.0% | 67.9% | 97.5% | 98.0% |
| accuracy, fitted | 67.3% | 96.0% | 98.2% | 98.0% |
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...runtime.errors import OptionError
from ..ir.core import Op
from ..ir.passes import Pass, PassContext

if TYPE_CHECKING:
    from .rank_choice import Wish

#: the attribute of a module with a row for each layer that was considered
DECOMPOSITIONS = "graph.decompositions"


@dataclass(frozen=True)
class DecomposeConv(Pass):
    """conv2d by n×m  becomes conv2d by 1×m → conv2d by n×1, or n×1 → 1×m, and matmul two thin ones, where the error
    that is allowed makes that faster."""

    name = "decompose-conv"
    max_error: float = 0.0
    flops: float = 0.0
    rank: int = 0
    force: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.max_error < 1:
            raise OptionError(
                f"decompose-conv: expected max-error from 0 to below 1, received {self.max_error}"
            )
        if not 0 <= self.flops <= 1:
            raise OptionError(f"decompose-conv: expected flops as a share from 0 to 1, received {self.flops}")
        if self.rank < 0:
            raise OptionError(f"decompose-conv: expected a rank from 1 up, received {self.rank}")
        if self.rank and self.flops:
            raise OptionError("decompose-conv: expected rank or flops, received both")

    @property
    def wish(self) -> Wish:
        from .rank_choice import Wish

        return Wish(self.max_error, self.flops, self.rank, self.force)

    def run(self, module: Op, context: PassContext) -> None:
        from .decomposition import decompose  # with all that it computes: few compilations need it

        decompose(module, context, self.wish, context.given.get(self.name))


def parse_decomposition(text: str) -> DecomposeConv:
    """`max-error=0.01`, `flops=0.5`, `force rank=16`: the pass that these words, between blanks or commas, ask for.

    Raises:
        OptionError: there is no such word, a number is none, or is out of its range.
    """
    kinds: dict[str, type] = {"max-error": float, "flops": float, "rank": int}
    given: dict[str, Any] = {}
    words = [w for w in re.split(r"[\s,]+", text) if w]
    for word in words:
        key, equals, value = word.partition("=")
        name = key.replace("_", "-")
        if name.replace("-", "_") in given:
            raise OptionError(f"--decompose-conv: {name} is given twice in {text!r}")
        if name == "force" and not equals:
            given["force"] = True
        elif name in kinds and equals:
            try:
                given[name.replace("-", "_")] = kinds[name](value)
            except ValueError:
                raise OptionError(
                    f"--decompose-conv: expected a number behind {name}=, received {value!r}"
                ) from None
        else:
            raise OptionError(
                f"--decompose-conv: expected max-error=E, flops=SHARE, rank=R or force, received {word!r}"
            )
    if "rank" in given and given["rank"] < 1:
        raise OptionError(f"--decompose-conv: expected a rank from 1 up, received {given['rank']}")
    if "flops" in given and not 0 < given["flops"] <= 1:
        raise OptionError(
            f"--decompose-conv: expected flops as a share above 0 and at most 1, received {given['flops']}"
        )
    if not given.keys() & {"max_error", "flops", "rank"}:
        raise OptionError(f"--decompose-conv: expected max-error=E, flops=SHARE or rank=R, received {text!r}")
    return DecomposeConv(**given)
