"""Calls of activations and reductions."""

from __future__ import annotations

from .ops_calls import INT, POSITIVE, A, B, X, c, words

ACTIVATIONS = [
    *(
        c(n, A((3, 4), low=-5, high=5))
        for n in words(
            "celu elu gelu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu "
            "log_sigmoid log_softmax relu relu6 selu sigmoid silu soft_shrink softmax "
            "softplus softsign sparse_plus sparse_sigmoid squareplus swish tanh_shrink glu "
        )
    ),
    c("sparsemax", A((1, 4)), static=True),
    c("celu", X, alpha=0.5),
    c("elu", X, alpha=0.3),
    c("gelu", X, approximate=False),
    c("leaky_relu", X, negative_slope=0.1),
    c("relu", INT),
    c("threshold", X, 0.3, -1.0),
    c("softmax", A((2, 3, 4)), axis=1),
    c("softmax", A((2, 3, 4)), axis=(0, 2)),
    c("softmax", A((2, 3, 4)), axis=None),
    c("log_softmax", A((2, 3, 4)), axis=1),
    c("glu", A((2, 4, 3)), axis=1),
]

REDUCTIONS = [
    *(
        c(n, x, **k)
        for n in words(
            "all any max min amax amin mean prod sum std var count_nonzero logsumexp ptp "
            "median argmax argmin "
        )
        for x, k in (
            (X, {}),
            (A((2, 3, 4)), {"axis": 1}),
            (A((2, 3, 4)), {"axis": -1} if n == "count_nonzero" else {"axis": -1, "keepdims": True}),
            (INT, {"axis": 0}),
        )
        if n != "logsumexp" or x is not INT
    ),
    *(
        c(n, A((2, 3, 4), dtype), axis=(0, 2))
        for n in ("sum", "max", "mean", "prod")
        for dtype in ("float16", "int8", "uint8", "int64")
    ),
    *(c(n, B, axis=1) for n in ("sum", "any", "all", "mean", "prod", "argmax")),
    c("max", X, axis=1, initial=0.5),
    c("min", X, initial=0.5),
    *(
        c(n, A((4, 5), nan=True), axis=a)
        for n in words(
            "nanmax nanmin nanmean nanprod nanstd nansum nanvar nanmedian nanargmax nanargmin "
            "nancumsum nancumprod "
        )
        for a in (None, 1)
    ),
    c("nanquantile", A((4, 5), nan=True), 0.3, axis=1),
    c("nanpercentile", A((4, 5), nan=True), 30.0),
    c("average", X),
    c("average", X, axis=1, weights=POSITIVE),
    c("average", X, axis=1, weights=A((4,), low=0.1)),
    c("quantile", X, 0.3),
    c("quantile", A((3, 5)), [0.1, 0.5], axis=1, keepdims=True),
    c("percentile", A((3, 5)), 40.0, axis=1),
    *(c("quantile", A((3, 5)), 0.4, axis=1, method=m) for m in ("lower", "higher", "midpoint", "nearest")),
    *(c(n, x, axis=a) for n in ("cumsum", "cumprod") for x, a in ((X, None), (X, 1), (INT, 0))),
    c("cumsum", B, axis=1),
    c("diff", A((3, 6)), n=2),
    c("diff", A((4, 3)), axis=0, static=True),
    c("trapezoid", A((3, 5))),
    c("trapezoid", A((3, 5)), A((5,))),
    c("moments", A((2, 3, 4)), axes=(0, 1)),
    c("moments", A((2, 3, 4), "float16"), axes=[1], keepdims=True),
]
