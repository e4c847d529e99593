"""The networks of the benchmark, made with Keras and frozen: weights are random, as they do not change the time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

#: also timed with larger batches; the others take long enough with one image
SMALL = ("mlp_mnist", "lenet_mnist", "flowers_cnn", "autoencoder")
LARGE = ("vgg16", "resnet50", "inception_v3", "mobilenet_v2")
NETWORKS = SMALL + LARGE


def freeze(name: str, path: Path) -> None:
    """Writes the network as a frozen graph, its variables constants, its batch size open."""
    import keras
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    keras.utils.set_random_seed(1)
    model = _BUILDERS[name](keras)
    call = tf.function(lambda x: model(x, training=False))
    signature = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32, name="x")
    frozen = convert_variables_to_constants_v2(call.get_concrete_function(signature))
    path.write_bytes(frozen.graph.as_graph_def().SerializeToString())


def _mlp(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential([keras.Input((784,)), layers.Dense(500, activation="relu"), layers.Dense(10)])


def _lenet(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(512, activation="relu"),
            layers.Dense(10),
        ]
    )


def _flowers(keras: Any) -> Any:
    """The convolutional network of TensorFlow's tutorial on classifying pictures of flowers."""
    layers = keras.layers
    blocks: list[Any] = []
    for filters in (16, 32, 64):
        blocks += [layers.Conv2D(filters, 3, padding="same", activation="relu"), layers.MaxPooling2D()]
    head = [layers.Flatten(), layers.Dense(128, activation="relu"), layers.Dense(5)]
    return keras.Sequential([keras.Input((180, 180, 3)), layers.Rescaling(1 / 255), *blocks, *head])


def _autoencoder(keras: Any) -> Any:
    """The autoencoder of Keras's guide to the functional interface."""
    layers = keras.layers
    encoder = [layers.Conv2D(f, 3, activation="relu") for f in (16, 32)]
    encoder += [layers.MaxPooling2D(3), *(layers.Conv2D(f, 3, activation="relu") for f in (32, 16))]
    decoder = [layers.GlobalMaxPooling2D(), layers.Reshape((4, 4, 1))]
    decoder += [layers.Conv2DTranspose(f, 3, activation="relu") for f in (16, 32)]
    decoder += [
        layers.UpSampling2D(3),
        *(layers.Conv2DTranspose(f, 3, activation="relu") for f in (16, 1)),
    ]
    return keras.Sequential([keras.Input((28, 28, 1)), *encoder, *decoder])


def _application(name: str, size: int) -> Callable[[Any], Any]:
    return lambda keras: getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3))


_BUILDERS: dict[str, Callable[[Any], Any]] = {
    "mlp_mnist": _mlp,
    "lenet_mnist": _lenet,
    "flowers_cnn": _flowers,
    "autoencoder": _autoencoder,
    "vgg16": _application("VGG16", 224),
    "resnet50": _application("ResNet50", 224),
    "inception_v3": _application("InceptionV3", 299),
    "mobilenet_v2": _application("MobileNetV2", 224),
}
