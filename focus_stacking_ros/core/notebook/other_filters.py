# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The notebook's filters that are not linear, with the meaning they have in Wolfram language."""

from __future__ import annotations

import cv2
from focus_stacking_ros.core.slices import FloatImage
import numpy as np
from numpy.typing import NDArray

__all__ = ['ENTROPY_LEVELS', 'entropy_filter', 'filling_transform', 'median_filter', 'quantised']

#: Grey levels that the entropy is taken of; a window of noise has no value twice among more.
ENTROPY_LEVELS = 32


def quantised(grey: NDArray[np.int16], white: int) -> NDArray[np.uint8]:
    """
    ``ColorQuantize`` to ENTROPY_LEVELS even grey levels, which EntropyFilter needs.

    :param grey: (H, W) integers from 0 to ``white``
    :param white: the greatest value
    """
    levels = np.clip(grey, 0, white).astype(np.int32) * ENTROPY_LEVELS // (white + 1)
    return levels.astype(np.uint8)


def entropy_filter(levels: NDArray[np.uint8], radius: int) -> FloatImage:
    """
    ``EntropyFilter[image, r]``: natural-log entropy of the values within r pixels.

    At the border the neighbourhood is smaller, as Wolfram has it.

    :param levels: (H, W) uint8, few different values
    :param radius: pixels, 1 to 7: a window of (2 r + 1)^2
    """
    window = (2 * radius + 1, 2 * radius + 1)
    counts = np.arange(256, dtype=np.float32)
    terms = counts * np.log(np.maximum(counts, 1))  # c ln c
    total = np.zeros(levels.shape, np.float32)
    for value in np.unique(levels):
        count = cv2.boxFilter((levels == value).view(np.uint8), -1, window, normalize=False,
                              borderType=cv2.BORDER_CONSTANT)
        total += cv2.LUT(count, terms)
    size = cv2.boxFilter(np.ones(levels.shape, np.float32), -1, window, normalize=False,
                         borderType=cv2.BORDER_CONSTANT)
    # -sum p ln p with p = c / n
    return np.asarray(np.maximum(np.log(size) - total / size, 0))


def median_filter(image: NDArray[np.uint8], radius: int) -> NDArray[np.uint8]:
    """
    ``MedianFilter[image, r]``: the median of the values within r pixels; the border is repeated.

    :param image: (H, W) uint8
    :param radius: pixels: a window of (2 r + 1)^2
    """
    return np.asarray(cv2.medianBlur(image, 2 * radius + 1))


def filling_transform(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """
    ``FillingTransform[image, marker]`` with what is 0 as marker: close the gaps.

    An extended minimum is a connected set of pixels (corners connect) whose surrounding pixels
    are all greater; it is lifted to the lowest of these. One that touches the image's border
    stays, as beyond the border all is 0 (``Padding -> 0``).

    :param image: (H, W) uint8, 0 in the gaps
    """
    gaps = image == 0
    count, labels = cv2.connectedComponents(gaps.view(np.uint8), connectivity=8)
    nothing = 256  # greater than any value
    around = cv2.erode(np.where(gaps, nothing, image.astype(np.uint16)).astype(np.uint16),
                       np.ones((3, 3), np.uint8))
    lowest = np.full(count, nothing, np.uint16)
    rim = gaps & (around < nothing)
    np.minimum.at(lowest, labels[rim], around[rim])
    for line in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        lowest[line] = 0
    lowest[0] = 0  # the label of what is no gap
    return np.where(gaps, lowest[labels], image).astype(np.uint8)
