"""The importer against TensorFlow: quantised numbers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from .tensorflow_graphs import check_values, node

# TensorFlow calls what Python and numpy deprecate.
pytestmark = pytest.mark.filterwarnings("ignore")

RANGES = [(-1.0, 1.0), (-6.3, 2.7), (0.0, 3.1), (0.4, 2.0), (-3.0, -0.2)]
X = (np.random.default_rng(0).normal(size=(40, 5)) * 3).astype(np.float32)


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("bits", [2, 8, 13, 16])
def test_fake_quantisation(tensorflow, bits, narrow):
    by = {"num_bits": bits, "narrow_range": narrow}
    for low, high in RANGES:
        check_values(
            tensorflow, node(tensorflow, "FakeQuantWithMinMaxArgs", "inputs", min=low, max=high, **by), X
        )
        ends = [np.array(v, np.float32) for v in (low, high)]
        variables = node(tensorflow, "FakeQuantWithMinMaxVars", "inputs", "min", "max", **by)
        check_values(tensorflow, variables, X, *ends)
    ends = np.array(RANGES, np.float32).T.copy()
    channels = node(tensorflow, "FakeQuantWithMinMaxVarsPerChannel", "inputs", "min", "max", **by)
    check_values(tensorflow, channels, X, *ends)


def test_fake_quantisation_of_special_values(tensorflow):
    x = np.array([np.nan, np.inf, -np.inf, 0, -0.0, 0.3, 1e30], np.float32)
    variables = node(tensorflow, "FakeQuantWithMinMaxVars", "inputs", "min", "max")
    for low, high in ((-1, 1), (0, 0), (1, 1), (2, 1)):
        check_values(tensorflow, variables, x, np.array(low, np.float32), np.array(high, np.float32))


@pytest.mark.parametrize(
    ("signed", "narrow", "mode"),
    list(itertools.product([True, False], [True, False], ["HALF_TO_EVEN", "HALF_UP"])),
)
def test_quantising_and_back(tensorflow, signed, narrow, mode):
    by = {"signed_input": signed, "narrow_range": narrow}
    for bits, (dtype, (low, high)) in itertools.product((2, 8, 16), zip(["float32", "float64"] * 3, RANGES)):  # noqa: B905
        ends = np.array(low, dtype), np.array(high, dtype)
        for version in (2, 4):
            name = f"QuantizeAndDequantizeV{version}"
            for given in (False, True):
                more = dict(num_bits=bits, round_mode=mode, range_given=given, **by)
                keys = ("input", "input_min", "input_max")
                check_values(tensorflow, node(tensorflow, name, *keys, **more), X.astype(dtype), *ends)


def test_quantising_and_back_along_an_axis(tensorflow):
    raw = tensorflow.raw_ops
    low, high = np.array(RANGES, np.float32).T.copy()
    for given in (False, True):
        build = lambda x, a, b, given=given: raw.QuantizeAndDequantizeV3(  # noqa: E731
            input=x, input_min=a, input_max=b, num_bits=6, range_given=given, axis=1
        )
        check_values(tensorflow, build, X, low, high)


PLAIN = {"quint8": "uint8", "qint8": "int8", "quint16": "uint16", "qint16": "int16", "qint32": "int32"}


@pytest.mark.parametrize("dtype", ["quint8", "qint8", "quint16", "qint16"])
def test_quantising(tensorflow, dtype):
    kinds = [("MIN_COMBINED", "HALF_AWAY_FROM_ZERO", False), ("MIN_FIRST", "HALF_AWAY_FROM_ZERO", False)]
    for rounding, narrow in itertools.product(["HALF_AWAY_FROM_ZERO", "HALF_TO_EVEN"], [False, True]):
        kinds.append(("SCALED", rounding, narrow))
    for mode, rounding, narrow in kinds:

        def build(x, a, b, mode=mode, rounding=rounding, narrow=narrow):
            made = tensorflow.raw_ops.QuantizeV2(
                input=x,
                min_range=a,
                max_range=b,
                T=dtype,
                mode=mode,
                round_mode=rounding,
                narrow_range=narrow,
            )
            return tensorflow.bitcast(made[0], PLAIN[dtype]), made[1], made[2]

        for low, high in RANGES[:4]:
            if mode == "SCALED" and dtype == "quint16" and low < 0:
                continue
            check_values(tensorflow, build, X, np.array(low, np.float32), np.array(high, np.float32))


@pytest.mark.parametrize("dtype", sorted(PLAIN))
def test_dequantising(tensorflow, dtype):
    limits = np.iinfo(PLAIN[dtype])
    x = np.random.default_rng(1).integers(limits.min, limits.max, 50, endpoint=True).astype(PLAIN[dtype])
    for mode, narrow in (("MIN_COMBINED", False), ("MIN_FIRST", False), ("SCALED", False), ("SCALED", True)):
        if mode == "SCALED" and (dtype == "qint32" or (narrow and dtype[1] == "u")):
            continue  # TensorFlow has no kernel for the one, we refuse the other

        def build(x, a, b, mode=mode, narrow=narrow):
            return tensorflow.raw_ops.Dequantize(
                input=tensorflow.bitcast(x, dtype), min_range=a, max_range=b, mode=mode, narrow_range=narrow
            )

        for low, high in RANGES:
            check_values(tensorflow, build, x, np.array(low, np.float32), np.array(high, np.float32))


def test_quantised_product(tensorflow):
    raw = tensorflow.raw_ops

    def build(x, y):
        qx, qy = (raw.QuantizeV2(input=v, min_range=-4.0, max_range=5.0, T="quint8") for v in (x, y))
        made = raw.QuantizedMatMul(
            a=qx[0], b=qy[0], min_a=qx[1], max_a=qx[2], min_b=qy[1], max_b=qy[2], Toutput="qint32"
        )
        limits = raw.RequantizationRange(input=made[0], input_min=made[1], input_max=made[2])
        outs = [tensorflow.bitcast(made[0], "int32"), made[1], made[2], *limits]
        small = raw.Requantize(
            input=made[0], input_min=made[1], input_max=made[2], requested_output_min=limits[0],
            requested_output_max=limits[1], out_type="quint8",
        )  # fmt: skip
        back = raw.Dequantize(input=small[0], min_range=small[1], max_range=small[2])
        return [*outs, tensorflow.bitcast(small[0], "uint8"), small[1], small[2], back]

    check_values(tensorflow, build, X, np.ascontiguousarray(X.T[:, :7]))
