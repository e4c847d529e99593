"""Calls of elementwise functions."""

from __future__ import annotations

import numpy as np

from .ops_calls import INT, NAN, POSITIVE, SMALL, UNIT, A, B, X, Y, c, words

ELEMENTWISE = [
    *(
        c(n, x)
        for n in words(
            "abs absolute arcsinh arctan cbrt ceil cos cosh deg2rad rad2deg erf erfc exp exp2 "
            "expm1 fabs floor isfinite isinf isnan isneginf isposinf isreal negative real "
            "conj sign signbit sin sinc sinh square tan tanh trunc round i0 angle imag "
        )
        for x in (
            (X, INT)
            if n not in ("isreal", "imag", "real", "conj", "angle", "signbit", "erf", "erfc")
            else (X,)
        )
    ),
    *(c(n, UNIT) for n in ("arccos", "arcsin", "arctanh", "erfinv")),
    *(c(n, POSITIVE) for n in ("log", "log10", "log1p", "log2", "rsqrt", "sqrt", "reciprocal")),
    c("arccosh", A((3, 4), low=1, high=5)),
    *(
        c(n, x, y)
        for n in words(
            "add subtract multiply maximum minimum equal not_equal less less_equal greater "
            "greater_equal logical_and logical_or logical_xor "
        )
        for x, y in (
            (X, A((4,))),
            (INT, SMALL),
            (X, INT),
            (B, B) if n in ("equal", "not_equal") or n[:7] == "logical" else (X, Y),
            (INT, A((3, 1), "int8")),
        )
    ),
    *(
        c(n, x, y)
        for n in ("divide", "true_divide", "floor_divide", "mod", "fmod")
        for x, y in ((X, POSITIVE), (INT, SMALL))
    ),
    *(
        c(n, X, Y)
        for n in (
            "arctan2",
            "fmax",
            "fmin",
            "hypot",
            "logaddexp",
            "logaddexp2",
            "heaviside",
            "nextafter",
            "isclose",
        )
    ),
    c("divide_no_nan", X, A((3, 4), values=np.eye(3, 4))),
    c("power", POSITIVE, X),
    c("power", X, 2),
    c("power", INT, 2.0),
    c("power", POSITIVE, 0.5),
    c("power", 2.0, X),
    c("ldexp", X, SMALL),
    c("clip", X, -1.0, 0.5),
    c("clip", INT, -2, 3),
    c("nan_to_num", NAN, nan=3.0),
    c("isnan", NAN),
    c("fmax", NAN, X),
    c("isclose", NAN, NAN, equal_nan=True),
    c("logical_not", B),
    c("where", B, X, Y),
    c("where", B, INT, 0.5),
    c("where", B, X, 0),
    c("round", X, decimals=1),
    c("allclose", X, X),
    c("select", [B, A((3, 4), "bool")], [X, Y], default=7.0),
    *(
        c(n, INT, SMALL)
        for n in words(
            "bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift "
            "left_shift right_shift gcd lcm "
        )
    ),
    c("bitwise_not", INT),
    c("view", X, dtype="int32"),
    c("view", A((3, 4), "int8"), dtype="int32"),
    c("view", A((3, 4), "int32"), dtype="int8"),
    c("saturate_cast", A((3, 4), low=-400, high=400), "int8"),
    c("saturate_cast", INT, "uint8"),
]
