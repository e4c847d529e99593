"""netwright opt FILE.mlir --pass NAME…"""

from __future__ import annotations

import argparse
import sys

from ...compiler.driver import run_passes
from ...compiler.explain.observers import print_ir_after
from ...compiler.ir.passes import Observer
from ...compiler.ir.printer import print_op
from ...compiler.ir.verify import verify
from ...compiler.options import CompileOptions
from ...compiler.target import resolve_target
from ..load import load_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", help="IR text, short or generic form; - reads standard input")
    parser.add_argument(
        "--pass",
        dest="passes",
        action="append",
        default=[],
        metavar="NAME{OPTIONS}",
        help="a pass to run; in order",
    )
    parser.add_argument("--pipeline", metavar="TEXT", help="passes as graph(…),kern(…),loops(…)")
    parser.add_argument("--target", default="native", metavar="NAME", help="for passes that ask")
    parser.add_argument("--resources", metavar="DIR", help="where the constants of the file are")
    parser.add_argument("--generic", action="store_true", help="print MLIR's generic form")
    parser.add_argument("--no-locations", action="store_true", help="print no locations")
    parser.add_argument("-o", "--output", metavar="FILE", help="write here instead of standard output")
    parser.add_argument("--print-ir-after-all", action="store_true", help="print after every pass, to stderr")
    parser.add_argument(
        "--print-ir-after-change", action="store_true", help="print after passes that changed it"
    )
    parser.add_argument(
        "--remarks", action="store_true", help="print why passes left things alone, to stderr"
    )


def run(args: argparse.Namespace) -> int:
    module = load_model(args.file, resources=args.resources)
    verify(module)
    text = ",".join([*([args.pipeline] if args.pipeline else []), *args.passes])
    observers: list[Observer] = []
    if args.print_ir_after_all or args.print_ir_after_change:
        observers.append(print_ir_after(sys.stderr, not args.print_ir_after_all, args.generic))
    from ...compiler.explain.observers import VerifyObserver

    context = run_passes(
        module, CompileOptions(pipeline=text), resolve_target(args.target), [VerifyObserver(), *observers]
    )
    out = print_op(module, generic=args.generic, locations=not args.no_locations)
    if args.output:
        with open(args.output, "w", encoding="utf-8") as f:
            f.write(out)
    else:
        print(out, end="")
    for r in context.remarks if args.remarks else ():
        print(f"{r.pass_name}: {r.op_name} ({r.location}): {r.reason}", file=sys.stderr)
    return 0
