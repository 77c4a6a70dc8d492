# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Texture that repeats itself: whether a slice has it, and the shifts it makes plausible."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import cv2
from focus_stacking_ros.core.align.pyramid import Level
from focus_stacking_ros.core.align.warping import identity, reduced, warp
from focus_stacking_ros.core.slices import FloatImage, Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['plausible_shifts', 'repeats']

_LEAST = 0.72  # height of a second peak of the autocorrelation; boards and prints stay below
_NEAREST = 2.5  # pixels of the level: nearer is the peak itself
_FARTHEST = 0.33  # of the shorter side: farther, too little overlaps
_BACKGROUND = 8.0  # pixels: standard deviation of the blur that is left out
#: What `repeats` has found: a slice is compared to several others.
_FOUND: WeakKeyDictionary[Level, bool] = WeakKeyDictionary()
_FAINT = 0.25  # squared grey levels: variance that may be noise
_HEIGHT = 0.6  # of the highest peak that others must have


def _window(shape: tuple[int, int]) -> FloatImage:
    return np.outer(np.hanning(shape[0]), np.hanning(shape[1])).astype(np.float32)


def _spectrum(grey: FloatImage, window: FloatImage) -> NDArray[np.complex128]:
    return np.fft.rfft2(window * (grey - cv2.GaussianBlur(grey, (0, 0), _BACKGROUND)))


def _peaks(spectrum: NDArray[np.complex128], window: FloatImage
           ) -> tuple[FloatImage, FloatImage, FloatImage]:
    """Return x, y and height of the peaks of a correlation, with the window's own taken out."""
    height, width = window.shape
    overlap = np.fft.irfft2(np.abs(np.fft.rfft2(window)) ** 2, window.shape)
    surface = np.fft.irfft2(spectrum, window.shape) / np.maximum(overlap, 0.2 * overlap.max())
    surface = np.fft.fftshift(surface).astype(np.float32)
    rows, columns = np.nonzero(surface >= cv2.dilate(surface, np.ones((3, 3), np.uint8)))
    x, y = (columns - width // 2).astype(np.float32), (rows - height // 2).astype(np.float32)
    near = np.hypot(x, y) < _FARTHEST * min(window.shape)
    return x[near], y[near], surface[rows, columns][near]


def repeats(level: Level) -> bool:
    """Return whether a slice, shifted, looks much like itself."""
    if level not in _FOUND:
        _FOUND[level] = _looks_repeated(level)
    return _FOUND[level]


def _looks_repeated(level: Level) -> bool:
    window = _window(level.grey.shape)
    x, y, height = _peaks(np.abs(_spectrum(level.grey, window)) ** 2 + 0j, window)
    other = height[np.hypot(x, y) >= _NEAREST]
    return bool(other.size and height.max() > _FAINT and other.max() > _LEAST * height.max())


def plausible_shifts(template: Level, image: Level, start: Transform,
                     count: int) -> list[Transform]:
    """
    Return ``start`` with the least of the shifts at which the slices look alike, least first.

    :param start: template pixel -> image pixel, full size
    :param count: how many at most
    """
    local = reduced(start, template.factor)
    window = _window(template.grey.shape)
    moved = warp(image.grey, local, border=cv2.BORDER_REPLICATE)
    cross = _spectrum(moved, window) * np.conj(_spectrum(template.grey, window))
    x, y, height = _peaks(cross, window)
    if not height.size:  # alike only at shifts too far, if at all
        return []
    result = []
    alike = np.flatnonzero(height >= _HEIGHT * height.max())
    # Nearest, not highest: one period higher or lower, the peaks hardly differ.
    for peak in alike[np.argsort(np.hypot(x, y)[alike])[:count]]:
        shift = identity()
        shift[:2, 2] = x[peak], y[peak]
        result.append(reduced(local @ shift, 1 / template.factor))
    return result
