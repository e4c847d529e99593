"""What layers say about arguments and inputs that do not fit."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from netwright.frontends.keras import layers as L

WRONG: list[tuple[Any, str]] = [
    (lambda: L.Conv2D(0, 3), "Expected a strictly positive value. Received filters=0"),
    (lambda: L.Conv2D(3, 0), "`kernel_size` argument must be a tuple of 2 integers. Received kernel_size=0"),
    (lambda: L.Conv2D(3, (3, 3, 3)), "`kernel_size` argument must be a tuple of 2 integers"),
    (lambda: L.Conv2D(3, 3, strides="x"), "`strides` argument must be a tuple of 2 integers"),
    (lambda: L.Conv2D(3, 3, strides=2, dilation_rate=2), "`strides > 1` not supported in conjunction with"),
    (lambda: L.Conv2D(3, 3, padding="causal"), "`padding` argument must be one of"),
    (lambda: L.Conv2D(3, 3, groups=2), "must be evenly divisible by the number of groups"),
    (lambda: L.Conv2D(3, 3, groups=0), "number of groups must be a positive integer"),
    (lambda: L.Conv2D(3, 3, data_format="channels_first"), "received data_format='channels_first'"),
    (lambda: L.MaxPooling2D(data_format="channels_first"), "received data_format='channels_first'"),
    (lambda: L.Flatten(data_format="last"), "`data_format` argument must be 'channels_last'"),
    (lambda: L.Conv2D(4, 3, wrong=1), "Unrecognized keyword arguments passed to Conv2D: {'wrong': 1}"),
    (
        lambda: L.Conv2DTranspose(3, 3, strides=2, output_padding=2),
        "`output_padding` must be strictly less than",
    ),
    (lambda: L.DepthwiseConv2D(3, depth_multiplier=0), "Received depth_multiplier=0"),
    (lambda: L.MaxPooling1D(0), "`pool_size` argument must be a tuple of 1 integers"),
    (lambda: L.AdaptiveMaxPooling2D((1, 2, 3)), "`output_size` argument must be a tuple of 2 integers"),
    (lambda: L.UpSampling2D(interpolation="cubic"), "Unknown `interpolation` argument"),
    (lambda: L.ZeroPadding2D((1, 2, 3)), "`padding` should have two elements"),
    (lambda: L.ZeroPadding2D("x" * 2), "1st entry of padding"),
    (lambda: L.Cropping3D(-1), "`cropping` cannot be negative"),
    (lambda: L.Cropping2D(1.5), "`cropping` should be either an int, a tuple of 2 ints"),
    (lambda: L.Reshape((-1, -1)), "at most one unknown dimension"),
    (lambda: L.Permute((1, 3)), "must be consecutive and start from 1"),
    (lambda: L.RepeatVector(0), "`n` should be a positive integer"),
    (lambda: L.Dot((1, 2, 3)), "it should contain two elements"),
    (lambda: L.ReLU(max_value=-1), "max_value of a ReLU layer cannot be a negative value"),
    (lambda: L.LeakyReLU(None), "negative_slope of a Leaky ReLU layer cannot be None"),
    (lambda: L.Dropout(1.5), "Expected a float value between 0 and 1. Received: rate=1.5"),
    (lambda: L.Dropout(0.5, noise_shape="x"), "Expected a tuple or list of integers"),
    (lambda: L.Dropout(0.5, noise_shape=(0, 1)), "Received element at index 0: 0"),
    (lambda: L.GaussianNoise(2), "Received: stddev=2"),
    (lambda: L.BatchNormalization(renorm=True), "renorm=True"),
    (lambda: L.LayerNormalization(rms_scaling=True), "rms_scaling"),
    (lambda: L.SpectralNormalization(L.Dense(2), 0), "`power_iterations` should be greater than zero"),
]


@pytest.mark.parametrize(("make", "text"), WRONG, ids=[t for _, t in WRONG])
def test_arguments(make: Any, text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        make()


def data(*shape: int) -> Any:
    return np.ones(shape, np.float32)


CALLS: list[tuple[Any, str]] = [
    (
        lambda: L.Conv2D(3, 3)(data(2, 8, 8)),
        "expected min_ndim=4, found ndim=3. Full shape received: (2, 8, 8)",
    ),
    (lambda: L.Conv2D(3, 9)(data(2, 8, 8, 4)), "Computed output size would be zero or negative"),
    (lambda: L.Conv2D(4, 3, groups=2)(data(2, 8, 8, 3)), "but the input has 3 channels"),
    (lambda: L.Conv2D(4, 3)(L.Input((8, 8, None))), "The channel dimension of the inputs should be defined"),
    (lambda: L.MaxPooling2D(9)(data(2, 8, 8, 4)), "Computed output size would be zero or negative"),
    (lambda: L.GlobalMaxPooling2D()(data(2, 8, 8)), "expected ndim=4, found ndim=3"),
    (lambda: L.Cropping1D(4)(data(2, 8, 4)), "should be smaller than the corresponding spatial dimension"),
    (lambda: L.Reshape((3, 3))(data(2, 8)), "total size of the tensor must be unchanged"),
    (lambda: L.Permute((2, 1))(data(2, 8)), "expected ndim=3, found ndim=2"),
    (lambda: L.Add()(data(2, 8)), "should be called on a list of inputs"),
    (lambda: L.Add()([data(2, 8), data(2, 7)]), "Inputs have incompatible shapes"),
    (lambda: L.Add()([data(2, 8), data(3, 8)]), "Cannot merge tensors with different batch sizes"),
    (lambda: L.Subtract()([data(2, 8)] * 3), "should be called on exactly 2 inputs"),
    (lambda: L.Concatenate()([data(2, 8), data(3, 8)]), "requires inputs with matching shapes except"),
    (lambda: L.Dot(1)([data(2, 8), data(2, 7)]), "axis values 8 (at axis 1) != 7 (at axis 1)"),
    (lambda: L.Dot(0)([data(2, 8), data(2, 8)]), "Cannot perform batch_dot over axis 0"),
    (lambda: L.PReLU()(L.Input((None, 3))), "share the open axes"),
    (lambda: L.Softmax()(data(2, 8), mask=data(3, 3)), "`mask` must be broadcastable to `inputs`"),
    (lambda: L.BatchNormalization()(data(2, 8), mask=data(2, 8)), "one dimension less than the inputs"),
    (lambda: L.BatchNormalization(axis=3)(data(2, 8)), "Axis 3 is out of bounds for input shape (2, 8)"),
    (lambda: L.LayerNormalization(axis=3)(data(2, 8)), "Axis 3 is out of bounds for input shape (2, 8)"),
    (lambda: L.GroupNormalization(3)(data(2, 8)), "must be a multiple of the number of groups"),
    (lambda: L.GroupNormalization(9)(data(2, 8)), "cannot be more than the number of channels"),
    (lambda: L.SpectralNormalization(L.Flatten())(data(2, 8)), "has no attribute 'kernel' nor 'embeddings'"),
]


@pytest.mark.parametrize(("call", "text"), CALLS, ids=[t for _, t in CALLS])
def test_inputs(call: Any, text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        call()


def test_second_call_with_other_channels() -> None:
    layer = L.Conv2D(3, 3)
    layer(data(2, 8, 8, 4))
    with pytest.raises(ValueError, match="expected axis -1 of input shape to have value 4"):
        layer(data(2, 8, 8, 5))


@pytest.mark.parametrize("name", ["FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper"])
def test_what_is_not_built(name: str) -> None:
    with pytest.raises(
        AttributeError, match=f"there is no keras.layers.{name}: this layer is not built here"
    ):
        getattr(L, name)


def test_unknown_name() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Conv9D'"):
        L.Conv9D  # noqa: B018


def test_types() -> None:
    with pytest.raises(TypeError, match="Expected an integer value for `n`"):
        L.RepeatVector(2.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Expected an int or a list/tuple of ints"):
        L.LayerNormalization(axis="x")
    with pytest.raises(TypeError, match="Invalid type for argument `axes`"):
        L.Dot("x")
