"""Exclusive or, learned by four units."""

import numpy as np
from netwright import keras

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
Y = np.array([[0], [1], [1], [0]], np.float32)


def main() -> list[int]:
    keras.utils.set_random_seed(2)
    model = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(8, activation="tanh"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.05), loss="binary_crossentropy", metrics=["accuracy"])
    model.fit(X, Y, batch_size=4, epochs=400, verbose=0)
    found = model.predict(X, verbose=0)
    for x, y in zip(X, found, strict=True):
        print(f"{int(x[0])} xor {int(x[1])}: {y[0]:.4f}")
    return [round(float(y[0])) for y in found]


if __name__ == "__main__":
    main()
