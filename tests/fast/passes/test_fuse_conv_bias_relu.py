"""fuse-conv-bias-relu: epilogues."""

from __future__ import annotations

from pathlib import Path

from netwright.compiler.ir.passes import make_pass
from netwright.compiler.ops.fused import BINARY_STEPS, UNARY_STEPS
from netwright.compiler.passes.fuse_conv_bias_relu import FuseConvBiasRelu


def test_golden(golden: Path, check_golden) -> None:
    check_golden(golden)


def test_every_step_the_fused_op_knows_is_fused(run_pass) -> None:
    for step in BINARY_STEPS + UNARY_STEPS:
        extra = ", %b" if step in BINARY_STEPS else ""
        outcome = run_pass(
            "fuse-conv-bias-relu",
            f"""func.func @main(%x: tensor<1x5x5x2xf32>, %w: tensor<3x3x2x3xf32>, %b: tensor<3xf32>)
                -> (tensor<1x2x2x3xf32>) {{
              %a = graph.conv2d(%x, %w) {{strides = [2, 2]}} : tensor<1x2x2x3xf32>
              %y = graph.{step}(%a{extra}) : tensor<1x2x2x3xf32>
              func.return(%y)
            }}""",
        )
        assert outcome.count("graph.fused_conv2d") == 1, step
        assert outcome.count("graph." + step) == 0


def test_requirements_of_the_product_stay(run_pass) -> None:
    outcome = run_pass(
        "fuse-conv-bias-relu",
        """func.func @main(%x: tensor<2x?xf32> {graph.dims = [2, "n"]}, %w: tensor<?x2xf32> {graph.dims = ["m", 2]})
            -> (tensor<2x2xf32>) {
          %a = graph.matmul(%x, %w) : tensor<2x2xf32>
          %y = graph.relu(%a) : tensor<2x2xf32>
          func.return(%y)
        }""",
    )
    (fused,) = (op for op in outcome.module.walk() if op.name == "graph.fused_matmul")
    assert fused.attributes["requires"] == ("n == m",)


def test_name_and_option_on_the_command_line() -> None:
    assert make_pass("fuse-conv-bias-relu", "max-steps=3") == FuseConvBiasRelu(max_steps=3)
