"""Sessions and states: creation, destruction, parameters by name; and the check of the CPU."""

from __future__ import annotations

from collections.abc import Sequence

from ...runtime.abi import STATUS, TENSOR_DATA, TENSOR_DIMS, TENSOR_DTYPE, TENSOR_RANK
from ..target import Target
from .native import NULL, Function, NativeModule, V, i32, i64
from .rt_own import Own
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

# a session
BUSY, THREADS, ARENA, CAPACITY, LOG, WEIGHTS = 0, 4, 8, 16, 24, 32
#: weights of so many bytes may stay in a core's caches from one call to the next
_KEPT = (1 << 19, 4 << 20)
# a state: readers, or -1 for one writer; the table of the variables' memory
USERS, PLACES, STATE_SIZE = 0, 8, 64

_ERROR = [("ptr", "err"), ("i64", "cap")]


def add_sessions(
    m: NativeModule,
    target: Target,
    variables: Sequence[VariableRow],
    state_bytes: int,
    own: Own,
    weights: int,
) -> None:
    """`nw_session_*` and `nw_state_*`."""
    _weights(m)
    _cpu_ok(m, target)
    _default_threads(m)
    _session(m, target, own, weights)
    table = variable_table(m, variables)
    _state(m, table, len(variables), state_bytes)
    _access(m, table, len(variables), write=False)
    _access(m, table, len(variables), write=True)


def fail(f: Function, status: str, text: str, *args: V) -> None:
    """Writes the sentence and returns the status; `text` is a printf format."""
    with f.when(f.cmp("ne", f["err"], 0)):
        f.call("snprintf", f["err"], f["cap"], f.module.string(text), *args)
    f.ret(i32(STATUS[status]))


def _weights(m: NativeModule) -> None:
    """The segment is reached through a pointer: it may lie further away than code can reach."""
    m.lines.append("@nw_weights = external global i8")
    f = Function(m, "nw.weights", "ptr", [])
    f.ret(V("ptr", "@nw_weights"))
    f.finish()


_FEATURES: dict[str, tuple[tuple[str, int], ...]] = {
    # (register of which cpuid leaf, bits): fma, movbe, osxsave, avx, f16c; avx2, bmi1, bmi2; lzcnt
    "x86-64-v3": (
        ("1c", 1 << 12 | 1 << 22 | 1 << 27 | 1 << 28 | 1 << 29),
        ("7b", 1 << 5 | 1 << 3 | 1 << 8),
        ("ext", 1 << 5),
    ),
    # and avx512f, dq, cd, bw, vl
    "x86-64-v4": (
        ("1c", 1 << 12 | 1 << 22 | 1 << 27 | 1 << 28 | 1 << 29),
        ("7b", 1 << 5 | 1 << 3 | 1 << 8 | 1 << 16 | 1 << 17 | 1 << 28 | 1 << 30 | 1 << 31),
        ("ext", 1 << 5),
    ),
}
_SAVED_STATE = {"x86-64-v3": 0x6, "x86-64-v4": 0xE6}


def _cpu_ok(m: NativeModule, target: Target) -> None:
    """1 when this CPU and the operating system have what the kernels need."""
    f = Function(m, "nw.cpu_ok", "i1", [])
    m.lines.append(
        "define internal i32 @nw.cpuid(i32 %leaf, i32 %register) nounwind {\n"
        '  %all = call { i32, i32, i32, i32 } asm sideeffect "cpuid", '
        '"={ax},={bx},={cx},={dx},{ax},{cx},~{dirflag},~{fpsr},~{flags}"(i32 %leaf, i32 0)\n'
        "  %b = extractvalue { i32, i32, i32, i32 } %all, 1\n"
        "  %c = extractvalue { i32, i32, i32, i32 } %all, 2\n"
        "  %isb = icmp eq i32 %register, 1\n"
        "  %r = select i1 %isb, i32 %b, i32 %c\n"
        "  ret i32 %r\n}"
    )
    m.lines.append(
        "define internal i32 @nw.xgetbv() nounwind {\n"
        '  %all = call { i32, i32 } asm sideeffect "xgetbv", "={ax},={dx},{cx},~{dirflag},~{fpsr},~{flags}"(i32 0)\n'
        "  %r = extractvalue { i32, i32 } %all, 0\n"
        "  ret i32 %r\n}"
    )
    leaves = {"1c": (1, 2), "7b": (7, 1), "ext": (0x80000001 - (1 << 32), 2)}
    for where, bits in _FEATURES.get(target.name, ()):
        leaf, register = leaves[where]
        have = f.call("i32 nw.cpuid", i32(leaf), i32(register))
        signed = bits - (1 << 32) if bits >= 1 << 31 else bits
        with f.when(f.cmp("ne", f.op("and", have, signed), signed)):
            f.ret(V("i1", "false"))
    if target.name in _SAVED_STATE:
        mask = _SAVED_STATE[target.name]
        with f.when(f.cmp("ne", f.op("and", f.call("i32 nw.xgetbv"), mask), mask)):
            f.ret(V("i1", "false"))
    f.ret(V("i1", "true"))
    f.finish()


def _default_threads(m: NativeModule) -> None:
    """NETWRIGHT_THREADS, or the smaller of affinity mask and cgroup quota."""
    f = Function(m, "nw.default_threads", "i32", [])
    given = f.call("getenv", m.string("NETWRIGHT_THREADS"))
    with f.when(f.cmp("ne", given, 0)):
        n = f.call("atoi", given)
        with f.when(f.cmp("sgt", n, 0)):
            f.ret(n)
    mask = f.var("ptr", size=128)
    f.call("memset", mask, i32(0), i64(128))
    f.call("sched_getaffinity", i32(0), i64(128), mask)
    count = f.var("i32", 0)
    with f.each(i64(1024)) as bit:
        byte = f.load("i8", f.at(mask, f.op("lshr", bit, 3)))
        shift = f.convert(f.op("and", bit, 7), "i8")
        on = f.op("and", f.op("lshr", byte, shift), 1)
        f.store(f.op("add", f.load("i32", count), f.convert(on, "i32")), count)
    file = f.call("fopen", m.string("/sys/fs/cgroup/cpu.max"), m.string("r"))
    with f.when(f.cmp("ne", file, 0)):
        quota, period = f.var("i64", 0), f.var("i64", 0)
        got = f.call("fscanf", file, m.string("%ld %ld"), quota, period)
        f.call("fclose", file)
        with f.when(f.cmp("eq", got, 2)), f.when(f.cmp("sgt", f.load("i64", period), 0)):
            whole = f.op("add", f.load("i64", quota), f.op("sub", f.load("i64", period), 1))
            allowed = f.convert(f.op("sdiv", whole, f.load("i64", period)), "i32")
            with f.when(f.cmp("slt", allowed, f.load("i32", count))):
                f.store(allowed, count)
    n = f.load("i32", count)
    f.ret(f.select(f.cmp("slt", n, 1), i32(1), n))
    f.finish()


def _allocate(f: Function, size: V | int, status_text: str) -> V:
    memory = f.call("aligned_alloc", i64(64), f.value(size))
    with f.when(f.cmp("eq", memory, 0)):
        fail(f, "NOMEM", status_text, f.value(size))
    return memory


def _session(m: NativeModule, target: Target, own: Own, weights: int) -> None:
    f = Function(m, "nw_session_create", "i32", [("i32", "threads"), ("ptr", "session"), *_ERROR], True)
    with f.when(f.cmp("eq", f["session"], 0)):
        fail(f, "NULL", "nw_session_create needs a place for the session")
    with f.when(f.cmp("eq", f.call("i1 nw.cpu_ok"), 0)):
        fail(
            f,
            "CPU",
            f"this library was compiled for {target.name}, which this CPU is not; compile it with a lesser --target",
        )
    session = _allocate(f, own.session_size, "no memory for a session of %ld bytes")
    f.call("memset", session, i32(0), i64(own.session_size))
    threads = f.var("i32", f["threads"])
    with f.when(f.cmp("slt", f["threads"], 1)):
        f.store(f.call("i32 nw.default_threads"), threads)
    f.store(f.load("i32", threads), session, THREADS)
    f.store(f.call("ptr nw.weights"), session, WEIGHTS)
    if _KEPT[0] <= weights <= _KEPT[1]:
        # the file's pages are small and lie anywhere in memory: a cache that they would fill holds only part of them
        copy = f.call("ptr nw.block", i64(weights))
        with f.when(f.cmp("ne", copy, 0)):
            f.call("memcpy", copy, f.call("ptr nw.weights"), i64(weights))
            f.store(copy, session, WEIGHTS)
    f.store(session, f["session"])
    f.ret(i32(0))
    f.finish()
    f = Function(m, "nw_session_destroy", "void", [("ptr", "session")], True)
    with f.when(f.cmp("ne", f["session"], 0)):
        f.call("free", f.load("ptr", f["session"], ARENA))
        own.free(f, f["session"])
        if _KEPT[0] <= weights <= _KEPT[1]:
            kept = f.load("ptr", f["session"], WEIGHTS)
            with f.when(f.cmp("ne", kept, f.call("ptr nw.weights"))):
                f.call("free", kept)
        f.call("free", f["session"])
    f.finish()


def _state(m: NativeModule, table: V, count: int, size: int) -> None:
    """A state's table says where each variable lies: behind the table, or where the caller of nw_state_attach
    has it."""
    f = Function(m, "nw_state_create", "i32", [("ptr", "state"), *_ERROR], True)
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
    f = Function(m, "nw_state_attach", "i32", [("ptr", "state"), ("ptr", "memory"), ("i32", "n"), *_ERROR], True)
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
    f = Function(m, "nw_state_copy", "i32", [("ptr", "target"), ("ptr", "source"), *_ERROR], True)
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
    state = _allocate(f, STATE_SIZE, "no memory for a state of %ld bytes")
    places = _allocate(f, -(-max(size, 64) // 64) * 64, "no memory for a state of %ld bytes")
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
    f = Function(m, name, "i32", [("ptr", "state"), ("ptr", "name"), ("ptr", "tensor"), *_ERROR], True)
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
