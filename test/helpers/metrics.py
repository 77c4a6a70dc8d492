# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
How far a result is from the truth of a rendered focal stack.

The definitions are those that results on the evaluation stacks are published with: a border of 16
pixels does not count, errors of the depth are in slices, and pixels whose true value no slice
shows (the rims of occlusions) are left out where a mask says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ['affine_fit', 'area_under_sparsification_error', 'grey_levels', 'inner',
           'largest_corner_error', 'overconfidence', 'psnr', 'registered', 'reliability',
           'root_mean_square', 'sparsification_curves', 'structural_similarity',
           'true_slice_index']

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


def grey_levels(image: NDArray[Any]) -> NDArray[Any]:
    """Return an image in 8-bit grey levels: uint8 as it is, uint16 as float64 fractions."""
    return image if image.dtype == np.uint8 else image.astype(np.float64) / 257


def structural_similarity(image: NDArray[Any], truth: NDArray[Any],
                          mask: NDArray[np.bool_]) -> float:
    """
    Return the mean structural similarity (SSIM) of the luma; 1 is best.

    Gaussian windows of 1.5 pixels. Source: Z. Wang et al., "Image quality assessment: from error
    visibility to structural similarity", 2004.

    :param image: (H, W, 3) blue-green-red, uint8 or uint16
    :param truth: the same
    :param mask: (H, W) pixels that count
    """
    one, other = (grey_levels(cv2.cvtColor(each, cv2.COLOR_BGR2GRAY)).astype(np.float64)
                  for each in (image, truth))

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return cv2.GaussianBlur(values, (11, 11), 1.5)

    mean_one, mean_other = mean(one), mean(other)
    variances = mean(one * one) - mean_one ** 2 + mean(other * other) - mean_other ** 2
    covariance = mean(one * other) - mean_one * mean_other
    dark, flat = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similarity = ((2 * mean_one * mean_other + dark) * (2 * covariance + flat)
                  / ((mean_one ** 2 + mean_other ** 2 + dark) * (variances + flat)))
    return float(similarity[mask].mean())


def registered(image: NDArray[Any], truth: NDArray[Any],
               guess: NDArray[np.float64] | None = None) -> NDArray[Any] | None:
    """
    Return an image as the affine transform shows it that brings it nearest to the truth.

    For programs that deliver another crop or grid than was asked for. None where no transform is
    found. Source: G. Evangelidis and E. Psarakis, "Parametric image alignment using enhanced
    correlation coefficient maximization", 2008.

    :param image: (h, w, 3) blue-green-red, uint8 or uint16
    :param truth: (H, W, 3)
    :param guess: (3, 3) truth pixel -> image pixel, tried beside no change at all and a crop
        about the middle
    """
    moving, fixed = (grey_levels(cv2.cvtColor(each, cv2.COLOR_BGR2GRAY)).astype(np.float32)
                     for each in (image, truth))
    middle = ((moving.shape[1] - fixed.shape[1]) / 2, (moving.shape[0] - fixed.shape[0]) / 2)
    starts = [np.array([[1, 0, x], [0, 1, y]], np.float32)
              for x, y in dict.fromkeys([(0.0, 0.0), middle])]
    if guess is not None and not np.allclose(guess, np.eye(3)):
        starts.append(guess[:2].astype(np.float32))
    best = None
    for start in starts:
        try:
            found = cv2.findTransformECC(fixed, moving, start, cv2.MOTION_AFFINE,
                                         (3, 200, 1e-7), None, 5)
        except cv2.error:
            continue
        if best is None or found[0] > best[0]:
            best = found
    if best is None:
        return None
    return cv2.warpAffine(image, best[1], truth.shape[1::-1],
                          flags=cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP,
                          borderMode=cv2.BORDER_REFLECT)


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
    shares, left, best = sparsification_curves(error, confidence)
    curve = left - best
    area = ((curve[1:] + curve[:-1]) / 2 * np.diff(shares)).sum()
    return float(area / error.mean()) if area else 0.0


def sparsification_curves(error: NDArray[np.floating], confidence: NDArray[np.floating]) -> tuple[
        NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """
    Return shares left out, the mean error of what remains by confidence, and by an oracle.

    :param error: (N,) absolute errors
    :param confidence: (N,) confidences
    """
    by_confidence = error[np.argsort(confidence, kind='stable')]
    by_error = np.sort(error)[::-1]
    shares = np.linspace(0, 0.95, 20)
    return (shares, *(np.array([order[int(len(error) * share):].mean() for share in shares])
                      for order in (by_confidence, by_error)))


def reliability(error: NDArray[np.floating], confidence: NDArray[np.floating],
                bins: int = 10) -> tuple[NDArray[np.float64], NDArray[np.float64],
                                         NDArray[np.float64]]:
    """
    Return the reliability diagram of a confidence, (bins,) each.

    Mean confidence of the pixels in each bin of confidence, the share of them within one slice,
    and their share of all pixels; NaN, NaN and 0 for an empty bin.

    :param error: (N,) absolute errors, slices
    :param confidence: (N,) 0 to 1
    """
    number = np.clip((confidence * bins).astype(int), 0, bins - 1)
    count = np.bincount(number, minlength=bins).astype(np.float64)
    there = np.where(count > 0, count, np.nan)
    promised = np.bincount(number, confidence.astype(np.float64), bins) / there
    kept = np.bincount(number, (error <= 1).astype(np.float64), bins) / there
    return promised, kept, count / max(len(error), 1)


def overconfidence(error: NDArray[np.floating], confidence: NDArray[np.floating],
                   bins: int = 20) -> float:
    """
    Return by how much a confidence promises too much, averaged over pixels; 0 is best.

    A confidence of c promises that at least the share c of the pixels lies within one slice; what
    a bin keeps beyond its promise does not make up for what another one lacks.

    :param error: (N,) absolute errors, slices
    :param confidence: (N,) 0 to 1
    """
    promised, kept, share = reliability(error, confidence, bins)
    return float(np.nansum(share * np.maximum(promised - kept, 0)))


def affine_fit(values: NDArray[np.floating], truth: NDArray[np.floating]) -> NDArray[np.float64]:
    """
    Return values scaled and shifted to truth that is known up to scale and offset.

    Least squares, four times over without what lies farther off than three scaled medians.

    :param values: (N,)
    :param truth: (N,)
    """
    x, y = values.astype(np.float64), truth.astype(np.float64)
    kept = np.ones(x.shape, bool)
    fitted = x
    for _ in range(5):
        fitted = np.polyval(np.polyfit(x[kept], y[kept], 1), x)
        off = np.abs(fitted - y)
        kept = off <= max(3 * 1.4826 * float(np.median(off)), 1e-6)
    return fitted


def largest_corner_error(found: Sequence[NDArray[np.float64]],
                         true: Sequence[NDArray[np.float64]],
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
