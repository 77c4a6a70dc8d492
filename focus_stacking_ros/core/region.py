# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A region of interest: the part of an image that is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

__all__ = ['Region', 'RegionError']


class RegionError(ValueError):
    """A region of interest cannot be used; the words say why."""


@dataclass(frozen=True)
class Region:
    """
    A rectangle of pixels, as sensor_msgs/RegionOfInterest has it; all 0 is the whole image.

    :param x_offset: its leftmost column
    :param y_offset: its topmost row
    :param width: pixels; 0 is up to the right edge of the image
    :param height: pixels; 0 is up to the lower edge of the image
    :raises RegionError: a value is negative

    >>> Region(2, 1, 3, 2).within(10, 10)
    Region(x_offset=2, y_offset=1, width=3, height=2)
    """

    x_offset: int = 0
    y_offset: int = 0
    width: int = 0
    height: int = 0

    def __post_init__(self) -> None:
        if min(self.x_offset, self.y_offset, self.width, self.height) < 0:
            raise RegionError(f'the region of interest {self} has a negative value')

    def __str__(self) -> str:
        """Return it for people."""
        return f'{self.width} x {self.height} at ({self.x_offset}, {self.y_offset})'

    @property
    def is_whole(self) -> bool:
        """Return whether it is the whole image, whatever its size."""
        return not (self.x_offset or self.y_offset or self.width or self.height)

    def within(self, width: int, height: int) -> Region:
        """
        Return the region in an image, its size without a 0.

        :param width: of the image, pixels
        :param height: of the image, pixels
        :raises RegionError: it is not inside
        """
        wide, high = self.width or width - self.x_offset, self.height or height - self.y_offset
        if (min(wide, high) < 1 or self.x_offset + wide > width
                or self.y_offset + high > height):
            raise RegionError(f'the region of interest {self} is not inside the image of {width} '
                              f'x {height}')
        return Region(self.x_offset, self.y_offset, wide, high)

    def of(self, image: NDArray[Any]) -> NDArray[Any]:
        """
        Return the view of an image, (H, W, ...), that it is.

        :raises RegionError: it is not inside
        """
        here = self.within(image.shape[1], image.shape[0])
        return image[here.y_offset:here.y_offset + here.height,
                     here.x_offset:here.x_offset + here.width]
