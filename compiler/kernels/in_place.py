"""Variables in place: what a function reads of a variable it assigns, and what it assigns, without copies.

Formed naively, a function that assigns a variable copies it at every read, computes the new value into a buffer of
its own, and copies that into the variable. Here copies go wherever no other use could see the difference:

- a read's, when nothing is written to the variable before the last use of the copy;
- an assignment's, when the variable is used by nobody from where the new value is begun until the copy, but by a
  kernel that computes each element of the value from the variable's element at the same place; and nothing is written
  to the variable before the last use of the new value.

Uses inside of loops and conditionals count as uses by the whole of these.
"""

from __future__ import annotations

from typing import NamedTuple

from ..ir.core import Op, Value
from ..ir.types import MemRefType
from ..ops.builtin import FuncOp
from .dialect_kern import Alloc, BandView, KernCall, KernConstant, Kernel, KernVariable, KernView
from .dialect_memory import MemLoad, memref
from .pool_gradient import is_disjoint

#: a variable's name, or the value that is a buffer
Root = str | Value
#: they touch no memory
PLACES = (Alloc, KernConstant, KernVariable, KernView, BandView)

#: families that read inputs, from this one on, only where they are about to write, if the inputs are of the result's
#: shape
ALIGNED = {"pointwise": 0, "matmul": 2, "gemm": 2}


def reads_where_it_writes(kernel: Kernel, operand: int) -> bool:
    """Whether a kernel reads each element of an input of its result's shape just before it writes that element."""
    if kernel.family == "max_pool_gradient":
        return operand == 0 and is_disjoint(*(kernel.params[k] for k in ("kernel", "strides", "pads")))
    # sums of blocks would wait where the old value is still wanted
    return ALIGNED.get(kernel.family, operand + 1) <= operand and "depth_block" not in kernel.params


class Use(NamedTuple):
    """One operand of an op that touches memory, and which op of the function's own block that happens in."""

    at: Op
    op: Op
    operand: int
    writes: bool

    @property
    def value(self) -> Value:
        return self.op.operands[self.operand]


def assign_in_place(module: Op, func: FuncOp) -> None:
    """Removes copies from and to the variables that `func`, a function of kernel calls, assigns."""
    if not func.attributes.get("kern.writes"):
        return
    plan = _Plan(module, func)
    for op in list(func.body.ops):
        plan.try_read(op)
    for op in list(func.body.ops):
        plan.try_assign(op)


class _Plan:
    def __init__(self, module: Op, func: FuncOp) -> None:
        self.func = func
        self.kernels = {k.sym_name: k for k in module.body.ops if isinstance(k, Kernel)}
        self.order = {op: i for i, op in enumerate(func.body.ops)}
        self.uses: dict[Root, list[Use]] = {}
        for at in func.body.ops:
            for op in at.walk():
                if not isinstance(op, PLACES):
                    self._note(at, op)

    def _note(self, at: Op, op: Op) -> None:
        first_output = len(op.operands)
        if isinstance(op, KernCall):
            first_output = len(self.kernels[op.kernel.name].reads)
        elif not isinstance(op, MemLoad):
            first_output = 0
        for i, v in enumerate(op.operands):
            if isinstance(v.type, MemRefType):
                self.uses.setdefault(root_of(v), []).append(Use(at, op, i, i >= first_output))

    # copies

    def try_read(self, op: Op) -> None:
        """Removes `op` if it copies a variable that stays as it is until the last use of the copy."""
        if not self._is_copy(op) or not isinstance(op.operands[0].definer, KernVariable):
            return
        variable, kept = op.operands
        if not isinstance(kept.definer, Alloc):
            return
        uses = [u for u in self.uses[kept] if u.op is not op]
        end = self._last(uses, op)
        if any(u.writes for u in uses) or self._is_written(variable, self.order[op] + 1, end):
            return
        self._merge(op, kept, variable)

    def try_assign(self, op: Op) -> None:
        """Removes `op` if it copies a value that can as well be computed in the variable's own buffer."""
        if not self._is_copy(op) or not isinstance(op.operands[1].definer, KernVariable):
            return
        source, variable = op.operands
        made = whole_of(source)
        if not isinstance(made.definer, Alloc):
            return
        copied = self.order[op]
        uses = [u for u in self.uses[made] if u.op is not op]
        writers = [u for u in uses if u.writes]
        if not writers or any(self.order[u.at] >= copied for u in writers):
            return
        begin = min(self.order[u.at] for u in uses)
        others = [u for u in self.uses[root_of(variable)] if begin <= self.order[u.at] < copied]
        if any(not self._is_aligned(u, writers) for u in others):
            return
        if self._is_written(variable, copied + 1, self._last(uses, op)):
            return
        self._merge(op, made, variable)

    def _is_copy(self, op: Op) -> bool:
        """Whether `op` copies all of a dense buffer to another one."""
        if not isinstance(op, KernCall) or op.block is not self.func.body:
            return False
        kernel = self.kernels[op.kernel.name]
        if (
            kernel.family != "pointwise"
            or kernel.regions
            or (len(kernel.reads), len(kernel.writes)) != (1, 1)
        ):
            return False
        source, target = (memref(v) for v in op.operands)
        return source == target and _is_dense(source)

    def _last(self, uses: list[Use], op: Op) -> int:
        return max((self.order[u.at] for u in uses), default=self.order[op])

    def _is_written(self, variable: Value, begin: int, end: int) -> bool:
        """Whether anything writes to the variable in these places of the function, both included."""
        uses = self.uses[root_of(variable)]
        return any(u.writes and begin <= self.order[u.at] <= end for u in uses)

    def _is_aligned(self, use: Use, writers: list[Use]) -> bool:
        """Whether a use of the variable reads the elements that the value's only writer computes at their places."""
        if use.writes or len(writers) != 1 or not isinstance(use.op, KernCall):
            return False
        made, kernel = writers[0], self.kernels[use.op.kernel.name]
        if use.op is not made.op or not reads_where_it_writes(kernel, use.operand):
            return False
        return isinstance(use.value.definer, KernVariable) and memref(use.value) == memref(made.value)

    def _merge(self, op: Op, buffer: Value, variable: Value) -> None:
        """The variable takes the place of a buffer, and the copy goes."""
        home, first = variable.definer, self.func.body.first
        if home is None or first is None:
            raise TypeError("a variable's buffer in a function")
        if home is not first:
            home.detach()
            self.func.body.insert(home, first)
        stand_in = variable
        if memref(variable).shape != memref(buffer).shape:
            t = memref(buffer)
            view = KernView(variable, shape=t.shape, strides=t.element_strides, location=op.location)
            stand_in = self.func.body.insert(view, home.next).result
        moved = [u for u in self.uses.pop(buffer) if u.op is not op]
        name = root_of(variable)
        self.uses[name] = [u for u in self.uses[name] if u.op is not op] + moved
        alloc = buffer.definer
        buffer.replace_with(stand_in)
        op.erase()
        if alloc is not None:
            alloc.erase()


def root_of(v: Value) -> Root:
    while isinstance(v.definer, (KernView, BandView)):
        v = v.definer.operands[0]
    return v.definer.variable.name if isinstance(v.definer, KernVariable) else v


def whole_of(v: Value) -> Value:
    """The buffer of which `v` is all, under the same or another shape; else `v`."""
    while isinstance(v.definer, KernView):
        source = v.definer.source
        if not (_is_dense(memref(v)) and _is_dense(memref(source))) or memref(v).size != memref(source).size:
            return v
        v = source
    return v


def _is_dense(t: MemRefType) -> bool:
    return t.offset == 0 and t.element_strides == MemRefType(t.shape, t.dtype).element_strides
