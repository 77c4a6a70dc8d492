# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of what sends slices to a node that is measured."""

from __future__ import annotations

import json
from pathlib import Path
import subprocess
import sys

import cv2
from geometry_msgs.msg import PointStamped
from helpers.ros_helpers import RosContext, spin_until
import numpy as np
import pytest
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import Image

pytestmark = pytest.mark.ros


def test_it_sends_what_it_is_told_to_and_ends_with_its_input(
        tmp_path: Path, ros_context: RosContext, environment: dict[str, str]) -> None:
    paths = [str(tmp_path / f'{number}.png') for number in range(2)]
    for number, path in enumerate(paths):
        cv2.imwrite(path, np.full((8, 12, 3), 100 * number, np.uint8))
    asked = {'images': paths, 'count': 2, 'size': None, 'rate': 100.0, 'namespace': '/measured'}
    node = Node('receiver', namespace='/measured', context=ros_context.context)
    executor = SingleThreadedExecutor(context=ros_context.context)
    executor.add_node(node)
    images: list[Image] = []
    positions: list[PointStamped] = []
    node.create_subscription(Image, 'image', images.append, 20)
    node.create_subscription(PointStamped, 'focus_position', positions.append, 20)
    with subprocess.Popen(
            [sys.executable, '-m', 'focus_stacking_ros.commands.benchmark.node_publisher',
             json.dumps(asked)], stdin=subprocess.PIPE, text=True, env=environment) as sender:
        assert sender.stdin is not None
        sender.stdin.write('2\n')
        sender.stdin.flush()
        spin_until(executor, lambda: len(images) == len(positions) == 4, what='two stacks')
        sender.stdin.close()
        # Killed, it would leave its shared memory behind.
        assert sender.wait(20) == 0
    assert [message.data[0] for message in images] == [0, 100] * 2
    assert [message.header.stamp for message in images] == [
        message.header.stamp for message in positions]
    assert positions[0].point.z < positions[1].point.z
    executor.shutdown()
    node.destroy_node()
