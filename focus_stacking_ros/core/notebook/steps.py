# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the notebook's steps leave behind."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
from focus_stacking_ros.core.align.chain import Link
from focus_stacking_ros.core.align.warping import valid_mask, warp
from focus_stacking_ros.core.slices import FloatImage, Image, Slice
import numpy as np
from numpy.typing import NDArray

__all__ = ['MARGIN', 'SELECTING', 'WEIGHING', 'AlignedSlice', 'Steps']

#: Pixels along the border that the notebook cuts off after alignment.
MARGIN = 7
#: Radius and standard deviation in pixels of the LaplacianGaussianFilter that selects slices ...
SELECTING = (3, 1.0)
#: ... and of the one whose blurred response weighs them.
WEIGHING = (6, 1.0)


@dataclass(frozen=True)
class AlignedSlice:
    """
    A slice that is aligned when its pixels are asked for, so that they take no room meanwhile.

    :param source: the slice as it came
    :param link: reference pixel -> its pixel
    """

    source: Slice
    link: Link

    def image(self) -> Image:
        """Return the slice in the reference's grid, its border repeated beyond it."""
        return warp(self.source.image, self.link.transform, border=cv2.BORDER_REPLICATE)

    def valid(self) -> NDArray[np.uint8] | None:
        """Return where it has data, (H, W) uint8, 255 or 0; None where it has it everywhere."""
        shape = self.source.image.shape
        return valid_mask((shape[0], shape[1]), self.link.transform)


@dataclass(frozen=True)
class Steps:
    """
    The notebook's intermediate results, in the grid of the reference, near to far.

    Depth is a level: the slice counted from 1, near to far, 0 where there is none. Divided by
    the number of slices it is the notebook's depth map, 0 to 1.

    :param slices: the slices with their alignment
    :param greatest: (H, W) float32, greatest response over the slices
    :param in_focus: shape and dtype of a slice, the selected slices
    :param weighted: shape and dtype of a slice, the weighted average
    :param raw: (H, W) uint8 level of the greatest response, 0 in the margin
    :param confidence: (H, W) float32, sum of the responses, 0 to 1, 0 in the margin
    :param masked: (H, W) uint8 level where confident, else 0
    :param filled: (H, W) uint8 level after median and filling, 0 in what stays open
    """

    slices: tuple[AlignedSlice, ...]
    greatest: FloatImage
    in_focus: Image
    weighted: Image
    raw: NDArray[np.uint8]
    confidence: FloatImage
    masked: NDArray[np.uint8]
    filled: NDArray[np.uint8]
