"""A flowers-style network with augmentation layers, on generated images: five kinds of blossoms by the number and
shape of their petals."""

import numpy as np
from netwright import keras

SIZE = 48


def flower(kind, rng):
    """An image [SIZE, SIZE, 3] in 0..255: a blossom with 3, 4, 5, 6 or 8 petals on a noisy ground."""
    petals = (3, 4, 5, 6, 8)[kind]
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE - 0.5 - rng.uniform(-0.08, 0.08, (2, 1, 1))
    radius, angle = np.hypot(x, y), np.arctan2(y, x) + rng.uniform(0, 2 * np.pi)
    edge = rng.uniform(0.25, 0.36) * (0.65 + 0.35 * np.cos(petals * angle))
    ground = rng.uniform(20, 90, 3) + rng.normal(0, 8, (SIZE, SIZE, 3))
    image = np.where((radius < edge)[..., None], rng.uniform(130, 255, 3), ground)
    return np.where((radius < 0.06)[..., None], (240, 210, 60), image).clip(0, 255)


def generate(count, seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 5, count).astype(np.int32)
    return np.stack([flower(k, rng) for k in y]).astype(np.float32), y


def build():
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3)),
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.1),
            layers.RandomZoom(0.1),
            layers.Rescaling(1.0 / 255),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(0.2),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(5),
        ]
    )


def main(epochs: int = 30) -> float:
    keras.utils.set_random_seed(8)
    (x, y), (tx, ty) = generate(1_600, 1), generate(400, 2)
    model = build()
    model.compile(
        optimizer="adam",
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    stop = keras.callbacks.EarlyStopping("val_accuracy", patience=8, restore_best_weights=True)
    history = model.fit(x, y, validation_data=(tx, ty), epochs=epochs, callbacks=[stop], verbose=0)
    _, accuracy = model.evaluate(tx, ty, verbose=0)
    print(f"{len(history.epoch)} epochs, test accuracy {100 * accuracy:.1f} %")
    return accuracy


if __name__ == "__main__":
    main()
