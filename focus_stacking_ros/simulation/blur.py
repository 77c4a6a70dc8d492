# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Blur by discs whose diameter varies over the image."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ['blur', 'blur_levels', 'disc_kernel']


@lru_cache(maxsize=512)
def disc_kernel(diameter_px: float) -> NDArray[np.float32]:
    """
    Return the image of a defocused point: (n, n) float32 with n odd and sum 1, read-only.

    An anti-aliased disc. Its second moment along each axis is that of the ideal disc, diameter²
    / 16 square pixels, exactly: pixels add width of their own, so the disc drawn is a little
    smaller.

    :param diameter_px: circle of confusion, pixels
    """
    low, high = 0.0, max(diameter_px, 1.0) + 2.0
    for _ in range(40):
        drawn = (low + high) / 2
        kernel = _covered(drawn)
        offset = np.arange(kernel.shape[0]) - kernel.shape[0] // 2
        low, high = ((drawn, high) if kernel.sum(0) @ offset ** 2 < diameter_px ** 2 / 16
                     else (low, drawn))
    result = kernel.astype(np.float32)
    result /= result.sum()
    result.setflags(write=False)
    return result


def blur_levels(diameter_px: NDArray[np.float32]) -> NDArray[np.float64]:
    """
    Return the diameters to blur an image with, ascending, that span what occurs in it.

    Half a pixel apart, and a tenth of the diameter where that is more.

    :param diameter_px: (H, W), circle of confusion of each pixel
    """
    smallest, largest = float(diameter_px.min()), float(diameter_px.max())
    if largest - smallest < 0.02:
        return np.array([(smallest + largest) / 2])
    levels = [0.0]
    while levels[-1] < largest:
        levels.append(levels[-1] + max(0.5, 0.1 * levels[-1]))
    first = max(int(np.searchsorted(levels, smallest, 'right')) - 1, 0)
    return np.array(levels[first:])


def blur(light: NDArray[np.float32], diameter_px: NDArray[np.float32],
         levels: NDArray[np.float64], *, spread: bool = False) -> NDArray[np.float32]:
    """
    Return an image whose every pixel is spread over its own disc.

    A pixel between two levels is spread by both, in the shares that give its second moment.
    The sum of all discs is brought to 1 everywhere, as a continuous surface neither gains nor
    loses light.

    :param light: (H, W, C) float32
    :param diameter_px: (H, W) circle of confusion of each pixel
    :param levels: diameters of the discs that are used, ascending
    :param spread: leave the sum of the discs as it is, for a caller who divides by a channel of
        ones
    """
    if len(levels) == 1:
        return _filtered(light, float(levels[0]))
    result = np.zeros_like(light)
    total = np.zeros(light.shape[:2], np.float32)
    square = np.square(levels).astype(np.float32)
    upper = np.searchsorted(levels.astype(np.float32), diameter_px, 'left')
    upper = np.clip(upper, 1, len(levels) - 1).astype(np.uint8)
    table = np.clip((np.square(diameter_px) - square[upper - 1])
                    / (square[upper] - square[upper - 1]), 0, 1).astype(np.float32)
    # By tiles, as a slope across the image would make every level's box the whole image.
    reach = 2 * (int(np.ceil(levels[-1] / 2)) + 1)
    for tile in _tiles(upper.shape):
        if not light[_grown(tile, reach, upper.shape)[1]].any():
            continue  # nothing to spread, nor to bring to 1
        share, above = table[tile], upper[tile]
        for number in range(int(above.min()) - 1, int(above.max()) + 1):
            level = float(levels[number])
            weight = share * (above == number) + (1 - share) * (above == number + 1)
            if not weight.any():
                continue
            # One more than it reaches, so that the mirror at the end meets nothing.
            border = disc_kernel(round(level, 3)).shape[0] // 2 + 1
            source, target = _grown(tile, border, upper.shape)
            weight = cv2.copyMakeBorder(weight, *source, cv2.BORDER_CONSTANT, value=0)
            result[target] += _filtered(light[target] * weight[..., None], level)
            if not spread:
                total[target] += _filtered(weight, level)
    if not spread:
        result /= np.maximum(total, 1e-6)[..., None]
    return result


def _filtered(image: NDArray[np.float32], diameter_px: float) -> NDArray[np.float32]:
    """Return an image blurred by one disc."""
    kernel = disc_kernel(round(diameter_px, 3))
    if kernel.shape[0] == 1:
        return image
    # OpenCV drops a last axis of one channel.
    return cv2.filter2D(image, -1, kernel,
                        borderType=cv2.BORDER_REFLECT_101).reshape(image.shape)


def _tiles(shape: tuple[int, ...], side: int = 192) -> Iterator[tuple[slice, slice]]:
    """Yield the rows and columns of tiles that cover an image."""
    for top in range(0, shape[0], side):
        for left in range(0, shape[1], side):
            yield (slice(top, min(top + side, shape[0])), slice(left, min(left + side, shape[1])))


def _grown(tile: tuple[slice, slice], border: int, shape: tuple[int, ...]) -> tuple[
        tuple[int, int, int, int], tuple[slice, slice]]:
    """Return by how much a tile can grow (top, bottom, left, right) and the grown tile."""
    rows, columns = tile
    top, left = min(border, rows.start), min(border, columns.start)
    bottom, right = min(border, shape[0] - rows.stop), min(border, shape[1] - columns.stop)
    return ((top, bottom, left, right),
            (slice(rows.start - top, rows.stop + bottom),
             slice(columns.start - left, columns.stop + right)))


def _covered(diameter_px: float, samples: int = 16) -> NDArray[np.float64]:
    """Return the share of each pixel that a disc covers, with sum 1."""
    radius = diameter_px / 2
    reach = max(int(np.ceil(radius - 0.5)), 0)
    # A quadrant is enough: half the samples of the middle pixel lie in it.
    position = (np.arange((2 * reach + 1) * samples // 2) + 0.5) / samples
    distance = np.sqrt(position[:, None] ** 2 + position ** 2)
    # Soft over one sample, so that the coverage grows steadily with the diameter.
    inside = np.clip((radius - distance) * samples + 0.5, 0, 1)
    firsts = np.maximum(np.arange(reach + 1) * samples - samples // 2, 0)
    quadrant = np.add.reduceat(np.add.reduceat(inside, firsts, 0), firsts, 1)
    quadrant[0] *= 2
    quadrant[:, 0] *= 2
    half = np.concatenate([quadrant[:0:-1], quadrant])
    covered = np.concatenate([half[:, :0:-1], half], 1)
    total = covered.sum()
    return covered / total if total > 0 else np.ones((1, 1))
