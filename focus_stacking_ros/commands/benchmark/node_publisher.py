# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Publish stacks as a camera does; `node_run.py` starts it.

    python3 -m focus_stacking_ros.commands.benchmark.node_publisher JSON

JSON has ``images``, ``count``, ``size``, ``rate`` and ``namespace``. Each line of standard input
says how many stacks follow, one after the other without a pause; the process ends with its input.
Everything is read before the first slice is sent; the stamp of a slice is the time at which it is.
"""

from __future__ import annotations

from collections.abc import Iterable
import json
import sys
import time
from typing import Any

from focus_stacking_ros.commands.benchmark.worker import series
from focus_stacking_ros.core.memory import keep_free_memory
from focus_stacking_ros.ros.messages.images import array_to_image
from focus_stacking_ros.ros.node.qos import input_profile
from geometry_msgs.msg import PointStamped
import rclpy
from rclpy.time import Time
from sensor_msgs.msg import Image
from std_msgs.msg import Header

__all__ = ['publish']

_DEPTH = 20  # messages, as the player's
_DISCOVERY_SECONDS = 1.0
_NEAREST, _STEP = 0.1, 0.001  # metres: with distances there is a metric depth


def publish(asked: dict[str, Any], orders: Iterable[str]) -> None:
    """
    Publish stacks.

    :param asked: see the module
    :param orders: lines with a number of stacks
    """
    messages = [array_to_image(image, Header(frame_id='camera'), 'bgr8')
                for image in series(asked['images'], asked['count'], asked['size'])]
    rclpy.init()
    node = rclpy.create_node('camera', namespace=asked['namespace'])
    profile = input_profile('reliable', _DEPTH)
    slices = node.create_publisher(Image, 'image', profile)
    positions = node.create_publisher(PointStamped, 'focus_position', profile)
    while not (slices.get_subscription_count() and positions.get_subscription_count()):
        rclpy.spin_once(node, timeout_sec=0.05)
    # Whether the node has found this process, too, is not told here; what comes before is lost.
    time.sleep(_DISCOVERY_SECONDS)
    for line in orders:
        start = time.monotonic()
        for number in range(int(line) * asked['count']):
            time.sleep(max(0.0, start + number / asked['rate'] - time.monotonic()))
            message = messages[number % asked['count']]
            message.header.stamp = Time(nanoseconds=time.time_ns()).to_msg()
            position = PointStamped(header=message.header)
            position.point.z = _NEAREST + _STEP * (number % asked['count'])
            slices.publish(message)
            positions.publish(position)
    node.destroy_node()
    rclpy.shutdown()


if __name__ == '__main__':
    keep_free_memory()
    publish(json.loads(sys.argv[1]), sys.stdin)
