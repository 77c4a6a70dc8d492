# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Shifts by correlation, and texture that repeats itself: which shifts it makes plausible."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from functools import lru_cache
from weakref import WeakKeyDictionary

import cv2
from focus_stacking_ros.core.align.pyramid import Level
from focus_stacking_ros.core.align.warping import identity, reduced, warp
from focus_stacking_ros.core.slices import FloatImage, Transform
from focus_stacking_ros.core.threads import lasting_tasks
import numpy as np

__all__ = ['begin_repeats', 'likely_shifts', 'plausible_shifts', 'repeats']

_LEAST = 0.72  # height of a second peak of the autocorrelation; boards and prints stay below
_NEAREST = 2.5  # pixels of the level: nearer is the peak itself
_FARTHEST = 0.33  # of the shorter side: farther, too little overlaps
_BACKGROUND = 8.0  # pixels: standard deviation of the blur that is left out
#: What `repeats` has found: a slice is compared to several others.
_FOUND: WeakKeyDictionary[Level, Future[bool]] = WeakKeyDictionary()
_FAINT = 0.25  # squared grey levels: variance that may be noise
_SURFACE_SIDE = 180  # pixels: the level on which shifts are searched by correlation
_PEAKS, _PEAK_HEIGHT = 4, 0.5  # shifts tried, at most, and their height relative to the highest
_HEIGHT = 0.6  # of the highest peak that others must have


@lru_cache(maxsize=8)
def _window(shape: tuple[int, int]) -> FloatImage:
    return np.outer(np.hanning(shape[0]), np.hanning(shape[1])).astype(np.float32)


@lru_cache(maxsize=8)
def _overlap(shape: tuple[int, int], reach: int) -> FloatImage:
    """Return the correlation of a window with itself, but where little of it overlaps."""
    found = _around(_correlation(*[cv2.dft(_window(shape))] * 2), reach)
    return np.asarray(np.maximum(found, 0.2 * found.max()), np.float32)


def _windowed(grey: FloatImage) -> FloatImage:
    """Return grey values without their background, fading out towards the rim."""
    height, width = grey.shape
    # Of an image a quarter as large: the background is smooth.
    small = cv2.resize(grey, (-(-width // 4), -(-height // 4)), interpolation=cv2.INTER_AREA)
    background = cv2.resize(cv2.GaussianBlur(small, (0, 0), _BACKGROUND / 4), (width, height),
                            interpolation=cv2.INTER_LINEAR)
    return cv2.multiply(cv2.subtract(grey, background), _window((height, width)))


def _correlation(one: FloatImage, other: FloatImage) -> FloatImage:
    """Return the correlation of two images from their spectra, with no shift at (0, 0)."""
    return np.asarray(cv2.idft(cv2.mulSpectrums(one, other, 0, conjB=True),
                               flags=cv2.DFT_REAL_OUTPUT | cv2.DFT_SCALE), np.float32)


def _around(plane: FloatImage, reach: int) -> FloatImage:
    """Return what lies up to so far around (0, 0) of a plane that goes on at its ends."""
    side = 2 * reach + 1
    return np.roll(plane, (reach, reach), (0, 1))[:side, :side]


def _peaks(one: FloatImage, other: FloatImage) -> tuple[FloatImage, FloatImage, FloatImage]:
    """Return x, y and height of the peaks of a correlation, with the window's own taken out."""
    height, width = one.shape
    farthest = _FARTHEST * min(height, width)
    # No shift in the middle, and one pixel more than is asked for: it tells what is a peak.
    reach = min(int(farthest) + 1, (min(height, width) - 1) // 2)
    surface = _around(_correlation(one, other), reach) / _overlap((height, width), reach)
    rows, columns = np.nonzero(surface >= cv2.dilate(surface, np.ones((3, 3), np.uint8)))
    x, y = (columns - reach).astype(np.float32), (rows - reach).astype(np.float32)
    near = np.hypot(x, y) < farthest
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
    moved = warp(theirs.grey, local, border=cv2.BORDER_REPLICATE)
    here, there = (cv2.dft(_windowed(grey), flags=cv2.DFT_COMPLEX_OUTPUT)
                   for grey in (ours.grey, moved))
    cross = cv2.mulSpectrums(there, here, 0, conjB=True)
    # Half whitened: fully, the noise of a blurred slice would outweigh what is left of it.
    cross /= np.sqrt(np.sqrt(np.square(cross).sum(axis=2, keepdims=True)) + np.float32(1e-6))
    surface = np.fft.fftshift(cv2.idft(cross, flags=cv2.DFT_REAL_OUTPUT | cv2.DFT_SCALE))
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


def begin_repeats(level: Level) -> None:
    """Begin to find out, in a thread, whether a slice repeats itself: `repeats` is asked soon."""
    if level not in _FOUND:
        _FOUND[level] = lasting_tasks('repetition', 1).submit(_looks_repeated, level)


def repeats(level: Level) -> bool:
    """Return whether a slice, shifted, looks much like itself."""
    begin_repeats(level)
    return _FOUND[level].result()


def _looks_repeated(level: Level) -> bool:
    spectrum = cv2.dft(_windowed(level.grey))
    x, y, height = _peaks(spectrum, spectrum)
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
    moved = warp(image.grey, local, border=cv2.BORDER_REPLICATE)
    x, y, height = _peaks(cv2.dft(_windowed(moved)), cv2.dft(_windowed(template.grey)))
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
