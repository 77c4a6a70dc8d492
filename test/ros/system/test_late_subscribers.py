# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Users of all outputs who join a running cell, one after the other, each over its own context."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
import sys
import time
from typing import Any

from focus_stacking_ros.ros.messages.images import array_to_image
from focus_stacking_ros.ros.node.qos import output_profile
from focus_stacking_ros.ros.stacker.outputs import ResultPublisher
from helpers.cell import Cell, focal_stack
from helpers.ros_helpers import NodeProcess, RosContext, spin_until
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo

pytestmark = pytest.mark.ros

STACK = focal_stack(3, (640, 480))
OUTPUTS = sorted(set(ResultPublisher.topics()) - {'report'})
CLIENTS = 6
MOST_RESULTS = 3  # until a client has a complete one; of the first it may come too late for a part
ARRIVAL_SECONDS = 1.0


class Client:
    """
    A user that waits for a message of every output with the same stamp, as a synchroniser does.

    :param domain_id: ROS domain
    """

    def __init__(self, domain_id: int) -> None:
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain_id)
        self._node = Node('client', context=self._context)
        self.executor = SingleThreadedExecutor(context=self._context)
        self.executor.add_node(self._node)
        self.stamps: dict[int, set[str]] = defaultdict(set)
        for name in OUTPUTS:
            self._node.create_subscription(
                ResultPublisher.topics()[name], name,
                lambda message, name=name: self.stamps[message.header.stamp.sec].add(name),
                output_profile())

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.executor.shutdown()
        self._node.destroy_node()
        self._context.try_shutdown()

    def connected(self) -> bool:
        """Return whether all outputs are known here."""
        return all(self._node.count_publishers(name) for name in OUTPUTS)

    def complete(self) -> bool:
        """Return whether there is a message of each output with the same stamp."""
        return any(names == set(OUTPUTS) for names in self.stamps.values())


def send_stack(cell: Cell) -> None:
    """Publish a stack with camera infos, so that there are all outputs."""
    for image, position in STACK:
        header = cell.header()
        info = CameraInfo(header=header, width=640, height=480)
        info.k = [900.0, 0.0, 320.0, 0.0, 900.0, 240.0, 0.0, 0.0, 1.0]
        cell.camera_infos.publish(info)
        cell.images.publish(array_to_image(image, header, 'bgr8'))
        cell.tag(header, position)


def test_everybody_who_joins_has_a_complete_result_soon(
        tmp_path: Path, ros_context: RosContext, environment: dict[str, str],
        record_property: Any) -> None:
    command: list[Any] = [sys.executable, '-m', 'focus_stacking_ros.ros.stacker.node',
                          '--ros-args', '-p', f'stack.size:={len(STACK)}']
    needed = []
    with NodeProcess.running(command, environment, tmp_path / 'log'), \
            Cell(ros_context, node=False, subscribe=('report',)) as cell:
        cell.connect()
        spin_until(cell.executor, cell.camera_infos.get_subscription_count)
        for _ in range(CLIENTS):
            with Client(ros_context.domain_id) as client:
                spin_until(client.executor, client.connected, what='all outputs to be known')
                results = 0
                while not client.complete():
                    results += 1
                    assert results <= MOST_RESULTS, {
                        stamp: sorted(set(OUTPUTS) - names)
                        for stamp, names in client.stamps.items()}
                    known = len(cell.messages['report'])
                    send_stack(cell)

                    def out() -> bool:
                        client.executor.spin_once(timeout_sec=0)
                        return len(cell.messages['report']) > known  # noqa: B023

                    spin_until(cell.executor, out, what='the next result')
                    until = time.monotonic() + ARRIVAL_SECONDS
                    while not client.complete() and time.monotonic() < until:
                        client.executor.spin_once(timeout_sec=0.02)
                needed.append(results)
    record_property('results until complete', needed)
