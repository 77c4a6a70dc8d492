# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Lights that are switched over ROS, by a topic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from focus_stacking_ros.ros.node.qos import input_profile, output_profile
from std_msgs.msg import UInt8

__all__ = ['TopicLight']

_DEPTH = 20


class TopicLight:
    """
    Lights that listen to ``light_command``, and may say on ``light_feedback`` which one shines.

    The latest command is kept, for lights that start after it.

    :param node: rclpy.node.Node that switches them
    :param heard: called with the number of the light that is said to shine
    """

    def __init__(self, node: Any, heard: Callable[[int], None]) -> None:
        self._node, self._heard = node, heard
        self._publisher: Any = None
        self._pending: UInt8 | None = None

    def advertise(self) -> None:
        """Publish and listen from now on; to be called in the executor's thread."""
        if self._publisher is not None:
            return
        self._publisher = self._node.create_publisher(UInt8, 'light_command', output_profile())
        self._node.create_subscription(
            UInt8, 'light_feedback', lambda message: self._heard(int(message.data)),
            input_profile('best_effort', _DEPTH))

    def command(self, number: int) -> None:
        """Switch a light on; see Light."""
        self._pending = UInt8(data=number)

    def accepted(self) -> bool:
        """Return whether anybody listens, who has then been told."""
        if self._pending is not None and self._publisher.get_subscription_count() > 0:
            self._publisher.publish(self._pending)
            self._pending = None
        return self._pending is None
