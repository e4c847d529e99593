"""The variables of a SavedModel while it is imported: their values, and which of them stay variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...compiler.ir.attributes import Dense, SymbolRef
from ...compiler.ir.core import Builder, Op, Value
from ...compiler.ir.types import TensorType
from ...compiler.ops.constant import Constant
from ...compiler.ops.variable import AssignVariable, ReadVariable, Variable
from ...runtime.spec import DType
from .checkpoint import Checkpoint
from .context import Context
from .flow import Restored
from .flow import Value as Origin
from .registry import Missing, Refused
from .tensors import OtherType

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Handle(Missing):
    """What stands for a variable's handle. Ops that know handles look at it; for others it is an obstacle."""

    variable: str = ""


@dataclass
class Variables:
    """`origins` tells what each variable begins as, `written` which ones the signature assigns: these become
    variables of the module, all others constants."""

    origins: Mapping[str, Origin | None]
    checkpoint: Checkpoint | None
    written: frozenset[str] = frozenset()
    values: dict[str, tuple[Array, DType]] = field(default_factory=dict)
    module: Op | None = None
    declared: set[str] = field(default_factory=set[str])

    def value(self, key: str) -> tuple[Array, DType]:
        """The value that a variable begins with. Refused where nothing gives it one."""
        found = self.values.get(key)
        if found is None:
            found = self.values[key] = self._value(key)
        return found

    def _value(self, key: str) -> tuple[Array, DType]:
        origin = self.origins.get(key)
        if origin is None:
            computed = (
                "is computed when the model is loaded" if key in self.origins else "is not in the checkpoint"
            )
            raise Refused(f"the value of variable {key!r} {computed}")
        if not isinstance(origin, Restored):
            if isinstance(origin.dtype, OtherType):
                raise Refused(f"data type {origin.dtype} is not supported")
            return origin.array(), origin.dtype
        if self.checkpoint is None:
            raise Refused(f"the value of variable {key!r} is in a checkpoint that is not there")
        array = self.checkpoint.array(origin.key, origin.slice_text)
        dtype = self.checkpoint.entries[origin.key].dtype
        if isinstance(dtype, OtherType):
            raise Refused(f"data type {dtype} is not supported")
        return array, dtype

    def read(self, c: Context, key: str) -> Value:
        """A variable's present value: a constant, unless the signature assigns it."""
        array, dtype = self.value(key)
        if key not in self.written:
            v = c.builder(Constant, value=Dense(array, key, dtype))
            v.hint = key
            return v
        self._declare(c, key)
        v = c.builder(ReadVariable, variable=SymbolRef(key), type=TensorType(tuple(array.shape), dtype))
        v.hint = key
        return v

    def assign(self, c: Context, key: str, x: Value) -> None:
        """Gives a variable another value, which later reads see."""
        array, dtype = self.value(key)
        kind = TensorType(tuple(array.shape), dtype)
        if x.type != kind:
            raise Refused(f"variable {key!r} of type {kind} is assigned a value of type {x.type}")
        self._declare(c, key)
        c.builder.create(AssignVariable, x, variable=SymbolRef(key))

    def _declare(self, c: Context, key: str) -> None:
        """The variable's declaration, in front of the module's function."""
        module = c.importer.module
        if module is not self.module:
            self.module, self.declared = module, set()
        if module is None or key in self.declared:
            return
        self.declared.add(key)
        array, dtype = self.value(key)
        builder = Builder(module.body, module.body.first)
        builder.create(Variable, sym_name=key, value=Dense(array, key, dtype))
