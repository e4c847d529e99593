"""`ops.linalg`: linear algebra."""

from __future__ import annotations

from .linear_algebra import *  # noqa: F403
