# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One slice per pixel out of all slices, faster than NumPy's argmax and take_along_axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ['greatest', 'picked']


def greatest(volume: NDArray[np.int16]) -> NDArray[np.intp]:
    """
    Return the number of the slice with the greatest value, the first of equals.

    :param volume: (n, h, w) int16
    :returns: (h, w) intp
    """
    best = volume[0].copy()
    kind = np.uint8 if len(volume) <= 256 else np.uint16
    number = np.zeros(best.shape, kind)
    for rank in range(1, len(volume)):
        won = (volume[rank] > best).view(np.uint8)
        np.maximum(best, volume[rank], out=best)
        np.maximum(number, won * kind(rank), out=number)
    return number.astype(np.intp)


def picked(volume: NDArray[Any], number: NDArray[np.intp]) -> NDArray[Any]:
    """
    Return the value of one slice at each pixel.

    :param volume: (n, h, w)
    :param number: (h, w) intp, 0 to n - 1
    :returns: (h, w)
    """
    where = number * number.size
    where += np.arange(number.size).reshape(number.shape)
    return np.ascontiguousarray(volume).reshape(-1).take(where)
