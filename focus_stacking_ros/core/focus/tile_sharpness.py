# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How sharp the parts of an image are, at several scales: what a focus range is found from."""

from __future__ import annotations

import cv2
from focus_stacking_ros.core.focus.measure import GREY_STEPS, halved, luma
from focus_stacking_ros.core.slices import Image
import numpy as np
from numpy.typing import NDArray

__all__ = ['TILE', 'noise_scatter', 'tile_sharpness']

#: Side of a tile in pixels of its level.
TILE = 16
_LEAST_TILES = 3  # along the shorter side of a level, that parts differ in it
# The Laplacian of white noise is correlated: 20 at its pixel, -8, 2 and 1 at four others each.
_CORRELATION = 1 + 4 * (8 ** 2 + 2 ** 2 + 1) / 20 ** 2


def tile_sharpness(image: Image) -> tuple[NDArray[np.float64], ...]:
    """
    Return the mean squared Laplacian of every tile of 16 x 16 pixels, level by level.

    Each level has half the size of the one before. Blur that leaves nothing of the finest detail
    leaves coarser detail, so that the curve over the focus is the wider the coarser the level. The
    energy of the Laplacian: M. Subbarao, T. Choi, A. Nikzad, "Focusing techniques", Optical
    Engineering 32(11), 1993, doi:10.1117/12.147706.

    :param image: (H, W) or (H, W, 3) blue-green-red, uint8 or uint16, at least 16 x 16
    :returns: (rows, columns) of squared 8-bit grey levels for each level, the full size first
    :raises ValueError: the image is smaller than a tile
    """
    plane = luma(image).astype(np.float32) / np.float32(GREY_STEPS)
    if min(plane.shape) < TILE:
        raise ValueError(f'an image of {plane.shape[1]} x {plane.shape[0]} pixels is too small '
                         f'to tell what is sharp in it; it takes at least {TILE} x {TILE}')
    levels = [_energy(plane)]
    while min((plane := halved(plane)).shape) >= _LEAST_TILES * TILE:
        levels.append(_energy(plane))
    return tuple(levels)


def noise_scatter() -> float:
    """Return the relative standard deviation of a tile's sharpness where it is white noise."""
    return float(np.sqrt(2 * _CORRELATION) / TILE)


def _energy(plane: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the means over tiles; what is left at the borders is left out on both sides."""
    energy = np.square(cv2.Laplacian(plane, cv2.CV_32F))
    rows, columns = (side // TILE for side in plane.shape)
    top, left = (side % TILE // 2 for side in plane.shape)
    inner = energy[top:top + rows * TILE, left:left + columns * TILE]
    return inner.reshape(rows, TILE, columns, TILE).mean((1, 3), dtype=np.float64)
