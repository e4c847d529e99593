"""The kernel calls that a library's manifest lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...runtime.errors import ArtifactError


def calls_of(path: str, manifest: Mapping[str, Any], facts: Sequence[str]) -> list[dict[str, Any]]:
    """The manifest's `calls`; raises ArtifactError where a row lacks one of these facts, all of which are texts."""
    calls: Any = manifest.get("calls")
    fits = isinstance(calls, list) and all(
        isinstance(c, dict) and all(isinstance(c.get(f), str) for f in facts) for c in calls
    )
    if not fits:
        raise ArtifactError(
            f"expected a list of kernel calls in the manifest of {path!r}, received "
            f"{'a damaged one' if 'calls' in manifest else 'none'}: compile the model again"
        )
    return calls
