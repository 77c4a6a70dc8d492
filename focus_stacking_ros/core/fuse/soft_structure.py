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
from focus_stacking_ros.core.align.warping import reduced, warp
from focus_stacking_ros.core.fuse.block_sharpness import next_to, SharpestBlocks, SMOOTHED, TOLD
from focus_stacking_ros.core.fuse.faint import BLOCK, noise_sharpness, Plane
from focus_stacking_ros.core.fuse.fusion_slice import FusionSlice
from focus_stacking_ros.core.fuse.narrow_gate import SURE
from focus_stacking_ros.core.slices import FloatImage
from focus_stacking_ros.core.threads import lasting_threads, parts_of
import numpy as np
from numpy.typing import NDArray

__all__ = ['BLURRED', 'STANDS_OUT', 'SoftStructure', 'soft_structure']

Numbers = NDArray[np.uint16]
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
                   confidence: FloatImage, noise: FloatImage, reach: int
                   ) -> SoftStructure | None:
    """
    Return what the coarse sharpness of slices tells where an index is not sure.

    :param slices: in the order of the index
    :param coarse: their coarse sharpness, (ceil(H / 4), ceil(W / 4)) uint8, unwarped
    :param index: (ceil(H / 4), ceil(W / 4)) float32, slices
    :param confidence: as that, 0 to 1
    :param noise: as that, standard deviation, 8-bit grey levels
    :param reach: slices from the index within which they are next to it: 1 in a coarse sweep
    :returns: None where it tells nothing
    """
    unsure = confidence < np.float32(SURE)
    if not unsure.any():
        return None

    def greatest_of(numbers: range) -> _Greatest:
        found = _Greatest(*(np.zeros(index.shape, np.uint16) for _ in range(4)))
        for number in numbers:
            item = slices[number]
            here = cv2.multiply(coarse[number], float(np.mean(item.gain)) * _STEPS,
                                dtype=cv2.CV_16U)
            if item.valid is not None:
                here = cv2.bitwise_and(here, here, mask=cv2.resize(
                    item.valid, here.shape[::-1], interpolation=cv2.INTER_NEAREST))
            # Beyond its rim a slice is not the sharpest.
            here = warp(np.asarray(cv2.GaussianBlur(here, SMOOTHED, 0), np.uint16),
                        reduced(item.transform, BLOCK))
            found.add(here, number,
                      cv2.bitwise_and(here, here, mask=next_to(index, number, reach)))
        return found

    with lasting_threads('fusion') as pool:
        found, *others = pool.results(greatest_of, parts_of(len(slices)))
    for other in others:
        found.add(other.best, other.number, other.at)
        cv2.max(found.second, other.second, found.second)
    best, second, at = (plane.astype(np.float32) * np.float32(1 / _STEPS)
                        for plane in (found.best, found.second, found.at))
    # In a coarse sweep the slices next to the index differ, too: it is to be one of them.
    rivals = np.minimum(at, second) if reach == 1 else at
    told = unsure & (best - rivals > noise_sharpness(noise) * np.float32(STANDS_OUT))
    told &= ~_rims(found.best, found.number)
    return SoftStructure(found.number.astype(np.float32), told) if told.any() else None


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


@dataclass(frozen=True)
class _Greatest:
    """
    The sharpest of some slices; (ceil(H / 4), ceil(W / 4)) uint16.

    :param best: its coarse sharpness, 1/64
    :param second: of the one after it
    :param at: of the sharpest one next to an index
    :param number: of the slice
    """

    best: Numbers
    second: Numbers
    at: Numbers
    number: Numbers

    def add(self, here: Numbers, number: int | Numbers, beside: Numbers) -> None:
        """Add a slice, or the sharpest of later ones; ``beside`` is that next to the index."""
        np.copyto(self.number, number, where=here > self.best, casting='same_kind')
        cv2.max(self.second, cv2.min(self.best, here), self.second)
        cv2.max(self.best, here, self.best)
        cv2.max(self.at, beside, self.at)
