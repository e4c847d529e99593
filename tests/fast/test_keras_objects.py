"""Initializers, regularizers, activations, and looking them up by name and configuration."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.frontends.keras import (
    activations,
    constraints,
    initializers,
    losses,
    metrics,
    objects,
    optimizers,
    regularizers,
    seeds,
)
from netwright.frontends.keras import random as keras_random

from ..helpers import close
from ..traced_functions import interpreted

NAMES = ["GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "LecunNormal", "LecunUniform"]


@pytest.mark.parametrize("name", NAMES)
def test_variance(name):
    kernel = initializers.get(name)((3, 3, 64, 96), dtype="float32").numpy()
    inputs, outputs = 9 * 64, 9 * 96
    want = {"G": 2 / (inputs + outputs), "H": 2 / inputs, "L": 1 / inputs}[name[0]]
    assert kernel.dtype == np.float32
    assert abs(kernel.var() / want - 1) < 0.05
    assert abs(kernel.mean()) < 0.05 * np.sqrt(want)
    limit = np.sqrt(3 * want) if "Uniform" in name else 2 * np.sqrt(want) / 0.8796256610342398
    assert 0.98 * limit < np.abs(kernel).max() <= limit * 1.000001


def test_seeds():
    first = initializers.GlorotUniform(seed=7)
    again = initializers.GlorotUniform(seed=7)
    np.testing.assert_array_equal(first((4, 5)).numpy(), again((4, 5)).numpy())
    np.testing.assert_array_equal(first((4, 5)).numpy(), first((4, 5)).numpy())
    assert not np.array_equal(first((4, 5)).numpy(), initializers.GlorotUniform(seed=8)((4, 5)).numpy())
    moving = initializers.RandomNormal(seed=seeds.SeedGenerator(3))
    assert not np.array_equal(moving((4, 5)).numpy(), moving((4, 5)).numpy())
    with pytest.raises(ValueError, match="SeedGenerator as the seed, received 'x'"):
        initializers.RandomNormal(seed="x")


def test_seed_of_everything():
    def drawn():
        seeds.set_random_seed(11)
        return [initializers.get("he_normal")((3, 4)).numpy(), keras_random.uniform((5,)).numpy()]

    for a, b in zip(drawn(), drawn(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_orthogonal():
    for shape in [(6, 4), (4, 6), (3, 2, 5)]:
        q = initializers.Orthogonal(gain=2.0, seed=1)(shape).numpy().reshape(-1, shape[-1])
        product = q.T @ q if q.shape[0] >= q.shape[1] else q @ q.T
        np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-5)


def test_fixed_values():
    np.testing.assert_array_equal(initializers.get("identity")((2, 3)).numpy(), np.eye(2, 3))
    np.testing.assert_array_equal(initializers.get(np.arange(3.0))((2, 3)).numpy(), [[0, 1, 2]] * 2)
    assert initializers.Constant(3)((), dtype="int32").numpy() == 3
    assert initializers.get("zeros")((2,), dtype="float64").dtype == "float64"
    made = initializers.get(lambda shape, dtype=None: np.ones(shape, dtype))
    assert made((2,), "float32").shape == (2,)


def test_configurations():
    for thing in [
        initializers.VarianceScaling(2.0, "fan_out", "uniform", seed=3),
        initializers.GlorotNormal(seed=seeds.SeedGenerator(4)),
        initializers.Constant(np.arange(2.0)),
        regularizers.L1L2(0.1, 0.2),
        regularizers.OrthogonalRegularizer(0.1, "columns"),
        constraints.MinMaxNorm(0.1, 0.9, 0.5, (0, 1)),
        losses.Huber(0.3),
        metrics.AUC(curve="PR", thresholds=[0.2, 0.6]),
        optimizers.SGD(optimizers.schedules.CosineDecay(0.1, 10), momentum=0.5),
    ]:
        config = objects.serialize_keras_object(thing)
        assert config["module"].startswith("keras.")
        again = objects.deserialize_keras_object(config)
        assert type(again) is type(thing)
        assert objects.serialize_keras_object(again) == config


def test_custom_objects():
    @objects.register_keras_serializable(package="mine")
    class Double(initializers.Ones):
        pass

    config = objects.serialize_keras_object(Double())
    assert config["registered_name"] == "mine>Double"
    assert type(objects.deserialize_keras_object(config)) is Double

    class Other(initializers.Ones):
        pass

    config = objects.serialize_keras_object(Other())
    with pytest.raises(ValueError, match="known, received 'Other'"):
        objects.deserialize_keras_object(config)
    assert type(objects.deserialize_keras_object(config, {"Other": Other})) is Other


@pytest.mark.parametrize(
    ("module", "kind"),
    [
        (initializers, "initializer"), (regularizers, "regularizer"), (constraints, "constraint"),
        (activations, "activation"), (losses, "loss"), (metrics, "metric"), (optimizers, "optimizer"),
    ],
)  # fmt: skip
def test_unknown_names(module, kind):
    with pytest.raises(ValueError, match=f"name of a known {kind}, received 'nothing'"):
        module.get("nothing")
    assert module.get(None) is (activations.linear if module is activations else None)
    if module is not activations:
        with pytest.raises(AttributeError, match="nothing"):
            _ = module.nothing


def test_regularizers():
    x = np.random.default_rng(0).normal(size=(4, 3))
    (got,) = interpreted(regularizers.get("l1_l2"), x.astype(np.float32))
    close(got, np.float32(0.01 * np.abs(x).sum() + 0.01 * (x * x).sum()))
    (got,) = interpreted(regularizers.L1(0.5), x)
    close(got, np.asarray(0.5 * np.abs(x).sum()))
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    off = np.abs(unit @ unit.T) - np.eye(4)
    (got,) = interpreted(regularizers.OrthogonalRegularizer(0.3), x)
    close(got, np.asarray(0.3 * off.sum() / 12))
    with pytest.raises(ValueError, match="l1 to be a number of 0 or more, received -1"):
        regularizers.L1(-1)


def test_relu():
    x = np.linspace(-3, 9, 25).astype(np.float32)
    for slope, high, threshold in [
        (0, None, 0),
        (0.1, None, 0),
        (0, 6, 0),
        (0.2, 4.0, 1.0),
        (0, 5, 0),
        (0, None, 2),
    ]:
        (got,) = interpreted(lambda v: activations.relu(v, slope, high, threshold), x)  # noqa: B023
        top = x if high is None else np.minimum(x, high)
        close(got, np.where(x > threshold, top, slope * (x - threshold)).astype(np.float32))


def test_names_of_activations():
    assert activations.serialize(activations.get("swish")) == "silu"
    assert activations.get(activations.serialize(activations.gelu)) is activations.gelu
    assert activations.get(np.tanh) is np.tanh
