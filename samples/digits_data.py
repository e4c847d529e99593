"""Handwritten digits: MNIST's files where they are, else scikit-learn's 8x8 digits, enlarged to 28x28.

Set MNIST to a folder with train-images-idx3-ubyte and the other three files, plain or as .gz, to use those.
"""

import gzip
import os
from pathlib import Path

import numpy as np

_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def load():
    """(x, y), (x, y): images [n, 28, 28, 1] in 0..1 and labels, for training and for the test."""
    folder = os.environ.get("MNIST")
    if folder:
        x, y, tx, ty = (_idx(Path(folder), name) for name in _FILES)
        return (_images(x), y.astype(np.int32)), (_images(tx), ty.astype(np.int32))
    from sklearn.datasets import load_digits

    digits = load_digits()
    x = np.stack([enlarged(image) for image in digits.images / 16.0])[..., None].astype(np.float32)
    y = digits.target.astype(np.int32)
    order = np.random.default_rng(7).permutation(len(x))
    train, test = order[360:], order[:360]
    return (x[train], y[train]), (x[test], y[test])


def enlarged(image):
    """An 8x8 image as 28x28: 24x24 by bilinear interpolation, with a border of two."""
    at = np.clip((np.arange(24) + 0.5) / 3 - 0.5, 0, 7)
    low = np.minimum(at.astype(int), 6)
    share = at - low
    rows = image[low] * (1 - share)[:, None] + image[low + 1] * share[:, None]
    both = rows[:, low] * (1 - share) + rows[:, low + 1] * share
    return np.pad(both, 2)


def _images(x):
    return (x.astype(np.float32) / 255)[..., None]


def _idx(folder, name):
    path = folder / name
    data = path.read_bytes() if path.exists() else gzip.decompress((folder / f"{name}.gz").read_bytes())
    rank = data[3]
    shape = [int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(rank)]
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)
