# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What comparisons at full resolution need of a slice."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
import itertools

import cv2
from focus_stacking_ros.core.align.pyramid import AlignmentFrame, Level, level_of, linear_light
from focus_stacking_ros.core.slices import FloatImage
import numpy as np
from numpy.typing import NDArray

__all__ = ['LEVELS', 'Detail', 'in_full']

_FULL_PIXELS = 1_500_000  # larger images are compared at half resolution
#: Levels of a slice's pyramid that comparisons may need, the finest first.
LEVELS = 3


def in_full(shape: tuple[int, int]) -> bool:
    """Return whether slices of so many rows and columns are compared at full resolution."""
    return shape[0] * shape[1] <= _FULL_PIXELS


@dataclass(frozen=True)
class Detail:
    """
    What comparisons need of a slice.

    :param coarse: the finest level of its pyramid
    :param level: its finest level, full resolution where the slice is not too large
    :param shape: height and width of the slice, pixels
    :param coarser: the same from the next level of its pyramid on, for slices that are blurred
    """

    coarse: Level
    level: Level
    shape: tuple[int, int]
    coarser: Detail | None = None

    @classmethod
    def of(cls, frame: AlignmentFrame, grey: NDArray[np.int16]) -> Detail:
        """
        Return a slice's detail.

        :param frame: its pyramid, of which the finest `LEVELS` are kept
        :param grey: (H, W) int16 luma in 1/16 grey level
        """
        levels, coarser = frame.levels[:LEVELS], None
        for finer, coarse in reversed(list(itertools.pairwise(levels))):
            coarser = cls(coarse, finer, frame.shape, coarser)
        level = levels[0]
        if level.factor > 1 and in_full(frame.shape):
            level = level_of(linear_light(grey), 1)
        elif coarser is not None:
            coarser = coarser.coarser  # the next one is of the same level
        return cls(levels[0], level, frame.shape, coarser)

    @cached_property
    def laplacian(self) -> FloatImage:
        """Return the Laplacian of the level's grey values."""
        return np.asarray(cv2.Laplacian(self.level.grey, cv2.CV_32F), np.float32)
