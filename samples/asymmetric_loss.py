"""A loss of one's own: to predict too little costs ten times as much as to predict too much.

The best prediction then lies above the middle: with y = x1 + x2 + noise both weights end above 1.
"""

import netwright as nw
import numpy as np
from netwright import keras, ops


def loss(y_true, y_pred):
    """10 for each unit below the truth, 1 for each above; the sum over the batch."""
    return ops.sum(ops.where(y_true > y_pred, (y_true - y_pred) * 10.0, y_pred - y_true))


def main() -> tuple[float, float]:
    rng = np.random.RandomState(1)
    x = rng.rand(128, 2)
    y = np.array([[a + b + rng.rand() / 10.0 - 0.05] for a, b in x])
    x, y = x.astype(np.float32), y.astype(np.float32)
    w = nw.Variable([[-0.8113182], [1.4845988]], name="w")
    optimizer = keras.optimizers.Adam(0.001, epsilon=1e-8)
    optimizer.build([w])

    @nw.function
    def step(batch_x, batch_y):
        with nw.GradientTape() as tape:
            value = loss(batch_y, ops.matmul(batch_x, w))
        optimizer.apply(tape.gradient(value, [w]), [w])
        return value

    for i in range(5000):
        start = i * 8 % 128
        value = step(x[start : start + 8], y[start : start + 8])
        if i % 1000 == 0:
            print(f"step {i}: loss {float(value):.4f}, w {w.numpy().ravel()}")
    a, b = w.numpy().ravel().tolist()
    print(f"w {a:.4f} {b:.4f}")
    return a, b


if __name__ == "__main__":
    main()
