# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Light that a defocused neighbour spreads over a pixel.

Defocus spreads the light of a bright edge over flat surroundings, far enough to be their
strongest response in the whole stack. Such a response comes with a change of the local
brightness, which the pixel's own texture does not cause.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce

import cv2
from focus_stacking_ros.core.align.warping import reduced, warp
from focus_stacking_ros.core.depth.packed_planes import PackedPlanes
from focus_stacking_ros.core.depth.picking import picked
from focus_stacking_ros.core.depth.plane_median import median_of
from focus_stacking_ros.core.focus.measure import GREY_STEPS, halved
from focus_stacking_ros.core.slices import FloatImage, Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['BrightnessHistory', 'Deviation', 'Glow', 'enlarged']

#: Of slice numbers (h, w) and their band of rows: (h, w) float32, 8-bit grey levels.
Deviation = Callable[[NDArray[np.intp], slice], FloatImage]
_FACTOR = 4  # pixels per pixel of the history, along each axis


@dataclass(frozen=True)
class Glow:
    """
    How far each pixel's brightness at a slice is from its usual one, in some pixel grid.

    Called with slice numbers (h, w) and the band of rows they are of it gives (h, w) float32,
    the absolute difference to the usual brightness, 8-bit grey levels.

    :param levels: (q, r) uint8 local brightness of every slice, at a quarter of the size
    :param usual: (q, r) uint8, their median
    :param place: pixel of the grid -> pixel of the levels
    :param shape: height and width of the grid
    :param scale: factor on all differences
    """

    levels: Sequence[NDArray[np.uint8]]
    usual: NDArray[np.uint8]
    place: Transform
    shape: tuple[int, int]
    scale: float = 1.0

    def of_slices(self, ranks: Sequence[int], scale: float) -> Glow:
        """Return the same of some of the slices, which then are numbered from 0 on, scaled."""
        return replace(self, levels=[self.levels[rank] for rank in ranks],
                       scale=self.scale * scale)

    def part(self, rows: slice, columns: slice) -> Glow:
        """Return the same of a part of the grid."""
        place = self.place @ np.array([[1, 0, columns.start], [0, 1, rows.start], [0, 0, 1.0]])
        return replace(self, place=place,
                       shape=(rows.stop - rows.start, columns.stop - columns.start))

    def __call__(self, number: NDArray[np.intp], rows: slice) -> FloatImage:
        """Return the differences of a band of rows."""
        found = picked(self._planes[:, rows], number).astype(np.float32)
        return found if self.scale == 1 else found * np.float32(self.scale)

    @cached_property
    def _planes(self) -> NDArray[np.uint8]:
        size = (self.shape[1], self.shape[0])
        return np.stack([warp(cv2.absdiff(level, self.usual), self.place,
                              border=cv2.BORDER_REPLICATE, size=size) for level in self.levels])


@dataclass(frozen=True)
class _Course:
    """
    The local brightness over a stack, (q, r) float32 each, 8-bit grey levels.

    :param usual: median over all slices
    :param spread: greatest absolute difference to it
    """

    usual: FloatImage
    spread: FloatImage


class BrightnessHistory:
    """
    Local brightness of every slice at a quarter of the size, in the grid of the first slice.

    A sixteenth of a byte per pixel and slice, in a fine sweep half of that.

    :param squeezed: whether it is to be half of that again, for some time of the processors
    """

    def __init__(self, *, squeezed: bool = False) -> None:
        self._levels = PackedPlanes(squeezed=squeezed)
        self._told: _Course | None = None

    @staticmethod
    def bytes_per_slice(shape: tuple[int, ...]) -> int:
        """Return what is kept of a slice of so many rows and columns at most."""
        return -(-shape[0] // _FACTOR) * -(-shape[1] // _FACTOR)

    def add(self, half: NDArray[np.int16], transform: Transform, gain: float) -> None:
        """
        Add a slice.

        :param half: (h, w) int16 luma at half the size, in 1/16 grey level
        :param transform: first slice's pixel -> this slice's pixel
        :param gain: factor on its grey values that gives the first slice's brightness
        """
        small = halved(half).astype(np.float32)  # OpenCV takes longer to warp integers
        here = warp(small, reduced(transform, _FACTOR), border=cv2.BORDER_REPLICATE)
        self._told = None
        self._levels.append(cv2.convertScaleAbs(here, alpha=gain / GREY_STEPS))

    def deviation(self, origin: Transform, shape: tuple[int, int], *,
                  reverse: bool) -> Glow:
        """
        Return how far each pixel's brightness at a slice is from its usual one.

        :param origin: result pixel -> first slice's pixel, full size
        :param shape: height and width of the result at half the size
        :param reverse: whether slices are counted from the last one added
        """
        levels = self._levels.planes()
        usual = self._course(levels).usual.astype(np.uint8)
        return Glow(levels[::-1] if reverse else levels, usual, reduced(origin, 2, _FACTOR), shape)

    def spread(self) -> FloatImage:
        """
        Return how much the local brightness varies over the stack.

        :returns: (q, r) float32, greatest absolute difference to the median, 8-bit grey levels, at
            a quarter of the size
        """
        return (self._course(self._levels.planes()) if self._told is None else self._told).spread

    def _course(self, levels: list[NDArray[np.uint8]]) -> _Course:
        """Return what all slices tell, of which these are the levels: unpacking takes time."""
        if self._told is None:
            median = median_of(levels)
            self._told = _Course(median, np.maximum(
                reduce(np.maximum, levels) - median, median - reduce(np.minimum, levels)))
        return self._told


def enlarged(small: FloatImage, shape: tuple[int, int]) -> FloatImage:
    """
    Return a plane of a quarter of the size at full size, interpolated linearly.

    :param small: (ceil(H / 4), ceil(W / 4)) float32
    :param shape: H and W
    """
    size = (small.shape[1] * _FACTOR, small.shape[0] * _FACTOR)
    return cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)[:shape[0], :shape[1]]
