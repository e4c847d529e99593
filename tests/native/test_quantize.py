"""Quantisation compiled: what the importer composes, against the interpreter."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.runtime.errors import UnsupportedError

from ..fast.tensorflow.graphs import Type, const, graph, load, node, placeholder
from ..helpers import check

X = (np.random.default_rng(0).normal(size=(6, 5)) * 3).astype(np.float32)
KINDS = {"quint8": "uint8", "qint8": "int8", "quint16": "uint16", "qint16": "int16"}


def number(name, value):
    return const(name, np.array(value, np.float32))


@pytest.mark.parametrize(("bits", "narrow"), [(8, False), (4, True), (16, True)])
def test_fake_quantisation(tmp_path, bits, narrow):
    by = {"num_bits": bits, "narrow_range": narrow}
    nodes = [
        placeholder("x", None, 5),
        placeholder("low", 5),
        placeholder("high", 5),
        placeholder("a"),
        placeholder("b"),
        node("y", "FakeQuantWithMinMaxArgs", "x", min=-2.5, max=1.5, **by),
        node("z", "FakeQuantWithMinMaxVars", "y", "a", "b", **by),
        node("w", "FakeQuantWithMinMaxVarsPerChannel", "x", "low", "high", **by),
        node("sum", "AddV2", "z", "w"),
    ]
    low = np.array([-1, 0, 0.5, -3, 0], np.float32)
    high = np.array([1, 2, 2, -0.5, 0], np.float32)
    ends = [np.array(v, np.float32) for v in (-1.2, 2)]
    check(load(graph(*nodes)), tmp_path, [{}], inputs=[X, low, high, *ends])


@pytest.mark.parametrize("axis", [-1, 1])
def test_quantising_and_back(tmp_path, axis):
    nodes = [
        placeholder("x", None, 5),
        placeholder("low", *([5] if axis > 0 else [])),
        placeholder("high", *([5] if axis > 0 else [])),
        node("y", "QuantizeAndDequantizeV2", "x", "low", "high", range_given=True, axis=axis),
        node("z", "QuantizeAndDequantizeV4", "x", "low", "high", axis=axis, round_mode="HALF_UP", num_bits=5),
        node("sum", "AddV2", "y", "z"),
    ]
    ends = [np.full([5] if axis > 0 else [], v, np.float32) for v in (-1.5, 2)]
    check(load(graph(*nodes)), tmp_path, [{}], inputs=[X, *ends])


@pytest.mark.parametrize("dtype", sorted(KINDS))
def test_there_and_back(tmp_path, dtype):
    for mode in ("MIN_COMBINED", "MIN_FIRST", "SCALED"):
        nodes = [
            placeholder("x", None, 5),
            number("low", -2.0),
            number("high", 3.0),
            node("q", "QuantizeV2", "x", "low", "high", T=Type(dtype), mode=mode),
            node("y", "Dequantize", "q", "q:1", "q:2", T=Type(dtype), mode=mode),
        ]
        check(load(graph(*nodes)), tmp_path, [{}], inputs=[X])


@pytest.mark.parametrize("out", ["quint8", "qint8"])
def test_quantised_product(tmp_path, out):
    nodes = [
        placeholder("x", None, 5),
        placeholder("w", 5, 7),
        number("low", -4.0),
        number("high", 5.0),
        node("a", "QuantizeV2", "x", "low", "high", T=Type("quint8")),
        node("b", "QuantizeV2", "w", "low", "high", T=Type("quint8")),
        node("y", "QuantizedMatMul", "a", "b", "a:1", "a:2", "b:1", "b:2", Toutput=Type("qint32")),
        node("range", "RequantizationRange", "y", "y:1", "y:2"),
        node("small", "Requantize", "y", "y:1", "y:2", "range", "range:1", out_type=Type(out)),
        node("z", "Dequantize", "small", "small:1", "small:2", T=Type(out)),
    ]
    w = np.random.default_rng(1).normal(size=(5, 7)).astype(np.float32)
    check(load(graph(*nodes)), tmp_path, [{}], inputs=[X, w])


def test_refused():
    x, low, high = placeholder("x", 2), number("low", -1.0), number("high", 1.0)
    for more in ({"T": Type("qint32")}, {"T": Type("quint8"), "mode": "OTHER"}):
        with pytest.raises(UnsupportedError, match="QuantizeV2"):
            load(graph(x, low, high, node("q", "QuantizeV2", "x", "low", "high", **more)))
