# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Focus positions of images as they are published: a point, and typed where that is installed."""

from __future__ import annotations

from typing import Any

from focus_stacking_ros.ros.messages.focus_position import focus_position
from focus_stacking_ros.ros.node.qos import input_profile
from focus_stacking_ros.ros.node.typed_interfaces import Interfaces
from geometry_msgs.msg import PointStamped

__all__ = ['FocusTags']


class FocusTags:
    """
    Publishes ``focus_position`` and, with typed messages, ``focus_position_stamped``.

    :param node: rclpy.node.Node that publishes
    :param depth: messages that are kept for repetition
    :param kinds: the typed messages, None where they are not installed
    """

    def __init__(self, node: Any, depth: int, kinds: Interfaces | None) -> None:
        profile = input_profile('reliable', depth)
        self._points = node.create_publisher(PointStamped, 'focus_position', profile)
        self._kind = self._typed = None
        if kinds is not None:
            self._kind = kinds.FocusPositionStamped
            self._typed = node.create_publisher(self._kind, 'focus_position_stamped', profile)

    @property
    def publishers(self) -> tuple[Any, ...]:
        """Return the publishers there are."""
        return (self._points,) if self._typed is None else (self._points, self._typed)

    @property
    def subscribers(self) -> int:
        """Return how many listen, to whichever has more."""
        return max(int(each.get_subscription_count()) for each in self.publishers)

    def publish(self, header: Any, position: float, unit: str, light: int = 0) -> None:
        """
        Publish a focus position.

        :param header: std_msgs/Header of the image
        :param position: in the unit
        :param unit: one of FOCUS_UNITS
        :param light: that the image was taken under, counted from 0; only the typed tag says it
        """
        message = PointStamped(header=header)
        message.point.z = position
        self._points.publish(message)
        if self._typed is not None:
            self._typed.publish(focus_position(self._kind, header, position, unit, light))
