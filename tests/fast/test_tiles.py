"""How rows and steps of a product are cut."""

import pytest
from netwright.compiler.cost.gemm import Product, choose_gemm
from netwright.compiler.cost.recurrent import recurrent_tile
from netwright.compiler.cost.tiles import RowTiles, even_rows, split_rows, steps_at_once
from netwright.compiler.target import TARGETS


@pytest.mark.parametrize("target", TARGETS.values(), ids=str)
@pytest.mark.parametrize("vectors", [1, 2, 4])
def test_tiles_cover_all_rows(target: object, vectors: int) -> None:
    for rows in range(1, 200):
        for most in (1, 4, 6, 14, 20):
            cut = even_rows(target, rows, most, vectors)  # type: ignore[arg-type]
            assert cut.count * cut.rows + cut.rest_count * (cut.rows - 1) == rows
            assert cut.rows <= most and cut == split_rows(rows, cut.rows)


def test_one_height_where_it_is_about_as_fast() -> None:
    target = TARGETS["x86-64-v4"]
    assert split_rows(32, 14) == RowTiles(11, 2, 1)
    assert even_rows(target, 32, 14, 2) == RowTiles(8, 4, 0)
    # 4 rows would load as often as they multiply
    assert even_rows(target, 784, 6, 4) == split_rows(784, 6) == RowTiles(6, 129, 2)


@pytest.mark.parametrize(
    ("count", "accumulators", "steps"),
    [(784, 24, 2), (27, 24, 3), (25, 24, 2), (784, 8, 4), (10, 8, 5), (27, 8, 3), (7, 8, 4)],
)
def test_steps_at_once(count: int, accumulators: int, steps: int) -> None:
    assert steps_at_once(count, accumulators) == steps


def test_a_batch_is_cut_into_several_tasks() -> None:
    for target in TARGETS.values():
        for batch in (16, 32, 100):
            rows, vectors = recurrent_tile(target, batch, 120)
            assert -(-batch // rows) >= 4 and rows * vectors + vectors < target.registers


def test_second_variants_of_a_large_product_have_to_be_worth_it() -> None:
    target = TARGETS["x86-64-v4"]
    assert choose_gemm(target, Product(96, 512, 784)).tile == (6, 4)
    assert choose_gemm(target, Product(3136, 512, 100, turned_x=True)).tile[0] in (6, 8)
