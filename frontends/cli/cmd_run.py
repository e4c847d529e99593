"""netwright run LIBRARY --input x=x.npy --output y=y.npy"""

from __future__ import annotations

import argparse

from ...runtime import load
from .arrays import array_text, read_inputs, save_array, split_outputs
from .options import positive


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("library", help="a compiled library (.so)")
    parser.add_argument(
        "--input", action="append", default=[], metavar="NAME=FILE", help=".npy, or .npz with names"
    )
    parser.add_argument(
        "--output", action="append", default=[], metavar="NAME=FILE", help="where to save a result"
    )
    parser.add_argument("--threads", type=positive, metavar="N", help="threads to use")


def run(args: argparse.Namespace) -> int:
    model = load(args.library, threads=args.threads)
    wanted = split_outputs(args.output)
    results = model.run(read_inputs(args.input, model.inputs), outputs=list(wanted) or None)
    for name, array in results.items():
        if name in wanted:
            save_array(wanted[name], array)
            print(f"{name}: {array.dtype}{list(array.shape)} -> {wanted[name]}")
        else:
            print(f"{name}: {array.dtype}{list(array.shape)}\n{array_text(array)}")
    return 0
