"""Non-maximum suppression compiled, against the interpreter."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.compiler.ir.dims import Sym
from netwright.compiler.ops.detection import CombinedNonMaxSuppression, NonMaxSuppression

from ..helpers import check, graph, n, tensor

k = Sym.symbol("k")


def boxes(rng, *shape):
    made = rng.uniform(-0.2, 1.1, (*shape, 4)).astype(np.float32)
    made[..., 2:] = made[..., :2] + rng.uniform(-0.4, 0.6, made[..., 2:].shape)
    return made


def scores(rng, *shape):
    made = (rng.integers(-4, 12, shape) / 8).astype(np.float32)  # many are equal
    made[rng.uniform(size=shape) < 0.05] = np.nan
    return made


def scalars(*values):
    return [np.array(v, np.float32) for v in values]


@pytest.mark.parametrize("sigma", [None, 0.0, 0.3], ids=str)
def test_suppression(tmp_path, sigma):
    rng = np.random.default_rng(0)
    extra = [] if sigma is None else [sigma]
    types = [tensor(n, 4), tensor(n), *[tensor()] * (2 + len(extra))]
    cases = (
        (30, 10, 0.3, 0.0),
        (30, 40, 0.7, -np.inf),
        (30, 9, 0.0, 0.9),
        (1, 1, 0.5, 0),
        (0, 3, 0.5, 0),
        (9, 0, 1, 0),
    )
    for count, most, *limits in cases:
        module = graph(lambda b, *v, most=most: b.create(NonMaxSuppression, *v, most=most).results, types)
        inputs = [boxes(rng, count), scores(rng, count), *scalars(*limits, *extra)]
        check(module, tmp_path, [{}], inputs=inputs)


def test_suppression_by_given_overlaps(tmp_path):
    rng = np.random.default_rng(1)
    types = [tensor(n, n), tensor(n), tensor(), tensor()]
    given = rng.uniform(size=(12, 12)).astype(np.float32)
    build = lambda b, *v: b.create(NonMaxSuppression, *v, most=n, given=True).results  # noqa: E731
    check(graph(build, types), tmp_path, [{}], inputs=[given, scores(rng, 12), *scalars(0.6, 0)])


@pytest.mark.parametrize("clip", [False, True])
def test_combined_suppression(tmp_path, clip):
    rng = np.random.default_rng(2)
    for q, total, per_class in ((1, 7, 3), (3, 30, 50)):
        types = [tensor(n, k, q, 4), tensor(n, k, 3), tensor(), tensor()]
        by = {"per_class": per_class, "total": total, "clip": clip}
        module = graph(lambda b, *v, by=by: b.create(CombinedNonMaxSuppression, *v, **by).results, types)
        for images, count in ((3, 15), (1, 1), (2, 0), (0, 4)):
            made = [boxes(rng, images, count, q), scores(rng, images, count, 3), *scalars(0.4, 0.1)]
            check(module.clone({}), tmp_path, [{}], inputs=made)
