# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
How far a result is from the truth of a rendered focal stack.

The definitions are those that results on the evaluation stacks are published with: a border of 16
pixels does not count, errors of the depth are in slices, and pixels whose true value no slice
shows (the rims of occlusions) are left out where a mask says so.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ['area_under_sparsification_error', 'inner', 'largest_corner_error', 'psnr',
           'root_mean_square', 'true_slice_index']

BORDER = 16  # pixels


def inner(shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the (H, W) mask of the pixels that count: all but a border of 16 pixels."""
    mask = np.zeros(shape, bool)
    mask[BORDER:-BORDER, BORDER:-BORDER] = True
    return mask


def psnr(image: NDArray[np.generic], truth: NDArray[np.generic],
         mask: NDArray[np.bool_]) -> float:
    """
    Return the peak signal to noise ratio in dB for 8-bit grey levels.

    :param image: (H, W) or (H, W, 3), 8-bit grey levels
    :param truth: same shape
    :param mask: (H, W) pixels that count
    """
    difference = (image.astype(np.float64) - truth.astype(np.float64))[mask]
    return float(10 * np.log10(255.0 ** 2 / max(np.mean(difference ** 2), 1e-9)))


def root_mean_square(values: NDArray[np.floating]) -> float:
    """Return the root of the mean square."""
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


def true_slice_index(depth_m: NDArray[np.floating],
                     focus_distances_m: list[float]) -> NDArray[np.float32]:
    """
    Return the fractional slice index of a depth: linear in dioptres between slices.

    :param depth_m: (H, W) metres
    :param focus_distances_m: metres, near to far
    """
    # Rising dioptres for interp: count from the farthest slice.
    dioptres = 1 / np.asarray(focus_distances_m, np.float64)[::-1]
    last = len(dioptres) - 1
    return (last - np.interp(1 / depth_m, dioptres, np.arange(last + 1.0))).astype(np.float32)


def area_under_sparsification_error(error: NDArray[np.floating],
                                    confidence: NDArray[np.floating]) -> float:
    """
    Return how much worse than an oracle the confidence sorts out errors (AUSE); 0 is best.

    The mean error of what remains when the least confident 0, 5 ... 95 % are left out, less the
    same for leaving out the greatest errors; its area, in units of the mean error.

    :param error: (N,) absolute errors
    :param confidence: (N,) confidences
    """
    by_confidence = error[np.argsort(confidence, kind='stable')]
    by_error = np.sort(error)[::-1]
    shares = np.linspace(0, 0.95, 20)
    curve = np.array([by_confidence[int(len(error) * share):].mean()
                      - by_error[int(len(error) * share):].mean() for share in shares])
    area = ((curve[1:] + curve[:-1]) / 2 * np.diff(shares)).sum()
    return float(area / error.mean())


def largest_corner_error(found: list[NDArray[np.float64]], true: list[NDArray[np.float64]],
                         shape: tuple[int, int]) -> float:
    """
    Return the greatest distance in pixels between where transforms put the image's corners.

    :param found: (3, 3) per slice, reference pixel -> slice pixel
    :param true: the same, true
    :param shape: height and width of the image, pixels
    """
    height, width = shape[:2]
    corners = np.array([[0, 0, 1], [width - 1, 0, 1], [0, height - 1, 1],
                        [width - 1, height - 1, 1]], np.float64).T
    return max(float(np.hypot(*((one - other) @ corners)[:2]).max())
               for one, other in zip(found, true, strict=True))
