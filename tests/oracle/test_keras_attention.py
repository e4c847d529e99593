"""Attention and embedding against Keras: results, scores and gradients, with masks."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from netwright.frontends.keras import layers

from ..keras_compare import compare

RNG = np.random.default_rng(0)
QUERY = RNG.standard_normal((2, 4, 6)).astype(np.float32)
VALUE, KEY = (RNG.standard_normal((2, 5, 6)).astype(np.float32) for _ in range(2))
SEEN = RNG.random((2, 4, 5)) > 0.3
SEEN[:, :, 0] = True
OF_VALUE = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], bool)
OF_QUERY = np.array([[1, 1, 1, 0], [1, 1, 1, 1]], bool)
CALLS: dict[str, Any] = {
    "plain": {},
    "causal": {"use_causal_mask": True},
    "value_mask": {"value_mask": OF_VALUE, "use_causal_mask": True},
    "scores": {"attention_mask": SEEN, "return_attention_scores": True, "use_causal_mask": True},
}


def both(keras: ModuleType, name: str, *arguments: Any, **options: Any) -> tuple[Any, Any]:
    return getattr(layers, name)(*arguments, **options), getattr(keras.layers, name)(*arguments, **options)


@pytest.mark.parametrize("options", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"value_dim": 5, "use_bias": False, "output_shape": (2, 3)},
        {"use_gate": True, "sliding_window": 2},
    ],
    ids=["plain", "sizes", "gate"],
)
def test_heads(tensorflow: ModuleType, keras: ModuleType, arguments: Any, options: Any) -> None:
    ours, theirs = both(keras, "MultiHeadAttention", 2, 3, **arguments)
    compare(tensorflow, ours, theirs, lambda layer, x: layer(*x, **options), [QUERY, VALUE, KEY])


@pytest.mark.parametrize("axes", [None, 2, (1,), (1, 2)])
@pytest.mark.parametrize("scores", [False, True])
def test_axes(tensorflow: ModuleType, keras: ModuleType, axes: Any, scores: bool) -> None:
    ours, theirs = both(keras, "MultiHeadAttention", 2, 3, attention_axes=axes)
    x = [RNG.standard_normal((2, 3, 4, 6)).astype(np.float32) for _ in range(2)]
    compare(tensorflow, ours, theirs, lambda layer, x: layer(*x, return_attention_scores=scores), x)


@pytest.mark.parametrize("options", CALLS.values(), ids=CALLS)
def test_groups(tensorflow: ModuleType, keras: ModuleType, options: Any) -> None:
    ours, theirs = both(keras, "GroupQueryAttention", 3, 4, 2, use_gate=True)
    compare(tensorflow, ours, theirs, lambda layer, x: layer(*x, **options), [QUERY, VALUE, KEY])


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("Attention", {}),
        ("Attention", {"use_scale": True}),
        ("Attention", {"score_mode": "concat", "use_scale": True}),
        ("AdditiveAttention", {}),
        ("AdditiveAttention", {"use_scale": False}),
    ],
)
@pytest.mark.parametrize(
    "options", [{}, {"use_causal_mask": True, "return_attention_scores": True}], ids=["plain", "causal"]
)
@pytest.mark.parametrize("masked", [False, True])
def test_dot_product(
    tensorflow: ModuleType, keras: ModuleType, name: str, arguments: Any, options: Any, masked: bool
) -> None:
    ours, theirs = both(keras, name, **arguments)
    masks = [tensorflow.constant(m) for m in (OF_QUERY, OF_VALUE)]

    def call(layer: Any, x: Any) -> Any:
        own = [OF_QUERY, OF_VALUE] if layer is ours else masks
        return layer(list(x), mask=own if masked else None, **options)

    compare(tensorflow, ours, theirs, call, [QUERY, VALUE, KEY])


def test_embedding(tensorflow: ModuleType, keras: ModuleType) -> None:
    numbers = np.array([[1, 0, 6], [6, 6, 2]], np.int32)
    ours, theirs = both(keras, "Embedding", 7, 5, mask_zero=True)
    compare(tensorflow, ours, theirs, lambda layer, _: layer(numbers), [])


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("MultiHeadAttention", (2, 3)),
        ("GroupQueryAttention", (3, 4, 2)),
        ("Attention", ()),
        ("AdditiveAttention", ()),
        ("Embedding", (7, 5)),
    ],
)
def test_configuration(keras: ModuleType, name: str, arguments: Any) -> None:
    ours, theirs = (layer.get_config() for layer in both(keras, name, *arguments))
    theirs.pop("quantization_config", None)
    assert set(ours) == set(theirs)
    for key in set(theirs) - {"name", "dtype"}:
        want, have = theirs[key], ours[key]
        if isinstance(want, dict):
            want, have = want["class_name"], have["class_name"]
        assert have == want, key
