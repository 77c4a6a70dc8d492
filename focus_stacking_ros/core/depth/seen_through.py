# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Surfaces that are seen through one another, and which of them the depth is of.

Glass, amber or gauze show what is behind them, too: focus curves have two separate peaks there.
So have some at every edge of the depth, within reach of windows and blur, and where noise is
greater than it is known to be. A surface shows itself by pixels that agree: most of those around
that tell anything have two peaks, each at one depth, over more than what windows reach.

The choice is made before a surface is laid through the peaks: none lies between the two.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
from focus_stacking_ros.core.depth.curves import PeakLayer
from focus_stacking_ros.core.depth.picking import greatest
from focus_stacking_ros.core.focus.measure import GREY_STEPS
from focus_stacking_ros.core.slices import FloatImage
import numpy as np
from numpy.typing import NDArray

__all__ = ['CLEAR', 'FEWEST_SLICES', 'LEAST_ERROR', 'MODEL_ERROR', 'SPARSE', 'STRONG', 'TELLING',
           'VALLEY', 'SeenThrough', 'agreeing_places', 'places_seen_through', 'seen_through',
           'whole_places']

#: Two peaks and what lies between them.
FEWEST_SLICES = 3
#: Every so many half-size pixels, along each axis, tell whether there is such a place.
SPARSE = 2
STRONG = 0.25  # share of the greatest peak that the other one reaches
VALLEY = 0.3  # share of the lower peak by which the curve falls between the two
CLEAR = 5.0  # standard deviations of noise by which it does
TELLING = 4.5  # significance of a greatest peak that tells
MODEL_ERROR, LEAST_ERROR = 0.02, 0.05  # of a response: as a share of it, and grey levels
_AROUND = 9  # side of the surroundings that must agree, half-size pixels
_MOST, _LEAST_TELLING = 0.5, 0.25  # of those that tell, with two peaks; of all around
_AGREEING = 0.5  # widths of the focus curve by which each of the two peaks may scatter

Mask = NDArray[np.bool_]
Numbers = NDArray[np.intp]


@dataclass(frozen=True)
class SeenThrough:
    """
    Where surfaces are seen through one another; planes are (h, w), half-size pixels.

    :param where: bool, where they are
    :param number: intp, slice of the peak that is preferred there, of the greatest elsewhere
    :param coordinate: float32, mean of the preferred peaks around
    :param near: bool, where the nearer surface is preferred, else the farther one
    :param width: of the focus curve, in the coordinate
    """

    where: Mask
    number: Numbers
    coordinate: FloatImage
    near: Mask
    width: float

    def preferred(self, layer: PeakLayer, chosen: PeakLayer) -> PeakLayer:
        """Return a layer with the peaks of another one where surfaces are seen through."""
        return PeakLayer(*(np.where(self.where, there, plane) for plane, there in (
            (layer.coordinate, chosen.coordinate), (layer.weight, chosen.weight),
            (layer.significance, chosen.significance))))

    def without_other(self, layer: PeakLayer) -> PeakLayer:
        """Return a layer in which peaks of the surface that is not preferred have no weight."""
        beyond = layer.coordinate - self.coordinate
        other = self.where & (np.where(self.near, beyond, -beyond) > np.float32(self.width))
        return replace(layer, weight=np.where(other, np.float32(0), layer.weight))


@dataclass(frozen=True)
class _Peaks:
    """The greatest peak of each curve with the more prominent one of those beside it."""

    strongest: Numbers
    near: Numbers  # both are the strongest where there is no other
    far: Numbers
    near_height: FloatImage
    far_height: FloatImage
    both: Mask  # the strongest tells and there is another
    telling: Mask


def places_seen_through(volume: NDArray[np.int16], floor: FloatImage, scatter: float,
                        steps: NDArray[np.float32], width: float) -> Mask:
    """
    Return the places where surfaces are seen through one another.

    :param volume: (n, h, w) int16 responses near to far, 1/16 grey level, of every `SPARSE`th
        half-size pixel along each axis; -1 where a slice has no data
    :param floor: (h, w) float32, mean response to noise, 8-bit grey levels
    :param scatter: standard deviation of the response to noise, in units of the floor
    :param steps: (n,) float32, coordinate of every slice
    :param width: of the focus curve, in the coordinate
    :returns: (h, w) bool
    """
    peaks = _peaks(volume, floor, scatter, steps, width)
    return agreeing_places(peaks.both, peaks.telling, steps[peaks.near], steps[peaks.far], width)


def agreeing_places(both: Mask, telling: Mask, near: FloatImage, far: FloatImage,
                    width: float) -> Mask:
    """
    Return where most pixels around have two peaks, each at one depth; see `places_seen_through`.

    :param both: (h, w) where the greatest peak tells and there is another
    :param telling: (h, w) where it tells
    :param near: (h, w) float32 coordinate of the nearer peak
    :param far: (h, w) float32, of the farther one
    :param width: of the focus curve, in the coordinate
    """
    side = _AROUND // SPARSE + 1
    share = _mean(both, side)
    where = (share > np.float32(_MOST) * _mean(telling, side)) & (
        share > np.float32(_LEAST_TELLING))
    if not where.any():
        return where
    share += np.float32(1e-6)
    for place in (near, far):
        of = place * both
        mean = _mean(of, side) / share
        variance = _mean(of * of, side) / share - np.square(mean)
        where &= variance < np.float32((_AGREEING * width) ** 2)
    # At an edge of the depth windows and blur make a band of such pixels, and no wider place.
    window = np.ones((side, side), np.uint8)
    opened = cv2.morphologyEx(where.view(np.uint8), cv2.MORPH_OPEN, window)
    return np.asarray(opened > 0)


def whole_places(places: Mask, shape: tuple[int, ...]) -> Mask:
    """Return the places among all half-size pixels, (h, w) bool."""
    return np.asarray(cv2.resize(
        places.view(np.uint8), None, fx=SPARSE, fy=SPARSE,
        interpolation=cv2.INTER_NEAREST)[:shape[0], :shape[1]] > 0)


def seen_through(volume: NDArray[np.int16], floor: FloatImage, scatter: float,
                 steps: NDArray[np.float32], width: float, places: Mask,
                 prefer: str) -> SeenThrough:
    """
    Return which peaks are preferred where surfaces are seen through one another.

    :param volume: (n, h, w) int16 responses near to far, 1/16 grey level, of all half-size pixels
    :param floor: (h, w) float32, as above, as are scatter, steps and width
    :param places: of `places_seen_through`
    :param prefer: nearest, farthest, or strongest: that whose peaks are higher around
    """
    shape = volume.shape[1:]
    where = whole_places(places, shape)
    peaks = _peaks(volume, floor, scatter, steps, width)
    near = np.full(shape, prefer == 'nearest')
    if prefer == 'strongest':
        near = _mean(peaks.near_height * peaks.both, _AROUND) >= _mean(
            peaks.far_height * peaks.both, _AROUND)
    number = np.where(where, np.where(near, peaks.near, peaks.far), peaks.strongest)
    share = _mean(peaks.both, _AROUND) + np.float32(1e-6)
    there = _mean(steps[number] * peaks.both, _AROUND) / share
    return SeenThrough(where, number, there, near, width)


def _mean(plane: NDArray[Any], side: int) -> FloatImage:
    return np.asarray(cv2.blur(np.asarray(plane, np.float32), (side, side)), np.float32)


def _peaks(volume: NDArray[np.int16], floor: FloatImage, scatter: float,
           steps: NDArray[np.float32], width: float) -> _Peaks:
    """
    Return the two peaks of each curve.

    Of each side of the greatest response the other one is the slice to which the curve rises most
    from its lowest point on the way. It counts where it is strong, farther than a width of the
    focus curve from the greatest, and rises by more than noise makes it rise.
    """
    scale = np.float32(1 / GREY_STEPS)
    strongest = greatest(volume)
    top = volume.max(axis=0) * scale - floor
    mean = np.maximum(volume, 0).mean(axis=0, dtype=np.float32) * scale - floor
    noise = np.float32(scatter) * floor + np.float32(MODEL_ERROR) * np.maximum(
        top, 0) + np.float32(LEAST_ERROR)
    numbers, heights = [], []
    for way in (-1, 1):
        lowest, rise, height = top.copy(), np.zeros_like(top), np.zeros_like(top)
        number = strongest.copy()
        for rank in range(len(volume))[::way]:
            beyond = ((strongest - rank) * way < 0) & (volume[rank] >= 0)
            signal = volume[rank] * scale - floor
            higher = beyond & (signal - lowest > rise) & (
                np.abs(steps[strongest] - steps[rank]) > np.float32(width))
            np.subtract(signal, lowest, out=rise, where=higher)
            np.copyto(height, signal, where=higher)
            number[higher] = rank
            np.minimum(lowest, signal, out=lowest, where=beyond)
        peak = (height > np.float32(STRONG) * top) & (
            rise > np.maximum(np.float32(VALLEY) * height, np.float32(CLEAR) * noise))
        numbers.append(np.where(peak, number, strongest))
        heights.append(np.where(peak, height, 0))
    # The more prominent side only: of three surfaces the strongest and the next.
    nearer = heights[0] >= heights[1]
    telling = top - mean > np.float32(TELLING) * noise
    both = telling & (np.maximum(heights[0], heights[1]) > 0)
    near = np.where(nearer & both, numbers[0], strongest)
    far = np.where(~nearer & both, numbers[1], strongest)
    return _Peaks(strongest, near, far, np.where(nearer, heights[0], top),
                  np.where(nearer, top, heights[1]), both, telling)
