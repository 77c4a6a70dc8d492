# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Noise of a camera: smoothed a little, as by the interpolation of colours."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ['camera_noise']


def camera_noise(sigma: float, shape: tuple[int, int], seed: int = 0) -> NDArray[np.float32]:
    """
    Return noise that is smoothed by half a pixel.

    :param sigma: standard deviation of its response to [1, -2, 1] x [1, -2, 1] over that of white
        noise of 1, which is what the noise of slices is measured by
    :param shape: height and width
    :param seed: of the random numbers
    """
    noise = np.random.default_rng(seed).normal(0, 1, shape)
    smooth = cv2.GaussianBlur(noise, (0, 0), 0.5, borderType=cv2.BORDER_REFLECT_101)
    kernel = np.outer([1, -2, 1], [1, -2, 1]).astype(float)
    return np.asarray(sigma * smooth / (cv2.filter2D(smooth, -1, kernel).std() / 6), np.float32)
