"""Readers that bring a user's model in: TensorFlow graphs, Keras models, IR text, the command line."""
