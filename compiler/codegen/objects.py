"""LLVM text to object files and assembly."""

from __future__ import annotations

import os
from ctypes import c_char_p, string_at
from queue import SimpleQueue
from threading import Thread
from typing import Any

from ...runtime.errors import Error
from ..target import Target


class Objects:
    """Object files of texts, translated by as many threads as the process may use cores.

    With one core a text is translated when it is added; else threads take the texts in order while the caller goes on.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._made: list[bytes | BaseException | None] = []
        self._waiting: SimpleQueue[tuple[int, str] | None] = SimpleQueue()
        self._most = len(os.sched_getaffinity(0))
        self._threads: list[Thread] = []
        # in a thread it would take long beside one that emits: each turns to Python often, and waits for its turn
        _machine(target)

    def add(self, text: str) -> None:
        self._made.append(None)
        number = len(self._made) - 1
        if self._most == 1:
            self._made[number] = emit_object(text, self._target)
            return
        self._waiting.put((number, text))
        if len(self._threads) < self._most:
            self._threads.append(Thread(target=self._work, daemon=True))
            self._threads[-1].start()

    def _work(self) -> None:
        while (item := self._waiting.get()) is not None:
            number, text = item
            try:
                self._made[number] = emit_object(text, self._target)
            except BaseException as e:
                self._made[number] = e

    def finish(self) -> list[bytes]:
        """All objects, in order; what went wrong with one of them is raised here."""
        self._stop()
        for made in self._made:
            if isinstance(made, BaseException):
                raise made
        return [made for made in self._made if isinstance(made, bytes)]

    def __enter__(self) -> Objects:
        return self

    def __exit__(self, *error: object) -> None:
        self._stop()

    def _stop(self) -> None:
        """Waits for the threads; those of an error come to their end."""
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()
        self._threads = []


def emit_object(text: str, target: Target) -> bytes:
    """LLVM text to an object file. No mid-level passes run.

    Threads may do this side by side: each text has a context and a machine of its own, as LLVM wants it.
    """
    from llvmlite.binding import ffi

    machine, parsed = _machine(target), _parse(text)
    with ffi.OutputString() as problem:
        buffer = _unlocked(ffi.lib.LLVMPY_TargetMachineEmitToMemory)(machine, parsed, 1, problem)
        if not buffer:
            raise Error(f"LLVM cannot translate the generated code: {problem}")
    try:
        return string_at(ffi.lib.LLVMPY_GetBufferStart(buffer), ffi.lib.LLVMPY_GetBufferSize(buffer))
    finally:
        ffi.lib.LLVMPY_DisposeMemoryBuffer(buffer)


def emit_assembly(text: str, target: Target) -> str:
    """LLVM text to assembly, for dumps."""
    return _machine(target).emit_assembly(_parse(text))


def _unlocked(function: Any) -> Any:
    """A function of LLVM's without llvmlite's lock, which lets one thread at a time into all of LLVM; with the lock
    where llvmlite has no such function."""
    return getattr(function, "_cfn", function)


def _parse(text: str) -> Any:
    import llvmlite.binding as llvm
    from llvmlite.binding import ffi

    context = llvm.create_context()
    try:
        with ffi.OutputString() as problem:
            pointer = _unlocked(ffi.lib.LLVMPY_ParseAssembly)(context, c_char_p(text.encode()), problem)
            parsed = llvm.ModuleRef(pointer, context)
            if problem:
                parsed.close()
                raise RuntimeError(str(problem))
        parsed.verify()
    except RuntimeError as e:
        raise Error(f"LLVM refuses the generated code: {e}") from e
    return parsed


def _machine(target: Target) -> Any:
    import llvmlite.binding as llvm

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    llvm.initialize_native_asmparser()
    return llvm.Target.from_triple(target.triple).create_target_machine(
        cpu="x86-64", opt=2, reloc="pic", codemodel="default"
    )
