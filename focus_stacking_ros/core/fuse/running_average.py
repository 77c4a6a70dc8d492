# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The running weighted average of a stack, which guides its depth and is the streaming result."""

from __future__ import annotations

from typing import Any

import cv2
from focus_stacking_ros.core.align.warping import identity, is_identity, valid_mask, warp
from focus_stacking_ros.core.slices import Transform
from focus_stacking_ros.core.threads import lasting_threads
import numpy as np
from numpy.typing import NDArray

__all__ = ['WeightedAverage']

_POWER = 6.0  # of the sharpness in the running average
_FAINT = 1e-7  # weight of no sharpness at all: flat areas average over all slices
#: Weight of each value of a uint8 sharpness map.
_WEIGHTS = ((np.arange(256) / 32.0) ** _POWER + _FAINT).astype(np.float32)
_BAND = 64  # rows at a time: what is in between stays in the cache


class WeightedAverage:
    """
    Running average of slices weighted by sharpness, in the grid of the first slice.

    ``sharpest`` is the greatest sharpness so far, (H, W) uint8.

    :param shape: (H, W) or (H, W, 3) of what is averaged
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.sharpest = np.zeros(shape[:2], np.uint8)
        self._sum = np.zeros(shape, np.float32)
        self._weight = np.zeros(shape[:2], np.float32)

    def add(self, image: NDArray[np.generic], sharpness: NDArray[np.uint8],
            transform: Transform, gain: float | tuple[float, ...],
            valid: NDArray[np.uint8] | None = None) -> None:
        """
        Add one slice.

        :param image: (H, W) or (H, W, 3), any depth, in the slice's grid
        :param sharpness: (H, W) uint8
        :param transform: grid of the average -> slice pixel
        :param gain: factor on the image's grey values, or one for each channel
        :param valid: (H, W) uint8, 255 where the slice has data, else 0; None where it has it
            everywhere
        """
        inside = valid_mask(sharpness.shape, transform)
        factor = np.asarray(gain, np.float32)

        def work(top: int) -> None:
            rows = slice(top, min(top + _BAND, len(sharpness)))
            sharp = _warped_rows(sharpness, transform, rows, cv2.BORDER_CONSTANT)
            cv2.max(self.sharpest[rows], sharp, self.sharpest[rows])
            weight = cv2.LUT(sharp, _WEIGHTS)
            if inside is not None:
                weight = cv2.bitwise_and(weight, weight, mask=inside[rows])
            if valid is not None:
                weight[_warped_rows(valid, transform, rows, cv2.BORDER_CONSTANT) < 255] = 0
            here = _warped_rows(image, transform, rows, cv2.BORDER_REPLICATE).astype(np.float32)
            cv2.add(self._weight[rows], weight, self._weight[rows])
            here *= (weight if here.ndim == 2 else weight[..., None]) * factor
            cv2.add(self._sum[rows], here, self._sum[rows])

        with lasting_threads('fusion') as pool:
            list(pool.results(work, range(0, len(sharpness), _BAND)))

    def mean(self) -> NDArray[np.float32]:
        """Return the average, float32, in the grey values of the input."""
        weight = self._weight + np.float32(_FAINT * 1e-3)
        return self._sum / (weight if self._sum.ndim == 2 else weight[..., None])


def _warped_rows(plane: NDArray[Any], transform: Transform, rows: slice,
                 border: int) -> NDArray[Any]:
    """Return some rows of a warped plane."""
    if is_identity(transform):
        return plane[rows]
    down = identity()
    down[1, 2] = rows.start
    return warp(plane, transform @ down, border=border,
                size=(plane.shape[1], rows.stop - rows.start))
