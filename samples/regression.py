"""Regression with a layer of one's own: a 1-64-64-1 network learns a sine."""

import numpy as np
from netwright import keras, ops


class Scaled(keras.layers.Layer):
    """A dense layer whose output is scaled by a trained number."""

    def __init__(self, units, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.units), initializer="he_normal", name="kernel"
        )
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")
        self.scale = self.add_weight(shape=(), initializer="ones", name="scale")

    def call(self, inputs):
        return self.activation(ops.matmul(inputs, self.kernel) + self.bias) * self.scale

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
        }


def main() -> float:
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(1)
    x = rng.uniform(-3, 3, (1024, 1)).astype(np.float32)
    y = np.sin(x)
    model = keras.Sequential([keras.Input((1,)), Scaled(64, "relu"), Scaled(64, "relu"), Scaled(1, "linear")])
    model.compile(optimizer=keras.optimizers.RMSprop(1e-3), loss="mse", metrics=["mae"])
    model.fit(x, y, batch_size=16, epochs=40, verbose=0)
    held = np.linspace(-3, 3, 200, dtype=np.float32)[:, None]
    loss, mae = model.evaluate(held, np.sin(held), verbose=0)
    print(f"mean squared error {loss:.5f}, mean absolute error {mae:.4f}")
    return loss


if __name__ == "__main__":
    main()
