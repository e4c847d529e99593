"""Gradients with tapes, and compiled functions."""

from typing import Any

import netwright as nw
import numpy as np
import pytest
from netwright import keras, ops
from netwright.runtime.errors import InputError, UnsupportedError

X = np.linspace(-2, 2, 8, dtype=np.float32)


def test_gradient_of_variables_and_tensors() -> None:
    w, b = nw.Variable(2.0), nw.Variable(1.0)
    x = ops.convert_to_tensor(X)
    with nw.GradientTape() as tape:
        tape.watch(x)
        y = ops.sum(ops.square(w * x + b))
    dw, db, dx = tape.gradient(y, [w, b, x])
    r = 2 * (2 * X + 1)
    assert np.allclose(dw.numpy(), (r * X).sum(), rtol=1e-5)
    assert np.allclose(db.numpy(), r.sum(), rtol=1e-5)
    assert np.allclose(dx.numpy(), 2 * r, rtol=1e-5)


def test_structures_and_unconnected() -> None:
    w, other, fixed = nw.Variable(2.0), nw.Variable(3.0), nw.Variable(4.0, trainable=False)
    with nw.GradientTape(persistent=True) as tape:
        y = w * 3 * fixed + other * 0
        unused = nw.Variable(1.0) * 1
    found = tape.gradient(y, {"w": w, "more": [other, fixed]})
    assert float(found["w"]) == 12 and float(found["more"][0]) == 0 and found["more"][1] is None
    assert tape.gradient(unused, w) is None
    assert float(tape.gradient(unused, w, unconnected_gradients="zero")) == 0
    watched = tape.watched_variables()
    assert watched[0] is w and watched[1] is other and all(v is not fixed for v in watched)
    with pytest.raises(InputError, match="unconnected_gradients"):
        tape.gradient(y, w, unconnected_gradients="none of these")


def test_a_tape_gives_gradients_once() -> None:
    w = nw.Variable(2.0)
    with nw.GradientTape() as tape:
        y = w * w
    assert float(tape.gradient(y, w)) == 4
    with pytest.raises(InputError, match="persistent"):
        tape.gradient(y, w)
    with pytest.raises(InputError, match="used before"), tape:
        pass


def test_persistent_tape_keeps_what_it_saw() -> None:
    w = nw.Variable(2.0)
    with nw.GradientTape(persistent=True) as tape:
        y = w * w * w
        assert float(y) == 8  # computed while it is recorded
        z = y * w
    w.assign(100.0)
    assert w.numpy() == 100
    assert float(tape.gradient(y, w)) == 12
    assert float(tape.gradient(z, w)) == 32
    assert float(tape.gradient(z, y)) == 2


def test_only_what_is_recorded_counts() -> None:
    w = nw.Variable(3.0)
    outside = w * 2
    with nw.GradientTape() as tape:
        with tape.stop_recording():
            hidden = w * 5
        y = outside * w + hidden
    assert float(tape.gradient(y, w)) == 6


def test_higher_orders() -> None:
    w = nw.Variable(2.0)
    with nw.GradientTape() as second:
        with nw.GradientTape() as first:
            y = ops.exp(w * 0.5) * w
        g = first.gradient(y, w)
    h = second.gradient(g, w)
    e = np.exp(1.0)
    assert np.allclose(float(g), e * (1 + 0.5 * 2), rtol=1e-5)
    assert np.allclose(float(h), e * (0.5 + 0.5 + 0.25 * 2), rtol=1e-5)


def test_output_gradients_and_several_targets() -> None:
    w = nw.Variable([1.0, 2.0])
    with nw.GradientTape(persistent=True) as tape:
        a, b = w * w, w * 3
    assert tape.gradient([a, b], w).numpy().tolist() == [5, 7]
    assert tape.gradient(a, w, output_gradients=[1.0, 10.0]).numpy().tolist() == [2, 40]
    assert tape.jacobian(a, w).numpy().tolist() == [[2, 0], [0, 4]]


def test_a_variable_read_before_and_after_an_assignment() -> None:
    w = nw.Variable(2.0)
    with nw.GradientTape() as tape:
        y = w * 3
        w.assign(5.0)
        z = y + w * w
    assert float(z) == 31
    assert float(tape.gradient(z, w)) == 13


def test_gradients_end_at_an_assignment_traced_or_not() -> None:
    start, c = np.array([2.0, 3.0], np.float32), np.array([1.0, 4.0], np.float32)
    v = nw.Variable(start)

    def run() -> Any:
        with nw.GradientTape() as tape:
            a = v * c
            v.assign(v * v)
            b = v * v * c
            v.assign(b + a)
            loss = ops.sum(a + b + v * 3.0)
        return tape.gradient(loss, v)

    # each read counts with the value that it gave: c, 2·v²·c and 3
    wanted = c + 2 * start**2 * c + 3
    np.testing.assert_array_equal(run().numpy(), wanted)
    after = v.numpy()
    v.assign(start)
    np.testing.assert_array_equal(nw.function(run)().numpy(), wanted)
    np.testing.assert_array_equal(v.numpy(), after)


class _Halved(keras.layers.Layer):
    """Halves its weight, then uses it."""

    def build(self, input_shape: Any) -> None:
        self.w = self.add_weight(shape=(2,), initializer="ones")

    def call(self, x: Any) -> Any:
        before = ops.sum(self.w * x)
        self.w.assign(self.w * 0.5)
        return before + ops.sum(self.w * x)


def test_a_step_of_training_sums_the_gradients_of_all_reads() -> None:
    model = keras.Sequential([keras.Input((2,)), _Halved()])
    model.compile(keras.optimizers.SGD(0.125), lambda y, p: p)
    x = np.array([[1.0, 2.0]], np.float32)
    model.train_on_batch(x, x)
    np.testing.assert_array_equal(model.weights[0].numpy(), 0.5 - 0.125 * 2 * x[0])


def test_no_gradient_is_told_by_name() -> None:
    w = nw.Variable(2.0)

    def run() -> Any:
        with nw.GradientTape() as tape:
            (y,) = ops.while_loop(lambda v: v < 10, lambda v: (v * 2,), (w.value,))
        return tape.gradient(y, w)

    assert float(run()) == 8  # the rounds of a loop whose values are known are recorded one by one
    with pytest.raises(UnsupportedError, match=r"graph\.while"):
        nw.function(run)()
    with nw.GradientTape() as tape:
        y = w * 1
    with pytest.raises(InputError, match="source of a gradient"):
        tape.gradient(y, 3)


def test_a_loop_of_steps_compiles_once() -> None:
    from netwright.frontends.eager import evaluate

    w, b = nw.Variable(0.0), nw.Variable(0.0)
    for i in range(60):
        with nw.GradientTape() as tape:
            loss = ops.mean(ops.square(w * X + b - (3 * X + 2)))
        dw, db = tape.gradient(loss, [w, b])
        rate = 0.2 / (1 + 0.01 * i)  # a number that changes compiles nothing
        w.assign_sub(rate * dw)
        b.assign_sub(rate * db)
        if i == 2:
            before = len(evaluate._programs)
    assert abs(float(w) - 3) < 1e-2 and abs(float(b) - 2) < 1e-2
    assert len(evaluate._programs) <= before + 1


def test_function() -> None:
    traced: list[int] = []
    w = nw.Variable(1.0)

    @nw.function
    def step(x: Any, scale: float, extra: Any = None) -> Any:
        traced.append(1)
        w.assign_add(scale)
        y = x * w
        return {"y": y, "more": (y + 1, None)} if extra is None else y + extra["a"]

    found = step(X, 2.0)
    assert np.allclose(found["y"].numpy(), 3 * X) and found["more"][1] is None
    assert np.allclose(step(X + 1, 2.0)["more"][0].numpy(), 5 * (X + 1) + 1)
    assert len(traced) == 1 and w.numpy() == 5
    step(X[:3], 2.0)
    step(X, 3.0)
    assert np.allclose(step(X, 0.0, extra={"a": np.float32(1)}).numpy(), 10 * X + 1)
    assert len(traced) == 4 == step.experimental_get_tracing_count()


def test_function_reads_variables_as_they_are_and_captures_values() -> None:
    w = nw.Variable(1.0)
    outside = w * 2
    late = nw.function(lambda x: x * w + outside)
    assert float(late(np.float32(3))) == 5
    w.assign(10.0)
    assert float(late(np.float32(3))) == 32
    held = w + 0
    bump = nw.function(lambda: w.assign_add(1.0).value)
    assert float(bump()) == 11 and float(held) == 10 and w.numpy() == 11


def test_function_in_a_tape_and_in_a_function() -> None:
    w = nw.Variable(2.0)
    cube = nw.function(lambda x: x * x * w)
    with nw.GradientTape() as tape:
        y = cube(np.float32(3))
    assert float(tape.gradient(y, w)) == 9
    outer = nw.function(lambda x: cube(x) + cube(x + 1))
    assert float(outer(np.float32(1))) == 10


def test_methods_and_options() -> None:
    class Counter:
        def __init__(self) -> None:
            self.total = nw.Variable(0.0)

        @nw.function(jit_compile=True)
        def add(self, x: Any) -> Any:
            self.total.assign_add(ops.sum(x))
            return self.total.value

    a, b = Counter(), Counter()
    assert (float(a.add(X[:2])), float(a.add(X[:2])), float(b.add(X[:2]))) == pytest.approx(
        (-24 / 7, -48 / 7, -24 / 7)
    )
    with pytest.raises(InputError, match="no option wrong"):
        nw.function(lambda x: x, wrong=1)


def test_values_cannot_be_asked_for_while_tracing() -> None:
    @nw.function
    def f(x: Any) -> Any:
        return x if x[0] > 0 else -x

    with pytest.raises(InputError, match="symbolic input"):
        f(X)
