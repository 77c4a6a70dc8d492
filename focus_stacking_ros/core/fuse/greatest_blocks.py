# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Greatest sharpness of all slices, smoothed over blocks of pixels, in the result's grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
from focus_stacking_ros.core.align.warping import reduced, warp
from focus_stacking_ros.core.fuse.faint import BLOCK, Plane
from focus_stacking_ros.core.slices import FloatImage, Transform
from focus_stacking_ros.core.threads import lasting_threads, parts_of
import numpy as np
from numpy.typing import NDArray

__all__ = ['APART', 'SMOOTHED', 'Best', 'BlockPlane', 'GreatestBlocks', 'GreatestOf', 'Numbers',
           'SharpestBlocks', 'block_sums', 'greatest_blocks', 'next_to']

Numbers = NDArray[np.uint16]
#: Size of the window over which blocks are smoothed.
SMOOTHED = (3, 3)
APART = 1e-4  # slices: one that is so near `reach` is not next to an index


@dataclass(frozen=True)
class BlockPlane:
    """
    What is known of a slice's sharpness.

    :param plane: (H, W) uint8, of its pixels, which are summed up; or, with a factor,
        (ceil(H / 4), ceil(W / 4)) uint8 of its blocks
    :param transform: result pixel -> slice pixel, full size
    :param factor: on the values of its blocks; None where the plane is of its pixels
    :param valid: (H, W) uint8, 0 where the slice has no data; None where it has it everywhere
    """

    plane: Plane
    transform: Transform
    factor: float | None = None
    valid: Plane | None = None

    def valid_blocks(self, size: tuple[int, int]) -> Plane | None:
        """
        Return which blocks have data, uint8 as ``valid``; None where all have.

        :param size: blocks across and down
        """
        return None if self.valid is None else np.asarray(
            cv2.resize(self.valid, size, interpolation=cv2.INTER_NEAREST), np.uint8)

    def smoothed(self, size: tuple[int, int]) -> Numbers:
        """
        Return its blocks, smoothed, in its own grid, uint16.

        :param size: blocks across and down
        """
        here = block_sums(self.plane) if self.factor is None else cv2.multiply(
            self.plane, self.factor, dtype=cv2.CV_16U)
        valid = self.valid_blocks(size)
        if valid is not None:
            here = cv2.bitwise_and(here, here, mask=valid)
        return np.asarray(cv2.GaussianBlur(here, SMOOTHED, 0), np.uint16)


@dataclass(frozen=True)
class SharpestBlocks:
    """
    Greatest smoothed sharpness of blocks; (ceil(H / 4), ceil(W / 4)) uint16.

    :param near: of the slices next to an index
    :param far: of all others
    """

    near: Numbers
    far: Numbers

    def lead(self) -> FloatImage:
        """Return by how much the slices next to the index are the sharper, means of a block."""
        return np.asarray((self.near.astype(np.float32) - self.far)
                          * np.float32(1 / BLOCK ** 2), np.float32)

    def where(self, mask: NDArray[np.bool_], other: SharpestBlocks) -> SharpestBlocks:
        """Return this, and where a mask is set the other one."""
        return SharpestBlocks(np.where(mask, other.near, self.near),
                              np.where(mask, other.far, self.far))

    def add(self, here: Numbers, beside: Plane) -> None:
        """Add a slice; ``beside`` is 255 where it is next to the index, else 0."""
        cv2.max(self.near, cv2.bitwise_and(here, here, mask=beside), self.near)
        cv2.max(self.far, cv2.bitwise_and(here, here, mask=cv2.bitwise_not(beside)), self.far)


@dataclass(frozen=True)
class Best:
    """
    The sharpest of all slices; (ceil(H / 4), ceil(W / 4)) uint16.

    :param best: its smoothed sharpness
    :param second: of the one after it
    :param number: of the slice, the first of equals
    """

    best: Numbers
    second: Numbers
    number: Numbers

    def add(self, here: Numbers, number: int | Numbers) -> None:
        """Add a slice, or the sharpest of later ones."""
        np.copyto(self.number, number, where=here > self.best, casting='same_kind')
        cv2.max(self.second, cv2.min(self.best, here), self.second)
        cv2.max(self.best, here, self.best)


@dataclass(frozen=True)
class GreatestBlocks:
    """
    What is found of some slices.

    :param beside: for each index the sharpest next to it and of all others
    :param best: of all of them; None where that is not wanted
    """

    beside: list[SharpestBlocks]
    best: Best | None


class GreatestOf(Protocol):
    """`greatest_blocks`, or what does the same but for rounding."""

    def __call__(self, planes: Sequence[BlockPlane], indices: Sequence[FloatImage], reach: int, *,
                 extended: bool, best: bool = False) -> GreatestBlocks:
        """Return the greatest of slices."""


def block_sums(plane: Plane) -> Numbers:
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


def next_to(index: FloatImage, number: int, reach: int) -> Plane:
    """
    Return where a slice lies next to an index: uint8, 255, else 0.

    :param index: float32, slices
    :param number: of the slice
    :param reach: slices from the index within which it does: 1 in a coarse sweep
    """
    return np.asarray(cv2.inRange(index, number - reach + APART, number + reach - APART),
                      np.uint8)


def greatest_blocks(planes: Sequence[BlockPlane], indices: Sequence[FloatImage], reach: int, *,
                    extended: bool, best: bool = False) -> GreatestBlocks:
    """
    Return how sharp slices next to each of some indices are, all others, and the sharpest.

    :param planes: of the slices, in the order of the index; with factors all or none
    :param indices: (ceil(H / 4), ceil(W / 4)) float32 each, slices; one at least
    :param reach: slices from the index within which they are next to it: 1 in a coarse sweep
    :param extended: whether beyond its rim a slice is as sharp as there, else not at all
    :param best: whether the sharpest of all is wanted
    """
    shape = indices[0].shape
    size = (shape[1], shape[0])

    def none() -> Numbers:
        return np.zeros(shape, np.uint16)

    def most_of(numbers: range) -> GreatestBlocks:
        found = GreatestBlocks([SharpestBlocks(none(), none()) for _ in indices],
                               Best(none(), none(), none()) if best else None)
        for number in numbers:
            here = warp(planes[number].smoothed(size), reduced(planes[number].transform, BLOCK),
                        border=cv2.BORDER_REPLICATE if extended else cv2.BORDER_CONSTANT)
            for index, most in zip(indices, found.beside, strict=True):
                most.add(here, next_to(index, number, reach))
            if found.best is not None:
                found.best.add(here, number)
        return found

    with lasting_threads('fusion') as pool:
        first, *others = pool.results(most_of, parts_of(len(planes)))
    for other in others:
        for most, more in zip(first.beside, other.beside, strict=True):
            cv2.max(most.near, more.near, most.near)
            cv2.max(most.far, more.far, most.far)
        if first.best is not None and other.best is not None:
            first.best.add(other.best.best, other.best.number)
            cv2.max(first.best.second, other.best.second, first.best.second)
    return first
