"""Samples of a model's inputs, and what its layers see of them."""

from .moments import moments
from .samples import Calibration, random_calibration, read_calibration

__all__ = ["Calibration", "moments", "random_calibration", "read_calibration"]
