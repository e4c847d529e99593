"""nw_run and nw_infer: arguments checked against the tables, sizes bound to symbols, memory found, kernels run.

Nothing here depends on the model but the tables: every sentence a caller can get is in this file.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...runtime.abi import (
    ABI_VERSION,
    MAX_RANK,
    STATUS,
    TENSOR_DATA,
    TENSOR_DIMS,
    TENSOR_DTYPE,
    TENSOR_RANK,
    TENSOR_SIZE,
)
from ...runtime.spec import DTYPES
from .native import NULL, Function, NativeModule, V, i32, i64
from .rt_session import ARENA, BUSY, CAPACITY, DATA, THREADS, USERS, fail
from .rt_tables import (
    F_ENTRY,
    F_IN,
    F_INPUTS,
    F_NAME,
    F_OUT,
    F_OUTPUTS,
    F_PLAN,
    F_REQUIRED,
    F_REQUIRES,
    F_SIZE,
    F_WRITES,
    T_DIMS,
    T_DTYPE,
    T_NAME,
    T_RANK,
    T_SIZE,
    FunctionRow,
    function_table,
)

_ERROR = [("ptr", "err"), ("i64", "cap")]
_CALL = [("i32", "function"), ("ptr", "in"), ("i32", "n_in"), ("ptr", "out"), ("i32", "n_out"), *_ERROR]
TEXT_BYTES = 256


def add_run(m: NativeModule, rows: Sequence[FunctionRow], sites: Sequence[str], variables: int) -> None:
    """`nw_abi_version`, `nw_run`, `nw_infer`."""
    f = Function(m, "nw_abi_version", "i32", [], True)
    f.ret(i32(ABI_VERSION))
    f.finish()
    table = function_table(m, rows)
    m.array("nw.dtype_names", "ptr", [m.string("no data type"), *(m.string(d.tf_name) for d in DTYPES)])
    m.array("nw.dtype_sizes", "i64", [i64(0), *(i64(d.size) for d in DTYPES)])
    symbols = max([len(r.symbols) for r in rows] + [1])
    planned = max([1 + sum(len(o.dims) for o in r.outputs) + 2 * len(r.requires) for r in rows] + [1])
    sizes = (8 * symbols, 8 * planned)
    _shape_text(m)
    _tensor_error(m)
    _bind(m, symbols)
    _plan(m, table, len(rows))
    _check_outputs(m)
    _elements(m)
    _overlap(m)
    _infer(m, table, sizes)
    _message(m, sites)
    _run(m, table, sizes, variables)


def _shape_text(m: NativeModule) -> None:
    """Writes a shape as `[?, 784]`: negative sizes are symbols."""
    f = Function(m, "nw.shape_text", "ptr", [("ptr", "text"), ("ptr", "dims"), ("i64", "rank")])
    used = f.var("i64", 0)

    def put(fmt: str, *args: V) -> None:
        at = f.load("i64", used)
        n = f.call("snprintf", f.at(f["text"], at), f.op("sub", i64(TEXT_BYTES), at), m.string(fmt), *args)
        f.store(f.op("add", at, f.convert(n, "i64")), used)

    put("[")
    rank = f.select(f.cmp("slt", f["rank"], MAX_RANK), f["rank"], i64(MAX_RANK))
    with f.each(rank) as i:
        with f.when(f.cmp("ne", i, 0)):
            put(", ")
        d = f.load("i64", f.item(f["dims"], 8, i))
        f.either(f.cmp("slt", d, 0), lambda: put("?"), lambda: put("%ld", d))
    put("]")
    f.ret(f["text"])
    f.finish()


def _tensor_error(m: NativeModule) -> None:
    """SHAPE: `input 'x': expected shape [?, 784], received [3, 7]`."""
    f = Function(
        m, "nw.shape_error", "i32",
        [("ptr", "kind"), ("ptr", "row"), ("ptr", "want"), ("ptr", "tensor"), *_ERROR],
    )  # fmt: skip
    rank = f.convert(f.load("i32", f["row"], T_RANK), "i64")
    want = f.call("ptr nw.shape_text", f.var("ptr", size=TEXT_BYTES), f["want"], rank)
    have = f.call(
        "ptr nw.shape_text",
        f.var("ptr", size=TEXT_BYTES),
        f.load("ptr", f["tensor"], TENSOR_DIMS),
        f.load("i64", f["tensor"], TENSOR_RANK),
    )
    fail(
        f,
        "SHAPE",
        "%s '%s': expected shape %s, received %s",
        f["kind"],
        f.load("ptr", f["row"], T_NAME),
        want,
        have,
    )
    f.finish()


def _check_tensor(f: Function, row: V, tensor: V, kind: str) -> None:
    """dtype, and dims when there is a rank."""
    name = f.load("ptr", row, T_NAME)
    dtype, want = f.load("i32", tensor, TENSOR_DTYPE), f.load("i32", row, T_DTYPE)
    with f.when(f.cmp("ne", dtype, want)):
        known = f.cmp("ult", dtype, len(DTYPES) + 1)
        code = f.select(known, dtype, i32(0))
        names = V("ptr", "@nw.dtype_names")
        fail(
            f, "DTYPE", f"{kind} '%s': expected %s, received %s", name,
            f.load("ptr", f.item(names, 8, want)), f.load("ptr", f.item(names, 8, code)),
        )  # fmt: skip
    ranked = f.cmp("ne", f.load("i64", tensor, TENSOR_RANK), 0)
    with f.when(ranked), f.when(f.cmp("eq", f.load("ptr", tensor, TENSOR_DIMS), 0)):
        fail(f, "NULL", f"{kind} '%s': dims is a null pointer", name)


def _bind(m: NativeModule, symbols: int) -> None:
    """Checks the inputs and finds the symbols' values."""
    f = Function(
        m, "nw.bind", "i32", [("ptr", "row"), ("ptr", "in"), ("i32", "n_in"), ("ptr", "symbols"), *_ERROR]
    )
    row, count = f["row"], f.load("i32", f["row"], F_INPUTS)
    with f.when(f.cmp("ne", f["n_in"], count)):
        fail(
            f,
            "INDEX",
            "function '%s' takes %d inputs, received %d",
            f.load("ptr", row, F_NAME),
            count,
            f["n_in"],
        )
    with f.when(f.cmp("sgt", count, 0)), f.when(f.cmp("eq", f["in"], 0)):
        fail(f, "NULL", "the inputs are a null pointer")
    with f.each(i32(symbols)) as s:
        f.store(i64(-1), f.item(f["symbols"], 8, s))
    with f.each(count) as i:
        want, tensor = f.item(f.load("ptr", row, F_IN), T_SIZE, i), f.item(f["in"], TENSOR_SIZE, i)
        _check_tensor(f, want, tensor, "input")
        dims = f.load("ptr", want, T_DIMS)
        kind = m.string("input")
        rank = f.load("i32", want, T_RANK)
        error = [kind, want, dims, tensor, f["err"], f["cap"]]
        with f.when(f.cmp("ne", f.load("i64", tensor, TENSOR_RANK), f.convert(rank, "i64"))):
            f.ret(f.call("i32 nw.shape_error", *error))
        with f.each(rank) as k:
            d = f.load("i64", f.item(dims, 8, k))
            have = f.load("i64", f.item(f.load("ptr", tensor, TENSOR_DIMS), 8, k))
            with f.when(f.cmp("slt", have, 0)):
                f.ret(f.call("i32 nw.shape_error", *error))
            symbolic = f.cmp("slt", d, 0)
            with f.when(f.cmp("eq", symbolic, 0)), f.when(f.cmp("ne", d, have)):
                f.ret(f.call("i32 nw.shape_error", *error))
            with f.when(symbolic):
                slot = f.item(f["symbols"], 8, f.op("sub", i64(-1), d))
                bound = f.load("i64", slot)
                with f.when(f.cmp("slt", bound, 0)):
                    f.store(have, slot)
                with f.when(f.cmp("sge", bound, 0)), f.when(f.cmp("ne", bound, have)):
                    fail(
                        f, "SHAPE",
                        "input '%s': dimension %d is %ld, but another dimension of the same size is %ld",
                        f.load("ptr", want, T_NAME), k, have, bound,
                    )  # fmt: skip
        missing = f.cmp("eq", f.load("ptr", tensor, TENSOR_DATA), 0)
        with f.when(missing), f.when(f.cmp("ne", f.call("i64 nw.bytes", tensor), 0)):
            fail(f, "NULL", "input '%s': data is a null pointer", f.load("ptr", want, T_NAME))
    f.ret(i32(0))
    f.finish()


def _elements(m: NativeModule) -> None:
    """Bytes of a tensor."""
    f = Function(m, "nw.bytes", "i64", [("ptr", "tensor")])
    tensor = f["tensor"]
    size = f.load("i64", f.item(V("ptr", "@nw.dtype_sizes"), 8, f.load("i32", tensor, TENSOR_DTYPE)))
    total = f.var("i64", size)
    with f.each(f.load("i64", tensor, TENSOR_RANK)) as k:
        d = f.load("i64", f.item(f.load("ptr", tensor, TENSOR_DIMS), 8, k))
        f.store(f.op("mul", f.load("i64", total), d), total)
    f.ret(f.load("i64", total))
    f.finish()


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
    # behind the sizes stand the pairs that must be equal
    first = f.var("i64", 1)
    with f.each(f.load("i32", row, F_OUTPUTS)) as i:
        rank = f.load("i32", f.item(f.load("ptr", row, F_OUT), T_SIZE, i), T_RANK)
        f.store(f.op("add", f.load("i64", first), f.convert(rank, "i64")), first)
    with f.each(f.load("i64", row, F_REQUIRED)) as i:
        at = f.op("add", f.load("i64", first), f.op("mul", i, 2))
        a = f.load("i64", f.item(f["planned"], 8, at))
        b = f.load("i64", f.item(f["planned"], 8, f.op("add", at, 1)))
        with f.when(f.cmp("ne", a, b)):
            text = f.load("ptr", f.item(f.load("ptr", row, F_REQUIRES), 8, i))
            fail(f, "SHAPE", "sizes that must be equal differ: %s, here %ld and %ld", text, a, b)
    f.ret(i32(0))
    f.finish()


def _check_outputs(m: NativeModule) -> None:
    """The caller's output tensors against the planned sizes."""
    f = Function(
        m,
        "nw.check_outputs",
        "i32",
        [("ptr", "row"), ("ptr", "out"), ("i32", "n_out"), ("ptr", "planned"), *_ERROR],
    )
    row, count = f["row"], f.load("i32", f["row"], F_OUTPUTS)
    with f.when(f.cmp("ne", f["n_out"], count)):
        fail(
            f,
            "INDEX",
            "function '%s' gives %d outputs, received %d",
            f.load("ptr", row, F_NAME),
            count,
            f["n_out"],
        )
    with f.when(f.cmp("sgt", count, 0)), f.when(f.cmp("eq", f["out"], 0)):
        fail(f, "NULL", "the outputs are a null pointer")
    at = f.var("i64", 1)
    with f.each(count) as i:
        want, tensor = f.item(f.load("ptr", row, F_OUT), T_SIZE, i), f.item(f["out"], TENSOR_SIZE, i)
        _check_tensor(f, want, tensor, "output")
        rank = f.convert(f.load("i32", want, T_RANK), "i64")
        dims = f.item(f["planned"], 8, f.load("i64", at))
        error = [m.string("output"), want, dims, tensor, f["err"], f["cap"]]
        with f.when(f.cmp("ne", f.load("i64", tensor, TENSOR_RANK), rank)):
            f.ret(f.call("i32 nw.shape_error", *error))
        with f.each(rank) as k:
            have = f.load("i64", f.item(f.load("ptr", tensor, TENSOR_DIMS), 8, k))
            with f.when(f.cmp("ne", have, f.load("i64", f.item(dims, 8, k)))):
                f.ret(f.call("i32 nw.shape_error", *error))
        missing = f.cmp("eq", f.load("ptr", tensor, TENSOR_DATA), 0)
        with f.when(missing), f.when(f.cmp("ne", f.call("i64 nw.bytes", tensor), 0)):
            fail(f, "NULL", "output '%s': data is a null pointer", f.load("ptr", want, T_NAME))
        f.store(f.op("add", f.load("i64", at), rank), at)
    f.ret(i32(0))
    f.finish()


def _overlap(m: NativeModule) -> None:
    """1 when two tensors share memory."""
    f = Function(m, "nw.overlap", "i1", [("ptr", "a"), ("ptr", "b")])
    a, b = f.load("i64", f["a"], TENSOR_DATA), f.load("i64", f["b"], TENSOR_DATA)
    end_a, end_b = (
        f.op("add", a, f.call("i64 nw.bytes", f["a"])),
        f.op("add", b, f.call("i64 nw.bytes", f["b"])),
    )
    f.ret(f.op("and", f.cmp("ult", a, end_b), f.cmp("ult", b, end_a)))
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
    "ARITH": "an integer is divided by zero",
    "LIMIT": "the loop runs more rounds than allowed",
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


def _run(m: NativeModule, table: V, sizes: tuple[int, int], variables: int) -> None:
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
    word = f.var("i32", -1)
    threads = f.load("i32", session, THREADS)
    team = f.call("ptr nw.team_take", f.op("sub", threads, 1))
    data = f.load("ptr", state, DATA) if variables else NULL
    f.call_pointer(
        f.load("ptr", row, F_ENTRY), f["in"], f["out"], word, f.load("ptr", session, ARENA),
        f.call("ptr nw.weights"), data, symbols, f.convert(threads, "i64"), team,
    )  # fmt: skip
    f.call("void nw.team_release", team)
    if release_state is not None:
        release_state()
    f.atomic_store(i32(0), busy)
    code = f.load("i32", word)
    with f.when(f.cmp("ne", code, -1)):
        f.ret(f.call("i32 nw.message", code, f["err"], f["cap"]))
    f.ret(i32(0))
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


def _take_state(f: Function, row: V, state: V, busy: V):  # type: ignore[no-untyped-def]
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


def _grow_arena(f: Function, session: V, need: V, busy: V, release_state) -> None:  # type: ignore[no-untyped-def]
    with f.when(f.cmp("sgt", need, f.load("i64", session, CAPACITY))):
        f.call("free", f.load("ptr", session, ARENA))
        whole = f.op("and", f.op("add", need, 63), -64)
        memory = f.call("aligned_alloc", i64(64), whole)
        f.store(memory, session, ARENA)
        f.store(whole, session, CAPACITY)
        with f.when(f.cmp("eq", memory, 0)):
            f.store(i64(0), session, CAPACITY)
            if release_state is not None:
                release_state()
            f.atomic_store(i32(0), busy)
            fail(f, "NOMEM", "no memory for %ld bytes of intermediate results", need)
