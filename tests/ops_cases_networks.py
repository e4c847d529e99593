"""Calls of convolutions, pools, normalisations and losses."""

from __future__ import annotations

from dataclasses import replace

from .ops_calls import A, X, Y, c

_WINDOWS = [
    *(
        c("conv", A((2, 9, 3)), A((3, 3, 4)), strides=s, padding=p, dilation_rate=d, static=True)
        for s, p, d in ((1, "valid", 1), (2, "same", 1), (1, "same", 2))
    ),
    *(
        c("conv", A((2, 7, 8, 4)), A((3, 2, w, 6)), strides=s, padding=p, static=True)
        for w, s, p in ((4, 1, "valid"), (4, (2, 1), "same"), (2, 1, "same"))
    ),
    c("conv", A((2, 5, 6, 4, 2)), A((2, 3, 2, 2, 3)), strides=2, padding="same", static=True),
    c("conv", A((2, 7, 8, 4)), A((3, 3, 4, 2)), dilation_rate=(2, 1), static=True),
    *(
        c("conv_transpose", A((2, 5, 3)), A((3, 4, 3)), strides=s, padding=p, static=True)
        for s, p in ((2, "same"), (2, "valid"), (4, "valid"))
    ),
    *(
        c(
            "conv_transpose",
            A((2, 4, 5, 3)),
            A((3, 3, 4, 3)),
            strides=s,
            padding=p,
            output_padding=o,
            static=True,
        )
        for s, p, o in (
            (2, "same", None),
            (2, "valid", None),
            (1, "same", None),
            (2, "valid", 1),
            (2, "same", 1),
            (2, "same", 0),
        )
    ),
    c("conv_transpose", A((1, 3, 3, 3, 2)), A((2, 2, 2, 3, 2)), strides=2, padding="same", static=True),
    c("depthwise_conv", A((2, 7, 8, 3)), A((3, 3, 3, 2)), padding="same", static=True),
    c("depthwise_conv", A((2, 9, 3)), A((3, 3, 2)), strides=2, padding="same", static=True),
    c(
        "separable_conv",
        A((2, 7, 8, 3)),
        A((3, 3, 3, 2)),
        A((1, 1, 6, 5)),
        strides=2,
        padding="same",
        static=True,
    ),
    c("separable_conv", A((2, 9, 3)), A((3, 3, 2)), A((1, 6, 5)), static=True),
    *(
        c(n, A(s), k, strides=t, padding=p)
        for n in ("max_pool", "average_pool")
        for s, k, t, p in (
            ((2, 9, 3), 2, None, "valid"),
            ((2, 7, 8, 3), 2, 1, "same"),
            ((2, 7, 8, 3), (3, 2), (2, 1), "valid"),
            ((2, 5, 6, 7, 2), 2, 2, "same"),
        )
    ),
    *(
        c(f"adaptive_{n}_pool", A(s), o)
        for n in ("average", "max")
        for s, o in (((2, 9, 3), 4), ((2, 7, 8, 3), (3, 4)), ((2, 5, 6, 7, 2), (2, 3, 7)))
    ),
    c("unfold", A((2, 3, 6, 5)), 2, static=True),
    c("unfold", A((2, 3, 6, 5)), (3, 2), dilation=2, padding=1, stride=(1, 2), static=True),
    c("fold", A((2, 12, 12)), (4, 5), 2, static=True),
    c("fold", A((2, 8, 4)), (4, 4), 2, stride=2, static=True),
    c("depth_to_space", A((2, 3, 4, 8)), 2),
    c("space_to_depth", A((2, 4, 6, 3)), 2),
]

WINDOWS = [replace(case, loose=8) for case in _WINDOWS]

NORMS = [
    *(
        c(
            "batch_normalization",
            A((2, 3, 4)),
            A((s,)),
            A((s,), low=0.5, high=2),
            axis=a,
            offset=A((s,)),
            scale=A((s,)),
            static=True,
        )
        for s, a in ((4, -1), (3, 1))
    ),
    c("batch_normalization", A((2, 4)), A((4,)), A((4,), low=0.5, high=2), axis=-1, static=True),
    c("layer_normalization", A((2, 3, 4)), A((4,)), A((4,)), static=True),
    c("layer_normalization", A((2, 3, 4)), axis=(1, 2)),
    c("layer_normalization", A((2, 3, 4), "float16"), axis=1),
    c("rms_normalization", A((2, 3, 4)), A((4,)), static=True),
    c("rms_normalization", A((2, 3, 4)), axis=(1, 2)),
    c("normalize", X),
    c("normalize", X, axis=0, order=1),
    c("normalize", A((2, 3, 4)), axis=1, order=3),
    c("psnr", X, Y, 2.0),
    c("dot_product_attention", A((2, 5, 4, 3)), A((2, 6, 4, 3)), A((2, 6, 4, 3)), loose=4),
    c(
        "dot_product_attention",
        A((2, 5, 4, 3)),
        A((2, 5, 2, 3)),
        A((2, 5, 2, 3)),
        is_causal=True,
        scale=0.3,
        loose=4,
    ),
    c(
        "dot_product_attention",
        A((2, 5, 4, 3)),
        A((2, 6, 4, 3)),
        A((2, 6, 4, 3)),
        bias=A((2, 4, 5, 6)),
        mask=A((2, 4, 5, 6), "bool"),
        loose=4,
    ),
    c("binary_crossentropy", A((3, 4), low=0, high=1), A((3, 4), low=0, high=1)),
    c("binary_crossentropy", A((3, 4), low=0, high=1), X, from_logits=True),
    c("categorical_crossentropy", A((3, 4), low=0, high=1), A((3, 4), low=0.1, high=1)),
    c("categorical_crossentropy", A((3, 4), low=0, high=1), X, from_logits=True),
    c("categorical_crossentropy", A((3, 4, 2), low=0, high=1), A((3, 4, 2), low=0.1, high=1), axis=1),
    c("sparse_categorical_crossentropy", A((3,), "int32", 0, 4), A((3, 4), low=0.1, high=1)),
    c("sparse_categorical_crossentropy", A((3,), "int32", 0, 4), X, from_logits=True),
    c("sparse_categorical_crossentropy", A((3, 2), "int32", 0, 4), A((3, 2, 4)), from_logits=True),
]
