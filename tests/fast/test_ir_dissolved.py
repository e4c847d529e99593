"""Modules taken apart: nothing is left for a search for garbage."""

import gc

import netwright.compiler.ops  # noqa: F401  registers the ops
from netwright.compiler.ir.core import Op, Value
from netwright.compiler.ir.parser import parse_module

TEXT = """
func.func @main(%p: tensor<i1>, %x: tensor<4xf32>) -> (tensor<4xf32>) {
  %a = graph.exp(%x) : tensor<4xf32>
  %b = graph.if(%p) ({
    %c = graph.neg(%a) : tensor<4xf32>
    graph.yield(%c)
  }, {
    graph.yield(%a)
  }) : tensor<4xf32>
  %d = graph.add(%b, %x) : tensor<4xf32>
  func.return(%d)
}
"""


def parts() -> int:
    return sum(isinstance(o, (Op, Value)) for o in gc.get_objects())


def test_counting_references_is_enough() -> None:
    gc.collect()
    gc.disable()
    try:
        before = parts()
        module = parse_module(TEXT)
        assert parts() > before + 10
        module.body.dissolve()
        assert module.body.first is None
        assert parts() == before + 1, "the module alone"
    finally:
        gc.enable()
