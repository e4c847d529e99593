"""Losses, metrics and optimizers by their formulas, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.frontends.eager.tape import GradientTape
from netwright.frontends.eager.variable import Variable
from netwright.frontends.keras import losses, metrics, optimizers
from netwright.runtime.errors import ExecutionError

from ..helpers import close
from ..traced_functions import interpreted, traced

RNG = np.random.default_rng(2)
LOGITS = RNG.normal(size=(6, 5))
CLASSES = np.array([0, 4, 2, 2, 1, 3])


def test_cross_entropy_and_its_gradient():
    total = np.log(np.exp(LOGITS).sum(-1, keepdims=True))
    probabilities = np.exp(LOGITS - total)
    one_hot = np.eye(5)[CLASSES]

    def both(z, y):
        with GradientTape() as tape:
            tape.watch(z)
            loss = losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum", dtype="float64")(
                y, z
            )
        return loss, tape.gradient(loss, z)

    loss, gradient = interpreted(both, LOGITS, CLASSES)
    close(loss, np.asarray(-(one_hot * (LOGITS - total)).sum()), 1e-12)
    close(gradient, probabilities - one_hot, 1e-12)


def test_gradient_at_zero_logits():
    """It is 1/2 less the label there, whichever branch is taken."""

    def gradient(z, y):
        with GradientTape() as tape:
            tape.watch(z)
            loss = losses.BinaryCrossentropy(from_logits=True, reduction="sum")(y, z)
        return tape.gradient(loss, z)

    (got,) = interpreted(gradient, np.zeros((2, 1), np.float32), np.array([[0], [1]], np.float32))
    close(got, np.array([[0.5], [-0.5]], np.float32))


def test_masks():
    y, p = RNG.normal(size=(2, 3, 4)), RNG.normal(size=(2, 3, 4))
    mask = np.array([[True, True, False], [True, False, False]])
    values = ((y - p) ** 2).mean(-1)
    loss = losses.MeanSquaredError(dtype="float64")
    (got,) = interpreted(lambda a, b, m: loss(a, b, mask=m), y, p, mask)
    close(got, np.asarray(values[mask].mean()), 1e-12)
    metric = metrics.MeanMetricWrapper(losses.mean_squared_error, dtype="float64")
    interpreted(lambda a, b, m: metric.update_state(a, b, mask=m), y, p, mask)
    close(metric.result().numpy(), np.asarray(values[mask].mean()), 1e-6)


def test_classes_out_of_range():
    for wrong in (5, -1):
        labels = np.array([0, 1, 2, 3, 4, wrong])
        with pytest.raises((ExecutionError, IndexError)):
            interpreted(losses.SparseCategoricalCrossentropy(from_logits=True), labels, LOGITS)


def test_what_losses_refuse():
    with pytest.raises(ValueError, match=r"expected a reduction of .* received 'avg'"):
        losses.MeanSquaredError(reduction="avg")
    with pytest.raises(ValueError, match="for numbers of classes use the sparse one"):
        losses.CategoricalCrossentropy()(CLASSES, LOGITS)
    with pytest.raises(ValueError, match="a number of a class for each sample"):
        losses.SparseCategoricalCrossentropy()(np.eye(5)[CLASSES], LOGITS)
    with pytest.raises(AttributeError, match="CTC is not built here"):
        _ = losses.CTC


def test_own_losses_and_metrics():
    def loss(y_true, y_pred):
        return (y_true - y_pred) ** 2

    y, p = RNG.normal(size=(4, 3)).astype(np.float32), RNG.normal(size=(4, 3)).astype(np.float32)
    assert losses.get(loss) is loss
    (got,) = interpreted(losses.LossFunctionWrapper(loss), y, p)
    close(got, ((y - p) ** 2).mean())
    metric = metrics.resolve(loss, y.shape, p.shape)
    assert metric.name == "loss"
    close(metric(y, p).numpy(), ((y - p) ** 2).mean())

    class Doubled(losses.Loss):
        def call(self, y_true, y_pred):
            return (y_true - y_pred) * 2.0

    assert Doubled().name.startswith("doubled")
    (got,) = interpreted(Doubled(reduction="none"), y, p)
    close(got, (y - p) * 2)


def test_learning_rate_is_a_variable():
    v = Variable(np.ones(3, np.float32), name="w")
    optimizer = optimizers.SGD(0.5)

    def step(g):
        optimizer.apply([g], [v])

    interpreted(step, np.ones(3, np.float32))
    held = optimizer.learning_rate
    optimizer.learning_rate = 0.25
    assert optimizer.learning_rate is held
    interpreted(step, np.ones(3, np.float32))
    close(v.numpy(), np.full(3, 0.25, np.float32))
    assert optimizer.iterations.numpy() == 2
    assert any(v is held for v in traced(step, [np.ones(3, np.float32)]).variables)
    scheduled = optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 10, 0.5))
    with pytest.raises(TypeError, match="this one has a schedule"):
        scheduled.learning_rate = 0.1


def test_a_function_as_learning_rate():
    rates = iter([0.5, 0.25, 0.125, 0.0625, 0.03])
    optimizer = optimizers.SGD(lambda: next(rates))
    v = Variable(np.ones(3, np.float32))
    optimizer.build([v])

    def step(g):
        optimizer.apply([g], [v])

    made = traced(step, [np.ones(3, np.float32)])
    assert any(x.name == "called_learning_rate" for x in made.variables)
    optimizer.before_step()
    assert optimizer._called.numpy() == 0.25


def test_weight_decay_leaves_some_out():
    kernel, bias = (
        Variable(np.ones(3, np.float32), name="kernel"),
        Variable(np.ones(3, np.float32), name="bias"),
    )
    optimizer = optimizers.AdamW(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    zero = np.zeros(3, np.float32)
    interpreted(lambda a, b: optimizer.apply([a, b], [kernel, bias]), zero, zero)
    close(kernel.numpy(), np.full(3, 0.95, np.float32))
    close(bias.numpy(), np.ones(3, np.float32))
    with pytest.raises(ValueError, match="not built yet"):
        optimizer.exclude_from_weight_decay(var_names=["x"])


def test_averages_take_the_place_of_weights():
    v = Variable(np.ones(2, np.float32))
    optimizer = optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5)
    for _ in range(2):
        interpreted(lambda g: optimizer.apply([g], [v]), np.full(2, 0.5, np.float32))
    optimizer.finalize_variable_values([v])
    close(v.numpy(), np.full(2, 0.25, np.float32))


def test_own_optimizer():
    class Sign(optimizers.Optimizer):
        def build(self, variables):
            super().build(variables)
            self.counts = self.add_optimizer_variables(variables, "count")

        def update_step(self, gradient, variable, learning_rate):
            self.assign_add(self.counts[self._get_variable_index(variable)], 1.0)
            self.assign_sub(variable, learning_rate * gradient)

    v = Variable(np.ones(2, np.float32), name="v")
    optimizer = Sign(0.5)
    interpreted(lambda g: optimizer.apply_gradients([(g, v)]), np.ones(2, np.float32))
    close(v.numpy(), np.full(2, 0.5, np.float32))
    close(optimizer.counts[0].numpy(), np.ones(2, np.float32))


def test_saved_variables():
    v = Variable(np.ones(2, np.float32), name="v")
    first, second = optimizers.Adam(), optimizers.Adam()
    first.apply([np.ones(2, np.float32)], [v])
    store = {}
    first.save_own_variables(store)
    second.build([v])
    second.load_own_variables(store)
    for a, b in zip(first.variables, second.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    with pytest.warns(UserWarning, match="they are not loaded"):
        optimizers.SGD().load_own_variables(store)


def test_what_optimizers_refuse():
    v, w = Variable(np.ones(2, np.float32), name="v"), Variable(np.ones(2, np.float32), name="w")
    g = np.ones(2, np.float32)
    with pytest.raises(ValueError, match="SGD has no argument lr"):
        optimizers.SGD(lr=0.1)
    with pytest.raises(ValueError, match="one of clipnorm, clipvalue and global_clipnorm"):
        optimizers.SGD(clipnorm=1.0, clipvalue=1.0)
    with pytest.raises(ValueError, match="momentum to be a number from 0 to 1"):
        optimizers.SGD(momentum=2.0)
    optimizer = optimizers.SGD()
    with pytest.raises(ValueError, match="received None for all"):
        optimizer.apply([None], [v])
    with pytest.warns(UserWarning, match="no gradients for w"):
        optimizers.SGD().apply([g, None], [v, w])
    with pytest.raises(ValueError, match="built for, received 'w'"):
        optimizer.apply([g], [w])
    with pytest.raises(AttributeError, match="Muon is not built here"):
        _ = optimizers.Muon


def test_thresholds():
    y, p = np.array([0, 1, 1, 0, 1]), np.array([0.1, 0.6, 0.3, 0.7, 0.9])
    metric = metrics.Precision(thresholds=[0.2, 0.65])
    close(metric(y, p).numpy(), np.array([3 / 4, 1 / 2], np.float32))
    metric.reset_state()
    close(metric(y, p, np.array([1, 1, 1, 0, 1])).numpy(), np.array([1, 1], np.float32))
    with pytest.raises(ValueError, match="thresholds from 0 to 1, received 2"):
        metrics.Recall(thresholds=2)
    with pytest.raises(ValueError, match="curve 'ROC', 'PR' or 'PRGAIN', received 'X'"):
        metrics.AUC(curve="X")
