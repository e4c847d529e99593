"""Fixtures for tests against the real thing: skipped where it is not installed, unless told otherwise.

With NETWRIGHT_REQUIRE_ORACLE=1 a missing oracle is a failure, so that nobody takes a skip for a pass.
"""

from __future__ import annotations

import importlib
import os
import warnings
from types import ModuleType

import pytest


def _oracle(name: str) -> ModuleType:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # theirs, while they import
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if os.environ.get("NETWRIGHT_REQUIRE_ORACLE") == "1":
            pytest.fail(f"expected {name} to be installed, found: {error}")
        pytest.skip(f"needs {name}: {error}")


@pytest.fixture(scope="session")
def tensorflow() -> ModuleType:
    """Real TensorFlow."""
    return _oracle("tensorflow")


@pytest.fixture(scope="session")
def keras() -> ModuleType:
    """Real Keras."""
    return _oracle("keras")
