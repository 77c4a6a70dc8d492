# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of camera poses from TF: with a strict stand-in, and with tf2_ros where it is."""

from __future__ import annotations

import sys
from typing import Any

from focus_stacking_ros.core.option import OptionError
from focus_stacking_ros.ros.stacker.transforms import TransformLookup
from helpers.ros_helpers import RosContext
from helpers.tf_stand_in import make_tf2_ros, transform
import numpy as np
import pytest
from rclpy.node import Node
from std_msgs.msg import Header

pytestmark = pytest.mark.ros


@pytest.fixture(params=['stand-in', pytest.param('real', marks=pytest.mark.tf2)])
def tf2_ros(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put the stand-in in the place of tf2_ros, or leave it."""
    if request.param == 'real':
        return pytest.importorskip('tf2_ros', reason='tf2_ros is not installed')
    module = make_tf2_ros()
    monkeypatch.setitem(sys.modules, 'tf2_ros', module)
    return module


def header(seconds: int, frame: str = 'camera', nanoseconds: int = 0) -> Header:
    result = Header(frame_id=frame)
    result.stamp.sec, result.stamp.nanosec = seconds, nanoseconds
    return result


def test_the_pose_is_that_at_the_stamp_of_the_image(ros_context: RosContext, tf2_ros) -> None:
    node = Node('stacker', context=ros_context.context)
    lookup = TransformLookup(node, 'base')
    assert lookup.find(header(1)) is None
    half = float(np.sqrt(0.5))
    for seconds, height in ((1, 0.5), (2, 0.4)):
        lookup._buffer.set_transform(transform(
            'base', 'camera', seconds, (1, 2, height), (half, 0, 0, half)), 'test')
    pose = lookup.find(header(1, nanoseconds=250_000_000))
    np.testing.assert_allclose(pose.origin_m, (1, 2, 0.475))
    np.testing.assert_allclose(pose.axis, (0, -1, 0), atol=1e-12)  # z, turned about x by 90 deg
    # Too early, too late, the latest (which tf2 takes 0 for), other frames, a name that is none.
    for unknown in (header(0, nanoseconds=5), header(3), header(0), header(1, 'elsewhere'),
                    header(1, '/camera'), header(1, '')):
        assert lookup.find(unknown) is None
    lookup.destroy()
    node.destroy_node()


def test_the_stand_in_is_listened_to_until_the_end(ros_context: RosContext,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    module = make_tf2_ros()
    monkeypatch.setitem(sys.modules, 'tf2_ros', module)
    node = Node('stacker', context=ros_context.context)
    lookup = TransformLookup(node, 'base')
    listener, = module.listeners
    assert (listener.node is node, listener.buffer is lookup._buffer) == (True, True)
    lookup.destroy()
    assert not listener.listening
    node.destroy_node()


def test_where_tf2_is_missing_the_error_says_what_to_install(
        ros_context: RosContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'tf2_ros', None)
    node = Node('stacker', context=ros_context.context)
    with pytest.raises(OptionError, match=r'motion\.fixed_frame.*tf2-ros'):
        TransformLookup(node, 'base')
    node.destroy_node()
