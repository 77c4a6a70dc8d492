# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Depth maps as sensor_msgs/CompressedImage, as image_transport's ``compressedDepth`` sends them.

The data are twelve bytes, an int32 that is 0 and two float32 A and B in the byte order of the
machine, then a PNG of 16 bits. With ``32FC1`` a value v of it means A / (v - B) metres, and 0 an
unknown depth; with ``16UC1`` it is millimetres (compressed_depth_image_transport, codec.cpp).
"""

from __future__ import annotations

import struct
from typing import Any

import cv2
from focus_stacking_ros.core.slices import FloatImage
from focus_stacking_ros.ros.messages.compressed_images import compressed_message
from focus_stacking_ros.ros.messages.images import in_millimetres
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage

__all__ = ['depth_to_compressed']

_MOST = 65535  # of 16 bits
#: Least range, in shares of the nearest depth: in less, v - B in float32 has not all values.
_LEAST_RANGE = 1 / 32
_FAST = [cv2.IMWRITE_PNG_COMPRESSION, 1]


def depth_to_compressed(depth_m: FloatImage, header: Any, encoding: str) -> CompressedImage:
    """
    Return a depth map as a compressed image.

    The 65535 values are spread evenly over the inverse depth from the nearest to the farthest
    pixel: from 0.20 to 0.25 m a step is at most 1.0 micrometre, from 0.2 to 2 m at most 0.3 mm.

    :param depth_m: (H, W) float32 metres, NaN where unknown
    :param header: std_msgs/Header
    :param encoding: of its uncompressed sibling, 32FC1 or 16UC1
    """
    if encoding == '16UC1':
        values, a, b = in_millimetres(depth_m), 0.0, 0.0
    else:
        values, a, b = _inverse(depth_m)
    _, data = cv2.imencode('.png', values, _FAST)
    return compressed_message(header, f'{encoding}; compressedDepth png',
                              struct.pack('=iff', 0, a, b), data.data.cast('B'))


def _inverse(depth_m: FloatImage) -> tuple[NDArray[np.uint16], float, float]:
    """Return v, (H, W), and A and B."""
    known = np.isfinite(depth_m) & (depth_m > 0)
    if not known.any():
        return np.zeros(depth_m.shape, np.uint16), 1.0, 0.0
    near, far = (float(function(depth_m, where=known, initial=initial))
                 for function, initial in ((np.min, np.inf), (np.max, 0.0)))
    far = max(far, near * (1 + _LEAST_RANGE))
    # far is A / (1 - B), near is A / (65535 - B).
    b = float(np.float32((far - _MOST * near) / (far - near)))
    a = float(np.float32(far * (1 - b)))
    values = np.rint(a / np.where(known, depth_m, near).astype(np.float64) + b)
    return np.where(known, np.clip(values, 1, _MOST), 0).astype(np.uint16), a, b
