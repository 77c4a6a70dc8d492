# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
The notebook's linear filters, with the kernels of the Wolfram language.

Wolfram's GaussianMatrix is the discrete Gaussian exp(-s^2) I_n(s^2) (Lindeberg 1990,
doi:10.1109/34.49051; I_n is the modified Bessel function), cut off at a radius; its derivatives
are finite differences. With the default ``Standardized -> True`` what the cut took away is made up
for.
"""

from __future__ import annotations

from functools import lru_cache
import math

import cv2
from focus_stacking_ros.core.slices import FloatImage, Image
import numpy as np
from numpy.typing import NDArray

__all__ = ['filtered_response', 'gaussian_filter', 'gaussian_matrix', 'laplacian_gaussian_filter']

Kernel = NDArray[np.float64]  # (2 r + 1,), centre in the middle


def _bessel_i(order: int, x: float) -> float:
    """Return the modified Bessel function of the first kind by its power series; x to 30."""
    term = (x / 2) ** order / math.factorial(order)
    total, k = term, 0
    while term > 1e-17 * total:
        k += 1
        term *= (x / 2) ** 2 / (k * (k + order))
        total += term
    return total


@lru_cache(maxsize=16)
def gaussian_matrix(radius: int, sigma: float, derivative: int = 0) -> Kernel:
    """
    ``GaussianMatrix[{r, sigma}]`` or its second derivative along one axis, as a 1-D kernel.

    The Gaussian sums to 1. Its second derivative sums to 0 and has the second moment 2, as the
    derivative of x^2 is 2.

    :param radius: pixels
    :param sigma: standard deviation, pixels; above 0
    :param derivative: 0 or 2
    """
    around = [math.exp(-sigma ** 2) * _bessel_i(n, sigma ** 2) for n in range(radius + 2)]
    wide = np.array(around[:0:-1] + around)
    if derivative == 0:
        return np.asarray(wide[1:-1] / wide[1:-1].sum())
    kernel = wide[:-2] - 2 * wide[1:-1] + wide[2:]
    kernel -= kernel.mean()
    places = np.arange(-radius, radius + 1)
    return np.asarray(kernel * (2 / (kernel * places ** 2).sum()))


def gaussian_filter(image: FloatImage, radius: int) -> FloatImage:
    """
    ``GaussianFilter[image, r]``: standard deviation r / 2; the border is repeated.

    :param image: (H, W) float32
    :param radius: pixels
    """
    kernel = gaussian_matrix(radius, radius / 2)
    return np.asarray(cv2.sepFilter2D(image, cv2.CV_32F, kernel, kernel,
                                      borderType=cv2.BORDER_REPLICATE))


def laplacian_gaussian_filter(image: Image, radius: int, sigma: float) -> FloatImage:
    """
    ``LaplacianGaussianFilter[image, {r, sigma}]`` per channel; the border is repeated.

    :param image: (H, W) or (H, W, C), uint8 or uint16
    :param radius: of the kernel, pixels
    :param sigma: standard deviation of the Gaussian, pixels
    :returns: shape of the image, float32; white is 1 as in Wolfram images
    """
    smooth = gaussian_matrix(radius, sigma)
    curved = gaussian_matrix(radius, sigma, 2) / np.iinfo(image.dtype).max
    along_x = cv2.sepFilter2D(image, cv2.CV_32F, curved, smooth,
                              borderType=cv2.BORDER_REPLICATE)
    along_y = cv2.sepFilter2D(image, cv2.CV_32F, smooth, curved,
                              borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.add(along_x, along_y, dst=along_x))


def filtered_response(image: Image, radius: int, sigma: float) -> FloatImage:
    """
    ``Norm`` over the channels of the LaplacianGaussianFilter: high where the image is sharp.

    :param image: (H, W) or (H, W, 3), uint8 or uint16
    :param radius: of the kernel, pixels
    :param sigma: standard deviation of the Gaussian, pixels
    :returns: (H, W) float32, white is 1
    """
    response = laplacian_gaussian_filter(image, radius, sigma)
    if response.ndim == 2:
        return np.abs(response)
    cv2.multiply(response, response, dst=response)
    return np.asarray(cv2.sqrt(cv2.transform(response, np.ones((1, 3), np.float32))))
