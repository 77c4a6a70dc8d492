# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How far a depth map and an image are from the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ['DepthScore', 'psnr', 'score_depth']

_BORDER = 16  # pixels that do not count: slices of another magnification do not show them


@dataclass(frozen=True)
class DepthScore:
    """
    How far a depth map is from the truth.

    :param known: share of the pixels that have a depth
    :param rmse_m: root mean square error of those, metres
    :param median_m: median absolute error of those, metres
    :param within_one_slice: share of those whose error is at most the distance of two slices
    """

    known: float
    rmse_m: float
    median_m: float
    within_one_slice: float

    def __str__(self) -> str:
        """Return a line for people."""
        return (f'against the truth: {self.known:.0%} of the pixels have a depth, its error is '
                f'{self.rmse_m * 1e3:.3f} mm (root mean square; median '
                f'{self.median_m * 1e3:.3f} mm), {self.within_one_slice:.1%} are within one slice')


def score_depth(depth_m: NDArray[Any], truth_m: NDArray[Any],
                focus_distances_m: Sequence[float]) -> DepthScore:
    """
    Compare a depth map with the truth; a border of 16 pixels does not count.

    :param depth_m: (H, W) metres, NaN where unknown
    :param truth_m: (H, W) metres, in the same pixel grid
    :param focus_distances_m: of the slices, metres, any order
    :raises ValueError: the sizes differ, or nothing is known
    """
    if depth_m.shape != truth_m.shape:
        raise ValueError(f'the depth has {depth_m.shape} pixels, the truth {truth_m.shape}')
    inner = np.s_[_BORDER:-_BORDER, _BORDER:-_BORDER]
    depth, truth = depth_m[inner].astype(np.float64), truth_m[inner].astype(np.float64)
    known = np.isfinite(depth)
    if not known.any():
        raise ValueError('the depth map knows no depth')
    error = np.abs(depth - truth)[known]
    # Slices are equal steps of dioptres, in which defocus is linear.
    dioptres = np.sort(1 / np.asarray(focus_distances_m, np.float64))
    rank = np.arange(len(dioptres), dtype=np.float64)
    slices = np.abs(np.interp(1 / depth[known], dioptres, rank)
                    - np.interp(1 / truth[known], dioptres, rank))
    return DepthScore(float(known.mean()), float(np.sqrt(np.mean(error ** 2))),
                      float(np.median(error)), float((slices <= 1).mean()))


def psnr(image: NDArray[Any], truth: NDArray[Any]) -> float:
    """
    Return the peak signal-to-noise ratio in decibels; a border of 16 pixels does not count.

    :param image: (H, W) or (H, W, 3), uint8 or uint16
    :param truth: of the same shape and type, in the same pixel grid
    :raises ValueError: it is not
    """
    if image.shape != truth.shape or image.dtype != truth.dtype:
        raise ValueError(f'the image is {image.dtype} {image.shape}, the truth {truth.dtype} '
                         f'{truth.shape}')
    inner = np.s_[_BORDER:-_BORDER, _BORDER:-_BORDER]
    error = image[inner].astype(np.float64) - truth[inner]
    return float(10 * np.log10(np.iinfo(truth.dtype).max ** 2 / max(np.mean(error ** 2), 1e-9)))
