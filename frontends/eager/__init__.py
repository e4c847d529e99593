"""Tensors that are computed when asked for: Variable, GradientTape, function, and the ops on them."""
