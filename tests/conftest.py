"""Options of the whole test suite."""

from __future__ import annotations

import os

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite the expected text that is kept in files"
    )


def pytest_configure(config: pytest.Config) -> None:
    """With NETWRIGHT_TEST_TARGET=x86-64-v3, say, every test that names no target compiles for that one.

    What the user keeps in a cache is not what is tested.
    """
    os.environ["NETWRIGHT_CACHE"] = ""
    wanted = os.environ.get("NETWRIGHT_TEST_TARGET")
    if not wanted:
        return
    from netwright.compiler import target

    best = target.native_name()
    names = list(target.TARGETS)
    if wanted not in names or names.index(wanted) > names.index(best):
        raise pytest.UsageError(
            f"NETWRIGHT_TEST_TARGET: expected one of {', '.join(names[: names.index(best) + 1])}, which this "
            f"machine runs, received {wanted!r}"
        )
    target.native_name = lambda: wanted
