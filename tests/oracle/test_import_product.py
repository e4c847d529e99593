"""Products and einsum against TensorFlow."""

from __future__ import annotations

import pytest
from netwright.frontends.tensorflow.einsum import Equation
from netwright.frontends.tensorflow.registry import Malformed

from .tensorflow_graphs import Graph, check, node

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
def test_products_of_matrices(tensorflow, dtype):
    for ta in (False, True):
        for tb in (False, True):
            build = node(tensorflow, "MatMul", "a", "b", transpose_a=ta, transpose_b=tb)
            check(tensorflow, build, ((4, 3) if ta else (3, 4), dtype), ((5, 4) if tb else (4, 5), dtype))
            build = node(tensorflow, "BatchMatMulV2", "x", "y", adj_x=ta, adj_y=tb)
            x, y = (None, 1, *((4, 3) if ta else (3, 4))), (2, *((5, 4) if tb else (4, 5)))
            check(tensorflow, build, (x, dtype), (y, dtype))
    check(tensorflow, node(tensorflow, "MatMul", "a", "b"), ((None, 0), dtype), ((0, 3), dtype))


@pytest.mark.parametrize(
    "dtypes", [("int8", "int8"), ("uint8", "int8"), ("int8", "uint8"), ("uint8", "uint8")]
)
def test_products_of_bytes(tensorflow, dtypes):
    x, y = ((None, 3, 70), dtypes[0]), ((70, 2), dtypes[1])
    check(tensorflow, node(tensorflow, "BatchMatMulV3", "x", "y", Tout="int32"), x, y)


def test_other_products(tensorflow):
    check(tensorflow, node(tensorflow, "BatchMatMulV2", "x", "y"), ((None, 3, 4), "int16"), ((4, 2), "int16"))
    check(tensorflow, node(tensorflow, "BatchMatMul", "x", "y", adj_y=True), (None, 3, 4), (None, 5, 4))
    check(tensorflow, node(tensorflow, "SparseMatMul", "a", "b", transpose_b=True), (None, 4), (5, 4))
    check(tensorflow, lambda x, y: tensorflow.linalg.matvec(x, y), (None, 3, 4), (None, 4))
    check(tensorflow, lambda x, y: tensorflow.tensordot(x, y, [[1, 2], [1, 0]]), (None, 3, 4), (4, 3, 2))


ONE = ["ii->i", "i->ii", "i->iii", "ii->", "iij->ji", "...ii->...i", "ij->iijj", "ij->ji", "ij->", "...->...", "ij->j",
       "...i->i...", "...ii->i..."]  # fmt: skip
TWO = ["ij,jk->ik", "ji,jk->ik", "ij,kj->ki", "ij,ij->ij", "ij,ij->", "i,j->ij", "ij,k->kji", "ij,ij->i",
       "bij,bjk->bik", "bij,jk->bik", "abc,cde->abde", "aecd,abcd->acbe", "acbe,aecd->abcd", "abcd,cde->abe",
       "...ij,...jk->...ik", "...ij,jk->...ik", "ij,...jk->...ik", "i...j,j...k->i...k", "...ii,...jj->...ij",
       "ij,ij->i...", "iI,I->i", ",->", "i,->i", "ab...,b...->...a", "iji,jk->kii", "bhqd,bhkd->bhqk", "ij,kl->il",
       "bi,bi->b"]  # fmt: skip
SIZES = {"i": 3, "j": 4, "k": 2, "a": None, "b": None, "c": 3, "d": 5, "e": 2, "h": 2, "q": 3, "I": 4, "l": 3}


def _shapes(labels: str, under: tuple[int | None, ...]) -> tuple[int | None, ...]:
    before, dots, after = labels.partition("...")
    return (*(SIZES[x] for x in before), *(under if dots else ()), *(SIZES[x] for x in after))


@pytest.mark.parametrize("equation", ONE)
def test_einsum_of_one(tensorflow, equation):
    shape = _shapes(equation.partition("->")[0], (None, 2))
    check(tensorflow, lambda x: tensorflow.raw_ops.Einsum(inputs=[x], equation=equation), shape)


@pytest.mark.parametrize("equation", TWO)
def test_einsum_of_two(tensorflow, equation):
    left, right = equation.partition("->")[0].split(",")
    for under in [((2, 1), (3,)), ((2,), (2,)), ((1, 2), (3, 1)), ((), ())]:
        shapes = [_shapes(left, under[0]), _shapes(right, under[1])]
        if len(equation.replace(".", "")) == len(equation) and under != ((), ()):
            continue
        try:
            Graph(tensorflow, lambda x, y: tensorflow.raw_ops.Einsum(inputs=[x, y], equation=equation),
                  [(s, "float32") for s in shapes])  # fmt: skip
        except ValueError:
            continue
        check(tensorflow, lambda x, y: tensorflow.raw_ops.Einsum(inputs=[x, y], equation=equation), *shapes)


def test_einsum_of_integers_and_of_many(tensorflow):
    for dtype in ("int32", "int64", "float64"):
        build = lambda x, y: tensorflow.raw_ops.Einsum(inputs=[x, y], equation="ij,jk->ki")  # noqa: E731
        check(tensorflow, build, ((None, 4), dtype), ((4, 2), dtype))
    many = lambda x, y, z: tensorflow.einsum("ij,jk,kl->li", x, y, z)  # noqa: E731
    check(tensorflow, many, (None, 4), (4, 2), (2, 3))


@pytest.mark.parametrize(
    ("text", "ranks"),
    [
        ("ij,jk", [2, 2]),
        ("ij->i", [3]),
        ("ij->i", [2, 2]),
        ("...i->i", [2]),
        ("i->j->k", [1]),
        ("ij->k", [2]),
    ],
)
def test_equations_that_contradict_themselves(text, ranks):
    with pytest.raises(Malformed, match="expected"):
        Equation.parse(text, ranks)
