"""Makes the files beside it with real Keras: run it where Keras 3 and TensorFlow are installed.

`functional`: two inputs, a shared layer, a nested model, functions between layers, recurrent layers, two outputs, as
.keras after two steps of training, with weights alone beside it. `chain`: a Sequential model, as .keras and as
legacy .h5 after two steps. `expected.npz` has inputs and what the models give for them, and what a third step of
training makes of the chain's first weight.
"""

from pathlib import Path

import keras
import numpy as np

HERE = Path(__file__).parent
layers = keras.layers


def functional():
    image = keras.Input((8, 8, 3), name="image")
    words = keras.Input((5,), dtype="int32", name="words")
    h = layers.Conv2D(4, 3, activation="relu", name="conv")(image)
    h = layers.BatchNormalization(name="norm")(h)
    h = layers.Dropout(0.2)(h)
    h = layers.GlobalAveragePooling2D()(h)
    w = layers.Embedding(7, 4, mask_zero=True, name="words_embedded")(words)
    w = layers.Bidirectional(layers.LSTM(3, name="lstm"), name="both_ways")(w)
    inner_in = keras.Input((4,))
    inner = keras.Model(inner_in, [layers.Dense(3)(inner_in), layers.Dense(2)(inner_in)], name="inner")
    shared = layers.Dense(4, activation="tanh", name="shared")
    p, q = inner(shared(h))
    r = layers.Concatenate(name="joined")([shared(layers.Dense(4, name="four")(w)), p])
    out = layers.Dense(2, activation="softmax", name="out")(r)
    return keras.Model([image, words], {"out": out, "other": q * 2.0 + 1.0})


def chain():
    model = keras.Sequential(
        [
            keras.Input((6, 6, 2), name="x"),
            layers.SeparableConv2D(3, 3, padding="same", name="separable"),
            layers.PReLU(name="prelu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(3, kernel_regularizer="l2", name="out"),
        ],
        name="chain",
    )
    model.compile(keras.optimizers.Adam(0.01), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def main():
    keras.utils.set_random_seed(7)
    rng = np.random.default_rng(7)
    image = rng.standard_normal((3, 8, 8, 3)).astype(np.float32)
    words = np.array([[1, 2, 3, 0, 0], [4, 5, 6, 1, 2], [3, 0, 0, 0, 0]], np.int32)
    model = functional()
    model.compile("rmsprop", {"out": "mse", "other": "mae"}, metrics={"out": ["mae"]})
    for _ in range(2):
        model.train_on_batch([image, words], {"out": np.zeros((3, 2)), "other": np.ones((3, 2))})
    model.save(HERE / "functional.keras")
    model.save_weights(HERE / "functional.weights.h5")
    found = {k: np.asarray(v) for k, v in model([image, words], training=False).items()}

    x = rng.standard_normal((4, 6, 6, 2)).astype(np.float32)
    y = np.array([0, 1, 2, 1], np.int32)
    sequence = chain()
    for _ in range(2):
        sequence.train_on_batch(x, y)
    sequence.save(HERE / "chain.keras")
    sequence.save(HERE / "chain.h5")
    out = np.asarray(sequence(x))
    sequence.train_on_batch(x, y)
    trained = sequence.get_weights()[0]
    np.savez(HERE / "expected.npz", image=image, words=words, x=x, y=y, chain=out, trained=trained, **found)


if __name__ == "__main__":
    main()
