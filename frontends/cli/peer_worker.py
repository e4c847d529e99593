"""One other runtime in a process of its own, for `netwright bench --against`: a program, not a module.

It runs under whatever Python has the runtime's package, and so imports nothing but numpy and that package. Started as

    peer_worker.py PEER THREADS CPU,CPU…

it reads a line of JSON, {"models": [files], "arrays": "in.npz", "names": [inputs], "results": "out.npz"}, and answers
with what it loaded, or why it could not; then each line {"seconds": s} with times. Arrays are a0, a1, … in the files.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

#: packages of each runtime, the first that is installed
PACKAGES = {
    "onnxruntime": ("onnxruntime",),
    "openvino": ("openvino",),
    "tflite": ("ai_edge_litert", "tflite_runtime", "tensorflow"),
}


class Misfit(Exception):
    """The model takes other inputs than the library."""


class Loaded:
    """A model that is ready: `call` on arrays in its own order gives arrays."""

    def __init__(self, inputs: Sequence[tuple[str, Sequence[Any], str]], outputs: Sequence[str]) -> None:
        self.inputs, self.outputs = inputs, list(outputs)
        self.call: Callable[[list[np.ndarray]], list[np.ndarray]] = lambda arrays: arrays


def plain(name: str) -> str:
    """The name that a tensor has in every format."""
    name = name[:-2] if name.endswith(":0") else name
    return name[len("serving_default_") :] if name.startswith("serving_default_") else name


def arranged(loaded: Loaded, names: Sequence[str], arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The arrays in the model's order: by name, or by position where the names are all others."""
    given = {plain(n): a for n, a in zip(names, arrays, strict=True)}
    wanted = [plain(n) for n, _, _ in loaded.inputs]
    if len(wanted) != len(names):
        raise Misfit(f"expected {len(names)} inputs ({', '.join(names)}), its are {', '.join(wanted)}")
    known = [n for n in wanted if n in given]
    if known and len(known) < len(wanted):
        raise Misfit(f"expected inputs named {', '.join(names)}, its are {', '.join(wanted)}")
    out = [given[n] for n in wanted] if known else list(arrays)
    for (name, shape, dtype), a in zip(loaded.inputs, out, strict=True):
        sizes = [d if isinstance(d, int) and d >= 0 else None for d in shape]
        fits = len(sizes) == a.ndim and all(d in (None, n) for d, n in zip(sizes, a.shape, strict=False))
        if not fits or str(a.dtype) != dtype:
            text = ", ".join("?" if d is None else str(d) for d in sizes)
            raise Misfit(f"its input {name} is {dtype}[{text}], the library's {a.dtype}{list(a.shape)}")
    return out


def load_onnxruntime(package: Any, path: str, threads: int) -> Loaded:
    options = package.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = package.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    dtypes = {"float": "float32", "double": "float64"}
    rows = []
    for i in session.get_inputs():
        kind = i.type[len("tensor(") : -1]
        rows.append((i.name, i.shape, dtypes.get(kind, kind)))
    names = [o.name for o in session.get_outputs()]
    out = Loaded(rows, names)
    own = [r[0] for r in rows]
    out.call = lambda arrays: session.run(names, dict(zip(own, arrays, strict=True)))
    return out


def load_openvino(package: Any, path: str, threads: int) -> Loaded:
    core = package.Core()
    model = core.read_model(path)
    rows = [
        (
            i.get_any_name(),
            [d.get_length() if d.is_static else None for d in i.get_partial_shape()],
            str(np.dtype(i.get_element_type().to_dtype())),
        )
        for i in model.inputs
    ]
    out = Loaded(rows, [o.get_any_name() for o in model.outputs])
    # float32 as we compute; by default it would use bfloat16 where the processor has it
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": "f32",
    }
    request: list[Any] = []

    def call(arrays: list[np.ndarray]) -> list[np.ndarray]:
        if not request:
            model.reshape({i: list(a.shape) for i, a in enumerate(arrays)})
            request.append(core.compile_model(model, "CPU", settings).create_infer_request())
        found = request[0].infer(dict(enumerate(arrays)), share_inputs=True, share_outputs=True)
        return [found[i] for i in range(len(out.outputs))]

    out.call = call
    return out


def load_tflite(package: Any, path: str, threads: int) -> Loaded:
    if package.__name__ == "tensorflow":
        interpreter = package.lite.Interpreter(model_path=path, num_threads=threads)
    else:
        module = importlib.import_module(package.__name__ + ".interpreter")
        interpreter = module.Interpreter(model_path=path, num_threads=threads)
    ins, outs = interpreter.get_input_details(), interpreter.get_output_details()
    rows = [(i["name"], [int(d) for d in i["shape_signature"]], np.dtype(i["dtype"]).name) for i in ins]
    out = Loaded(rows, [o["name"] for o in outs])
    sized: list[Any] = []

    def call(arrays: list[np.ndarray]) -> list[np.ndarray]:
        if not sized:
            for i, a in zip(ins, arrays, strict=True):
                interpreter.resize_tensor_input(i["index"], a.shape)
            interpreter.allocate_tensors()
            sized.append(True)
        for i, a in zip(ins, arrays, strict=True):
            interpreter.set_tensor(i["index"], a)
        interpreter.invoke()
        return [interpreter.get_tensor(o["index"]) for o in outs]

    out.call = call
    return out


LOADERS = {"onnxruntime": load_onnxruntime, "openvino": load_openvino, "tflite": load_tflite}


def first_package(peer: str) -> Any:
    """The runtime's package; None where none is installed."""
    for name in PACKAGES[peer]:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None


def prepare(peer: str, package: Any, threads: int, task: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """Loads the first model that fits and calls it once: the answer, and the call to time."""
    with np.load(task["arrays"], allow_pickle=False) as file:
        arrays = [file[f"a{i}"] for i in range(len(task["names"]))]
    problems = []
    for path in task["models"]:
        try:
            start = time.perf_counter()
            loaded = LOADERS[peer](package, path, threads)
            middle = time.perf_counter()
            own = arranged(loaded, task["names"], arrays)
            results = loaded.call(own)
        except Exception as e:  # whatever a runtime raises: the next model may do
            said = str(e).strip() or type(e).__name__
            problems.append(f"{path}: {said.splitlines()[0]}")
            continue
        end = time.perf_counter()
        arrays_out = {f"a{i}": np.asarray(r) for i, r in enumerate(results)}
        np.savez(task["results"], **arrays_out)  # type: ignore[arg-type]
        answer = {
            "model": path,
            # without the mark of the build
            "version": str(getattr(package, "__version__", "")).partition("-")[0],
            "load_ms": (middle - start) * 1e3,
            "first_call_ms": (end - middle) * 1e3,
            "outputs": [plain(n) for n in loaded.outputs],
        }
        return answer, partial(loaded.call, own)
    return {"error": "; ".join(problems)}, None


def timed(call: Callable[[], object], seconds: float) -> list[float]:
    """As netwright times its own calls: one to warm, then one after the other."""
    call()
    times: list[float] = []
    clock = time.perf_counter
    end = clock() + seconds
    while True:
        start = clock()
        call()
        now = clock()
        times.append(now - start)
        if now >= end and len(times) >= 2:
            return times


def main() -> int:
    peer, threads, cpus = sys.argv[1], int(sys.argv[2]), [int(c) for c in sys.argv[3].split(",")]
    # A stopped process would outlive a killed parent: the kernel kills it (PR_SET_PDEATHSIG).
    ctypes.CDLL(None).prctl(1, int(signal.SIGKILL))
    # before the package starts its threads, which inherit it
    os.sched_setaffinity(0, cpus)
    # standard output is the line to netwright; what the runtime prints goes to standard error
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(data: dict[str, Any]) -> None:
        answers.write(json.dumps(data) + "\n")
        answers.flush()

    package = first_package(peer)
    if package is None:
        answer({"missing": list(PACKAGES[peer])})
        return 0
    call = None
    for line in sys.stdin:
        task = json.loads(line)
        try:
            if "models" in task:
                found, call = prepare(peer, package, threads, task)
                answer(found)
            else:
                answer({"times": timed(call, task["seconds"])})  # type: ignore[arg-type]
        except Exception as e:
            answer({"error": f"{type(e).__name__}: {e}"})
    return 0


if __name__ == "__main__":
    sys.exit(main())
