"""Random ops compiled, against the interpreter; integers and uniform numbers bit by bit."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.compiler.ir.dims import Sym
from netwright.compiler.ops.random_numbers import (
    STATE,
    Random,
    RandomCategorical,
    RandomGamma,
    RandomKey,
    RandomPermutation,
    RandomPoisson,
    philox,
)
from netwright.runtime.spec import f32, f64, i32, i64, u32, u64

from ..helpers import check, constant, graph, n, tensor

STATES = [
    np.array([1, 0, 2], np.uint64),
    np.array([2**64 - 5, 2**64 - 3, 2**63], np.uint64),  # the counter's low half runs over
]


def test_philox_known_answers():
    """The test vectors that Random123 publishes."""
    pi = np.array([[0x85A308D3243F6A88], [0x0370734413198A2E]], np.uint64)
    known = philox(0x299F31D0A4093822, pi[0], pi[1])[0]
    assert [hex(w) for w in known] == ["0xd16cfe09", "0x94fdcceb", "0x5001e420", "0x24126ea1"]
    zero = np.zeros(1, np.uint64)
    assert [hex(w) for w in philox(0, zero, zero)[0]] == [
        "0x6627e8d5",
        "0xe169c58d",
        "0xbc57ac4c",
        "0x9b00dbd8",
    ]


@pytest.mark.parametrize("kind", ["uniform", "normal", "truncated_normal"])
def test_floats(tmp_path, kind):
    def build(b, state):
        shapes = [((n, 3), f32), ((2, n), f64), ((5, 1000), f32), ((), f32), ((3,), f64)]
        made = [b(Random, state, shape=s, kind=kind, dtype=d) for s, d in shapes]
        return (*made, b(Random, state, shape=(n,), kind=kind, dtype=f32, digits=10))

    for state in STATES:
        types = [STATE, tensor(n)]
        module = graph(lambda b, state, x: build(b, state), types)
        for size in (0, 1, 2500):
            inputs = [state, np.zeros(size, np.float32)]
            check(module.clone({}), tmp_path, [{}], inputs=inputs, tolerance=0 if kind == "uniform" else 1e-6)


@pytest.mark.parametrize("dtype", [i32, i64, u32, u64], ids=str)
def test_integers(tmp_path, dtype):
    def build(b, state, low, high, x):
        return (
            b(Random, state, shape=(n, 7), kind="bits", dtype=dtype),
            b(Random, state, low, high, shape=(n,), kind="integer", dtype=dtype),
            b(Random, state, high, low, shape=(3,), kind="integer", dtype=dtype),
        )

    top = np.iinfo(dtype.numpy).max
    types = [STATE, tensor(dtype=dtype), tensor(dtype=dtype), tensor(n)]
    for low, high in ((0, 10), (3, top), (np.iinfo(dtype.numpy).min, top)):
        bounds = [np.array(v, dtype.numpy) for v in (low, high)]
        for size in (0, 1001):
            inputs = [STATES[0], *bounds, np.zeros(size, np.float32)]
            check(graph(build, types), tmp_path, [{}], inputs=inputs)


def test_keys_and_permutations(tmp_path):
    for dtype in (i32, i64, u64):
        for seed in ([1, 2], [-5, 77]):
            inputs = [np.array(seed).astype(dtype.numpy)]
            check(
                graph(lambda b, s: b(RandomKey, s), [tensor(2, dtype=dtype)]), tmp_path, [{}], inputs=inputs
            )
    build = lambda b, state, x: b(RandomPermutation, state, size=n)  # noqa: E731
    for size in (0, 1, 2, 5, 6, 333):
        check(
            graph(build, [STATE, tensor(n)]), tmp_path, [{}], inputs=[STATES[1], np.zeros(size, np.float32)]
        )


@pytest.mark.parametrize("dtype", [f32, f64], ids=str)
def test_categories(tmp_path, dtype):
    logits = np.random.default_rng(0).normal(size=(4, 9)).astype(dtype.numpy)
    logits[1, :3] = [np.inf, np.nan, -np.inf]
    logits[2] = -np.inf
    types = [STATE, tensor(n, Sym.symbol("k"), dtype=dtype)]
    for x in (logits, logits[:, :1], logits[:, :0], logits[:0]):
        module = graph(lambda b, state, x: b(RandomCategorical, state, x, count=13), types)
        check(module, tmp_path, [{}], inputs=[STATES[0], x])


def test_poisson_and_gamma(tmp_path):
    p = np.array([0.3, 1, 0.9, 2, 9.99, 10, 25.5, 1e3, 1e6, 0, np.inf, np.nan, -1])
    types = [STATE, tensor(n, dtype=f64)]
    for op in (RandomPoisson, RandomGamma):
        module = graph(lambda b, state, x, op=op: b(op, state, x, count=40), types)
        check(module, tmp_path, [{}], inputs=[STATES[0], p])
    fixed = lambda b, state: b(RandomPoisson, state, constant(b, p[:3]), count=n)  # noqa: E731
    module = graph(lambda b, state, x: fixed(b, state), [STATE, tensor(n)])
    check(module, tmp_path, [{}], inputs=[STATES[0], np.zeros(0, np.float32)])
