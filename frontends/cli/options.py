"""Command-line flags from the compiler's options."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ...compiler.options import CompileOptions, option_fields

if TYPE_CHECKING:
    from ...compiler.ir.core import Op


def flag_of(name: str, metadata: Any) -> str:
    return str(metadata.get("flag") or "--" + name.replace("_", "-"))


def positive(text: str) -> int:
    """The type of flags that count something."""
    n = int(text)
    if n < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 1 up, received {n}")
    return n


def add_option_arguments(
    parser: argparse.ArgumentParser, only: tuple[str, ...] = (), skip: tuple[str, ...] = ()
) -> None:
    """One flag for each option, or for each of `only`, with its documentation."""
    for f in option_fields():
        if f.name in skip or (only and f.name not in only):
            continue
        flag, doc = flag_of(f.name, f.metadata), f.metadata["doc"]
        if isinstance(f.default, bool):
            action = argparse.BooleanOptionalAction if f.default else "store_true"
            parser.add_argument(flag, dest=f.name, action=action, default=f.default, help=doc)
        elif f.metadata.get("repeat"):
            parser.add_argument(
                flag, dest=f.name, action="append", metavar=f.metadata["metavar"], default=[], help=doc
            )
        else:
            kind = positive if "int" in str(f.type) else str
            parser.add_argument(
                flag, dest=f.name, type=kind, metavar=f.metadata["metavar"], default=f.default, help=doc
            )


def options_from(args: argparse.Namespace) -> CompileOptions:
    """The options that were given."""
    values: dict[str, Any] = {}
    for f in option_fields():
        if hasattr(args, f.name):
            v = getattr(args, f.name)
            values[f.name] = tuple(v) if isinstance(v, list) else v
    return CompileOptions(**values)


def model_from(args: argparse.Namespace, options: CompileOptions) -> Op:
    """The model that a command names, as the options say that it is read."""
    from ..load import load_model  # not every way through a command reads one

    return load_model(
        args.model,
        inputs=options.inputs,
        outputs=options.outputs,
        signature=options.signature,
        batch=options.batch,
        resources=args.resources,
    )
