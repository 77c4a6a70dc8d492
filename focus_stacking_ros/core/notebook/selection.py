# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the notebook takes over all slices: greatest response, weighted average, sums."""

from __future__ import annotations

from typing import Any

import cv2
from focus_stacking_ros.core.slices import FloatImage, Image
import numpy as np
from numpy.typing import NDArray

__all__ = ['NO_DATA', 'Selection', 'WeightedSum']

#: Response where a slice has no data; less than any response.
NO_DATA = np.float32(-1)
_FAINT = np.float32(1e-9)  # weight of no response at all: there the average is the plain mean


class Selection:
    """
    The slices with the greatest response at each pixel.

    ``UnitStep[responses - max]`` keeps every slice that equals the maximum, so ties are kept: the
    in-focus image is their mean, the depth that of the nearest of them. Slices are added near to
    far; every pixel has data in one of them.

    :param shape: (H, W) or (H, W, 3) of a slice
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.greatest: FloatImage = np.full(shape[:2], -np.inf, np.float32)
        #: Slice of the greatest response, counted from 1, (H, W) uint8; 0 before the first slice.
        self.level: NDArray[np.uint8] = np.zeros(shape[:2], np.uint8)
        self._sum = np.zeros(shape, np.float32)
        self._count = np.zeros(shape[:2], np.uint8)
        self._slices = 0

    def add(self, image: Image, response: FloatImage) -> None:
        """
        Add the next slice.

        :param image: aligned slice
        :param response: (H, W) float32, NO_DATA where there is none
        """
        self._slices += 1
        equal = response == self.greatest
        self._sum[equal] += image[equal]
        self._count[equal] += 1
        greater = response > self.greatest
        cv2.copyTo(image.astype(np.float32), greater.view(np.uint8), self._sum)
        self._count[greater] = 1
        self.level[greater] = self._slices
        self.greatest[greater] = response[greater]

    def in_focus(self, dtype: Any) -> Image:
        """Return ``Total[volume * slices]``, the sum over the kept slices, over their number."""
        count = np.maximum(self._count, 1).astype(np.float32)
        mean = self._sum / (count if self._sum.ndim == 2 else count[..., None])
        return np.asarray(np.rint(mean).astype(dtype))


class WeightedSum:
    """
    ``Total[w * slices] / Total[w]``.

    :param shape: (H, W) or (H, W, 3) of a slice
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._sum = np.zeros(shape, np.float32)
        self._weight = np.zeros(shape[:2], np.float32)

    def add(self, image: Image, weight: FloatImage, valid: NDArray[np.uint8] | None) -> None:
        """
        Add a slice.

        :param image: aligned slice
        :param weight: (H, W) float32, 0 or more
        :param valid: (H, W) uint8, 0 where the slice has no data; None where it has it everywhere
        """
        weight = weight + _FAINT
        if valid is not None:
            weight[valid == 0] = 0
        self._weight += weight
        self._sum += image * (weight if image.ndim == 2 else weight[..., None])

    def mean(self, dtype: Any) -> Image:
        """Return the average in the slices' dtype."""
        weight = self._weight if self._sum.ndim == 2 else self._weight[..., None]
        # The sums of many slices may round to more than white.
        mean = np.minimum(self._sum / weight, np.float32(np.iinfo(dtype).max))
        return np.asarray(np.rint(mean).astype(dtype))
