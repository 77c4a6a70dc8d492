# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From half the size to full size along the edges of an image (Kopf et al. 2007)."""

from __future__ import annotations

from focus_stacking_ros.core.slices import FloatImage
from focus_stacking_ros.core.threads import lasting_threads
import numpy as np

__all__ = ['doubled']

_CONTRAST = 6.0  # difference of the guides at which a neighbour's weight falls to 1/e
_LEAST = 1e-3  # weight of the most different neighbour, so that no pixel is without any
_BAND = 64  # rows of the small images


def doubled(planes: list[FloatImage], small: FloatImage, guide: FloatImage) -> list[FloatImage]:
    """
    Return planes at the size of the guide.

    Each pixel is a mean of the four around it: the nearer, and the more alike in the guide, the
    more they count. No value leaves the range of its plane.

    :param planes: (h, w) float32
    :param small: (h, w) float32, the guide at half the size
    :param guide: (H, W) float32, 8-bit grey levels; h = ceil(H / 2), w = ceil(W / 2)
    """
    height, width = guide.shape
    results = [np.empty((height, width), np.float32) for _ in planes]
    padded = [np.pad(plane, 1, mode='edge') for plane in (small, *planes)]
    rows = small.shape[0]

    def work(top: int) -> None:
        bottom = min(top + _BAND, rows)
        for odd_row in (0, 1):
            for odd_column in (0, 1):
                area = (slice(2 * top + odd_row, min(2 * bottom, height), 2),
                        slice(odd_column, width, 2))
                _fill(results, padded, guide, area, (top, odd_row, odd_column))

    with lasting_threads('upsampling') as pool:
        list(pool.results(work, range(0, rows, _BAND)))
    for plane, result in zip(planes, results, strict=True):
        # A mean lies within what it is the mean of; its rounding need not.
        np.clip(result, plane.min(), plane.max(), out=result)
    return results


def _fill(results: list[FloatImage], padded: list[FloatImage], guide: FloatImage,
          area: tuple[slice, slice], place: tuple[int, int, int]) -> None:
    """Fill every other pixel of a band: those at one corner of their small pixels."""
    top, odd_row, odd_column = place
    here = guide[area]
    height, width = here.shape
    if not here.size:
        return
    total = np.zeros(here.shape, np.float32)
    sums = [np.zeros(here.shape, np.float32) for _ in results]
    for far_row in (0, 1):
        for far_column in (0, 1):
            # Small pixel that covers this one, or its neighbour towards this corner.
            row = top + 1 + (far_row * (2 * odd_row - 1))
            column = 1 + (far_column * (2 * odd_column - 1))
            window = (slice(row, row + height), slice(column, column + width))
            weight = np.exp(np.abs(padded[0][window] - here) * np.float32(-1 / _CONTRAST))
            weight += np.float32(_LEAST)
            weight *= np.float32((0.25 if far_row else 0.75) * (0.25 if far_column else 0.75))
            total += weight
            for number, plane in enumerate(padded[1:]):
                sums[number] += weight * plane[window]
    for result, weighted in zip(results, sums, strict=True):
        np.divide(weighted, total, out=result[area])
