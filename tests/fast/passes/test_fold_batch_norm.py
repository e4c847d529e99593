"""fold-batch-norm: statistics into weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from netwright.compiler.ir.passes import make_pass
from netwright.compiler.ops.constant import Constant
from netwright.compiler.passes.fold_batch_norm import FoldBatchNorm

TOLERANCE = 1e-5


def test_golden(golden: Path, check_golden) -> None:
    check_golden(golden, tolerance=TOLERANCE)


def constants(outcome) -> list[np.ndarray]:
    return [op.value.array for op in outcome.module.walk() if isinstance(op, Constant)]


def test_weights_are_rounded_once(run_pass) -> None:
    outcome = run_pass(
        "fold-batch-norm",
        """func.func @main(%x: tensor<1x1xf32>) -> (tensor<1x1xf32>) {
          %w = graph.constant() {value = dense<0.1> : tensor<1x1xf32>} : tensor<1x1xf32>
          %s = graph.constant() {value = dense<0.3> : tensor<1xf32>} : tensor<1xf32>
          %z = graph.constant() {value = dense<0.0> : tensor<1xf32>} : tensor<1xf32>
          %v = graph.constant() {value = dense<0.7> : tensor<1xf32>} : tensor<1xf32>
          %a = graph.matmul(%x, %w) : tensor<1x1xf32>
          %b = graph.batch_norm(%a, %s, %z, %z, %v) : tensor<1x1xf32>
          func.return(%b)
        }""",
        TOLERANCE,
    )
    w, s, v = (np.float64(np.float32(n)) for n in (0.1, 0.3, 0.7))
    assert constants(outcome)[0].item() == np.float32(w * s / np.sqrt(v + 1e-3))


def test_half_precision_and_bfloat16(run_pass) -> None:
    for dtype, tolerance in (("f16", 2e-3), ("bf16", 2e-2)):
        outcome = run_pass(
            "fold-batch-norm",
            f"""func.func @main(%x: tensor<3x2xf32>) -> (tensor<3x2xf32>) {{
              %h = graph.cast(%x) {{dtype = {dtype}}} : tensor<3x2x{dtype}>
              %w = graph.constant() {{value = dense<[[1.5, 0.25], [2.0, -1.0]]> : tensor<2x2x{dtype}>}}
                : tensor<2x2x{dtype}>
              %s = graph.constant() {{value = dense<[3.0, 0.75]> : tensor<2x{dtype}>}} : tensor<2x{dtype}>
              %a = graph.matmul(%h, %w) : tensor<3x2x{dtype}>
              %b = graph.mul(%a, %s) : tensor<3x2x{dtype}>
              %c = graph.add(%b, %s) : tensor<3x2x{dtype}>
              %y = graph.cast(%c) {{dtype = f32}} : tensor<3x2xf32>
              func.return(%y)
            }}""",
            tolerance,
        )
        assert outcome.count("graph.mul") == 0
        assert {a.dtype for a in constants(outcome)} == {np.dtype("float16" if dtype == "f16" else "uint16")}


def test_after_constant_folding_the_unfused_form_folds_too(run_pass) -> None:
    outcome = run_pass(
        "fold-constants,fold-batch-norm",
        """func.func @main(%x: tensor<?x4x4x1xf32> {graph.dims = ["n", 4, 4, 1]})
            -> (tensor<?x4x4x2xf32> {graph.dims = ["n", 4, 4, 2]}) {
          %w = graph.constant() {value = dense<[[[[1.0, 2.0]]]]> : tensor<1x1x1x2xf32>} : tensor<1x1x1x2xf32>
          %gamma = graph.constant() {value = dense<[0.5, 2.0]> : tensor<2xf32>} : tensor<2xf32>
          %beta = graph.constant() {value = dense<[1.0, -1.0]> : tensor<2xf32>} : tensor<2xf32>
          %mean = graph.constant() {value = dense<[0.1, 0.2]> : tensor<2xf32>} : tensor<2xf32>
          %var = graph.constant() {value = dense<[0.5, 1.5]> : tensor<2xf32>} : tensor<2xf32>
          %eps = graph.constant() {value = dense<0.001> : tensor<f32>} : tensor<f32>
          %v = graph.add(%var, %eps) : tensor<2xf32>
          %r = graph.rsqrt(%v) : tensor<2xf32>
          %inv = graph.mul(%r, %gamma) : tensor<2xf32>
          %m = graph.mul(%mean, %inv) : tensor<2xf32>
          %shift = graph.sub(%beta, %m) : tensor<2xf32>
          %a = graph.conv2d(%x, %w) : tensor<?x4x4x2xf32> loc("conv")
          %b = graph.mul(%a, %inv) : tensor<?x4x4x2xf32> loc("bn/mul")
          %y = graph.add(%b, %shift) : tensor<?x4x4x2xf32> loc("bn/add")
          func.return(%y)
        }""",
        TOLERANCE,
    )
    assert outcome.count("graph.mul") == 0
    assert outcome.count("graph.add") == 1
    assert outcome.reasons == []


def test_a_far_mean_is_subtracted_first(run_pass) -> None:
    outcome = run_pass(
        "fold-batch-norm",
        """func.func @main(%d: tensor<3x1xf32>) -> (tensor<3x1xf32>) {
          %far = graph.constant() {value = dense<4096.0> : tensor<1xf32>} : tensor<1xf32>
          %one = graph.constant() {value = dense<1.0> : tensor<1xf32>} : tensor<1xf32>
          %small = graph.constant() {value = dense<1.0e-06> : tensor<1xf32>} : tensor<1xf32>
          %x = graph.add(%d, %far) : tensor<3x1xf32>
          %y = graph.batch_norm(%x, %one, %one, %far, %small) {epsilon = 0.0} : tensor<3x1xf32>
          func.return(%y)
        }""",
        TOLERANCE,
    )
    assert outcome.count("graph.sub") == 1


def test_name_on_the_command_line() -> None:
    assert make_pass("fold-batch-norm") == FoldBatchNorm()


def test_a_number_in_front_goes_into_the_weights(run_pass) -> None:
    outcome = run_pass(
        "fold-batch-norm",
        """func.func @main(%x: tensor<2x5x5x1xf32>) -> (tensor<2x5x5x2xf32>) {
          %w = graph.constant() {value = dense<[[[[1.0, 2.0]], [[0.5, -1.0]]]]> : tensor<1x2x1x2xf32>}
            : tensor<1x2x1x2xf32>
          %s = graph.constant() {value = dense<0.25> : tensor<f32>} : tensor<f32>
          %z = graph.constant() {value = dense<0.0> : tensor<f32>} : tensor<f32>
          %a = graph.mul(%x, %s) : tensor<2x5x5x1xf32>
          %b = graph.add(%a, %z) : tensor<2x5x5x1xf32>
          %y = graph.conv2d(%b, %w) {padding = "SAME"} : tensor<2x5x5x2xf32>
          func.return(%y)
        }""",
        TOLERANCE,
    )
    assert outcome.count("graph.mul") == outcome.count("graph.add") == 0
    assert constants(outcome)[0].ravel().tolist() == [0.25, 0.5, 0.125, -0.25]


def test_a_number_in_front_stays_for_another_user_and_when_it_is_extreme(run_pass) -> None:
    for number, result in (("0.25", "%a"), ("1.0e-9", "%x")):
        outcome = run_pass(
            "fold-batch-norm",
            f"""func.func @main(%x: tensor<2x2xf32>) -> (tensor<2x2xf32>, tensor<2x2xf32>) {{
              %w = graph.constant() {{value = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>}} : tensor<2x2xf32>
              %s = graph.constant() {{value = dense<{number}> : tensor<f32>}} : tensor<f32>
              %a = graph.mul(%x, %s) : tensor<2x2xf32>
              %y = graph.matmul(%a, %w) : tensor<2x2xf32>
              func.return(%y, {result})
            }}""",
            TOLERANCE,
        )
        assert outcome.count("graph.mul") == 1
