"""netwright info FILE"""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from typing import Any

from ...runtime.artifact import manifest_of
from ...runtime.errors import UnsupportedError
from ..sniff import Kind, sniff
from ..tensorflow.wire import shown
from .decomposition_table import decomposition_lines
from .kernel_table import kernel_lines


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", help="a model file or a compiled library")
    parser.add_argument("--json", action="store_true", help="print a library's manifest as it is")
    parser.add_argument(
        "--kernels",
        action="store_true",
        help="print a library's kernels, the cycles predicted for one image, and why",
    )
    parser.add_argument("--resources", metavar="DIR", help="where the constants of an .mlir file are")


def run(args: argparse.Namespace) -> int:
    kind = sniff(args.file)
    if kind in (Kind.SAVED_MODEL, Kind.META_GRAPH, Kind.CHECKPOINT):
        _describe(kind, args.file)
    elif kind is not Kind.ARTIFACT:
        _show_model(args, kind)
    elif args.kernels:
        print("\n".join(kernel_lines(args.file, manifest_of(args.file))))
    elif args.json:
        print(json.dumps(manifest_of(args.file), indent=1, sort_keys=True))
    else:
        _show_library(args.file, manifest_of(args.file))
    return 0


def _shape(row: dict[str, Any]) -> str:
    return shown(f"{row['dtype']}[{', '.join(map(str, row['shape']))}]")


def _show_library(path: str, m: dict[str, Any]) -> None:
    print(f"{path}: a library compiled by netwright {shown(m['netwright'])} from {shown(m['model'])}")
    print(f"  size      {os.path.getsize(path)} bytes, of which weights {m['weights_bytes']}")
    print(f"  target    {shown(m['target']['name'])} ({shown(m['target']['triple'])})")
    for f in m["functions"]:
        print(f"  function  {shown(f['name'])}, intermediate results {shown(str(f['arena']))} bytes")
        for what in ("inputs", "outputs"):
            for t in f[what]:
                print(f"    {what[:-1]:7} {shown(t['name'])}: {_shape(t)}")
    for v in m["variables"]:
        print(f"  variable  {shown(v['name'])}: {_shape(v)}")
    print(f"  pipeline  {m['pipeline'].encode('unicode_escape').decode()}")
    for line in decomposition_lines(path, m):
        print(line)


def _describe(kind: Kind, path: str) -> None:
    """What lies in a file of TensorFlow's, without compiling it."""
    from ..tensorflow import describe

    lines = {
        Kind.SAVED_MODEL: describe.describe_saved_model,
        Kind.META_GRAPH: describe.describe_meta_graph,
        Kind.CHECKPOINT: describe.describe_checkpoint,
    }.get(kind, describe.describe_graph)
    for line in lines(path):
        print(line)


def _show_model(args: argparse.Namespace, kind: Kind) -> None:
    from ...compiler.ops.builtin import functions
    from ...compiler.ops.constant import Constant
    from ..load import load_model

    try:
        module = load_model(args.file, resources=args.resources)
    except UnsupportedError as e:
        if kind not in (Kind.GRAPH, Kind.GRAPH_TEXT):
            raise
        _describe(kind, args.file)
        print(f"it cannot be compiled as it is: {e}")
        return
    constants = [op for op in module.walk() if isinstance(op, Constant)]
    total = sum(op.value.array.nbytes for op in constants)
    print(f"{args.file}: {len(constants)} constants, {total} bytes")
    for f in functions(module):
        print(f"  function {f.sym_name}")
        for v, a in zip(f.body.args, f.arg_attrs, strict=True):
            print(f"    input   {a.get('graph.name', v.hint)}: {v.type}")
        for v, a in zip(f.body.terminator.operands, f.res_attrs, strict=True):
            print(f"    output  {a.get('graph.name', v.hint)}: {v.type}")
    counts = Counter(op.name for op in module.walk() if op.name.startswith("graph."))
    for name, n in sorted(counts.items(), key=lambda kv: (-kv[1], kv[0])):
        print(f"  {n:6} {name}")
