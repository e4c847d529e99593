"""decompose-conv keeps its budgets in 200 random networks, as counted here anew from the weights that are left."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from netwright.compiler.ir.attributes import Array
from netwright.compiler.ir.core import Builder, Op, Value
from netwright.compiler.ir.passes import PassContext
from netwright.compiler.ir.verify import verify
from netwright.compiler.ops.activation import Relu
from netwright.compiler.ops.base import tensor as type_of
from netwright.compiler.ops.conv import Conv2D
from netwright.compiler.ops.elementwise import Add
from netwright.compiler.ops.pool import AvgPool2D, MaxPool2D
from netwright.compiler.ops.shape import Concat
from netwright.compiler.passes.decompose_conv import DECOMPOSITIONS
from netwright.compiler.passes.decomposition import decompose
from netwright.compiler.passes.rank_choice import Wish
from netwright.compiler.passes.shared import dense_of
from netwright.compiler.target import TARGETS

from ...helpers import constant, graph, tensor

TARGET = TARGETS["x86-64-v4"]
#: what rounding factors to float32 adds to an error
ROUNDED = 1e-6


def decaying(rng: np.random.Generator, n: int, m: int, c: int, o: int) -> Array:
    """A kernel whose singular values, in one order of its taps or the other, fall by a random factor each, down to a
    random noise."""
    turned = bool(rng.integers(2))
    taps, others = (n, m) if turned else (m, n)
    size = min(taps * c, others * o)
    values = rng.uniform(0.2, 0.999) ** np.arange(size) + 10.0 ** rng.uniform(-6, 0)
    left, right = (np.linalg.qr(rng.normal(size=(k, size)))[0] for k in (taps * c, others * o))
    made = ((left * values) @ right.T).reshape(taps, c, others, o)
    kernel = made.transpose(0, 2, 1, 3) if turned else made.transpose(2, 0, 1, 3)
    return (kernel / np.linalg.norm(kernel)).astype(np.float32)


def network(rng: np.random.Generator) -> tuple[Op, dict[str, Array]]:
    """Convolutions with biases and activations, pools, additions and concatenations; and the weights by name."""
    channels, size = int(rng.choice([3, 8, 16, 24, 32])), int(rng.integers(6, 21))
    weights: dict[str, Array] = {}

    def conv(b: Builder, x: Value) -> Value:
        shape = type_of(x).shape
        c, o = int(shape[3]), int(rng.choice([8, 16, 32, 40]))  # type: ignore[arg-type]
        n, m = (int(k) for k in rng.choice([1, 2, 3, 5, 7], 2))
        groups = 2 if c % 2 == 0 and rng.random() < 0.15 else 1
        name = f"w{len(weights)}"
        weights[name] = np.concatenate(
            [decaying(rng, n, m, c // groups, o // groups) for _ in range(groups)], axis=3
        )
        strides = (1, 1) if rng.random() < 0.7 else (2, 2)
        y = b(Conv2D, x, constant(b, weights[name], name), padding="SAME", strides=strides, groups=groups)
        y = b(Add, y, constant(b, rng.normal(size=o).astype(np.float32), f"{name}/bias"))
        return b(Relu, y) if rng.random() < 0.7 else y

    def make(b: Builder, x: Value) -> Value:
        x = conv(b, x)
        for _ in range(int(rng.integers(1, 4))):
            kind, y = rng.integers(4), conv(b, x)
            if kind == 0 and type_of(y) == type_of(x):
                x = b(Add, x, y)
            elif kind == 1 and type_of(y).shape[:3] == type_of(x).shape[:3]:
                x = b(Concat, x, y, axis=3)
            elif kind > 1:
                pool = MaxPool2D if kind == 2 else AvgPool2D
                x = b(pool, y, kernel=(2, 2), strides=(2, 2), padding="SAME")
            else:
                x = y
        return x

    return graph(make, [tensor(1, size, size, channels)]), weights


def one_after_the_other(first: Array, second: Array, groups: int) -> Array:
    """The kernel of two filters, by the definition: every tap of one meets every tap of the other."""
    (n1, m1, c, middle), (n2, m2, rank, o) = first.shape, second.shape
    made = np.zeros((n1 + n2 - 1, m1 + m2 - 1, c, o))
    for g in range(groups):
        a, b = first[..., g * middle // groups :], second[..., g * o // groups : (g + 1) * o // groups]
        for (i, j), (p, q) in ((s, t) for s in np.ndindex(n1, m1) for t in np.ndindex(n2, m2)):
            made[i + p, j + q, :, g * o // groups : (g + 1) * o // groups] += a[i, j, :, :rank] @ b[p, q]
    return made


def flops(op: Op) -> int:
    """Two for each product that the definition of a convolution takes."""
    assert isinstance(op, Conv2D)
    sizes = [int(d) for d in (*type_of(op.result).shape, *type_of(op.w).shape[:3])]  # type: ignore[arg-type]
    return 2 * math.prod(sizes)


def filter_of(op: Op) -> tuple[str, Array]:
    dense = dense_of(op.operands[1])
    assert dense is not None
    return dense.name, dense.array.astype(np.float64)


def layers_of(module: Op) -> dict[str, list[Op]]:
    """Convolutions by the name of the weights that they were made of, in their order."""
    found: dict[str, list[Op]] = {}
    for op in module.walk():
        if isinstance(op, Conv2D):
            found.setdefault(filter_of(op)[0].partition("/")[0], []).append(op)
    return found


def relative_error(kernel: Array, ops: list[Op]) -> float:
    if len(ops) == 1:
        return 0.0
    first, second = ops
    assert isinstance(second, Conv2D)
    made = one_after_the_other(filter_of(first)[1], filter_of(second)[1], second.groups)
    want = kernel.astype(np.float64)
    return float(np.linalg.norm(made - want) / np.linalg.norm(want))


#: budgets, each of which a fifth of the networks gets
WISHES = (
    {"max_error": 0.0}, {"max_error": 0.02}, {"max_error": 0.3}, {"flops": 0.5}, {"flops": 0.7, "max_error": 0.2},
)  # fmt: skip


@pytest.mark.parametrize("part", range(10))
def test_no_budget_is_exceeded(part: int) -> None:
    decomposed = 0
    for seed in range(20 * part, 20 * part + 20):
        wish: dict[str, Any] = WISHES[seed % len(WISHES)]
        module, weights = network(np.random.default_rng(seed))
        before = {name: sum(map(flops, ops)) for name, ops in layers_of(module).items()}
        decompose(module, PassContext(target=TARGET), Wish(**wish))
        verify(module)
        left, rows = layers_of(module), {r["layer"]: r for r in module.attributes.get(DECOMPOSITIONS, ())}
        assert left.keys() == weights.keys()
        limit = wish.get("max_error", 1.0) if "flops" not in wish or "max_error" in wish else 1.0
        for name, ops in left.items():
            error = relative_error(weights[name], ops)
            assert error <= limit + ROUNDED, (seed, name)
            if len(ops) == 1:
                assert rows.get(name, {"decision": "kept"})["decision"] == "kept"
                continue
            row = rows[name]
            decomposed += 1
            assert row["weight_error"] == pytest.approx(error, abs=ROUNDED), (seed, name)
            assert row["cycles_after"] < row["cycles_before"], (seed, name)
            assert row["flops_before"] == before[name] and row["flops_after"] == sum(map(flops, ops))
        within_reach = not any("out of reach" in r["reason"] for r in rows.values())
        if "flops" in wish and within_reach:
            able = [n for n, r in rows.items() if r["reason"] != "no rank allowed is cheaper"]
            after = sum(sum(map(flops, left[n])) for n in able)
            assert after <= wish["flops"] * sum(before[n] for n in able), seed
    assert decomposed >= 5
