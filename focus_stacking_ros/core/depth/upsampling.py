# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From half the size to full size."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
from focus_stacking_ros.core.align.warping import Pixel
import numpy as np
from numpy.typing import NDArray

__all__ = ['doubled', 'doubled_rows']


def doubled(planes: Sequence[NDArray[Pixel]], shape: tuple[int, int]) -> list[NDArray[Pixel]]:
    """
    Return planes at full size, interpolated linearly; no value leaves the range of its plane.

    Measured on rendered scenes and rough surfaces, neighbours that are weighed by how alike they
    are in the image (Kopf et al. 2007, doi:10.1145/1276377.1276497) bring the texture into the
    depth: what is an edge of the depth the smoothing at half the size has found already.

    :param planes: (h, w) float32 or uint8, pixel i of which covers the pixels 2 i and 2 i + 1
    :param shape: height and width of the results; h = ceil(H / 2), w = ceil(W / 2)
    """
    return [np.ascontiguousarray(doubled_rows(plane, shape, slice(0, shape[0])))
            for plane in planes]


def doubled_rows(plane: NDArray[Pixel], shape: tuple[int, int],
                 rows: slice) -> NDArray[Pixel]:
    """
    Return rows of a plane at full size: those of `doubled`, but for its last bit.

    :param plane: (h, w) float32 or uint8
    :param shape: height and width at full size
    :param rows: those wanted, of full size
    :returns: (rows, W) of its type; not contiguous where W is odd
    """
    first = max((rows.start - 1) // 2, 0)
    some = plane[first:min(rows.stop // 2 + 1, len(plane))]
    large = cv2.resize(some, (2 * plane.shape[1], 2 * len(some)), interpolation=cv2.INTER_LINEAR)
    return large[rows.start - 2 * first:min(rows.stop, shape[0]) - 2 * first, :shape[1]]
