# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How sharp slices are over blocks of pixels, which noise disturbs less than single pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
from focus_stacking_ros.core.align.warping import reduced, warp
from focus_stacking_ros.core.fuse.faint import BLOCK, Plane
from focus_stacking_ros.core.fuse.fusion_slice import FusionSlice
from focus_stacking_ros.core.slices import FloatImage
from focus_stacking_ros.core.threads import lasting_threads, parts_of
import numpy as np
from numpy.typing import NDArray

__all__ = ['SMOOTHED', 'TOLD', 'BlockSums', 'SharpestBlocks', 'block_sums', 'in_blocks',
           'next_to', 'sharpest_blocks']

BlockSums = Callable[[Plane], NDArray[np.uint16]]
#: Two standard errors of the difference of two smoothed means of blocks, as a share of the noise's
#: sharpness.
TOLD = 0.25
#: Size of the window over which blocks are smoothed.
SMOOTHED = (3, 3)
_EQUAL = 1e-4  # slices


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


def in_blocks(plane: FloatImage, size: tuple[int, int]) -> FloatImage:
    """
    Return means of blocks.

    :param plane: (ceil(H / 2), ceil(W / 2)) float32
    :param size: blocks across and down, ceil(W / 4) and ceil(H / 4)
    """
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)


def next_to(index: FloatImage, number: int, reach: int) -> Plane:
    """
    Return where a slice lies next to an index: uint8, 255, else 0.

    :param index: float32, slices
    :param number: of the slice
    :param reach: slices from the index within which it does: 1 in a coarse sweep
    """
    return np.asarray(cv2.inRange(index, number - reach + _EQUAL, number + reach - _EQUAL),
                      np.uint8)


@dataclass(frozen=True)
class SharpestBlocks:
    """
    Greatest smoothed sharpness of blocks; (ceil(H / 4), ceil(W / 4)) uint16, sums of a block.

    :param near: of the slices next to an index
    :param far: of all others
    """

    near: NDArray[np.uint16]
    far: NDArray[np.uint16]

    def lead(self) -> FloatImage:
        """Return by how much the slices next to the index are the sharper, means of a block."""
        return np.asarray((self.near.astype(np.float32) - self.far)
                          * np.float32(1 / BLOCK ** 2), np.float32)

    def where(self, mask: NDArray[np.bool_], other: SharpestBlocks) -> SharpestBlocks:
        """Return this, and where a mask is set the other one."""
        return SharpestBlocks(np.where(mask, other.near, self.near),
                              np.where(mask, other.far, self.far))


def sharpest_blocks(slices: Sequence[FusionSlice], indices: Sequence[FloatImage], reach: int,
                    sums: BlockSums = block_sums) -> list[SharpestBlocks]:
    """
    Return how sharp slices next to each of some indices are, and all others.

    :param slices: in the order of the index
    :param indices: (ceil(H / 4), ceil(W / 4)) float32 each, slices
    :param reach: slices from the index within which they are next to it: 1 in a coarse sweep
    :param sums: `block_sums`, or what does the same
    """
    def most_of(numbers: range) -> list[SharpestBlocks]:
        found = [SharpestBlocks(np.zeros(index.shape, np.uint16), np.zeros(index.shape, np.uint16))
                 for index in indices]
        for number in numbers:
            item = slices[number]
            here = cv2.GaussianBlur(sums(item.sharpness), SMOOTHED, 0)
            here = warp(np.asarray(here, np.uint16), reduced(item.transform, BLOCK),
                        border=cv2.BORDER_REPLICATE)
            for index, most in zip(indices, found, strict=True):
                beside = next_to(index, number, reach)
                cv2.max(most.near, cv2.bitwise_and(here, here, mask=beside), most.near)
                cv2.max(most.far, cv2.bitwise_and(here, here, mask=cv2.bitwise_not(beside)),
                        most.far)
        return found

    with lasting_threads('fusion') as pool:
        first, *others = pool.results(most_of, parts_of(len(slices)))
    for other in others:
        for most, more in zip(first, other, strict=True):
            cv2.max(most.near, more.near, most.near)
            cv2.max(most.far, more.far, most.far)
    return first
