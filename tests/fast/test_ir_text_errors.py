"""IR text that cannot be read: the error shows file, line, column and a caret, and never is a crash."""

from __future__ import annotations

import netwright.compiler.ops  # noqa: F401  registers the ops
import numpy as np
import pytest
from netwright.compiler.ir.parser import parse_module
from netwright.runtime.errors import ParseError


@pytest.mark.parametrize(
    "text",
    [
        "func.func @f(%p: tensor<i1>) -> () {\n" + "%y = graph.if(%p) ({\n" * 3000,
        "func.func @f() attributes {a = " + "[" * 100_000,
        '"x"(' + "{" * 100_000,
    ],
    ids=["regions", "lists", "braces"],
)
def test_hostile_nesting_is_an_error(text: str) -> None:
    with pytest.raises(ParseError):
        parse_module(text, "deep.mlir")


HEAD = "func.func @main(%x: tensor<2xf32>) -> (tensor<2xf32>) {\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "t.mlir:1:1: expected a module, found nothing\n\n^"),
        (
            "module {\n  graph.nothing()\n}",
            "t.mlir:2:3: unknown operation 'graph.nothing'\n  graph.nothing()\n  ^",
        ),
        (
            HEAD + "  %y = graph.exp(%z) : tensor<2xf32>\n}",
            "t.mlir:2:18: %z is not defined\n  %y = graph.exp(%z) : tensor<2xf32>\n                 ^",
        ),
        (
            HEAD + "  %y = graph.exp(%x) : tensor<3xf32>\n}",
            "t.mlir:2:3: graph.exp gives tensor<2xf32>, not tensor<3xf32>\n"
            "  %y = graph.exp(%x) : tensor<3xf32>\n  ^",
        ),
        (
            HEAD + "  %x = graph.exp(%x) : tensor<2xf32>\n}",
            "t.mlir:2:3: %x is defined twice\n  %x = graph.exp(%x) : tensor<2xf32>\n  ^",
        ),
        (
            HEAD + "  %y = graph.add(%x) : tensor<2xf32>\n}",
            "t.mlir:2:3: graph.add (?): expected 2 operands, received 1\n"
            "  %y = graph.add(%x) : tensor<2xf32>\n  ^",
        ),
        (
            HEAD + "  %y = graph.exp(%x : tensor<2xf32>\n}",
            "t.mlir:2:21: expected ',', found ':'\n  %y = graph.exp(%x : tensor<2xf32>\n                    ^",
        ),
        (
            HEAD + "  %y = graph.exp(%x) {a = 1, a = 2} : tensor<2xf32>\n}",
            "t.mlir:2:30: attribute 'a' is given twice\n"
            "  %y = graph.exp(%x) {a = 1, a = 2} : tensor<2xf32>\n                             ^",
        ),
        (
            HEAD + "  %a, %b = graph.exp(%x) : tensor<2xf32>\n}",
            "t.mlir:2:3: graph.exp has 1 results, 2 are named\n  %a, %b = graph.exp(%x) : tensor<2xf32>\n  ^",
        ),
        (
            HEAD + "  %y = graph.cast(%x) {dtype = f99} : tensor<2xf32>\n}",
            "t.mlir:2:32: unknown type 'f99'\n  %y = graph.cast(%x) {dtype = f99} : tensor<2xf32>\n"
            "                               ^",
        ),
        (
            HEAD + "  %y = graph.constant() {value = dense<[1.0]> : tensor<2xf32>} : tensor<2xf32>\n}",
            "t.mlir:2:34: the values of dense<…> do not fit tensor<2xf32>\n"
            "  %y = graph.constant() {value = dense<[1.0]> : tensor<2xf32>} : tensor<2xf32>\n"
            "                                 ^",
        ),
        (
            HEAD + "  func.return(%x)",
            "t.mlir:2:18: expected an operation, found the end of the text\n  func.return(%x)\n                 ^",
        ),
        (
            HEAD + "  func.return(%x) loc(#loc9)\n}",
            "t.mlir:2:28: unknown location alias #loc9\n  func.return(%x) loc(#loc9)\n                           ^",
        ),
        ("module {\n  ~\n}", "t.mlir:2:3: unexpected character '~'\n  ~\n  ^"),
        (
            'func.func @f(%x: tensor<?xf32> {graph.dims = ["n", 3]}) -> () {}',
            "t.mlir:1:1: graph.dims = ['n', '3'] does not describe tensor<?xf32>\n"
            'func.func @f(%x: tensor<?xf32> {graph.dims = ["n", 3]}) -> () {}\n^',
        ),
        (
            HEAD + '  %y = graph.reshape(%x) {shape = ["n +"]} : tensor<?xf32>\n}',
            "t.mlir:2:3: expected a term in dimension 'n +', found its end\n"
            '  %y = graph.reshape(%x) {shape = ["n +"]} : tensor<?xf32>\n  ^',
        ),
        (
            HEAD + '  func.return(%x) loc("\\x")\n}',
            't.mlir:2:3: unknown escape in the string "\\x"\n  func.return(%x) loc("\\x")\n  ^',
        ),
    ],
)
def test_errors_show_the_place(text: str, message: str) -> None:
    with pytest.raises(ParseError) as e:
        parse_module(text, "t.mlir")
    assert str(e.value) == message


def test_wrong_resources_are_refused() -> None:
    text = "func.func @f() -> () {\n %a = graph.constant() {value = dense_resource<w> : tensor<20xf32>} : tensor<20xf32>\n func.return()\n}"  # noqa: E501
    with pytest.raises(
        ParseError, match=r"<text>:2:48: the values of dense_resource<w> are not among the resources"
    ):
        parse_module(text)
    with pytest.raises(ParseError, match=r"resource 'w' is float32\[21\], not tensor<20xf32>"):
        parse_module(text, resources={"w": np.zeros(21, np.float32)})
    with pytest.raises(ParseError, match=r"resource 'w' is float64\[20\], not tensor<20xf32>"):
        parse_module(text, resources={"w": np.zeros(20)})
    array = np.arange(20, dtype=np.float32)
    module = parse_module(text, resources={"w": array})
    constant = next(op for op in module.walk() if op.name == "graph.constant")
    assert constant.attributes["value"].array is array, "never copied"
