# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The focus response of a slice on a coarse grid, for the focus curves of a page."""

from __future__ import annotations

import cv2
from focus_stacking_ros.core.focus.measure import focus_response, luma
from focus_stacking_ros.core.slices import Image
import numpy as np
from numpy.typing import NDArray

__all__ = ['GRID_COLUMNS', 'focus_grid', 'grid_size']

#: Columns of the grid at most: what a page can hold of many slices.
GRID_COLUMNS = 128


def grid_size(shape: tuple[int, ...], columns: int = GRID_COLUMNS) -> tuple[int, int]:
    """Return (columns, rows) of the grid for an image of a shape."""
    width = min(columns, shape[1])
    return width, max(round(shape[0] * width / shape[1]), 1)


def focus_grid(image: Image, operator: str) -> NDArray[np.uint16]:
    """
    Return the mean focus response around each place of a grid.

    :param image: (H, W) or (H, W, 3) uint8 or uint16
    :param operator: name of the focus measure, see core.focus.measure.FOCUS_MEASURES
    :returns: (rows, columns) uint16 in 1/64 of an 8-bit grey level, the slice's own pixel grid
    """
    response = focus_response(image, luma(image), operator)
    mean = cv2.resize(response.astype(np.float32), grid_size(image.shape),
                      interpolation=cv2.INTER_AREA)
    return np.clip(np.rint(mean * 4), 0, 65535).astype(np.uint16)
