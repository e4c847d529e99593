"""IR text: what is printed reads back, in both forms; what cannot be read is shown with a caret."""

from __future__ import annotations

import math
import struct

import netwright.compiler.ops  # noqa: F401  registers the ops
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from netwright.compiler.ir.attribute_parser import AttributeParser, unescape
from netwright.compiler.ir.attribute_text import attribute_text, float_text, quoted
from netwright.compiler.ir.attributes import (
    Attribute,
    Dense,
    Number,
    Raw,
    SymbolRef,
    Unit,
    attribute_key,
    splat_value,
)
from netwright.compiler.ir.bfloat16 import narrow
from netwright.compiler.ir.core import Op
from netwright.compiler.ir.location import Location
from netwright.compiler.ir.parser import parse_module
from netwright.compiler.ir.printer import Printer, print_op
from netwright.compiler.ir.types import (
    FunctionType,
    IndexType,
    MemRefType,
    ScalarType,
    TensorType,
    VectorType,
)
from netwright.compiler.ir.verify import verify
from netwright.runtime.errors import ParseError
from netwright.runtime.spec import DTYPES, DType, bf16, boolean, f16, f32, f64, i8, i64, u8

EXAMPLE = """module @"a net/v1" {
  graph.variable() {sym_name = "w/kernel", value = dense<0.5> : tensor<3x3xf32>}
  func.func @main(%x: tensor<?x3xf32> {graph.dims = ["n", 3], graph.name = "x:0"}, %p: tensor<i1>) \
-> (tensor<?x3xf32> {graph.dims = ["n", 3], graph.name = "y"}, tensor<1xi32>) {
    %w = graph.read_variable() {type = tensor<3x3xf32>, variable = @"w/kernel"} : tensor<3x3xf32>
    %0 = graph.matmul(%x, %w) {transpose_y = true} : tensor<?x3xf32> loc("dense/MatMul")
    %a, %b = graph.if(%p) ({
      %c = graph.leaky_relu(%0) {alpha = 0.3} : tensor<?x3xf32> loc(fused["act", "f.py":3:4])
      graph.yield(%c, %0)
    }, {
      graph.yield(%0, %0)
    }) : tensor<?x3xf32>, tensor<?x3xf32>
    %1 = graph.while(%a) ({
    ^bb0(%d: tensor<?x3xf32>):
      graph.yield(%p)
    }, {
    ^bb0(%e: tensor<?x3xf32>):
      %f = graph.add(%e, %b) : tensor<?x3xf32>
      graph.yield(%f)
    }) {limit = 7} : tensor<?x3xf32>
    %2 = graph.dims() {shape = [1], value = ["floordiv(n + 1, 2)"]} : tensor<1xi32>
    func.return(%1, %2)
  }
}
"""


@pytest.fixture(scope="module")
def example() -> Op:
    module = parse_module(EXAMPLE)
    verify(module)
    return module


def test_short_form_reads_back(example: Op) -> None:
    assert print_op(example) == EXAMPLE


def test_generic_form_reads_back(example: Op) -> None:
    text = print_op(example, generic=True)
    again = parse_module(text)
    verify(again)
    assert print_op(again, generic=True) == text
    assert print_op(again) == EXAMPLE


def test_generic_form_shows_what_mlir_wants(example: Op) -> None:
    text = print_op(example, generic=True)
    assert '"builtin.module"() <{sym_name = "a net/v1"}> ({' in text
    assert '%1 = "graph.while"(%a) ({' in text
    assert '"graph.yield"(%c, %0) : (tensor<?x3xf32>, tensor<?x3xf32>) -> () loc(unknown)' in text
    assert 'loc("dense/MatMul")' in text
    assert print_op(parse_module("module {\n}"), generic=True) == (
        '"builtin.module"() ({\n^bb0:\n}) : () -> () loc(unknown)\n'
    )
    assert "loc(" not in print_op(example, generic=True, locations=False)


def test_names_do_not_matter_when_left_out(example: Op) -> None:
    renamed = EXAMPLE.replace("%a", "%first").replace("%w", "%ω".replace("ω", "omega"))
    assert print_op(parse_module(renamed)) != EXAMPLE
    assert print_op(parse_module(renamed), names=False) == print_op(example, names=False)


def test_names_are_made_unique_and_safe() -> None:
    module = parse_module(
        """func.func @main(%x: tensor<f32>) -> (tensor<f32>) {
          %y = graph.exp(%x) : tensor<f32>
          %z = graph.exp(%y) : tensor<f32>
          func.return(%z)
        }"""
    )
    exps = [op for op in module.walk() if op.name == "graph.exp"]
    for op, hint in zip(exps, ("conv/é 1:0", "x"), strict=True):
        op.result.hint = hint
    text = print_op(module)
    assert "%conv_1_0 = graph.exp(%x)" in text
    assert "%x_1 = graph.exp(%conv_1_0)" in text
    assert print_op(parse_module(text)) == text


ATTRIBUTES: list[Attribute] = [
    True,
    False,
    0,
    -5,
    2**62,
    1.0,
    -0.0,
    0.1,
    1e300,
    5e-324,
    1e22,
    math.inf,
    -math.inf,
    math.nan,
    "",
    'quotes " and \\ backslashes \\AB \\n',
    "line\nbreak\ttab\0nul\x7f",
    "grüße 漢字 🙂 \u2028",
    "\ud800 alone",
    (),
    (1, 2, 3),
    (1.0, "x", True, (Unit(),)),
    {},
    {"b": 1, "a b": {"c": Unit()}, "d": 2.5},
    Unit(),
    SymbolRef("main"),
    SymbolRef("a/b c"),
    Raw("#vector.kind<add>"),
    Raw("affine_map<(d0, d1) -> (d1)>"),
    f32,
    boolean,
    u8,
    Number(3, IndexType()),
    Number(7, ScalarType(i8)),
    Number(-0.0, ScalarType(f32)),
    Number(math.inf, ScalarType(f16)),
    Number(-math.inf, ScalarType(bf16)),
    Number(0.375, ScalarType(bf16)),
    TensorType((2, 3), f32),
    TensorType((), boolean),
    VectorType((14, 32), f32),
    MemRefType((2, 3), f32, (8, 1), 4),
    IndexType(),
    FunctionType((TensorType((2,), f32),), ()),
    FunctionType((), (TensorType((2,), f32), IndexType())),
]


@pytest.mark.parametrize("value", ATTRIBUTES, ids=repr)
def test_attributes_read_back(value: Attribute) -> None:
    text = attribute_text(value, lambda d: "r")
    parser = AttributeParser(text)
    again = parser.attribute()
    assert parser.token.kind == "end"
    assert attribute_key(again) == attribute_key(value)
    assert "\n" not in text


@given(st.floats(width=64))
def test_floats_read_back_bit_for_bit(x: float) -> None:
    again = AttributeParser(attribute_text(x, lambda d: "r")).attribute()
    assert struct.pack("<d", again) == struct.pack("<d", x)


@given(st.text())
def test_strings_read_back(text: str) -> None:
    assert unescape(quoted(text)) == text
    assert all(c.isprintable() or ord(c) > 127 for c in quoted(text))


def test_strings_in_the_spelling_of_mlir() -> None:
    assert unescape('"\\C3\\A9\\22 \\\\ \\0A\\n\\t\\""') == 'é" \\ \n\n\t"'
    with pytest.raises(ParseError, match="unknown escape"):
        unescape('"\\q"')
    with pytest.raises(ParseError, match="no UTF-8"):
        unescape('"\\FF"')


def dense_round_trip(value: Dense) -> Dense:
    printer = Printer()
    text = attribute_text(value, printer.resource_name)
    parser = AttributeParser(text)
    parser.resources = {k: d.array for k, d in printer.resources.items()}
    again = parser.attribute()
    assert isinstance(again, Dense)
    return again


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 2), (0, 3), (5, 7)], ids=str)
def test_constants_read_back_bit_for_bit(dtype: DType, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(len(shape))
    bits = rng.integers(0, 256, (*shape, dtype.numpy.itemsize), np.uint8)
    if dtype.kind == "b":
        array = rng.random(shape) < 0.5
    else:
        array = np.ascontiguousarray(bits).view(dtype.numpy).reshape(shape)
    value = Dense(np.asarray(array), "name", dtype)
    again = dense_round_trip(value)
    assert again == value
    assert again.dtype == dtype


@pytest.mark.parametrize("dtype", [f16, f32, f64, bf16], ids=str)
def test_edge_values_read_back(dtype: DType) -> None:
    bits = dtype.size * 8
    width = {"f16": 10, "f32": 23, "f64": 52, "bf16": 7}[dtype.name]
    exponent = ((1 << (bits - 1)) - 1) >> width << width
    patterns = [0, 1, 1 << (bits - 1), exponent, exponent | 1 << (bits - 1), exponent + 1, exponent - 1]
    array = np.array(patterns, f"u{dtype.size}").view(dtype.numpy)
    assert dense_round_trip(Dense(array, dtype=dtype)) == Dense(array, dtype=dtype)
    for p in patterns:
        one = np.broadcast_to(np.array(p, f"u{dtype.size}").view(dtype.numpy), (100,))
        again = dense_round_trip(Dense(one, dtype=dtype))
        assert again == Dense(one, dtype=dtype)
        assert again.array.strides == (0,)


def test_float_text() -> None:
    assert float_text(1e22) == "1.0e+22"
    assert float_text(-0.0) == "-0.0"
    assert float_text(math.nan, "f32") == "0x7FC00000"
    assert float_text(-math.inf, "bf16") == "0xFF80"


def test_bfloat16_text_is_rounded_not_cut() -> None:
    for text in ("1.0", "-1.015625e+0", "3.14", "1.00390626", "1.01171875"):
        parsed = AttributeParser(f"dense<{text}> : tensor<bf16>").attribute()
        assert parsed.array.item() == narrow(np.float64(text)).item()
    assert AttributeParser("dense<3.14> : tensor<bf16>").attribute().array.item() == 0x4049


def test_constants_are_equal_by_bits_however_stored() -> None:
    ones = Dense(np.ones((4, 4), np.float32))
    assert ones == Dense(np.broadcast_to(np.float32(1), (4, 4)))
    assert hash(ones) == hash(Dense(np.broadcast_to(np.float32(1), (4, 4))))
    assert Dense(np.ones(1, np.float32)) == Dense(np.broadcast_to(np.float32(1), (1,)))
    grid = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert Dense(grid.T) == Dense(np.ascontiguousarray(grid.T))
    assert Dense(grid) != Dense(grid.reshape(4, 3))
    assert Dense(np.array([0.0, 1], np.float32)) != Dense(np.array([-0.0, 1], np.float32))
    bits = np.array([1, 2], np.uint16)
    assert Dense(bits) != Dense(bits, dtype=bf16)
    assert splat_value(np.array([0.0, -0.0], np.float32)) is None
    assert splat_value(np.full((3, 3), np.nan, np.float32)).tobytes() == np.float32(np.nan).tobytes()


def test_resources_keep_their_names_apart() -> None:
    printer = Printer()
    a, b = np.arange(20, dtype=np.float32), np.arange(1, 21, dtype=np.float32)
    names = [printer.resource_name(Dense(x, "conv/kernel")) for x in (a, b, a.copy())]
    assert names == ["conv/kernel", "conv/kernel_1", "conv/kernel"]
    generic = Printer(generic=True)
    assert generic.resource_name(Dense(a, "conv/kernel")) == "r_conv_kernel"
    assert generic.resource_name(Dense(b, "conv_kernel")) == "conv_kernel"


def test_locations_read_back() -> None:
    for loc in (
        Location.name('a "b" \\ é'),
        Location.file("dir/f.py", 3, 4),
        Location.fused(Location.name("a"), Location.file("f.py", 1)),
    ):
        module = parse_module(EXAMPLE)
        next(op for op in module.walk() if op.name == "graph.add").location = loc
        again = parse_module(print_op(module))
        assert next(op for op in again.walk() if op.name == "graph.add").location == loc


def test_aliases_of_locations_as_mlir_prints_them() -> None:
    module = parse_module(
        """#loc = loc(unknown)
"builtin.module"() ({
  "func.func"() <{function_type = (tensor<f32>) -> tensor<f32>, sym_name = "main"}> ({
  ^bb0(%arg0: tensor<f32> loc("x.mlir":1:2)):
    %0 = "graph.exp"(%arg0) : (tensor<f32>) -> tensor<f32> loc(#loc3)
    %1:2 = "graph.if"(%c) ({ "graph.yield"(%0, %0) : (tensor<f32>, tensor<f32>) -> () }, {
      "graph.yield"(%0, %0) : (tensor<f32>, tensor<f32>) -> () }) : (tensor<i1>) -> (tensor<f32>, tensor<f32>)
    "func.return"(%1#1) : (tensor<f32>) -> ()
  }) : () -> () loc(#loc)
}) : () -> () loc(#loc)
#loc1 = loc("a")
#loc2 = loc("b\\22")
#loc3 = loc(fused[#loc1, #loc2])
""".replace("^bb0(%arg0: tensor<f32>", "^bb0(%arg0: tensor<f32>").replace(
            '    %1:2 = "graph.if"(%c)',
            '    %c = "graph.constant"() {value = dense<true> : tensor<i1>} : () -> tensor<i1>\n'
            '    %1:2 = "graph.if"(%c)',
        )
    )
    verify(module)
    exp = next(op for op in module.walk() if op.name == "graph.exp")
    assert exp.location == Location(("a", 'b"'))


def test_ops_without_a_module_get_one() -> None:
    module = parse_module(
        "func.func @f() -> () {\n func.return()\n}\nfunc.func @g() -> () {\n func.return()\n}"
    )
    assert [op.attributes["sym_name"] for op in module.body.ops] == ["f", "g"]


def test_comments_are_skipped() -> None:
    assert print_op(parse_module("// first\n" + EXAMPLE.replace("loc(", "// } \n loc("))) == EXAMPLE


def depth(n: int) -> str:
    inner = "graph.yield(%x)"
    for _ in range(n):
        inner = f"%y = graph.if(%p) ({{ {inner} }}, {{ graph.yield(%x) }}) : tensor<f32>\ngraph.yield(%y)"
    body = inner.replace("graph.yield(%y)", "func.return(%y)") if n == 0 else inner
    last = body.rpartition("graph.yield(%y)")[0]
    return f"func.func @main(%p: tensor<i1>, %x: tensor<f32>) -> (tensor<f32>) {{\n{last}func.return(%y)\n}}"


def test_deep_nesting_reads_back() -> None:
    module = parse_module(depth(40))
    verify(module)
    for generic in (False, True):
        text = print_op(module, generic)
        assert print_op(parse_module(text), generic) == text


def test_numbers_with_types() -> None:
    assert AttributeParser("3 : i64").attribute() == 3
    assert AttributeParser("3 : index").attribute() == Number(3, IndexType())
    assert AttributeParser("1.5 : f64").attribute() == 1.5
    assert AttributeParser("true").attribute() is True
    assert AttributeParser("0x10").attribute() == 16
    assert AttributeParser("[1 : i64, 2]").attribute() == (1, 2)
    assert TensorType((2,), i64) == AttributeParser("tensor< 2xi64 >").attribute()
