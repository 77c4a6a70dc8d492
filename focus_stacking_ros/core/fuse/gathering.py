# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Pixels at positions of 1/32 pixel, exactly as hw_accel/SPECIFICATION.md interpolates them.

OpenCV does the work where its result is certain to be the specified one; the rest is computed in
integers. So the result depends on neither OpenCV's version nor the processor.
"""

from __future__ import annotations

from functools import lru_cache
import sys
from typing import Any

import cv2
from focus_stacking_ros.core.slices import Image
import numpy as np
from numpy.typing import NDArray

__all__ = ['CUBIC_WEIGHTS', 'cubic', 'linear', 'packed']

Positions = NDArray[np.int32]


def _cubic_weights() -> NDArray[np.int64]:
    """Weights of the cubic convolution with a = -3/4, in 1/2**17: no rounding is needed."""
    near, part = np.arange(32, dtype=np.int64), np.arange(32, dtype=np.int64)
    far = part + 32

    def inner(t: NDArray[np.int64]) -> NDArray[np.int64]:
        return 5 * t ** 3 - 288 * t ** 2 + (1 << 17)

    def outer(t: NDArray[np.int64]) -> NDArray[np.int64]:
        return -3 * t ** 3 + 480 * t ** 2 - 24576 * t + 3 * (1 << 17)

    return np.stack([outer(far), inner(near), inner(32 - part), outer(64 - part)], axis=1)


#: (32, 4) int64: weights of four neighbours by the part of a pixel in 1/32, in 1/2**17.
CUBIC_WEIGHTS = _cubic_weights()
# What single precision may err by in a sum of 16 products, relative to the greatest magnitude: the
# weights' magnitudes sum to 1.9, and they, the products and 15 sums are rounded to 1 / 2**24.
_ERROR = 33 / (1 << 24)
_DOUBTED_AT_ONCE = 1 << 14
_TAPS, _BY_TAP = np.arange(-1, 3)[:, None], np.ascontiguousarray(CUBIC_WEIGHTS.T)


def packed(x: Positions, y: Positions) -> tuple[NDArray[np.int16], NDArray[np.uint16]]:
    """Return the maps of `cv2.remap` for positions that broadcast to those of the result."""
    size = np.broadcast_shapes(x.shape, y.shape)
    whole = np.empty((*size, 2), np.int16)
    if sys.byteorder == 'little':
        np.bitwise_or(np.bitwise_and(np.right_shift(x, 5), 0xFFFF),
                      np.bitwise_and(np.left_shift(y, 11), np.int32(-65536)),
                      out=whole.view(np.int32)[..., 0])
    else:
        whole[..., 0], whole[..., 1] = np.right_shift(x, 5), np.right_shift(y, 5)
    parts = np.bitwise_or(np.bitwise_and(x, 31), np.left_shift(np.bitwise_and(y, 31), 5))
    return whole, parts.astype(np.uint16)


def linear(plane: NDArray[Any], whole: NDArray[np.int16],
           part: NDArray[np.uint16]) -> NDArray[Any]:
    """
    Return a plane at positions within it: bilinear, halves rounded up, those of int16 to even.

    :param plane: (H, W) or (H, W, C), uint8 or uint16, or int16 of 0 to 16383
    :param whole: (h, w, 2) int16, see `packed`
    :param part: (h, w) uint16, see `packed`
    """
    if plane.dtype != np.uint16 and _remaps_linear(plane.dtype.name):
        return cv2.remap(plane, whole, part, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return _linear_in_integers(plane, whole, part)


def cubic(image: Image, whole: NDArray[np.int16], part: NDArray[np.uint16]) -> Image:
    """
    Return an image at positions within it: cubic, halves are rounded up.

    :param image: (H, W) or (H, W, C), uint8 or uint16
    :param whole: (h, w, 2) int16, see `packed`
    :param part: (h, w) uint16, see `packed`
    """
    if not _remaps_cubic():
        result = np.empty((*part.shape, *image.shape[2:]), image.dtype)
        _correct(result, image, whole, part, np.arange(result.size))
        return result
    if image.dtype == np.uint8:
        found = cv2.remap(image.astype(np.float32), whole, part, cv2.INTER_CUBIC,
                          borderMode=cv2.BORDER_REPLICATE)
        cv2.threshold(found, 0, 0, cv2.THRESH_TOZERO, found)
        # Rounded twice: where the two differ, the exact value may lie on either side of a half.
        above, below = (cv2.convertScaleAbs(found, alpha=1, beta=sign * 256 * _ERROR)
                        for sign in (1, -1))
    else:
        low, high = int(image.min()), int(image.max())
        middle = (low + high) // 2
        found = cv2.remap(image.astype(np.float32) - np.float32(middle), whole, part,
                          cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        # Sums of up to 2**17 are rounded to 1/128 at the worst.
        doubt = _ERROR * (high - middle) + 1 / 64
        top = np.iinfo(np.uint16).max
        below, above = (
            np.clip(found + np.float32(middle + 0.5 + sign * doubt), 0, top).astype(np.uint16)
            for sign in (-1, 1))
    _correct(above, image, whole, part, np.flatnonzero(above != below))
    return above


def _correct(result: Image, image: Image, whole: NDArray[np.int16],
             part: NDArray[np.uint16], where: NDArray[np.intp]) -> None:
    """Replace values of a result by those computed in integers; ``where`` are flat indices."""
    channels = result.shape[2] if result.ndim == 3 else 1
    height, width = image.shape[:2]
    flat = result.reshape(-1)
    top = 255 if result.dtype == np.uint8 else 65535
    for start in range(0, len(where), _DOUBTED_AT_ONCE):
        some = where[start:start + _DOUBTED_AT_ONCE]
        pixel = some // channels
        at, fraction = whole.reshape(-1, 2)[pixel], part.reshape(-1)[pixel]
        columns, rows = at[:, 0] + _TAPS, at[:, 1] + _TAPS
        np.minimum(np.maximum(columns, 0, out=columns), width - 1, out=columns)
        np.minimum(np.maximum(rows, 0, out=rows), height - 1, out=rows)
        place = (rows[:, None], columns)
        values = image[place if image.ndim == 2 else (*place, some - pixel * channels)].astype(
            np.int64)
        values *= _BY_TAP.take(fraction & 31, axis=1)
        total = np.add.reduce(values, axis=1)
        total *= _BY_TAP.take(fraction >> 5, axis=1)
        rounded = (np.add.reduce(total, axis=0) + (1 << 33)) >> 34
        flat[some] = np.minimum(np.maximum(rounded, 0), top)


def _linear_in_integers(plane: NDArray[Any], whole: NDArray[np.int16],
                        part: NDArray[np.uint16]) -> NDArray[Any]:
    height, width = plane.shape[:2]
    total = np.zeros((*part.shape, *plane.shape[2:]), np.int32)
    right, down = (part & 31).astype(np.int32), (part >> 5).astype(np.int32)
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        value = plane[np.clip(whole[..., 1].astype(np.int32) + dy, 0, height - 1),
                      np.clip(whole[..., 0].astype(np.int32) + dx, 0, width - 1)]
        weight = (right if dx else 32 - right) * (down if dy else 32 - down)
        total += (weight if plane.ndim == 2 else weight[..., None]) * value
    total += 511 + ((total >> 10) & 1) if plane.dtype == np.int16 else 512
    return (total >> 10).astype(plane.dtype)


def _trial(seed: int) -> tuple[NDArray[np.int16], NDArray[np.uint16]]:
    rng = np.random.default_rng(seed)
    return packed(rng.integers(0, 32 * 79 + 1, (64, 96)).astype(np.int32),
                  rng.integers(0, 32 * 63 + 1, (64, 96)).astype(np.int32))


@lru_cache
def _remaps_linear(dtype: str) -> bool:
    """Return whether this build of OpenCV interpolates such planes as specified."""
    plane = np.random.default_rng(0).integers(0, 256 if dtype == 'uint8' else 16384, (64, 80))
    plane, maps = plane.astype(dtype), _trial(1)
    return bool(np.array_equal(
        cv2.remap(plane, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
        _linear_in_integers(plane, *maps)))


@lru_cache(maxsize=1)
def _remaps_cubic() -> bool:
    """Return whether this build of OpenCV errs by no more in cubic interpolation than assumed."""
    image = (np.random.default_rng(0).integers(0, 2, (64, 80)) * 65535).astype(np.uint16)
    maps = _trial(2)
    exact = np.empty(maps[1].shape, np.uint16)
    _correct(exact, image, *maps, np.arange(exact.size))
    found = cv2.remap(image.astype(np.float32), *maps, cv2.INTER_CUBIC,
                      borderMode=cv2.BORDER_REPLICATE)
    # Half a step is the exact value's own rounding.
    limit = 0.5 + 65536 * _ERROR
    return bool((np.abs(np.clip(found, 0, 65535) - exact) <= limit).all())
