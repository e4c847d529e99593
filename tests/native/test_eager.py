"""Tensors and variables that are computed when asked for."""

import gc
from typing import Any

import netwright as nw
import numpy as np
import pytest
from netwright import ops
from netwright.frontends.eager import evaluate
from netwright.frontends.eager.nodes import Placeholder
from netwright.frontends.eager.tensor import Tensor
from netwright.runtime.errors import DTypeError, InputError, ShapeError

X = np.arange(12, dtype=np.float32).reshape(3, 4)


def compiled() -> int:
    return len(evaluate._programs)


def test_nothing_is_computed_before_it_is_asked_for() -> None:
    before = compiled()
    y = ops.square(ops.convert_to_tensor(X)) + 1.5
    assert (compiled(), y.shape, y.dtype) == (before, (3, 4), "float32")
    assert np.array_equal(y.numpy(), X * X + 1.5)
    assert compiled() == before + 1


def test_equal_computations_compile_once() -> None:
    a = (ops.convert_to_tensor(X) * 3.25 - 1).numpy()
    before = compiled()
    b = (ops.convert_to_tensor(X + 1) * 4.5 - 7).numpy()
    assert compiled() == before
    assert np.allclose(a, X * 3.25 - 1) and np.allclose(b, (X + 1) * 4.5 - 7)


def test_operators() -> None:
    t = ops.convert_to_tensor(X)
    pairs: list[tuple[Any, Any]] = [
        (2 - t, 2 - X),
        (t / 2, X / 2),
        (2 / (t + 1), 2 / (X + 1)),
        (t // 3, X // 3),
        (t % 3, X % 3),
        (-t, -X),
        (t**2, X**2),
        (t**0.5, X**0.5),
        (2.0**t, 2.0**X),
        (abs(t - 5), abs(X - 5)),
        (t @ t.T, X @ X.T),
        (X @ t.T, X @ X.T),
        (t > 3, X > 3),
        (t == 3, X == 3),
        ((t > 3) & (t < 7), (X > 3) & (X < 7)),
        (~(t > 3), ~(X > 3)),
        (X + t, X + X),
        (t[1:, ::-1], X[1:, ::-1]),
    ]
    for got, want in pairs:
        assert isinstance(got, Tensor)
        assert np.allclose(got.numpy(), want, rtol=1e-6), want


def test_promotion() -> None:
    i = ops.convert_to_tensor(np.arange(3, dtype=np.int32))
    assert (i + 1).dtype == "int32" and (i + 1.5).dtype == "float32" and (i / 2).dtype == "float32"
    assert (i + np.float32(1)).dtype == "float32" and (i + np.ones(3, np.int64)).dtype == "int64"
    assert ops.convert_to_tensor([1, 2]).dtype == "int32" and ops.convert_to_tensor([1.0]).dtype == "float32"
    assert ops.convert_to_tensor([i[0], i[1]]).numpy().tolist() == [0, 1]


def test_numbers_and_truth() -> None:
    t = ops.sum(ops.convert_to_tensor(X))
    assert float(t) == 66 and int(t) == 66 and bool(t > 3) and f"{t:.1f}" == "66.0" and t.item() == 66
    assert len(ops.convert_to_tensor(X)) == 3 and [float(r[0]) for r in ops.convert_to_tensor(X)] == [0, 4, 8]
    assert "symbolic" not in repr(t) and np.asarray(t) == 66
    with pytest.raises(TypeError):
        len(t)


def test_variables() -> None:
    v = nw.Variable(X, name="v")
    assert (v.shape, v.dtype, v.ndim, v.trainable) == ((3, 4), "float32", 2, True)
    v.assign(X * 2)
    v.assign_add(X)
    v.assign_sub(np.ones(4, np.float32) + ops.zeros((3, 4)))
    assert np.array_equal(v.numpy(), 3 * X - 1)
    v.numpy()[:] = 0
    assert v.numpy()[0, 1] == 2
    assert np.array_equal((v * 2 + v).numpy(), 9 * X - 3)
    with pytest.raises(ShapeError, match=r"variable 'v': expected shape \(3, 4\), received \(3,\)"):
        v.assign(np.zeros(3, np.float32))
    with pytest.raises(ShapeError):
        v.assign(ops.zeros((2,)))
    with pytest.raises(DTypeError):
        nw.Variable(np.zeros(2, np.int32)).assign(ops.zeros((2,)))
    assert nw.Variable(lambda shape, dtype: np.full(shape, 2, dtype), shape=(2,)).numpy().tolist() == [2, 2]
    with pytest.raises(InputError, match="expected a shape"):
        nw.Variable(lambda shape, dtype: 1)


def test_old_values_survive_assignments() -> None:
    v = nw.Variable([1.0, 2.0])
    before, doubled, chain = v.value, v * 2, v + 0
    v.assign(v * 10)
    assert v.numpy().tolist() == [10, 20]
    assert (before.numpy().tolist(), doubled.numpy().tolist(), chain.numpy().tolist()) == (
        [1, 2],
        [2, 4],
        [1, 2],
    )
    late = v + 1
    v.assign([7.0, 7.0])
    assert late.numpy().tolist() == [11, 21]


def test_swap_and_shared_values() -> None:
    a, b = nw.Variable([1.0, 2.0]), nw.Variable([3.0, 4.0])
    x, y = a.value, b.value
    a.assign(y)
    b.assign(x)
    assert (a.numpy().tolist(), b.numpy().tolist()) == ([3, 4], [1, 2])
    total = a + b
    a.assign(total)
    b.assign(total)
    a.assign_add(1.0)
    assert (a.numpy().tolist(), b.numpy().tolist()) == ([5, 7], [4, 6])


def test_a_loop_compiles_once_and_forgets() -> None:
    v = nw.Variable(np.zeros(5, np.float32))
    kept = []
    for i in range(40):
        v.assign(v * 0.5 + float(i))
        if i == 4:
            before = compiled()
        if i % 10 == 0:
            kept.append(v.value)
    value = v.numpy()
    expected = 0.0
    for i in range(40):
        expected = expected * 0.5 + i
    assert np.allclose(value, expected)
    assert compiled() <= before + 4  # with and without values that are kept
    kept.clear()
    gc.collect()
    from netwright.frontends.eager import nodes

    assert not any(t.node.reads for t in nodes.pending)


def test_a_long_chain_is_computed_in_parts() -> None:
    t = ops.convert_to_tensor(np.float32(0))
    for _ in range(2500):
        t = t + 1.0
    assert float(t) == 2500


def test_symbolic_tensors_have_no_value() -> None:
    from netwright.compiler.ir.types import TensorType
    from netwright.runtime.spec import f32

    t = Tensor(Placeholder(TensorType((2,), f32), "image"))
    for ask in (lambda: (t + 1).numpy(), lambda: float(t[0]), lambda: bool(t[0] > 1)):
        with pytest.raises(InputError, match="the symbolic input 'image'"):
            ask()
    assert (t + 1).is_symbolic and "symbolic" in repr(t + 1)
