# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Brightness of a slice relative to another, for each colour channel.

Exposure and white balance drift over a sweep. Defocus conserves light but moves it about, so
small blurred images in linear light are compared, most of all where the scene is flat.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
from focus_stacking_ros.core.align.pyramid import CLIPPED
from focus_stacking_ros.core.align.warping import warp
from focus_stacking_ros.core.focus.measure import GREY_STEPS
from focus_stacking_ros.core.slices import FloatImage, Image, Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['Exposure', 'relative_gains']

_SIDE = 64  # cells: longer side of what is compared
_PIXELS = 400_000  # of a slice that enter, on a regular grid
_BLUR = 1.5  # cells: standard deviation that makes slices in and out of focus alike
_GAMMA = 2.2  # of the camera's encoding; one that is linear only loses in accuracy
_LINEAR = ((np.arange(256) / 255) ** _GAMMA).astype(np.float32)
_CLIPPED_SHARE = 0.01  # of a cell's pixels may be clipped
_LEAST_CELLS = 32
_FLAT = 0.002  # squared contrast at which a cell loses half its weight
_DARK = 1e-6  # light below which a ratio says nothing
_PRIOR = 0.1  # standard deviation of the logarithm of gains, where the images tell little
_INDEPENDENT = 9  # independent estimates in one slice: the scatter of cells has a common cause
_LIMITS = (0.2, 5.0)
_BLACK = 5.0 ** _GAMMA  # times the light: beyond the limits of any gain


@dataclass(frozen=True)
class Exposure:
    """
    What is kept of a slice to compare its brightness.

    :param light: (h, w, c) float32 linear light of each cell and channel, 0 to 1
    :param square: (h, w, c) float32 mean of the squared light of each cell and channel
    :param clipped: (h, w) float32 share of each cell's pixels that may be clipped
    :param shape: height and width of the slice, pixels
    """

    light: NDArray[np.float32]
    square: NDArray[np.float32]
    clipped: FloatImage
    shape: tuple[int, int]

    def outshines(self, other: Exposure) -> bool:
        """Return whether the other slice is next to black beside this one."""
        return float(self.light.mean()) > _BLACK * float(other.light.mean())

    @classmethod
    def of(cls, image: Image) -> Exposure:
        """
        Return a slice's exposure.

        :param image: (H, W) or (H, W, 3) uint8 or uint16, or (H, W) int16 luma in 1/16 grey level
        """
        height, width = image.shape[:2]
        step = max(1, int((height * width / _PIXELS) ** 0.5))
        rows, columns = height // step, width // step
        # Nearest, in whole steps: every step-th pixel of every step-th row.
        some = cv2.resize(image[:rows * step, :columns * step], (columns, rows),
                          interpolation=cv2.INTER_NEAREST)
        if some.dtype != np.uint8:
            levels = GREY_STEPS if some.dtype == np.int16 else 256
            some = cv2.convertScaleAbs(some, alpha=1 / levels)
        longer = max(some.shape[:2])
        size = tuple(max(1, round(side * min(1.0, _SIDE / longer))) for side in some.shape[1::-1])

        def cells(plane: NDArray[np.float32]) -> NDArray[np.float32]:
            reduced = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
            return np.asarray(reduced, np.float32)

        light = np.asarray(cv2.LUT(some, _LINEAR), np.float32).reshape(some.shape)
        below = cv2.inRange(some, (0,) * 4, (CLIPPED - 1,) * 4)
        planes = (size[1], size[0], -1)
        return cls(cells(light).reshape(planes),
                   cells(cv2.multiply(light, light)).reshape(planes),
                   1 - cells(below.astype(np.float32)) * np.float32(1 / 255), (height, width))


def _blurred(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    result = cv2.GaussianBlur(planes, (0, 0), _BLUR, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(result, np.float32).reshape(planes.shape)


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
    contrast = np.zeros_like(template.light)
    for light, square in ((template.light, template.square),
                          (moved(image.light), moved(image.square))):
        mean, squared = _blurred(light), _blurred(square)
        contrast = np.maximum(contrast, squared / (mean * mean + np.float32(1e-8)) - 1)
    chosen = usable > 0
    ours = _blurred(template.light * usable[..., None])[chosen]
    theirs = _blurred(moved(image.light) * usable[..., None])[chosen]
    # The light that defocus spreads changes dark surroundings most.
    weight = np.sqrt(ours) / (np.float32(_FLAT) + contrast[chosen])
    logarithms = [_typical(ours[:, channel], theirs[:, channel], weight[:, channel])
                  for channel in range(ours.shape[1])]
    return np.clip(np.exp(np.array(logarithms) / _GAMMA), *_LIMITS)


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
