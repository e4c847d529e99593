"""Low-rank approximation of a model for the inputs it sees, and what it does to the model's results."""
