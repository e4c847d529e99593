"""The filter gradient as an op: its shape, its refusals, and its reference against the definition."""

from typing import Any

import numpy as np
import pytest
from netwright.compiler.cost.flops import flops
from netwright.compiler.ops.conv import Conv2D, Conv3D
from netwright.compiler.ops.conv_gradient import ConvFilterGradient
from netwright.compiler.ops.interpreter import Interpreter
from netwright.runtime.errors import DTypeError, ShapeError
from netwright.runtime.spec import f64

from ..helpers import graph, tensor


def _op(x: Any, dy: Any, **attributes: Any) -> Any:
    found: list[Any] = []

    def net(b: Any, *v: Any) -> Any:
        y = b(ConvFilterGradient, *v, **attributes)
        found.append(y.definer)
        return y

    graph(net, [x, dy])
    return found[0]


PLAIN: Any = {"kernel": (3, 2), "strides": (2, 1), "dilations": (1, 1), "pads": (0, 0, 0, 0)}


def test_shape_and_cost() -> None:
    op = _op(tensor(4, 9, 8, 6), tensor(4, 5, 8, 10), padding="SAME", groups=2, **PLAIN)
    assert op.result.type == tensor(3, 2, 3, 10)
    assert flops(op) == 2 * (4 * 5 * 8 * 10) * (3 * 2 * 3)


@pytest.mark.parametrize(
    ("x", "dy", "more", "message"),
    [
        (tensor(4, 9, 8, 6), tensor(4, 4, 8, 10), {"padding": "SAME"}, "sizes 4 and 5 differ"),
        (tensor(4, 9, 8, 6), tensor(3, 5, 8, 10), {"padding": "SAME"}, "sizes 4 and 3 differ"),
        (
            tensor(4, 9, 8, 6),
            tensor(4, 5, 8, 10),
            {"padding": "SAME", "groups": 4},
            "do not divide into 4 groups",
        ),
        (tensor(4, 9, 8, 6), tensor(4, 5, 8, 10), {"padding": "SAME", "groups": 0}, "groups"),
        (tensor(4, 9, 6), tensor(4, 5, 10), {}, "must have rank 4"),
        (tensor(4, 9, 8, 6), tensor(4, 5, 8, 10), {"strides": (1,)}, "do not fit 2 dimensions"),
        (tensor(4, 2, 8, 6), tensor(4, 1, 8, 10), {}, "does not fit"),
    ],
)
def test_refusals(x: Any, dy: Any, more: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        _op(x, dy, **{**PLAIN, **more})


def test_one_dtype() -> None:
    with pytest.raises(DTypeError, match="share one data type"):
        _op(tensor(4, 9, 8, 6), tensor(4, 5, 8, 10, dtype=f64), padding="SAME", **PLAIN)


@pytest.mark.parametrize("padding", ["SAME", "VALID", "EXPLICIT"])
@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize(
    ("size", "kernel", "strides", "dilations"),
    [
        ((7, 6), (3, 2), (1, 1), (1, 1)),
        ((8, 9), (2, 3), (2, 3), (2, 1)),
        ((4, 5, 6), (2, 1, 3), (1, 2, 2), (2, 1, 1)),
    ],
)
def test_it_is_the_derivative(
    padding: str, groups: int, size: Any, kernel: Any, strides: Any, dilations: Any
) -> None:
    """A convolution is linear in its filter: moving one number of it by 1 changes the sum of y * dy by the gradient."""
    rng = np.random.default_rng(1)
    conv = Conv2D if len(size) == 2 else Conv3D
    given: Any = {
        "strides": strides, "dilations": dilations, "padding": padding,
        "pads": (1, 2, 0, 1, 2, 0)[: 2 * len(size)],
    }  # fmt: skip
    c, o = 3, 6
    w = np.zeros((*kernel, c // groups, o))
    module = graph(lambda b, x, f: b(conv, x, f, **given),
                   [tensor(2, *size, c, dtype=f64), tensor(*w.shape, dtype=f64)])  # fmt: skip
    x = rng.normal(size=(2, *size, c))
    dy = rng.normal(size=Interpreter(module).run([x, w])[0].shape)
    op = _op(tensor(*x.shape, dtype=f64), tensor(*dy.shape, dtype=f64), kernel=kernel, groups=groups, **given)
    got = op.evaluate(x, dy)
    for place in [tuple(rng.integers(0, d) for d in w.shape) for _ in range(12)]:
        moved = w.copy()
        moved[place] = 1
        want = (Interpreter(module).run([x, moved])[0] * dy).sum()
        assert got[place] == pytest.approx(want, abs=1e-12)
