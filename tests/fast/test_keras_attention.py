"""Attention, Embedding and Lambda: values from formulas, shapes, masks, configurations, errors."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from netwright.frontends.eager import ops
from netwright.frontends.eager.tape import GradientTape
from netwright.frontends.keras import layers as L
from netwright.frontends.keras.models import Model
from netwright.runtime.errors import Error

RNG = np.random.default_rng(0)
QUERY, VALUE = (RNG.standard_normal((2, n, 6)).astype(np.float32) for n in (3, 4))


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def test_heads_by_the_formula() -> None:
    layer = L.MultiHeadAttention(2, 3)
    y, scores = layer(QUERY, VALUE, return_attention_scores=True)
    wq, bq, wk, bk, wv, bv, wo, bo = (w.astype(np.float64) for w in layer.get_weights())
    q, k, v = (
        np.einsum("btd,dnh->bnth", x, w) + b[:, None]
        for x, w, b in ((QUERY, wq, bq), (VALUE, wk, bk), (VALUE, wv, bv))
    )
    want = softmax(np.einsum("bnth,bnsh->bnts", q, k) / np.sqrt(3))
    np.testing.assert_allclose(scores.numpy(), want, atol=1e-6)
    want = np.einsum("bnth,nhd->btd", want @ v, wo) + bo
    np.testing.assert_allclose(y.numpy(), want, atol=1e-5)
    np.testing.assert_allclose(layer(QUERY, VALUE).numpy(), want, atol=1e-5)


def test_paths_of_weights() -> None:
    layer = L.MultiHeadAttention(2, 3, use_bias=False, name="heads")
    layer(QUERY, VALUE)
    names = ("query", "key", "value", "attention_output")
    assert [w.path for w in layer.weights] == [f"heads/{n}/kernel" for n in names]
    assert layer.get_build_config() == {"shapes_dict": {"query_shape": (2, 3, 6), "value_shape": (2, 4, 6)}}
    other = L.MultiHeadAttention(2, 3, use_bias=False)
    other.build_from_config(layer.get_build_config())
    assert [w.shape for w in other.weights] == [w.shape for w in layer.weights]


def test_shapes_with_an_open_batch() -> None:
    q, v = L.Input((3, 6)), L.Input((4, 6))
    y, scores = L.MultiHeadAttention(2, 3, dropout=0.1)(q, v, return_attention_scores=True)
    assert (y.shape, scores.shape) == ((None, 3, 6), (None, 2, 3, 4))
    assert L.GroupQueryAttention(3, 4, 2)(q, v).shape == (None, 3, 6)
    z = L.Attention()([q, v])
    assert z.shape == (None, 3, 6)
    assert Model([q, v], [y, z])([QUERY, VALUE])[0].shape == (2, 3, 6)
    assert L.Embedding(5, 7)(L.Input((3,), dtype="int32")).shape == (None, 3, 7)


def test_dropout_of_scores() -> None:
    for layer in (
        L.MultiHeadAttention(2, 3, dropout=0.5, seed=1),
        L.GroupQueryAttention(3, 2, 1, dropout=0.5),
    ):
        first, second = (layer(QUERY, VALUE, training=True).numpy() for _ in range(2))
        assert np.abs(first - second).max() > 0
        np.testing.assert_array_equal(layer(QUERY, VALUE).numpy(), layer(QUERY, VALUE).numpy())
    y = L.Attention(dropout=0.5)
    assert np.abs(y([QUERY, VALUE], training=True).numpy() - y([QUERY, VALUE]).numpy()).max() > 0


def test_masks_come_with_the_inputs() -> None:
    table = L.Embedding(9, 6, mask_zero=True)
    x = table(np.array([[1, 2, 0], [3, 4, 5]], np.int32))
    heads = L.MultiHeadAttention(2, 3)
    y = heads(x, x)
    plain = heads(x.numpy(), x.numpy(), attention_mask=(x.mask.numpy()[:, None] & x.mask.numpy()[:, :, None]))
    np.testing.assert_allclose(y.numpy()[:, :2], plain.numpy()[:, :2], atol=1e-6)
    np.testing.assert_array_equal(y.mask.numpy(), x.mask.numpy())
    z = L.Attention()([x, x])
    np.testing.assert_array_equal(z.numpy()[0, 2], np.zeros(6))


def test_embedding_adds_up_gradients() -> None:
    layer = L.Embedding(4, 2)
    with GradientTape() as tape:
        loss = ops.sum(layer(np.array([1, 3, 1], np.int32)) * np.array([[1.0], [2.0], [4.0]], np.float32))
    (grad,) = tape.gradient(loss, layer.trainable_variables)
    np.testing.assert_array_equal(grad.numpy(), [[0, 0], [5, 5], [0, 0], [2, 2]])
    given = L.Embedding(2, 3, weights=np.arange(6).reshape(2, 3))
    np.testing.assert_array_equal(given(np.array([1.0, 0.0])).numpy(), [[3, 4, 5], [0, 1, 2]])
    with pytest.raises(Error):
        layer(np.array([4], np.int32)).numpy()


def double(x: Any, factor: float = 2.0) -> Any:
    return x * factor


def test_lambda() -> None:
    layer = L.Lambda(double, arguments={"factor": 3.0})
    np.testing.assert_allclose(layer(QUERY).numpy(), QUERY * 3)
    assert layer(L.Input((3, 6))).shape == (None, 3, 6)
    assert layer.compute_output_shape((None, 5)) == (None, 5)
    config = layer.get_config()
    assert L.Lambda.from_config(config, custom_objects={"double": double}).arguments == {"factor": 3.0}
    with pytest.raises(ValueError, match="custom_objects"):
        L.Lambda.from_config(config)
    with pytest.raises(ValueError, match="Python lambda has no configuration"):
        L.Lambda(lambda x: x).get_config()
    code = {"class_name": "__lambda__", "config": {"code": "", "defaults": None, "closure": None}}
    with pytest.raises(ValueError, match="Code is not read"):
        L.Lambda.from_config({**config, "function": code})


@pytest.mark.parametrize(
    "layer",
    [
        L.MultiHeadAttention(2, 3, value_dim=4, output_shape=5, attention_axes=1, dropout=0.1, seed=2),
        L.GroupQueryAttention(3, 4, 2, use_bias=False, sliding_window=3),
        L.Attention(use_scale=True, score_mode="concat", dropout=0.2),
        L.AdditiveAttention(use_scale=False),
        L.Embedding(4, 2, mask_zero=True, embeddings_initializer="zeros"),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_configuration_makes_an_equal_layer(layer: Any) -> None:
    other = type(layer).from_config(layer.get_config())
    assert other.get_config() == layer.get_config()


WRONG: list[tuple[Any, str]] = [
    (lambda: L.MultiHeadAttention(0, 2), "`num_heads`, expected a positive integer. Received: num_heads=0"),
    (
        lambda: L.MultiHeadAttention(2, 2, value_dim=-1),
        "expected a positive integer or `None`. Received: value_dim=-1",
    ),
    (
        lambda: L.MultiHeadAttention(2, 2, sliding_window=0),
        "`sliding_window` must be `None` or a positive integer",
    ),
    (lambda: L.MultiHeadAttention(2, 2, flash_attention=True), "no flash_attention=True"),
    (
        lambda: L.MultiHeadAttention(2, 2, attention_axes="x"),
        "`attention_axes` must be an int, list, or tuple",
    ),
    (lambda: L.MultiHeadAttention(2, 2)(QUERY, VALUE, QUERY), "All dimensions of `value` and `key`"),
    (lambda: L.GroupQueryAttention(3, 4, 3), "must be divisible"),
    (lambda: L.Attention(score_mode="sum"), "Expected one of {'dot', 'concat'}"),
    (lambda: L.Attention()(QUERY), "must be called on a list of inputs"),
    (lambda: L.Attention()([QUERY]), "accepts inputs list of length 2 or 3"),
    (lambda: L.Attention()([QUERY, VALUE], mask=np.ones(3, bool)), "layer mask must be a list"),
    (lambda: L.Embedding(0, 2), "`input_dim` must be a positive integer. Received: input_dim=0"),
    (lambda: L.Embedding(2, 2, lora_rank=1), "expected no lora_rank"),
    (lambda: L.Lambda(3), "expected a function for a Lambda layer, received 3"),
]


@pytest.mark.parametrize(("make", "text"), WRONG, ids=[t for _, t in WRONG])
def test_errors(make: Any, text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        make()
