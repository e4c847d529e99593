"""Variables: named arrays that computations read and assign."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...compiler.ir.attributes import Array
from ...compiler.ir.types import TensorType
from ...runtime.errors import DTypeError, InputError, ShapeError
from . import evaluate, nodes
from .nodes import Read, Ref
from .regions import RegionTrace
from .stop import stop_gradient
from .storage import Storage
from .tensor import Operators, Tensor, TensorLike, as_dtype, convert

_made = [0]


class Variable(Operators):
    """A tensor that keeps its value until it is assigned another of the same shape and data type.

    `initializer`: the first value, or a function of (shape, dtype) that gives it. `trainable` variables are
    watched by tapes. Assignments take effect in order; they are computed when a value is asked for.
    """

    #: how often any variable was assigned outside of compiled functions
    assignments = 0

    def __init__(
        self,
        initializer: TensorLike | Callable[..., Any],
        shape: Sequence[int] | None = None,
        dtype: Any = None,
        trainable: bool = True,
        name: str | None = None,
    ) -> None:
        wanted = None if dtype is None else as_dtype(dtype)
        if callable(initializer) and not isinstance(initializer, (Tensor, Variable)):
            if shape is None:
                raise InputError("expected a shape for a variable whose initializer is a function")
            value = initializer(tuple(shape), dtype=(wanted or as_dtype(float)).tf_name)
        else:
            value = initializer
        with nodes.tracing(None):
            array = convert(value, wanted).numpy()
        if shape is not None and tuple(shape) != array.shape:
            raise ShapeError(f"expected an initial value of shape {tuple(shape)}, received {array.shape}")
        _made[0] += 1
        self.name = name or f"variable_{_made[0]}"
        #: where it belongs in a model: the layers' names and its own
        self.path = self.name
        self.trainable = trainable
        self.type = TensorType(array.shape, as_dtype(array.dtype))
        self.storage = Storage(self.type)
        self.storage.array[...] = array
        #: a new value that is not computed yet
        self.awaited: Ref | None = None
        self._read: weakref.ref[Read] | None = None
        #: how often it was assigned outside of compiled functions
        self.version = 0
        self.constraint: Any = None
        self.regularizer: Any = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.storage.array.shape

    @property
    def dtype(self) -> str:
        return self.type.dtype.tf_name

    @property
    def ndim(self) -> int:
        return self.storage.array.ndim

    @property
    def last_read(self) -> Read | None:
        """The node for its present value, while somebody uses that."""
        return self._read() if self._read is not None else None

    def settled(self) -> None:
        """Its storage holds the new value."""
        self.awaited = self._read = None

    def __tensor__(self) -> Tensor:
        return self.value

    @property
    def value(self) -> Tensor:
        """Its value as a tensor; later assignments do not change that."""
        trace = nodes.current_trace()
        if trace is not None:
            return self._traced(trace)
        if self.awaited is not None:
            evaluate.settle()
        read = self.last_read
        if read is None:
            read = Read(self)
            self._read = weakref.ref(read)
            nodes.live_reads.add(read)
        return self._recorded(read)

    def _recorded(self, read: nodes.Node) -> Tensor:
        for r in nodes.recorders:
            r.record_read(self, read)
        return Tensor(read)

    def _traced(self, trace: nodes.Trace) -> Tensor:
        if self in trace.updates:
            return self._reread(trace, trace.updates[self])
        if isinstance(trace, RegionTrace):
            with trace.outside():
                return self.value
        if self not in trace.reads:
            trace.reads[self] = Read(self)
        return self._recorded(trace.reads[self])

    def _reread(self, trace: nodes.Trace, assigned: Ref) -> Tensor:
        """What was assigned before in the same function. Gradients end there: they are the variable's, and not those of
        what its new value was computed from, as where the function is not traced."""
        if not self.type.dtype.is_float:
            return Tensor(*assigned)
        found = trace.rereads.setdefault(self, [])
        if not found or found[-1][0] != assigned:
            found.append((assigned, stop_gradient(Tensor(*assigned)).node))
        return self._recorded(found[-1][1])

    def read_value(self) -> Tensor:
        return self.value

    def numpy(self) -> Array:
        """A copy of its value."""
        if nodes.current_trace() is not None:
            raise InputError(f"variable {self.name!r} has no value in a function that is being traced")
        evaluate.settle()
        return self.storage.array.copy()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        value = self.numpy()
        return value.astype(dtype) if dtype is not None and value.dtype != dtype else value

    def assign(self, value: TensorLike) -> Variable:
        """Gives it a new value of its shape and data type."""
        trace = nodes.current_trace()
        if trace is None and not isinstance(value, (Tensor, Variable)):
            self._set(np.asarray(value))
            return self
        new = convert(value)
        if new.type.dtype != self.type.dtype:
            if new.type.dtype.is_float and not self.type.dtype.is_float:
                raise DTypeError(f"variable {self.name!r}: expected {self.dtype}, received {new.dtype}")
            new = convert(new, self.type.dtype)
        if new.type.shape != self.type.shape:
            raise ShapeError(f"variable {self.name!r}: expected shape {self.shape}, received {new.shape}")
        if trace is not None:
            if isinstance(trace, RegionTrace):
                trace.check_assigns(self.name)
            trace.updates[self] = new.ref
            return self
        self._changed()
        self.awaited = new.ref
        evaluate.unsettled[self] = None
        return self

    def _changed(self) -> None:
        self.version += 1
        Variable.assignments += 1

    def _set(self, array: Array) -> None:
        if array.shape != self.shape:
            raise ShapeError(f"variable {self.name!r}: expected shape {self.shape}, received {array.shape}")
        self._changed()
        with evaluate.lock:
            evaluate.rescue(self)
            self.storage.array[...] = array.astype(self.type.dtype.numpy)
            self.settled()

    def assign_add(self, value: TensorLike) -> Variable:
        return self.assign(self.value + value)

    def assign_sub(self, value: TensorLike) -> Variable:
        return self.assign(self.value - value)

    def __float__(self) -> float:
        return float(self.numpy())

    def __int__(self) -> int:
        return int(self.numpy())

    def __bool__(self) -> bool:
        return bool(self.numpy())

    def __len__(self) -> int:
        return len(self.storage.array)

    def __iter__(self) -> Any:
        return iter(self.value)

    def __repr__(self) -> str:
        if nodes.current_trace() is not None:
            return f"<Variable {self.path!r} {self.shape} {self.dtype}>"
        return f"<Variable {self.path!r} {self.shape} {self.dtype}: {np.array2string(self.numpy(), threshold=20)}>"
