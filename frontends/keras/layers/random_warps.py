"""Images turned, stretched and shifted by chance."""

from __future__ import annotations

import math
from typing import Any

from ...eager.ops.elementwise import cos, sin
from ...eager.tensor import Tensor
from .images import WarpLayer, bounds_of, rows_of, sizes_of


class RandomRotation(WarpLayer):
    """Turns each image by an angle of its own while training: `factor` is the most, as a part of a whole turn, in both
    directions, or (least, most)."""

    def __init__(
        self,
        factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, fill_value, seed=seed, data_format=data_format, **kwargs)
        error = (
            "The `factor` argument should be a number (or a list of two numbers) in the range [-1, 1]. "
            f"Received: factor={factor}"
        )
        self.factor = bounds_of(factor, error, -1.0, 1.0)

    def draw(self, images: Tensor) -> Tensor:
        """Angles [B] in degrees."""
        return self.uniform(images, self.factor[0] * 360.0, self.factor[1] * 360.0)

    def matrices(self, images: Tensor, parameters: Tensor) -> Tensor:
        height, width = sizes_of(images)
        x, y = (0.5 * (width - 1), 0.5 * (height - 1))
        angle = parameters * (math.pi / 180.0)
        c, s = cos(angle), sin(angle)
        return rows_of(c, -s, x - c * x + s * y, s, c, y - s * x - c * y)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


class RandomZoom(WarpLayer):
    """Stretches each image around its middle while training, by factors from 1 + least to 1 + most: below 1 it shows
    less of the image. Without `width_factor` the width is stretched as the height."""

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, fill_value, seed=seed, data_format=data_format, **kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._rows = self._bounds("height_factor", height_factor)
        self._columns = None if width_factor is None else self._bounds("width_factor", width_factor)

    def _bounds(self, name: str, factor: Any) -> tuple[float, float]:
        error = (
            "The `height_factor` and `width_factor` arguments should be a number (or a list of two numbers) in "
            "the range "
            f"(-1.0, 1.0]. Received: {name}={factor}"
        )
        return bounds_of(factor, error, -1.0, 1.0, open_low=True)

    def draw(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Factors [B] for height and width."""
        rows = self.uniform(images, 1.0 + self._rows[0], 1.0 + self._rows[1])
        if self._columns is None:
            return rows, rows
        return rows, self.uniform(images, 1.0 + self._columns[0], 1.0 + self._columns[1])

    def matrices(self, images: Tensor, parameters: tuple[Tensor, Tensor]) -> Tensor:
        height, width = sizes_of(images)
        rows, columns = parameters
        return rows_of(
            columns, 0, (1.0 - columns) * ((width - 1) / 2.0), 0, rows, (1.0 - rows) * ((height - 1) / 2.0)
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "height_factor": self.height_factor,
            "width_factor": self.width_factor,
        }


class RandomTranslation(WarpLayer):
    """Shifts each image while training, by parts of its height and width: down and to the right above 0."""

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, fill_value, seed=seed, data_format=data_format, **kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._rows = self._bounds("height_factor", height_factor)
        self._columns = self._bounds("width_factor", width_factor)

    def _bounds(self, name: str, factor: Any) -> tuple[float, float]:
        error = (
            "The `factor` argument should be a number (or a list of two numbers) in the range [-1.0, 1.0]. "
            f"Received: {name}={factor}"
        )
        return bounds_of(factor, error, -1.0, 1.0)

    def draw(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """How many pixels [B] down and to the right."""
        height, width = sizes_of(images)
        return self.uniform(images, *self._rows) * height, self.uniform(images, *self._columns) * width

    def matrices(self, images: Tensor, parameters: tuple[Tensor, Tensor]) -> Tensor:
        down, right = parameters
        return rows_of(1, 0, -right, 0, 1, -down)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "height_factor": self.height_factor,
            "width_factor": self.width_factor,
        }
