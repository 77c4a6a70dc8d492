# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The region of interest of a stacking node, as parameters and as a topic."""

from __future__ import annotations

from helpers.cell import Cell, focal_stack
from helpers.requests import set_parameter
from helpers.ros_helpers import RosContext, spin_until
import pytest
from sensor_msgs.msg import CameraInfo, RegionOfInterest

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures('operator')]

STACK = focal_stack(3, (64, 48))


def send(cell: Cell) -> None:
    for image, position in STACK:
        header = cell.send(image, position)
        cell.camera_infos.publish(CameraInfo(header=header, width=64, height=48))


def test_a_region_comes_by_topic_and_bad_ones_are_named(ros_context: RosContext) -> None:
    outputs = ('depth/image', 'depth/camera_info', 'report')
    with Cell(ros_context, subscribe=outputs, stack__size=3) as cell:
        talker = cell.node.create_publisher(RegionOfInterest, 'roi', 1)
        cell.connect()
        spin_until(cell.executor, talker.get_subscription_count, what='the stacking node')

        def wide() -> int:
            return int(cell.stacker.get_parameter('roi.width').value)

        talker.publish(RegionOfInterest(x_offset=8, y_offset=4, width=40, height=32))
        spin_until(cell.executor, lambda: wide() == 40, what='the region')
        send(cell)
        depth, info = cell.wait_for('depth/image', 'depth/camera_info')
        assert (depth.width, depth.height) == (40, 32)
        assert (info.width, info.height, info.roi.x_offset, info.roi.y_offset) == (64, 48, 8, 4)
        assert (info.roi.width, info.roi.height) == (40, 32)

        talker.publish(RegionOfInterest(width=20, height=20, do_rectify=True))
        cell.expect_told('node', 'do_rectify is not', 'do_rectify is not',
                         parameter_changes_refused=1)
        assert wide() == 40

        cell.send(*STACK[0])
        cell.wait_for_slices(1)
        talker.publish(RegionOfInterest(width=70, height=32))  # waits for the next stack
        spin_until(cell.executor, lambda: wide() == 70, what='the region')
        for image, position in STACK[1:]:
            cell.send(image, position)
        assert cell.wait_for('depth/image', count=2)[0].width == 40
        send(cell)
        words = 'the region of interest 70 x 32 at (0, 0) is not inside the image of 64 x 48'
        cell.expect_told('stack', words, words, regions_ignored=1)
        assert cell.wait_for('depth/image', count=3)[0].width == 64
        assert set_parameter(cell, 'roi.width', 0).successful  # one after the other
        assert set_parameter(cell, 'roi.y_offset', 16).successful
        assert set_parameter(cell, 'roi.height', 0).successful
        send(cell)
        depth = cell.wait_for('depth/image', count=4)[0]
        assert (depth.width, depth.height) == (64, 32)
