# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The front pass in plain NumPy integers, line by line as hw_accel/SPECIFICATION.md writes it."""

from __future__ import annotations

from itertools import product

from focus_stacking_ros.core.focus.light import LightCells, LightGrid
from focus_stacking_ros.core.slices import Image
import numpy as np
from numpy.typing import NDArray

__all__ = ['model_half', 'model_light', 'model_luma', 'model_noise', 'model_sharpness']

Integers = NDArray[np.int64]


def model_luma(image: Image) -> NDArray[np.int16]:
    """Return the luma of an image, (H, W) int16 in 1/16 of an 8-bit grey level."""
    pixels = image.astype(np.int64)
    if image.ndim == 3:
        pixels = 29 * pixels[..., 0] + 150 * pixels[..., 1] + 77 * pixels[..., 2]
        pixels = (pixels + 8) >> 4 if image.dtype == np.uint8 else pixels >> 12
    else:
        pixels = pixels << 4 if image.dtype == np.uint8 else pixels >> 4
    return pixels.astype(np.int16)


def _mirrored(plane: NDArray[np.integer], margin: int) -> Integers:
    """Return a plane with a margin, mirrored without repeating the edge, and even sides."""
    places = []
    for size in plane.shape:
        index = np.arange(-margin, size + size % 2 + margin) % max(2 * size - 2, 1)
        places.append(np.where(index < size, index, 2 * size - 2 - index))
    return plane.astype(np.int64)[np.ix_(*places)]


def _sum(plane: Integers, radius: int) -> Integers:
    """Return the sums of a square window, where it lies within the plane."""
    side = 2 * radius + 1
    height, width = plane.shape[0] - 2 * radius, plane.shape[1] - 2 * radius
    total = np.zeros((height, width), np.int64)
    for y, x in product(range(side), repeat=2):
        total += plane[y:y + height, x:x + width]
    return total


def model_half(plane: NDArray[np.integer]) -> Integers:
    """Return the mean of 2x2 pixels."""
    even = _mirrored(plane, 0)
    return (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2] + 2) >> 2


def model_sharpness(grey: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Return the sharpness of a slice from its luma."""
    plane = _mirrored(grey, 5)
    rows = plane[:-2] + 2 * plane[1:-1] + plane[2:]
    smooth = (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:] + 4) >> 3
    size = np.abs(4 * smooth[1:-1, 1:-1] - smooth[:-2, 1:-1] - smooth[2:, 1:-1]
                  - smooth[1:-1, :-2] - smooth[1:-1, 2:])
    mean = (_sum(np.minimum(size, 2040), 2) + 4) >> 3
    sharp = ((_sum(mean, 1) + 112) * 291) >> 16
    return sharp[:grey.shape[0], :grey.shape[1]].astype(np.uint8)


def model_noise(grey: NDArray[np.int16]) -> NDArray[np.uint32]:
    """Return how often the response to noise has which magnitude at which brightness."""
    height, width = grey.shape
    plane = grey.astype(np.int64)
    counts = np.zeros((16, 1024), np.uint32)
    for y in range(1, height - 1, 3 * max(1, height * width // 600_000)):
        for x in range(1, width - 1, 3):
            around = plane[y - 1:y + 2, x - 1:x + 2]
            size = abs(int((around * [[1, -2, 1], [-2, 4, -2], [1, -2, 1]]).sum()))
            place = size if size < 512 else min(512 + ((size - 512) >> 4), 1023)
            counts[int(around.sum()) // 2304, place] += 1
    return counts


def model_light(image: Image) -> LightCells:
    """Return the light of a slice in cells."""
    height, width = image.shape[:2]
    side = (max(height, width) + 63) // 64
    tall, wide = min(side, height), min(side, width)
    grid = LightGrid(height // tall, width // wide, tall, wide,
                     min(max(1, height * width // 400_000), tall))
    value = image.reshape(height, width, -1).astype(np.int64)
    if image.dtype == np.uint8:
        value = 256 * value
    light = value * value >> 16
    planes = np.stack([light, light * light >> 16, value >= 250 * 256], axis=-1)
    sums = np.zeros((grid.rows, grid.columns, *planes.shape[2:]), np.uint64)
    for y in range(0, grid.rows * tall, grid.step):
        for column in range(grid.columns):
            sums[y // tall, column] += planes[y, column * wide:(column + 1) * wide].sum(
                axis=0).astype(np.uint64)
    return LightCells(grid, sums)
