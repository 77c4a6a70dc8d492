# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the pixels of a comparison of two slices add up to."""

from __future__ import annotations

from dataclasses import dataclass

from focus_stacking_ros.core.slices import Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['ACROSS', 'BLURRED', 'DOWN', 'RICHEST', 'StepSums', 'Sums']

#: The model that has all freedom.
RICHEST = 'projective'
#: Sharpness below which what is left of defocus is taken for motion.
BLURRED = 0.1
#: Parts of the picture that defocus displaces each on its own.
ACROSS, DOWN = 8, 6


@dataclass(frozen=True)
class StepSums:
    """
    The sums of one Gauss-Newton step for m unknowns: those of a model, gain, bias and tone.

    :param normal: (m, m) weighted products of the derivatives, the prior of the tone with them
    :param right: (m,) weighted products of derivatives and error, less the prior's share
    :param scatter: (m, m) products of the scores, which are weighted derivatives times the error
    :param pulls: (2, parts, m) weighted derivatives times the slope along x and along y
    """

    normal: NDArray[np.float64]
    right: NDArray[np.float64]
    scatter: NDArray[np.float64]
    pulls: NDArray[np.float64]


@dataclass(frozen=True)
class Sums:
    """
    A comparison of two slices; parts are row by row, `ACROSS` in each.

    :param shape: height and width of the slices, pixels
    :param factor: full-size pixels per pixel of the level that is compared
    :param sharp_factor: full-size pixels per pixel of the level whose sharpness counts
    :param transform: template pixel -> image pixel, full size, after the last step
    :param before: the same before the last step
    :param last: the sums of the last step
    :param weight: (parts,) sum of weights of pixels that go as their sharpness squared
    :param sharpness: (parts,) sum of weight times sharpness, times the share of the part's detail
        that both slices have: the correlation of their Laplacians, before the last step
    :param free: sums of the model `RICHEST` from the differences before the last step; None where
        it is not judged
    :param local: (parts, 13) how each part fits, before the last step: how many pixels; how many
        of them count; sums of their sharpness, x and y in the level; of w a², w a b, w b², w a e,
        w b e, (w a e)², (w a e)(w b e) and (w b e)², with a and b the slopes along x and y, e the
        error and w the weight over |e| + 2; None where it is not judged
    """

    shape: tuple[int, int]
    factor: int
    sharp_factor: int
    transform: Transform
    before: Transform
    last: StepSums
    weight: NDArray[np.float64]
    sharpness: NDArray[np.float64]
    free: StepSums | None = None
    local: NDArray[np.float64] | None = None
