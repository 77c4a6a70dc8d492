# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of what the movement of the camera means for a stack."""

from __future__ import annotations

from focus_stacking_ros.core.optics.camera_pose import CameraPose
from focus_stacking_ros.core.refusal import Refusal
from focus_stacking_ros.ros.stacker.options import NodeOptions
from focus_stacking_ros.ros.stacker.pairing import Pair
from focus_stacking_ros.ros.stacker.sweep_motion import SweepMotion
import numpy as np
import pytest

AXIS = np.array((0.0, 0.0, -1.0))


def pair(x: float | None, z: float = 0.5, position: float = 0.2) -> Pair:
    """Return a slice of a camera that looks down, or whose pose is not known."""
    pose = None if x is None else CameraPose(np.array((x, 0.0, z)), AXIS)
    return Pair((1, 0), None, position, pose)


def test_without_a_fixed_frame_nothing_is_looked_at() -> None:
    motion = SweepMotion(NodeOptions(motion_max_metres=0.0))
    motion.accepted(pair(0.0))
    assert motion.refusal(pair(5.0), 0.2) is None
    assert motion.position(pair(5.0)) == 0.2


def test_a_slice_of_a_camera_that_has_moved_is_refused_with_how_far() -> None:
    motion = SweepMotion(NodeOptions(motion_fixed_frame='base', motion_max_metres=0.002))
    assert motion.refusal(pair(0.0), 0.2) is None
    motion.accepted(pair(0.0))
    assert motion.refusal(pair(0.0019), 0.2) is None
    error = motion.refusal(pair(0.0, 0.503), 0.2)
    assert error.refusal is Refusal.MOTION
    assert '3.00 mm' in str(error)
    assert 'motion.max_metres' in str(error)
    motion.accepted(pair(0.0019))  # the first one stays what is compared with
    assert motion.refusal(pair(0.0021), None)


def test_a_slice_whose_pose_is_unknown_is_taken() -> None:
    motion = SweepMotion(NodeOptions(motion_fixed_frame='base'))
    motion.accepted(pair(None))
    assert motion.refusal(pair(9.0), 0.2) is None  # nothing to compare with
    motion.accepted(pair(9.0))
    assert motion.refusal(pair(None), 0.2) is None
    assert motion.refusal(pair(0.0), 0.2)


def test_with_a_fixed_lens_the_travel_is_the_focus_position() -> None:
    motion = SweepMotion(NodeOptions(
        focus_source='tf', motion_fixed_frame='base', motion_max_metres=0.002))
    assert motion.position(pair(0.0, 0.5)) == 0
    motion.accepted(pair(0.0, 0.5))
    assert motion.position(pair(0.001, 0.45)) == pytest.approx(0.05)
    assert motion.refusal(pair(0.001, 0.45), 0.25) is None  # along the axis it may move
    assert '3.00 mm' in str(motion.refusal(pair(0.003, 0.45), 0.25))
    assert 'no transform' in str(motion.refusal(pair(None), 0.25))
