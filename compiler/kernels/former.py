"""From graph ops to kernel calls: the state of one function's conversion.

Buffers take the place of tensors. Results of the function are written straight into the caller's buffers where
that is possible, reshapes are views, and calls that need the same code share a kernel.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from ...runtime.errors import UnsupportedError
from ...runtime.spec import DType
from ..cost.flops import bytes_moved, flops
from ..cost.reasons import Why
from ..ir.attributes import Array, Dense, SymbolRef, attribute_key
from ..ir.core import Block, Builder, Op, Region, Value
from ..ir.dims import Dim, Sym, symbols_of
from ..ir.location import Location
from ..ir.printer import print_op
from ..ir.types import MemRefType, TensorType
from ..ops.base import tensor
from ..ops.constant import Constant
from ..ops.control import Yield
from ..ops.norm import BatchNorm
from ..ops.pool import MaxPool2D
from ..ops.reduce import Reduce
from ..target import Target
from .body import signless
from .dialect_kern import Alloc, KernCall, KernConstant, Kernel, KernView, describe_buffer
from .dialect_memory import memref
from .files import import_form
from .late_sizes import LateSizes
from .own_types import alike, counted_type, renamed, renamed_type

#: a task should be worth about this long
TASK_NS = 8_000
#: rough speed of one thread, for deciding how much a task is
FLOPS_PER_NS, BYTES_PER_NS = 150, 40
#: for predictions beside those of the cost model
CYCLES_PER_NS = 3


#: turns a group whose anchor is of a class into calls
Form = Callable[["Former", "Group"], None]
FORMS: dict[type[Op], Form] = {}


def forms(*classes: type[Op]) -> Callable[[Form], Form]:
    """Registers how ops of these classes, and of classes derived from them, become kernel calls."""

    def register(f: Form) -> Form:
        FORMS.update(dict.fromkeys(classes, f))
        return f

    return register


def form_of(op: Op) -> Form | None:
    """How an op becomes kernel calls, when anything is registered for its class; the file is imported when its ops
    are first asked for."""
    for c in type(op).__mro__:
        import_form(c.__name__)
        if c in FORMS:
            return FORMS[c]
    return None


def buffer_type(t: TensorType) -> MemRefType:
    """The buffer of a tensor."""
    return MemRefType(t.shape, signless(t.dtype))


@dataclass(eq=False)
class Group:
    """Ops that become one kernel: an anchor and pointwise ops on its result; without anchor all pointwise, and there
    may be several results. With a reduction as anchor: reductions over the same elements, and pointwise ops that make
    what they reduce."""

    ops: list[Op]
    anchor: Op | None
    #: the last op, when the anchor's kernel takes maxima of its finished tiles
    pool: MaxPool2D | None = None

    @property
    def last(self) -> Op:
        return self.ops[-1]

    @property
    def result(self) -> Value:
        return self.last.result

    @property
    def results(self) -> list[Value]:
        """What others need; the last op's result in any case."""
        if self.reductions:
            return [op.result for op in self.reductions]
        if self.anchor is not None:
            return [self.result]
        inside = set(self.ops)
        made = (r for op in self.ops for r in op.results)
        return [r for r in made if r.owner is self.last or any(op not in inside for op, _ in r.uses)]

    @property
    def steps(self) -> list[Op]:
        """The pointwise ops."""
        if self.reductions:
            return [op for op in self.ops if not isinstance(op, Reduce)]
        return [op for op in self.ops if op is not self.anchor and op is not self.pool]

    @property
    def reductions(self) -> list[Reduce]:
        """The reductions, if the anchor is one."""
        return [op for op in self.ops if isinstance(op, Reduce)] if isinstance(self.anchor, Reduce) else []

    @property
    def location(self) -> Location:
        return Location.fused(*(op.location for op in self.ops))

    def inputs(self) -> list[Value]:
        """Values from outside that the pointwise ops, and reductions, use, in order of use; the anchor's result is
        inside."""
        inside = {r for op in self.ops for r in op.results}
        users = self.ops if self.reductions else self.steps
        return list(dict.fromkeys(v for op in users for v in op.operands if v not in inside))


@dataclass
class Place:
    """Where a value is written straight into a larger buffer, which `by` would else copy it to. `make` gives the
    view once, when the value is computed."""

    by: Op
    make: Callable[[], Value]
    buffer: Value | None = None


class Bordered(NamedTuple):
    """A buffer with an image inside: `low` zeros lie in front of it along each spatial dimension."""

    buffer: Value
    low: tuple[int, ...]


class Kernels:
    """The kernels of a module, each once."""

    def __init__(self, module: Op) -> None:
        self.module = module
        #: names by texts, and of kernels without a region by attributes, which say as much sooner
        self.by_key: dict[Hashable, str] = {}
        self.last: Op | None = None

    def share(self, kernel: Kernel) -> str:
        """The name of this kernel or of an equal one that is there already."""
        attributes = "" if kernel.regions else attribute_key(kernel.attributes)
        if attributes in self.by_key:
            return self.by_key[attributes]
        key = print_op(kernel, locations=False, names=False)
        if key not in self.by_key:
            digest = hashlib.sha256(key.encode()).hexdigest()[:8]
            name = f"{kernel.family}_{digest}"
            self.by_key[key] = kernel.attributes["sym_name"] = name
            # in front of everything else; what stood there when this pass began may be gone by now
            body = self.module.body
            self.last = body.insert(kernel, self.last.next if self.last is not None else body.first)
        return self.by_key.setdefault(attributes or key, self.by_key[key])


@dataclass
class Former:
    """Converts the ops of one function. `b` is where calls go, `buffers` maps graph values to buffers."""

    b: Builder
    kernels: Kernels
    target: Target
    buffers: dict[Value, Value] = field(default_factory=dict[Value, Value])
    #: caller's buffers for results of the function
    destinations: dict[Value, Value] = field(default_factory=dict[Value, Value])
    #: values that are written into a part of another buffer
    places: dict[Value, Place] = field(default_factory=dict[Value, Place])
    #: the buffers with borders that images were written into
    borders: dict[Value, Bordered] = field(default_factory=dict[Value, Bordered])
    #: places that may stop with an error, for messages; their numbers go into the error word
    sites: list[str] = field(default_factory=list[str])
    #: variables that the function assigns
    assigned: set[str] = field(default_factory=set[str])
    #: what cannot be compiled, noted so that all of it is told at once
    refused: list[UnsupportedError] = field(default_factory=list[UnsupportedError])
    entry: Block | None = None
    late: LateSizes = field(default_factory=LateSizes)
    #: no algorithms that round otherwise than the definition does
    precise: bool = False

    def buffer(self, v: Value) -> Value:
        """The buffer of a value; a constant gets its one at the beginning of the function, when first used."""
        if v not in self.buffers and isinstance(v.definer, Constant):
            op = v.definer
            made = KernConstant(value=op.value, location=op.location)
            if self.entry is None:
                raise TypeError("no function to put the constant into")
            self.entry.insert(made, self.entry.first)
            made.result.hint = v.hint
            self.buffers[v] = made.result
        return self.buffers[v]

    def assigns(self, variable: str) -> bool:
        return variable in self.assigned

    def base(self, buffer: Value) -> Value:
        """The buffer that a view shows."""
        return buffer.definer.source if isinstance(buffer.definer, KernView) else buffer

    @contextmanager
    def at(self, block: Block) -> Iterator[None]:
        """Calls go to the end of `block` meanwhile."""
        kept = self.b
        self.b = Builder(block, location=kept.location)
        try:
            yield
        finally:
            self.b = kept

    def alloc(self, shape: Sequence[Dim], dtype: DType) -> Value:
        return self.b(Alloc, shape=tuple(shape), dtype=dtype)

    def result(self, v: Value) -> Value:
        """The buffer that a graph value is to be written to."""
        if v not in self.buffers:
            self.buffers[v] = self.destinations.get(v) or self._new_buffer(v)
            if not self.buffers[v].hint:
                self.buffers[v].hint = v.hint
        return self.buffers[v]

    def _new_buffer(self, v: Value) -> Value:
        place = self.places.get(v)
        if place is None:
            t = buffer_type(tensor(v))
            return self.alloc(t.shape, t.dtype)
        place.buffer = place.make()
        return place.buffer

    def is_placed(self, v: Value, by: Op) -> bool:
        """Whether `v` was written to where `by` would copy it."""
        place = self.places.get(v)
        return place is not None and place.by is by and place.buffer is self.buffers.get(v)

    def constant(self, array: Array, name: str, dtype: DType) -> Value:
        return self.b(KernConstant, value=Dense(array, name, dtype))

    def view(self, source: Value, shape: Sequence[Dim], strides: Sequence[Dim], offset: Dim = 0) -> Value:
        """A view; views of views are views of the buffer."""
        if isinstance(source.definer, KernView):
            offset = offset + source.definer.offset
            source = source.definer.source
        return self.b(KernView, source, shape=tuple(shape), strides=tuple(strides), offset=offset)

    def reshaped(self, source: Value, shape: tuple[Dim, ...]) -> Value:
        """A dense buffer under another shape."""
        t = memref(source)
        if t.shape == shape:
            return source
        return self.view(source, shape, MemRefType(shape, t.dtype).element_strides)

    def call(
        self,
        family: str,
        inputs: Sequence[Value],
        outputs: Sequence[Value],
        units: Dim,
        params: dict[str, Any] | None = None,
        algorithm: str = "direct",
        group: Group | None = None,
        unit_cost: tuple[float, float] = (0, 4096),
        cost_of: Sequence[Op] | None = None,
        location: Location | None = None,
        shown: Callable[[Value], Value] | None = None,
        why: Why | None = None,
    ) -> None:
        """Calls a kernel of `family`. With a group its pointwise ops become the kernel's body; their inputs
        follow `inputs`, where given as `shown` makes them of their buffers. `unit_cost` is about (FLOPs,
        bytes) of one unit, `cost_of` what the call is reported to compute: by default the group's ops. `why`
        says what else was considered."""
        extras = group.inputs() if group else []
        given = [self.buffer(v) for v in extras]
        buffers = [*inputs, *(shown(v) if shown else v for v in given)]
        names = _symbols(buffers + list(outputs), params or {}, group)
        env: dict[str, Dim] = {s: Sym.symbol(f"s{i}") for i, s in enumerate(names)}
        plain = family == "pointwise" and not any(
            isinstance(o, BatchNorm) for o in (group.ops if group else ())
        )
        count = alike([memref(v) for v in (*buffers, *outputs)]) if plain else 0
        dims: tuple[Dim, ...] = (count,) if count else tuple(map(Sym.symbol, names))
        as_type = counted_type if count else partial(renamed_type, env=env)
        kernel = Kernel(
            sym_name="",
            family=family,
            algorithm=algorithm,
            reads=tuple(describe_buffer(as_type(memref(v))) for v in buffers),
            writes=tuple(describe_buffer(as_type(memref(v))) for v in outputs),
            symbols=tuple(f"s{i}" for i in range(len(dims))),
            params={k: renamed(v, env) for k, v in (params or {}).items()},
            regions=[Region(_body(group, extras, as_type))]
            if group and (group.steps or group.reductions)
            else [],
        )
        ops = list(cost_of) if cost_of is not None else group.ops if group else []
        total_flops, total_bytes = sum((flops(o) for o in ops), 0), _traffic(ops, group)
        ns = max(unit_cost[0] / FLOPS_PER_NS, unit_cost[1] / BYTES_PER_NS, 0.5)
        where = location or (group.location if group else self.b.location)
        why = why or Why("")
        self.b.create(
            KernCall,
            *buffers,
            *outputs,
            kernel=SymbolRef(self.kernels.share(kernel)),
            dims=dims,
            units=units,
            grain=max(1, round(TASK_NS / ns)),
            flops=total_flops,
            bytes=total_bytes,
            why=why.text,
            cycles=why.cycles or units * max(1, round(ns * CYCLES_PER_NS)),
            error_bound=why.error_bound + _approximated(group.ops if group else ops),
            location=where,
            **({"site": self._site(where)} if (params or {}).get("error") else {}),
        )

    def _site(self, where: Location) -> int:
        return self.add_sites([str(where)])

    def add_sites(self, texts: Sequence[str]) -> int:
        """The number of the first of these places, which follow each other."""
        self.sites += texts
        return len(self.sites) - len(texts)


def _approximated(ops: Sequence[Op]) -> float:
    """The error of ops that stand for others only about, which passes that were asked for it note on them."""
    return max((float(op.attributes.get("error_bound", 0.0)) for op in ops), default=0.0)


def _traffic(ops: Sequence[Op], group: Group | None) -> Dim:
    if group is None or not ops:
        return sum((bytes_moved(o) for o in ops), 0)
    inside = {r for op in ops for r in op.results}
    seen = dict.fromkeys(v for op in ops for v in op.operands if v not in inside)
    return sum((tensor(v).size * tensor(v).dtype.size for v in (*seen, *group.results)), 0)


def _symbols(buffers: Sequence[Value], params: dict[str, Any], group: Group | None) -> list[str]:
    """The symbols a kernel needs, in order of appearance."""
    found: dict[str, None] = {}

    def note(d: Any) -> None:
        if isinstance(d, Sym):
            found.update(dict.fromkeys(sorted(symbols_of(d))))
        elif isinstance(d, tuple):
            for item in d:
                note(item)

    for v in buffers:
        t = memref(v)
        note((*t.shape, *t.element_strides))
    note(tuple(params.values()))
    for op in group.ops if group else ():
        for v in (*op.operands, *op.results):
            note(tensor(v).shape)
    return list(found)


def _body(group: Group, extras: Sequence[Value], as_type: Callable[[Any], Any]) -> Block:
    """The pointwise ops of a group on block arguments: the anchor's result, unless it is a reduction, then the
    extras."""
    heads = [group.anchor.result] if group.anchor and not group.reductions else []
    outside = [*heads, *extras]
    block = Block([as_type(v.type) for v in outside])
    mapping: dict[Value, Value] = dict(zip(outside, block.args, strict=True))
    for op in group.steps:
        copy = op.clone(mapping)
        copy.attributes.pop("requires", None)
        for r in copy.results:
            r.type = as_type(r.type)
            r.hint = ""
        block.insert(copy)
    made = [group.pool.x] if group.pool else [r.x for r in group.reductions] or group.results
    block.insert(Yield(*(mapping[v] for v in made)))
    return block


def refuse(op: Op, why: str) -> UnsupportedError:
    """What cannot be compiled, by name and place."""
    name = op.name.partition(".")[2]
    row = {"op": name, "count": 1, "nodes": [str(op.location)], "reason": why}
    return UnsupportedError(f"{op.name} ({op.location}): {why}", [name], [row])
