"""A convolutional autoencoder of digits; encoder and decoder are models that can be used by themselves."""

import digits_data
import numpy as np
from netwright import keras


def build():
    """The autoencoder, its encoder and its decoder, which share their weights."""
    image = keras.Input((28, 28, 1), name="image")
    h = keras.layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(image)
    h = keras.layers.Conv2D(32, 3, strides=2, padding="same", activation="relu")(h)
    code = keras.layers.Dense(16, name="code")(keras.layers.Flatten()(h))
    encoder = keras.Model(image, code, name="encoder")

    given = keras.Input((16,), name="given")
    h = keras.layers.Reshape((7, 7, 32))(keras.layers.Dense(7 * 7 * 32, activation="relu")(given))
    h = keras.layers.Conv2DTranspose(16, 3, strides=2, padding="same", activation="relu")(h)
    out = keras.layers.Conv2DTranspose(1, 3, strides=2, padding="same", activation="sigmoid")(h)
    decoder = keras.Model(given, out, name="decoder")
    return keras.Model(image, decoder(encoder(image)), name="autoencoder"), encoder, decoder


def main() -> float:
    keras.utils.set_random_seed(6)
    (x, _), (tx, _) = digits_data.load()
    autoencoder, encoder, decoder = build()
    autoencoder.compile(optimizer="adam", loss="binary_crossentropy")
    autoencoder.fit(x, x, batch_size=32, epochs=15, verbose=0)
    codes = encoder.predict(tx, verbose=0)
    again = decoder.predict(codes, verbose=0)
    error = float(np.mean((again - tx) ** 2))
    blank = float(np.mean((tx - x.mean(0)) ** 2))
    print(f"codes {codes.shape}, mean squared error {error:.4f}; of the mean image {blank:.4f}")
    return error / blank


if __name__ == "__main__":
    main()
