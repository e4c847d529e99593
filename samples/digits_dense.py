"""A dense network, 784-500-10, reads handwritten digits."""

import digits_data
from netwright import keras


def main() -> float:
    keras.utils.set_random_seed(3)
    (x, y), (tx, ty) = digits_data.load()
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(500, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-4)),
            keras.layers.Dense(10, kernel_regularizer=keras.regularizers.L2(1e-4)),
        ]
    )
    rate = keras.optimizers.schedules.ExponentialDecay(0.2, decay_steps=len(x) // 100, decay_rate=0.99)
    model.compile(
        optimizer=keras.optimizers.SGD(rate, momentum=0.9, use_ema=True, ema_momentum=0.99),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(x, y, batch_size=100, epochs=40, verbose=0)
    _, accuracy = model.evaluate(tx, ty, verbose=0)
    print(f"test accuracy {100 * accuracy:.2f} %")
    return accuracy


if __name__ == "__main__":
    main()
