# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What of the all-in-focus image takes time beside fusing it, as a backend may do it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from focus_stacking_ros.core.focus.measure import luma, sharpness
from focus_stacking_ros.core.fuse.detail_energy import energy_in_bands
from focus_stacking_ros.core.fuse.faint import mixed, Plane
from focus_stacking_ros.core.fuse.greatest_blocks import (
    BlockPlane,
    greatest_blocks,
    GreatestBlocks,
)
from focus_stacking_ros.core.fuse.near_light import (
    Beside,
    Mask,
    Pixels,
    pixels_beside,
    Spread,
    spread_light,
)
from focus_stacking_ros.core.slices import FloatImage, Image, Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['FusionStages', 'PortableFusion']


class FusionStages(Protocol):
    """
    The stages around the fusion that take time.

    Results of two implementations may differ by their rounding: the all-in-focus image by a grey
    level on 99.9 % of the pixels.
    """

    def beside(self, index: FloatImage, known: Mask, step: float, widest: float) -> Beside:
        """
        Find the pixels beside nearer surfaces; see `core.fuse.near_light.pixels_beside`.

        :param index: (H, W) float32 slice index whose jumps lie where the near surfaces end
        :param known: (H, W) bool, where both sides of a jump are known
        :param step: least jump, slices
        :param widest: greatest growth of the radius of the circle of confusion, pixels a slice
        """

    def spread(self, image: Image, index: FloatImage, pixels: Pixels, rate: float,
               step: float) -> Spread:
        """
        Sum up the light spread over some pixels; see `core.fuse.near_light.spread_light`.

        :param image: (H, W) or (H, W, 3), uint8 or uint16, which shows the near surfaces in focus
        :param index: (H, W) float32 slice index
        :param pixels: flat indices, `core.fuse.near_light.REACH` pixels and more from the border
        :param rate: growth of the radius of the circle of confusion, pixels a slice
        :param step: least jump, slices
        """

    def sharpness(self, image: Image) -> Plane:
        """
        Return how sharp each pixel of a slice is; see `core.focus.measure.sharpness`.

        :param image: (H, W) or (H, W, 3), uint8 or uint16
        :returns: (H, W) uint8
        """

    def mixed(self, sharpness: Plane, coarse: Plane, share: Plane, valid: Plane | None) -> Plane:
        """
        Mix a slice's sharpness with a coarser one; see `core.fuse.faint.mixed`.

        :param sharpness: (H, W) uint8; it may be written to, and be the result
        :param coarse: (ceil(H / 4), ceil(W / 4)) uint8
        :param share: of the coarser one, as that, 255 is all
        :param valid: (H, W) uint8, 0 where the slice has no data, else 255; None where it has it
            everywhere
        """

    def greatest_blocks(self, planes: Sequence[BlockPlane], indices: Sequence[FloatImage],
                        reach: int, *, extended: bool, best: bool = False) -> GreatestBlocks:
        """
        Find the sharpest of blocks; see `core.fuse.greatest_blocks.greatest_blocks`.

        :param planes: of the slices, in the order of the index
        :param indices: (ceil(H / 4), ceil(W / 4)) float32 each, slices; one at least
        :param reach: slices from the index within which they are next to it
        :param extended: whether beyond its rim a slice is as sharp as there, else not at all
        :param best: whether the sharpest of all is wanted
        """

    def energy(self, image: Image | NDArray[np.int16], transform: Transform,
               tops: Sequence[int], across: int) -> FloatImage:
        """
        Tell how much detail bands of an image have; see `core.fuse.detail_energy`.

        :param image: (H, W) or (H, W, 3) uint8 or uint16, or luma as int16 in 1/16 grey level
        :param transform: pixel of the grid -> pixel of the image
        :param tops: first row of each band, pixels of the grid
        :param across: blocks of a row
        """


class PortableFusion(FusionStages):
    """The stages in NumPy and OpenCV; see `FusionStages` for the methods."""

    def beside(self, index: FloatImage, known: Mask, step: float, widest: float) -> Beside:
        """Find the pixels beside nearer surfaces."""
        return pixels_beside(index, known, step, widest)

    def spread(self, image: Image, index: FloatImage, pixels: Pixels, rate: float,
               step: float) -> Spread:
        """Sum up the light spread over some pixels."""
        return spread_light(image, index, pixels, rate, step)

    def sharpness(self, image: Image) -> Plane:
        """Return how sharp each pixel of a slice is."""
        return sharpness(luma(image))

    def mixed(self, sharpness: Plane, coarse: Plane, share: Plane, valid: Plane | None) -> Plane:
        """Mix a slice's sharpness with a coarser one."""
        return mixed(sharpness, coarse, share, valid)

    def greatest_blocks(self, planes: Sequence[BlockPlane], indices: Sequence[FloatImage],
                        reach: int, *, extended: bool, best: bool = False) -> GreatestBlocks:
        """Find the sharpest of blocks."""
        return greatest_blocks(planes, indices, reach, extended=extended, best=best)

    def energy(self, image: Image | NDArray[np.int16], transform: Transform,
               tops: Sequence[int], across: int) -> FloatImage:
        """Tell how much detail bands of an image have."""
        return energy_in_bands(image, transform, tops, across)
