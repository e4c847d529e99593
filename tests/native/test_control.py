"""Control flow, variables, errors inside kernels: what regions, state and the error word are for."""

from pathlib import Path

import numpy as np
import pytest
from netwright.runtime import load
from netwright.runtime.errors import (
    BusyError,
    DTypeError,
    ExecutionError,
    InputError,
    ShapeError,
    UnsupportedError,
)

from ..helpers import build, check

WHILE = """
module {
  func.func @main(%x: tensor<?x4xf32> {graph.dims = ["n", 4]}, %count: tensor<i32>)
      -> (tensor<?x4xf32> {graph.dims = ["n", 4]}, tensor<i32>) {
    %zero = graph.constant() {value = dense<0> : tensor<i32>} : tensor<i32>
    %one = graph.constant() {value = dense<1> : tensor<i32>} : tensor<i32>
    %half = graph.constant() {value = dense<0.5> : tensor<f32>} : tensor<f32>
    %r, %i, %last = graph.while(%x, %zero, %x) ({
    ^bb0(%a: tensor<?x4xf32>, %k: tensor<i32>, %p: tensor<?x4xf32>):
      %go = graph.less(%k, %count) : tensor<i1>
      graph.yield(%go)
    }, {
    ^bb0(%a: tensor<?x4xf32>, %k: tensor<i32>, %p: tensor<?x4xf32>):
      %b = graph.mul(%a, %half) : tensor<?x4xf32>
      %c = graph.add(%b, %p) : tensor<?x4xf32>
      %next = graph.add(%k, %one) : tensor<i32>
      graph.yield(%c, %next, %a)
    }) : tensor<?x4xf32>, tensor<i32>, tensor<?x4xf32>
    %y = graph.add(%r, %last) : tensor<?x4xf32>
    func.return(%y, %i)
  }
}
"""


@pytest.mark.parametrize("rounds", [0, 1, 2, 7])
def test_while_carries_values(tmp_path: Path, rounds: int) -> None:
    """The third value takes the place of the first one's old contents: the two must not be mixed up."""
    x = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    check(WHILE, tmp_path, [{"n": 3}], inputs=[x, np.array(rounds, np.int32)])


IF = """
module {
  func.func @main(%x: tensor<?xf32> {graph.dims = ["n"]}, %c: tensor<i1>) -> (tensor<?xf32> {graph.dims = ["n"]}) {
    %y = graph.if(%c) ({
      %a = graph.relu(%x) : tensor<?xf32>
      graph.yield(%a)
    }, {
      %inner = graph.if(%c) ({
        graph.yield(%x)
      }, {
        %b = graph.neg(%x) : tensor<?xf32>
        graph.yield(%b)
      }) : tensor<?xf32>
      %d = graph.exp(%inner) : tensor<?xf32>
      graph.yield(%d)
    }) : tensor<?xf32>
    func.return(%y)
  }
}
"""


@pytest.mark.parametrize("condition", [True, False])
def test_if(tmp_path: Path, condition: bool) -> None:
    x = np.array([-1.0, 2.0, -0.0], np.float32)
    check(IF, tmp_path, [{"n": 3}], inputs=[x, np.array(condition)])


STATE = """
module {
  graph.variable() {sym_name = "total", value = dense<[1.0, 2.0]> : tensor<2xf32>}
  graph.variable() {sym_name = "steps", value = dense<0> : tensor<i64>}
  func.func @step(%x: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>) {
    %old = graph.read_variable() {type = tensor<2xf32>, variable = @total} : tensor<2xf32>
    %new = graph.add(%old, %x) : tensor<2xf32>
    graph.assign_variable(%new) {variable = @total}
    %n = graph.read_variable() {type = tensor<i64>, variable = @steps} : tensor<i64>
    %one = graph.constant() {value = dense<1> : tensor<i64>} : tensor<i64>
    %m = graph.add(%n, %one) : tensor<i64>
    graph.assign_variable(%m) {variable = @steps}
    %seen = graph.read_variable() {type = tensor<2xf32>, variable = @total} : tensor<2xf32>
    func.return(%old, %seen)
  }
  func.func @predict(%x: tensor<2xf32>) -> (tensor<2xf32>) {
    %t = graph.read_variable() {type = tensor<2xf32>, variable = @total} : tensor<2xf32>
    %y = graph.mul(%t, %x) : tensor<2xf32>
    func.return(%y)
  }
}
"""


def test_state_outlasts_calls(tmp_path: Path) -> None:
    """Reads before an assignment keep the old value, reads after it see the new one; functions share."""
    model = build(STATE, tmp_path)
    step, predict = model.functions["step"], model.functions["predict"]
    one = np.ones(2, np.float32)
    results = list(step(one).values())
    np.testing.assert_array_equal(results, [[1, 2], [2, 3]])
    results = list(step(one).values())
    np.testing.assert_array_equal(results, [[2, 3], [3, 4]])
    np.testing.assert_array_equal(predict(np.array([2, 2], np.float32)), [6, 8])
    assert model.get_variable("steps") == 2
    model.set_variable("total", [10.0, 20.0])
    np.testing.assert_array_equal(predict(one), [10, 20])
    np.testing.assert_array_equal(load(model.path).functions["predict"](one), [1, 2])


def test_state_refuses_what_does_not_fit(tmp_path: Path) -> None:
    model = build(STATE, tmp_path)
    with pytest.raises(InputError, match="no variable named 'other'; variables: total, steps"):
        model.get_variable("other")
    with pytest.raises(ShapeError, match="variable 'total': the tensor has size 3 where 2 is expected"):
        model.set_variable("total", np.zeros(3, np.float32))
    with pytest.raises(DTypeError, match="variable 'total': expected float32"):
        model.set_variable("total", np.zeros(2, np.float64))


def test_state_in_use_is_refused(tmp_path: Path) -> None:
    """A writer takes the state alone: while somebody holds it, others get BUSY, never a race."""
    import ctypes

    model = build(STATE, tmp_path)
    users = ctypes.c_int32.from_address(model._engine.state)  # the count of users; -1 is one writer
    users.value = 1
    with pytest.raises(BusyError, match="the state is in use"):
        model.functions["step"](np.ones(2, np.float32))
    model.functions["predict"](np.ones(2, np.float32))
    users.value = -1
    with pytest.raises(BusyError, match="the state is in use"):
        model.functions["predict"](np.ones(2, np.float32))
    users.value = 0
    model.functions["step"](np.ones(2, np.float32))


GATHER = """
module {
  func.func @main(%t: tensor<?x3xf32> {graph.dims = ["rows", 3]}, %i: tensor<?xi32> {graph.dims = ["n"]})
      -> (tensor<?x3xf32> {graph.dims = ["n", 3]}) {
    %y = graph.gather(%t, %i) : tensor<?x3xf32> loc("embedding/lookup")
    func.return(%y)
  }
}
"""


def test_gather_checks_every_index(tmp_path: Path) -> None:
    model = build(GATHER, tmp_path)
    table = np.arange(15, dtype=np.float32).reshape(5, 3)
    good = np.array([4, 0, 2, 2], np.int32)
    np.testing.assert_array_equal(model(table, good), table[good])
    for bad in (5, -1, 2**31 - 1, -(2**31)):
        with pytest.raises(ExecutionError, match="embedding/lookup: an index lies outside") as e:
            model(table, np.array([0, bad, 1], np.int32))
        assert e.value.status == "INDEX"
    np.testing.assert_array_equal(model(table, good), table[good])


EQUAL = """
module {
  func.func @main(%a: tensor<?x3xf32> {graph.dims = ["p", 3]}, %b: tensor<?x3xf32> {graph.dims = ["q", 3]})
      -> (tensor<?x3xf32> {graph.dims = ["bcast(p, q)", 3]}) {
    %y = graph.add(%a, %b) {requires = ["p == q or 1"]} : tensor<?x3xf32>
    func.return(%y)
  }
}
"""


def test_sizes_that_cannot_be_proved_equal_are_checked(tmp_path: Path) -> None:
    model = build(EQUAL, tmp_path)
    a = np.ones((4, 3), np.float32)
    np.testing.assert_array_equal(model(a, a), a + a)
    with pytest.raises(ShapeError, match="the sizes do not fit: p == q or 1 must hold, here 4 and 5"):
        model(a, np.ones((5, 3), np.float32))


def test_one_row_takes_the_guarded_variant(tmp_path: Path) -> None:
    """A product with a dynamic number of rows has a variant for one row behind a compare."""
    text = """
    module {
      func.func @main(%x: tensor<?x64xf32> {graph.dims = ["n", 64]}, %w: tensor<64x40xf32>)
          -> (tensor<?x40xf32> {graph.dims = ["n", 40]}) {
        %y = graph.matmul(%x, %w) : tensor<?x40xf32>
        func.return(%y)
      }
    }
    """
    from netwright.compiler.driver import compile_module
    from netwright.compiler.ir.parser import parse_module
    from netwright.compiler.options import CompileOptions

    folder = tmp_path / "dump"
    compile_module(parse_module(text), tmp_path / "m.so", CompileOptions(dump_ir=str(folder)))
    loops = next(folder.glob("*_lower-loops.mlir")).read_text()
    assert "scf.index_switch" in loops
    check(text, tmp_path, [{"n": 1}, {"n": 2}, {"n": 9}])


def test_a_window_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    """With an image size known at run time the check is made at entry, before anything is computed."""
    text = """
    module {
      func.func @main(%x: tensor<?x?x5x1xf32> {graph.dims = ["n", "h", 5, 1]})
          -> (tensor<?x?x2x1xf32> {graph.dims = ["n", "floordiv(h + 1, 2) - 1", 2, 1]}) {
        %y = graph.max_pool2d(%x) {kernel = [3, 3], strides = [2, 2], requires = ["h - 3 >= 0"]} : tensor<?x?x2x1xf32>
        func.return(%y)
      }
    }
    """
    model = check(text, tmp_path, [{"n": 1, "h": 3}, {"n": 2, "h": 8}])
    with pytest.raises(ShapeError, match="the sizes do not fit: h - 3 >= 0 must hold, here -1 and 0"):
        model(np.zeros((1, 2, 5, 1), np.float32))


def test_signatures_that_tables_cannot_hold(tmp_path: Path) -> None:
    text = """
    module {{
      func.func @main(%x: {0}) -> ({0}) {{
        %y = graph.relu(%x) : tensor<{1}xf32>
        func.return(%y)
      }}
    }}
    """
    with pytest.raises(UnsupportedError, match=r"input 'x' has a size 2\*n; give it a symbol of its own"):
        build(text.format('tensor<?xf32> {graph.dims = ["2*n"], graph.name = "x"}', "?"), tmp_path)
    deep = "x".join("1" * 9)
    with pytest.raises(UnsupportedError, match="has rank 9; at most 8 is possible"):
        build(text.format(f'tensor<{deep}xf32> {{graph.name = "x"}}', deep), tmp_path)


def test_a_limit_of_rounds_is_refused_not_forgotten(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="a limit of 5 rounds is not compiled yet") as e:
        build(
            WHILE.replace(
                "}) : tensor<?x4xf32>, tensor<i32>", "}) {limit = 5} : tensor<?x4xf32>, tensor<i32>"
            ),
            tmp_path,
        )
    assert e.value.ops == ("while",)
