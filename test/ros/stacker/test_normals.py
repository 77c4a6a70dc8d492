# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Normals as poses: their x axes are the normals."""

from __future__ import annotations

from focus_stacking_ros.core.slices import StackResult
from focus_stacking_ros.ros.messages.intrinsics import Intrinsics, pixel_rays
from focus_stacking_ros.ros.stacker.normals import normals_message
import numpy as np
import pytest
from std_msgs.msg import Header

pytestmark = pytest.mark.ros


@pytest.mark.parametrize('normal', [(0, 0, -1), (0.4, -0.3, -1), (-0.9, 0, -0.2)])
def test_the_x_axis_of_a_pose_is_the_normal(normal) -> None:
    expected = np.array(normal) / np.linalg.norm(normal)
    rays = pixel_rays(Intrinsics((4000.0, 4000.0), (39.5, 31.5)), 80, 64)
    directions = np.concatenate([rays, np.ones((64, 80, 1))], axis=2)
    depth = (0.25 * expected[2] / (directions @ expected)).astype(np.float32)
    one = np.ones(depth.shape, np.float32)
    header = Header(frame_id='camera')
    message = normals_message(StackResult(np.zeros(depth.shape, np.uint8), depth, one, one, (), 0,
                                          1.0), rays, header)
    assert message.header == header
    assert len(message.poses) == 20
    for pose in message.poses:
        w, x, y, z = (getattr(pose.orientation, name) for name in 'wxyz')
        axis = (1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y))
        np.testing.assert_allclose(axis, expected, atol=2e-3)
        assert w * w + x * x + y * y + z * z == pytest.approx(1)
        place = np.array([pose.position.x, pose.position.y, pose.position.z - 0.25])
        assert abs(place @ expected) < 1e-5
