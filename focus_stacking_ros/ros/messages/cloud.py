# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Depth, colour and confidence as an organised sensor_msgs/PointCloud2."""

from __future__ import annotations

import sys
from typing import Any

from focus_stacking_ros.core.files.pictures import eight_bit
from focus_stacking_ros.core.slices import FloatImage, Image
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2, PointField

__all__ = ['cloud_message']

_FIELDS = ('x', 'y', 'z', 'rgb', 'confidence')


def cloud_message(depth_m: FloatImage, rays: NDArray[np.float32], image: Image,
                  confidence: FloatImage, header: Any, significant_bits: int = 16
                  ) -> PointCloud2:
    """
    Return a point per pixel, in the optical frame (z forward, x right, y down; REP-103).

    :param depth_m: (H, W) float32, metres along Z, NaN where unknown
    :param rays: (H, W, 2) float32, see pixel_rays
    :param image: (H, W) grey or (H, W, 3) blue-green-red, uint8 or uint16
    :param confidence: (H, W) float32, 0 to 1
    :param header: std_msgs/Header
    :param significant_bits: of a uint16 image
    :returns: organised (height rows, width columns), float32 fields x, y, z in metres, rgb as
        0x00RRGGBB, confidence; x, y and z are NaN where there is no depth
    """
    height, width = depth_m.shape
    points = np.empty((height, width, len(_FIELDS)), np.float32)
    depth = np.where(np.isfinite(depth_m) & np.isfinite(rays[..., 0]), depth_m, np.nan)
    points[..., :2] = rays * depth[..., np.newaxis]
    points[..., 2] = depth
    colour = eight_bit(image, significant_bits).astype(np.uint32)
    packed = colour[..., 2] << 16 | colour[..., 1] << 8 | colour[..., 0]
    points[..., 3] = packed.view(np.float32)
    points[..., 4] = confidence
    step = len(_FIELDS) * 4
    message = PointCloud2(
        header=header, height=height, width=width, point_step=step, row_step=width * step,
        is_bigendian=sys.byteorder == 'big', is_dense=False, fields=[
            PointField(name=name, offset=4 * number, datatype=PointField.FLOAT32, count=1)
            for number, name in enumerate(_FIELDS)])
    # Filled in place, as data of images.
    message.data.frombytes(points.data.cast('B'))
    return message
