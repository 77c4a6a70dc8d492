# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where a camera was, and how far it has moved: geometry of poses in a fixed frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ['CameraPose', 'movement_m', 'pose_from_quaternion', 'travel_m']

Vector = NDArray[np.float64]
_FARTHEST = 1e12  # metres; no frame has such coordinates


@dataclass(frozen=True)
class CameraPose:
    """
    A camera in a frame that does not move with it.

    :param origin_m: (3,) of the camera's optical frame, metres, in the fixed frame
    :param axis: (3,) unit vector of its optical axis (z of the optical frame, REP-103), in the
        fixed frame
    """

    origin_m: Vector
    axis: Vector


def pose_from_quaternion(translation_m: tuple[float, float, float],
                         rotation: tuple[float, float, float, float]) -> CameraPose:
    """
    Return the pose that a transform optical frame -> fixed frame says.

    :param translation_m: x, y, z in metres
    :param rotation: quaternion x, y, z, w; need not be of unit length
    :raises ValueError: the quaternion is 0, or something is not finite or absurdly large
    """
    origin = np.array(translation_m, np.float64)
    if not (np.abs(origin) <= _FARTHEST).all():
        raise ValueError(f'the translation {translation_m} m is no place')
    quaternion = np.array(rotation, np.float64)
    largest = float(np.abs(quaternion).max())
    if not (np.isfinite(largest) and largest > 0):
        raise ValueError(f'the rotation {rotation} is no quaternion')
    x, y, z, w = quaternion = quaternion / largest
    axis = np.array([2 * (x * z + w * y), 2 * (y * z - w * x),
                     w * w - x * x - y * y + z * z]) / float(quaternion @ quaternion)
    return CameraPose(origin, axis)


def travel_m(first: CameraPose, pose: CameraPose) -> float:
    """Return how far a camera has moved along the optical axis of the first pose, metres."""
    return float(first.axis @ (pose.origin_m - first.origin_m))


def movement_m(first: CameraPose, pose: CameraPose, distance_m: float, *,
               across_only: bool = False) -> float:
    """
    Return the greater movement of the camera and of the point it looks at, metres.

    The point moves when the camera turns, which moves the picture as much as a shift does.

    :param distance_m: of that point along the optical axis; 0 leaves the camera alone
    :param across_only: leave out what is along the optical axis of the first pose
    """
    def length(step: Vector) -> float:
        if across_only:
            step = step - (step @ first.axis) * first.axis
        return float(np.linalg.norm(step))

    step = pose.origin_m - first.origin_m
    return max(length(step), length(step + distance_m * (pose.axis - first.axis)))
