# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
What a coarser sharpness tells where the finer one sees only noise.

A faint and soft structure is in focus in some slice, too, but from one pixel to the next it
changes by less than noise does. At a quarter of the size noise is four times weaker, and such a
structure is as strong as before. Where a finer structure stands out in any slice, the coarser
sharpness has no say; nor where the brightness changes over the stack, as the light of a blurred
neighbour is coarse as well.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
from focus_stacking_ros.core.align.warping import inverse, reduced, warp
from focus_stacking_ros.core.fuse.job import LEAST_NOISE, NOISE_SHARPNESS
from focus_stacking_ros.core.slices import FloatImage, Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['BLOCK', 'Plane', 'coarser_where_faint', 'faintness', 'mixed', 'noise_sharpness']

#: Pixels per pixel of the coarser sharpness, along each axis.
BLOCK = 4
_GREATEST, _TOLD = 0.15, 0.3  # sharpness above that of the noise, as a share of it: what the
#                               greatest of several has, and what tells half
_LEAST = 1 / 16  # share of the coarser sharpness that changes anything

Plane = NDArray[np.uint8]


def noise_sharpness(noise: FloatImage) -> FloatImage:
    """
    Return the sharpness that noise alone has, fine and coarse.

    :param noise: float32, standard deviation, 8-bit grey levels
    """
    return np.asarray(np.maximum(noise, np.float32(LEAST_NOISE)) * np.float32(NOISE_SHARPNESS),
                      np.float32)


def faintness(sharpest: Plane, noise: FloatImage, calm: FloatImage) -> Plane | None:
    """
    Return the share that the coarser sharpness has in the result's pixels.

    All planes are (ceil(H / 4), ceil(W / 4)), means of blocks of pixels.

    :param sharpest: uint8, greatest sharpness of all slices
    :param noise: float32, standard deviation of the noise, 8-bit grey levels
    :param calm: float32, 0 to 1, where the brightness stays what it is over the stack
    :returns: uint8, 255 is all; None where it has none anywhere
    """
    sharp = sharpest.astype(np.float32)
    level = noise_sharpness(noise)
    over = np.maximum(sharp / level - np.float32(1 + _GREATEST), 0) * np.float32(1 / _TOLD)
    share = calm / (1 + over * over)
    share[share < np.float32(_LEAST)] = 0
    return np.rint(share * 255).astype(np.uint8) if share.any() else None


def coarser_where_faint(sharpness: Plane, coarse: Plane, share: Plane,
                        transform: Transform, valid: Plane | None = None,
                        mix: Callable[[Plane, Plane, Plane, Plane | None], Plane] | None = None
                        ) -> Plane:
    """
    Return a slice's sharpness, where it is faint mixed with the coarser one.

    :param sharpness: (H, W) uint8, unwarped
    :param coarse: (ceil(H / 4), ceil(W / 4)) uint8, see `coarse_sharpness`, unwarped
    :param share: of `faintness`, in the grid of the result
    :param transform: result pixel -> slice pixel
    :param valid: (H, W) uint8, 0 where the slice has no data, else 255; None where it has it
        everywhere
    :param mix: `mixed`, or what does the same
    """
    here = warp(share, reduced(inverse(transform), BLOCK), border=cv2.BORDER_REPLICATE)
    if not here.any():
        return sharpness
    return (mix or mixed)(sharpness, coarse, here, valid)


def mixed(sharpness: Plane, coarse: Plane, share: Plane, valid: Plane | None = None) -> Plane:
    """
    Return the mean of a slice's sharpness and the coarser one, to the nearest integer.

    :param sharpness: (H, W) uint8
    :param coarse: (ceil(H / 4), ceil(W / 4)) uint8, interpolated
    :param share: of the coarser one, as that, in the slice's grid; 255 is all
    :param valid: (H, W) uint8, see `coarser_where_faint`
    """
    height, width = sharpness.shape
    size = (coarse.shape[1] * BLOCK, coarse.shape[0] * BLOCK)
    share, coarse = (cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR)[:height, :width]
                     for plane in (share, coarse))
    result = cv2.add(cv2.multiply(sharpness, cv2.bitwise_not(share), scale=1 / 255),
                     cv2.multiply(coarse, share, scale=1 / 255))
    return np.asarray(result if valid is None else cv2.bitwise_and(result, valid), np.uint8)
