# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Results that are made up, so that what must come out of them is known."""

from __future__ import annotations

from typing import Any

from focus_stacking_ros.core.slices import SliceReport, StackResult
from focus_stacking_ros.ros.stacker.delivery import Delivery
from focus_stacking_ros.ros.stacker.options import NodeOptions
from focus_stacking_ros.ros.stacker.output_messages import build_outputs
import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

pytestmark = pytest.mark.ros

IMAGES = ('all_in_focus/image', 'depth/image', 'depth/preview', 'confidence/image',
          'confidence/preview', 'slice_index/image', 'valid/image', 'depth_std/image',
          'height/image')
CAMERA_INFOS = ('all_in_focus/camera_info', 'depth/camera_info', 'confidence/camera_info')
COMPRESSED = ('all_in_focus/image/compressed', 'depth/image/compressedDepth',
              'depth/preview/compressed', 'confidence/preview/compressed')
OUTPUTS = {*IMAGES, *CAMERA_INFOS, *COMPRESSED, 'points', 'normals', 'report'}
HEIGHT, WIDTH = 6, 10


def make_delivery(seconds: int = 3, encoding: str = 'bgr8', *, metric: bool = True) -> Delivery:
    """Return a result with that stamp and a depth, if any, of ``seconds / 10`` metres and more."""
    generator = np.random.default_rng(seconds)
    dtype = np.uint16 if encoding.endswith('16') else np.uint8
    shape = (HEIGHT, WIDTH) if encoding.startswith('mono') else (HEIGHT, WIDTH, 3)
    depth = (seconds / 10 + np.linspace(0, 0.01, WIDTH, dtype=np.float32)) * np.ones(
        (HEIGHT, 1), np.float32)
    depth[0, :2] = np.nan
    if not metric:
        depth[:] = np.nan
    confidence = np.linspace(0, 1, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH)
    result = StackResult(
        all_in_focus=generator.integers(0, np.iinfo(dtype).max, shape, dtype), depth_m=depth,
        confidence=confidence, slice_index=4 * confidence, reports=(SliceReport(
            0, seconds / 10 if metric else None),), reference=0, noise_sigma=1.0,
        depth_std_m=0.01 * depth)
    header = Header(frame_id='camera_optical_frame')
    header.stamp.sec = seconds
    return Delivery(result, {'stamp': {'sec': seconds, 'nanosec': 0}, 'noise_sigma': 1.0}, header,
                    encoding, (seconds - 1, 0), NodeOptions())


def make_camera_info() -> CameraInfo:
    info = CameraInfo(header=Header(frame_id='elsewhere'), width=WIDTH, height=HEIGHT)
    info.k = [500.0, 0.0, 4.5, 0.0, 500.0, 2.5, 0.0, 0.0, 1.0]
    return info


def built(delivery: Delivery, options: NodeOptions | None = None,
          camera_info: CameraInfo | None = None) -> dict[str, Any]:
    return {name: build() for name, build in build_outputs(
        delivery, camera_info, options or NodeOptions()).items()}
