"""Makes the stored graphs and results of the test networks; needs TensorFlow and Keras.

python tests/data/networks/make.py          (in the repository, with the [oracle] extra installed)
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers as L
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

sys.path.insert(0, str(Path(__file__).parent))
import recipe


def mlp() -> Any:
    return keras.Sequential([keras.Input((784,)), L.Dense(500, activation="relu"), L.Dense(10)])


def lenet() -> Any:
    return keras.Sequential([
        keras.Input((28, 28, 1)),
        L.Conv2D(32, 5, padding="same", activation="relu"), L.MaxPooling2D(2),
        L.Conv2D(64, 5, padding="same", activation="relu"), L.MaxPooling2D(2),
        L.Flatten(), L.Dense(512, activation="relu"), L.Dense(10, activation="softmax"),
    ])  # fmt: skip


def flowers() -> Any:
    blocks = [[L.Conv2D(c, 3, padding="same", activation="relu"), L.MaxPooling2D()] for c in (16, 32, 64)]
    return keras.Sequential([
        keras.Input((61, 53, 3)), L.Rescaling(0.5), *(layer for b in blocks for layer in b),
        L.BatchNormalization(), L.Flatten(), L.Dense(128, activation="relu"), L.Dense(5),
    ])  # fmt: skip


def resnet50() -> Any:
    return keras.applications.ResNet50(weights=None)


BUILDERS = {"mlp": mlp, "lenet": lenet, "flowers": flowers, "resnet50": resnet50}


def build(name: str) -> Any:
    """The Keras model with the recipe's weights."""
    keras.backend.clear_session()
    model = BUILDERS[name]()
    for w in model.weights:
        if "seed" not in w.path:
            w.assign(recipe.weight(w.path, tuple(w.shape)))
    return model


def freeze(model: Any) -> tuple[Any, str, str]:
    """The frozen graph with a dynamic batch, and the names of its input and output."""
    spec = tf.TensorSpec([None, *model.inputs[0].shape[1:]], tf.float32, name="x")
    function = tf.function(lambda x: tf.identity(model(x, training=False), name="y"))
    frozen = convert_variables_to_constants_v2(function.get_concrete_function(spec))
    return frozen.graph.as_graph_def(), frozen.inputs[0].name, frozen.outputs[0].name


def main() -> None:
    for name in recipe.NETWORKS:
        model = build(name)
        graph, x, y = freeze(model)
        by_value = {np.asarray(w).tobytes(): w.path for w in model.weights}
        weights: dict[str, str] = {}
        for node in graph.node:
            if node.op == "Const" and len(node.attr["value"].tensor.tensor_content) > 256:
                path = by_value.get(node.attr["value"].tensor.tensor_content)
                if path is not None:
                    weights[node.name] = path
                    node.attr["value"].tensor.tensor_content = b""
        shape = [int(d) for d in model.inputs[0].shape[1:]]
        images = recipe.images(name, 7, tuple(shape))
        np.save(recipe.HERE / f"{name}.npy", np.asarray(model(images, training=False)))
        (recipe.HERE / f"{name}.pb").write_bytes(graph.SerializeToString(deterministic=True))
        described = {"input": x, "output": y, "shape": shape, "weights": weights}
        (recipe.HERE / f"{name}.json").write_text(json.dumps(described, indent=1, sort_keys=True) + "\n")
        print(name, len(weights), "weights left out")


if __name__ == "__main__":
    main()
