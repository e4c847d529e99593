"""Non-maximum suppression. Where TensorFlow's results are as long as the data says, ours are cut to that size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...compiler.ir.core import Value
from ...compiler.ir.dims import Dim, dim_min
from ...compiler.ops.base import tensor
from ...compiler.ops.constant import constant_value
from ...compiler.ops.detection import CombinedNonMaxSuppression, NonMaxSuppression
from ...runtime.spec import f32
from .context import Context
from .nodes_dynamic import trim
from .nodes_image import cast
from .registry import Malformed, converts

Chosen = tuple[Value, Value, Value]  # padded indices, padded scores, how many


def _most(c: Context, v: Value) -> Dim:
    sizes = c.sizes(v, "max_output_size")
    if len(sizes) != 1:
        raise Malformed(f"expected one max_output_size, found {len(sizes)}")
    if isinstance(sizes[0], int) and sizes[0] < 0:
        raise Malformed(f"expected max_output_size of at least 0, found {sizes[0]}")
    return sizes[0]


def _threshold(c: Context, v: Value) -> Value:
    """A limit on overlaps."""
    known = constant_value(v)
    if known is not None and not ((known >= 0) & (known <= 1)).all():
        raise Malformed(f"expected a threshold from 0 to 1, found {known}")
    return cast(c, v, f32)


def _number(c: Context, x: float) -> Value:
    return c.constant(np.array(x, np.float32), f32)


def _suppressed(
    c: Context, boxes: Value, scores: Value, most: Value, threshold: Value, least: Value | None,
    sigma: Value | None = None, padded: bool = False, given: bool = False,
) -> Chosen:  # fmt: skip
    """`least` is the lowest number when there is none."""
    limit = _number(c, float(np.finfo(np.float32).min)) if least is None else cast(c, least, f32)
    count = _most(c, most)
    if not padded:
        count = dim_min(count, tensor(scores).shape[0])
    soft: list[Value] = []
    if sigma is not None:
        known = constant_value(sigma)
        if known is None or (known != 0).any():
            soft = [cast(c, sigma, f32)]
    operands = [cast(c, boxes, f32), cast(c, scores, f32), _threshold(c, threshold), limit, *soft]
    indices, values, valid = c.results(NonMaxSuppression, *operands, most=count, given=given)
    return indices, cast(c, values, tensor(scores).dtype), valid


@converts("NonMaxSuppression")
def suppression_v1(c: Context, boxes: Value, scores: Value, max_output_size: Value) -> Value:
    """Of equal scores the first comes first."""
    threshold = _number(c, c.real("iou_threshold", 0.5))
    indices, _, valid = _suppressed(c, boxes, scores, max_output_size, threshold, None)
    return trim(c, indices, valid)


@converts("NonMaxSuppressionV2")
def suppression_v2(
    c: Context, boxes: Value, scores: Value, max_output_size: Value, iou_threshold: Value
) -> Value:
    """Half precision is computed in float32; of equal scores the first comes first."""
    indices, _, valid = _suppressed(c, boxes, scores, max_output_size, iou_threshold, None)
    return trim(c, indices, valid)


@converts("NonMaxSuppressionV3")
def suppression_v3(
    c: Context, boxes: Value, scores: Value, max_output_size: Value, iou_threshold: Value, score_threshold: Value
) -> Value:  # fmt: skip
    """Half precision is computed in float32; of equal scores the first comes first."""
    indices, _, valid = _suppressed(c, boxes, scores, max_output_size, iou_threshold, score_threshold)
    return trim(c, indices, valid)


@converts("NonMaxSuppressionWithOverlaps")
def suppression_with_overlaps(
    c: Context, overlaps: Value, scores: Value, max_output_size: Value, overlap_threshold: Value,
    score_threshold: Value,
) -> Value:  # fmt: skip
    """Of equal scores the first comes first."""
    given = cast(c, overlap_threshold, f32)
    limit = cast(c, score_threshold, f32)
    most = dim_min(_most(c, max_output_size), tensor(scores).shape[0])
    operands = [cast(c, overlaps, f32), cast(c, scores, f32), given, limit]
    indices, _, valid = c.results(NonMaxSuppression, *operands, most=most, given=True)
    return trim(c, indices, valid)


@converts("NonMaxSuppressionV4", outputs=("selected_indices", "valid_outputs"))
def suppression_v4(
    c: Context, boxes: Value, scores: Value, max_output_size: Value, iou_threshold: Value, score_threshold: Value
) -> Sequence[Value]:  # fmt: skip
    """Padded or not; half precision is computed in float32; of equal scores the first comes first."""
    padded = c.flag("pad_to_max_output_size", False)
    indices, _, valid = _suppressed(
        c, boxes, scores, max_output_size, iou_threshold, score_threshold, padded=padded
    )
    return [indices if padded else trim(c, indices, valid), valid]


@converts("NonMaxSuppressionV5", outputs=("selected_indices", "selected_scores", "valid_outputs"))
def suppression_v5(
    c: Context, boxes: Value, scores: Value, max_output_size: Value, iou_threshold: Value, score_threshold: Value,
    soft_nms_sigma: Value,
) -> Sequence[Value]:  # fmt: skip
    """Hard and soft, padded or not; half precision is computed in float32; of equal scores the first first."""
    padded = c.flag("pad_to_max_output_size", False)
    indices, values, valid = _suppressed(
        c, boxes, scores, max_output_size, iou_threshold, score_threshold, soft_nms_sigma, padded
    )
    if padded:
        return [indices, values, valid]
    return [trim(c, indices, valid), trim(c, values, valid), valid]


@converts(
    "CombinedNonMaxSuppression", outputs=("nmsed_boxes", "nmsed_scores", "nmsed_classes", "valid_detections")
)
def combined_suppression(
    c: Context, boxes: Value, scores: Value, max_output_size_per_class: Value, max_total_size: Value,
    iou_threshold: Value, score_threshold: Value,
) -> Sequence[Value]:  # fmt: skip
    """Padded per class or not; of equal scores the lower class comes first, then the first box."""
    per_class, total = _most(c, max_output_size_per_class), _most(c, max_total_size)
    if c.flag("pad_per_class", False):
        total = dim_min(total, per_class * tensor(scores).shape[2])
    operands = [boxes, scores, _threshold(c, iou_threshold), score_threshold]
    clip = c.flag("clip_boxes", True)
    return c.results(CombinedNonMaxSuppression, *operands, per_class=per_class, total=total, clip=clip)
