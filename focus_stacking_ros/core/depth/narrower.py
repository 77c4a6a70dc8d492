# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Peaks without a window beside those of a window, where a surface bends within the window.

A peak of a window has an error of variance v, to which the bends within the window add b; one
without a window has R v. As the one is a mean of the other, their errors have the covariance v.
Two differences tell v and b at each place: that of both peaks has the variance (R - 1) v + b; that
of a window's peak and their mean over another window has c v + b, with c of `left_of_noise`, since
a second mean bends as much away as the first (J. W. Tukey's twicing, Exploratory Data Analysis,
1977). Of least variance is the mean in which the peak without a window has the share
b / (b + (R - 1) v), the Gauss-Markov theorem's.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
from focus_stacking_ros.core.depth.curves import PeakLayer
from focus_stacking_ros.core.depth.stages import StackPeaks
from focus_stacking_ros.core.focus.measure import NoiseResponse
from focus_stacking_ros.core.slices import FloatImage
import numpy as np
from numpy.typing import NDArray

__all__ = ['NARROW', 'bends_within', 'left_of_noise', 'narrow_share', 'noisier', 'with_narrower']

NARROW = 1  # side of no window, half-size pixels
WORTH = 0.1  # share of an error's variance that must go, since all peaks are found once more
_AROUND = 3  # windows across, over which both differences are told
_FAR = 3.0  # widths of the focus curve: beyond, curves do not overlap, and farther is no worse
_LEAST = np.float32(1e-6)


def noisier(window: int, noise: NoiseResponse) -> float:
    """
    Return how much greater the variance of a peak is without a window.

    :param window: its side, half-size pixels
    :param noise: what the focus measure makes of noise
    """
    return (noise.scatter_of(NARROW) / noise.scatter_of(window)) ** 2


def left_of_noise(window: int, noise: NoiseResponse) -> float:
    """
    Return what a mean over a window less its mean over another has of its own variance.

    Responses of neighbours share pixels: what windows take away of their noise tells how alike
    they are.

    :param window: its side, half-size pixels, odd, more than 1
    :param noise: what the focus measure makes of noise

    >>> from focus_stacking_ros.core.focus.measure import focus_measure
    >>> round(left_of_noise(3, focus_measure('ring_difference').noise[1]), 2)
    0.18
    """
    once = np.full(window, 1 / window)
    twice, once = np.convolve(once, once), np.pad(once, window // 2)
    alike = (window ** 2 / np.sqrt(noisier(window, noise)) - window) / (2 * (window - 1))

    def covariance(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
        # Both axes are alike.
        return float(first @ np.convolve(second, (alike, 1, alike), 'same')) ** 2

    return 1 + (covariance(twice, twice) - 2 * covariance(twice, once)) / covariance(once, once)


def bends_within(peaks: StackPeaks, window: int, noise: NoiseResponse) -> bool:
    """
    Return whether a surface may bend so much within a window that a second look is worth it.

    Bends over more than a window, which is what `bending` tells, are no smaller.

    :param peaks: of the window
    :param window: its side, half-size pixels, odd
    :param noise: what the focus measure makes of noise
    """
    if window <= NARROW:
        return False
    bend = peaks.bend
    share = bend / (bend + noisier(window, noise) - 1)
    return share * bend >= WORTH * (1 + bend)


def narrow_share(wide: PeakLayer, fine: PeakLayer, width: float, window: int,
                 noise: NoiseResponse) -> FloatImage:
    """
    Return how much peaks without a window should count: (h, w) float32, 0 to 1.

    :param wide: peaks of the window
    :param fine: peaks without one
    :param width: of the focus curve, in the coordinate
    :param window: its side, half-size pixels, odd
    :param noise: what the focus measure makes of noise
    """
    weight = np.minimum(wide.weight, fine.weight) + np.float32(1e-4)
    side = _AROUND * window
    total = cv2.blur(weight, (side, side))
    limit = np.float32((_FAR * width) ** 2)

    def variance(difference: FloatImage) -> FloatImage:
        square = weight * np.minimum(np.square(difference), limit)
        return np.asarray(cv2.blur(square, (side, side)) / total, np.float32)

    apart = variance(fine.coordinate - wide.coordinate)
    bent = variance(wide.coordinate - cv2.blur(wide.coordinate, (window, window)))
    extra, left = np.float32(noisier(window, noise) - 1), np.float32(
        left_of_noise(window, noise))
    error = np.maximum((apart - bent) / (extra - left), _LEAST)
    bend = np.maximum(bent - left * error, 0)
    return np.asarray(bend / (bend + extra * error), np.float32)


def with_narrower(peaks: StackPeaks, narrow: StackPeaks, share: FloatImage) -> StackPeaks:
    """
    Return the peaks of a window together with those without one.

    A pixel's own peak is the mean of both, to which a narrow one that is off the other by more
    than the focus curve is wide, as where noise chose it, hardly adds.

    :param peaks: of the window, and of wider ones
    :param narrow: without a window; only its first layer counts
    :param share: see `narrow_share`
    """
    wide, fine = peaks.layers[0], narrow.layers[0]
    wide = replace(wide, weight=wide.weight * (1 - share))
    fine = replace(fine, weight=fine.weight * share)
    off = fine.coordinate - wide.coordinate
    trust = fine.weight / (1 + np.square(off * np.float32(1 / peaks.width)))
    trust /= np.maximum(trust + wide.weight, _LEAST)
    return replace(peaks, layers=[wide, fine, *peaks.layers[1:]],
                   joined=wide.coordinate + trust * off)
