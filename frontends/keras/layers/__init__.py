"""Layers under the names that Keras 3 has for them. A layer's module is imported when the layer is first named."""

from __future__ import annotations

from importlib import import_module
from typing import Any

#: module -> what it holds
_FAMILIES = {
    "activation_layers": "Activation ELU LeakyReLU PReLU ReLU Softmax",
    "attention": "AdditiveAttention Attention",
    "batch_normalization": "BatchNormalization",
    "bidirectional": "Bidirectional",
    "borders": "Cropping1D Cropping2D Cropping3D ZeroPadding1D ZeroPadding2D ZeroPadding3D",
    "category_encoding": "CategoryEncoding Discretization",
    "convolution": "Conv1D Conv2D Conv3D Convolution1D Convolution2D Convolution3D",
    "convolution_depthwise": "DepthwiseConv1D DepthwiseConv2D SeparableConv1D SeparableConv2D SeparableConvolution1D "
    "SeparableConvolution2D",
    "convolution_transpose": "Conv1DTranspose Conv2DTranspose Conv3DTranspose Convolution1DTranspose "
    "Convolution2DTranspose Convolution3DTranspose",
    "dense": "Dense",
    "dropout": "ActivityRegularization AlphaDropout Dropout GaussianDropout GaussianNoise SpatialDropout1D "
    "SpatialDropout2D SpatialDropout3D",
    "einsum_dense": "EinsumDense",
    "embedding": "Embedding",
    "grouped_query_attention": "GroupQueryAttention GroupedQueryAttention",
    "gru": "GRU GRUCell",
    "input_layer": "Input InputLayer",
    "joining": "Concatenate Dot concatenate dot",
    "lambda_layer": "Lambda",
    "layer": "Layer",
    "lstm": "LSTM LSTMCell",
    "merging": "Add Average Maximum Merge Minimum Multiply Subtract add average maximum minimum multiply subtract",
    "multi_head_attention": "MultiHeadAttention",
    "normalization": "GroupNormalization LayerNormalization RMSNormalization UnitNormalization",
    "pooling": "AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling1D "
    "AdaptiveMaxPooling2D AdaptiveMaxPooling3D AveragePooling1D AveragePooling2D AveragePooling3D AvgPool1D AvgPool2D "
    "AvgPool3D GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalAvgPool1D GlobalAvgPool2D "
    "GlobalAvgPool3D GlobalMaxPool1D GlobalMaxPool2D GlobalMaxPool3D GlobalMaxPooling1D GlobalMaxPooling2D "
    "GlobalMaxPooling3D MaxPool1D MaxPool2D MaxPool3D MaxPooling1D MaxPooling2D MaxPooling3D",
    "random_images": "RandomBrightness RandomContrast RandomCrop RandomFlip",
    "random_warps": "RandomRotation RandomTranslation RandomZoom",
    "rescaling": "Normalization Rescaling",
    "reshaping": "Flatten Identity Masking Permute RepeatVector Reshape",
    "resizing": "CenterCrop Resizing",
    "rnn": "RNN",
    "simple_rnn": "SimpleRNN SimpleRNNCell",
    "spec": "InputSpec",
    "spectral_normalization": "SpectralNormalization",
    "stacked_rnn_cells": "StackedRNNCells",
    "time_distributed": "TimeDistributed",
    "upsampling": "UpSampling1D UpSampling2D UpSampling3D",
    "wrapper": "Wrapper",
    "..objects": "deserialize serialize",
}
_MODULE_OF = {name: module for module, names in _FAMILIES.items() for name in names.split()}

#: names of Keras 3 that are not built
_REFUSED = {
    "AugMix", "AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization", "ConvLSTM1D",
    "ConvLSTM2D", "ConvLSTM3D", "CutMix", "Equalization", "FlaxLayer", "HashedCrossing",
    "Hashing", "JaxLayer", "MaxNumBoundingBoxes", "MelSpectrogram", "MixUp", "Pipeline", "RandAugment",
    "RandomColorDegeneration", "RandomColorJitter",
    "RandomElasticTransform", "RandomErasing", "RandomGaussianBlur", "RandomGrayscale",
    "RandomHue", "RandomInvert", "RandomPerspective", "RandomPosterization",
    "RandomSaturation", "RandomSharpness", "RandomShear",
    "ReversibleEmbedding", "STFTSpectrogram", "Solarization", "IntegerLookup", "StringLookup", "TextVectorization",
    "TFSMLayer", "TorchModuleWrapper",
}  # fmt: skip

__all__ = list(_MODULE_OF)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    module = _MODULE_OF.get(name)
    if module is None:
        if name in _REFUSED:
            raise AttributeError(f"there is no keras.layers.{name}: this layer is not built here")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    there = import_module(f".{module}" if not module.startswith(".") else module, __name__)
    value = getattr(there, _ELSEWHERE.get(name, name))
    globals()[name] = value
    return value


#: names that their module has another one for
_ELSEWHERE = {"deserialize": "deserialize_keras_object", "serialize": "serialize_keras_object"}


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF})
