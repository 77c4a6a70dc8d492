# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How much a surface bends by itself: what of its peaks' scatter is no error."""

from __future__ import annotations

from collections.abc import Iterator

from focus_stacking_ros.core.depth.curves import PeakLayer
from focus_stacking_ros.core.slices import FloatImage
import numpy as np

__all__ = ['LAG', 'bending']

#: Half-size pixels from which on errors of peaks are unrelated: the side of the usual window.
LAG = 3
_GOOD, _LEAST_WEIGHT = 0.5, 0.02  # weight of peaks that tell: share of a high one, and at least
_HIGH = 0.95  # share of the pixels that lie below a high weight
_QUANTILE, _OF_NORMAL = 0.3, 0.3853  # below the middle, as jumps are rare; of a normal one's size
_FEWEST = 200  # differences that tell
_ENOUGH = 40_000  # pixels along each axis of which the differences are taken


def bending(layer: PeakLayer, error: float) -> float:
    """
    Return how much a surface bends over a window, beside the errors of its peaks.

    Errors of peaks farther apart than a window are unrelated: they add the same to second
    differences of a surface at any distance. A tilt adds nothing. What second differences at twice
    the distance have more is the surface's own (after the variogram of Matheron 1963,
    doi:10.2113/gsecongeo.58.8.1246, with its nugget taken off). Jumps and peaks gone astray are a
    minority, so that a low quantile is not moved by them.

    :param layer: peaks of the finest window
    :param error: standard deviation of a peak without any noise, in the coordinate
    :returns: ratio of the variance of the bends to that of the errors; 0 where too few peaks tell
    """
    weight = layer.weight
    high = float(np.quantile(weight[::2, ::2], _HIGH))
    good = weight > max(_GOOD * high, _LEAST_WEIGHT)
    near, far = (_variance(layer.coordinate, good, lag) for lag in (LAG, 2 * LAG))
    return max(far - near, 0.0) / (error * error + near)


def _variance(coordinate: FloatImage, good: np.ndarray, lag: int) -> float:
    """Return the variance of one peak that second differences tell."""
    found = np.concatenate(list(_differences(coordinate, good, lag)))
    if len(found) < _FEWEST:
        return 0.0
    size = float(np.quantile(found, _QUANTILE)) / _OF_NORMAL
    return size * size / 6  # the variance of a - 2 b + c is six times theirs


def _differences(coordinate: FloatImage, good: np.ndarray, lag: int) -> Iterator[np.ndarray]:
    """Yield the sizes of second differences of good peaks, along both axes, of some lines."""
    every = max(coordinate.size // _ENOUGH, 1)
    for plane, told in ((coordinate[:, ::every], good[:, ::every]),
                        (coordinate[::every].T, good[::every].T)):
        if len(plane) > 2 * lag:
            difference = plane[:-2 * lag] - 2 * plane[lag:-lag] + plane[2 * lag:]
            yield np.abs(difference[told[:-2 * lag] & told[lag:-lag] & told[2 * lag:]])
        else:
            yield np.zeros(0, np.float32)
