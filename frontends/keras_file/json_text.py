"""JSON from files that are not trusted."""

from __future__ import annotations

import json
from typing import Any

from ...runtime.errors import FormatError

#: the longest text that is read
MOST_BYTES = 64 << 20
#: how deeply a configuration may be nested
MOST_DEPTH = 100


def parsed(text: bytes | str, where: str) -> dict[str, Any]:
    """A JSON object. FormatError for what is none, or is nested too deeply to be a model's configuration."""
    if len(text) > MOST_BYTES:
        raise FormatError(
            f"{where}: expected at most {MOST_BYTES >> 20} MiB of configuration, found {len(text)} bytes"
        )
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as e:
        raise FormatError(f"{where}: expected JSON: {str(e) or 'it is nested too deeply'}") from None
    if not isinstance(value, dict):
        raise FormatError(f"{where}: expected a JSON object, found {type(value).__name__}")
    if _depth(value) > MOST_DEPTH:
        raise FormatError(f"{where}: expected a configuration nested at most {MOST_DEPTH} deep")
    return value


def _depth(value: Any) -> int:
    deepest, level = 0, [value]
    while level:
        deepest += 1
        below: list[Any] = []
        for v in level:
            if isinstance(v, dict):
                below += v.values()
            elif isinstance(v, list):
                below += v
        level = below
        if deepest > MOST_DEPTH:
            break
    return deepest
