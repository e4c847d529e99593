"""The `netwright` command: a table of subcommands, exit codes, errors as one sentence."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from ...runtime.errors import Error

#: name, module, what it does
COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("compile", ".cmd_compile", "compile a model file into one native library"),
    ("run", ".cmd_run", "run a compiled library on .npy or .npz files"),
    ("check", ".cmd_check", "list what a model needs that netwright does not have"),
    ("info", ".cmd_info", "show what is inside a model file or a compiled library"),
    ("opt", ".cmd_opt", "run passes over IR text"),
    ("bench", ".cmd_bench", "time a compiled library"),
    (
        "decompose",
        ".cmd_decompose",
        "show what low-rank approximations of it give",
    ),
    ("train", ".cmd_train", "train a library that was compiled with --train"),
)


class _Parser(argparse.ArgumentParser):
    """argparse with messages in one line."""

    def error(self, message: str) -> Any:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def build_parser(chosen: str | None = None) -> argparse.ArgumentParser:
    """The parser; only the chosen command's module is imported, for a quick start."""
    parser = _Parser(prog="netwright", description="Compile TensorFlow and Keras models to native code.")
    parser.add_argument("--version", action="store_true", help="print the version")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    for name, module, doc in COMMANDS:
        sub = commands.add_parser(name, help=doc, description=doc[0].upper() + doc[1:] + ".")
        if name == chosen:
            import_module(module, __package__).add_arguments(sub)
            sub.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command. 0: done; 1: something is wrong with what the user gave; 2: wrong usage."""
    args = list(sys.argv[1:] if argv is None else argv)
    names = [name for name, _, _ in COMMANDS]
    chosen = next((a for a in args if a in names), None)
    parsed = build_parser(chosen).parse_args(args)
    if parsed.version:
        from ... import __version__

        print(f"netwright {__version__}")
        return 0
    if parsed.command is None:
        build_parser().print_help()
        return 2
    module = next(m for n, m, _ in COMMANDS if n == parsed.command)
    run: Callable[[argparse.Namespace], int] = import_module(module, __package__).run
    try:
        code = run(parsed)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # whoever reads our output has seen enough: drop what is left of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    except Exception as e:
        return _fail(parsed, e)


def _fail(args: argparse.Namespace, e: Exception) -> int:
    if args.debug:
        traceback.print_exc()
        return 1
    text = str(e)
    if not isinstance(e, Error):
        text = f"internal error, {type(e).__name__}: {e}; --debug shows where, please report it"
    print(f"netwright {args.command}: {text}", file=sys.stderr)
    return 1
