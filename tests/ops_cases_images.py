"""Calls of functions on images."""

from __future__ import annotations

from .ops_calls import IMAGE, A, c

IMAGES = [
    *(
        c("image.resize", A((2, 6, 5, 3)), (4, 9), interpolation=i, antialias=a, loose=10)
        for i in ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5", "area")
        for a in (False, True)
    ),
    c("image.resize", A((6, 5, 3)), (3, 3), static=True, loose=10),
    c("image.resize", A((2, 6, 5, 3)), (4, 4), crop_to_aspect_ratio=True, loose=10),
    c("image.resize", A((2, 6, 5, 3)), (4, 4), pad_to_aspect_ratio=True, loose=10, fill_value=1.0),
    c("image.rgb_to_grayscale", IMAGE),
    c("image.rgb_to_hsv", IMAGE, loose=4),
    c("image.hsv_to_rgb", IMAGE, loose=4),
    c("image.crop_images", IMAGE, top_cropping=1, bottom_cropping=2, left_cropping=1, target_width=3),
    c("image.pad_images", IMAGE, top_padding=1, target_height=9, left_padding=2, right_padding=0),
    *(
        c(
            "image.affine_transform",
            IMAGE,
            A((8,), values=[1.1, 0.1, -0.5, 0.05, 0.9, 0.4, 0, 0]),
            interpolation=i,
            fill_mode=m,
            static=True,
            loose=20,
        )
        for i in ("nearest", "bilinear")
        for m in ("constant", "nearest", "wrap", "reflect")
    ),
    c("image.extract_patches", IMAGE, (3, 2)),
    c("image.extract_patches", IMAGE, 2, strides=1, padding="same"),
    c("image.extract_patches", A((2, 4, 5, 6, 2)), (2, 2, 3), static=True),
    *(
        c(
            "image.map_coordinates",
            A((5, 6)),
            A((2, 4, 3), low=-1, high=6),
            o,
            fill_mode=m,
            static=True,
            loose=4,
        )
        for o in (0, 1)
        for m in ("constant", "nearest", "wrap")
    ),
    c(
        "image.map_coordinates",
        A((5, 6)),
        A((2, 4, 3), low=-3, high=4),
        1,
        fill_mode="reflect",
        static=True,
        loose=4,
    ),
    c("image.gaussian_blur", IMAGE, (3, 5), (1.0, 0.7), loose=4),
    c("image.sobel_edges", IMAGE, loose=4),
    c(
        "image.perspective_transform",
        IMAGE,
        A((4, 2), values=[[0, 0], [4, 0], [0, 5], [4, 5]]),
        A((4, 2), values=[[0.5, 0.3], [3.5, 0], [0, 4.5], [4, 5]]),
        static=True,
        loose=50,
    ),
    c(
        "image.scale_and_translate",
        IMAGE,
        (2, 8, 7, 3),
        A(values=[1.3, 1.5]),
        A(values=[0.2, -0.3]),
        (1, 2),
        "linear",
        static=True,
        loose=20,
    ),
]
