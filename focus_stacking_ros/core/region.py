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
    :param width: pixels
    :param height: pixels
    :raises RegionError: it is empty, or a value is negative

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
        if not self.is_whole and not (self.width and self.height):
            raise RegionError(f'the region of interest {self} is empty; give it a width and a '
                              'height, or 0 for all four values: the whole image')

    def __str__(self) -> str:
        """Return it for people."""
        return f'{self.width} x {self.height} at ({self.x_offset}, {self.y_offset})'

    @property
    def is_whole(self) -> bool:
        """Return whether it is the whole image, whatever its size."""
        return not (self.x_offset or self.y_offset or self.width or self.height)

    def within(self, width: int, height: int) -> Region:
        """
        Return the region in an image: with its own size also where it is the whole.

        :param width: of the image, pixels
        :param height: of the image, pixels
        :raises RegionError: it is not inside
        """
        if self.is_whole:
            return Region(0, 0, width, height)
        if self.x_offset + self.width > width or self.y_offset + self.height > height:
            raise RegionError(f'the region of interest {self} is not inside the image of {width} '
                              f'x {height}')
        return self

    def of(self, image: NDArray[Any]) -> NDArray[Any]:
        """
        Return the view of an image, (H, W, ...), that it is.

        :raises RegionError: it is not inside
        """
        here = self.within(image.shape[1], image.shape[0])
        return image[here.y_offset:here.y_offset + here.height,
                     here.x_offset:here.x_offset + here.width]
