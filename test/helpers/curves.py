# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Focus curves with a known peak.

Near its peak a focus curve falls with the variance of the blur, 1 / (1 + t² / (4 w²))² at the
distance t from it; w is the width, so that its logarithm has the curvature 1 / w² at the peak.
"""

from __future__ import annotations

from focus_stacking_ros.core.focus.measure import GREY_STEPS
import numpy as np
from numpy.typing import NDArray

__all__ = ['fall_off', 'no_glow', 'responses_of']


def fall_off(distance: NDArray[np.floating], width: float) -> NDArray[np.float64]:
    """Return the response at a distance from the peak, 1 at the peak."""
    return 1 / np.square(1 + np.square(distance.astype(np.float64) / width) / 4)


def responses_of(true: NDArray[np.floating], steps: NDArray[np.floating], width: float = 1.5, *,
                 height: float = 40.0, floor: float = 2.0, scatter: float = 0.0,
                 seed: int = 0) -> NDArray[np.int16]:
    """
    Return a volume of responses (n, h, w) in 1/16 grey level.

    :param true: (h, w) coordinate of the peaks
    :param steps: (n,) coordinate of every slice
    :param width: of the curves, in the coordinate
    :param height: of the curves over the floor, 8-bit grey levels; may be (h, w)
    :param floor: mean response to noise, 8-bit grey levels
    :param scatter: standard deviation of the response of one pixel to noise, in floors
    :param seed: of the noise
    """
    rng = np.random.default_rng(seed)
    volume = floor * (1 + scatter * rng.standard_normal((len(steps), *true.shape)))
    volume += height * fall_off(steps[:, None, None] - true, width)
    return np.rint(np.maximum(volume, 0) * GREY_STEPS).astype(np.int16)


def no_glow(number: NDArray[np.intp], _: slice) -> NDArray[np.float32]:
    """Brightness that never deviates from its usual value."""
    return np.zeros(number.shape, np.float32)
