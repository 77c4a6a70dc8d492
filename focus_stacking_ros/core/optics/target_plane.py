# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where a flat target of a calibration stands, square to the optical axis or turned."""

from __future__ import annotations

from dataclasses import dataclass
import math

import numpy as np
from numpy.typing import NDArray

__all__ = ['SIDES', 'TargetPlane', 'turned']

#: The side of the image that is farther, and the slope along the image's x and y it stands for.
SIDES = {'right': (1.0, 0.0), 'left': (-1.0, 0.0), 'bottom': (0.0, 1.0), 'top': (0.0, -1.0)}


@dataclass(frozen=True)
class TargetPlane:
    """
    A plane before a camera.

    :param distance_m: along the optical axis to where that meets it, metres
    :param slope: change of the distance per length along the image's x and y: the tangent of the
        angle it is turned by
    :param focal_length_px: distance of the image plane in pixels; None for pixels of one size
    :param pixel_m: side of a pixel on the object in metres, as a telecentric lens has it; None in
        perspective
    """

    distance_m: float
    slope: tuple[float, float] = (0.0, 0.0)
    focal_length_px: float | None = None
    pixel_m: float | None = None

    def depth_m(self, shape: tuple[int, int]) -> NDArray[np.float64]:
        """
        Return the depth along Z of every pixel, (H, W) metres; NaN where the plane is not seen.

        :param shape: (height, width) of the image, pixels; the optical axis meets its middle
        """
        height, width = shape
        y, x = np.mgrid[:height, :width].astype(np.float64)
        across = self.slope[0] * (x - (width - 1) / 2) + self.slope[1] * (y - (height - 1) / 2)
        if self.focal_length_px is None:
            return np.asarray(self.distance_m + across * (self.pixel_m or 0.0), np.float64)
        # On the ray of a pixel X = Z x / f, so Z = distance + slope Z x / f.
        share = 1 - across / self.focal_length_px
        return np.where(share > 0, self.distance_m / np.where(share > 0, share, 1.0), np.nan)


def turned(distance_m: float, degrees: float, side: str, *, focal_length_px: float | None = None,
           pixel_m: float | None = None) -> TargetPlane:
    """
    Return a target that is turned out of square.

    :param distance_m: along the optical axis, metres
    :param degrees: angle, 0 to 89
    :param side: of the image that is farther, one of `SIDES`
    :param focal_length_px: of a camera with perspective, pixels
    :param pixel_m: side of a pixel on the object in metres, with a telecentric lens
    """
    x, y = SIDES[side]
    slope = math.tan(math.radians(degrees))
    return TargetPlane(distance_m, (x * slope, y * slope), focal_length_px, pixel_m)
