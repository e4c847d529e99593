"""Makes samples/digits.pb: a small convolutional network trained on scikit-learn's 8x8 digits, frozen.

Needs tensorflow and scikit-learn:  python samples/make_digits.py
"""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from sklearn.datasets import load_digits
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

HERE = Path(__file__).parent


def main() -> None:
    keras.utils.set_random_seed(1)
    digits = load_digits()
    images, labels = (digits.images / 16).astype("float32")[..., None], digits.target
    train, test = slice(0, 1500), slice(1500, None)
    model = keras.Sequential([
        keras.Input((8, 8, 1)),
        layers.Conv2D(16, 3, padding="same", use_bias=False), layers.BatchNormalization(), layers.ReLU(),
        layers.Conv2D(32, 3, padding="same", activation="relu"), layers.MaxPooling2D(2),
        layers.Flatten(), layers.Dense(64, activation="relu"), layers.Dense(10, activation="softmax"),
    ])  # fmt: skip
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(images[train], labels[train], epochs=20, batch_size=32, verbose=0)
    print("test accuracy", model.evaluate(images[test], labels[test], verbose=0)[1])
    function = tf.function(lambda x: tf.identity(model(x, training=False), name="probabilities"))
    concrete = function.get_concrete_function(tf.TensorSpec([None, 8, 8, 1], tf.float32, name="image"))
    graph = convert_variables_to_constants_v2(concrete).graph.as_graph_def()
    (HERE / "digits.pb").write_bytes(graph.SerializeToString(deterministic=True))
    np.save(HERE / "digits.npy", images[test][:3])
    print("labels of digits.npy", labels[test][:3])


if __name__ == "__main__":
    main()
