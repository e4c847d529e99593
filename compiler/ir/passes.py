"""Passes, pipelines and their text form, and the observers that a pipeline calls between passes."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Protocol

from ...runtime.errors import Error, OptionError, PassError
from .core import Op
from .location import Location

PASSES: dict[str, type[Pass]] = {}
LEVELS = ("graph", "kern", "loops")


class Remark(NamedTuple):
    """Why a pass did not do what its name says, at one op."""

    pass_name: str
    op_name: str
    location: Location
    reason: str


@dataclass
class PassContext:
    """What passes share: the target they compile for, options of the driver, what a frontend found out for a pass, by
    the pass's name, and the remarks they leave."""

    target: Any = None
    options: Any = None
    given: Mapping[str, Any] = field(default_factory=dict[str, Any])
    noted: dict[Remark, None] = field(default_factory=dict[Remark, None])
    statistics: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def remarks(self) -> list[Remark]:
        """All remarks in order, each once."""
        return list(self.noted)

    def refuse(self, pass_name: str, op: Op, reason: str) -> None:
        """Notes a reason once."""
        self.noted[Remark(pass_name, op.name, op.location, reason)] = None

    def count(self, what: str, n: int = 1) -> None:
        self.statistics[what] = self.statistics.get(what, 0) + n


@dataclass(frozen=True)
class Pass:
    """A pass is a frozen dataclass; its fields are its options, also on the command line. One without options inherits
    all of that and need not be decorated."""

    name: ClassVar[str] = ""
    level: ClassVar[str] = "graph"

    def __init_subclass__(cls, **kw: Any) -> None:
        super().__init_subclass__(**kw)
        if cls.__dict__.get("name"):
            PASSES[cls.name] = cls

    def run(self, module: Op, context: PassContext) -> None:
        """Changes `module` in place."""
        raise PassError(f"pass {self.name!r} does not define run")

    @property
    def text(self) -> str:
        """The pass with the options that differ from their defaults."""
        given = [
            f"{f.name.replace('_', '-')}={_option_text(getattr(self, f.name))}"
            for f in dataclasses.fields(self)
            if getattr(self, f.name) != f.default
        ]
        return self.name + (f"{{{' '.join(given)}}}" if given else "")


def _option_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _option_value(text: str, default: Any, what: str) -> Any:
    if isinstance(default, bool):
        if text not in ("true", "false"):
            raise OptionError(f"{what}: expected true or false, received {text!r}")
        return text == "true"
    if isinstance(default, (int, float)):
        try:
            return type(default)(text)
        except ValueError:
            raise OptionError(f"{what}: expected a number, received {text!r}") from None
    return text


_GROUP = re.compile(r"([\w-]+)\s*\((.*)\)", re.DOTALL)
_ITEM = re.compile(r"([\w-]+)\s*(?:\{([^{}]*)\})?")


def make_pass(name: str, options: str = "") -> Pass:
    """The pass `name` with `key=value` options separated by blanks."""
    cls = PASSES.get(name)
    if cls is None:
        raise OptionError(f"unknown pass {name!r}; known passes: {', '.join(sorted(PASSES))}")
    fields = {f.name: f for f in dataclasses.fields(cls)}
    values: dict[str, Any] = {}
    for item in options.split():
        key, _, text = item.partition("=")
        f = fields.get(key.replace("-", "_"))
        if f is None:
            known = ", ".join(k.replace("_", "-") for k in fields) or "none"
            raise OptionError(f"pass {name!r} has no option {key!r}; its options: {known}")
        values[f.name] = _option_value(text, f.default, f"option {key} of {name}")
    return cls(**values)


def parse_pipeline(text: str) -> tuple[Pass, ...]:
    """`graph(fold-constants,cse),kern(plan-memory)` to passes; level names may be left out."""
    out: list[Pass] = []
    for part in _split(text):
        group = _GROUP.fullmatch(part)
        level = group.group(1) if group else ""
        if group and level not in LEVELS:
            raise OptionError(f"unknown level {level!r} in the pipeline; levels: {', '.join(LEVELS)}")
        for item in _split(group.group(2)) if group else [part]:
            m = _ITEM.fullmatch(item)
            if m is None:
                raise OptionError(f"cannot read {item[:40]!r} in the pipeline: expected name{{key=value …}}")
            p = make_pass(m.group(1), m.group(2) or "")
            if level and p.level != level:
                raise OptionError(f"pass {p.name!r} belongs to level {p.level}, not {level}")
            out.append(p)
    return tuple(out)


def _split(text: str) -> list[str]:
    """The parts between commas that stand in no brackets."""
    if not text.strip():
        return []
    parts, depth = [""], 0
    for c in text:
        depth += (c in "({") - (c in ")}")
        if c == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += c
    return [p.strip() for p in parts]


def pipeline_text(passes: Iterable[Pass]) -> str:
    """The text that `parse_pipeline` reads back."""
    groups: list[tuple[str, list[str]]] = []
    for p in passes:
        if not groups or groups[-1][0] != p.level:
            groups.append((p.level, []))
        groups[-1][1].append(p.text)
    return ",".join(f"{level}({','.join(names)})" for level, names in groups)


class Observer(Protocol):
    """Watches a pipeline; passes know nothing of it."""

    def start(self, module: Op, passes: Sequence[Pass]) -> None: ...
    def before(self, index: int, p: Pass, module: Op) -> None: ...
    def after(self, index: int, p: Pass, module: Op, context: PassContext) -> None: ...


class BaseObserver:
    """An observer that does nothing; override what you need."""

    def start(self, module: Op, passes: Sequence[Pass]) -> None:
        """Before the first pass."""

    def before(self, index: int, p: Pass, module: Op) -> None:
        """Before each pass."""

    def after(self, index: int, p: Pass, module: Op, context: PassContext) -> None:
        """After each pass."""


@dataclass
class PassManager:
    """Runs passes in order. `on_failure(original, passes before, failing pass)` writes a reproducer."""

    passes: tuple[Pass, ...]
    observers: tuple[Observer, ...] = ()
    stop_after: str | None = None
    skip: tuple[str, ...] = ()
    on_failure: Callable[[Op, Sequence[Pass], Pass], str] | None = None

    def plan(self) -> tuple[Pass, ...]:
        """The passes that run, after `skip` and `stop_after`."""
        names = [p.name for p in self.passes]
        for wanted in (*self.skip, *([self.stop_after] if self.stop_after else [])):
            if wanted not in names:
                raise OptionError(
                    f"pass {wanted!r} is not in the pipeline: {', '.join(dict.fromkeys(names))}"
                )
        end = len(names) - names[::-1].index(self.stop_after) if self.stop_after else len(names)
        return tuple(p for p in self.passes[:end] if p.name not in self.skip)

    def run(self, module: Op, context: PassContext) -> None:
        """Raises PassError when a pass fails for a reason that is not the user's."""
        passes = self.plan()
        original = module.clone({}) if self.on_failure else None
        for o in self.observers:
            o.start(module, passes)
        for i, p in enumerate(passes):
            for o in self.observers:
                o.before(i, p, module)
            try:
                p.run(module, context)
                for o in self.observers:
                    o.after(i, p, module, context)
            except Exception as e:
                if (
                    isinstance(e, Error)
                    and not isinstance(e, PassError)
                    and type(e).__name__ != "VerifyError"
                ):
                    raise
                path = self.on_failure(original, passes[:i], p) if self.on_failure and original else None
                shown = f"; the module before it is in {path}" if path else ""
                raise PassError(f"pass {p.name!r} failed: {e}{shown}", path) from e
