"""Layers with arguments and inputs' shapes, for tests of all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

ROW, STEPS, IMAGE, VOLUME = (3, 5), (2, 9, 4), (2, 8, 7, 4), (2, 5, 6, 4, 4)


@dataclass
class Case:
    """A layer with arguments on inputs of these shapes; `both`: also in training, where the result is the same
    each time."""

    name: str
    shapes: Any
    options: dict[str, Any] = field(default_factory=dict)
    both: bool = False
    low: float = -1.0

    def __str__(self) -> str:
        options = ",".join(f"{k}={v}" for k, v in self.options.items())
        return f"{self.name}({options})".replace(" ", "")

    @property
    def several(self) -> bool:
        return isinstance(self.shapes, list)

    def inputs(self, rng: np.random.Generator) -> list[Any]:
        shapes = self.shapes if self.several else [self.shapes]
        return [rng.uniform(self.low, 1, s).astype(np.float32) for s in shapes]


def convolutions() -> list[Case]:
    out: list[Case] = []
    for rank, shape in ((1, STEPS), (2, IMAGE), (3, VOLUME)):
        for options in (
            {"filters": 6, "kernel_size": 3},
            {"filters": 6, "kernel_size": 2, "strides": 2, "padding": "same", "activation": "relu"},
            {"filters": 4, "kernel_size": 3, "padding": "same", "groups": 2, "use_bias": False},
        ):
            out.append(Case(f"Conv{rank}D", shape, options))
        for options in (
            {"filters": 3, "kernel_size": 3},
            {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same"},
            {"filters": 3, "kernel_size": 2, "strides": 3, "activation": "tanh"},
            {"filters": 3, "kernel_size": 3, "strides": 2, "output_padding": 1, "use_bias": False},
            {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same", "output_padding": 1},
        ):
            out.append(Case(f"Conv{rank}DTranspose", shape, options))
    for rank, shape in ((1, STEPS), (2, IMAGE)):
        out += [
            Case(f"Conv{rank}D", shape, {"filters": 3, "kernel_size": 3, "dilation_rate": 2}),
            Case(f"DepthwiseConv{rank}D", shape, {"kernel_size": 3}),
            Case(f"DepthwiseConv{rank}D", shape, {"kernel_size": 3, "depth_multiplier": 2, "padding": "same"}),
            Case(f"DepthwiseConv{rank}D", shape, {"kernel_size": 3, "strides": 2, "activation": "relu"}),
            Case(f"DepthwiseConv{rank}D", shape, {"kernel_size": 2, "dilation_rate": 2}),
            Case(f"SeparableConv{rank}D", shape, {"filters": 5, "kernel_size": 3}),
            Case(
                f"SeparableConv{rank}D", shape,
                {"filters": 5, "kernel_size": 3, "strides": 2, "padding": "same", "depth_multiplier": 2},
            ),
        ]  # fmt: skip
    return [
        *out,
        Case("Conv1D", STEPS, {"filters": 3, "kernel_size": 3, "padding": "causal", "dilation_rate": 2}),
        Case("Conv1D", STEPS, {"filters": 3, "kernel_size": 2, "padding": "causal", "strides": 2}),
        Case(
            "Conv2D",
            IMAGE,
            {"filters": 3, "kernel_size": (3, 1), "strides": (2, 1), "kernel_regularizer": "l2"},
        ),
    ]


def pools() -> list[Case]:
    out: list[Case] = []
    for rank, shape in ((1, STEPS), (2, IMAGE), (3, VOLUME)):
        for kind in ("Max", "Average"):
            out += [
                Case(f"{kind}Pooling{rank}D", shape, {"pool_size": 2}),
                Case(f"{kind}Pooling{rank}D", shape, {"pool_size": 3, "strides": 2, "padding": "same"}),
                Case(f"Global{kind}Pooling{rank}D", shape),
                Case(f"Global{kind}Pooling{rank}D", shape, {"keepdims": True}),
                Case(f"Adaptive{kind}Pooling{rank}D", shape, {"output_size": 3}),
            ]
    return out


def shapes() -> list[Case]:
    methods = ("bilinear", "bicubic", "lanczos3", "lanczos5")
    return [
        Case("UpSampling1D", STEPS, {"size": 3}),
        Case("UpSampling2D", IMAGE, {"size": (2, 3)}),
        *(Case("UpSampling2D", IMAGE, {"interpolation": m}) for m in methods),
        Case("UpSampling3D", VOLUME, {"size": (1, 2, 2)}),
        Case("ZeroPadding1D", STEPS, {"padding": (2, 1)}),
        Case("ZeroPadding2D", IMAGE, {"padding": ((1, 0), (2, 3))}),
        Case("ZeroPadding2D", IMAGE, {"padding": (1, 2)}),
        Case("ZeroPadding3D", VOLUME, {"padding": 1}),
        Case("Cropping1D", STEPS, {"cropping": (2, 0)}),
        Case("Cropping2D", IMAGE, {"cropping": ((1, 0), (2, 3))}),
        Case("Cropping3D", VOLUME),
        Case("Flatten", IMAGE),
        Case("Flatten", (3,)),
        Case("Reshape", STEPS, {"target_shape": (6, -1)}),
        Case("Reshape", STEPS, {"target_shape": (6, 3, 2)}),
        Case("Permute", IMAGE, {"dims": (3, 1, 2)}),
        Case("RepeatVector", ROW, {"n": 3}),
        Case("Identity", ROW),
        Case("Masking", STEPS, {"mask_value": 0.5}),
    ]


def merges() -> list[Case]:
    pair, three = [STEPS, STEPS], [STEPS, (2, 1, 4), (2, 4)]
    names = ("Add", "Multiply", "Average", "Maximum", "Minimum")
    return [
        *(Case(n, three) for n in names),
        Case("Subtract", pair),
        Case("Concatenate", [STEPS, (2, 9, 3)]),
        Case("Concatenate", [STEPS, (2, 3, 4)], {"axis": 1}),
        Case("Dot", [ROW, ROW], {"axes": 1}),
        Case("Dot", [STEPS, (2, 4, 3)], {"axes": (2, 1)}),
        Case("Dot", [STEPS, (2, 3, 9)], {"axes": (1, 2), "normalize": True}),
        Case("Dot", [STEPS, (2, 4)], {"axes": -1}),
    ]


def products() -> list[Case]:
    return [
        Case("Dense", ROW, {"units": 4, "activation": "tanh", "activity_regularizer": "l2"}),
        Case("Dense", STEPS, {"units": 4, "use_bias": False}),
        Case("EinsumDense", STEPS, {"equation": "abc,cd->abd", "output_shape": (9, 6), "bias_axes": "d"}),
        Case("EinsumDense", STEPS, {"equation": "...x,xy->...y", "output_shape": 6, "activation": "relu"}),
        Case("EinsumDense", STEPS, {"equation": "ab...,bc->ac...", "output_shape": 6, "bias_axes": "c"}),
        Case(
            "EinsumDense", STEPS, {"equation": "abc,cde->abde", "output_shape": (9, 2, 3), "bias_axes": "bd"}
        ),
    ]


def activations() -> list[Case]:
    return [
        Case("Activation", ROW, {"activation": "gelu"}),
        Case("ReLU", ROW),
        Case("ReLU", ROW, {"max_value": 0.7, "negative_slope": 0.1, "threshold": 0.2}),
        Case("LeakyReLU", ROW),
        Case("PReLU", IMAGE),
        Case("PReLU", IMAGE, {"shared_axes": [1, 2]}),
        Case("ELU", ROW, {"alpha": 0.5}),
        Case("Softmax", STEPS),
        Case("Softmax", STEPS, {"axis": (1, 2)}),
        Case("Dropout", ROW, {"rate": 0.3}),
        Case("SpatialDropout1D", STEPS, {"rate": 0.3}),
        Case("SpatialDropout2D", IMAGE, {"rate": 0.3}),
        Case("SpatialDropout3D", VOLUME, {"rate": 0.3}),
        Case("GaussianNoise", ROW, {"stddev": 0.3}),
        Case("GaussianDropout", ROW, {"rate": 0.3}),
        Case("AlphaDropout", ROW, {"rate": 0.3}),
        Case("ActivityRegularization", ROW, {"l1": 0.1, "l2": 0.2}),
    ]


def normalizations() -> list[Case]:
    return [
        Case("BatchNormalization", ROW, both=True),
        Case("BatchNormalization", IMAGE, {"momentum": 0.7, "epsilon": 1e-2}, both=True),
        Case("BatchNormalization", IMAGE, {"axis": 1, "scale": False}, both=True),
        Case("BatchNormalization", STEPS, {"center": False, "scale": False}, both=True),
        Case("BatchNormalization", IMAGE, {"trainable": False}, both=True),
        Case("LayerNormalization", STEPS),
        Case("LayerNormalization", IMAGE, {"axis": [1, 3]}),
        Case("LayerNormalization", STEPS, {"axis": 1, "center": False, "epsilon": 1e-5}),
        Case("RMSNormalization", STEPS),
        Case("RMSNormalization", STEPS, {"axis": [1, 2]}),
        Case("GroupNormalization", IMAGE, {"groups": 2}),
        Case("GroupNormalization", IMAGE, {"groups": -1, "scale": False}),
        Case("GroupNormalization", (2, 6, 3), {"groups": 3, "axis": 1}),
        Case("UnitNormalization", STEPS),
        Case("UnitNormalization", STEPS, {"axis": [1, 2]}),
    ]


CASES = [*products(), *convolutions(), *pools(), *shapes(), *merges(), *activations(), *normalizations()]
