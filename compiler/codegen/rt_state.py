"""States: creation, destruction, variables by name, files."""

from __future__ import annotations

from collections.abc import Sequence

from ...runtime.abi import TENSOR_DATA, TENSOR_DIMS, TENSOR_DTYPE, TENSOR_RANK
from ...runtime.checkpoint import header
from ...runtime.spec import TensorSpec
from .native import NULL, Function, NativeModule, V, i32, i64
from .rt_session import ERROR, PLACES, STATE_SIZE, USERS, allocate, fail
from .rt_tables import (
    S_BYTES,
    S_DIMS,
    S_DTYPE,
    S_INITIAL,
    S_NAME,
    S_OFFSET,
    S_RANK,
    S_SIZE,
    VariableRow,
    variable_table,
)


def add_states(m: NativeModule, variables: Sequence[VariableRow], size: int) -> None:
    """`nw_state_*` and `nw_variable`."""
    table = variable_table(m, variables)
    _state(m, table, len(variables), size)
    _variable_info(m, table, len(variables))
    _access(m, table, len(variables), write=False)
    _access(m, table, len(variables), write=True)
    text = header([TensorSpec(v.name, v.dims, v.dtype) for v in variables])
    start = m.data("nw.state_header", text)
    _save(m, table, len(variables), start, len(text))
    total = len(text) + sum(v.bytes for v in variables)
    _restore(m, table, len(variables), start, len(text), total)


def _state(m: NativeModule, table: V, count: int, size: int) -> None:
    """A state's table says where each variable lies: behind the table, or where the caller of nw_state_attach
    has it."""
    f = Function(m, "nw_state_create", "i32", [("ptr", "state"), *ERROR], True)
    with f.when(f.cmp("eq", f["state"], 0)):
        fail(f, "NULL", "nw_state_create needs a place for the state")
    head = -(-8 * count // 64) * 64
    state, places = _new_state(f, head + size)
    weights = f.call("ptr nw.weights")
    with f.each(i32(count)) as i:
        row = f.item(table, S_SIZE, i) if count else NULL
        own = f.at(f.at(places, head), f.load("i64", row, S_OFFSET))
        f.store(own, f.item(places, 8, i))
        initial, size_ = f.load("i64", row, S_INITIAL), f.load("i64", row, S_BYTES)
        f.either(
            f.cmp("slt", initial, 0),
            lambda own=own, size_=size_: _do(f.call("memset", own, i32(0), size_)),
            lambda own=own, size_=size_, at=initial: _do(f.call("memcpy", own, f.at(weights, at), size_)),
        )
    f.store(state, f["state"])
    f.ret(i32(0))
    f.finish()
    f = Function(
        m, "nw_state_attach", "i32", [("ptr", "state"), ("ptr", "memory"), ("i32", "n"), *ERROR], True
    )
    with f.when(f.op("or", f.cmp("eq", f["state"], 0), f.cmp("eq", f["memory"], 0))):
        fail(f, "NULL", "nw_state_attach needs a place for the state, and the variables' memory")
    with f.when(f.cmp("ne", f["n"], count)):
        fail(f, "INDEX", f"the library has {count} variables, nw_state_attach was given %d", f["n"])
    state, places = _new_state(f, 8 * count)
    f.call("memcpy", places, f["memory"], i64(8 * count))
    f.store(state, f["state"])
    f.ret(i32(0))
    f.finish()
    f = Function(m, "nw_state_destroy", "void", [("ptr", "state")], True)
    with f.when(f.cmp("ne", f["state"], 0)):
        f.call("free", f.load("ptr", f["state"], PLACES))
        f.call("free", f["state"])
    f.finish()
    f = Function(m, "nw_state_copy", "i32", [("ptr", "target"), ("ptr", "source"), *ERROR], True)
    with f.when(f.op("or", f.cmp("eq", f["target"], 0), f.cmp("eq", f["source"], 0))):
        fail(f, "NULL", "nw_state_copy needs two states")
    with f.when(f.cmp("eq", f.exchange(f.at(f["target"], USERS), i32(0), i32(-1)), 0)):
        fail(f, "BUSY", "the state to copy to is in use")
    with f.each(i32(count)) as i:
        size_ = f.load("i64", f.item(table, S_SIZE, i) if count else NULL, S_BYTES)
        f.call("memcpy", _variable(f, f["target"], i), _variable(f, f["source"], i), size_)
    f.atomic_store(i32(0), f.at(f["target"], USERS))
    f.ret(i32(0))
    f.finish()


def _new_state(f: Function, size: int) -> tuple[V, V]:
    """A state and a table of `size` bytes."""
    state = allocate(f, STATE_SIZE, "no memory for a state of %ld bytes")
    places = allocate(f, -(-max(size, 64) // 64) * 64, "no memory for a state of %ld bytes")
    f.store(i64(0), state, USERS)
    f.store(places, state, PLACES)
    return state, places


def _variable(f: Function, state: V, number: V) -> V:
    """Where a variable lies."""
    return f.load("ptr", f.item(f.load("ptr", state, PLACES), 8, number))


def _do(_: V) -> None:
    """Ends a branch whose value nobody needs."""


def _access(m: NativeModule, table: V, count: int, write: bool) -> None:
    """`nw_state_get` copies a variable into a tensor, `nw_state_set` a tensor into a variable."""
    name = "nw_state_set" if write else "nw_state_get"
    f = Function(m, name, "i32", [("ptr", "state"), ("ptr", "name"), ("ptr", "tensor"), *ERROR], True)
    state, tensor = f["state"], f["tensor"]
    missing = f.op("or", f.cmp("eq", state, 0), f.cmp("eq", tensor, 0))
    with f.when(f.op("or", missing, f.cmp("eq", f["name"], 0))):
        fail(f, "NULL", f"{name} needs a state, a name and a tensor")
    with f.each(i32(count)) as i:
        row = f.item(table, S_SIZE, i) if count else NULL
        with f.when(f.cmp("eq", f.call("strcmp", f["name"], f.load("ptr", row, S_NAME)), 0)):
            _check_variable(f, row)
            with f.when(f.cmp("eq", f.exchange(f.at(state, USERS), i32(0), i32(-1)), 0)):
                fail(f, "BUSY", "the state is in use by another call")
            own = _variable(f, state, i)
            given = f.load("ptr", tensor, TENSOR_DATA)
            pair = (own, given) if write else (given, own)
            f.call("memcpy", *pair, f.load("i64", row, S_BYTES))
            f.atomic_store(i32(0), f.at(state, USERS))
            f.ret(i32(0))
    fail(f, "INDEX", "there is no variable named '%s'", f["name"])
    f.finish()


def _check_variable(f: Function, row: V) -> None:
    tensor = f["tensor"]
    with f.when(f.cmp("eq", f.load("ptr", tensor, TENSOR_DATA), 0)):
        fail(f, "NULL", "variable '%s': the tensor has no data", f["name"])
    with f.when(f.cmp("ne", f.load("i32", tensor, TENSOR_DTYPE), f.load("i32", row, S_DTYPE))):
        fail(f, "DTYPE", "variable '%s': the tensor has another data type", f["name"])
    rank = f.load("i32", row, S_RANK)
    same = f.cmp("eq", f.load("i64", tensor, TENSOR_RANK), f.convert(rank, "i64"))
    with f.when(f.cmp("eq", same, 0)):
        fail(f, "SHAPE", "variable '%s': the tensor has another rank", f["name"])
    with f.each(rank) as k:
        want = f.load("i64", f.item(f.load("ptr", row, S_DIMS), 8, k))
        have = f.load("i64", f.item(f.load("ptr", tensor, TENSOR_DIMS), 8, k))
        with f.when(f.cmp("ne", want, have)):
            fail(
                f,
                "SHAPE",
                "variable '%s': the tensor has size %ld where %ld is expected",
                f["name"],
                have,
                want,
            )


def _variable_info(m: NativeModule, table: V, count: int) -> None:
    """Name, shape and data type of a variable by its number."""
    f = Function(
        m, "nw_variable", "i32", [("i32", "number"), ("ptr", "name"), ("ptr", "tensor"), *ERROR], True
    )
    with f.when(f.op("or", f.cmp("slt", f["number"], 0), f.cmp("sge", f["number"], count))):
        fail(f, "INDEX", f"expected the number of one of {count} variables, received %d", f["number"])
    row = f.item(table, S_SIZE, f["number"]) if count else NULL
    with f.when(f.cmp("ne", f["name"], 0)):
        f.store(f.load("ptr", row, S_NAME), f["name"])
    with f.when(f.cmp("ne", f["tensor"], 0)):
        f.store(f.convert(f.load("i32", row, S_RANK), "i64"), f["tensor"], TENSOR_RANK)
        f.store(f.load("ptr", row, S_DIMS), f["tensor"], TENSOR_DIMS)
        f.store(f.load("i32", row, S_DTYPE), f["tensor"], TENSOR_DTYPE)
    f.ret(i32(0))
    f.finish()


_FILE = [("ptr", "state"), ("ptr", "path"), *ERROR]
_PATH_BYTES = 4096


def _save(m: NativeModule, table: V, count: int, text: V, size: int) -> None:
    """Writes a safetensors file, which appears whole or not at all."""
    f = Function(m, "nw_state_save", "i32", _FILE, True)
    _check_file(f, "nw_state_save")
    part = f.var("ptr", size=_PATH_BYTES)
    used = f.call("snprintf", part, i64(_PATH_BYTES), m.string("%s.%d.part"), f["path"], f.call("getpid"))
    with f.when(f.cmp("sge", used, _PATH_BYTES)):
        fail(f, "FILE", "the path of the state file is too long")
    file = f.call("fopen", part, m.string("wb"))
    with f.when(f.cmp("eq", file, 0)):
        fail(f, "FILE", "cannot write the state file '%s'", f["path"])
    _take(f)
    written = f.var("i64", 0)

    def put(data: V, bytes_: V | int) -> None:
        n = f.call("fwrite", data, i64(1), f.value(bytes_), file)
        short = f.cmp("ne", n, bytes_)
        f.store(f.op("or", f.load("i64", written), f.select(short, i64(1), i64(0))), written)

    put(text, size)
    with f.each(i32(count)) as i:
        put(_variable(f, f["state"], i), f.load("i64", f.item(table, S_SIZE, i) if count else NULL, S_BYTES))
    _give_back(f)
    closed = f.call("fclose", file)
    failed = f.op("or", f.cmp("ne", closed, 0), f.cmp("ne", f.load("i64", written), 0))
    with f.when(failed):
        f.call("remove", part)
        fail(f, "FILE", "cannot write the state file '%s': the disk may be full", f["path"])
    with f.when(f.cmp("ne", f.call("rename", part, f["path"]), 0)):
        f.call("remove", part)
        fail(f, "FILE", "cannot write the state file '%s'", f["path"])
    f.ret(i32(0))
    f.finish()


def _restore(m: NativeModule, table: V, count: int, text: V, size: int, total: int) -> None:
    """Reads a file that nw_state_save wrote for the same variables; the state changes only if it is whole."""
    f = Function(m, "nw_state_restore", "i32", _FILE, True)
    _check_file(f, "nw_state_restore")
    file = f.call("fopen", f["path"], m.string("rb"))
    with f.when(f.cmp("eq", file, 0)):
        fail(f, "FILE", "cannot read the state file '%s'", f["path"])
    found = f.call("aligned_alloc", i64(64), i64(-(-size // 64) * 64))
    same = f.var("i32", 1)
    with f.when(f.cmp("ne", found, 0)):
        n = f.call("fread", found, i64(1), i64(size), file)
        with f.when(f.cmp("eq", n, size)):
            f.store(f.call("memcmp", found, text, i64(size)), same)
        f.call("free", found)
    f.call("fseek", file, i64(0), i32(2))
    length = f.call("ftell", file)
    f.call("fseek", file, i64(size), i32(0))
    other = f.op("or", f.cmp("ne", f.load("i32", same), 0), f.cmp("ne", length, total))
    with f.when(other):
        f.call("fclose", file)
        fail(f, "FILE", "'%s' is no state of this library, or damaged", f["path"])
    with f.when(f.cmp("eq", f.exchange(f.at(f["state"], USERS), i32(0), i32(-1)), 0)):
        f.call("fclose", file)
        fail(f, "BUSY", "the state is in use by another call")
    with f.each(i32(count)) as i:
        bytes_ = f.load("i64", f.item(table, S_SIZE, i) if count else NULL, S_BYTES)
        f.call("fread", _variable(f, f["state"], i), i64(1), bytes_, file)
    _give_back(f)
    f.call("fclose", file)
    f.ret(i32(0))
    f.finish()


def _check_file(f: Function, name: str) -> None:
    with f.when(f.op("or", f.cmp("eq", f["state"], 0), f.cmp("eq", f["path"], 0))):
        fail(f, "NULL", f"{name} needs a state and a path")


def _take(f: Function) -> None:
    with f.when(f.cmp("eq", f.exchange(f.at(f["state"], USERS), i32(0), i32(-1)), 0)):
        fail(f, "BUSY", "the state is in use by another call")


def _give_back(f: Function) -> None:
    f.atomic_store(i32(0), f.at(f["state"], USERS))
