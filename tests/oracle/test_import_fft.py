"""Fourier transforms and complex numbers against TensorFlow."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.runtime.errors import UnsupportedError

from .tensorflow_graphs import Graph, check, check_values

pytestmark = pytest.mark.filterwarnings("ignore")


def _parts(tf, z):
    return tf.math.real(z), tf.math.imag(z)


def _check_fixed(tf, build, *shapes, dtype="float32", tolerance=1e-5):
    graph = Graph(tf, build, [(s, dtype) for s in shapes])
    rng = np.random.default_rng(0)
    graph.compare(graph.load(), [rng.normal(size=s).astype(dtype) for s in shapes], tolerance)


# short ones, with good factors, prime ones, powers of two, with one large prime factor
@pytest.mark.parametrize("n", [1, 2, 3, 8, 15, 128, 129, 131, 240, 509, 512, 521, 1024, 1042, 2000])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_transforms(tensorflow, n, dtype):
    tf = tensorflow
    tolerance = 1e-5 if dtype == "float32" else 1e-12

    def all_of(x, y):
        z = tf.complex(x, y)
        half = tf.signal.rfft(x)
        parts = [z, tf.signal.fft(z), tf.signal.ifft(z), half]
        return [p for z in parts for p in _parts(tf, z)] + [tf.signal.irfft(half * half, [n])]

    _check_fixed(tf, all_of, (2, n), (2, n), dtype=dtype, tolerance=tolerance)


def test_open_batches_and_lengths(tensorflow):
    tf = tensorflow
    for length in (8, 20, 33):
        check(tf, lambda x: _parts(tf, tf.signal.rfft(x, [length])), (None, 3, 20))  # noqa: B023
        check(tf, lambda x: tf.signal.irfft(tf.complex(x, x * x), [length]), (None, 11))  # noqa: B023
    check(tf, lambda x: abs(tf.signal.fft(tf.cast(x, tf.complex64))), (None, 12))


@pytest.mark.parametrize("shape", [(3, 4, 6), (2, 5, 3, 7)])
def test_more_axes(tensorflow, shape):
    tf = tensorflow

    def planes(x, y):
        z = tf.complex(x, y)
        half = tf.signal.rfft2d(x)
        made = [tf.signal.fft2d(z), tf.signal.ifft2d(z), half, tf.signal.rfft2d(x, [6, 4])]
        return [p for z in made for p in _parts(tf, z)] + [
            tf.signal.irfft2d(half),
            tf.signal.irfft2d(half, [3, 9]),
        ]

    def volumes(x, y):
        z = tf.complex(x, y)
        half = tf.signal.rfft3d(x)
        made = [tf.signal.fft3d(z), tf.signal.ifft3d(z), half]
        return [p for z in made for p in _parts(tf, z)] + [tf.signal.irfft3d(half)]

    _check_fixed(tf, planes, shape, shape)
    _check_fixed(tf, volumes, shape, shape)


def test_arithmetic(tensorflow):
    tf = tensorflow

    def several(x, y):
        z, w = tf.complex(x, y), tf.complex(y, x[:, :1])
        w.set_shape(z.shape)
        c = tf.constant([1 + 2j, -3j, 0.5, 1], tf.complex64)
        made = [z + w, z - w, z * w, -z, z * c, z / (w + 3), tf.math.conj(z), tf.square(z), tf.exp(z), tf.zeros_like(z),
                tf.matmul(z, w, transpose_a=True), tf.linalg.matmul(z[None], w[None], adjoint_b=True),
                tf.cast(z, tf.complex128)]  # fmt: skip
        moved = [tf.reshape(z, [4, -1]), tf.transpose(z), z[:, 1:3], tf.concat([z, w], 1), tf.stack([z, w]),
                 tf.reduce_sum(z, 0), tf.reduce_mean(z, 1), tf.expand_dims(z, 0), tf.tile(z, [2, 1]),
                 *tf.split(z, 2, 1), *tf.unstack(z), tf.where(x > 0, z, w)]  # fmt: skip
        sizes = tf.shape(z), tf.size(z), tf.rank(z)
        return [p for z in made + moved for p in _parts(tf, z)] + [
            abs(z),
            tf.math.angle(z),
            tf.cast(z, "float32"),
            *sizes,
        ]

    _check_fixed(tf, several, (3, 4), (3, 4))


def test_absolute_values_and_angles(tensorflow):
    values = [0.0, -0.0, 1.0, -2.5, 3e38, -3e38, np.inf, -np.inf, 1e-20]
    x, y = (v.reshape(-1).astype(np.float32) for v in np.meshgrid(values, values))

    def both(x, y):
        z = tensorflow.complex(x, y)
        return abs(z), tensorflow.math.angle(z)

    check_values(tensorflow, both, x, y)


def test_what_is_refused(tensorflow):
    tf = tensorflow

    def refused(build, match, shape=(3, 4)):
        with pytest.raises(UnsupportedError, match=match):
            Graph(tf, build, [(shape, "float32")]).load()

    refused(lambda x: tf.complex(x, x), "only where real ones are made of them")
    refused(lambda x: tf.math.real(tf.sqrt(tf.complex(x, x))), "complex operands are not supported")
    refused(lambda x: tf.math.real(tf.signal.rfft(x)), "length that is known only at run time", (3, None))
