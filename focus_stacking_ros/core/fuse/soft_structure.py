# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Soft structures that an unsure index has missed.

Where the depth is not sure the index follows that of what is around. What is seen there may be
soft, as what is sharp in front of the first slice or behind the last one: from pixel to pixel no
slice is sharper than another by more than noise. At a quarter of the size such a structure stands
out by far, and tells the slice in which it is the sharpest; the image is taken from there, unless
the finer sharpness knows of a sharper one, or it may be the rim of what is blurred there and sharp
in another slice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
from focus_stacking_ros.core.fuse.block_sharpness import TOLD
from focus_stacking_ros.core.fuse.faint import noise_sharpness, Plane
from focus_stacking_ros.core.fuse.fusion_slice import FusionSlice
from focus_stacking_ros.core.fuse.greatest_blocks import (
    BlockPlane,
    greatest_blocks,
    GreatestOf,
    Numbers,
    SharpestBlocks,
    SMOOTHED,
)
from focus_stacking_ros.core.fuse.narrow_gate import SURE
from focus_stacking_ros.core.slices import FloatImage
import numpy as np
from numpy.typing import NDArray

__all__ = ['BLURRED', 'STANDS_OUT', 'SoftStructure', 'soft_structure']

#: Five standard errors of the difference of two smoothed coarse sharpnesses, as a share of the
#: noise's, which is the same as of the finer one: the greatest of many slices is by chance less.
STANDS_OUT = 1.0
_STEPS = 64  # of a coarse sharpness
#: Blocks as far as which an edge is blurred, and the factor by which that lowers its coarse
#: sharpness: those of a step under a disc of that radius. A smaller one lowers it too little.
BLURRED = (3, 2.7), (4, 4.3), (5, 5.6)
_RAMP = 1.0  # blocks, standard deviation of the ramp between two choices, else its edge is seen


@dataclass(frozen=True)
class SoftStructure:
    """
    What a coarse sharpness tells; (ceil(H / 4), ceil(W / 4)).

    :param index: float32, slice in which it is the sharpest
    :param told: where that stands out of those next to an index that is unsure, or out of all
    """

    index: FloatImage
    told: NDArray[np.bool_]

    def unless(self, blocks: SharpestBlocks, noise: FloatImage) -> SoftStructure | None:
        """
        Return this without what the finer sharpness belies, None where nothing is left.

        :param blocks: how sharp the slices next to its index are
        :param noise: as those, float32, standard deviation, 8-bit grey levels
        """
        told = self.told & (blocks.lead() >= noise_sharpness(noise) * np.float32(-TOLD))
        # Alone among others a block follows these.
        told &= cv2.blur(told.astype(np.float32), SMOOTHED) > np.float32(0.5)
        return SoftStructure(self.index, told) if told.any() else None

    def into(self, index: FloatImage, confidence: FloatImage) -> tuple[FloatImage, FloatImage]:
        """
        Return an index that knows of the structure, and how sure it is: two float32 planes.

        :param index: (ceil(H / 2), ceil(W / 2)) float32, slices
        :param confidence: as that, 0 to 1
        """
        told = self.told.astype(np.float32)
        around = cv2.GaussianBlur(told, (0, 0), _RAMP)
        mean = cv2.GaussianBlur(told * self.index, (0, 0), _RAMP) / np.maximum(around, 1e-6)
        there = np.where(self.told, self.index, mean).astype(np.float32)
        height, width = index.shape
        share, there = (cv2.resize(plane, (plane.shape[1] * 2, plane.shape[0] * 2),
                                   interpolation=cv2.INTER_LINEAR)[:height, :width]
                        for plane in (np.minimum(2 * around, 1), there))
        return (np.asarray(index + share * (there - index), np.float32),
                np.asarray(np.maximum(confidence, share), np.float32))


def soft_structure(slices: Sequence[FusionSlice], coarse: Sequence[Plane], index: FloatImage,
                   confidence: FloatImage, noise: FloatImage, reach: int,
                   greatest: GreatestOf = greatest_blocks) -> SoftStructure | None:
    """
    Return what the coarse sharpness of slices tells where an index is not sure.

    :param slices: in the order of the index
    :param coarse: their coarse sharpness, (ceil(H / 4), ceil(W / 4)) uint8, unwarped
    :param index: (ceil(H / 4), ceil(W / 4)) float32, slices
    :param confidence: as that, 0 to 1
    :param noise: as that, standard deviation, 8-bit grey levels
    :param reach: slices from the index within which they are next to it: 1 in a coarse sweep
    :param greatest: `greatest_blocks`, or what does the same
    :returns: None where it tells nothing
    """
    unsure = confidence < np.float32(SURE)
    if not unsure.any():
        return None
    # Beyond its rim a slice is not the sharpest.
    found = greatest([BlockPlane(plane, item.transform, float(np.mean(item.gain)) * _STEPS,
                                 item.valid)
                      for item, plane in zip(slices, coarse, strict=True)],
                     [index], reach, extended=False, best=True)
    assert found.best is not None
    best, second, at = (plane.astype(np.float32) * np.float32(1 / _STEPS)
                        for plane in (found.best.best, found.best.second, found.beside[0].near))
    # In a coarse sweep the slices next to the index differ, too: it is to be one of them.
    rivals = np.minimum(at, second) if reach == 1 else at
    told = unsure & (best - rivals > noise_sharpness(noise) * np.float32(STANDS_OUT))
    told &= ~_rims(found.best.best, found.best.number)
    return SoftStructure(found.best.number.astype(np.float32), told) if told.any() else None


def _rims(best: Numbers, number: Numbers) -> NDArray[np.bool_]:
    """
    Return where a structure may be the blurred rim of the sharpest one around, of another slice.

    :param best: (ceil(H / 4), ceil(W / 4)) uint16, coarse sharpness of the sharpest slice
    :param number: as that, of the slice
    """
    found = np.zeros(best.shape, np.bool_)
    both = best * 65536.0 + number
    for reach, factor in BLURRED:
        side = 2 * reach + 1
        most = cv2.dilate(both, np.ones((side, side), np.uint8)).astype(np.uint32)
        found |= (most >> 16 > best * np.float32(factor)) & (most & 65535 != number)
    return found
