# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where a lens focuses off its axis: field curvature, and the tilt of its sensor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ['FIELD_TERMS', 'field_dioptres', 'field_terms', 'with_field']

#: Terms of the polynomial, of the place in half widths of the image from its centre.
FIELD_TERMS = ('x', 'y', 'x²', 'xy', 'y²')


def field_terms(shape: tuple[int, int]) -> NDArray[np.float64]:
    """
    Return the terms at every pixel, (5, H, W).

    :param shape: (height, width) of the image, pixels
    """
    height, width = shape
    half = max(width - 1, 1) / 2
    y, x = np.mgrid[:height, :width].astype(np.float64)
    x, y = (x - (width - 1) / 2) / half, (y - (height - 1) / 2) / half
    return np.stack([x, y, x * x, x * y, y * y])


def field_dioptres(coefficients: Sequence[float], shape: tuple[int, int]) -> NDArray[np.float64]:
    """
    Return by how much nearer than on the axis the lens focuses at every pixel, dioptres.

    :param coefficients: of `FIELD_TERMS`, dioptres at half the width
    :param shape: (height, width) of the image, pixels
    :returns: (H, W) float64
    """
    return np.asarray(np.tensordot(np.asarray(coefficients, np.float64), field_terms(shape), 1))


def with_field(depth_m: NDArray[np.float32], coefficients: Sequence[float]
               ) -> NDArray[np.float32]:
    """
    Return a depth that was found as if the lens focused everywhere as on its axis, made right.

    :param depth_m: (H, W) metres, NaN where unknown
    :param coefficients: of `FIELD_TERMS`, dioptres at half the width; all 0 change nothing
    :returns: (H, W) float32 metres, NaN too where nothing positive is left
    """
    if not any(coefficients):
        return depth_m
    with np.errstate(divide='ignore', invalid='ignore'):
        dioptres = 1 / depth_m.astype(np.float64) + field_dioptres(
            coefficients, (depth_m.shape[0], depth_m.shape[1]))
        return np.where(dioptres > 0, 1 / dioptres, np.nan).astype(np.float32)
