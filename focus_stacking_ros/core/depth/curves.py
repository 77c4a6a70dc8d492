# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
From focus curves to what is known of each pixel's depth, before its neighbours are asked.

Depth is counted in the coordinate of the sweep: linear in dioptres, in which defocus is linear,
and as long as there are slices; where steps are even it is the slice index.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
from focus_stacking_ros.core.depth.peaks import PeakFit
from focus_stacking_ros.core.focus.measure import GREY_STEPS
from focus_stacking_ros.core.slices import FloatImage
from focus_stacking_ros.core.threads import lasting_threads
import numpy as np
from numpy.typing import NDArray

__all__ = ['BORROWED', 'DOUBTFUL', 'DOUBTFUL_RANGE', 'GLOW_RESPONSE', 'LEAST_ERROR', 'MODEL_ERROR',
           'SYSTEMATIC', 'WEAK', 'Curve', 'PeakLayer', 'doubt_borrowed', 'doubt_glow', 'half_gaps',
           'in_bands', 'index_of', 'layer_of', 'logistic', 'metres', 'strongest_near',
           'sweep_coordinate']

SYSTEMATIC = 0.1  # error of a fit without any noise, in widths of the focus curve
DOUBTFUL, DOUBTFUL_RANGE = 3.0, 0.8  # significance of a peak that is believed half; steepness
MODEL_ERROR, LEAST_ERROR = 0.02, 0.05  # of a response: as a share of it, and grey levels
GLOW_RESPONSE = 6.0  # of a blurred edge that is doubted half, per grey level that it adds
_SPREAD = 13  # width of what may spread light over a pixel, half-size pixels
WEAK = 0.25  # share of the strongest response around at which the suspicion of its light halves
BORROWED = 0.7  # share of the window's response that a pixel needs of its own
_MOST_EXPONENT = np.float32(88)  # beyond it single precision overflows
_BAND = 64  # rows: temporary planes then stay small

#: Rows of planes, or rows and columns.
Place = slice | tuple[slice, slice]


@dataclass(frozen=True)
class PeakLayer:
    """
    What focus curves averaged over one size of window tell; (h, w) float32 each.

    :param coordinate: of the peak
    :param weight: 0 to 1, trust in it by contrast, noise and fit
    :param significance: height of the peak over the mean of the curve, in standard deviations of
        the response to noise
    """

    coordinate: FloatImage
    weight: FloatImage
    significance: FloatImage

    def part(self, place: Place) -> PeakLayer:
        """Return what it tells of a part of the picture."""
        return PeakLayer(self.coordinate[place], self.weight[place], self.significance[place])

    def put(self, place: Place, told: PeakLayer) -> None:
        """Write what is told of a part of the picture into its place."""
        self.coordinate[place] = told.coordinate
        self.weight[place] = told.weight
        self.significance[place] = told.significance


@dataclass(frozen=True)
class Curve:
    """
    What one band of pixels needs of its focus curves; all planes (h, w).

    :param best: float32, greatest response less the noise floor, 8-bit grey levels
    :param mean: float32, mean response over the slices, less the noise floor
    :param coordinate: float32, of the best slice
    :param floor: float32, mean response to noise
    :param complete: bool, where every slice has data
    :param fit: peak relative to the best slice
    """

    best: FloatImage
    mean: FloatImage
    coordinate: FloatImage
    floor: FloatImage
    complete: NDArray[np.bool_]
    fit: PeakFit


def sweep_coordinate(distances_m: Sequence[float | None],
                     positions: Sequence[float]) -> NDArray[np.float32]:
    """
    Return the coordinate of every slice: 0 for the first to n - 1 for the last, rising.

    Linear in dioptres where all distances are known, else in the positions.

    :param distances_m: focus distances in metres, rising, None where unknown
    :param positions: what the slices are ordered by, rising

    >>> round(float(sweep_coordinate([0.1, 0.125, 0.2], [0, 1, 2])[1]), 3)  # 10, 8, 5 dioptres
    0.8
    >>> [round(c, 3) for c in sweep_coordinate([None] * 3, [100, 300, 400]).tolist()]
    [0.0, 1.333, 2.0]
    """
    known = [distance for distance in distances_m if distance is not None]
    where = (1 / np.asarray(known, np.float64) if len(known) == len(positions)
             else np.asarray(positions, np.float64))
    span = where[-1] - where[0]
    return ((where - where[0]) / span * (len(where) - 1)).astype(np.float32)


def index_of(coordinate: FloatImage, steps: NDArray[np.float32]) -> FloatImage:
    """
    Return the fractional slice index of a coordinate; beyond the ends the first or last slice.

    :param coordinate: (h, w) float32
    :param steps: (n,) coordinate of every slice
    """
    return np.interp(coordinate, steps, np.arange(len(steps))).astype(np.float32)


def half_gaps(steps: NDArray[np.float32]) -> NDArray[np.float32]:
    """
    Return how far from each slice a peak may lie that is no nearer to another slice.

    :param steps: (n,) coordinate of every slice
    :returns: (n,) half the distance to the farther one of its neighbours
    """
    gaps = np.diff(steps) / 2
    return np.maximum(np.append(gaps, 0), np.append(0, gaps)).astype(np.float32)


def logistic(value: FloatImage) -> FloatImage:
    """Return 1 / (1 + e^-value), (h, w) float32; far below 0 some 1e-38, without an overflow."""
    return np.asarray(1 / (1 + np.exp(np.minimum(-value, _MOST_EXPONENT))), np.float32)


def layer_of(curve: Curve, scatter: float, width: float, ends: tuple[float, float],
             limit: FloatImage | float) -> PeakLayer:
    """
    Weigh the peaks of a band of focus curves.

    :param curve: of the band
    :param scatter: standard deviation of the averaged response to noise, in units of its mean
    :param width: of the focus curve: standard deviation in the coordinate
    :param ends: coordinate of the first and of the last slice
    :param limit: greatest shift of a peak from the best slice that is believed, (h, w) or one
    """
    noise = np.float32(scatter) * curve.floor + np.float32(MODEL_ERROR) * np.maximum(
        curve.best, 0) + np.float32(LEAST_ERROR)
    mean = np.maximum(curve.mean, 0)
    significance = (curve.best - mean) / noise
    weight = logistic((significance - np.float32(DOUBTFUL)) * np.float32(1 / DOUBTFUL_RANGE))
    contrast = np.clip((curve.best - mean) / (curve.best + mean + np.float32(1e-3)), 0, 1)
    weight *= contrast * contrast
    # Of a peak in the first or last slice one side is unseen, so that the fit knows little; but it
    # is not believed beyond the limit, and errs by no more than a uniform value within it.
    variance = curve.fit.variance
    at_end = (curve.coordinate <= ends[0]) | (curve.coordinate >= ends[1])
    most = np.square(limit) * np.float32(1 / 3)
    bounded = variance * most / (variance + most)
    # No second side confirms such a peak, so it must stand out of the noise twice as far.
    clear = logistic((significance - np.float32(2 * DOUBTFUL)) * np.float32(1 / DOUBTFUL_RANGE))
    inverse = clear / np.maximum(bounded, np.float32(1e-9)) + (1 - clear) / np.maximum(
        variance, np.float32(1e-9))
    variance = np.where(at_end, 1 / inverse, variance)
    weight /= 1 + variance * np.float32(1 / (SYSTEMATIC * width) ** 2)
    weight *= curve.complete
    where = curve.coordinate + np.clip(curve.fit.shift, -limit, limit)
    where = np.clip(where, ends[0] - 0.5, ends[1] + 0.5)
    return PeakLayer(where.astype(np.float32), weight.astype(np.float32),
                     significance.astype(np.float32))


def strongest_near(best: NDArray[np.int16]) -> FloatImage:
    """
    Return the greatest response around each pixel, from where light may be spread over it.

    :param best: (h, w) int16, greatest averaged response over the slices, 1/16 grey level
    :returns: (h, w) float32, 8-bit grey levels
    """
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_SPREAD, _SPREAD))
    return np.asarray(cv2.dilate(best, disc) * np.float32(1 / GREY_STEPS), np.float32)


def doubt_glow(weight: FloatImage, deviation: FloatImage, best: FloatImage,
               near: FloatImage) -> FloatImage:
    """
    Return a weight less what is a defocused neighbour's light.

    :param weight: (h, w) float32
    :param deviation: (h, w) float32 deviation of the brightness at the best slice from its usual
        value, 8-bit grey levels: a response that is weak beside it is a neighbour's blur
    :param best: (h, w) float32 greatest response less the noise floor, 8-bit grey levels
    :param near: (h, w) float32 greatest response around, see `strongest_near`: what is no weaker
        than all around it is no neighbour's light
    """
    own = np.maximum(best, 0) + np.float32(1e-3)
    suspicion = np.float32(GLOW_RESPONSE) * deviation / own
    suspicion /= 1 + np.square(own * np.float32(1 / WEAK) / np.maximum(near, own))
    return np.asarray(weight / (1 + np.square(np.square(suspicion))), np.float32)


def doubt_borrowed(weight: FloatImage, detail: FloatImage, best: FloatImage,
                   floor: FloatImage) -> FloatImage:
    """
    Return a weight less what the window has from the pixel's neighbours alone.

    :param weight: (h, w) float32
    :param detail: (h, w) float32 response of the best slice before averaging
    :param best: (h, w) float32 averaged response of it less the noise floor
    :param floor: (h, w) float32, mean response to noise; 8-bit grey levels all
    """
    own = (detail - floor) / np.maximum(best, np.float32(0.05) * floor + np.float32(0.3))
    return np.asarray(weight * np.square(np.clip(own * np.float32(1 / BORROWED), 0, 1)),
                      np.float32)


def in_bands(work: Callable[[slice], PeakLayer], shape: tuple[int, int]) -> PeakLayer:
    """Return a layer of (height, width) put together from bands of rows, worked in parallel."""
    bands = [slice(top, min(top + _BAND, shape[0])) for top in range(0, shape[0], _BAND)]
    layer = PeakLayer(*(np.empty(shape, np.float32) for _ in range(3)))

    def fill(rows: slice) -> None:
        layer.put(rows, work(rows))

    with lasting_threads('depth') as pool:
        list(pool.results(fill, bands))
    return layer


def metres(index: FloatImage, focus_distances_m: list[float]) -> FloatImage:
    """
    Convert a fractional slice index to metres along Z.

    Linear between slices in 1/distance, as defocus blur is linear in dioptres.

    :param index: (H, W) float32 slice index, 0 the nearest; finite
    :param focus_distances_m: distance of each slice's focal plane in metres, rising

    >>> [round(z, 4) for z in metres(np.float32([0, 0.5, 1]), [0.1, 0.2]).tolist()]
    [0.1, 0.1333, 0.2]
    """
    dioptres = 1 / np.asarray(focus_distances_m, np.float64)
    # As np.interp, which looks for the place of each value, of which these know theirs.
    place = np.clip(index, 0, len(dioptres) - 1)
    before = place.astype(np.intp)
    steps = np.append(np.diff(dioptres), 0)
    return (1 / (steps[before] * (place - before) + dioptres[before])).astype(np.float32)
