# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
The running averages of a stack, weighted by sharpness.

Of the slices themselves it is the result of method `streaming`; of their luma, at half the size,
it guides the depth where slices are retained.
"""

from __future__ import annotations

from typing import Any

import cv2
from focus_stacking_ros.core.focus.measure import GREY_STEPS, half_size
from focus_stacking_ros.core.fuse.gathering import linear, packed
from focus_stacking_ros.core.fuse.projective_map import fixed_map
from focus_stacking_ros.core.slices import Transform
from focus_stacking_ros.core.threads import lasting_threads
import numpy as np
from numpy.typing import NDArray

__all__ = ['FAINT', 'LumaAverage', 'WeightedAverage', 'average_weights', 'squares_of_four']

#: Weight of no sharpness at all, and of that of rounding: flat areas average over all slices.
FAINT = 2e-7
_BAND = 64  # rows at a time: what is in between stays in the cache


def average_weights(sharpness: NDArray[np.integer[Any]], unit: int = 32) -> NDArray[np.float32]:
    """
    Return the weight in the average, the fourth power of the sharpness, and a little.

    :param sharpness: not negative
    :param unit: sharpness of weight 1, a power of 2
    """
    share = sharpness.astype(np.float32) * np.float32(1 / unit)
    square = share * share
    return np.asarray(square * square + np.float32(FAINT), np.float32)


#: Weight of each value of a uint8 sharpness map.
_WEIGHTS = average_weights(np.arange(256, dtype=np.uint8))
#: Weight of each sum of four of them.
_WEIGHTS_OF_FOUR = average_weights(np.arange(4 * 255 + 1), 4 * 32)


class WeightedAverage:
    """
    Running average of slices weighted by sharpness, in the grid of the first slice.

    ``total`` and ``weight`` are the sums of weighted grey values and of weights, (H, W) or
    (H, W, 3) and (H, W) float32.

    :param shape: (H, W) or (H, W, 3) of what is averaged
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.total = np.zeros(shape, np.float32)
        self.weight = np.zeros(shape[:2], np.float32)

    def add(self, image: NDArray[np.generic], sharpness: NDArray[np.uint8],
            transform: Transform, gains: tuple[float, ...],
            valid: NDArray[np.uint8] | None = None) -> None:
        """
        Add one slice.

        :param image: (H, W) or (H, W, 3), uint8 or uint16, in the slice's grid
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
            inside, source, maps = _looked_up(x, y, (height, width))
            if valid is not None:
                inside = inside & (linear(valid[source], *maps) == 255)
            sharp = linear(sharpness[source], *maps) * inside
            here = linear(image[source], *maps)
            weight = cv2.LUT(sharp, _WEIGHTS) * inside
            self.weight[rows] += weight
            self.total[rows] += here * ((weight if here.ndim == 2 else weight[..., None])
                                        * factors)

        with lasting_threads('fusion') as pool:
            list(pool.results(work, fixed.bands((height, width), _BAND)))

    def mean(self) -> NDArray[np.float32]:
        """Return the average, float32, in the grey values of the input; the sums are spent."""
        def work(first: int) -> None:
            total, weight = (plane[first:first + _BAND] for plane in (self.total, self.weight))
            weight += np.float32(FAINT * 1e-3)
            # A weight for each channel: three divisions by one take NumPy several times longer.
            total /= weight if total.ndim == 2 else cv2.merge([weight] * 3).reshape(total.shape)

        with lasting_threads('fusion') as pool:
            list(pool.results(work, range(0, len(self.total), _BAND)))
        return self.total


def _looked_up(x: NDArray[np.int32], y: NDArray[np.int32], shape: tuple[int, int]
               ) -> tuple[NDArray[np.bool_], slice, tuple[NDArray[np.int16], NDArray[np.uint16]]]:
    """
    Return where positions lie inside a slice, the rows they need, and the maps into those.

    :param x: columns of the slice, 1/32 pixel
    :param y: rows of the slice, 1/32 pixel
    :param shape: height and width of the slice
    """
    height, width = shape
    inside = ((x >= 0) & (x <= 32 * (width - 1))) & ((y >= 0) & (y <= 32 * (height - 1)))
    x, y = np.clip(x, 0, 32 * (width - 1)), np.clip(y, 0, 32 * (height - 1))
    top = max(int(y.min() >> 5) - 1, 0)
    return inside, slice(top, int(y.max() >> 5) + 2), packed(x, y - 32 * top)


def squares_of_four(plane: NDArray[Any]) -> NDArray[np.int16]:
    """
    Return the sum of each 2x2 pixels, from their first on: (H, W) int16.

    Beyond its last row and column the plane goes on mirrored, as in `halved`.

    :param plane: (H, W), the sums fit
    """
    padded = cv2.copyMakeBorder(plane, 0, 1, 0, 1, cv2.BORDER_REFLECT_101).astype(np.int16)
    return np.asarray(padded[:-1, :-1] + padded[:-1, 1:] + padded[1:, :-1] + padded[1:, 1:])


class LumaAverage:
    """
    Running average of the luma of slices at half the size, in the grid of the first slice.

    Each 2x2 pixels of the slice are summed up before they are interpolated, so that nothing is
    blurred but by the one pixel that interpolation blurs.

    All planes are of `half_size`: ``sharpest`` is the greatest sharpness so far, uint8; ``total``
    and ``weight`` are the sums of weighted luma, in 1/64 grey level, and of weights, float32.

    :param shape: height and width of the slices
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.sharpest = np.zeros(half_size(shape), np.uint8)
        self.total = np.zeros(half_size(shape), np.float32)
        self.weight = np.zeros(half_size(shape), np.float32)

    def add(self, grey: NDArray[np.int16], sharpness: NDArray[np.uint8], transform: Transform,
            gain: float, valid: NDArray[np.uint8] | None = None) -> None:
        """
        Add one slice.

        :param grey: (H, W) int16 luma in 1/16 grey level, in the slice's grid
        :param sharpness: (H, W) uint8
        :param transform: full-size pixel of the average -> slice pixel
        :param gain: factor on its grey values
        :param valid: (H, W) uint8, 255 where the slice has data, else 0; None where it has it
            everywhere
        """
        height, width = sharpness.shape
        fixed = fixed_map(transform, (height, width))
        if fixed is None:
            return
        fours = [squares_of_four(plane) for plane in (grey, sharpness)]
        all_four = None if valid is None else np.where(
            squares_of_four(valid & 1) == 4, np.uint8(255), np.uint8(0))

        def work(band: tuple[slice, NDArray[np.int32], NDArray[np.int32]]) -> None:
            rows, x, y = band
            inside, source, maps = _looked_up(x[::2, ::2], y[::2, ::2], (height, width))
            if all_four is not None:
                inside = inside & (linear(all_four[source], *maps) == 255)
            here, sharp = (linear(plane[source], *maps) for plane in fours)
            sharp = sharp * inside
            half = slice(rows.start // 2, (rows.stop + 1) // 2)
            cv2.max(self.sharpest[half], (sharp + 2 >> 2).astype(np.uint8), self.sharpest[half])
            weight = _WEIGHTS_OF_FOUR[sharp] * inside
            self.weight[half] += weight
            self.total[half] += here * (weight * np.float32(gain))

        with lasting_threads('fusion') as pool:
            list(pool.results(work, fixed.bands((height, width), _BAND)))

    def mean(self) -> NDArray[np.float32]:
        """Return the average, float32 of `half_size`, in 8-bit grey levels."""
        whole = self.weight + np.float32(FAINT * 1e-3)
        return self.total / whole * np.float32(1 / (4 * GREY_STEPS))
