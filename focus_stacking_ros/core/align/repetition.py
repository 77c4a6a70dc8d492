# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Shifts by correlation, and texture that repeats itself: which shifts it makes plausible."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakKeyDictionary

import cv2
from focus_stacking_ros.core.align.pyramid import Level
from focus_stacking_ros.core.align.warping import identity, reduced, warp
from focus_stacking_ros.core.slices import FloatImage, Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['likely_shifts', 'plausible_shifts', 'repeats']

_LEAST = 0.72  # height of a second peak of the autocorrelation; boards and prints stay below
_NEAREST = 2.5  # pixels of the level: nearer is the peak itself
_FARTHEST = 0.33  # of the shorter side: farther, too little overlaps
_BACKGROUND = 8.0  # pixels: standard deviation of the blur that is left out
#: What `repeats` has found: a slice is compared to several others.
_FOUND: WeakKeyDictionary[Level, bool] = WeakKeyDictionary()
_FAINT = 0.25  # squared grey levels: variance that may be noise
_SURFACE_SIDE = 180  # pixels: the level on which shifts are searched by correlation
_PEAKS, _PEAK_HEIGHT = 4, 0.5  # shifts tried, at most, and their height relative to the highest
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


def likely_shifts(template: Sequence[Level], image: Sequence[Level],
                  start: Transform) -> list[Transform]:
    """
    Return ``start`` and ``start`` with other shifts, by the peaks of a phase correlation.

    :param template: levels of a slice, the finest first
    :param image: levels of the other
    :param start: template pixel -> image pixel, full size
    """
    index = next((index for index, level in enumerate(template)
                  if max(level.grey.shape) <= _SURFACE_SIDE), len(template) - 1)
    ours, theirs = template[index], image[index]
    local = reduced(start, ours.factor)
    height, width = ours.grey.shape
    window = _window((height, width))
    moved = warp(theirs.grey, local, border=cv2.BORDER_REPLICATE)
    cross = _spectrum(moved, window) * np.conj(_spectrum(ours.grey, window))
    # Half whitened: fully, the noise of a blurred slice would outweigh what is left of it.
    surface = np.fft.irfft2(cross / np.sqrt(np.abs(cross) + 1e-6), (height, width))
    surface = np.fft.fftshift(surface).astype(np.float32)
    peaks = np.flatnonzero(surface >= cv2.dilate(surface, np.ones((3, 3), np.uint8)))
    heights = surface.ravel()[peaks]
    guesses = [start]
    for peak in peaks[np.argsort(heights)[::-1][:_PEAKS]]:
        shift = identity()
        shift[:2, 2] = peak % width - width // 2, peak // width - height // 2
        expected = bool(np.abs(shift[:2, 2]).max() <= 1)
        if not expected and surface.flat[peak] > _PEAK_HEIGHT * heights.max():
            guesses.append(reduced(local @ shift, 1 / ours.factor))
    return guesses


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
    if not height.max(initial=0) > 0:  # nothing to see in one of them
        return []
    result = []
    alike = np.flatnonzero(height >= _HEIGHT * height.max())
    # Nearest, not highest: one period higher or lower, the peaks hardly differ.
    for peak in alike[np.argsort(np.hypot(x, y)[alike])[:count]]:
        shift = identity()
        shift[:2, 2] = x[peak], y[peak]
        result.append(reduced(local @ shift, 1 / template.factor))
    return result
