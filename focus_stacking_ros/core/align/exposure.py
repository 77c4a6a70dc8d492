# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Brightness of a slice relative to another, for each colour channel.

Exposure and white balance drift over a sweep. Defocus conserves light but moves it about, so
small blurred images in linear light are compared, most of all where the scene is flat.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
from focus_stacking_ros.core.align.warping import warp
from focus_stacking_ros.core.focus.light import GAMMA, LightCells
from focus_stacking_ros.core.slices import FloatImage, Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['Exposure', 'relative_gains']

_BLUR = 1.5  # cells: standard deviation that makes slices in and out of focus alike
_CLIPPED_SHARE = 0.01  # of a cell's pixels may be clipped
_LEAST_CELLS = 32
_FLAT = 0.002  # squared contrast at which a cell loses half its weight
_DARK = 1e-6  # light below which a ratio says nothing
_PRIOR = 0.1  # standard deviation of the logarithm of gains, where the images tell little
_INDEPENDENT = 9  # independent estimates in one slice: the scatter of cells has a common cause
_LIMITS = (0.2, 5.0)
_BLACK = 5.0 ** GAMMA  # times the light: beyond the limits of any gain


@dataclass(frozen=True)
class Exposure:
    """
    What is kept of a slice to compare its brightness.

    :param light: (h, w, c) float32 linear light of each cell and channel, 0 to 1
    :param square: (h, w, c) float32 mean of the squared light of each cell and channel
    :param clipped: (h, w) float32 share of each cell's pixels that may be clipped
    :param shape: height and width of what the cells cover, from the slice's first pixel on
    """

    light: NDArray[np.float32]
    square: NDArray[np.float32]
    clipped: FloatImage
    shape: tuple[int, int]

    @cached_property
    def contrast(self) -> NDArray[np.float32]:
        """Return the squared contrast around each cell, (h, w, c)."""
        return _contrast(self.light, self.square)

    def outshines(self, other: Exposure) -> bool:
        """Return whether the other slice is next to black beside this one."""
        return float(self.light.mean()) > _BLACK * float(other.light.mean())

    @classmethod
    def of(cls, cells: LightCells) -> Exposure:
        """Return a slice's exposure from its light."""
        grid, sums = cells.grid, cells.sums.astype(np.float64)
        sums *= (np.array([1, 1, 65536]) / 65536 / grid.counts()[:, None, None, None])
        light, square, clipped = (np.ascontiguousarray(sums[..., k], np.float32)
                                  for k in range(3))
        return cls(light, square, clipped.max(axis=2),
                   (grid.rows * grid.height, grid.columns * grid.width))


def _blurred(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    result = cv2.GaussianBlur(planes, (0, 0), _BLUR, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(result, np.float32).reshape(planes.shape)


def _contrast(light: NDArray[np.float32], square: NDArray[np.float32]) -> NDArray[np.float32]:
    mean, squared = _blurred(light), _blurred(square)
    return np.asarray(squared / (mean * mean + np.float32(1e-8)) - 1, np.float32)


def relative_gains(template: Exposure, image: Exposure, transform: Transform
                   ) -> NDArray[np.float64] | None:
    """
    Return (c,) factors on the image's grey values that give the template's brightness.

    None where the two have too little in common that is neither clipped nor black.

    :param template: exposure of the slice whose brightness counts
    :param image: exposure of the other, as many channels
    :param transform: template pixel -> image pixel, full size
    """
    cells = np.array(template.light.shape[1::-1])
    scale_x, scale_y = np.array(template.shape[::-1]) / cells
    to_pixels = np.array([[scale_x, 0, scale_x / 2 - 0.5], [0, scale_y, scale_y / 2 - 0.5],
                          [0, 0, 1]])
    local = np.linalg.inv(to_pixels) @ transform @ to_pixels

    def moved(planes: NDArray[np.float32]) -> NDArray[np.float32]:
        return warp(planes, local).reshape(planes.shape)

    clipped = cv2.max(template.clipped, moved(image.clipped))
    inside = moved(np.ones_like(image.clipped)) > 0.999
    for share, neighbours in ((_CLIPPED_SHARE, 3), (5 * _CLIPPED_SHARE, 1)):
        usable = cv2.erode((inside & (clipped <= share)).astype(np.float32),
                           np.ones((neighbours, neighbours), np.uint8))
        if np.count_nonzero(usable) >= _LEAST_CELLS:
            break
    else:
        return None
    moved_light = moved(image.light)
    contrast = np.maximum(np.maximum(template.contrast, 0),
                          _contrast(moved_light, moved(image.square)))
    chosen = usable > 0
    ours = _blurred(template.light * usable[..., None])[chosen]
    theirs = _blurred(moved_light * usable[..., None])[chosen]
    # The light that defocus spreads changes dark surroundings most.
    weight = np.sqrt(ours) / (np.float32(_FLAT) + contrast[chosen])
    logarithms = [_typical(ours[:, channel], theirs[:, channel], weight[:, channel])
                  for channel in range(ours.shape[1])]
    return np.clip(np.exp(np.array(logarithms) / GAMMA), *_LIMITS)


def _typical(ours: FloatImage, theirs: FloatImage, weight: FloatImage) -> float:
    """Return the logarithm of the usual ratio, the nearer to 0 the more the ratios differ."""
    known = (ours > _DARK) & (theirs > _DARK)
    if np.count_nonzero(known) < _LEAST_CELLS // 2:
        return 0.0
    ratio = np.log(ours[known] / theirs[known])
    order = np.argsort(ratio)
    total = np.cumsum(weight[known][order], dtype=np.float64)
    low, middle, high = (float(ratio[order][np.searchsorted(total, total[-1] * share)])
                         for share in (0.25, 0.5, 0.75))
    variance = ((high - low) / 1.35) ** 2 / _INDEPENDENT
    return middle * _PRIOR ** 2 / (_PRIOR ** 2 + variance)
