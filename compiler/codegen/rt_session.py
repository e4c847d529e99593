"""Sessions: creation, destruction; and the check of the CPU."""

from __future__ import annotations

from ...runtime.abi import STATUS
from ..target import Target
from .native import Function, NativeModule, V, i32, i64
from .rt_own import Own

# a session
BUSY, THREADS, ARENA, CAPACITY, LOG, WEIGHTS = 0, 4, 8, 16, 24, 32
#: weights of so many bytes may stay in a core's caches from one call to the next
_KEPT = (1 << 19, 4 << 20)
# a state: readers, or -1 for one writer; the table of the variables' memory
USERS, PLACES, STATE_SIZE = 0, 8, 64

ERROR = [("ptr", "err"), ("i64", "cap")]


def add_sessions(m: NativeModule, target: Target, own: Own, weights: int) -> None:
    """`nw_session_*`."""
    _weights(m)
    _cpu_ok(m, target)
    _default_threads(m)
    _session(m, target, own, weights)


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


def allocate(f: Function, size: V | int, status_text: str) -> V:
    memory = f.call("aligned_alloc", i64(64), f.value(size))
    with f.when(f.cmp("eq", memory, 0)):
        fail(f, "NOMEM", status_text, f.value(size))
    return memory


def _session(m: NativeModule, target: Target, own: Own, weights: int) -> None:
    f = Function(m, "nw_session_create", "i32", [("i32", "threads"), ("ptr", "session"), *ERROR], True)
    with f.when(f.cmp("eq", f["session"], 0)):
        fail(f, "NULL", "nw_session_create needs a place for the session")
    with f.when(f.cmp("eq", f.call("i1 nw.cpu_ok"), 0)):
        fail(
            f,
            "CPU",
            f"this library was compiled for {target.name}, which this CPU is not; compile it with a lesser --target",
        )
    session = allocate(f, own.session_size, "no memory for a session of %ld bytes")
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
