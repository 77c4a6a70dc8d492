# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The light that near surfaces, out of focus, spread over what is beside them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
from focus_stacking_ros.core.slices import FloatImage, Image
import numpy as np
from numpy.typing import NDArray

__all__ = ['GAMMA', 'REACH', 'SATURATED', 'Beside', 'Floats', 'Mask', 'Pixels', 'Spread',
           'light_table', 'pixels_beside', 'spread_light']

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Pixels = NDArray[np.int64]

#: Pixels: greatest radius of a circle of confusion that is followed.
REACH = 10
#: Of grey levels, as cameras and displays have it.
GAMMA = 2.2
#: Of the greatest value: how bright that is nobody knows.
SATURATED = 250 / 255


@dataclass(frozen=True)
class Beside:
    """
    The pixels beside nearer surfaces; one value a pixel.

    :param pixels: their flat indices, rising
    :param away: distance from the end of their own surface, pixels
    :param gap: how much nearer the nearest of what is around lies, slices
    """

    pixels: Pixels
    away: Floats
    gap: Floats


@dataclass(frozen=True)
class Spread:
    """
    The light of near surfaces at some pixels; one value a pixel.

    :param share: of the lens that they hide
    :param light: (n, channels) their light, linear
    :param radius: mean radius of their circles of confusion, pixels
    :param saturated: share of them whose brightness is not known
    """

    share: Floats
    light: Floats
    radius: Floats
    saturated: Floats


@lru_cache(maxsize=2)
def light_table(top: int) -> Floats:
    """Return the linear light, 0 to 1, of every grey value up to the greatest."""
    table = np.power(np.linspace(0, 1, top + 1, dtype=np.float32), np.float32(GAMMA))
    table.setflags(write=False)
    return np.asarray(table, np.float32)


def pixels_beside(index: FloatImage, known: Mask, step: float, widest: float) -> Beside:
    """
    Return the pixels that nearer surfaces may spread light over; none at the image's border.

    :param index: (H, W) float32 slice index whose jumps lie where the near surfaces end
    :param known: (H, W) bool, where both sides of a jump are known
    :param step: least jump, slices
    :param widest: greatest growth of the radius of the circle of confusion, pixels a slice
    """
    number = np.rint(index)
    near = cv2.erode(index, np.ones((2 * REACH + 1,) * 2, np.uint8))
    gap = number - near
    ends = number - cv2.erode(index, np.ones((3, 3), np.uint8)) > np.float32(step)
    away = cv2.distanceTransform((~ends).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    beside = (known & (gap > np.float32(step)) & (away <= np.float32(REACH))
              & (away < np.float32(widest) * gap + 1))
    # So nothing around any of them lies outside the image.
    border = np.zeros_like(beside)
    border[REACH:-REACH, REACH:-REACH] = True
    pixels = np.flatnonzero(beside & border)
    return Beside(pixels.astype(np.int64), away.ravel()[pixels], gap.ravel()[pixels])


def spread_light(image: Image, index: FloatImage, pixels: Pixels, rate: float,
                 step: float) -> Spread:
    """
    Return the light that nearer surfaces spread over some pixels.

    :param image: (H, W) or (H, W, 3), uint8 or uint16, which shows the near surfaces in focus
    :param index: (H, W) float32 slice index
    :param pixels: flat indices, `REACH` pixels and more from the border
    :param rate: growth of the radius of the circle of confusion, pixels a slice
    :param step: least jump, slices
    """
    count, width, top = len(pixels), index.shape[1], int(np.iinfo(image.dtype).max)
    colours, values = image.reshape(index.size, -1), index.ravel()
    focus, bright = np.rint(values[pixels]), int(SATURATED * top)
    share, radius, saturated = (np.zeros(count, np.float32) for _ in range(3))
    light, table = np.zeros((count, colours.shape[1]), np.float32), light_table(top)
    for down in range(-REACH, REACH + 1):
        for right in range(-REACH, REACH + 1):
            away = float(np.hypot(down, right))
            if not 0 < away <= REACH:
                continue
            there = pixels + (down * width + right)
            gap = focus - values[there]
            some = np.flatnonzero(gap > np.float32(max(step, (away - 0.5) / rate)))
            if not len(some):
                continue
            circle = np.maximum(np.float32(rate) * gap[some], np.float32(0.5))
            # A disc whose rim is soft over a pixel.
            weight = np.clip(circle + np.float32(0.5 - away), 0, 1)
            weight /= np.float32(np.pi) * (circle * circle + np.float32(1 / 12))
            share[some] += weight
            radius[some] += weight * circle
            seen = colours[there[some]]
            saturated[some] += weight * (seen.max(axis=1) >= bright)
            light[some] += weight[:, None] * table[seen]
    radius /= np.maximum(share, np.float32(1e-6))
    return Spread(share, light, radius, saturated)
