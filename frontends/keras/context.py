"""What holds for a call of a layer and for all calls inside of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class CallContext:
    """The outermost call's choice of training or inference."""

    training: bool | None = None


_local = threading.local()


def current() -> CallContext | None:
    """The context of the outermost call that runs."""
    return getattr(_local, "context", None)


@contextmanager
def calling(training: bool | None) -> Iterator[CallContext]:
    """A call; an inner one belongs to the outer one's context, with its own choice of training where it has one."""
    outer = current()
    context = outer if outer is not None else CallContext()
    kept = context.training
    if training is not None:
        context.training = training
    _local.context = context
    try:
        yield context
    finally:
        context.training = kept
        _local.context = outer


@contextmanager
def apart() -> Iterator[None]:
    """Inside of it no call runs: what is built meanwhile does not depend on the call that it is built in."""
    kept = current()
    _local.context = None
    try:
        yield
    finally:
        _local.context = kept
