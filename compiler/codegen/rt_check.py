"""Checks of a call's arguments against the tables, as LLVM functions: every sentence about a tensor is here."""

from __future__ import annotations

from ...runtime.abi import MAX_RANK, TENSOR_DATA, TENSOR_DIMS, TENSOR_DTYPE, TENSOR_RANK, TENSOR_SIZE
from ...runtime.spec import DTYPES
from .native import Function, NativeModule, V, i32, i64
from .rt_session import fail
from .rt_tables import F_IN, F_INPUTS, F_NAME, F_OUT, F_OUTPUTS, T_DIMS, T_DTYPE, T_NAME, T_RANK, T_SIZE

_ERROR = [("ptr", "err"), ("i64", "cap")]
TEXT_BYTES = 256


def add_checks(m: NativeModule, symbols: int) -> None:
    """`nw.bind`, `nw.check_outputs`, `nw.overlap`, `nw.bytes`, and what they need."""
    m.array("nw.dtype_names", "ptr", [m.string("no data type"), *(m.string(d.tf_name) for d in DTYPES)])
    m.array("nw.dtype_sizes", "i64", [i64(0), *(i64(d.size) for d in DTYPES)])
    _shape_text(m)
    _tensor_error(m)
    _bind(m, symbols)
    _check_outputs(m)
    _elements(m)
    _overlap(m)


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
        late = f.var("i32", 0)
        with f.each(rank) as k, f.when(f.cmp("slt", f.load("i64", f.item(dims, 8, k)), 0)):
            f.store(i32(1), late)
        is_late = f.cmp("ne", f.load("i32", late), 0)
        missing = f.cmp("eq", f.load("ptr", tensor, TENSOR_DATA), 0)
        with f.when(is_late), f.when(f.cmp("eq", missing, 0)):
            fail(f, "SHAPE", "output '%s' has sizes that are known only after the call: give a null pointer "
                 "as data, and fetch the result with nw_result", f.load("ptr", want, T_NAME))  # fmt: skip
        with f.when(f.cmp("eq", is_late, 0)):
            with f.when(f.cmp("ne", f.load("i64", tensor, TENSOR_RANK), rank)):
                f.ret(f.call("i32 nw.shape_error", *error))
            with f.each(rank) as k:
                have = f.load("i64", f.item(f.load("ptr", tensor, TENSOR_DIMS), 8, k))
                with f.when(f.cmp("ne", have, f.load("i64", f.item(dims, 8, k)))):
                    f.ret(f.call("i32 nw.shape_error", *error))
            with f.when(missing), f.when(f.cmp("ne", f.call("i64 nw.bytes", tensor), 0)):
                fail(f, "NULL", "output '%s': data is a null pointer", f.load("ptr", want, T_NAME))
        f.store(f.op("add", f.load("i64", at), rank), at)
    f.ret(i32(0))
    f.finish()


def _overlap(m: NativeModule) -> None:
    """1 when two tensors share memory."""
    f = Function(m, "nw.overlap", "i1", [("ptr", "a"), ("ptr", "b")])
    a, b = f.load("i64", f["a"], TENSOR_DATA), f.load("i64", f["b"], TENSOR_DATA)
    for pointer in (a, b):  # nothing is there, and sizes need not be
        with f.when(f.cmp("eq", pointer, 0)):
            f.ret(V("i1", "false"))
    end_a, end_b = (
        f.op("add", a, f.call("i64 nw.bytes", f["a"])),
        f.op("add", b, f.call("i64 nw.bytes", f["b"])),
    )
    f.ret(f.op("and", f.cmp("ult", a, end_b), f.cmp("ult", b, end_a)))
    f.finish()
