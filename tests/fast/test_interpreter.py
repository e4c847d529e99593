"""The reference interpreter: control flow, variables, symbols, and the errors compiled code would raise."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.compiler.ir.bfloat16 import narrow, widen
from netwright.compiler.ir.core import Op
from netwright.compiler.ir.parser import parse_module
from netwright.compiler.ops.builtin import finish_function, new_function, new_module
from netwright.compiler.ops.interpreter import Interpreter, run_module
from netwright.runtime.errors import ExecutionError, InputError, ShapeError, UnsupportedError


def run(text: str, *inputs: object) -> list[np.ndarray]:
    return list(run_module(parse_module(text), inputs))


def test_ops_in_order() -> None:
    (y,) = run(
        """func.func @main(%x: tensor<?x2xf32> {graph.dims = ["n", 2]}) -> (tensor<2x?xf32> {graph.dims = [2, "n"]}) {
          %a = graph.exp(%x) : tensor<?x2xf32>
          %b = graph.transpose(%a) {permutation = [1, 0]} : tensor<2x?xf32>
          func.return(%b)
        }""",
        np.zeros((3, 2), np.float32),
    )
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, np.ones((2, 3), np.float32))


def test_results_are_of_the_declared_dtype() -> None:
    for dtype in ("f16", "f32", "f64", "i8", "i32", "ui16"):
        (y,) = run(
            f"""func.func @main(%x: tensor<3x{dtype}>) -> (tensor<{dtype}>) {{
              %a = graph.reduce_sum(%x) {{axes = [0]}} : tensor<{dtype}>
              func.return(%a)
            }}""",
            np.ones(3, {"f": "float", "i": "int", "u": "uint"}[dtype[0]] + dtype.lstrip("fui")),
        )
        assert y.dtype.name in (f"float{dtype[1:]}", f"int{dtype[1:]}", f"uint{dtype[2:]}")
        assert y.shape == ()


def test_branches_and_loops() -> None:
    text = """func.func @main(%n: tensor<i32>, %x: tensor<f32>) -> (tensor<f32>, tensor<i32>) {
      %one = graph.constant() {value = dense<1> : tensor<i32>} : tensor<i32>
      %zero = graph.constant() {value = dense<0> : tensor<i32>} : tensor<i32>
      %y, %k = graph.while(%x, %zero) ({
      ^bb0(%v: tensor<f32>, %i: tensor<i32>):
        %c = graph.less(%i, %n) : tensor<i1>
        graph.yield(%c)
      }, {
      ^bb0(%v: tensor<f32>, %i: tensor<i32>):
        %positive = graph.greater(%v, %x) : tensor<i1>
        %w = graph.if(%positive) ({
          %d = graph.add(%v, %x) : tensor<f32>
          graph.yield(%d)
        }, {
          %d = graph.mul(%v, %v) : tensor<f32>
          graph.yield(%d)
        }) : tensor<f32>
        %j = graph.add(%i, %one) : tensor<i32>
        graph.yield(%w, %j)
      }) {limit = 5} : tensor<f32>, tensor<i32>
      func.return(%y, %k)
    }"""
    y, k = run(text, np.int32(3), np.float32(2))
    assert (float(y), int(k)) == (8.0, 3)
    y, k = run(text, np.int32(0), np.float32(2))
    assert (float(y), int(k)) == (2.0, 0)
    with pytest.raises(ExecutionError, match="the loop ran more than 5 rounds") as e:
        run(text, np.int32(6), np.float32(2))
    assert e.value.status == "LIMIT"


def test_variables_outlast_a_run_and_start_afresh() -> None:
    module = parse_module(
        """module {
          graph.variable() {sym_name = "v", value = dense<1.0> : tensor<2xf32>}
          func.func @main(%x: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>) {
            %a = graph.read_variable() {variable = @v, type = tensor<2xf32>} : tensor<2xf32>
            %b = graph.add(%a, %x) : tensor<2xf32>
            graph.assign_variable(%b) {variable = @v}
            %c = graph.read_variable() {variable = @v, type = tensor<2xf32>} : tensor<2xf32>
            func.return(%a, %c)
          }
        }"""
    )
    interpreter = Interpreter(module)
    x = np.ones(2, np.float32)
    before, after = interpreter.run([x])
    assert (before[0], after[0]) == (1, 2)
    after[:] = 100  # what the caller does with a result changes no state
    assert interpreter.run([x])[0][0] == 2
    assert interpreter.state["v"][0] == 3
    assert Interpreter(module).run([x])[0][0] == 1


FUNCTIONS = """
func.func @first(%x: tensor<?x?xf32> {graph.dims = ["n", "n"], graph.name = "x"}) -> (tensor<?x?xf32> {graph.dims = ["n", "n"]}) {
  func.return(%x)
}
func.func @second(%x: tensor<?xf32> {graph.dims = ["n"], graph.name = "x"}, %y: tensor<?xf32> {graph.dims = ["m"]}) -> (tensor<?xf32> {graph.dims = ["m"]}) {
  %z = graph.add(%x, %y) : tensor<?xf32> loc("sum")
  func.return(%z)
}
"""  # noqa: E501


def test_symbols_are_bound_and_checked() -> None:
    interpreter = Interpreter(parse_module(FUNCTIONS))
    assert interpreter.run([np.zeros((2, 2), np.float32)])[0].shape == (2, 2)
    with pytest.raises(ShapeError, match=r"input 'x': expected shape \['n', 'n'\], received \[2, 3\]"):
        interpreter.run([np.zeros((2, 3), np.float32)])
    with pytest.raises(ShapeError, match="input 'x': expected rank 2, received 1"):
        interpreter.run([np.zeros(2, np.float32)])
    two, three = np.zeros(2, np.float32), np.zeros(3, np.float32)
    assert interpreter.run([two, two], "second")[0].shape == (2,)
    with pytest.raises(ShapeError, match="sum: the sizes do not fit: n == m or 1 must hold, here 2 and 3"):
        interpreter.run([two, three], "second")
    with pytest.raises(InputError, match="@second takes 2 inputs, received 1"):
        interpreter.run([two], "second")
    with pytest.raises(InputError, match="the module has no function @third"):
        interpreter.run([two], "third")


@pytest.mark.parametrize(
    ("op", "status", "message"),
    [
        ("graph.div(%i, %z) : tensor<2xi32>", "ARITH", "here: integer division by zero"),
        ("graph.gather(%i, %i) : tensor<2xi32>", "INDEX", r"here: an index is outside of 0\.\.1"),
    ],
)
def test_errors_of_compiled_code(op: str, status: str, message: str) -> None:
    text = f"""func.func @main(%i: tensor<2xi32>, %z: tensor<2xi32>) -> (tensor<2xi32>) {{
      %y = {op} loc("here")
      func.return(%y)
    }}"""
    with pytest.raises(ExecutionError, match=message) as e:
        run(text, np.array([1, 5], np.int32), np.array([1, 0], np.int32))
    assert e.value.status == status


def test_overflow_and_nan_give_no_warnings() -> None:
    text = """func.func @main(%x: tensor<2xf32>, %y: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>) {
      %a = graph.sub(%x, %y) : tensor<2xf32>
      %b = graph.mul(%x, %y) : tensor<2xf32>
      func.return(%a, %b)
    }"""
    a, b = run(text, np.array([np.inf, 3e38], np.float32), np.array([np.inf, -3e38], np.float32))
    assert np.isnan(a[0])
    assert a[1] == np.inf
    assert b[1] == -np.inf


def test_bfloat16_is_computed_in_float32_and_rounded_once() -> None:
    text = """func.func @main(%x: tensor<4xbf16>, %y: tensor<4xf32>)
        -> (tensor<4xbf16>, tensor<4xbf16>, tensor<4xf32>) {
      %a = graph.mul(%x, %x) : tensor<4xbf16>
      %b = graph.cast(%y) {dtype = bf16} : tensor<4xbf16>
      %c = graph.cast(%x) {dtype = f32} : tensor<4xf32>
      func.return(%a, %b, %c)
    }"""
    x = narrow(np.array([1.0078125, -0.0, np.nan, np.inf]))
    y = np.array([1 + 2**-8, 1 + 2**-8 + 2**-20, 1 + 3 * 2**-8, -1e-40], np.float32)
    a, b, c = run(text, x, y)
    assert a.dtype == b.dtype == np.uint16
    assert widen(a)[0] == 1.015625
    assert np.signbit(widen(a)[1]) == 0
    assert np.isnan(widen(a)[2])
    np.testing.assert_array_equal(widen(b)[:3], [1.0, 1 + 2**-7, 1 + 2**-6])
    np.testing.assert_array_equal(c, widen(x))


def test_narrow_rounds_float64_once() -> None:
    bits = np.arange(1 << 16, dtype=np.uint16)
    finite = bits[np.isfinite(widen(bits))]
    np.testing.assert_array_equal(narrow(widen(finite)), finite)
    known = np.unique(widen(finite).astype(np.float64))
    rng = np.random.default_rng(0)
    x = rng.standard_normal(10_000) * 10.0 ** rng.integers(-41, 38, 10_000)
    got = widen(narrow(x)).astype(np.float64)
    i = np.clip(np.searchsorted(known, x), 1, len(known) - 1)
    nearest = np.minimum(np.abs(known[i] - x), np.abs(known[i - 1] - x))
    np.testing.assert_array_equal(np.abs(got - x), nearest)
    between = np.float64(1 + 2**-8 + 2**-40)  # float32 would make a tie of it
    assert widen(narrow(between)) == 1 + 2**-7


def test_the_tracer_sees_every_op() -> None:
    seen: list[tuple[str, tuple[int, ...]]] = []

    def trace(op: Op, results: tuple[np.ndarray, ...]) -> None:
        seen.append((op.name, results[0].shape))

    module = parse_module(
        """func.func @main(%p: tensor<i1>, %x: tensor<2xf32>) -> (tensor<2xf32>) {
          %y = graph.if(%p) ({
            %a = graph.exp(%x) : tensor<2xf32>
            graph.yield(%a)
          }, {
            graph.yield(%x)
          }) : tensor<2xf32>
          func.return(%y)
        }"""
    )
    Interpreter(module, trace).run([np.array(True), np.zeros(2, np.float32)])
    assert seen == [("graph.exp", (2,)), ("graph.if", (2,))]


def test_what_is_no_graph_is_refused_by_name() -> None:
    module = new_module()
    func, block = new_function(module, "main", [])
    finish_function(func, [])
    inner, _ = new_function(module, "inner", [])
    inner.detach()
    block.insert(inner, before=block.first)
    with pytest.raises(UnsupportedError, match=r"func\.func cannot be interpreted") as e:
        run_module(module, [])
    assert e.value.ops == ("func.func",)
