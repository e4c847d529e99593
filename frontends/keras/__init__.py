"""Keras-like definitions: layers, models, losses, metrics, optimizers under the names that Keras 3 has for them."""
