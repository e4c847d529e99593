"""Images: resizing, cropping, warping, colours. All are channels last, as TensorFlow's image ops are."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...compiler.ir.core import Value
from ...compiler.ir.dims import Dim
from ...compiler.ops import elementwise as e
from ...compiler.ops.base import tensor
from ...compiler.ops.image import Colour, CropAndResize, DrawBoxes, ProjectiveTransform
from ...compiler.ops.reduce import ReduceMean
from ...compiler.ops.resize import Resize, ScaleAndTranslate
from ...runtime.spec import DType, f32
from .context import Context
from .folding import known_array
from .registry import Malformed, Refused, converts


def size_of(c: Context, v: Value) -> tuple[Dim, Dim]:
    """Height and width from an operand."""
    sizes = c.sizes(v, "size")
    if len(sizes) != 2:
        raise Malformed(f"expected a height and a width, found {len(sizes)} sizes")
    for d in sizes:
        if isinstance(d, int) and d < 1:
            raise Malformed(f"expected a positive height and width, found {d}")
    return sizes[0], sizes[1]


def images_of(x: Value) -> None:
    """Checks that x are images that have pixels."""
    t = tensor(x)
    if t.rank != 4:
        raise Malformed(f"expected images of rank 4, found {t}")
    if any(d == 0 for d in t.shape[1:]):
        raise Malformed(f"expected images of at least one pixel and channel, found {t}")


def _resize(method: str) -> Any:
    def convert(c: Context, images: Value, size: Value) -> Value:
        """With align_corners, half_pixel_centers or neither; to constant sizes, or formulas of input sizes."""
        images_of(images)
        corners, half = c.flag("align_corners", False), c.flag("half_pixel_centers", False)
        if corners and half:
            raise Malformed("expected only one of align_corners and half_pixel_centers, found both")
        coordinates = "align_corners" if corners else "half_pixel" if half else "legacy"
        return c.make(Resize, images, size=size_of(c, size), method=method, coordinates=coordinates)

    return convert


for _op, _method in (
    ("ResizeNearestNeighbor", "nearest"),
    ("ResizeBilinear", "bilinear"),
    ("ResizeBicubic", "bicubic"),
    ("ResizeArea", "area"),
):
    converts(_op)(_resize(_method))


@converts("ScaleAndTranslate")
def scale_and_translate(c: Context, images: Value, size: Value, scale: Value, translation: Value) -> Value:
    """All kernels, with and without antialias; scale and translation may be computed at run time."""
    images_of(images)
    kernel = c.text("kernel_type", "lanczos3")
    if kernel not in ScaleAndTranslate.kernel.choices:
        raise Refused(f"kernel_type {kernel!r} is not supported")
    known = known_array(scale)
    if known is not None and not (known > 0).all():
        raise Malformed(f"expected positive scales, found {known.tolist()}")
    return c.make(
        ScaleAndTranslate,
        images,
        scale,
        translation,
        size=size_of(c, size),
        kernel=kernel,
        antialias=c.flag("antialias", True),
    )


@converts("CropAndResize")
def crop_and_resize(c: Context, image: Value, boxes: Value, box_ind: Value, crop_size: Value) -> Value:
    """bilinear and nearest, with flips; a box of an image that there is not is the error INDEX."""
    images_of(image)
    return c.make(
        CropAndResize,
        image,
        boxes,
        box_ind,
        size=size_of(c, crop_size),
        method=c.text("method", "bilinear"),
        outside=c.real("extrapolation_value", 0.0),
    )


@converts("ImageProjectiveTransformV2", "ImageProjectiveTransformV3")
def projective_transform(
    c: Context, images: Value, transforms: Value, output_shape: Value, fill_value: Value | None = None
) -> Value:
    """NEAREST and BILINEAR, all fill modes."""
    images_of(images)
    return c.make(
        ProjectiveTransform,
        images,
        transforms,
        c.scalar(0, f32) if fill_value is None else fill_value,
        size=size_of(c, output_shape),
        method=_upper(c, "interpolation", ProjectiveTransform.method.choices),
        fill_mode=_upper(c, "fill_mode", ProjectiveTransform.fill_mode.choices, "CONSTANT"),
    )


def _upper(c: Context, key: str, choices: tuple[str, ...], *default: str) -> str:
    found = c.text(key, *default).upper()
    if found not in choices:
        raise Refused(f"{key} {found!r} is not supported")
    return found


@converts("RGBToHSV")
def rgb_to_hsv(c: Context, images: Value) -> Value:
    """Of floats; what becomes of pixels that are not finite is not specified."""
    return c.make(Colour, images, kind="rgb_to_hsv")


@converts("HSVToRGB")
def hsv_to_rgb(c: Context, images: Value) -> Value:
    """Of floats."""
    return c.make(Colour, images, kind="hsv_to_rgb")


@converts("AdjustHue")
def adjust_hue(c: Context, images: Value, delta: Value) -> Value:
    """The amount may be computed at run time."""
    return _adjust(c, images, delta, "adjust_hue")


@converts("AdjustSaturation")
def adjust_saturation(c: Context, images: Value, scale: Value) -> Value:
    """The amount may be computed at run time."""
    return _adjust(c, images, scale, "adjust_saturation")


def _adjust(c: Context, images: Value, amount: Value, kind: str) -> Value:
    """In float32, as TensorFlow does it for half precision too."""
    if tensor(images).rank < 3:
        raise Malformed(f"expected images of rank 3 or more, found {tensor(images)}")
    made = c.make(Colour, cast(c, images, f32), cast(c, amount, f32), kind=kind)
    return cast(c, made, tensor(images).dtype)


def cast(c: Context, x: Value, dtype: DType) -> Value:
    """x in another data type."""
    return x if tensor(x).dtype == dtype else c.make(e.Cast, x, dtype=dtype)


@converts("AdjustContrastv2")
def adjust_contrast(c: Context, images: Value, contrast_factor: Value) -> Value:
    """Away from the mean of each channel of each image."""
    made = _contrast(c, cast(c, images, f32), cast(c, contrast_factor, f32))
    return cast(c, made, tensor(images).dtype)


@converts("AdjustContrast")
def adjust_contrast_v1(
    c: Context, images: Value, contrast_factor: Value, min_value: Value, max_value: Value
) -> Value:
    """The same, clipped, as float32."""
    made = _contrast(c, cast(c, images, f32), contrast_factor)
    return c.make(e.Minimum, c.make(e.Maximum, made, min_value), max_value)


def _contrast(c: Context, x: Value, factor: Value) -> Value:
    rank = tensor(x).rank
    if rank < 3:
        raise Malformed(f"expected images of rank 3 or more, found {tensor(x)}")
    mean = c.make(ReduceMean, x, axes=(rank - 3, rank - 2), keep_dims=True)
    return c.make(e.Add, c.make(e.Mul, c.make(e.Sub, x, mean), factor), mean)


#: of DrawBoundingBoxes, and of V2 without any: yellow, blue, red, lime, purple, olive, maroon, navy, aqua, fuchsia
_COLOURS = (
    (1, 1, 0, 1), (0, 0, 1, 1), (1, 0, 0, 1), (0, 1, 0, 1), (0.5, 0, 0.5, 1),
    (0.5, 0.5, 0, 1), (0.5, 0, 0, 1), (0, 0, 0.5, 1), (0, 1, 1, 1), (1, 0, 1, 1),
)  # fmt: skip


@converts("DrawBoundingBoxes", "DrawBoundingBoxesV2")
def draw_bounding_boxes(c: Context, images: Value, boxes: Value, colors: Value | None = None) -> Value:
    """Of one, three or four channels, which must be known where there are no colours."""
    images_of(images)
    depth = tensor(images).shape[3]
    plain = colors is None or tensor(colors).shape[0] == 0
    if depth not in (1, 3, 4) and (plain or isinstance(depth, int)):
        raise Refused(f"images of {depth} channels are not supported")
    if colors is None or plain:
        table = np.array(_COLOURS, np.float32)
        colors = c.constant(np.ones_like(table) if depth == 1 else table, f32)
    return c.make(DrawBoxes, images, boxes, colors)
