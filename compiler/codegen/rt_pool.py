"""The thread pool, as LLVM functions: one pool a process, shared by all compiled libraries in it.

`nw_pool_v2` is a unique symbol: the dynamic linker gives every library the same storage, also when libraries are
loaded privately. A caller takes a team and the workers that are idle; it never waits for a worker that has not
begun: it works on the tasks itself, closes the region when they run out, and waits only for tasks in progress.
Each member of a team has a slot, the same in all regions of a call, and begins with the slot's share of the tasks,
whose data its caches may still hold; then it takes what is left of the others'.
A region is one 64-bit word: epoch, a closed bit, and the number of workers inside, so that a late worker cannot
enter a region that is over.
"""

from __future__ import annotations

from .native import NULL, Function, NativeModule, V, i32, i64

MAX_WORKERS = 63
TEAMS = 32

# the pool
PID, WORKERS, LOCK, EPOCH, ENTRY, ALONE_UNTIL = 0, 4, 8, 16, 24, 32
# a team's share of each slot begins a cache line of its own: next task, end
SHARES_AT, SHARE_SIZE = 192, 64
TEAM_AT, TEAM_SIZE = 256, SHARES_AT + (MAX_WORKERS + 1) * SHARE_SIZE
WORKER_AT, WORKER_SIZE = TEAM_AT + TEAMS * TEAM_SIZE, 64
POOL_BYTES = WORKER_AT + MAX_WORKERS * WORKER_SIZE
# a team
OWNER, REGION, BODY, FRAME, MEMBERS, PROCESSOR, MEMBER_AT = 0, 8, 16, 24, 40, 48, 128
# a worker; its mail is a team's number counted from 1, and above SLOT_BIT its slot
SLOT_BIT = 16
MAIL, ASLEEP, SEEN = 0, 4, 8

CLOSED = 1 << 31
SPIN_ROUNDS = 20000
#: ticks of the cycle counter, about 0.2 and 25 milliseconds: a worker that keeps a caller waiting so much longer than
#: the caller's own tasks took has lost its processor; then all work alone for a while
GRACE, BACKOFF = 1 << 19, 1 << 26
#: nanoseconds for which a caller then sleeps at a time: the worker may have its processor
NAP = 50_000
FUTEX, FUTEX_WAIT, FUTEX_WAKE = 202, 128, 129
RTLD_LAZY, RTLD_NOLOAD, RTLD_NODELETE = 1, 4, 0x1000
POOL = V("ptr", "@nw_pool_v2")


def declare_pool(m: NativeModule) -> list[str]:
    """Module-level text: the pool's storage as a unique symbol, which LLVM has no linkage for."""
    return [
        f"@nw_pool_v2 = external global [{POOL_BYTES} x i8]",
        'module asm ".bss"',
        'module asm ".p2align 6"',
        'module asm ".type nw_pool_v2, @gnu_unique_object"',
        f'module asm "nw_pool_v2: .zero {POOL_BYTES}"',
        f'module asm ".size nw_pool_v2, {POOL_BYTES}"',
    ]


def add_pool(m: NativeModule) -> None:
    """`nw.parallel`, `nw.team_take`, `nw.team_release` and what they need."""
    m.lines.append("declare i64 @llvm.readcyclecounter()")
    _run_tasks(m)
    _worker(m)
    _stay(m)
    _add_worker(m)
    _begin(m)
    _take(m)
    _release(m)
    _parallel(m)


def _run_tasks(m: NativeModule) -> None:
    """Takes tasks of a team's region until there are none: those of the slot's own share, then the others'."""
    f = Function(m, "nw.run_tasks", "void", [("ptr", "team"), ("i32", "slot")])
    team, slot = f["team"], f["slot"]
    body, frame = f.load("ptr", team, BODY), f.load("ptr", team, FRAME)
    slots = f.op("add", f.load("i32", team, MEMBERS), 1)
    whose = f.var("i32", slot)
    with f.each(slots):
        share = _share(f, team, f.load("i32", whose))
        end = f.load("i64", share, 8)
        with f.loop():
            i = f.atomic("add", share, i64(1))
            f.leave_when(f.cmp("sge", i, end))
            f.call_pointer(body, frame, i, f.convert(slot, "i64"))
        following = f.op("add", f.load("i32", whose), 1)
        f.store(f.select(f.cmp("eq", following, slots), i32(0), following), whose)
    f.finish()


def _share(f: Function, team: V, slot: V) -> V:
    return f.item(f.at(team, i64(SHARES_AT)), SHARE_SIZE, slot)


def _worker(m: NativeModule) -> None:
    """A worker's life: spin on its mail, enter open regions, sleep after about a millisecond without one."""
    f = Function(m, "nw.worker", "ptr", [("ptr", "worker")])
    worker = f["worker"]
    f.flush_denormals()
    spins = f.var("i32", 0)
    with f.loop():
        entered = f.var("i1", V("i1", "false"))
        mail = f.atomic_load("i32", f.at(worker, MAIL))
        with f.when(f.cmp("ne", mail, 0)):
            number = f.op("and", mail, (1 << SLOT_BIT) - 1)
            team = f.item(f.at(POOL, TEAM_AT), TEAM_SIZE, f.op("sub", number, 1))
            word = f.at(team, REGION)
            _make_way(f, team, spins)
            seen = f.atomic_load("i64", word)
            epoch = f.op("lshr", seen, 32)
            closed = f.op("and", seen, CLOSED)
            fresh = f.cmp("ne", epoch, f.load("i64", worker, SEEN))
            with (
                f.when(fresh),
                f.when(f.cmp("eq", closed, 0)),
                f.when(f.exchange(word, seen, f.op("add", seen, 1))),
            ):
                f.store(epoch, worker, SEEN)
                f.call("void nw.run_tasks", team, f.op("lshr", mail, SLOT_BIT))
                f.atomic("sub", word, i64(1))
                f.store(i32(0), spins)
                f.store(V("i1", "true"), entered)
        with f.when(f.cmp("eq", f.load("i1", entered), 0)):
            f.pause()
            n = f.op("add", f.load("i32", spins), 1)
            f.store(n, spins)
            with f.when(f.cmp("sgt", n, SPIN_ROUNDS)):
                asleep = f.at(worker, ASLEEP)
                f.atomic_store(i32(1), asleep)
                # a caller that saw us awake just now does not wake us, does the region alone, and wakes us for the next
                f.call("syscall", i64(FUTEX), asleep, i32(FUTEX_WAIT), i32(1), NULL)
                f.atomic_store(i32(0), asleep)
                f.store(i32(0), spins)
    f.finish()


def _make_way(f: Function, team: V, spins: V) -> None:
    """A worker on its caller's own processor, because another process has the rest, is in its way: it goes to sleep,
    and the caller works alone for a while."""
    often = f.op("and", f.load("i32", spins), 63)
    with f.when(f.cmp("eq", often, 0)):
        here = f.call("sched_getcpu")
        with f.when(f.cmp("eq", here, f.atomic_load("i32", f.at(team, PROCESSOR)))):
            now = f.call("i64 llvm.readcyclecounter")
            f.atomic_store(f.op("add", now, BACKOFF), f.at(POOL, ALONE_UNTIL))
            f.store(i32(SPIN_ROUNDS), spins)


def _add_worker(m: NativeModule) -> None:
    """Starts one more worker, with all signals blocked in it; whoever has the lock does it, others go on."""
    f = Function(m, "nw.add_worker", "void", [])
    with f.when(f.exchange(f.at(POOL, LOCK), i32(0), i32(1))):
        count = f.load("i32", POOL, WORKERS)
        with f.when(f.cmp("eq", f.load("ptr", POOL, ENTRY), 0)):
            f.call("void nw.stay")
            f.store(V("ptr", "@nw.worker"), POOL, ENTRY)
        with f.when(f.cmp("slt", count, MAX_WORKERS)):
            worker = f.item(f.at(POOL, WORKER_AT), WORKER_SIZE, count)
            blocked, old, thread = f.var("ptr", size=128), f.var("ptr", size=128), f.var("i64")
            f.call("memset", blocked, i32(255), i64(128))
            f.call("pthread_sigmask", i32(2), blocked, old)
            failed = f.call("pthread_create", thread, NULL, f.load("ptr", POOL, ENTRY), worker)
            f.call("pthread_sigmask", i32(2), old, NULL)
            with f.when(f.cmp("eq", failed, 0)):
                f.call("pthread_detach", f.load("i64", thread))
                f.atomic_store(f.op("add", count, 1), f.at(POOL, WORKERS))
        f.atomic_store(i32(0), f.at(POOL, LOCK))
    f.finish()


def _begin(m: NativeModule) -> None:
    """Makes the pool ready in this process: at first use, and in a child of fork, which has none of its
    parent's threads. The word holds the process's number, or its negative while one thread prepares."""
    f = Function(m, "nw.pool_begin", "void", [])
    pid = f.call("getpid")
    preparing = f.op("sub", i32(0), pid)
    owner = f.at(POOL, PID)
    with f.loop():
        have = f.atomic_load("i32", owner)
        f.leave_when(f.cmp("eq", have, pid))
        with f.when(f.cmp("ne", have, preparing)), f.when(f.exchange(owner, have, preparing)):
            f.call("memset", f.at(POOL, 4), i32(0), i64(POOL_BYTES - 4))
            f.atomic_store(pid, owner)
        f.pause()
    f.finish()


def _stay(m: NativeModule) -> None:
    """Workers run this library's code: keep it loaded for good."""
    f = Function(m, "nw.stay", "void", [])
    info = f.var("ptr", size=64)
    with f.when(f.cmp("ne", f.call("dladdr", V("ptr", "@nw.worker"), info), 0)):
        f.call("dlopen", f.load("ptr", info), i32(RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE))
    f.finish()


def _take(m: NativeModule) -> None:
    """A team with up to `helpers` idle workers, or null when there is none to be had."""
    f = Function(m, "nw.team_take", "ptr", [("i32", "helpers")])
    helpers = f["helpers"]
    with f.when(f.cmp("sle", helpers, 0)):
        f.ret(NULL)
    f.call("void nw.pool_begin")
    with f.loop():
        f.leave_when(f.cmp("sge", f.atomic_load("i32", f.at(POOL, WORKERS)), helpers))
        before = f.atomic_load("i32", f.at(POOL, WORKERS))
        f.call("void nw.add_worker")
        f.leave_when(f.cmp("eq", f.atomic_load("i32", f.at(POOL, WORKERS)), before))
    with f.each(i32(TEAMS)) as t:
        team = f.item(f.at(POOL, TEAM_AT), TEAM_SIZE, t)
        with f.when(f.exchange(f.at(team, OWNER), i32(0), i32(1))):
            taken = f.var("i32", 0)
            with f.each(f.atomic_load("i32", f.at(POOL, WORKERS))) as w:
                f.leave_when(f.cmp("sge", f.load("i32", taken), helpers))
                worker = f.item(f.at(POOL, WORKER_AT), WORKER_SIZE, w)
                n = f.load("i32", taken)
                mail = f.op("or", f.op("add", t, 1), f.op("shl", f.op("add", n, 1), SLOT_BIT))
                with f.when(f.exchange(f.at(worker, MAIL), i32(0), mail)):
                    f.store(f.convert(w, "i8"), f.at(team, f.op("add", f.convert(n, "i64"), MEMBER_AT)))
                    f.store(f.op("add", n, 1), taken)
            f.store(f.load("i32", taken), team, MEMBERS)
            with f.when(f.cmp("eq", f.load("i32", taken), 0)):
                f.atomic_store(i32(0), f.at(team, OWNER))
                f.ret(NULL)
            f.ret(team)
    f.ret(NULL)
    f.finish()


def _release(m: NativeModule) -> None:
    f = Function(m, "nw.team_release", "void", [("ptr", "team")])
    team = f["team"]
    with f.when(f.cmp("ne", team, 0)):
        with f.each(f.load("i32", team, MEMBERS)) as i:
            w = f.load("i8", f.at(team, f.op("add", f.convert(i, "i64"), MEMBER_AT)))
            f.atomic_store(i32(0), f.at(f.item(f.at(POOL, WORKER_AT), WORKER_SIZE, w), MAIL))
        f.atomic_store(i32(0), f.at(team, OWNER))
    f.finish()


def _parallel(m: NativeModule) -> None:
    """body(frame, task, slot) for all tasks, on the team's threads and this one."""
    f = Function(
        m, "nw.parallel", "void", [("ptr", "body"), ("ptr", "frame"), ("i64", "count"), ("ptr", "team")]
    )
    body, frame, count, team = (f[n] for n in ("body", "frame", "count", "team"))
    begin = f.call("i64 llvm.readcyclecounter")
    slow = f.cmp("slt", begin, f.atomic_load("i64", f.at(POOL, ALONE_UNTIL)))
    alone = f.op("or", f.op("or", f.cmp("eq", team, 0), f.cmp("sle", count, 1)), slow)
    with f.when(alone):
        with f.each(count) as i:
            f.call_pointer(body, frame, i, i64(0))
        f.ret()
    f.atomic_store(f.call("sched_getcpu"), f.at(team, PROCESSOR))
    f.store(body, team, BODY)
    f.store(frame, team, FRAME)
    members = f.load("i32", team, MEMBERS)
    slots = f.convert(f.op("add", members, 1), "i64")
    end = f.var("i64", 0)
    with f.each(f.op("add", members, 1)) as i:
        share = _share(f, team, i)
        f.atomic_store(f.load("i64", end), share)
        upto = f.op("mul", f.op("add", f.convert(i, "i64"), 1), count)
        f.store(f.op("udiv", upto, slots), end)
        f.store(f.load("i64", end), share, 8)
    word = f.at(team, REGION)
    epoch = f.op("add", f.atomic("add", f.at(POOL, EPOCH), i64(1)), 1)
    f.atomic_store(f.op("shl", epoch, 32), word)
    with f.each(f.load("i32", team, MEMBERS)) as i:
        w = f.load("i8", f.at(team, f.op("add", f.convert(i, "i64"), MEMBER_AT)))
        asleep = f.at(f.item(f.at(POOL, WORKER_AT), WORKER_SIZE, w), ASLEEP)
        with f.when(f.cmp("ne", f.atomic_load("i32", asleep), 0)):
            f.atomic_store(i32(0), asleep)
            f.call("syscall", i64(FUTEX), asleep, i32(FUTEX_WAKE), i32(1))
    f.call("void nw.run_tasks", team, i32(0))
    f.atomic("or", word, i64(CLOSED))
    done = f.call("i64 llvm.readcyclecounter")
    patience = f.op("add", f.op("sub", done, begin), GRACE)
    rounds = f.var("i32", 0)
    with f.loop():
        inside = f.op("and", f.atomic_load("i64", word), CLOSED - 1)
        f.leave_when(f.cmp("eq", inside, 0))
        f.pause()
        n = f.op("add", f.load("i32", rounds), 1)
        f.store(n, rounds)
        with f.when(f.cmp("eq", f.op("and", n, 63), 0)):
            now = f.call("i64 llvm.readcyclecounter")
            with f.when(f.cmp("sgt", f.op("sub", now, done), patience)):
                f.atomic_store(f.op("add", now, BACKOFF), f.at(POOL, ALONE_UNTIL))
                nap = f.var("ptr", size=16)
                f.store(i64(0), nap)
                f.store(i64(NAP), nap, 8)
                f.call("nanosleep", nap, NULL)
    f.finish()
