"""Reverse-mode differentiation of graph-level ops: see `reverse`."""

from .reverse import gradients

__all__ = ["gradients"]
