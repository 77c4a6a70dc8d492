# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The part of the images that a stack is of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from focus_stacking_ros.core.region import Region
from focus_stacking_ros.core.slices import stored
import numpy as np
from numpy.typing import NDArray

__all__ = ['View']


@dataclass(frozen=True)
class View:
    """
    What a stack sees of its images.

    :param width: of the whole images, pixels
    :param height: of the whole images, pixels
    :param region: of them, None for all
    """

    width: int
    height: int
    region: Region | None = None

    @classmethod
    def through(cls, region: Region, image: NDArray[Any]) -> View:
        """
        Return the view of an image that a region of interest leaves.

        :raises RegionError: the region is not inside the image
        """
        height, width = image.shape[:2]
        inside = region.within(width, height)
        return cls(width, height, None if inside == Region(0, 0, width, height) else inside)

    def fits(self, image: NDArray[Any]) -> bool:
        """Return whether an image has the size of those that the view is of."""
        return (self.height, self.width) == image.shape[:2]

    def of(self, image: NDArray[Any]) -> NDArray[Any]:
        """Return what it leaves of an image of its size, in one piece."""
        if self.region is None:
            return image
        pixels, reverse = stored(image)
        part = np.ascontiguousarray(self.region.of(pixels))
        return part[..., ::-1] if reverse else part
