# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Several lights at the stacking node, with real messages."""

from __future__ import annotations

from focus_stacking_ros import FocusStacker, StackOptions
from focus_stacking_ros.ros.messages.images import image_to_array
from focus_stacking_ros.ros.node.qos import output_profile
from focus_stacking_ros.ros.stacker.output_messages import light_topic
from helpers.cell import Cell, focal_stack
from helpers.requests import set_parameter
from helpers.ros_helpers import RosContext, spin_until
import numpy as np
import pytest
from sensor_msgs.msg import Image

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures('operator')]

FIRST, SECOND = (focal_stack(4, (96, 64), seed) for seed in (1, 2))
NAME = light_topic(1)


def test_each_light_has_a_topic_and_a_lost_image_costs_its_position(
        ros_context: RosContext) -> None:
    stacker = FocusStacker(StackOptions(stack_lights=2))
    for number in (0, 2, 3):
        stacker.add(*FIRST[number], lights=[SECOND[number][0]])
    expected = stacker.finish()
    with Cell(ros_context, stack__size=3, stack__lights=2,
              subscribe=('all_in_focus/image', 'slice_index/image', 'report')) as cell:
        heard: list[Image] = []
        cell.node.create_subscription(Image, NAME, heard.append, output_profile())
        cell.connect()
        for number, (first, second) in enumerate(zip(FIRST, SECOND, strict=True)):
            cell.send_stack([first] if number == 1 else [first, second])
        image, index = cell.wait_for('all_in_focus/image', 'slice_index/image')
        spin_until(cell.executor, lambda: bool(heard), what=NAME)
        np.testing.assert_array_equal(image_to_array(image), expected.all_in_focus)
        np.testing.assert_array_equal(image_to_array(index), expected.slice_index)
        np.testing.assert_array_equal(image_to_array(heard[0]), expected.lights[0])
        assert (heard[0].header, heard[0].encoding) == (image.header, 'bgr8')
        assert [frame['refusal'] for frame in cell.report()['frames']] == [
            None, 'lights', None, None]
        cell.expect_told('stack', '1 slices refused', '1 of its 2 images have come',
                         **{'refused: lights': 1})
        refused = set_parameter(cell, 'stack.lights', 3)  # its topics are there
        assert (refused.successful, 'clean' in refused.reason) == (False, True)
        assert 'takes one light' in set_parameter(cell, 'method', 'streaming').reason
