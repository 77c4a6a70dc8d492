# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What comparisons at full resolution need of a slice."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
from focus_stacking_ros.core.align.pyramid import AlignmentFrame, Level, level_of, linear_light
from focus_stacking_ros.core.slices import FloatImage
import numpy as np
from numpy.typing import NDArray

__all__ = ['Detail']

_FULL_PIXELS = 1_500_000  # larger images are compared at half resolution


@dataclass(frozen=True)
class Detail:
    """
    What comparisons need of a slice.

    :param coarse: the finest level of its pyramid
    :param level: its finest level, full resolution where the slice is not too large
    :param shape: height and width of the slice, pixels
    """

    coarse: Level
    level: Level
    shape: tuple[int, int]

    @classmethod
    def of(cls, frame: AlignmentFrame, grey: NDArray[np.int16]) -> Detail:
        """
        Return a slice's detail.

        :param frame: its pyramid, of which the finest level is kept
        :param grey: (H, W) int16 luma in 1/16 grey level
        """
        level = frame.levels[0]
        if level.factor > 1 and grey.size <= _FULL_PIXELS:
            level = level_of(linear_light(grey), 1)
        return cls(frame.levels[0], level, frame.shape)

    @cached_property
    def laplacian(self) -> FloatImage:
        """Return the Laplacian of the level's grey values."""
        return np.asarray(cv2.Laplacian(self.level.grey, cv2.CV_32F), np.float32)
