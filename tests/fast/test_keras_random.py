"""Random numbers: seeds are values of the running function, so that each run draws others."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.frontends.keras import random, seeds

from ..traced_functions import interpreted


def test_a_generator_moves_on_in_a_traced_function():
    generator = seeds.SeedGenerator(5)

    def draw():
        return random.uniform((4,), seed=generator), random.normal((3,), seed=generator)

    first, second = interpreted(draw), interpreted(draw)
    assert generator.state.numpy().tolist() == [5, 4]
    assert not np.array_equal(first[0], second[0])
    assert not np.array_equal(first[1], second[1])
    again = seeds.SeedGenerator(5)
    np.testing.assert_array_equal(interpreted(lambda: random.uniform((4,), seed=again))[0], first[0])


def test_integers_as_seeds():
    a, b, c = interpreted(lambda: [random.normal((9,), seed=s) for s in (1, 1, -2)])
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


def test_distributions():
    u, n, t, i, k = interpreted(
        lambda: [
            random.uniform((4000,), -2, 3, seed=1),
            random.normal((4000,), 1.0, 2.0, seed=2),
            random.truncated_normal((4000,), 0.0, 2.0, seed=3),
            random.randint((4000,), -3, 4, seed=4),
            random.binomial((400,), 9, 0.3, seed=5),
        ]
    )
    assert u.min() >= -2
    assert u.max() < 3
    assert abs(u.mean() - 0.5) < 0.1
    assert abs(n.mean() - 1) < 0.15
    assert abs(n.std() - 2) < 0.1
    assert np.abs(t).max() <= 4
    assert sorted(set(i.tolist())) == list(range(-3, 4))
    assert i.dtype == np.int32
    assert abs(k.mean() - 2.7) < 0.3


def test_gammas():
    g, b = interpreted(lambda: [random.gamma((2000,), 3.0, seed=1), random.beta((2000,), 2.0, 6.0, seed=2)])
    assert abs(g.mean() - 3) < 0.2
    assert abs(b.mean() - 0.25) < 0.02


def test_dropout():
    x = np.ones((50, 40), np.float32)
    (y,) = interpreted(lambda v: random.dropout(v, 0.25, seed=1), x)
    assert abs((y == 0).mean() - 0.25) < 0.04
    np.testing.assert_allclose(y[y != 0], 1 / 0.75, rtol=1e-6)
    (y,) = interpreted(lambda v: random.dropout(v, 0.5, noise_shape=(None, 1), seed=1), x)
    assert ((y == 0).all(1) | (y != 0).all(1)).all()
    (y,) = interpreted(lambda v: random.dropout(v, 0.0, seed=1), x)
    np.testing.assert_array_equal(y, x)
    with pytest.raises(ValueError, match="rate from 0 to 1, received 2"):
        random.dropout(x, 2)


def test_shuffle_and_categorical():
    y, c = interpreted(
        lambda v, z: [random.shuffle(v, seed=1), random.categorical(z, 300, seed=2)],
        np.arange(20),
        np.log(np.array([[0.1, 0.9], [0.5, 0.5]], np.float32)),
    )
    assert sorted(y.tolist()) == list(range(20))
    assert c.shape == (2, 300)
    assert abs(c[0].mean() - 0.9) < 0.06


def test_wrong_seeds():
    with pytest.raises(ValueError, match="as the seed, received 'x'"):
        random.normal((2,), seed="x")
    with pytest.raises(ValueError, match=r"integer as the seed, received 1\.5"):
        seeds.SeedGenerator(1.5)
    with pytest.raises(ValueError, match="float type for random numbers, received int32"):
        random.normal((2,), dtype="int32")
