"""LeNet-5 reads handwritten digits: convolutions, dropout, L2 on the dense weights, a decaying learning rate, and
an exponential moving average of the weights."""

import digits_data
from netwright import keras


def build():
    """The network; also what `netwright compile digits_lenet.py:build --train …` makes a library of."""
    decay = keras.regularizers.L2(1e-4)
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(32, 5, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(64, 5, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(512, activation="relu", kernel_regularizer=decay),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(10, kernel_regularizer=decay),
        ],
        name="lenet",
    )


def main() -> float:
    keras.utils.set_random_seed(5)
    (x, y), (tx, ty) = digits_data.load()
    model = build()
    rate = keras.optimizers.schedules.ExponentialDecay(1e-3, decay_steps=len(x) // 32, decay_rate=0.95)
    model.compile(
        optimizer=keras.optimizers.Adam(rate, use_ema=True, ema_momentum=0.98),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(x, y, batch_size=32, epochs=20, verbose=0)
    _, accuracy = model.evaluate(tx, ty, verbose=0)
    print(f"test accuracy {100 * accuracy:.2f} %")
    return accuracy


if __name__ == "__main__":
    main()
