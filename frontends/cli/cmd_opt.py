"""netwright opt FILE.mlir --pass NAME…"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ...compiler.driver import run_passes
from ...compiler.explain.dump import hashes_comment, save_ir
from ...compiler.explain.observers import VerifyObserver, print_ir_after
from ...compiler.ir.core import Op
from ...compiler.ir.passes import Observer
from ...compiler.ir.printer import Printer
from ...compiler.ir.verify import verify
from ...compiler.options import CompileOptions
from ...compiler.target import resolve_target
from ..load import load_model
from ..sniff import Kind, sniff_bytes


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
    parser.add_argument(
        "--resources", metavar="DIR", help="where its constants are (default: resources beside it)"
    )
    parser.add_argument("--generic", action="store_true", help="print MLIR's generic form")
    parser.add_argument("--no-locations", action="store_true", help="print no locations")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="write here, and large constants to resources beside it"
    )
    parser.add_argument("--print-ir-after-all", action="store_true", help="print after every pass, to stderr")
    parser.add_argument(
        "--print-ir-after-change", action="store_true", help="print after passes that changed it"
    )
    parser.add_argument(
        "--remarks", action="store_true", help="print why passes left things alone, to stderr"
    )


def run(args: argparse.Namespace) -> int:
    module = _module(args.file, args.resources)
    verify(module)
    text = ",".join([*([args.pipeline] if args.pipeline else []), *args.passes])
    observers: list[Observer] = []
    if args.print_ir_after_all or args.print_ir_after_change:
        observers.append(print_ir_after(sys.stderr, not args.print_ir_after_all, args.generic))
    context = run_passes(
        module, CompileOptions(pipeline=text), resolve_target(args.target), [VerifyObserver(), *observers]
    )
    printer = Printer(generic=args.generic, locations=not args.no_locations)
    out = printer.print(module)
    if args.output:
        save_ir(Path(args.output), out, printer.resources)
    else:
        print(out + hashes_comment(printer.resources), end="")
    for r in context.remarks if args.remarks else ():
        print(f"{r.pass_name}: {r.op_name} ({r.location}): {r.reason}", file=sys.stderr)
    return 0


def _module(file: str, resources: str | None) -> Op:
    if file == "-":
        data = sys.stdin.buffer.read()
        beside = "resources" if sniff_bytes(data) is Kind.IR_TEXT else None
        return load_model(data, resources=resources or beside, name="<stdin>")
    return load_model(file, resources=resources)
