# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The noise of a stack as a function of brightness, and what focus measures make of it."""

from __future__ import annotations

from itertools import pairwise

import cv2
from focus_stacking_ros.core.focus.measure import (
    focus_measure,
    GREY_STEPS,
    NOISE_MEDIAN,
    noise_response,
)
from focus_stacking_ros.core.slices import FloatImage
import numpy as np
from numpy.typing import NDArray

__all__ = ['NoiseLevels', 'noise_floor']

_CLASSES = 16  # of brightness
_MANY_PIXELS, _BAND = 1_000_000, 32  # pixels; rows, of which a few lie at a joint
_LEAST_PIXELS = 400  # of a class that say anything about its noise
# Mean response to noise, 8-bit grey levels, where none is found: rounding alone has so much.
_LEAST_FLOOR = 0.3


def noise_floor(operator: str, channels: int, sigma: FloatImage, ratio: float) -> FloatImage:
    """
    Return a focus measure's mean response to the noise: what is not above it shows no detail.

    :param operator: name of the focus measure
    :param channels: colour channels of the slices, 1 or 3
    :param sigma: (H, W) float32, standard deviation of the noise of luma, 8-bit grey levels
    :param ratio: noise of the channels relative to that of luma, for a measure of the channels
    :returns: (H, W) float32, 8-bit grey levels
    :raises KeyError: there is no focus measure of that name
    """
    measure = focus_measure(operator)
    factor = (ratio if measure.needs_colour else 1.0) * measure.noise[channels].mean
    return np.maximum(sigma * np.float32(factor), np.float32(_LEAST_FLOOR))


class NoiseLevels:
    """
    Noise by brightness: the least over the slices, since blur takes texture away but not noise.

    Photon noise, gamma and clipping make it differ widely between dark and bright parts.
    Medians of the response to a kernel that is blind to most of an image, after Immerkaer 1996.
    """

    def __init__(self) -> None:
        self._least = np.full(_CLASSES, np.inf)

    def add(self, grey: NDArray[np.int16]) -> float:
        """
        Add a slice.

        :param grey: (H, W) int16 luma in 1/16 grey level
        :returns: standard deviation of its noise over all brightnesses, 8-bit grey levels
        """
        if grey.size > _MANY_PIXELS:
            grey = _every_third_band(grey)
        response = noise_response(grey)[1:-1:3, 1:-1:3].ravel()
        width = 256 * GREY_STEPS // _CLASSES
        brightness = (cv2.blur(grey, (5, 5))[1:-1:3, 1:-1:3] // width).astype(np.uint8).ravel()
        order = np.argsort(brightness, kind='stable')
        ends = np.searchsorted(brightness[order], np.arange(_CLASSES + 1))
        scale = 1 / (NOISE_MEDIAN * GREY_STEPS)
        for number, (first, last) in enumerate(pairwise(ends)):
            if last - first >= _LEAST_PIXELS:
                sigma = float(np.median(response[order[first:last]])) * scale
                # Without any noise a slice is black, clipped or synthetic and says nothing.
                if sigma > 0:
                    self._least[number] = min(self._least[number], sigma)
        return float(np.median(response)) * scale

    def sigma(self, brightness: FloatImage) -> FloatImage:
        """
        Return the standard deviation of the noise, 8-bit grey levels; 0 where none was found.

        :param brightness: (H, W) float32, 8-bit grey levels
        """
        known = np.flatnonzero(np.isfinite(self._least))
        if not known.size:
            return np.zeros_like(brightness)
        middle = (np.arange(_CLASSES) + 0.5) * (256 / _CLASSES)
        table = np.interp(np.arange(256), middle[known], self._least[known]).astype(np.float32)
        level = np.clip(cv2.blur(brightness, (5, 5)), 0, 255).astype(np.uint8)
        return np.asarray(cv2.LUT(level, table), np.float32)


def _every_third_band(grey: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return bands of rows, or of columns where there are few rows: pixels enough of many."""
    if len(grey) < 3 * _BAND:
        return np.ascontiguousarray(_every_third_band(grey.T).T)
    bands = len(grey) // (3 * _BAND)
    grey = grey[:bands * 3 * _BAND].reshape(bands, 3 * _BAND, -1)[:, :_BAND]
    return grey.reshape(bands * _BAND, -1)
