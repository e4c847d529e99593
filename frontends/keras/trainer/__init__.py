"""Training: batches, losses and metrics of a model, compiled steps, the loops over them."""
