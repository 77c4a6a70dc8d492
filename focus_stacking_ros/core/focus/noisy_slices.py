# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Slices that had to be brightened, and their noise with them.

The noise of a slice of shorter exposure is raised with its brightness. Where the scene is blurred
its response may then be the greatest of all, though it shows nothing: such a slice harms the depth
more than it tells, and the curve of the others bridges it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ['noisy_slices']

# Times the usual gain from which on a slice is dark. One that was not brightened may seem noisy by
# its texture alone.
_DARK = 1.15
_RAISED = 1.8  # times the usual noise; defocus and texture make it differ by 1.4
_LEAST_NOISE = 0.5  # 8-bit grey levels: less does no harm


def noisy_slices(gains: Sequence[float], noises: Sequence[float], left: int = 3) -> list[int]:
    """
    Return the numbers of the slices whose raised noise is far above that of the others.

    :param gains: with which each slice is brightened
    :param noises: standard deviation of each slice's noise as it came, 8-bit grey levels
    :param left: how many others there must be
    :returns: fewer than half of the slices
    """
    gain = np.asarray(gains, np.float64)
    raised = gain * np.asarray(noises, np.float64)
    dark = gain > _DARK * np.median(gain)
    found = np.flatnonzero(dark & (raised > _RAISED * np.median(raised))
                           & (raised > _LEAST_NOISE))
    return found.tolist() if len(found) <= min(len(gain) - left, (len(gain) - 1) // 2) else []
