"""Arithmetic on sizes: what a graph computes from shapes is known when it is imported, symbols included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from netwright.compiler.ir.printer import print_op
from netwright.compiler.ops.dynamic import DefineSize
from netwright.runtime.errors import Error, FormatError, ShapeError, UnsupportedError

from .graphs import Type, argument_shapes, const, graph, load, node, ops, placeholder, result_shapes, run


def strided(name: str, x: str, begin: list, end: list, strides: list | None = None, **masks: int) -> list:
    """A StridedSlice with its three constants."""
    strides = strides or [1] * len(begin)
    rows = (("begin", begin), ("end", end), ("strides", strides))
    constants = [const(f"{name}/{key}", np.array(value, np.int32)) for key, value in rows]
    return [*constants, node(name, "StridedSlice", x, *(f"{name}/{key}" for key, _ in rows), **masks)]


def size_of(x: str, axis: int, name: str) -> list:
    """Shape(x)[axis], as Keras writes it."""
    return [
        node(f"{name}/shape", "Shape", x),
        *strided(name, f"{name}/shape", [axis], [axis + 1], shrink_axis_mask=1),
    ]


def test_flatten_as_keras_writes_it():
    data = graph(
        placeholder("x", None, 5, 4),
        *size_of("x", 0, "n"),
        const("minus", -1),
        node("shape", "Pack", "n", "minus"),
        node("y", "Reshape", "x", "shape"),
    )
    module = load(data)
    assert ops(module) == ["reshape"]
    assert argument_shapes(module) == {"x": ["n", "5", "4"]}
    assert result_shapes(module) == {"y": ["n", "20"]}
    x = np.arange(40, dtype=np.float32).reshape(2, 5, 4)
    np.testing.assert_array_equal(run(data, x), x.reshape(2, 20))
    assert run(data, x[:0]).shape == (0, 20)


def test_arithmetic_of_all_kinds():
    data = graph(
        placeholder("x", None, None, 6),
        *size_of("x", 0, "n"),
        *size_of("x", 1, "h"),
        const("two", 2),
        const("zero", 0),
        node("double", "Mul", "h", "two"),
        node("more", "AddV2", "double", "two"),
        node("less", "Sub", "more", "two"),
        node("half", "Div", "less", "two"),
        node("n64", "Cast", "n", DstT=Type("int64")),
        node("n32", "Cast", "n64", DstT=Type("int32")),
        const("axes", [0]),
        node("pair", "Pack", "half", "two"),
        node("all", "Prod", "pair", "axes"),
        const("three", [3]),
        node("alls", "ExpandDims", "all", "zero"),
        node("ns", "Pack", "n32"),
        node("shape", "ConcatV2", "ns", "alls", "three", "zero"),
        node("y", "Reshape", "x", "shape"),
    )
    module = load(data)
    assert ops(module) == ["reshape"]
    assert result_shapes(module) == {"y": ["n", "2*x_d1", "3"]}


def test_floats_on_the_way_to_sizes():
    data = graph(
        placeholder("x", 4, 6),
        *size_of("x", 0, "h"),
        node("f", "Cast", "h", DstT=Type("float32")),
        const("scale", 2.5),
        node("scaled", "Mul", "f", "scale"),
        node("floor", "Floor", "scaled"),
        node("i", "Cast", "floor", DstT=Type("int32")),
        node("dims", "Pack", "i"),
        const("value", 1.0),
        node("y", "Fill", "dims", "value"),
    )
    np.testing.assert_array_equal(
        run(data, np.zeros((4, 6), np.float32), inputs=["x"]), np.ones(10, np.float32)
    )


def test_shapes_as_results():
    data = graph(
        placeholder("x", None, 3),
        node("shape", "Shape", "x", out_type=Type("int64")),
        node("size", "Size", "x"),
        node("rank", "Rank", "x"),
        node("both", "ShapeN", "x", "shape"),
    )
    shape, size, rank, other = run(
        data, np.zeros((2, 3), np.float32), outputs=["shape", "size", "rank", "both:1"]
    )
    assert (shape.tolist(), shape.dtype, size, rank, other.tolist()) == ([2, 3], np.int64, 6, 2, [2])


@pytest.mark.parametrize(
    ("shape", "target", "want"),
    [
        ((None, 6), [-1], ["6*n"]),
        ((None, 6), [-1, 3, 2], ["n", "3", "2"]),
        ((None, 6), [3, -1], ["3", "2*n"]),
        ((None, 5), [3, -1], ["3", "floordiv(2*n, 3) + n"]),
        ((None, None), [-1, 4], ["floordiv(n*x_d1, 4)", "4"]),
        ((2, 6), [4, -1], ["4", "3"]),
        ((None, 0), [-1, 3], ["0", "3"]),
    ],
)
def test_minus_one(shape, target, want):
    data = graph(placeholder("x", *shape), const("shape", target), node("y", "Reshape", "x", "shape"))
    assert result_shapes(load(data)) == {"y": want}


def test_what_cannot_be_proved_is_checked_at_run_time():
    data = graph(placeholder("x", None, 5), const("shape", [3, -1]), node("y", "Reshape", "x", "shape"))
    assert run(data, np.zeros((6, 5), np.float32)).shape == (3, 10)
    with pytest.raises(ShapeError):
        run(data, np.zeros((4, 5), np.float32))


@pytest.mark.parametrize(
    ("shape", "target", "message"),
    [
        ((2, 6), [5, -1], r"node 'y' \(Reshape\): expected a shape for 12 elements, found \[5, -1\]"),
        ((2, 6), [5, 2], r"node 'y' \(Reshape\): \[2, 6\] has no reshape to \[5, 2\]"),
        ((2, 6), [-1, -1], r"node 'y' \(Reshape\): expected one -1 at most"),
        ((2, 0), [0, -1], r"node 'y' \(Reshape\): expected other sizes than 0 beside -1"),
        ((2, 6), [-2, 6], r"node 'y' \(Reshape\): expected sizes of 0 and above, found \[-2, 6\]"),
    ],
)
def test_shapes_that_do_not_fit(shape, target, message):
    data = graph(placeholder("x", *shape), const("shape", target), node("y", "Reshape", "x", "shape"))
    with pytest.raises((FormatError, ShapeError), match=message):
        load(data)


def test_squeeze():
    x = placeholder("x", None, 1, 3, 1)
    assert result_shapes(load(graph(x, node("y", "Squeeze", "x", squeeze_dims=(1,))))) == {
        "y": ["n", "3", "1"]
    }
    assert result_shapes(load(graph(x, node("y", "Squeeze", "x", squeeze_dims=(-1, 1))))) == {"y": ["n", "3"]}
    with pytest.raises(UnsupportedError, match="without axes it needs all sizes"):
        load(graph(x, node("y", "Squeeze", "x")))
    assert result_shapes(load(graph(x, node("y", "Squeeze", "x")), batch=2)) == {"y": ["2", "3"]}
    with pytest.raises(FormatError, match=r"expected size 1 in axes \[2\]"):
        load(graph(x, node("y", "Squeeze", "x", squeeze_dims=(2,))))


def test_a_symbol_can_be_squeezed_where_it_is_one():
    data = graph(placeholder("x", None, 3), node("y", "Squeeze", "x", squeeze_dims=(0,)))
    assert run(data, np.zeros((1, 3), np.float32)).shape == (3,)
    with pytest.raises(ShapeError):
        run(data, np.zeros((2, 3), np.float32))


def test_pieces_of_a_size_that_is_not_known():
    data = graph(
        placeholder("x", None, 3),
        const("zero", 0),
        node("s", "Split", "zero", "x", num_split=2),
        node("v", "SplitV", "x", "sizes", "zero", num_split=2),
        const("sizes", [1, -1]),
        node("u", "Unpack", "x", num=4),
    )
    x = np.arange(12, dtype=np.float32).reshape(4, 3)
    s, v, u = run(data, x, outputs=["s:1", "v:1", "u:2"])
    np.testing.assert_array_equal(s, x[2:])
    np.testing.assert_array_equal(v, x[1:])
    np.testing.assert_array_equal(u, x[2])
    for outputs, count in ((["s"], 5), (["v"], 0), (["u"], 5)):
        with pytest.raises(ShapeError):
            run(data, np.zeros((count, 3), np.float32), outputs=outputs)


# StridedSlice against Python's own slices.

ENDS = st.one_of(st.none(), st.integers(-7, 7))
ITEMS = st.one_of(
    st.builds(slice, ENDS, ENDS, st.integers(1, 3)), st.integers(-2, 1), st.just(None), st.just(Ellipsis)
)


def masks_of(index: tuple) -> tuple[list, list, list, dict[str, int]]:
    """begin, end, strides and masks that mean what a Python index means."""
    begin, end, strides = [], [], []
    masks = dict.fromkeys(("begin", "end", "ellipsis", "new_axis", "shrink_axis"), 0)
    for i, item in enumerate(index):
        if isinstance(item, slice):
            values = (item.start, item.stop, item.step or 1)
            masks["begin"] |= (item.start is None) << i
            masks["end"] |= (item.stop is None) << i
        else:
            values = (item, item + 1, 1) if isinstance(item, int) else (0, 0, 1)
            masks["shrink_axis"] |= isinstance(item, int) << i
            masks["new_axis"] |= (item is None) << i
            masks["ellipsis"] |= (item is Ellipsis) << i
        for to, value in zip((begin, end, strides), values, strict=True):
            to.append(value or 0)
    return begin, end, strides, {f"{key}_mask": value for key, value in masks.items()}


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(ITEMS, min_size=1, max_size=5), st.sampled_from([(3, 4, 5), (2, 6), (2, 2, 2, 3)]))
def test_strided_slice(index, shape):
    index = tuple(index)
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    if index.count(Ellipsis) > 1 or sum(isinstance(i, (slice, int)) for i in index) > len(shape):
        return
    want = x[index]
    begin, end, strides, masks = masks_of(index)
    for known in (shape, (None,) * len(shape)):
        data = graph(placeholder("x", *known), *strided("y", "x", begin, end, strides, **masks))
        np.testing.assert_array_equal(run(data, x), want)


@pytest.mark.parametrize("size", [0, 1, 2, 5])
@pytest.mark.parametrize(
    "index", [slice(2, None), slice(1, -1), slice(-3, None), slice(2, 4), slice(None, -2)]
)
def test_slices_of_a_size_that_is_not_known_are_cut_as_tensorflow_does(index, size):
    begin, end, strides, masks = masks_of((index,))
    data = graph(placeholder("x", None), *strided("y", "x", begin, end, strides, **masks))
    x = np.arange(size, dtype=np.float32)
    if size or 1 not in (index.start, index.stop):
        np.testing.assert_array_equal(run(data, x), x[index])


@pytest.mark.parametrize(
    ("index", "want"), [(slice(1, None), "n - 1"), (slice(None, 1), "1"), (slice(None, -1), "n - 1")]
)
def test_slices_of_one_keep_empty_tensors_out(index, want):
    begin, end, strides, masks = masks_of((index,))
    data = graph(placeholder("x", None), *strided("y", "x", begin, end, strides, **masks))
    assert result_shapes(load(data)) == {"y": [want]}
    np.testing.assert_array_equal(run(data, np.ones(1, np.float32)), np.ones(1, np.float32)[index])
    with pytest.raises(ShapeError):
        run(data, np.ones(0, np.float32))


def test_positions_outside_are_refused():
    known = graph(placeholder("x", 3), *strided("y", "x", [3], [4], shrink_axis_mask=1))
    with pytest.raises(FormatError, match="expected a position within 3 elements, found 3"):
        load(known)
    unknown = graph(placeholder("x", None), *strided("y", "x", [3], [4], shrink_axis_mask=1))
    assert run(unknown, np.arange(4, dtype=np.float32)) == 3
    with pytest.raises(ShapeError):
        run(unknown, np.arange(3, dtype=np.float32))
    begin, size = const("b", [2]), const("s", [3])
    data = graph(placeholder("x", None), begin, size, node("y", "Slice", "x", "b", "s"))
    np.testing.assert_array_equal(run(data, np.arange(6, dtype=np.float32)), [2, 3, 4])
    with pytest.raises(ShapeError):
        run(data, np.arange(4, dtype=np.float32))


@pytest.mark.parametrize(
    ("masks", "given_", "message"),
    [
        ({"ellipsis_mask": 3}, ([0, 0], [0, 0]), "at most one ellipsis"),
        ({}, ([0, 0], [1, 1]), "at most one ellipsis and 1 ranges, found 0 and 2"),
        ({}, ([0], [1], [0]), "strides other than 0"),
    ],
)
def test_masks_that_make_no_sense(masks, given_, message):
    with pytest.raises(FormatError, match=message):
        load(graph(placeholder("x", 3), *strided("y", "x", *given_, **masks)))


def test_sizes_that_grow_without_measure_are_left_for_run_time():
    """A formula of 2**40 factors is not written down."""
    nodes = [
        placeholder("x", None, None),
        *size_of("x", 0, "a"),
        *size_of("x", 1, "b"),
        node("p0", "AddV2", "a", "b"),
    ]
    nodes += [node(f"p{i + 1}", "Mul", f"p{i}", f"p{i}") for i in range(40)]
    module = load(graph(*nodes, node("shape", "Pack", "p40"), node("y", "Reshape", "x", "shape")))
    assert [op.symbol for op in module.walk() if isinstance(op, DefineSize)] == ["size"]
    assert len(print_op(module)) < 20_000


def test_huge_shapes_are_refused():
    dims = const("dims", np.array([2**40, 2**40], np.int64))
    with pytest.raises(Error, match="expected a tensor that fits in memory"):
        load(graph(dims, const("v", 0.0), node("y", "Fill", "dims", "v")))
    limits = const("a", 0), const("b", 2**30), const("c", 1)
    with pytest.raises(UnsupportedError, match="a range of 1073741824 elements is not supported"):
        load(graph(*limits, node("y", "Range", "a", "b", "c")))
