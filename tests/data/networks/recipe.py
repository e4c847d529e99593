"""Weights and inputs of the test networks, from their names alone: numpy, seeded, the same everywhere.

The stored graphs have no weights: `fill` puts them back. `make.py` beside this file made the graphs and
TensorFlow's results.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
NETWORKS = ("mlp", "lenet", "flowers", "resnet50")
#: largest difference over largest result that the project's law allows
TOLERANCE = {"mlp": 1e-5, "lenet": 1e-5, "flowers": 1e-5, "resnet50": 1e-4}


def weight(path: str, shape: tuple[int, ...]) -> Any:
    """The value of a weight; batch-norm statistics are far from 0 and 1."""
    rng = np.random.default_rng(zlib.crc32(path.encode()))
    kind = path.rsplit("/", 1)[-1]
    if kind == "kernel":
        value = rng.normal(size=shape) * np.sqrt(2.0 / np.prod(shape[:-1]))
        return (value * (0.15 if "predictions" in path else 1.0)).astype(np.float32)
    if kind == "gamma":
        # the last one of a residual block is small, so that 16 blocks do not overflow
        return (rng.uniform(0.8, 1.2, shape) * (0.3 if "_3_bn" in path else 1.0)).astype(np.float32)
    if kind == "moving_variance":
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    return (rng.normal(size=shape) * 0.2).astype(np.float32)


def images(name: str, count: int, shape: tuple[int, ...]) -> Any:
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    return rng.normal(size=(count, *shape)).astype(np.float32)


def meta(name: str) -> dict[str, Any]:
    return json.loads((HERE / f"{name}.json").read_text())


def fill(name: str) -> bytes:
    """The frozen graph with its weights."""
    from netwright.frontends.tensorflow.proto import messages

    described = meta(name)
    graph = messages().GraphDef.FromString((HERE / f"{name}.pb").read_bytes())
    for node in graph.node:
        path = described["weights"].get(node.name)
        if path is not None:
            tensor = node.attr["value"].tensor
            shape = tuple(d.size for d in tensor.tensor_shape.dim)
            tensor.tensor_content = weight(path, shape).tobytes()
    return graph.SerializeToString()


def expected(name: str) -> Any:
    """TensorFlow's results for the 7 images of the network."""
    return np.load(HERE / f"{name}.npy")
