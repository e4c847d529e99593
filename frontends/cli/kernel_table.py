"""The kernels of a compiled library as a table: which layer, by which algorithm, how much of the work, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...compiler.ir.dims import Dim, parse_dim, substitute, symbols_of
from ...runtime.errors import ArtifactError, Error
from .calls import calls_of
from .tables import layer_texts, table, width_of_output

#: what a row of the manifest's `calls` must say
_FACTS = ("family", "algorithm", "layer", "cycles", "why")
#: for sizes that are known at run time only; the number of images is 1
_USUAL = 64


def kernel_lines(path: str, manifest: Mapping[str, Any]) -> list[str]:
    """For each call of a kernel, in the order of calls, its numbers and layer, and below why it is as it is. Cycles
    are those that choices were made by; where there was no choice they follow from operations and bytes."""
    calls = calls_of(path, manifest, _FACTS)
    images = _images(manifest)
    try:
        cycles = [_value(c["cycles"], images) for c in calls]
    except (Error, ArithmeticError) as e:
        raise ArtifactError(f"the manifest of {path!r} is damaged: {e}") from e
    whole = max(sum(cycles), 1)
    rows = [["% cycles", "kcycles", "error", "kernel"]]
    for c, n in zip(calls, cycles, strict=True):
        bound = c.get("error_bound")
        error = f"{bound:.1e}" if isinstance(bound, float) else ""
        algorithm = "" if c["algorithm"] == "direct" else c["algorithm"]
        kind = f"{c['family']} {algorithm}".rstrip()
        rows.append([f"{100 * n / whole:.1f}", f"{n / 1e3:.1f}", error, _plain(kind)])
    head, *lines = table(rows, left=(3,))
    layers = layer_texts([_plain(c["layer"]) for c in calls], width_of_output(lines))
    out = [f"{head}  layer"]
    for c, line, layer in zip(calls, lines, layers, strict=True):
        out.append(f"{line}  {layer}".rstrip())
        if c["why"]:
            out.append(f"          {_plain(c['why'])}")
    return out


def _plain(text: str) -> str:
    """A text out of a file may not write more than itself to a terminal."""
    return text if text.isprintable() else repr(text)


def _images(manifest: Mapping[str, Any]) -> set[str]:
    """The symbols that count images: first sizes of inputs."""
    shapes = [t["shape"] for function in manifest["functions"] for t in function["inputs"]]
    return {s[0] for s in shapes if s and isinstance(s[0], str)}


def _value(text: str, images: set[str]) -> int:
    d = parse_dim(text)
    sizes: dict[str, Dim] = {s: 1 if s in images else _USUAL for s in symbols_of(d)}
    found = substitute(d, sizes)
    return found if isinstance(found, int) else 0
