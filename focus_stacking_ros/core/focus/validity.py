# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Slices without data in some of their pixels, such as the transparent rims of aligned ones."""

from __future__ import annotations

import cv2
from focus_stacking_ros.core.focus.measure import half_size
from focus_stacking_ros.core.slices import Image
import numpy as np
from numpy.typing import NDArray

__all__ = ['MARGIN', 'eroded', 'filled', 'halved_mask']

#: Pixels that the focus measures, the sharpness and the filters of the alignment look around.
MARGIN = 4

Mask = NDArray[np.uint8]  # (H, W), 255 where there is data, else 0


def filled(image: Image, valid: NDArray[np.bool_]) -> Image:
    """
    Return the image with the nearest pixel that has data where there is none: no edge is left.

    :param image: (H, W) or (H, W, 3)
    :param valid: (H, W) bool, true somewhere
    """
    _, labels = cv2.distanceTransformWithLabels(
        (~valid).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL)
    rows, columns = np.nonzero(valid)
    nearest = np.zeros(int(labels.max()) + 1, np.intp)
    nearest[labels[rows, columns]] = rows * valid.shape[1] + columns
    pixels = image.reshape(valid.size, -1)[nearest[labels[~valid]]]
    result = image.copy()
    result.reshape(valid.size, -1)[~valid.ravel()] = pixels
    return result


def eroded(valid: NDArray[np.bool_], margin: int = MARGIN) -> Mask:
    """Return where all is valid that is so near; the image's own rim is no border of data."""
    side = 2 * margin + 1
    return cv2.erode(valid.view(np.uint8) * np.uint8(255), np.ones((side, side), np.uint8),
                     borderType=cv2.BORDER_REPLICATE)


def halved_mask(valid: Mask) -> Mask:
    """Return where all of 2x2 pixels are valid, of `half_size`."""
    height, width = half_size(valid.shape)
    padded = cv2.copyMakeBorder(valid, 0, 2 * height - len(valid), 0,
                                2 * width - valid.shape[1], cv2.BORDER_REPLICATE)
    return np.asarray(padded.reshape(height, 2, width, 2).min(axis=(1, 3)), np.uint8)
