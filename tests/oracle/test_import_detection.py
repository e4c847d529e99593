"""The importer against TensorFlow: non-maximum suppression."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from .tensorflow_graphs import check_values

# TensorFlow calls what Python and numpy deprecate.
pytestmark = pytest.mark.filterwarnings("ignore")


def drawn(seed: int, *shape: int) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(seed)
    made = rng.uniform(-0.2, 1.1, (*shape, 4)).astype(np.float32)
    made[..., 2:] = made[..., :2] + rng.uniform(-0.4, 0.6, made[..., 2:].shape)
    return made


BOXES = drawn(0, 40)
SCORES = (np.random.default_rng(1).integers(-4, 12, 40) / 8).astype(np.float32)  # many are equal


@pytest.mark.parametrize("most", [0, 7, 60])
def test_suppression(tensorflow, most):
    raw = tensorflow.raw_ops

    def build(boxes: Any, scores: Any, threshold: Any, least: Any) -> Any:
        by = {"boxes": boxes, "scores": scores, "max_output_size": most}
        both = dict(by, iou_threshold=threshold, score_threshold=least)
        made = [
            raw.NonMaxSuppression(**by, iou_threshold=0.4),
            raw.NonMaxSuppressionV2(**by, iou_threshold=threshold),
            raw.NonMaxSuppressionV3(**both),
        ]
        for padded in (False, True):
            made += raw.NonMaxSuppressionV4(**both, pad_to_max_output_size=padded)
            for sigma in (0.0, 0.3):
                made += raw.NonMaxSuppressionV5(**both, soft_nms_sigma=sigma, pad_to_max_output_size=padded)
        return made

    for limits in ((0.3, 0.0), (0.7, -1e9), (0.0, 0.9)):
        ends = [np.array(v, np.float32) for v in limits]
        check_values(tensorflow, build, BOXES, SCORES, *ends)
        check_values(tensorflow, build, BOXES[:0], SCORES[:0], *ends)


def test_suppression_with_overlaps(tensorflow):
    raw = tensorflow.raw_ops
    given = np.random.default_rng(2).uniform(size=(40, 40)).astype(np.float32)
    build = lambda o, s: raw.NonMaxSuppressionWithOverlaps(  # noqa: E731
        overlaps=o + tensorflow.transpose(o),
        scores=s,
        max_output_size=9,
        overlap_threshold=1.2,
        score_threshold=0.1,
    )
    check_values(tensorflow, build, given, SCORES)


@pytest.mark.parametrize("q", [1, 3])
def test_combined_suppression(tensorflow, q):
    raw = tensorflow.raw_ops
    scores = np.random.default_rng(3).uniform(size=(2, 12, 3)).astype(np.float32)
    for per_class, total, padded, clip in ((3, 7, False, True), (3, 20, True, False), (50, 100, True, True)):
        build = lambda b, s, p=(per_class, total, padded, clip): raw.CombinedNonMaxSuppression(  # noqa: E731
            boxes=tensorflow.reshape(b, [-1, 12, q, 4]), scores=s, max_output_size_per_class=p[0], max_total_size=p[1],
            iou_threshold=0.3,
            score_threshold=0.25, pad_per_class=p[2], clip_boxes=p[3],
        )  # fmt: skip
        check_values(tensorflow, build, drawn(4, 2, 12, q), scores)
