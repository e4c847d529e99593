"""Libraries that train: a model with an optimizer and a loss as compiled functions."""
