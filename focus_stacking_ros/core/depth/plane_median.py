# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Median of planes, pixel by pixel: all pixels are sorted at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from focus_stacking_ros.core.slices import FloatImage
import numpy as np
from numpy.typing import NDArray

__all__ = ['median_of']

_PIXELS, _VALUES = 1 << 17, 1 << 22  # at a time at most, of a plane and of all planes


def median_of(planes: Sequence[NDArray[np.uint8]]) -> FloatImage:
    """
    Return the median of planes, that of an even number halfway between the two in the middle.

    K. E. Batcher, "Sorting networks and their applications", AFIPS Spring Joint Computer
    Conference, 1968, doi:10.1145/1468075.1468121. Which two are compared does not depend on what
    they are, so that whole planes are.

    :param planes: (h, w) uint8 each
    :returns: (h, w) float32
    """
    count, shape = len(planes), planes[0].shape
    flat = [plane.reshape(-1) for plane in planes]
    result = np.empty(flat[0].size, np.float32)
    step = max(min(_PIXELS, _VALUES // count), 1)
    for first in range(0, result.size, step):
        values = [plane[first:first + step].copy() for plane in flat]
        spare = np.empty_like(values[0])
        for low, high in _comparisons(count):
            np.minimum(values[low], values[high], out=spare)
            np.maximum(values[low], values[high], out=values[high])
            values[low], spare = spare, values[low]
        middle = values[count // 2].astype(np.float32)
        if count % 2 == 0:
            middle = (middle + values[count // 2 - 1]) * np.float32(0.5)
        result[first:first + step] = middle
    return result.reshape(shape)


@lru_cache(maxsize=4)
def _comparisons(count: int) -> tuple[tuple[int, int], ...]:
    """Return what is compared with what, in order."""
    return tuple(_merge_exchange(count))


def _merge_exchange(count: int) -> Iterator[tuple[int, int]]:
    """Yield the comparisons of D. E. Knuth, The Art of Computer Programming 3, 5.2.2M."""
    top = part = 1 << max((count - 1).bit_length() - 1, 0)
    while part:
        width, rest, distance = top, 0, part
        while True:
            for low in range(count - distance):
                if low & part == rest:
                    yield low, low + distance
            if width == part:
                break
            distance, width, rest = width - part, width >> 1, part
        part >>= 1
