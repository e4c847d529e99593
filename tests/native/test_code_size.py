"""Code that serves several cases: kernels shared by sizes, and all rests of products known at run time."""

from pathlib import Path
from typing import Any

import pytest
from netwright.compiler.driver import run_passes
from netwright.compiler.ops.activation import Exp, Relu
from netwright.compiler.ops.elementwise import Add, Mul
from netwright.compiler.ops.matmul import MatMul
from netwright.compiler.ops.norm import BatchNorm
from netwright.compiler.options import CompileOptions
from netwright.compiler.target import resolve_target

from ..helpers import check, graph, tensor

TARGETS = ["native", "x86-64-v3", "x86-64"]
SHAPES = [(7,), (33, 5), (64,), (2, 3, 100), (1, 4097), (4096,)]


def kernels(module: Any) -> list[Any]:
    """The kernels that a module becomes; the module is consumed."""
    run_passes(module, CompileOptions(stop_after="form-kernels"), resolve_target("native"))
    return [k for k in module.body.ops if k.name == "kern.kernel"]


def test_sizes_share_a_pointwise_kernel(tmp_path: Path) -> None:
    def net(b: Any, factor: Any, *xs: Any) -> Any:
        return tuple(b(Exp, b(Mul, b(Add, x, x), factor)) for x in xs)

    module = graph(net, [tensor(), *(tensor(*s) for s in SHAPES)])
    assert len(kernels(module.clone({}))) == 1
    check(module, tmp_path, [{}])


def test_a_size_that_repeats_is_not_shared(tmp_path: Path) -> None:
    def net(b: Any, row: Any, *xs: Any) -> Any:
        return tuple(b(Mul, x, row) for x in xs)

    module = graph(net, [tensor(5), tensor(33, 5), tensor(5), tensor(1, 5)])
    assert len(kernels(module.clone({}))) == 2
    check(module, tmp_path, [{}])


def test_statistics_of_one_channel(tmp_path: Path) -> None:
    """Its operands have one element each, and stay what they are."""
    module = graph(
        lambda b, x, *s: b(BatchNorm, x, *s, epsilon=0.5),
        [tensor(268, 1, 1, 1), *(tensor(1) for _ in range(4))],
    )
    check(module, tmp_path, [{}])


def check_products(folder: Path, target: str, transposed: bool, m: int, k: int, n: int) -> None:
    """relu(x·w + bias) with x as it is and transposed."""
    for left in (False, True):
        module = graph(
            lambda b, x, w, bias, left=left: b(
                Relu, b(Add, b(MatMul, x, w, transpose_x=left, transpose_y=transposed), bias)
            ),
            [tensor(k, m) if left else tensor(m, k), tensor(n, k) if transposed else tensor(k, n), tensor(n)],
        )
        check(module, folder, [{}], target=target)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(
    ("m", "k", "n"), [(97, 10, 120), (130, 77, 33), (67, 259, 100), (161, 30, 16), (53, 5, 500)]
)
def test_rests_of_rows_columns_and_steps(
    tmp_path: Path, target: str, transposed: bool, m: int, k: int, n: int
) -> None:
    check_products(tmp_path, target, transposed, m, k, n)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(("m", "k", "n"), [(100, 777, 500), (785, 101, 500), (65, 1031, 90), (32, 2050, 72)])
def test_rests_of_large_products(
    tmp_path: Path, target: str, transposed: bool, m: int, k: int, n: int
) -> None:
    check_products(tmp_path, target, transposed, m, k, n)
