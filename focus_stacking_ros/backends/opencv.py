# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The backend that works everywhere: OpenCV and NumPy on the CPU."""

from __future__ import annotations

from functools import lru_cache
import sys

import cv2
from focus_stacking_ros.backends.model import interpolated
from focus_stacking_ros.core.backend import Backend
from focus_stacking_ros.core.fixed_map import fixed_gain, FixedMap, GAIN_ONE
from focus_stacking_ros.core.focus_measure import averaged, focus_response, RESPONSE_LIMIT
from focus_stacking_ros.core.slices import Image, Transform
from focus_stacking_ros.core.state import StackState
from focus_stacking_ros.core.threads import lasting_threads
from focus_stacking_ros.core.warping import reduced
import numpy as np
from numpy.typing import NDArray

__all__ = ['OpenCVBackend']


_BAND = 64  # rows at a time: the map stays in the cache


def _remapped(response: NDArray[np.int16], x: NDArray[np.int32],
              y: NDArray[np.int32]) -> NDArray[np.int16]:
    """Return a response at positions in 1/32 pixel, which broadcast to those of the result."""
    size = np.broadcast_shapes(x.shape, y.shape)
    whole = np.empty((*size, 2), np.int16)
    if sys.byteorder == 'little':
        np.bitwise_or(np.bitwise_and(np.right_shift(x, 5), 0xFFFF),
                      np.left_shift(np.right_shift(y, 5), 16), out=whole.view(np.int32)[..., 0])
    else:
        whole[..., 0], whole[..., 1] = np.right_shift(x, 5), np.right_shift(y, 5)
    part = np.empty(size, np.uint16)
    np.bitwise_or(np.bitwise_and(x, 31).astype(np.uint16),
                  np.left_shift(np.bitwise_and(y, 31), 5).astype(np.uint16), out=part)
    return cv2.remap(response, whole, part, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT,
                     borderValue=0)


@lru_cache(maxsize=1)
def _remap_is_exact() -> bool:
    """Return whether this build of OpenCV interpolates as specified, ties included."""
    rng = np.random.default_rng(0)
    response = rng.integers(0, RESPONSE_LIMIT + 1, (64, 80)).astype(np.int16)
    x = rng.integers(-64, 32 * 81, response.shape).astype(np.int32)
    y = rng.integers(-64, 32 * 65, response.shape).astype(np.int32)
    return bool(np.array_equal(_remapped(response, x, y), interpolated(response, x, y)))


class OpenCVBackend(Backend):
    """Per-slice work with OpenCV; see ``core.backend.Backend`` for the methods."""

    name = 'opencv'

    def measure(self, image: Image, grey: NDArray[np.int16],
                operator: str) -> NDArray[np.int16]:
        """Return the focus response of a slice at half the size, in its own pixel grid."""
        return focus_response(image, grey, operator)

    def align(self, response: NDArray[np.int16], transform: Transform,
              gain: float) -> NDArray[np.int16]:
        """Return a response in another pixel grid, -1 where it has no data."""
        height, width = response.shape
        fixed = FixedMap.of(reduced(transform, 2), (height, width))
        if fixed is None:
            return np.full_like(response, -1)
        factor = fixed_gain(gain)
        if fixed.is_identity() and factor == GAIN_ONE:
            return response
        result = np.empty_like(response)
        exact = _remap_is_exact()

        def work(band: tuple[slice, NDArray[np.int32], NDArray[np.int32]]) -> None:
            rows, x, y = band
            if exact:
                here = _remapped(response, x, y)
            else:
                here = interpolated(response, *np.broadcast_arrays(x, y)).astype(np.int16)
            if factor != GAIN_ONE:
                product = np.multiply(here, np.int32(factor), dtype=np.int32)
                product += np.int32(GAIN_ONE // 2)
                np.right_shift(product, 14, out=product)
                here = np.minimum(product, RESPONSE_LIMIT).astype(np.int16)
            result[rows] = _without_outside(here, x, y, 32 * (width - 1), 32 * (height - 1))

        with lasting_threads('opencv') as pool:
            list(pool.map(work, fixed.bands((height, width), _BAND)))
        return result

    def accumulate(self, state: StackState, response: NDArray[np.int16], window: int) -> None:
        """Average an aligned response over a window and update the state."""
        here, valid = averaged(response, window)
        number = state.slices
        won = cv2.compare(here, state.best, cv2.CMP_GT)
        if number > 0:
            # Not cv2: there a number may be taken for an array where a plane is very small.
            followed = (state.index == number - 1) & (won == 0)
            cv2.copyTo(here, followed.view(np.uint8), state.right)
        cv2.copyTo(state.previous, won, state.left)
        cv2.copyTo(here, won, state.best)
        cv2.copyTo(response, won, state.detail)
        state.right[won != 0] = -1
        state.index[won != 0] = number
        state.total += np.maximum(here, 0)
        state.count += 1 if valid is None else valid & 1
        np.copyto(state.previous, here)
        state.slices += 1


def _without_outside(here: NDArray[np.int16], x: NDArray[np.int32], y: NDArray[np.int32],
                     right: int, bottom: int) -> NDArray[np.int16]:
    """Return a response with -1 where its positions lie outside 0 .. right, 0 .. bottom."""
    # Positions rise or fall steadily along rows and columns: the corners are the extremes.
    columns, rows = (x[::max(len(x) - 1, 1), ::x.shape[1] - 1 or 1],
                     y[::max(len(y) - 1, 1), ::y.shape[1] - 1 or 1])
    if (columns.min() >= 0 and columns.max() <= right and rows.min() >= 0
            and rows.max() <= bottom):
        return here
    inside = ((x >= 0) & (x <= right)) & ((y >= 0) & (y <= bottom))
    return cv2.copyTo(here, inside.view(np.uint8), np.full_like(here, -1))
