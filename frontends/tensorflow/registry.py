"""The table of converters: which TensorFlow op becomes what.

A converter is a function in one of the `nodes_*` files:

    @converts("MatMul")
    def matmul(c: Context, x: Value, y: Value) -> Value:

It is called with the node's context and its data inputs, and returns the node's results in order. The
importer checks the number of inputs against the converter's parameters; a converter's docstring says what
it takes, and is what the support matrix prints.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

#: importing a family registers its converters
FAMILIES = (
    "nodes_array",
    "nodes_control",
    "nodes_conv",
    "nodes_detection",
    "nodes_diag",
    "nodes_dynamic",
    "nodes_fft",
    "nodes_image",
    "nodes_index",
    "nodes_integer",
    "nodes_loss",
    "nodes_linalg",
    "nodes_math",
    "nodes_norm",
    "nodes_pool",
    "nodes_fused",
    "nodes_patches",
    "nodes_product",
    "nodes_quantize",
    "nodes_random",
    "nodes_rearrange",
    "nodes_reduce",
    "nodes_scan",
    "nodes_segment",
    "nodes_series",
    "nodes_sizes",
    "nodes_slice",
    "nodes_special",
    "nodes_sort",
    "nodes_variables",
)

ALWAYS_INPUTS = ("Placeholder", "PlaceholderV2")
PLACEHOLDERS = (*ALWAYS_INPUTS, "PlaceholderWithDefault")

Convert = Callable[..., Any]


class Refused(Exception):
    """Raised by a converter for what is not supported; the importer adds op and node."""


class Malformed(Exception):
    """Raised by a converter for a node that contradicts itself; the importer adds file and node."""


@dataclass(frozen=True)
class Converter:
    """A registered converter, with the number of data inputs it takes.

    `outputs` names the outputs, where several have names of their own: in functions, inputs go by them.
    A `lazy` converter also takes inputs that are Missing: only what it uses of them is an obstacle.
    """

    convert: Convert
    least: int
    most: int | None
    outputs: tuple[str, ...]
    lazy: bool

    @property
    def doc(self) -> str:
        return " ".join((self.convert.__doc__ or "").split())


@dataclass(frozen=True)
class Missing:
    """What stands for a result that could not be made. It counts as an obstacle once something uses it."""

    op: str
    node: str
    reason: str


CONVERTERS: dict[str, Converter] = {}
#: converters for nodes with complex operands (`complex_pairs.py`)
COMPLEX_CONVERTERS: dict[str, Converter] = {}


def converts(*ops: str, outputs: Sequence[str] = (), lazy: bool = False) -> Callable[[Convert], Convert]:
    """Registers a converter for TensorFlow ops of these types."""
    return lambda function: register(CONVERTERS, function, ops, tuple(outputs), lazy)


def register(
    table: dict[str, Converter],
    function: Convert,
    ops: Sequence[str],
    outputs: tuple[str, ...] = (),
    lazy: bool = False,
) -> Convert:
    """Enters a converter into a table."""
    parameters = list(inspect.signature(function).parameters.values())[1:]
    single = [p for p in parameters if p.kind is not p.VAR_POSITIONAL]
    least = sum(p.default is p.empty for p in single)
    most = len(single) if len(single) == len(parameters) else None
    for op in ops:
        if op in table:
            raise ValueError(f"{op} has two converters")
        table[op] = Converter(function, least, most, outputs, lazy)
    return function


def load_converters() -> dict[str, Converter]:
    """The whole table."""
    for family in FAMILIES:
        import_module("." + family, __package__)
    return CONVERTERS


def supported_ops() -> set[str]:
    """The TensorFlow op types that can be imported, at least in part."""
    real = load_converters()
    return {*real, *COMPLEX_CONVERTERS, *ALWAYS_INPUTS}


def support_matrix() -> dict[str, str]:
    """What is supported of each op type, in alphabetical order."""
    real = load_converters()
    rows = {op: converter.doc for op, converter in {**COMPLEX_CONVERTERS, **real}.items()}
    rows.update(dict.fromkeys(ALWAYS_INPUTS, "An input of the module."))
    return dict(sorted(rows.items()))
