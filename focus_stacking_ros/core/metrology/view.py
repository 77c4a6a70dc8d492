# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where the pixels of a depth map lie in space, and parts of it that are measured."""

from __future__ import annotations

from dataclasses import dataclass

from focus_stacking_ros.core.slices import FloatImage
import numpy as np
from numpy.typing import NDArray

__all__ = ['MeasurementError', 'Region', 'View']


class MeasurementError(ValueError):
    """Something cannot be measured; the message says why and what to do."""


@dataclass(frozen=True)
class View:
    """
    How a camera sees: in perspective, or all pixels of one size, as a telecentric lens does.

    :param focal_length_px: distance of the image plane in pixels, fx of its camera info; None for
        pixels of one size
    :param centre_px: (x, y) where the optical axis meets the image; None for its middle
    :param pixel_m: side of a pixel on the object in metres; None where it is not known or, in
        perspective, depends on the depth
    :raises MeasurementError: a length is not positive, or both are given
    """

    focal_length_px: float | None = None
    centre_px: tuple[float, float] | None = None
    pixel_m: float | None = None

    def __post_init__(self) -> None:
        """Refuse lengths that are none."""
        for name, value in (('focal length', self.focal_length_px),
                            ('size of a pixel', self.pixel_m)):
            if value is not None and not (np.isfinite(value) and value > 0):
                raise MeasurementError(f'the {name} {value} is not above 0')
        if self.focal_length_px is not None and self.pixel_m is not None:
            raise MeasurementError('a focal length and a size of pixels exclude each other: in '
                                   'perspective the size of a pixel follows from the depth')

    def pixel_at(self, depth_m: float) -> float | None:
        """Return the side of a pixel on an object at a depth, metres; None where not known."""
        if self.focal_length_px is None:
            return self.pixel_m
        return depth_m / self.focal_length_px

    def rays(self, shape: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """
        Return columns (W,) and rows (H, 1) as coordinates that planes are linear in.

        In perspective x / z and y / z of the pixel's ray (REP-118), else metres from the first
        pixel, or pixels where their size is not known.
        """
        columns, rows = np.arange(shape[1], dtype=np.float64), np.arange(
            shape[0], dtype=np.float64)[:, None]
        if self.focal_length_px is None:
            size = 1.0 if self.pixel_m is None else self.pixel_m
            return columns * size, rows * size
        x, y = self.centre_px or ((shape[1] - 1) / 2, (shape[0] - 1) / 2)
        return (columns - x) / self.focal_length_px, (rows - y) / self.focal_length_px

    def points_m(self, depth_m: FloatImage) -> NDArray[np.float32]:
        """
        Return where the pixels of a depth map lie, in the camera's optical frame (REP-103).

        Of pixels of one size x and y count from the first pixel.

        :param depth_m: (H, W) metres along Z, NaN where unknown
        :returns: (H, W, 3) float32 metres
        :raises MeasurementError: neither a focal length nor a size of pixels is known
        """
        if self.focal_length_px is None and self.pixel_m is None:
            raise MeasurementError('without a focal length or a size of pixels nothing tells how '
                                   'far apart they lie')
        x, y = self.rays((depth_m.shape[0], depth_m.shape[1]))
        scale = depth_m if self.focal_length_px is not None else np.where(
            np.isfinite(depth_m), np.float32(1), np.float32(np.nan))
        return np.stack([x * scale, y * scale, depth_m], axis=2).astype(np.float32)


@dataclass(frozen=True)
class Region:
    """
    A rectangle of pixels.

    :param x: first column
    :param y: first row
    :param width: columns
    :param height: rows
    """

    x: int
    y: int
    width: int
    height: int

    def of(self, plane: FloatImage) -> FloatImage:
        """
        Return the part of an image.

        :raises MeasurementError: it has no pixels, or not all of them are in the image
        """
        height, width = plane.shape
        if not (self.width > 0 and self.height > 0 and 0 <= self.x <= width - self.width
                and 0 <= self.y <= height - self.height):
            raise MeasurementError(f'the region {self} is not inside the {width}x{height} pixels '
                                   'of the depth map')
        return plane[self.y:self.y + self.height, self.x:self.x + self.width]

    def __str__(self) -> str:
        """Return it as the command line takes it."""
        return f'{self.x},{self.y},{self.width},{self.height}'
