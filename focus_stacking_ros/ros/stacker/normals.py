# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The normals of a result as a message that viewers draw as arrows."""

from __future__ import annotations

from typing import Any

from focus_stacking_ros.core.metrology.normals import surface_normals
from focus_stacking_ros.core.slices import StackResult
from geometry_msgs.msg import Point, Pose, PoseArray, Quaternion
import numpy as np
from numpy.typing import NDArray

__all__ = ['normals_message']


def normals_message(result: StackResult, rays: NDArray[np.float32], header: Any) -> PoseArray:
    """
    Return a pose for each cell of a grid that has a normal, in the optical frame (REP-103).

    rviz and Foxglove draw an arrow along the x axis of each pose of an array, and no normals of a
    point cloud.

    :param result: of the stack
    :param rays: (H, W, 2) float32, see pixel_rays
    :param header: std_msgs/Header
    :returns: positions in metres; the x axis of an orientation is the normal, towards the camera
    """
    found = surface_normals(result.depth_m, rays, result.confidence)
    message = PoseArray(header=header)
    for (x, y, z), (nx, ny, nz) in zip(found.points_m.tolist(), found.normals.tolist(),
                                       strict=True):
        message.poses.append(Pose(position=Point(x=x, y=y, z=z),
                                  orientation=_turning_x_to(nx, ny, nz)))
    return message


def _turning_x_to(x: float, y: float, z: float) -> Quaternion:
    """Return the shortest rotation of the x axis to a direction of length 1."""
    length = (2 * (1 + x)) ** 0.5 if x > -1 else 0.0
    if length < 1e-6:  # the opposite direction: half a turn about z
        return Quaternion(x=0.0, y=0.0, z=1.0, w=0.0)
    # (1 + x . d, x cross d), divided by its length.
    return Quaternion(x=0.0, y=-z / length, z=y / length, w=length / 2)
