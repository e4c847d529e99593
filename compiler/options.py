"""Options of a compilation: the one source of Python keywords, command-line flags and their documentation."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any


def option(default: Any, doc: str, **more: Any) -> Any:
    """A field with its documentation; `metavar`, `repeat` and `choices` shape the command-line flag.

    `cache` says what the option means for libraries that are kept: without it their keys hold its value,
    "same" has no influence on the library, "never" writes or prints something that no kept library has.
    """
    return field(default=default, metadata={"doc": doc, **more})


@dataclass(frozen=True)
class CompileOptions:
    """What a user may ask of a compilation."""

    inputs: tuple[str, ...] = option(
        (), "inputs by node or tensor name, with a shape if it is not known: x:?,224,224,3", metavar="NAME[:SHAPE]",
        flag="--input", repeat=True,
    )  # fmt: skip
    outputs: tuple[str, ...] = option(
        (), "outputs by node or tensor name", metavar="NAME", flag="--output-tensor", repeat=True
    )
    signature: str | None = option(
        None, "which signature of a SavedModel; without it serving_default", metavar="NAME"
    )
    batch: int | None = option(None, "a fixed batch size; without it the batch stays dynamic", metavar="N")
    train: str | None = option(
        None, "make a library that trains: the optimizer, as adam:learning_rate=1e-3", metavar="OPTIMIZER"
    )
    loss: str | None = option(
        None, "what training minimises, as sparse_categorical_crossentropy:from_logits=true", metavar="LOSS"
    )
    metrics: tuple[str, ...] = option(
        (), "counted beside the loss, as accuracy", metavar="NAME", flag="--metric", repeat=True
    )
    trainable: str | None = option(
        None, "which constants of a graph are trained: an expression for their names (all without it)",
        metavar="REGEX",
    )  # fmt: skip
    threads: int | None = option(
        None, "threads a call may use, for the model returned", metavar="N", cache="same"
    )
    target: str = option("native", "native, x86-64, x86-64-v3 or x86-64-v4", metavar="NAME")
    linker: str | None = option(
        None, "ld, cc or a path, instead of netwright's own linker", metavar="PROGRAM", cache="never"
    )
    header: str | None = option(None, "write a C header here", metavar="FILE", cache="same")
    precise: bool = option(
        False, "no fast algorithms whose rounding differs from the definition's (Winograd convolutions)"
    )
    decompose_conv: str | None = option(
        None, "approximate convolutions and dense layers by pairs of thinner ones where those are predicted faster: "
        "max-error=0.01 (of each layer's weights), flops=0.5 (the share to keep), or force rank=16",
        metavar="BUDGET",
    )  # fmt: skip
    calibrate: str | None = option(
        None, "inputs (.npz, labels as y) that the pairs of --decompose-conv are fitted to: max-error is then that "
        "of each layer's output, and the model's own error and accuracy are measured on them",
        metavar="FILE", cache="never",
    )  # fmt: skip
    pipeline: str | None = option(
        None, "passes to run instead of the default ones, as graph(…),kern(…),loops(…)", metavar="TEXT"
    )
    stop_after: str | None = option(
        None, "stop after this pass; nothing is linked", metavar="PASS", cache="never"
    )
    skip_pass: tuple[str, ...] = option((), "leave this pass out", metavar="PASS", repeat=True)
    dump_ir: str | None = option(
        None, "write the IR after every pass into this folder", metavar="DIR", cache="never"
    )
    print_ir_after_all: bool = option(False, "print the IR after every pass", cache="never")
    print_ir_after_change: bool = option(
        False, "print the IR after every pass that changed it", cache="never"
    )
    verify_ir: bool = option(True, "check the IR after every pass", cache="same")

    def replace(self, **changes: Any) -> CompileOptions:
        return dataclasses.replace(self, **changes)

    @property
    def cacheable(self) -> bool:
        """Whether a library that was kept can stand for this compilation."""
        never = (f for f in option_fields() if f.metadata.get("cache") == "never")
        return all(getattr(self, f.name) == f.default for f in never)


def option_fields() -> list[dataclasses.Field[Any]]:
    return list(dataclasses.fields(CompileOptions))
