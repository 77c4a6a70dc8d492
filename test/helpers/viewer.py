# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A user of a cell on another host: has a sweep made, and prints what came of it as JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from focus_stacking_ros.ros.messages.images import image_to_array
from focus_stacking_ros.ros.node.qos import output_profile
from helpers.ros_helpers import spin_until
import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import Image, PointCloud2
from std_msgs.msg import String
from std_srvs.srv import Trigger

OUTPUTS = {'all_in_focus/image': Image, 'depth/image': Image, 'points': PointCloud2,
           'report': String}


def main(namespace: str, seconds: float) -> None:
    """Call the sweeper of a namespace, and wait for all outputs of the same stamp."""
    rclpy.init()
    node = Node('viewer', namespace=namespace)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    latest: dict[str, Any] = {}
    for name, kind in OUTPUTS.items():
        node.create_subscription(
            kind, name, lambda message, name=name: latest.update({name: message}),
            output_profile())
    counts: dict[str, str] = {}

    def diagnosed(message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name.endswith('stacker: input'):
                counts.update({item.key: item.value for item in status.values})

    node.create_subscription(DiagnosticArray, '/diagnostics', diagnosed, 10)
    spin_until(executor, lambda: counts.get('images', '0') != '0', seconds,
               'an image at the stacking node')
    client = node.create_client(Trigger, 'sweeper/sweep')
    spin_until(executor, client.service_is_ready, seconds, 'the sweeper')
    future = client.call_async(Trigger.Request())
    spin_until(executor, future.done, seconds, 'the answer of the sweeper')
    if not future.result().success:
        sys.exit(future.result().message)
    answer = json.loads(future.result().message)
    spin_until(executor, lambda: len(latest) == len(OUTPUTS), seconds, 'all outputs')
    depth = image_to_array(latest['depth/image'])
    print(json.dumps({
        'answer': answer, 'stacker_stamp': json.loads(latest['report'].data)['stamp'],
        'stamps': [[latest[name].header.stamp.sec, latest[name].header.stamp.nanosec]
                   for name in OUTPUTS if name != 'report'],
        'size': [latest['points'].width, latest['points'].height],
        'known': float(np.isfinite(depth).mean()), 'median_m': float(np.nanmedian(depth))}))
    executor.shutdown()
    node.destroy_node()
    rclpy.try_shutdown()


if __name__ == '__main__':
    main(sys.argv[1], float(sys.argv[2]))
