"""The dump folder: the module after each pass, its large constants once each, and an index.

    00_import.mlir  01_fold-constants.mlir  …  resources/<hash>.npy  index.md

A dump holds no times: the same compilation writes the same bytes.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from ...runtime.errors import FormatError, InputError
from ..ir.attributes import Array, Dense
from ..ir.core import Op
from ..ir.parser import parse_module
from ..ir.passes import BaseObserver, Pass, PassContext, pipeline_text
from ..ir.printer import Printer

RESOURCES = "// resources: "
_HASH = re.compile(r"[0-9a-f]{16}\Z")
_OURS = re.compile(r"\d\d+_[\w.-]+\Z|index\.md\Z")


@dataclass(frozen=True)
class Row:
    """What the index says about one pass."""

    number: int
    name: str
    file: str
    changed: bool
    before: Counter[str]
    after: Counter[str]
    reasons: int


class DumpObserver(BaseObserver):
    """Writes the dump folder while a pipeline runs; an older dump in the folder is replaced."""

    def __init__(self, folder: str | os.PathLike[str], generic: bool = False) -> None:
        self.folder = Path(folder)
        self.generic = generic
        self.rows: list[Row] = []
        self.extra: list[str] = []
        self._pipeline = ""
        self._text = ""
        self._counts: Counter[str] = Counter()
        self._reasons = 0

    def start(self, module: Op, passes: Sequence[Pass]) -> None:
        self.rows.clear()
        self.extra.clear()
        self._pipeline = pipeline_text(passes)
        self._text, resources = self._print(module)
        try:
            (self.folder / "resources").mkdir(parents=True, exist_ok=True)
            self._remove_older({f"{d.digest}.npy" for d in resources.values()})
        except OSError as e:
            raise InputError(f"cannot write a dump to {self.folder}: {e}") from e
        self._counts, self._reasons = count_ops(module), 0
        file = self._write(0, "import", resources)
        self._add(Row(0, "import", file, True, Counter(), self._counts, 0))

    def after(self, index: int, p: Pass, module: Op, context: PassContext) -> None:
        text, resources = self._print(module)
        changed, self._text = text != self._text, text
        before, self._counts = self._counts, count_ops(module) if changed else self._counts
        before_reasons, self._reasons = self._reasons, len(context.remarks)
        number = index + 1
        file = self._write(number, p.name, resources) if changed else self.rows[-1].file
        reasons = self._reasons - before_reasons
        self._add(Row(number, p.text, file, changed, before, self._counts, reasons))

    def add_text(self, file: str, text: str) -> None:
        """One more file of this dump, after the passes' own: LLVM's text, assembly. It gets a number."""
        self.extra.append(f"{len(self.rows) + len(self.extra):02}_{file}")
        _write_text(self.folder / self.extra[-1], text)
        self._index()

    def _print(self, module: Op) -> tuple[str, dict[str, Dense]]:
        printer = Printer(self.generic)
        return printer.print(module), printer.resources

    def _write(self, number: int, name: str, resources: Mapping[str, Dense]) -> str:
        file = f"{number:02}_{name}.mlir"
        save_ir(self.folder / file, self._text, resources)
        return file

    def _add(self, row: Row) -> None:
        self.rows.append(row)
        self._index()

    def _index(self) -> None:
        _write_text(self.folder / "index.md", index_text(self._pipeline, self.rows, self.extra))

    def _remove_older(self, needed: set[str]) -> None:
        for path in self.folder.iterdir():
            if path.is_file() and _OURS.match(path.name):
                path.unlink()
        for path in (self.folder / "resources").iterdir():
            if path.suffix in (".npy", ".part") and _HASH.match(path.stem) and path.name not in needed:
                path.unlink()


def _write_text(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as e:
        raise InputError(f"cannot write {path}: {e.strerror}") from e


def hashes_comment(resources: Mapping[str, Dense]) -> str:
    """The last line of a file of IR: which values its large constants have. Empty when there are none."""
    hashes = {key: d.digest for key, d in resources.items()}
    return f"{RESOURCES}{json.dumps(hashes, sort_keys=True)}\n" if hashes else ""


def save_ir(path: Path, text: str, resources: Mapping[str, Dense]) -> None:
    """Writes IR text that can be read again: its large constants go to `resources` beside it."""
    try:
        if resources:
            (path.parent / "resources").mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise InputError(f"cannot write the constants of {path}: {e.strerror}") from e
    for d in resources.values():
        save_array(path.parent / "resources" / f"{d.digest}.npy", d.array)
    _write_text(path, text + hashes_comment(resources))


def save_array(path: Path, array: Array) -> None:
    """Writes an array unless it is there; it is never copied as a whole, and never there in part."""
    if path.exists():
        return
    part = path.with_suffix(".part")
    try:
        with part.open("wb") as f:
            np.save(f, array, allow_pickle=False)
        part.replace(path)
    except OSError as e:
        raise InputError(f"cannot write {path}: {e.strerror}") from e


def count_ops(module: Op) -> Counter[str]:
    """How many ops of each kind there are."""
    return Counter(op.name for op in module.walk())


def index_text(pipeline: str, rows: Sequence[Row], extra: Sequence[str] = ()) -> str:
    """`index.md`: one line a pass, then the files that follow the last one."""
    lines = [
        "# Passes",
        "",
        f"`{pipeline}`",
        "",
        "| number | pass | changed | ops before | ops after | kinds of ops that changed | reasons | file |",
        "|--:|---|---|--:|--:|---|--:|---|",
    ]
    for r in rows:
        kinds = sorted(k for k in r.before.keys() | r.after.keys() if r.before[k] != r.after[k])
        changes = ", ".join(f"{k} {r.before[k]} → {r.after[k]}" for k in kinds)
        lines.append(
            f"| {r.number:02} | {r.name} | {'yes' if r.changed else 'no'} | {r.before.total()} "
            f"| {r.after.total()} | {changes} | {r.reasons} | [{r.file}]({r.file}) |"
        )
    lines += ["", *(f"- [{file}]({file})" for file in extra)] if extra else []
    return "\n".join(lines) + "\n"


class _Resources(Mapping[str, Array]):
    """The arrays of a dump by name, read when asked for."""

    def __init__(self, folder: Path, hashes: Mapping[str, str]) -> None:
        self.folder = folder
        self.hashes = hashes

    def __getitem__(self, name: str) -> Array:
        path = self.folder / f"{self.hashes[name]}.npy"
        try:
            return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
        except (OSError, ValueError, EOFError) as e:
            raise FormatError(f"the values of {name!r} cannot be read from {path}: {e}") from e

    def __iter__(self) -> Iterator[str]:
        return iter(self.hashes)

    def __len__(self) -> int:
        return len(self.hashes)


def read_dump(path: str | os.PathLike[str], resources_dir: str | os.PathLike[str] | None = None) -> Op:
    """The module in a dumped file; its large constants come from `resources_dir` (default: beside it)."""
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as e:
        raise FormatError(f"{file} is no IR text: {e}") from e
    except OSError as e:
        raise InputError(f"cannot read {file}: {e}") from e
    folder = Path(resources_dir) if resources_dir is not None else file.parent / "resources"
    return parse_dump(text, str(file), folder)


def parse_dump(text: str, name: str, folder: Path) -> Op:
    """The module in the text of a dumped file called `name`, whose large constants are in `folder`."""
    return parse_module(text, name, _Resources(folder, _hashes(text, name)))


def _hashes(text: str, file: str) -> dict[str, str]:
    """The names and hashes in the last comment of a dumped file."""
    last = text.rstrip("\n").rpartition("\n")[2]
    if not last.startswith(RESOURCES):
        return {}
    try:
        found: Any = json.loads(last.removeprefix(RESOURCES))
    except (ValueError, RecursionError) as e:
        raise FormatError(f"{file}: the last line should map names to hashes: {e}") from e
    items = cast("dict[str, Any]", found) if isinstance(found, dict) else {"": found}
    for name, value in items.items():
        if not isinstance(value, str) or not _HASH.match(value):
            raise FormatError(f"{file}: {value!r} is no hash of the values of {name!r}")
    return cast("dict[str, str]", items)
