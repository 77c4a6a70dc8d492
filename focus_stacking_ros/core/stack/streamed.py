# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The all-in-focus image of method `streaming`: the average of its slices."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
from focus_stacking_ros.core.focus.measure import half_size, halved
from focus_stacking_ros.core.slices import FloatImage, Image
from focus_stacking_ros.core.threads import lasting_threads
import numpy as np
from numpy.typing import NDArray

__all__ = ['streamed_image']

_BAND = 128  # rows at a time, an even number: what is in between stays in the cache


def streamed_image(average: NDArray[np.float32], gains: Sequence[float],
                   dtype: np.dtype[np.generic]) -> tuple[Image, FloatImage]:
    """
    Return the image that an average is, and its luma at half the size in 8-bit grey levels.

    :param average: (H, W) or (H, W, 3) float32, written over
    :param gains: those of the slice whose brightness the image is to have, one for each channel
    :param dtype: of the slices, uint8 or uint16
    """
    height, width = average.shape[:2]
    image: Image = np.empty(average.shape, dtype)
    luma = np.empty(half_size(average.shape), np.float32)
    # One row of factors: three at a time take NumPy ten times longer.
    factors = np.tile(np.float32(1) / np.asarray(gains, np.float32), width)
    greatest = np.iinfo(image.dtype).max

    def work(first: int) -> None:
        # An odd last row goes with those before it, of which it needs one.
        last = height if height - first <= _BAND + 1 else first + _BAND
        some = average[first:last]
        flat = some.reshape(len(some), -1)
        flat *= factors
        grey = some if some.ndim == 2 else cv2.cvtColor(some, cv2.COLOR_BGR2GRAY)
        luma[first // 2:(last + 1) // 2] = halved(
            grey if image.dtype == np.uint8 else grey * np.float32(1 / 256))
        np.clip(flat, 0, greatest, out=flat)
        image[first:last].reshape(flat.shape)[...] = np.rint(flat, out=flat)

    with lasting_threads('streamed') as pool:
        list(pool.results(work, range(0, max(height - 1, 1), _BAND)))
    return image, luma
