# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""When a camera exposes: the headers of its camera infos, or of its images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from focus_stacking_ros.ros.node.qos import input_profile, wanted_reliability
from sensor_msgs.msg import CameraInfo, Image

__all__ = ['Exposures']

_DEPTH = 20


class Exposures:
    """
    Subscribes the topic that the exposures of a camera are noticed on.

    :param node: rclpy.node.Node that subscribes
    :param exposed: called with the std_msgs/Header of every exposure
    """

    def __init__(self, node: Any, exposed: Callable[[Any], None]) -> None:
        self._node, self._exposed = node, exposed
        self._subscription: Any = None
        self._current: tuple[str, str] | None = None

    @property
    def topic(self) -> str:
        """Return the resolved name of the subscribed topic, '' where there is none."""
        return '' if self._subscription is None else str(self._subscription.topic_name)

    def follow(self, setting: str) -> None:
        """
        Subscribe, anew where another topic or reliability is wanted than before.

        :param setting: camera_info, image, or auto: camera_info where somebody publishes it
        """
        name = setting
        if setting == 'auto':
            published = self._node.count_publishers(self._node.resolve_topic_name('camera_info'))
            images = self._node.count_publishers(self._node.resolve_topic_name('image'))
            # A camera that ends takes both away, and then there is nothing to follow.
            if not (published or images) and self._current is not None:
                return
            name = 'camera_info' if published or not images else 'image'
        topic = self._node.resolve_topic_name(name)
        # Small messages are not repeated either: the next exposure will do, and a reliable
        # subscription holds later ones back until a lost one is there.
        wanted = (name, 'best_effort' if name == 'camera_info' else wanted_reliability(
            self._node, topic, 'auto'))
        if wanted == self._current:
            return
        if (self._current is not None and self._current[0] == name
                and not self._node.count_publishers(topic)):
            return
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
        self._subscription = self._node.create_subscription(
            CameraInfo if name == 'camera_info' else Image, name,
            lambda message: self._exposed(message.header), input_profile(wanted[1], _DEPTH))
        self._current = wanted
