# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Where only the slices next to the index are averaged, although there is noise.

As many slices are averaged as noise is stronger than what blur changes, and of a faint texture the
sharpness of a single pixel tells no more than noise does. Over blocks of pixels it does: where the
slices next to the index are the sharpest, their neighbours would blur the texture. Averaging fewer
leaves more noise, which is worth it as far as nobody sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
from focus_stacking_ros.core.align.warping import reduced, warp
from focus_stacking_ros.core.fuse.faint import BLOCK, Plane
from focus_stacking_ros.core.fuse.fusion_slice import FusionSlice
from focus_stacking_ros.core.fuse.job import LEAST_NOISE, NOISE_SHARPNESS
from focus_stacking_ros.core.slices import FloatImage
from focus_stacking_ros.core.threads import lasting_threads
import numpy as np
from numpy.typing import NDArray

__all__ = ['NARROWED', 'VISIBLE_NOISE', 'BlockSums', 'block_sums', 'narrow_gates', 'seen']

#: Noise of which half is seen, standard deviation in 8-bit grey levels.
VISIBLE_NOISE = 0.8
#: Standard deviation of a narrow gate, slices of a sweep that is not fine: a slice one beyond the
#: sharpest enters with exp(-2).
NARROWED = 0.5
BlockSums = Callable[[Plane], NDArray[np.uint16]]
#: Two standard errors of the difference of two smoothed means of blocks, as a share of the noise's
#: sharpness.
_TOLD = 0.2
_SMOOTHED = (3, 3)  # blocks
_EQUAL = 1e-4  # slices
_SURE = 0.5  # confidence of the index from which on it says which slices are next to it


def block_sums(plane: Plane) -> NDArray[np.uint16]:
    """
    Return sums of blocks of 4x4 pixels: (ceil(H / 4), ceil(W / 4)) uint16.

    :param plane: (H, W) uint8; pixels beyond its rim are those of the rim
    """
    down, across = (-side % BLOCK for side in plane.shape)
    plane = np.asarray(cv2.copyMakeBorder(
        plane, 0, down, 0, across, cv2.BORDER_REPLICATE), np.uint8)
    size = (plane.shape[1] // BLOCK, plane.shape[0] // BLOCK)
    # Means of numbers that a block's pixels are multiplied by are sums, exactly.
    fine = cv2.multiply(plane, BLOCK * BLOCK, dtype=cv2.CV_16U)
    return np.asarray(cv2.resize(fine, size, interpolation=cv2.INTER_AREA), np.uint16)


def seen(noise: FloatImage) -> FloatImage:
    """Return how much noise is seen, 0 to 1: one half at `VISIBLE_NOISE`; see `narrow_gates`."""
    fourth = np.square(np.square(noise))
    return np.asarray(fourth / (fourth + np.float32(VISIBLE_NOISE ** 4)), np.float32)


def narrow_gates(slices: Sequence[FusionSlice], index: FloatImage, confidence: FloatImage,
                 noise: FloatImage, reach: int, sums: BlockSums = block_sums) -> Plane | None:
    """
    Return where gates are to be narrow: (ceil(H / 4), ceil(W / 4)) uint8, 1, else 0.

    That is where most of the blocks around tell that the slices next to the index are the
    sharpest, the more of them the more noise is seen.

    :param slices: in the order of the index
    :param index: (ceil(H / 2), ceil(W / 2)) float32, slices
    :param confidence: as that, 0 to 1, of the index
    :param noise: (ceil(H / 4), ceil(W / 4)) float32, standard deviation, 8-bit grey levels
    :param reach: slices from the index within which they are next to it: 1 in a coarse sweep
    :param sums: `block_sums`, or what does the same
    :returns: None where it is nowhere
    """
    unseen = 1 - seen(noise)
    if float(unseen.max()) <= 0.5:
        return None
    index, confidence = (np.asarray(cv2.resize(
        plane, noise.shape[::-1], interpolation=cv2.INTER_AREA), np.float32)
        for plane in (index, confidence))
    near, far = np.zeros(index.shape, np.uint16), np.zeros(index.shape, np.uint16)

    def smoothed(item: FusionSlice) -> NDArray[np.uint16]:
        there = cv2.GaussianBlur(sums(item.sharpness), _SMOOTHED, 0)
        return warp(np.asarray(there, np.uint16), reduced(item.transform, BLOCK),
                    border=cv2.BORDER_REPLICATE)

    with lasting_threads('fusion') as pool:
        for number, found in enumerate(pool.results(smoothed, slices)):
            beside = cv2.inRange(index, number - reach + _EQUAL, number + reach - _EQUAL)
            near = cv2.max(near, cv2.bitwise_and(found, found, mask=beside))
            far = cv2.max(far, cv2.bitwise_and(found, found, mask=cv2.bitwise_not(beside)))
    level = np.maximum(noise, np.float32(LEAST_NOISE)) * np.float32(NOISE_SHARPNESS)
    told = near.astype(np.float32) - far > level * np.float32(_TOLD * BLOCK * BLOCK)
    told &= confidence >= np.float32(_SURE)
    most = cv2.blur(told.astype(np.float32), _SMOOTHED) * unseen > np.float32(0.5)
    return most.view(np.uint8) if most.any() else None
