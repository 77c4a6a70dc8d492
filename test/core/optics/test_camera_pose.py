# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of poses and movements against rotations of OpenCV."""

from __future__ import annotations

import cv2
from focus_stacking_ros.core.optics.camera_pose import (
    CameraPose,
    movement_m,
    pose_from_quaternion,
    travel_m,
)
import numpy as np
import pytest


def quaternion(rotation: np.ndarray) -> tuple[float, ...]:
    """Return x, y, z, w of a rotation vector."""
    angle = float(np.linalg.norm(rotation))
    axis = rotation / angle if angle else np.zeros(3)
    return (*(axis * np.sin(angle / 2)), np.cos(angle / 2))


@pytest.mark.parametrize('seed', range(5))
def test_the_axis_is_the_turned_z(seed) -> None:
    generator = np.random.default_rng(seed)
    rotation = generator.uniform(-3, 3, 3)
    scaled = tuple(3.0 * value for value in quaternion(rotation))
    pose = pose_from_quaternion((1.0, 2.0, 3.0), scaled)
    np.testing.assert_allclose(pose.axis, cv2.Rodrigues(rotation)[0][:, 2], atol=1e-12)
    np.testing.assert_array_equal(pose.origin_m, (1, 2, 3))


@pytest.mark.parametrize('rotation', [(0.0, 0.0, 0.0, 0.0), (0.0, 0.0, float('nan'), 1.0)])
def test_what_is_no_rotation_is_an_error(rotation) -> None:
    with pytest.raises(ValueError, match='quaternion'):
        pose_from_quaternion((0.0, 0.0, 0.0), rotation)


DOWN = np.array((0.0, 0.0, -1.0))


def pose(x: float, y: float, z: float, axis: np.ndarray = DOWN) -> CameraPose:
    return CameraPose(np.array((x, y, z)), axis)


def test_travel_is_along_the_optical_axis() -> None:
    assert travel_m(pose(0, 0, 0.5), pose(0.1, 0, 0.48)) == pytest.approx(0.02)
    assert travel_m(pose(0, 0, 0.5), pose(0, 0, 0.53)) == pytest.approx(-0.03)


def test_movement_is_that_of_the_camera_or_of_what_it_looks_at() -> None:
    first = pose(0, 0, 0.5)
    assert movement_m(first, first, 0.2) == 0
    assert movement_m(first, pose(0.003, 0, 0.504), 0.2) == pytest.approx(0.005)
    assert movement_m(first, pose(0.003, 0, 0.504), 0.2, across_only=True) == pytest.approx(0.003)
    turned = np.array((np.sin(0.01), 0.0, -np.cos(0.01)))
    assert movement_m(first, pose(0, 0, 0.5, turned), 0.2) == pytest.approx(0.002, rel=1e-3)
    assert movement_m(first, pose(0, 0, 0.5, turned), 0.0) == 0
    # Turning about the point in view moves the camera.
    assert movement_m(first, pose(-0.002, 0, 0.5, turned), 0.2) == pytest.approx(0.002, rel=1e-3)
