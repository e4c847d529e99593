"""The error function and its complement.

Coefficients are our own minimax fits. For x >= 0, (1 + 2x)·exp(x²)·erfc(x) is a polynomial in
t = (x - 15/4) / (x + 15/4), the substitution of Shepherd and Laframboise, "Chebyshev approximation of
(1 + 2x) exp(x²) erfc x", 1981.
"""

from __future__ import annotations

from .emit_chunk import Reg
from .emit_exp import exp

#: erf(x) / x in x², |x| <= 4: numerator and denominator, relative error 2.5e-8
_RATIO = (
    (
        1.1283791406603685, 0.19343320380013787, 0.053085285329101346, 0.0038780772007266156,
        0.00028437035200448073, 1.986650552118804e-06,
    ),
    (
        1.0, 0.5047583004707552, 0.11530224936698247, 0.015196782413174995, 0.0011841487783318119,
        3.7408526321612986e-05,
    ),
)  # fmt: skip
#: erf(x) / x in x², |x| <= 1, error 3e-23
_NEAR = (
    1.1283791670955126, -0.37612638903183754, 0.11283791670955126, -0.026866170645131218,
    0.005223977625441674, -0.0008548327023403001, 0.00012055332978879483, -1.4925650236967501e-05,
    1.6462110782018636e-06, -1.636576864883207e-07, 1.4806027146128752e-08, -1.2277734486795524e-09,
    9.323723518153027e-11, -6.1967364287877e-12, 2.8067128195611264e-13,
)  # fmt: skip
#: of the scaled complement in t, for 0 <= x <= 28 (10.5 in float32), errors 8e-9 and 2.6e-18
_SCALED = {
    "f32": (
        1.2375126368967482, -0.14024051650949376, 0.003584680687521623, 0.08227273549296919, -0.10879183750772292,
        0.09236290064443797, -0.058732025911666326, 0.028034354745824226, -0.009928796019216713,
        0.002315185489820322, 0.0010999966412378174,
    ),
    "f64": (
        1.2375126308378275, -0.14024059858554702, 0.0035854154854629045, 0.08227673849015113, -0.10880393014165805,
        0.09230432116021522, -0.058693398591761654, 0.02836227742075386, -0.009746579532336114,
        0.0017556258454484944, 0.0002937134832205404, -0.0002901540974049676, 5.164990829645606e-05,
        2.2384550628489278e-05, -1.1446444882750146e-05, -9.750133129744938e-07, 1.7557572419630805e-06,
        -5.361966556540493e-08, -2.630076084593476e-07, 1.8148051418292806e-08, 4.0773822695438946e-08,
        2.0400958765405564e-10, -4.999295226477826e-09, -9.749977861841957e-10,
    ),
}  # fmt: skip


def erf(x: Reg) -> Reg:
    if x.m.single:
        v = x.limited(-4.0, 4.0)
        z = v * v
        y = v * z.polynomial(_RATIO[0]) / z.polynomial(_RATIO[1])
        return y.limited(-1.0, 1.0)
    size = abs(x)
    far = (1.0 - _complement(size)).with_sign_of(x)
    return size.choose("olt", 1.0, x * (x * x).polynomial(_NEAR), far)


def erfc(x: Reg) -> Reg:
    y = _complement(abs(x))
    return x.choose("olt", 0.0, 2.0 - y, y)


def _complement(x: Reg) -> Reg:
    """erfc(x) of x >= 0. The square is exact in two parts: exp would multiply its rounding error by it."""
    x = x.limited(0.0, 10.5 if x.m.single else 28.0)
    t = (x - 3.75) / (x + 3.75)
    a, b = x.split()
    e = exp(-(a * a), -(b * (x + a)))
    return e * t.polynomial(_SCALED[x.m.dtype.name]) / (x + x + 1.0)
