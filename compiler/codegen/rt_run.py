"""nw_run and nw_infer: arguments checked against the tables, sizes bound to symbols, memory found, kernels run.

Nothing here depends on the model but the tables: every sentence a caller can get is in this file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...runtime.abi import (
    ABI_VERSION,
    FRAME,
    STATUS,
    TENSOR_DATA,
    TENSOR_DIMS,
    TENSOR_DTYPE,
    TENSOR_RANK,
    TENSOR_SIZE,
)
from .native import NULL, Function, NativeModule, V, i32, i64
from .rt_check import add_checks
from .rt_own import Own
from .rt_result import add_results
from .rt_session import ARENA, BUSY, CAPACITY, PLACES, THREADS, USERS, WEIGHTS, fail
from .rt_tables import (
    F_ENTRY,
    F_NAME,
    F_OUT,
    F_OUTPUTS,
    F_PLAN,
    F_REQUIRED,
    F_REQUIRES,
    F_SIZE,
    F_WRITES,
    T_DTYPE,
    T_NAME,
    T_RANK,
    T_SIZE,
    FunctionRow,
    function_table,
)

_ERROR = [("ptr", "err"), ("i64", "cap")]
_CALL = [("i32", "function"), ("ptr", "in"), ("i32", "n_in"), ("ptr", "out"), ("i32", "n_out"), *_ERROR]


def add_run(
    m: NativeModule, rows: Sequence[FunctionRow], sites: Sequence[str], variables: int, own: Own
) -> None:
    """`nw_abi_version`, `nw_run`, `nw_infer`, `nw_result`."""
    f = Function(m, "nw_abi_version", "i32", [], True)
    f.ret(i32(ABI_VERSION))
    f.finish()
    table = function_table(m, rows)
    symbols = max([len(r.symbols) for r in rows] + [1])
    planned = max([1 + sum(len(o.dims) for o in r.outputs) + 3 * len(r.requires) for r in rows] + [1])
    sizes = (8 * symbols, 8 * planned)
    add_checks(m, symbols)
    _plan(m, table, len(rows))
    _infer(m, table, sizes)
    _message(m, sites)
    add_results(m, own, table, len(rows))
    _run(m, table, sizes, variables, own)
    _call(m)


def _plan(m: NativeModule, table: V, count: int) -> None:
    """From function number and inputs to symbols and planned sizes; the row of the function at the end."""
    f = Function(
        m, "nw.prepare", "i32",
        [("i32", "function"), ("ptr", "in"), ("i32", "n_in"), ("ptr", "symbols"), ("ptr", "planned"), *_ERROR],
    )  # fmt: skip
    with f.when(f.cmp("uge", f["function"], count)):
        fail(f, "INDEX", f"there is no function %d: this library has {count}", f["function"])
    row = f.item(table, F_SIZE, f["function"])
    status = f.call("i32 nw.bind", row, f["in"], f["n_in"], f["symbols"], f["err"], f["cap"])
    with f.when(f.cmp("ne", status, 0)):
        f.ret(status)
    f.call_pointer(f.load("ptr", row, F_PLAN), f["symbols"], f["planned"])
    # behind the sizes stand the requirements: left side, right side, whether it holds
    first = f.var("i64", 1)
    with f.each(f.load("i32", row, F_OUTPUTS)) as i:
        rank = f.load("i32", f.item(f.load("ptr", row, F_OUT), T_SIZE, i), T_RANK)
        f.store(f.op("add", f.load("i64", first), f.convert(rank, "i64")), first)
    with f.each(f.load("i64", row, F_REQUIRED)) as i:
        at = f.op("add", f.load("i64", first), f.op("mul", i, 3))
        a, b, holds = (f.load("i64", f.item(f["planned"], 8, f.op("add", at, k))) for k in range(3))
        with f.when(f.cmp("eq", holds, 0)):
            text = f.load("ptr", f.item(f.load("ptr", row, F_REQUIRES), 8, i))
            fail(f, "SHAPE", "the sizes do not fit: %s must hold, here %ld and %ld", text, a, b)
    f.ret(i32(0))
    f.finish()


def _infer(m: NativeModule, table: V, sizes: tuple[int, int]) -> None:
    """Fills rank, dims and dtype of the outputs for given inputs; each dims has room for 8 sizes."""
    f = Function(m, "nw_infer", "i32", _CALL, True)
    symbols, planned = (f.var("ptr", size=s) for s in sizes)
    status = f.call("i32 nw.prepare", f["function"], f["in"], f["n_in"], symbols, planned, f["err"], f["cap"])
    with f.when(f.cmp("ne", status, 0)):
        f.ret(status)
    row = f.item(table, F_SIZE, f["function"])
    with f.when(f.cmp("ne", f["n_out"], f.load("i32", row, F_OUTPUTS))):
        fail(f, "INDEX", "function '%s' gives %d outputs, received %d",
             f.load("ptr", row, F_NAME), f.load("i32", row, F_OUTPUTS), f["n_out"])  # fmt: skip
    at = f.var("i64", 1)
    with f.each(f["n_out"]) as i:
        want, tensor = f.item(f.load("ptr", row, F_OUT), T_SIZE, i), f.item(f["out"], TENSOR_SIZE, i)
        rank = f.convert(f.load("i32", want, T_RANK), "i64")
        f.store(rank, tensor, TENSOR_RANK)
        f.store(f.load("i32", want, T_DTYPE), tensor, TENSOR_DTYPE)
        dims = f.item(planned, 8, f.load("i64", at))
        f.call("memcpy", f.load("ptr", tensor, TENSOR_DIMS), dims, f.op("mul", rank, 8))
        f.store(f.op("add", f.load("i64", at), rank), at)
    f.ret(i32(0))
    f.finish()


_SENTENCES = {
    "INDEX": "an index lies outside of its dimension",
    "ARITH": "an integer is divided by zero, or a matrix has no inverse",
    "LIMIT": "the loop runs more rounds than allowed",
    "SHAPE": "a size that is computed at run time does not fit",
    "NOMEM": "no memory for results whose size is computed at run time",
}


def _message(m: NativeModule, sites: Sequence[str]) -> None:
    """From the error word to status and sentence."""
    m.array("nw.sites", "ptr", [m.string(s) for s in sites])
    f = Function(m, "nw.message", "i32", [("i32", "word"), *_ERROR])
    status, site = f.op("and", f["word"], 255), f.op("lshr", f["word"], 8)
    where = f.load("ptr", f.item(V("ptr", "@nw.sites"), 8, site)) if sites else NULL
    for name, sentence in _SENTENCES.items():
        with f.when(f.cmp("eq", status, STATUS[name])):
            if sites:
                fail(f, name, f"%s: {sentence}", where)
            else:
                fail(f, name, sentence)
    f.ret(status)
    f.finish()


def _run(m: NativeModule, table: V, sizes: tuple[int, int], variables: int, own: Own) -> None:
    f = Function(m, "nw_run", "i32", [("ptr", "session"), ("ptr", "state"), *_CALL], True)
    session, state = f["session"], f["state"]
    with f.when(f.cmp("eq", session, 0)):
        fail(f, "NULL", "nw_run needs a session")
    symbols, planned = (f.var("ptr", size=s) for s in sizes)
    status = f.call("i32 nw.prepare", f["function"], f["in"], f["n_in"], symbols, planned, f["err"], f["cap"])
    with f.when(f.cmp("ne", status, 0)):
        f.ret(status)
    row = f.item(table, F_SIZE, f["function"])
    status = f.call("i32 nw.check_outputs", row, f["out"], f["n_out"], planned, f["err"], f["cap"])
    with f.when(f.cmp("ne", status, 0)):
        f.ret(status)
    _check_overlaps(f, row)
    busy = f.at(session, BUSY)
    with f.when(f.cmp("eq", f.exchange(busy, i32(0), i32(1)), 0)):
        fail(f, "BUSY", "the session is in use by another call; give each thread a session of its own")
    release_state = _take_state(f, row, state, busy) if variables else None
    _grow_arena(f, session, f.load("i64", planned), busy, release_state)
    own.clear_results(f, session)
    word = f.var("i32", -1)
    threads = f.load("i32", session, THREADS)
    team = f.call("ptr nw.team_take", f.op("sub", threads, 1))
    places = f.load("ptr", state, PLACES) if variables else NULL
    floats = f.flush_denormals()
    f.call_pointer(
        f.load("ptr", row, F_ENTRY), f["in"], f["out"], word, f.load("ptr", session, ARENA),
        f.load("ptr", session, WEIGHTS), places, symbols, f.convert(threads, "i64"), team,
        own.tables(f, session),
    )  # fmt: skip
    f.restore_floats(floats)
    f.call("void nw.team_release", team)
    if release_state is not None:
        release_state()
    f.atomic_store(i32(0), busy)
    code = f.load("i32", word)
    with f.when(f.cmp("ne", code, -1)):
        f.ret(f.call("i32 nw.message", code, f["err"], f["cap"]))
    f.ret(i32(0))
    f.finish()


def _call(m: NativeModule) -> None:
    """nw_run with its arguments in a frame; data pointers are taken from where they are kept."""
    f = Function(m, "nw_call", "i32", [("ptr", "frame")], True)
    frame = f["frame"]
    for tensors, count, places in (("inputs", "n_in", "in_at"), ("outputs", "n_out", "out_at")):
        table, at = f.load("ptr", frame, FRAME[tensors]), f.load("ptr", frame, FRAME[places])
        with f.each(f.load("i32", frame, FRAME[count])) as i:
            data = f.load("ptr", f.load("ptr", f.item(at, 8, i)))
            f.store(data, f.item(table, TENSOR_SIZE, i), TENSOR_DATA)
    f.ret(
        f.call(
            "i32 nw_run",
            *(f.load("ptr", frame, FRAME[k]) for k in ("session", "state")),
            f.load("i32", frame, FRAME["function"]),
            f.load("ptr", frame, FRAME["inputs"]),
            f.load("i32", frame, FRAME["n_in"]),
            f.load("ptr", frame, FRAME["outputs"]),
            f.load("i32", frame, FRAME["n_out"]),
            f.load("ptr", frame, FRAME["err"]),
            f.load("i64", frame, FRAME["cap"]),
        )
    )
    f.finish()


def _check_overlaps(f: Function, row: V) -> None:
    """An output must share memory with nothing else."""
    rows = f.load("ptr", row, F_OUT)
    with f.each(f["n_out"]) as i:
        mine = f.item(f["out"], TENSOR_SIZE, i)
        for other, count in (("in", f["n_in"]), ("out", i)):
            with f.each(count) as k:
                theirs = f.item(f[other], TENSOR_SIZE, k)
                with f.when(f.call("i1 nw.overlap", mine, theirs)):
                    name = f.load("ptr", f.item(rows, T_SIZE, i), T_NAME)
                    fail(f, "OVERLAP", f"output '%s' shares memory with {other}put %d", name, k)


def _take_state(f: Function, row: V, state: V, busy: V) -> Callable[[], None]:
    """Shared use for functions that only read variables, exclusive use for those that write."""
    with f.when(f.cmp("eq", state, 0)):
        f.atomic_store(i32(0), busy)
        fail(f, "NULL", "this library has variables: nw_run needs a state")
    users = f.at(state, USERS)
    writes = f.cmp("ne", f.load("i32", row, F_WRITES), 0)

    def refuse() -> None:
        f.atomic_store(i32(0), busy)
        fail(f, "BUSY", "the state is in use by another call")

    with f.when(writes), f.when(f.cmp("eq", f.exchange(users, i32(0), i32(-1)), 0)):
        refuse()
    with f.when(f.cmp("eq", writes, 0)), f.loop():
        now = f.atomic_load("i32", users)
        with f.when(f.cmp("slt", now, 0)):
            refuse()
        f.leave_when(f.exchange(users, now, f.op("add", now, 1)))

    def release() -> None:
        f.either(writes, lambda: f.atomic_store(i32(0), users), lambda: _drop(f, users))

    return release


def _drop(f: Function, users: V) -> None:
    f.atomic("sub", users, i32(1))


def _grow_arena(f: Function, session: V, need: V, busy: V, release_state: Callable[[], None] | None) -> None:
    with f.when(f.cmp("sgt", need, f.load("i64", session, CAPACITY))):
        f.call("free", f.load("ptr", session, ARENA))
        whole = f.op("and", f.op("add", need, 63), -64)
        memory = f.call("ptr nw.block", whole)
        f.store(memory, session, ARENA)
        f.store(whole, session, CAPACITY)
        with f.when(f.cmp("eq", memory, 0)):
            f.store(i64(0), session, CAPACITY)
            if release_state is not None:
                release_state()
            f.atomic_store(i32(0), busy)
            fail(f, "NOMEM", "no memory for %ld bytes of intermediate results", need)
