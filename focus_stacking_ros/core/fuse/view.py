# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where a part of the result lies in a slice, and what the slice shows there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import cv2
from focus_stacking_ros.core.fuse.fixed_map import Area
from focus_stacking_ros.core.fuse.gathering import cubic, linear, packed
from focus_stacking_ros.core.fuse.projective_map import PixelTables
from focus_stacking_ros.core.slices import Image
import numpy as np
from numpy.typing import NDArray

__all__ = ['View']

Plane = NDArray[np.uint8]


@dataclass(frozen=True)
class View:
    """
    Where an area of the result lies in a slice.

    :param source: rows and columns of the slice that are needed for it
    :param inside: (h, w) uint8, 255 where the slice has data, else 0; None where it has it all
    :param tables: where every pixel of the result lies
    :param area: rows and columns of the result
    :param shape: height and width of the slice
    """

    source: Area
    inside: Plane | None
    tables: PixelTables
    area: Area
    shape: tuple[int, int]

    @classmethod
    def of(cls, tables: PixelTables, area: Area, shape: tuple[int, int]) -> View | None:
        """Return the view of an area; None where nothing of it is within a slice."""
        right, bottom = 32 * (shape[1] - 1), 32 * (shape[0] - 1)
        inside = None
        (first_x, last_x), (first_y, last_y) = (
            _extremes(each) for each in tables.positions(_corners(area)))
        if first_x < 0 or last_x > right or first_y < 0 or last_y > bottom:
            x, y = tables.positions(area)
            within = ((x >= 0) & (x <= right)) & ((y >= 0) & (y <= bottom))
            if not within.any():
                return None
            inside = within.view(np.uint8) * np.uint8(255)
            first_x, last_x = (min(max(each, 0), right) for each in (first_x, last_x))
            first_y, last_y = (min(max(each, 0), bottom) for each in (first_y, last_y))
        # Beyond the four pixels around each position nothing is read.
        left, top = max((first_x >> 5) - 1, 0), max((first_y >> 5) - 1, 0)
        source = slice(top, (last_y >> 5) + 3), slice(left, (last_x >> 5) + 3)
        return cls(source, inside, tables, area, shape)

    def where(self, valid: Plane) -> View | None:
        """
        Return the view less what a slice has no data of; None where nothing is left.

        :param valid: (H, W) uint8, 255 where the slice has data, else 0; it is interpolated with
            bilinear weights, and only 255 counts
        """
        seen = (self.interpolated(valid) == 255).view(np.uint8) * np.uint8(255)
        if self.inside is not None:
            cv2.bitwise_and(seen, self.inside, seen)
        if seen.all():
            return self
        return replace(self, inside=seen) if seen.any() else None

    @cached_property
    def maps(self) -> tuple[NDArray[np.int16], NDArray[np.uint16]]:
        """Positions within ``source``, (h, w, 2) int16 and (h, w) uint16: `gathering.packed`."""
        x, y = self.tables.positions(self.area)
        if self.inside is not None:
            x, y = np.clip(x, 0, 32 * (self.shape[1] - 1)), np.clip(y, 0, 32 * (self.shape[0] - 1))
        return packed(x - 32 * self.source[1].start, y - 32 * self.source[0].start)

    def interpolated(self, plane: Plane) -> Plane:
        """Return a plane of the slice in the area, interpolated with bilinear weights."""
        return linear(plane[self.source], *self.maps)

    def gathered(self, image: Image, area: Area) -> Image:
        """Return an image's pixels in a part of the area, interpolated with cubic weights."""
        whole, part = self.maps
        return cubic(image[self.source], whole[area], part[area])


def _corners(area: Area) -> Area:
    """Return the first and the last row and column of an area."""
    rows, columns = (slice(each.start, each.stop, max(each.stop - each.start - 1, 1))
                     for each in area)
    return rows, columns


def _extremes(corners: NDArray[np.int32]) -> tuple[int, int]:
    """Return the least and the greatest of positions that rise or fall steadily."""
    return int(corners.min()), int(corners.max())
