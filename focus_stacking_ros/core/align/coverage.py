# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which pixels of a result every slice has seen."""

from __future__ import annotations

from collections.abc import Iterable

from focus_stacking_ros.core.align.warping import valid_mask
from focus_stacking_ros.core.slices import Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['coverage']


def coverage(transforms: Iterable[Transform | None], shape: tuple[int, int]
             ) -> NDArray[np.uint8]:
    """
    Return which pixels lie in the view of all slices: the rest has borders that some do not see.

    :param transforms: result pixel -> slice pixel of each slice; None of those that were refused
    :param shape: (height, width) of result and slices, pixels
    :returns: (H, W) uint8, 255 where all have seen it, else 0
    """
    seen = np.full(shape, 255, np.uint8)
    for transform in transforms:
        if transform is not None and (mask := valid_mask(shape, transform)) is not None:
            seen &= mask
    return seen
