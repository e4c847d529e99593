"""Calls of linear algebra and Fourier transforms."""

from __future__ import annotations

from typing import Any

import numpy as np

from .ops_calls import A, c

POSITIVE_DEFINITE = A((3, 3), values=[[4, 1, 0.5], [1, 3, 0.2], [0.5, 0.2, 2]])


def _products(result: Any, given: Any) -> Any:
    """What factors multiply to: they are not unique."""
    q, *rest = (np.asarray(v) for v in result)
    if q.ndim == 1:
        return (q, np.abs(rest[0]))
    if len(rest) == 1:
        return q @ rest[0]
    return (rest[0], (q[..., : rest[0].shape[-1]] * rest[0]) @ rest[1][: rest[0].shape[-1]])


LINEAR = [
    c("cholesky", POSITIVE_DEFINITE, static=True),
    c("cholesky", POSITIVE_DEFINITE, upper=True, static=True),
    c("cholesky_inverse", A((3, 3), values=[[2, 0, 0], [1, 1.5, 0], [0.5, 0.2, 2]]), static=True),
    c("det", A((2, 3, 3)), static=True),
    c("slogdet", A((2, 3, 3)), static=True),
    c("logdet", POSITIVE_DEFINITE, static=True),
    c("inv", POSITIVE_DEFINITE, static=True, loose=4),
    c("solve", POSITIVE_DEFINITE, A((3, 2)), static=True, loose=4),
    c("solve", POSITIVE_DEFINITE, A((3,)), static=True, loose=4),
    c("solve_triangular", POSITIVE_DEFINITE, A((3, 2)), lower=True, static=True, loose=4),
    c("solve_triangular", POSITIVE_DEFINITE, A((3, 2)), static=True, loose=4),
    c("qr", A((4, 3)), static=True, after=_products),
    c("svd", A((4, 3)), full_matrices=False, static=True, after=_products),
    c("svd", A((4, 3)), compute_uv=False, static=True),
    c("eigh", POSITIVE_DEFINITE, static=True, after=_products, loose=8),
    c("lu_factor", A((4, 4)), static=True, loose=4),
    c("lstsq", A((5, 3)), A((5, 2)), static=True, loose=20),
    c("lstsq", A((5, 3)), A((5,)), static=True, loose=20),
    c("matrix_rank", A((3, 3)), static=True),
    c("pinv", A((4, 3)), static=True, loose=20),
    *(
        c("norm", A((3, 4)), ord=o, axis=a, keepdims=k, static=True, loose=4)
        for o, a, k in (
            (None, None, False),
            (None, 1, True),
            (1, 0, False),
            (2, 1, False),
            (3, 1, False),
            (0, 1, False),
            (np.inf, 1, False),
            ("fro", (0, 1), True),
            ("nuc", (0, 1), False),
            (1, (0, 1), False),
            (np.inf, (1, 0), True),
            (2, None, False),
            (-2, None, False),
        )
    ),
]

SIGNALS = [
    c("fft", (A((3, 8)), A((3, 8))), loose=8),
    c("fft2", (A((3, 4, 6)), A((3, 4, 6))), loose=8),
    c("ifft2", (A((3, 4, 6)), A((3, 4, 6))), loose=8),
    c("rfft", A((3, 8)), loose=8),
    c("rfft", A((3, 8)), fft_length=6, loose=8),
    c("irfft", (A((3, 5)), A((3, 5))), loose=8),
    c("extract_sequences", A((3, 10)), 4, 2),
    c("stft", A((2, 40)), 8, 4, 16, loose=20),
    c("stft", A((2, 40)), 8, 3, 8, center=False, window="hamming", loose=20),
    c("istft", (A((2, 9, 9)), A((2, 9, 9))), 16, 4, 16, loose=20, static=True),
]
