"""Other runtimes beside the library: each in a process of its own, stopped while it is not its turn."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np

from ...runtime.errors import InputError, OptionError
from .arrays import Array, difference
from .bench_measure import Rounds, Subject
from .tables import table

#: kinds of model files that each runtime reads, the fittest first
FORMATS = {
    "onnxruntime": (".onnx", ".ort"),
    "openvino": (".xml", ".onnx", ".tflite"),
    "tflite": (".tflite",),
}
_WORKER = Path(__file__).with_name("peer_worker.py")


class Peer:
    """A runtime in its process; `problem` says why it is not measured."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.problem = ""
        self.facts: dict[str, Any] = {}
        self.results: dict[str, Array] = {}
        self._process: subprocess.Popen[str] | None = None
        self._said: IO[bytes] | None = None

    def start(self, pythons: Sequence[str], threads: int, cpus: Sequence[int], task: dict[str, Any]) -> None:
        """Loads the model in the first Python that has the package."""
        missing: list[str] = []
        for python in pythons:
            self.close()
            try:
                self._open(python, threads, cpus)
            except OSError as e:
                self.problem = f"cannot start {python!r}: {e.strerror}; name another with --peer-python"
                return
            found = self._ask(task)
            if "missing" in found:
                missing.append(python)
                packages = " or ".join(found["missing"])
                continue
            if "error" in found:
                self.problem = f"{found['error']}; give it a model of these sizes with --model"
                return
            self.facts = {**found, "python": python}
            with np.load(task["results"], allow_pickle=False) as file:
                self.results = {n: file[f"a{i}"] for i, n in enumerate(found["outputs"])}
            self._stop()
            return
        self.problem = (
            f"expected the package {packages} in {', '.join(missing)}, which lacks it: "
            "install it there, or name a Python that has it with --peer-python"
        )

    def run(self, seconds: float) -> list[float]:
        """Times of its calls; none when it has failed, and `problem` says why."""
        self._signal(signal.SIGCONT)
        found = self._ask({"seconds": seconds})
        self._stop()
        if "error" in found:
            self.problem = str(found["error"])
            return []
        return [float(t) for t in found["times"]]

    def close(self) -> None:
        """Ends its process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()  # which also ends one that is stopped
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
            process.wait()
        if self._said is not None:
            self._said.close()
            self._said = None

    def _open(self, python: str, threads: int, cpus: Sequence[int]) -> None:
        count = str(threads)
        own = {"OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count, "TF_CPP_MIN_LOG_LEVEL": "3"}
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        # In our process group: what ends us from the terminal ends it too, also while it is stopped.
        self._process = subprocess.Popen(
            [python, str(_WORKER), self.name, count, ",".join(map(str, cpus))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, encoding="utf-8",
            env={**{k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}, **own},
        )  # fmt: skip

    def _ask(self, task: Mapping[str, Any]) -> dict[str, Any]:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            return {"error": "its process does not run"}
        with contextlib.suppress(BrokenPipeError):  # it has died, or lacks its package and said so before
            process.stdin.write(json.dumps(task) + "\n")
            process.stdin.flush()
        line = process.stdout.readline()
        if line:
            return dict(json.loads(line))
        code = process.wait()
        return {"error": f"its process ended with code {code}{self._last_words()}"}

    def _last_words(self) -> str:
        if self._said is None:
            return ""
        self._said.seek(0)
        lines = self._said.read().decode("utf-8", "replace").strip().splitlines()
        return f": {lines[-1]}" if lines else ""

    def _signal(self, what: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(what)

    def _stop(self) -> None:
        """Pools of some runtimes spin for a while after a call, and would disturb whose turn it is."""
        self._signal(signal.SIGSTOP)


class Peers:
    """All runtimes that were asked for, loaded; ends their processes when left."""

    def __init__(
        self, names: Sequence[str], models: Sequence[str], pythons: Sequence[str], subject: Subject,
        threads: int, cpus: Sequence[int],
    ) -> None:  # fmt: skip
        for m in models:
            if not os.path.exists(m):
                raise InputError(f"expected a model file for --model, received {m!r}, which does not exist")
        own, common = _pythons(pythons)
        self.all = [Peer(n) for n in names]
        self._threads, self._cpus, self._models = threads, cpus, models
        self._choice = {n: [own[n]] if n in own else common or [sys.executable] for n in names}
        self._subject = subject

    def __enter__(self) -> Peers:
        with tempfile.TemporaryDirectory() as folder:
            arrays = os.path.join(folder, "arrays.npz")
            np.savez(arrays, allow_pickle=False, **{f"a{i}": a for i, a in enumerate(self._subject.args)})
            for peer in self.all:
                formats = FORMATS[peer.name]
                fitting = sorted(
                    (m for m in self._models if Path(m).suffix in formats),
                    key=lambda m: formats.index(Path(m).suffix),
                )
                if not fitting:
                    peer.problem = (
                        f"expected a model file of kind {' or '.join(formats)}, "
                        f"received {', '.join(self._models) or 'none'}: give one with --model"
                    )
                    continue
                task = {
                    "models": fitting,
                    "arrays": arrays,
                    "names": [s.name for s in self._subject.model.inputs],
                    "results": os.path.join(folder, f"{peer.name}.npz"),
                }
                try:
                    peer.start(self._choice[peer.name], self._threads, self._cpus, task)
                except BaseException:
                    self.close()
                    raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        for peer in self.all:
            peer.close()

    @property
    def ready(self) -> dict[str, Peer]:
        return {p.name: p for p in self.all if not p.problem}

    def data(self, rounds: Rounds, name: str) -> list[dict[str, Any]]:
        """For each: its times, the ratio of its time to ours, and the largest difference of the results."""
        out: list[dict[str, Any]] = []
        for peer in self.all:
            row: dict[str, Any] = {"name": peer.name}
            if peer.problem:
                row["problem"] = peer.problem
            else:
                facts = {k: v for k, v in peer.facts.items() if k != "outputs"}
                row |= {**facts, "calls": rounds.calls(peer.name), "ms": rounds.milliseconds(peer.name)}
                row["ratio"] = rounds.ratio(peer.name, name)
                row["difference"] = _largest(self._subject.results, peer.results)
            out.append(row)
        return out


def _pythons(items: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """`PEER=PATH` for one runtime, `PATH` for all others."""
    own: dict[str, str] = {}
    common: list[str] = []
    for item in items:
        name, eq, path = item.partition("=")
        if not eq:
            common.append(item)
        elif name in FORMATS:
            own[name] = path
        else:
            raise OptionError(
                f"expected PATH or PEER=PATH for --peer-python, received {item!r}; peers: {', '.join(FORMATS)}"
            )
    return own, common


def _largest(ours: Mapping[str, Array], theirs: Mapping[str, Array]) -> float | None:
    """The largest of the outputs' differences, by name, or in order where names differ; None where there are
    not as many."""
    plain = {n[:-2] if n.endswith(":0") else n: a for n, a in ours.items()}
    if len(plain) != len(theirs):
        return None
    if plain.keys() == theirs.keys():
        pairs = [(plain[n], theirs[n]) for n in plain]
    else:
        pairs = list(zip(plain.values(), theirs.values(), strict=True))
    return max((difference(a, b) for a, b in pairs), default=0.0)


def peer_lines(ms: float, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A table of medians; ratios above 1 are slower than netwright."""
    cells = [["median ms", "ratio", "largest difference", "runtime", "model"]]
    cells.append([f"{ms:.4f}", "1.00", "", "netwright", ""])
    for r in rows:
        if "problem" not in r:
            far = "other outputs" if r["difference"] is None else f"{r['difference']:.1e}"
            version = f"{r['name']} {r['version']}".strip()
            cells.append([f"{r['ms']['p50']:.4f}", f"{r['ratio']:.2f}", far, version, r["model"]])
    lines = [line.rstrip() for line in table(cells, left=(3, 4))]
    return lines + [f"{r['name']}: not measured: {r['problem']}" for r in rows if "problem" in r]
