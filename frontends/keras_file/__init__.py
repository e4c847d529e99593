"""Keras' files as they lie on disk: `.keras` archives, HDF5 trees of weights. What is in them is not trusted."""
