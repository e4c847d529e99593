"""Variables: of a SavedModel, whose values are known. Those that nothing assigns are constants."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...compiler.ir.core import Value
from ...compiler.ops.base import tensor
from ...compiler.ops.elementwise import Add, Sub
from ...compiler.ops.indexing import GatherNd
from ...compiler.ops.shape import Gather
from ...runtime.spec import boolean, i32
from .context import Context
from .flow import variable_key
from .registry import Malformed, Missing, Refused, converts
from .scope import Result, missing_among
from .variables import Handle, Variables

NO_VALUES = (
    "it is a variable, and a graph alone has no values for it: compile the folder of its SavedModel, or "
    "freeze the graph so that variables become constants"
)


def variables(c: Context) -> Variables:
    """The variables of the model at hand. Refused where there are none, which is so for graphs."""
    found = c.importer.variables
    if found is None:
        raise Refused(NO_VALUES)
    return found


@converts("VarHandleOp")
def var_handle(c: Context) -> Result:
    """Of a SavedModel: its values are constants, or if the signature assigns them the state's."""
    variables(c)
    return Handle(c.node.op, c.name, "a use of this variable is not supported", variable_key(c.node))


@converts("Variable", "VariableV2")
def reference_variable(c: Context) -> Value:
    """Of a SavedModel, where the signature does not assign it."""
    known, key = variables(c), variable_key(c.node)
    if key in known.written:
        raise Refused(
            "it is assigned by the outputs, and of such variables only resource variables are supported"
        )
    return known.read(c, key)


@converts("ReadVariableOp", lazy=True)
def read_variable(c: Context, handle: Result) -> Result:
    """The value."""
    if not isinstance(handle, Handle):
        return _no_handle(handle)
    v = variables(c).read(c, handle.variable)
    declared = c.dtype("dtype", tensor(v).dtype)
    if declared != tensor(v).dtype:
        raise Malformed(f"expected a variable of type {declared}, found {tensor(v)}")
    return v


def _no_handle(v: Result) -> Missing:
    if isinstance(v, Missing):
        return v
    raise Malformed(f"expected the handle of a variable, found {tensor(v)}")


@converts("ResourceGather", lazy=True)
def resource_gather(c: Context, handle: Result, indices: Result) -> Result:
    """Rows of a variable, which may share its first axes with the indices."""
    v, at = _value_of(c, handle), c.importer.use(indices)
    if isinstance(v, Missing) or isinstance(at, Missing):
        return v if isinstance(v, Missing) else at
    batch = c.integer("batch_dims", 0)
    return c.make(Gather, v, at, axis=batch, batch_dims=batch)


@converts("ResourceGatherNd", lazy=True)
def resource_gather_nd(c: Context, handle: Result, indices: Result) -> Result:
    """Of a variable, as GatherNd."""
    v, at = _value_of(c, handle), c.importer.use(indices)
    if isinstance(v, Missing) or isinstance(at, Missing):
        return v if isinstance(v, Missing) else at
    return c.make(GatherNd, v, at)


def _value_of(c: Context, handle: Result) -> Result:
    return variables(c).read(c, handle.variable) if isinstance(handle, Handle) else _no_handle(handle)


@converts("VariableShape", lazy=True)
def variable_shape(c: Context, handle: Result) -> Result:
    """The sizes."""
    v = _value_of(c, handle)
    return (
        v if isinstance(v, Missing) else c.dims(tensor(v).shape, (tensor(v).rank,), c.dtype("out_type", i32))
    )


@converts("VarIsInitializedOp", "IsVariableInitialized", lazy=True)
def is_initialized(c: Context, handle: Result) -> Result:
    """True: a SavedModel's variables have values."""
    if isinstance(handle, Missing) and not isinstance(handle, Handle):
        return handle
    return c.constant(np.array(True), boolean)


@converts("DisableCopyOnRead", lazy=True)
def hint(c: Context, handle: Result) -> Sequence[Value]:
    """Left out."""
    return ()


@converts("AssignVariableOp", lazy=True)
def assign_variable(c: Context, handle: Result, x: Result) -> Sequence[Value] | Missing:
    """A new value of the same shape."""
    return _assign(c, handle, x)


@converts("AssignAddVariableOp", lazy=True)
def assign_add(c: Context, handle: Result, x: Result) -> Sequence[Value] | Missing:
    """The value plus another."""
    return _assign(c, handle, x, Add)


@converts("AssignSubVariableOp", lazy=True)
def assign_sub(c: Context, handle: Result, x: Result) -> Sequence[Value] | Missing:
    """The value less another."""
    return _assign(c, handle, x, Sub)


def _assign(
    c: Context, handle: Result, x: Result, update: type[Add | Sub] | None = None
) -> Sequence[Value] | Missing:
    if not isinstance(handle, Handle):
        return _effect_missing(c, _no_handle(handle))
    missing = missing_among([x])
    if missing is not None:
        return _effect_missing(c, missing)
    if not isinstance(x, Value):
        raise Malformed("expected a value to assign")
    known = variables(c)
    try:
        known.assign(
            c, handle.variable, x if update is None else c.make(update, known.read(c, handle.variable), x)
        )
    except Refused as e:
        return _effect_missing(c, Missing(c.node.op, c.name, str(e)))
    return ()


def _effect_missing(c: Context, missing: Missing) -> Missing:
    """Nothing uses the result of an assignment: what is in its way is noted here."""
    c.importer.use(missing)
    return missing
