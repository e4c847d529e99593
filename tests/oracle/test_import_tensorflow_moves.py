"""The importer against TensorFlow: shapes, and what moves elements."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from .tensorflow_graphs import Graph, check, node

# TensorFlow calls what Python and numpy deprecate.
pytestmark = pytest.mark.filterwarnings("ignore")


def test_shapes(tensorflow):
    for build in (
        node(tensorflow, "Shape", "input"),
        node(tensorflow, "Shape", "input", out_type="int64"),
        node(tensorflow, "Size", "input"),
        node(tensorflow, "Rank", "input"),
    ):
        check(tensorflow, build, (None, 3, 5))
    check(tensorflow, lambda x, y: tensorflow.raw_ops.ShapeN(input=[x, y]), (None, 3), (2, None))


def test_reshapes(tensorflow):
    for shape in ([-1, 15], [-1], [5, -1]):
        check(tensorflow, node(tensorflow, "Reshape", "tensor", shape=shape), (None, 3, 5))
    check(tensorflow, node(tensorflow, "Reshape", "tensor", shape=np.zeros(0, np.int32)), (1, 1))
    check(tensorflow, node(tensorflow, "Squeeze", "input", axis=[1, -1]), (None, 1, 3, 1))
    check(tensorflow, node(tensorflow, "Squeeze", "input"), (2, 1, 3, 1))
    for axis in (0, 1, -1, -3):
        check(tensorflow, node(tensorflow, "ExpandDims", "input", axis=axis), (None, 3))
    for permutation in ([0, 2, 1], [2, 0, 1], [-1, 0, 1]):
        check(tensorflow, node(tensorflow, "Transpose", "x", perm=permutation), (None, 3, 5))


def test_arithmetic_on_sizes(tensorflow):
    tf = tensorflow

    def flatten(x: Any) -> Any:
        shape = tf.shape(x)
        return tf.reshape(x, tf.stack([shape[0], tf.reduce_prod(shape[1:])]))

    def rows(x: Any) -> Any:
        shape = tf.shape(x)
        return tf.reshape(x, tf.concat([shape[:1] * shape[1], tf.cast(shape[2:], tf.int32)], 0))

    def ones(x: Any) -> Any:
        return tf.concat([x, tf.ones(tf.concat([tf.shape(x)[:-1], [2]], 0))], -1)

    def twice(x: Any) -> Any:
        n = tf.shape(x)[0]
        return (
            tf.tile(x, tf.stack([n, 1, 2])),
            tf.broadcast_to(x[:1], tf.stack([n + 1, 3, 5])),
            tf.zeros([n, 2 * n]),
        )

    def half(x: Any) -> Any:
        return tf.slice(x, [0, 1, 0], [tf.shape(x)[0], 2, -1]), x[:, : tf.shape(x)[1] - 1], x[: tf.size(x)]

    for build in (flatten, rows, ones, twice, half):
        check(tf, build, (None, 3, 5), batches=(1, 7))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_joins_and_splits(tensorflow, axis):
    raw = tensorflow.raw_ops
    check(tensorflow, lambda x, y: raw.ConcatV2(values=[x, y, x], axis=axis), (None, 3), (None, 3))
    check(tensorflow, lambda x, y: raw.Concat(concat_dim=axis % 2, values=[x, y]), (None, 3), (None, 3))
    check(tensorflow, lambda x, y: raw.Pack(values=[x, y, x], axis=axis), (None, 3), (None, 3))
    check(tensorflow, node(tensorflow, "Unpack", "value", num=4, axis=axis), (4, 4))
    check(tensorflow, node(tensorflow, "Split", "value", axis=axis, num_split=2), (4, 6))
    sizes = np.array([1, -1, 0], np.int32)
    check(tensorflow, node(tensorflow, "SplitV", "value", size_splits=sizes, axis=axis, num_split=3), (4, 6))


def test_splits_of_other_axes_than_the_batch(tensorflow):
    check(tensorflow, node(tensorflow, "Unpack", "value", num=3, axis=1), (None, 3))
    check(tensorflow, node(tensorflow, "Split", "value", axis=1, num_split=3), (None, 6))
    check(tensorflow, lambda x: tensorflow.raw_ops.IdentityN(input=[x, x + 1]), (None, 6))


def test_enlarging(tensorflow):
    pads = [[0, 1], [2, 0], [0, 0]]
    check(tensorflow, node(tensorflow, "Pad", "input", paddings=pads), (None, 3, 2))
    check(tensorflow, node(tensorflow, "Pad", "input", paddings=pads), ((None, 3, 2), "int32"))
    check(tensorflow, node(tensorflow, "PadV2", "input", "constant_values", paddings=pads), (None, 3, 2), ())
    check(tensorflow, node(tensorflow, "Tile", "input", multiples=[2, 1, 3]), (None, 3, 2))
    check(tensorflow, node(tensorflow, "Tile", "input", multiples=[2, 0, 3]), (None, 3, 2))
    check(tensorflow, node(tensorflow, "BroadcastTo", "input", shape=[4, 2, 3]), (2, 1))
    check(tensorflow, node(tensorflow, "Fill", "value", dims=[2, 3]), ())


@pytest.mark.parametrize("limits", [(0, 5, 1), (5, 0, -2), (3, 3, 1), (0.0, 1.0, 0.1), (1.0, -1.0, -0.3)])
def test_ranges(tensorflow, limits):
    start, limit, delta = limits
    made = lambda x: tensorflow.cast(tensorflow.range(start, limit, delta), "float32") + x  # noqa: E731
    check(tensorflow, made, ())


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_gathers(tensorflow, dtype):
    i = np.array([[0, 2, 1], [2, 2, 0]], dtype)
    for axis in (0, 1, 2, -1):
        check(tensorflow, node(tensorflow, "GatherV2", "params", indices=i, axis=axis), (3, 4, 5))
    check(tensorflow, node(tensorflow, "GatherV2", "params", indices=i, axis=1), (None, 4, 5))
    check(tensorflow, node(tensorflow, "GatherV2", "params", indices=i[0, 0], axis=1), (None, 4))
    check(tensorflow, node(tensorflow, "Gather", "params", indices=i), (3, 4))


SLICES: list[Any] = [
    np.s_[1:], np.s_[:-1], np.s_[:, 1:3], np.s_[..., 0], np.s_[:, None, ::2], np.s_[:, -1], np.s_[..., None, 1:-1, :],
    np.s_[:, 2:1], np.s_[:, -3:99:2], np.s_[:, 3, ..., None, -2], np.s_[None, ..., ::3], np.s_[:, :, -2:-1],
]  # fmt: skip


@pytest.mark.parametrize("index", SLICES, ids=str)
def test_strided_slices(tensorflow, index):
    check(tensorflow, lambda x: x[index], (None, 4, 5), batches=(1, 7))
    check(tensorflow, lambda x: x[index], (5, 4, None), batches=(3, 7))


def test_strided_slices_of_random_masks(tensorflow):
    rng = np.random.default_rng(0)
    tried = 0
    while tried < 150:
        k = int(rng.integers(1, 6))
        masks = {f"{key}_mask": int(rng.integers(0, 1 << k)) for key in ("begin", "end", "shrink_axis")}
        masks["ellipsis_mask"] = int(rng.choice([0, *(1 << i for i in range(k))]))
        masks["new_axis_mask"] = int(rng.integers(0, 1 << k) & rng.integers(0, 1 << k))
        given = {
            "begin": rng.integers(-4, 4, k),
            "end": rng.integers(-6, 7, k),
            "strides": rng.integers(1, 4, k),
        }
        constants = {key: value.astype(np.int32) for key, value in given.items()}
        build = node(tensorflow, "StridedSlice", "input", **constants, **masks)
        try:
            Graph(tensorflow, build, [((3, 4, 5), "float32")])
        except ValueError:  # TensorFlow refuses the masks
            continue
        check(tensorflow, build, (3, 4, 5))
        tried += 1
