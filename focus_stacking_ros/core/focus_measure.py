# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Focus measures: how sharp each pixel of one slice is."""

from __future__ import annotations

import math
from typing import Any

import cv2
from focus_stacking_ros.core.slices import Image
import numpy as np
from numpy.typing import NDArray

__all__ = ['GREY_STEPS', 'NOISE_MEDIAN', 'averaged', 'focus_response', 'half_size', 'halved',
           'log_norm', 'luma', 'modified_laplacian', 'noise_response', 'noise_sigma',
           'response_to_curvature', 'response_to_noise', 'ring_difference', 'scatter_of',
           'sharpness']

#: Steps of ``luma`` per 8-bit grey level: 12-bit luma, whatever the depth of the input.
GREY_STEPS = 16

#: Median of `noise_response` to white noise of standard deviation 1: median of |N(0, 1)| times the
#: norm of the kernel.
NOISE_MEDIAN = 0.6745 * 6
# Offsets (x, y) of the pairs on a ring of radius 2 (Ashfaq and Mahmood 2023).
_RING = ((2, 0), (0, 2), (2, 1), (1, 2), (2, -1), (1, -2))
_CROSSES = ((1, 0), (0, 1), (2, 0), (0, 2))
# Shares of blue, green and red in luma, in 1/256 (ITU-R BT.601).
_LUMA = np.array([[29, 150, 77]], np.float32)


def luma(image: Image) -> NDArray[np.int16]:
    """
    Return the luma of an image as (H, W) int16 in 1/16 of an 8-bit grey level.

    :param image: (H, W) or (H, W, 3) blue-green-red, uint8 or uint16
    """
    if image.dtype == np.uint16:
        grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        return np.right_shift(grey, 4).astype(np.int16)
    if image.ndim == 2:
        return np.left_shift(image, 4, dtype=np.int16)
    # Rounded to 8 bits, luma would lose what three noisy channels tell beyond that.
    return np.rint(cv2.transform(image.astype(np.float32), _LUMA * np.float32(GREY_STEPS / 256))
                   ).astype(np.int16)


def _absolute_second_difference(
    doubled: NDArray[np.int16], padded: NDArray[np.int16], dx: int, dy: int, margin: int,
) -> NDArray[np.int16]:
    height, width = doubled.shape
    one = padded[margin + dy:margin + dy + height, margin + dx:margin + dx + width]
    other = padded[margin - dy:margin - dy + height, margin - dx:margin - dx + width]
    return cv2.absdiff(doubled, cv2.add(one, other))


def _sum_of_second_differences(
    grey: NDArray[np.int16], offsets: tuple[tuple[int, int], ...],
) -> NDArray[np.int16]:
    margin = max(max(abs(x), abs(y)) for x, y in offsets)
    padded = cv2.copyMakeBorder(grey, margin, margin, margin, margin, cv2.BORDER_REFLECT_101)
    doubled = cv2.add(grey, grey)
    total = _absolute_second_difference(doubled, padded, *offsets[0], margin)
    for x, y in offsets[1:]:
        cv2.add(total, _absolute_second_difference(doubled, padded, x, y, margin), total)
    return total


def ring_difference(grey: NDArray[np.int16]) -> NDArray[np.int16]:
    """
    Sum of absolute second differences over six opposite pairs on a ring of radius 2.

    Ashfaq and Mahmood 2023 (dual-stage focus measure); sums beyond 32767 saturate.

    :param grey: (H, W) int16 luma in 1/16 grey level
    """
    return _sum_of_second_differences(grey, _RING)


def modified_laplacian(grey: NDArray[np.int16]) -> NDArray[np.int16]:
    """
    Return the modified Laplacian of steps 1 and 2, summed (Nayar and Nakagawa 1994).

    :param grey: (H, W) int16 luma in 1/16 grey level
    """
    return _sum_of_second_differences(grey, _CROSSES)


def _log_kernel(sigma: float) -> NDArray[np.float32]:
    """Laplacian-of-Gaussian kernel of zero sum, radius 3 sigma."""
    radius = int(np.ceil(3 * sigma))
    y, x = np.mgrid[-radius:radius + 1, -radius:radius + 1].astype(np.float64)
    square = (x * x + y * y) / (2 * sigma * sigma)
    kernel = (square - 1) / (np.pi * sigma ** 4) * np.exp(-square)
    return (kernel - kernel.mean()).astype(np.float32)


def log_norm(image: Image, sigma: float = 1.0) -> NDArray[np.int16]:
    """
    Euclidean norm over the colour channels of the Laplacian of Gaussian.

    :param image: (H, W) or (H, W, 3), uint8 or uint16
    :param sigma: standard deviation of the Gaussian, pixels
    :returns: (H, W) int16, 1/16 of an 8-bit grey level
    """
    scale = GREY_STEPS if image.dtype == np.uint8 else GREY_STEPS / 256.0
    response = cv2.filter2D(image, cv2.CV_32F, _log_kernel(sigma) * np.float32(scale))
    if response.ndim == 3:
        squares = cv2.transform(cv2.multiply(response, response), np.ones((1, 3), np.float32))
        response = cv2.sqrt(squares)
    return np.rint(np.minimum(np.abs(response), 32767)).astype(np.int16)


def scatter_of(window: float) -> float:
    """
    Return the standard deviation of the averaged response to noise, in units of its mean.

    Measured for ring differences of white noise; the values of neighbours are correlated.

    :param window: side of the averaging window, half-size pixels
    """
    return 0.37 / math.sqrt(window * window + 0.88)


def response_to_noise(operator: str, channels: int) -> float:
    """
    Return an operator's mean response to white noise of standard deviation 1.

    :param operator: ring_difference, modified_laplacian or log_norm
    :param channels: colour channels of the slices, 1 or 3
    """
    half_normal = math.sqrt(2 / math.pi)  # E|N(0, 1)|
    if operator == 'log_norm':
        # Mean of the Euclidean norm of three independent normal values: sqrt(8 / pi).
        norm = half_normal if channels == 1 else math.sqrt(8 / math.pi)
        return norm * float(np.linalg.norm(_log_kernel(1.0)))
    # Each second difference weighs its pixels 2, -1, -1.
    pairs = len(_RING if operator == 'ring_difference' else _CROSSES)
    return pairs * half_normal * math.sqrt(6)


def response_to_curvature(operator: str) -> float:
    """
    Return an operator's response where the brightness is x² / 2, as smooth edges are in parts.

    :param operator: ring_difference, modified_laplacian or log_norm
    """
    if operator == 'log_norm':
        return 1.0
    return float(sum(x * x for x, _ in (_RING if operator == 'ring_difference' else _CROSSES)))


def half_size(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return (height, width) of what `halved` makes of an image of ``shape``."""
    return (shape[0] + 1) // 2, (shape[1] + 1) // 2


def halved(plane: NDArray[Any]) -> NDArray[Any]:
    """
    Return the mean of 2x2 pixels; an odd last row or column counts as if it were mirrored.

    Pixel i of the result covers the pixels 2 i and 2 i + 1.

    :param plane: (H, W), any type that OpenCV can resize
    """
    height, width = half_size(plane.shape)
    odd = (2 * height - plane.shape[0], 2 * width - plane.shape[1])
    if any(odd):
        plane = cv2.copyMakeBorder(plane, 0, odd[0], 0, odd[1], cv2.BORDER_REFLECT_101)
    return cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA)


def focus_response(image: Image, grey: NDArray[np.int16], operator: str) -> NDArray[np.int16]:
    """
    Return the focus measure at half the size, in 1/16 of an 8-bit grey level.

    Windows of several pixels are to follow, for which half the resolution is enough.

    :param image: (H, W) or (H, W, 3), uint8 or uint16
    :param grey: its luma
    :param operator: ring_difference, modified_laplacian or log_norm
    :returns: int16 of `half_size`
    """
    if operator == 'ring_difference':
        response = ring_difference(grey)
    elif operator == 'modified_laplacian':
        response = modified_laplacian(grey)
    else:
        response = log_norm(image)
    return np.asarray(halved(response), np.int16)


def averaged(response: NDArray[np.int16], window: int
             ) -> tuple[NDArray[np.int16], NDArray[np.uint8] | None]:
    """
    Return the mean of a response over a square window of what has data.

    :param response: (h, w) int16, -1 where it has no data
    :param window: side of the window, half-size pixels
    :returns: (h, w) int16, -1 where the response has no data; and where it has, 255, elsewhere 0,
        None for everywhere
    """
    size = (window, window)
    if int(response.min()) >= 0:
        return cv2.boxFilter(response, -1, size, borderType=cv2.BORDER_REFLECT), None
    valid = cv2.compare(response, 0, cv2.CMP_GE)
    share = cv2.boxFilter(valid, cv2.CV_32F, size, borderType=cv2.BORDER_REFLECT)
    total = cv2.boxFilter(cv2.max(response, 0), cv2.CV_32F, size, borderType=cv2.BORDER_REFLECT)
    mean = np.rint(total * np.float32(255) / cv2.max(share, 1.0)).astype(np.int16)
    return cv2.copyTo(mean, valid, np.full_like(response, -1)), valid


def sharpness(grey: NDArray[np.int16]) -> NDArray[np.uint8]:
    """
    Smoothed absolute Laplacian, the fusion weight's base: (H, W) uint8, 1/2 grey level.

    :param grey: (H, W) int16 luma in 1/16 grey level
    """
    laplacian = cv2.convertScaleAbs(cv2.Laplacian(grey, cv2.CV_16S), alpha=2.0 / GREY_STEPS)
    return cv2.GaussianBlur(laplacian, (0, 0), 2.0)


def noise_response(grey: NDArray[np.int16]) -> NDArray[np.int16]:
    """
    Return the absolute response to [1, -2, 1] x [1, -2, 1], which is blind to most of an image.

    :param grey: (H, W) int16 luma in 1/16 grey level
    :returns: (H, W) int16, 1/16 grey level; white noise of standard deviation 1 has the median
        `NOISE_MEDIAN`
    """
    kernel = np.outer((1, -2, 1), (1, -2, 1)).astype(np.float32)
    return np.abs(cv2.filter2D(grey, cv2.CV_16S, kernel))


def noise_sigma(grey: NDArray[np.int16]) -> float:
    """
    Estimate the standard deviation of the noise in 8-bit grey levels.

    Median of `noise_response`, after Immerkaer 1996; texture raises it, so the least over the
    slices of a stack is the noise.

    :param grey: (H, W) int16 luma in 1/16 grey level
    """
    response = noise_response(grey)
    return float(np.median(response[1:-1:3, 1:-1:3])) / (NOISE_MEDIAN * GREY_STEPS)
