"""Two stacked LSTM layers of 30 units predict the next value of a sine from ten values."""

import numpy as np
from netwright import keras

WINDOW, GAP, TRAIN, TEST = 10, 0.01, 10_000, 1_000


def windows(values):
    """Each ten values in a row, and the one that follows them."""
    x = np.lib.stride_tricks.sliding_window_view(values, WINDOW)[:-1, :, None]
    return np.ascontiguousarray(x), values[WINDOW:, None]


def lstm(**more):
    return keras.layers.LSTM(30, kernel_initializer="he_normal", recurrent_initializer="he_normal", **more)


def main(steps: int = 11_000, seed: int = 0) -> float:
    keras.utils.set_random_seed(seed)
    border = (TRAIN + WINDOW) * GAP
    end = border + (TEST + WINDOW) * GAP
    x, y = windows(np.sin(np.linspace(0, border, TRAIN + WINDOW, dtype=np.float32)))
    tx, ty = windows(np.sin(np.linspace(border, end, TEST + WINDOW, dtype=np.float32)))
    model = keras.Sequential(
        [
            keras.Input((WINDOW, 1)),
            lstm(return_sequences=True),
            lstm(),
            keras.layers.Dense(1),
        ]
    )
    # the average of the weights over the last steps lies nearer to the goal than those of any one step
    model.compile(optimizer=keras.optimizers.Adagrad(0.1, use_ema=True, ema_momentum=0.999), loss="mse")
    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(len(x)) for _ in range(-(-steps * 32 // len(x)))])
    for i in range(steps):
        rows = order[32 * i : 32 * i + 32]
        loss = model.train_on_batch(x[rows], y[rows])
        if i % 2_000 == 0:
            print(f"step {i}: loss {loss:.6f}")
    model.optimizer.finalize_variable_values(model.trainable_variables)
    rmse = float(np.sqrt(np.mean((model.predict(tx, batch_size=1000, verbose=0) - ty) ** 2)))
    print(f"root of the mean squared error {rmse:.5f}")
    return rmse


if __name__ == "__main__":
    main()
