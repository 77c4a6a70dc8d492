# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How sharp slices are over blocks of pixels, which noise disturbs less than single pixels."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
from focus_stacking_ros.core.fuse.fusion_slice import FusionSlice
from focus_stacking_ros.core.fuse.greatest_blocks import (
    BlockPlane,
    greatest_blocks,
    GreatestOf,
    SharpestBlocks,
)
from focus_stacking_ros.core.slices import FloatImage
import numpy as np

__all__ = ['TOLD', 'in_blocks', 'sharpest_blocks']

#: Two standard errors of the difference of two smoothed means of blocks, as a share of the noise's
#: sharpness.
TOLD = 0.25


def in_blocks(plane: FloatImage, size: tuple[int, int]) -> FloatImage:
    """
    Return means of blocks.

    :param plane: (ceil(H / 2), ceil(W / 2)) float32
    :param size: blocks across and down, ceil(W / 4) and ceil(H / 4)
    """
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)


def sharpest_blocks(slices: Sequence[FusionSlice], indices: Sequence[FloatImage], reach: int,
                    greatest: GreatestOf = greatest_blocks) -> list[SharpestBlocks]:
    """
    Return how sharp slices next to each of some indices are, and all others: sums of blocks.

    :param slices: in the order of the index
    :param indices: (ceil(H / 4), ceil(W / 4)) float32 each, slices
    :param reach: slices from the index within which they are next to it: 1 in a coarse sweep
    :param greatest: `greatest_blocks`, or what does the same
    """
    return greatest([BlockPlane(item.sharpness, item.transform) for item in slices], indices,
                    reach, extended=True).beside
