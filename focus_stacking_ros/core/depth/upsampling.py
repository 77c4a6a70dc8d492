# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From half the size to full size."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
from focus_stacking_ros.core.slices import FloatImage
import numpy as np

__all__ = ['doubled']


def doubled(planes: Sequence[FloatImage], shape: tuple[int, int]) -> list[FloatImage]:
    """
    Return planes at full size, interpolated linearly; no value leaves the range of its plane.

    Measured on rendered scenes and rough surfaces, neighbours that are weighed by how alike they
    are in the image (Kopf et al. 2007, doi:10.1145/1276377.1276497) bring the texture into the
    depth: what is an edge of the depth the smoothing at half the size has found already.

    :param planes: (h, w) float32, pixel i of which covers the pixels 2 i and 2 i + 1
    :param shape: height and width of the results; h = ceil(H / 2), w = ceil(W / 2)
    """
    results = []
    for plane in planes:
        size = (2 * plane.shape[1], 2 * plane.shape[0])
        large = cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR)[:shape[0], :shape[1]]
        results.append(np.ascontiguousarray(large))
    return results
