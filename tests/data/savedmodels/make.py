"""Writes the SavedModels of this folder, with inputs and TensorFlow's outputs in `results.npz` beside each.

python tests/data/savedmodels/make.py    # needs TensorFlow

`module` is a tf.Module with two signatures, one of which counts its calls; `network` a Keras model with
convolution, batch norm and dense layers; `session` was saved by TensorFlow 1 with partitioned variables, and
`text` is the same with resource variables, in text format.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import numpy as np
import tensorflow as tf

HERE = Path(__file__).resolve().parent


class Module(tf.Module):
    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__()
        self.w = tf.Variable(rng.normal(size=(4, 3)).astype("f"), name="w")
        self.b = tf.Variable(rng.normal(size=3).astype("f"), name="w")  # the same name, another variable
        self.table = tf.Variable(rng.normal(size=(5, 2)).astype("f"), name="table")
        self.calls = tf.Variable(0, name="calls")

    @tf.function(
        input_signature=[tf.TensorSpec([None, 4], name="x"), tf.TensorSpec([None], tf.int32, name="id")]
    )
    def predict(self, x: Any, id: Any) -> Any:
        return {"y": tf.nn.relu(x @ self.w + self.b), "row": tf.gather(self.table, id)}

    @tf.function(input_signature=[tf.TensorSpec([2], name="x")])
    def count(self, x: Any) -> Any:
        self.calls.assign_add(1)
        return {"scaled": x * tf.cast(self.calls, tf.float32)}


def save(name: str, write: Any, arrays: dict[str, Any]) -> None:
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    write(str(folder))
    shrink(folder)
    for extra in ("fingerprint.pb", "keras_metadata.pb"):
        (folder / extra).unlink(missing_ok=True)
    if (folder / "assets").is_dir():
        (folder / "assets").rmdir()
    np.savez(folder / "results.npz", **arrays)


def shrink(folder: Path) -> None:
    """Leaves out what no reader needs: descriptions of ops and objects, hints, and how to save it again."""
    from google.protobuf import text_format
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    binary, text = folder / "saved_model.pb", folder / "saved_model.pbtxt"
    model = SavedModel()
    if binary.exists():
        model.ParseFromString(binary.read_bytes())
    else:
        text_format.Parse(text.read_text(), model)
    for meta in model.meta_graphs:
        meta.meta_info_def.ClearField("stripped_op_list")
        meta.ClearField("object_graph_def")
        functions = meta.graph_def.library.function
        for f in [f for f in functions if "traced_save" in f.signature.name]:
            functions.remove(f)
        for f in functions:
            f.arg_attr.clear()
            f.attr.clear()
        nodes = [n for f in functions for n in f.node_def]
        saving = [n for n in meta.graph_def.node if not n.name.startswith("save/S")]
        del meta.graph_def.node[:]
        meta.graph_def.node.extend(saving)
        for n in (*nodes, *meta.graph_def.node):
            n.ClearField("experimental_debug_info")
            for key in [k for k in n.attr if k.startswith("_") or k in ("config_proto", "config")]:
                del n.attr[key]
    if binary.exists():
        binary.write_bytes(model.SerializeToString(deterministic=True))
    else:
        text.write_text(text_format.MessageToString(model))


def module() -> None:
    rng = np.random.default_rng(0)
    m = Module(rng)
    x, rows = rng.normal(size=(3, 4)).astype("f"), np.array([4, 0, 1], "i4")
    y = m.predict(x, rows)
    signatures = {"serving_default": m.predict, "count": m.count}
    save(
        "module",
        lambda folder: tf.saved_model.save(m, folder, signatures=signatures),
        {"x": x, "id": rows, "y": y["y"].numpy(), "row": y["row"].numpy()},
    )


def network() -> None:
    keras.utils.set_random_seed(1)
    layers = keras.layers
    m = keras.Sequential(
        [
            keras.Input((8, 8, 3), name="image"),
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(5, activation="softmax"),
        ]
    )
    for v in m.variables:
        v.assign(np.random.default_rng(2).uniform(0.1, 1, v.shape).astype("f"))
    x = np.random.default_rng(3).normal(size=(2, 8, 8, 3)).astype("f")
    save("network", lambda f: m.export(f, verbose=False), {"image": x, "output_0": m.predict(x, verbose=0)})


def session(name: str, resource: bool, text: bool) -> None:
    v1 = tf.compat.v1
    x = np.random.default_rng(4).normal(size=(2, 6)).astype("f")
    with tf.Graph().as_default(), v1.Session() as run:
        v1.set_random_seed(5)
        place = v1.placeholder(tf.float32, [None, 6], name="place")
        with v1.variable_scope("layer", use_resource=resource):
            w = v1.get_variable("w", [6, 4], partitioner=v1.fixed_size_partitioner(2, axis=1))
            b = v1.get_variable("b", [4], initializer=v1.random_normal_initializer())
        result = tf.tanh(tf.matmul(place, tf.convert_to_tensor(w)) + b)
        run.run(v1.global_variables_initializer())
        inputs, outputs = {"x": place}, {"y": result}
        signature = v1.saved_model.predict_signature_def(inputs, outputs)

        def write(folder: str) -> None:
            builder = v1.saved_model.Builder(folder)
            builder.add_meta_graph_and_variables(run, ["serve"], {"serving_default": signature})
            builder.save(as_text=text)

        save(name, write, {"x": x, "y": run.run(result, {place: x})})


if __name__ == "__main__":
    module()
    network()
    session("session", resource=False, text=False)
    session("text", resource=True, text=True)
