# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The running weighted average of a stack, which guides its depth and is the streaming result."""

from __future__ import annotations

import cv2
from focus_stacking_ros.core.fuse.gathering import linear, packed
from focus_stacking_ros.core.fuse.projective_map import fixed_map
from focus_stacking_ros.core.slices import Transform
from focus_stacking_ros.core.threads import lasting_threads
import numpy as np
from numpy.typing import NDArray

__all__ = ['FAINT', 'WeightedAverage', 'average_weights']

#: Weight of no sharpness at all: flat areas average over all slices.
FAINT = 1e-7
_BAND = 64  # rows at a time: what is in between stays in the cache


def average_weights(sharpness: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the weight in the average, the sixth power of the sharpness, and a little."""
    share = sharpness.astype(np.float32) * np.float32(1 / 32)
    cube = share * share * share  # of 24 bits, exact
    return np.asarray(cube * cube + np.float32(FAINT), np.float32)


#: Weight of each value of a uint8 sharpness map.
_WEIGHTS = average_weights(np.arange(256, dtype=np.uint8))


class WeightedAverage:
    """
    Running average of slices weighted by sharpness, in the grid of the first slice.

    ``sharpest`` is the greatest sharpness so far, (H, W) uint8; ``total`` and ``weight`` are the
    sums of weighted grey values and of weights, (H, W) or (H, W, 3) and (H, W) float32.

    :param shape: (H, W) or (H, W, 3) of what is averaged
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.sharpest = np.zeros(shape[:2], np.uint8)
        self.total = np.zeros(shape, np.float32)
        self.weight = np.zeros(shape[:2], np.float32)

    def add(self, image: NDArray[np.generic], sharpness: NDArray[np.uint8],
            transform: Transform, gains: tuple[float, ...],
            valid: NDArray[np.uint8] | None = None) -> None:
        """
        Add one slice.

        :param image: (H, W) or (H, W, 3), uint8 or uint16, or luma as int16, in the slice's grid
        :param sharpness: (H, W) uint8
        :param transform: grid of the average -> slice pixel
        :param gains: factors on the image's grey values, one for each channel
        :param valid: (H, W) uint8, 255 where the slice has data, else 0; None where it has it
            everywhere
        """
        height, width = sharpness.shape
        fixed = fixed_map(transform, (height, width))
        if fixed is None:
            return
        factors = np.asarray(gains if image.ndim == 3 else gains[0], np.float32)

        def work(band: tuple[slice, NDArray[np.int32], NDArray[np.int32]]) -> None:
            rows, x, y = band
            inside = ((x >= 0) & (x <= 32 * (width - 1))) & ((y >= 0) & (y <= 32 * (height - 1)))
            x, y = np.clip(x, 0, 32 * (width - 1)), np.clip(y, 0, 32 * (height - 1))
            top = max(int(y.min() >> 5) - 1, 0)
            source = slice(top, int(y.max() >> 5) + 2)
            maps = packed(x, y - 32 * top)
            if valid is not None:
                inside = inside & (linear(valid[source], *maps) == 255)
            sharp = linear(sharpness[source], *maps) * inside
            here = linear(image[source], *maps)
            cv2.max(self.sharpest[rows], sharp, self.sharpest[rows])
            weight = cv2.LUT(sharp, _WEIGHTS) * inside
            self.weight[rows] += weight
            self.total[rows] += here * ((weight if here.ndim == 2 else weight[..., None])
                                        * factors)

        with lasting_threads('fusion') as pool:
            list(pool.results(work, fixed.bands((height, width), _BAND)))

    def mean(self) -> NDArray[np.float32]:
        """Return the average, float32, in the grey values of the input."""
        weight = self.weight + np.float32(FAINT * 1e-3)
        return self.total / (weight if self.total.ndim == 2 else weight[..., None])
