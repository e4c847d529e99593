"""decompose_model: layers of Keras-like models as pairs of thinner ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright import keras
from netwright.compiler.ir.passes import PassContext
from netwright.compiler.passes.decompose_conv import DECOMPOSITIONS, parse_decomposition
from netwright.compiler.target import resolve_target
from netwright.frontends.keras.inference import inference_module
from netwright.runtime.errors import InputError, OptionError, UnsupportedError

layers = keras.layers
decompose = keras.utils.decompose_model
Model = Any


def filled(model: Model, seed: int = 0) -> Model:
    """A model with weights of which none is zero; variances are positive."""
    rng = np.random.default_rng(seed)
    model.set_weights([np.abs(rng.normal(size=w.shape)) * 0.3 + 0.01 for w in model.weights])
    return model


def outputs(model: Model, *inputs: Any) -> list[Any]:
    made = model(list(inputs) if len(inputs) > 1 else inputs[0], training=False)
    return [t.numpy() for t in (made if isinstance(made, list) else [made])]


def same(one: Model, other: Model, *inputs: Any, tolerance: float = 1e-5) -> None:
    for a, b in zip(outputs(one, *inputs), outputs(other, *inputs), strict=True):
        assert a.dtype == b.dtype and np.abs(a - b).max() <= tolerance * np.abs(a).max()


def image(*shape: int, dtype: str = "float32") -> Any:
    return np.random.default_rng(1).normal(size=shape).astype(dtype)


WINDOWS: list[dict[str, Any]] = [
    {"filters": 10, "kernel_size": 3},
    {"filters": 10, "kernel_size": (5, 3), "padding": "same", "activation": "relu"},
    {"filters": 8, "kernel_size": (2, 7), "padding": "same", "strides": (2, 1), "use_bias": False},
    {"filters": 8, "kernel_size": 5, "strides": (2, 3)},
    {"filters": 6, "kernel_size": 3, "dilation_rate": (2, 1), "padding": "same"},
    {"filters": 12, "kernel_size": (3, 4), "groups": 3, "strides": 2, "padding": "same"},
]
DEPTHWISE: list[dict[str, Any]] = [
    {"kernel_size": 3, "padding": "same", "activation": "tanh"},
    {"kernel_size": (3, 5), "depth_multiplier": 2, "strides": 2},
    {"kernel_size": 3, "depth_multiplier": 3, "dilation_rate": 2, "use_bias": False},
]


@pytest.mark.parametrize("rank", [1000, 1])
@pytest.mark.parametrize("options", [*WINDOWS, *DEPTHWISE], ids=str)
def test_convolutions(options: dict[str, Any], rank: int) -> None:
    """At full rank the pair computes what the layer did; at every rank what the factors' product would."""
    kind = layers.Conv2D if "filters" in options else layers.DepthwiseConv2D
    layer = kind(**options, name="conv")
    model = filled(keras.Sequential([keras.Input((14, 13, 6)), layer], name="net"))
    small, (row,) = decompose(model, rank=rank, force=True)
    first, second = small.layers[0].layers
    x = image(2, 14, 13, 6)
    assert (row["layer"], row["decision"]) == ("net/conv", "decomposed")
    assert f"{first.name}, {second.name}" == row["order"]
    assert row["parameters_after"] == first.kernel.numpy().size + second.kernel.numpy().size
    assert (first.padding, second.padding) == (layer.padding, layer.padding)
    if rank > 1:
        same(model, small, x)
        return
    a, b = first.kernel.numpy(), second.kernel.numpy()
    if isinstance(layer, layers.DepthwiseConv2D):
        assert type(first) is type(second) is layers.DepthwiseConv2D
        composed = a * b
    else:
        g = layer.groups
        a, b = (k.reshape(*k.shape[:-1], g, -1) for k in (a, b))
        composed = np.einsum("...cgr,...rgo->...cgo", a, b).reshape(layer.kernel.shape)
    model.layers[0].kernel.assign(composed)
    same(model, small, x)


@pytest.mark.parametrize("shape", [(6,), (4, 6)], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dense(shape: tuple[int, ...], dtype: str) -> None:
    model = keras.Sequential(
        [keras.Input(shape, dtype=dtype), layers.Dense(9, activation="tanh", dtype=dtype, name="d")]
    )
    filled(model)
    x = image(3, *shape, dtype=dtype)
    whole, (row,) = decompose(model, rank=99, force=True)
    assert (row["rank"], row["kernel"], row["order"]) == (6, "6x9", "two products")
    same(model, whole, x)
    small, _ = decompose(model, rank=2, force=True)
    left, right = small.layers[0].layers
    assert (left.units, right.units) == (2, 9) and left.bias is None and left.kernel.dtype == dtype
    model.layers[0].kernel.assign(left.kernel.numpy() @ right.kernel.numpy())
    same(model, small, x)


def test_what_a_pair_takes_over() -> None:
    """Bias, activation and the regularizers; names; what is not trained; nothing else of the model changes."""
    conv = layers.Conv2D(
        8, 3, activation="relu", kernel_regularizer="l2", bias_regularizer="l1", activity_regularizer="l2",
        bias_constraint="non_neg", kernel_initializer="he_normal", name="conv",
    )  # fmt: skip
    frozen = layers.Conv2D(8, 3, padding="same", trainable=False, name="frozen")
    model = keras.Sequential(
        [
            keras.Input((9, 9, 4)), conv, layers.BatchNormalization(momentum=0.7, name="bn"),
            layers.Dropout(0.25, seed=4), frozen, layers.Flatten(), layers.Dense(5, name="scores"),
        ],
        name="net",
    )  # fmt: skip
    filled(model)
    model.layers[-1].bias.trainable = False
    small, rows = decompose(model, rank=2, force=True)
    assert [r["layer"] for r in rows] == ["net/conv", "net/frozen", "net/scores"]
    assert [layer.name for layer in small.layers] == [layer.name for layer in model.layers]
    assert small.output_names == model.output_names and small.name == "net"
    (first, last), names = small.get_layer("conv").layers, rows[0]["order"].split(", ")
    assert [first.name, last.name] == names and isinstance(last, layers.Conv2D)
    assert first.bias is None and first.activation is keras.activations.linear
    assert first.activity_regularizer is None and last.activity_regularizer is conv.activity_regularizer
    assert last.activation is conv.activation and last.bias_regularizer is conv.bias_regularizer
    assert last.bias_constraint is conv.bias_constraint and np.array_equal(last.bias, conv.bias)
    assert first.kernel_regularizer is last.kernel_regularizer is conv.kernel_regularizer
    trained = [v.path for v in small.trainable_variables]
    assert trained == [
        f"net/conv/{names[0]}/kernel", f"net/conv/{names[1]}/kernel", f"net/conv/{names[1]}/bias", "net/bn/gamma",
        "net/bn/beta", "net/scores/left/kernel", "net/scores/right/kernel",
    ]  # fmt: skip
    assert not small.get_layer("frozen").trainable and len(small.get_layer("frozen").weights) == 3
    for old, new in zip(model.get_layer("bn").weights, small.get_layer("bn").weights, strict=True):
        assert np.array_equal(old, new) and old is not new
    assert len(small.variables) - len(small.weights) == len(model.variables) - len(model.weights) == 1


def test_nested_and_shared_layers() -> None:
    """A layer that is called twice is decomposed once, with the cost of both calls; one in two models stays one."""
    dense = layers.Dense(12, activation="tanh", name="shared")
    inner = keras.Sequential([layers.Dense(12, name="a"), dense], name="inner")
    one, two = keras.Input((12,), name="one"), keras.Input((12,), name="two")
    a, b = dense(inner(one)), dense(two)
    joined = layers.Add()([a, b, inner(two)])
    model = filled(
        keras.Model({"one": one, "two": two}, [layers.Dense(6, name="p")(joined), joined * 2], name="net")
    )
    small, rows = decompose(model, rank=99, force=True)
    assert [r["layer"] for r in rows] == ["net/inner/a", "net/inner/shared", "net/p"]
    assert [r["flops_before"] for r in rows] == [2 * 2 * 144, 4 * 2 * 144, 2 * 72]
    assert [r["parameters_after"] for r in rows] == [288, 288, 6 * 18]
    x, y = image(3, 12), image(3, 12) + 1
    want = [t.numpy() for t in model({"one": x, "two": y})]
    got = [t.numpy() for t in small({"one": x, "two": y})]
    for w, g in zip(want, got, strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-5, atol=1e-5)
    assert small.get_layer("inner").get_layer("shared") is small.get_layer("shared")
    assert len(small.weights) == 3 * 3


def test_choices_are_those_of_the_pass() -> None:
    model = keras.Sequential(
        [
            keras.Input((24, 24, 16)), layers.Conv2D(32, 7, padding="same", name="wide"),
            layers.Conv2D(32, 3, padding="same", name="narrow"), layers.DepthwiseConv2D(5, name="deep"),
            layers.GlobalMaxPooling2D(), layers.Dense(10, name="scores"),
        ],
        name="net",
    )  # fmt: skip
    filled(model)
    for text in ("max-error=0.3", "flops=0.3", "rank=8 force", "max-error=0"):
        p = parse_decomposition(text)
        target = resolve_target("native")
        module = inference_module(model)
        for other in ("fold-constants", "canonicalize"):
            _pass(other).run(module, PassContext(target=target))
        p.run(module, PassContext(target=target))
        small, rows = decompose(model, max_error=p.max_error, flops=p.flops, rank=p.rank, force=p.force)
        assert rows == list(module.attributes[DECOMPOSITIONS])
        made = [r["layer"].partition("/")[2] for r in rows if r["decision"] == "decomposed"]
        assert made == [s.name for s in small.layers if isinstance(s, keras.Sequential)]


def _pass(name: str) -> Any:
    from netwright.compiler.ir.passes import make_pass

    return make_pass(name, "")


def test_layers_that_stay_and_why() -> None:
    class Own(layers.Dense):
        pass

    with keras.utils.custom_object_scope({"Own": Own}):
        model = keras.Sequential(
            [
                keras.Input((6, 8)), layers.TimeDistributed(layers.Dense(9), name="steps"), Own(7, name="own"),
                layers.Dense(8, kernel_constraint="max_norm", name="bound"), layers.LSTM(4, name="lstm"),
                layers.Dense(8, name="last"),
            ],
            name="net",
        )  # fmt: skip
        small, rows = decompose(filled(model), rank=3, force=True)
    reasons = {r["layer"]: r["reason"] for r in rows if r["decision"] == "kept"}
    assert reasons["net/own"] == "it is a layer of class Own, not Conv2D, DepthwiseConv2D or Dense"
    assert reasons["net/bound"] == ("its kernel has a constraint (MaxNorm), which two factors would not keep")
    (steps,) = (v for k, v in reasons.items() if k.startswith("net/steps/"))
    assert steps == "it is inside of the layer 'steps' of class TimeDistributed"
    assert rows[-1]["decision"] == "decomposed" and len(small.weights) == len(model.weights) + 1
    x = image(2, 6, 8)
    last = [keras.Model(m.inputs, m.get_layer("lstm").output) for m in (model, small)]
    same(*last, x, tolerance=0)


def test_layers_written_as_pairs_stay() -> None:
    """As Inception has them: 1×n and n×1."""
    pair = [layers.Conv2D(16, (1, 7), padding="same"), layers.Conv2D(16, (7, 1), padding="same")]
    model = filled(keras.Sequential([keras.Input((17, 17, 16)), *pair]))
    small, rows = decompose(model, rank=1, force=True)
    assert rows == [] and [type(s) for s in small.layers] == [layers.Conv2D] * 2
    same(model, small, image(1, 17, 17, 16), tolerance=0)


class Sub(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(4)

    def call(self, x: Any) -> Any:
        return self.dense(x)


def test_refused() -> None:
    sub = Sub()
    sub(image(2, 6))
    x = keras.Input((6,))
    plain = keras.Sequential([x, layers.Dense(3)])
    for model, error, message in (
        (sub, UnsupportedError, "is of class Sub: layers can be replaced in Sequential and functional models alone"),
        (keras.Model(x, sub(x)), UnsupportedError, "of class Sub cannot be copied: expected a `get_config`"),
        (keras.Sequential([layers.Dense(3)]), InputError, "expected a model that knows its inputs"),
        (3, UnsupportedError, "expected a model of netwright.keras to decompose, received a int"),
    ):  # fmt: skip
        with pytest.raises(error, match=message):
            decompose(model, rank=1, force=True)
    for options, message in (
        ({"max_error": 1.5}, "expected max-error from 0 to below 1, received 1.5"),
        ({"rank": 1, "flops": 0.5}, "expected rank or flops, received both"),
        ({"flops": 2}, "expected flops as a share from 0 to 1, received 2"),
    ):
        with pytest.raises(OptionError, match=message):
            decompose(plain, **options)


def test_saved_and_read_again(tmp_path: Path) -> None:
    """Many stacks inside of stacks: each has its own place in the file."""
    pytest.importorskip("h5py")
    block = [layers.Conv2D(6, 3, padding="same", name=f"c{i}") for i in range(6)]
    inner = keras.Sequential(block, name="inner")
    model = keras.Sequential([keras.Input((9, 9, 4)), inner, layers.Flatten(), layers.Dense(5)], name="net")
    small, _ = decompose(filled(model), rank=3, force=True)
    x = image(2, 9, 9, 4)
    for name in ("small.keras", "small.h5"):
        small.save(tmp_path / name)
        same(small, keras.models.load_model(tmp_path / name, compile=False), x, tolerance=0)


def test_fine_tuned() -> None:
    """Training wins back what a low rank costs."""
    keras.utils.set_random_seed(2)
    rng = np.random.default_rng(3)
    model = keras.Sequential(
        [
            keras.Input((10, 10, 3)), layers.Conv2D(12, 5, activation="relu", name="conv"), layers.BatchNormalization(),
            layers.GlobalAveragePooling2D(), layers.Dense(4, name="scores"),
        ]
    )  # fmt: skip
    x = rng.normal(size=(256, 10, 10, 3)).cumsum(1).cumsum(2).astype("float32") / 5  # smooth, as images are
    y = model.predict(x, verbose=0)
    small, _ = decompose(model, rank=2, force=True)
    small.compile(keras.optimizers.Adam(0.01), "mse")
    before = small.evaluate(x, y, verbose=0)
    small.fit(x, y, batch_size=32, epochs=12, verbose=0)
    assert small.evaluate(x, y, verbose=0) < 0.6 * before


def test_calibrated() -> None:
    """Fitted to what layers see, a shared one in both its calls, outputs change less; samples come in any form."""
    x = np.random.default_rng(0).normal(size=(80, 10, 10, 6)).cumsum(1).cumsum(2).astype("float32") / 5
    shared = layers.Conv2D(6, 3, padding="same", activation="relu", name="shared")
    top = keras.Input((10, 10, 6), name="image")
    h = shared(layers.Conv2D(6, 5, padding="same", name="conv")(shared(top)))
    model = keras.Model(top, layers.Dense(4, name="scores")(layers.Flatten()(h)))
    want = model.predict(x[40:], verbose=0)
    lost: list[float] = []
    for samples in (None, x[:40], {"image": x[:40]}):
        small, rows = decompose(model, rank=3, force=True, calibrate=samples)
        lost.append(float(np.linalg.norm(small.predict(x[40:], verbose=0) - want)))
        assert all(("output_error" in r) == (samples is not None) for r in rows)
    assert lost[2] == lost[1] < 0.9 * lost[0]
    with pytest.raises(InputError, match="the samples: expected an array for each input"):
        decompose(model, rank=3, force=True, calibrate={"sound": x, "light": x})
