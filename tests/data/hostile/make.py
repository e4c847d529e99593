"""Writes control.pbtxt: a small frozen graph with a loop, a branch, calls and computed shapes, for mutation.

python tests/data/hostile/make.py    # needs TensorFlow
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np
import tensorflow as tf
from google.protobuf import text_format
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2


def model(x: Any) -> Any:
    n = tf.shape(x)[0]
    w = tf.constant(np.arange(12, dtype="f").reshape(4, 3) / 8)
    y = tf.nn.relu(tf.reshape(x, [n * 2, 4]) @ w)
    y = tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * 0.5 + 1.0), [0, y])[1]
    y = tf.cond(tf.reduce_sum(y) > 0, lambda: y, lambda: -y)
    y = tf.function(lambda a: tf.concat([a, a], 1)[:, 1:5])(y)
    image = tf.reshape(y, [n, 2, 4, 1])
    kernel = tf.ones([2, 2, 1, 2])
    return tf.nn.max_pool2d(tf.nn.conv2d(image, kernel, 1, "SAME"), 2, 2, "SAME"), tf.nn.softmax(y)


if __name__ == "__main__":
    concrete = tf.function(model).get_concrete_function(tf.TensorSpec([None, 8], name="x"))
    frozen = convert_variables_to_constants_v2(concrete, lower_control_flow=False)
    graph = frozen.graph.as_graph_def()
    functions = [n for f in graph.library.function for n in f.node_def]
    for f in graph.library.function:
        f.arg_attr.clear()
        f.attr.clear()
    for node in (*graph.node, *functions):
        node.ClearField("experimental_debug_info")
        for key in [k for k in node.attr if k.startswith("_") or k in ("config_proto", "output_shapes")]:
            del node.attr[key]
    (Path(__file__).parent / "control.pbtxt").write_text(text_format.MessageToString(graph))
