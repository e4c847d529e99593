"""Broken files of every format, read and compiled in a process with little memory: each must end well.

`check(format, folder)` runs the mutants of a format in one process of its own, where this file is the program.
A mutant ends well when it is read and compiled, or refused with an error of the project's own, in one sentence,
within 1 GB and 10 seconds (of the process: others may keep the machine busy). NETWRIGHT_MUTANTS says how many
there are, by default 100.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import re
import resource
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SECONDS = 10
MEMORY = 1 << 30
DATA = HERE / "data"


def check(name: str, folder: Path, extra: Sequence[bytes] = ()) -> Counter[str]:
    """Runs the mutants of a format, and `extra` files; returns how many ended how."""
    count = int(os.environ.get("NETWRIGHT_MUTANTS", "100"))
    for i, data in enumerate(extra):
        (folder / f"extra{i:04d}").write_bytes(data)
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent / ".view"), "TMPDIR": str(folder)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.hostile", name, str(count), str(folder)],
        env=environment, cwd=HERE.parent, capture_output=True, text=True, timeout=SECONDS * (count + len(extra)) + 60,
    )  # fmt: skip
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    begun = [r["begin"] for r in rows if "begin" in r]
    ended = [r for r in rows if "outcome" in r]
    assert done.returncode == 0, (
        f"mutant {begun[-1:]} ended the process: {done.returncode}\n{done.stderr[-3000:]}"
    )
    assert len(ended) == count + len(extra)
    wrong = [r for r in ended if not r["good"]]
    assert not wrong, "\n".join(f"{r['mutant']}: {r['outcome']} {r['text']}" for r in wrong[:20])
    slow = [r for r in ended if r["seconds"] > SECONDS]
    assert not slow, slow
    assert rows[-1]["peak"] < MEMORY, f"{rows[-1]['peak'] >> 20} MB at the most"
    return Counter(r["outcome"] for r in ended)


# The process.


def compile_quietly(source: Any, out: Path, pipeline: str | None = None) -> None:
    """From a file to a library, which is not loaded."""
    from netwright.compiler.driver import compile_module
    from netwright.compiler.options import CompileOptions
    from netwright.frontends.load import load_model

    # The plainest target: what is tried here is the way there, and it is the quickest.
    compile_module(load_model(source), out, CompileOptions(target="x86-64", pipeline=pipeline))


def info(path: Path) -> None:
    """The command, as users run it."""
    from netwright.frontends.cli.main import main

    said, wrong = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(wrong):
        code = main(["info", str(path)])
    text = wrong.getvalue()
    if code not in (0, 1) or "internal error" in text or "Traceback" in text or bool(text) != bool(code):
        raise AssertionError(f"info ended with {code}: {text}")


class Format:
    """How the files of a format are damaged and tried. `file` is where in the folder a mutant goes."""

    def __init__(
        self, kind: str, file: str, seeds: Callable[[], list[bytes]], tried: Callable[[Path], None]
    ) -> None:
        self.kind, self.file, self.seeds, self.tried = kind, file, seeds, tried


def graph_seeds() -> list[bytes]:
    from netwright.frontends.tensorflow.pbtxt import to_binary
    from netwright.frontends.tensorflow.wire import Budget, Source

    text = Source("control.pbtxt", memoryview(text_seeds()[0]), Budget())
    networks = [(DATA / "networks" / f"{name}.pb").read_bytes() for name in ("mlp", "lenet")]
    return [bytes(to_binary(text, "GraphDef").view), *networks]


def text_seeds() -> list[bytes]:
    return [(DATA / "hostile" / "control.pbtxt").read_bytes()]


def model_seeds(*parts: str) -> Callable[[], list[bytes]]:
    names = (
        ("module", "network", "session") if parts[-1].endswith((".pb", ".index", ".data")) else ("module",)
    )
    return lambda: [(DATA / "savedmodels" / n).joinpath(*parts).read_bytes() for n in names]


def keras_seeds() -> list[bytes]:
    return [(DATA / "keras" / f"{name}.keras").read_bytes() for name in ("chain", "functional")]


def hdf5_seeds() -> list[bytes]:
    return [(DATA / "keras" / "chain.h5").read_bytes()]


def ir_seeds() -> list[bytes]:
    from netwright.compiler.driver import resolve_target, run_passes
    from netwright.compiler.ir.parser import parse_module
    from netwright.compiler.ir.printer import print_op
    from netwright.compiler.options import CompileOptions
    from netwright.frontends.load import load_model

    texts = [p.read_bytes().split(b"\n// -----")[0] for p in sorted((DATA / "passes").glob("*/*.mlir"))]
    whole = print_op(load_model(DATA / "hostile" / "control.pbtxt")).encode()
    lower: list[bytes] = []  # and what the compiler makes of it: kernels, and loops
    for stop in ("form-kernels", "plan-memory", "lower-loops"):
        module = parse_module(SMALL)
        run_passes(module, CompileOptions(stop_after=stop), resolve_target("x86-64"))
        lower.append(print_op(module).encode())
    return [whole, *lower, *[t for t in texts if len(t) < 6000][::4]]


SMALL = """
func.func @main(%x: tensor<?x4xf32> {graph.name = "x", graph.dims = ["n", 4]}) -> (tensor<?x2xf32>) {
  %w = graph.constant() {value = dense<0.5> : tensor<4x2xf32>} : tensor<4x2xf32>
  %y = graph.matmul(%x, %w) : tensor<?x2xf32>
  %z = graph.tanh(%y) : tensor<?x2xf32>
  func.return(%z)
}
"""


def library_seeds() -> list[bytes]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "m.so"
        compile_quietly(DATA / "networks" / "mlp.pb", out)
        return [out.read_bytes()]


def try_graph(path: Path) -> None:
    compile_quietly(path, path.with_suffix(".so"))


def try_ir(path: Path) -> None:
    """IR text; of a lower level with the passes that are left."""
    from netwright.runtime.errors import OptionError

    info(path)
    try:
        compile_quietly(path, path.with_suffix(".so"))
    except OptionError as e:
        left = re.search(r"--pipeline '([^']*)'", str(e))
        if left is None:
            raise
        compile_quietly(path, path.with_suffix(".so"), left[1])


def try_model(path: Path) -> None:
    """`path` is in a SavedModel's folder."""
    folder = path.parent if path.name.startswith("saved_model") else path.parent.parent
    info(folder)
    info(path)
    compile_quietly(folder, folder / "m.so")


def try_keras(path: Path) -> None:
    """Read with all there is of training, and compiled."""
    import warnings

    from netwright import keras

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a state of the optimizer that does not fit
        keras.models.load_model(path)
    info(path)
    compile_quietly(path, path.with_suffix(".so"))


def try_library(path: Path) -> None:
    """Whatever a manifest says, reading it runs nothing; libraries that are cut off are not loaded."""
    from netwright.runtime import load
    from netwright.runtime.artifact import manifest_of

    info(path)
    manifest_of(path)
    if path.stat().st_size < WHOLE[0]:
        load(path)


#: bytes of the library that mutants are made of
WHOLE = [0]

FORMATS = {
    "graph": Format("message", "m.pb", graph_seeds, try_graph),
    "pbtxt": Format("text", "m.pbtxt", text_seeds, try_graph),
    "savedmodel": Format("message", "module/saved_model.pb", model_seeds("saved_model.pb"), try_model),
    "index": Format(
        "index", "module/variables/variables.index", model_seeds("variables", "variables.index"), try_model
    ),
    "shard": Format(
        "bytes", "module/variables/variables.data-00000-of-00001",
        model_seeds("variables", "variables.data-00000-of-00001"), try_model,
    ),
    "keras": Format("keras", "m.keras", keras_seeds, try_keras),
    "hdf5": Format("hdf5", "m.h5", hdf5_seeds, try_keras),
    "ir": Format("text", "m.mlir", ir_seeds, try_ir),
    "library": Format("library", "m.so", library_seeds, try_library),
}  # fmt: skip


def main(name: str, count: int, folder: Path) -> None:
    import shutil

    import llvmlite.binding
    from netwright.runtime.errors import Error

    from .checkpoint_files import index_mutants
    from .mutate import hdf5_mutants, keras_mutants, manifest_mutants, mutants

    assert llvmlite.binding.get_default_triple()
    chosen = FORMATS[name]
    if "/" in chosen.file:
        shutil.copytree(DATA / "savedmodels" / "module", folder / "module")
    path = folder / chosen.file
    seeds = chosen.seeds()
    WHOLE[0] = len(seeds[0])
    for seed in seeds[:3] if name != "library" else ():  # once whole: and all modules are imported
        path.write_bytes(seed)
        with contextlib.suppress(Error):
            chosen.tried(path)
    with open("/proc/self/statm") as f:
        mapped = int(f.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY, mapped + MEMORY))
    extra = [p.read_bytes() for p in sorted(folder.glob("extra*"))]
    make = {
        "index": index_mutants, "library": manifest_mutants, "keras": keras_mutants, "hdf5": hdf5_mutants,
    }.get(chosen.kind, mutants)  # fmt: skip
    kind = [chosen.kind] if make is mutants else []
    for i, data in enumerate(itertools.chain(extra, make(seeds, count, 7, *kind))):
        print(json.dumps({"begin": i}), flush=True)
        path.write_bytes(data)
        start = time.process_time()  # the machine may have other things to do
        good, text = True, ""
        try:
            chosen.tried(path)
            outcome = "read"
        except Error as e:
            outcome, text = type(e).__name__, str(e)
            good = 0 < len(text) < 20_000
        except BaseException as e:
            outcome, text, good = (
                type(e).__name__,
                "".join(traceback.format_exception(e)[-12:])[-3000:],
                False,
            )
        seconds = round(time.process_time() - start, 3)
        if not good:
            (folder / f"bad{i:04d}").write_bytes(data)
        row = {"mutant": i, "outcome": outcome, "seconds": seconds, "good": good, "text": text[:3000]}
        print(json.dumps(row), flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"peak": peak}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
