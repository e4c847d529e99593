"""netwright check MODEL"""

from __future__ import annotations

import argparse
import json

from ...compiler.driver import check_module, run_passes
from ...compiler.target import resolve_target
from ...runtime.errors import UnsupportedError
from .options import add_option_arguments, model_from, options_from


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="a model file")
    parser.add_argument(
        "--json", action="store_true", help="print a list of objects: op, count, nodes, reason"
    )
    parser.add_argument("--resources", metavar="DIR", help="where the constants of an .mlir file are")
    add_option_arguments(parser, only=("inputs", "outputs", "signature", "batch"))


def run(args: argparse.Namespace) -> int:
    options = options_from(args)
    try:
        module = model_from(args, options)
        check_module(module)
        # what a kernel refuses shows when kernels are formed, which is quick
        kernels = options.replace(stop_after="form-kernels", verify_ir=False)
        run_passes(module, kernels, resolve_target("x86-64"))
    except UnsupportedError as e:
        if not e.ops:  # no list of ops: a kind of file that is not read
            raise
        print(json.dumps(e.rows, indent=1) if args.json else e)
        return 1
    print("[]" if args.json else f"{args.model}: everything is supported")
    return 0
