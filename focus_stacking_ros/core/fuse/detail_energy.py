# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How much detail an image has in bands of blocks: the energy of its Laplacian."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
from focus_stacking_ros.core.align.warping import identity, joined, warp
from focus_stacking_ros.core.focus.measure import luma
from focus_stacking_ros.core.slices import FloatImage, Image, Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['BLOCKS', 'SIDE', 'along', 'energy_in_bands', 'smoothing_taps']

SIDE = 8  # pixels of a block
BLOCKS = 4  # of a band, one above the other
_SMOOTHING = 0.8  # pixels; structure that does not survive an interpolation does not count
_MARGIN = 4  # pixels that smoothing and Laplacian look around


def energy_in_bands(image: Image | NDArray[np.int16], transform: Transform, tops: Sequence[int],
                    across: int) -> FloatImage:
    """
    Return the mean square of the Laplacian, after a slight smoothing, in blocks of `SIDE` pixels.

    :param image: (H, W) or (H, W, 3) uint8 or uint16 in the full range, or luma as int16 in
        1/16 grey level; beyond its rim it goes on as it ends
    :param transform: pixel of the grid -> pixel of the image
    :param tops: first row of each band of `BLOCKS` rows of blocks, pixels of the grid
    :param across: blocks of a row
    :returns: (BLOCKS bands, across) float32, square steps of luma
    """
    found = np.zeros((BLOCKS * len(tops), across), np.float32)
    down = identity()
    size = across * SIDE, BLOCKS * SIDE + 2 * _MARGIN
    for number, top in enumerate(tops):
        down[1, 2] = top - _MARGIN
        place = joined(transform, down)
        rows = _rows_of(place, size, len(image))
        down[1, 2] = -float(rows.start)
        # OpenCV interpolates one channel faster than three, and uint16 faster than int16.
        some = image[rows] if image.dtype == np.int16 else luma(image[rows]).view(np.uint16)
        grey = warp(some, joined(down, place), border=cv2.BORDER_REPLICATE,
                    size=size).astype(np.float32)
        laplacian = cv2.Laplacian(cv2.GaussianBlur(grey, (0, 0), _SMOOTHING), cv2.CV_32F)
        square = np.square(laplacian[_MARGIN:-_MARGIN])
        found[number * BLOCKS:(number + 1) * BLOCKS] = cv2.resize(
            square, (across, BLOCKS), interpolation=cv2.INTER_AREA)
    return found


def smoothing_taps() -> FloatImage:
    """Return the weights of the smoothing from its middle on, (4,) float32."""
    side = 2 * _MARGIN - 1
    return np.ascontiguousarray(
        cv2.getGaussianKernel(side, _SMOOTHING, cv2.CV_32F).ravel()[side // 2:])


def along(line: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]
          ) -> NDArray[np.float64]:
    """Return what a line of a transform makes of places."""
    return np.asarray(line[0] * x + (line[1] * y + line[2]), np.float64)


def _rows_of(transform: Transform, size: tuple[int, int], height: int) -> slice:
    """
    Return the rows of an image that a part of a grid needs, at least one.

    :param transform: pixel of the part -> pixel of the image
    :param size: width and height of the part, pixels
    :param height: of the image, pixels
    """
    x, y = np.array([0.0, size[0] - 1.0]), np.array([[0.0], [size[1] - 1.0]])
    y = along(transform[1], x, y) / along(transform[2], x, y)
    # One more on either side: a place is rounded to a part of a pixel.
    first = min(max(int(np.floor(y.min())) - 1, 0), height - 1)
    return slice(first, max(min(int(np.ceil(y.max())) + 2, height), first + 1))
