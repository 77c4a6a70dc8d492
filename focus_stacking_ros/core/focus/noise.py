# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The noise of a stack as a function of brightness, and what focus measures make of it."""

from __future__ import annotations

from typing import Any

import cv2
from focus_stacking_ros.core.focus.measure import focus_measure, GREY_STEPS
from focus_stacking_ros.core.slices import FloatImage
import numpy as np
from numpy.typing import NDArray

__all__ = ['BINS', 'CLASSES', 'NOISE_MEDIAN', 'NoiseLevels', 'noise_counts', 'noise_floor',
           'noise_sigma', 'noise_step', 'sigma_of']

#: Median of the response to white noise of standard deviation 1: median of |N(0, 1)| times the
#: norm of the kernel [1, -2, 1] x [1, -2, 1].
NOISE_MEDIAN = 0.6745 * 6
#: Classes of brightness, and bins of the response: half of them of 1/16 grey level, the others of
#: a whole one.
CLASSES, BINS = 16, 1024
_EXACT, _COARSE_BITS = BINS // 2, 4
_CLASS_WIDTH = 9 * 256 * GREY_STEPS // CLASSES  # of the sum of 3x3 pixels
_VALUES = np.arange(BINS)
#: Response of each bin, its middle where it has several.
_VALUES = np.where(_VALUES < _EXACT, _VALUES,
                   _EXACT + (_VALUES - _EXACT << _COARSE_BITS) + (1 << _COARSE_BITS - 1))
_PIXELS = 600_000  # of a slice around which noise is looked for: enough of many
_LEAST_PIXELS = 400  # of a class that say anything about its noise
# Mean response to noise, 8-bit grey levels, where none is found: rounding alone has so much.
_LEAST_FLOOR = 0.3


def noise_step(shape: tuple[int, ...]) -> int:
    """Return by how many rows those lie apart around which noise is looked for, from row 1 on."""
    return 3 * max(1, shape[0] * shape[1] // _PIXELS)


def noise_counts(grey: NDArray[np.int16]) -> NDArray[np.uint32]:
    """
    Count the magnitudes of the response to [1, -2, 1] x [1, -2, 1], blind to most of an image.

    That of every third column and of some rows. Brightness is the mean of the same 3x3 pixels, in
    which white noise is independent of the response.

    :param grey: (H, W) int16 luma in 1/16 grey level
    :returns: (CLASSES, BINS) uint32, by brightness and magnitude
    """
    step, end = noise_step(grey.shape), max(len(grey) - 1, 1)
    above, here, below = (grey[1 + row:end + row:step][:max(-(-(end - 1) // step), 0)].astype(
        np.int32) for row in (-1, 0, 1))
    second, total = above - 2 * here + below, above + here + below
    middle = np.arange(1, grey.shape[1] - 1, 3)
    response = np.abs(second[:, middle - 1] - 2 * second[:, middle] + second[:, middle + 1])
    brightness = (total[:, middle - 1] + total[:, middle] + total[:, middle + 1]) // _CLASS_WIDTH
    coarse = np.minimum(_EXACT + (response - _EXACT >> _COARSE_BITS), BINS - 1)
    number = brightness * BINS + np.where(response < _EXACT, response, coarse)
    return np.bincount(number.ravel(), minlength=CLASSES * BINS).astype(np.uint32).reshape(
        CLASSES, BINS)


def sigma_of(counts: NDArray[np.integer[Any]]) -> float:
    """
    Return the standard deviation of the noise in 8-bit grey levels, 0 where nothing was counted.

    From the median of the response, after J. Immerkaer, "Fast noise variance estimation", Computer
    Vision and Image Understanding 64(2), 1996, doi:10.1006/cviu.1996.0060. Texture raises it, so
    the least over the slices of a stack is the noise.

    :param counts: (BINS,) of the magnitudes of the response
    """
    return float(_sigmas(np.cumsum(counts)[None])[0])


def _sigmas(below: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Return `sigma_of` for each row of counts, of which the running sums are given."""
    half = (below[:, -1:].astype(np.int64) + 1) // 2
    median = _VALUES[np.argmax(below >= half, axis=1)]  # the first: 0 where nothing was counted
    return np.asarray(median / (NOISE_MEDIAN * GREY_STEPS), np.float64)


def noise_sigma(grey: NDArray[np.int16]) -> float:
    """
    Return the standard deviation of an image's noise over all brightnesses; see `sigma_of`.

    :param grey: (H, W) int16 luma in 1/16 grey level
    """
    return sigma_of(noise_counts(grey).sum(axis=0))


def noise_floor(operator: str, channels: int, sigma: FloatImage, ratio: float) -> FloatImage:
    """
    Return a focus measure's mean response to the noise: what is not above it shows no detail.

    :param operator: name of the focus measure
    :param channels: colour channels of the slices, 1 or 3
    :param sigma: (H, W) float32, standard deviation of the noise of luma, 8-bit grey levels
    :param ratio: noise of the channels relative to that of luma, for a measure of the channels
    :returns: (H, W) float32, 8-bit grey levels
    :raises KeyError: there is no focus measure of that name
    """
    measure = focus_measure(operator)
    factor = (ratio if measure.needs_colour else 1.0) * measure.noise[channels].mean
    return np.maximum(sigma * np.float32(factor), np.float32(_LEAST_FLOOR))


class NoiseLevels:
    """
    Noise by brightness: the least over the slices, since blur takes texture away but not noise.

    Photon noise, gamma and clipping make it differ widely between dark and bright parts.
    """

    def __init__(self) -> None:
        self._least = np.full(CLASSES, np.inf)

    def add(self, counts: NDArray[np.uint32]) -> float:
        """
        Add a slice.

        :param counts: (CLASSES, BINS), what `noise_counts` gives of its luma
        :returns: standard deviation of its noise over all brightnesses, 8-bit grey levels
        """
        below = np.cumsum(counts, axis=1)
        sigma = _sigmas(below)
        # Without any noise a slice is black, clipped or synthetic and says nothing.
        known = (below[:, -1] >= _LEAST_PIXELS) & (sigma > 0)
        np.minimum(self._least, sigma, out=self._least, where=known)
        return float(_sigmas(below.sum(axis=0, keepdims=True))[0])

    def sigma(self, brightness: FloatImage) -> FloatImage:
        """
        Return the standard deviation of the noise, 8-bit grey levels; 0 where none was found.

        :param brightness: (H, W) float32, 8-bit grey levels
        """
        return noise_by_brightness(brightness, self.table())

    def table(self) -> FloatImage:
        """Return the standard deviation by brightness, (256,) float32, see `sigma`."""
        known = np.flatnonzero(np.isfinite(self._least))
        if not known.size:
            return np.zeros(256, np.float32)
        middle = (np.arange(CLASSES) + 0.5) * (256 / CLASSES)
        return np.interp(np.arange(256), middle[known], self._least[known]).astype(np.float32)


def noise_by_brightness(brightness: FloatImage, table: FloatImage) -> FloatImage:
    """
    Return the standard deviation of the noise by the brightness around each pixel.

    :param brightness: (H, W) float32, 8-bit grey levels
    :param table: (256,) float32, of `NoiseLevels.table`
    """
    level = np.clip(cv2.blur(brightness, (5, 5)), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(level, table), np.float32)
