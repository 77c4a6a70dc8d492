# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A node that takes what a stacking node publishes, and what that says about itself."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from focus_stacking_ros.ros.node.qos import output_profile
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import String

__all__ = ['DEPTH', 'DEVIATION', 'RESULT_IMAGES', 'ResultReceiver']

DEPTH, DEVIATION = 'depth/image', 'depth_std/image'
#: The large images of a result; those with metres only where the focus positions have them.
RESULT_IMAGES = ('all_in_focus/image', DEPTH, 'confidence/image', 'slice_index/image', DEVIATION)


class ResultReceiver(Node):
    """
    Takes the results of the stacking node in its namespace.

    :param images: topics with images that belong to a result
    """

    def __init__(self, images: Sequence[str], **node_arguments: Any) -> None:
        super().__init__('receiver', **node_arguments)
        #: When something of a result came last, on the steady clock.
        self.last_message = time.monotonic()
        #: What the node has told last of each aspect, diagnostic_msgs/DiagnosticStatus.
        self.health: dict[str, Any] = {}
        self._stacker = f'{self.get_namespace().lstrip("/")}/stacker: '
        for kind, name in (*((Image, name) for name in images), (String, 'report')):
            self.create_subscription(kind, name, partial(self._came, name), output_profile())
        self.create_subscription(DiagnosticArray, '/diagnostics', self._diagnosed, 10)

    def take(self, name: str, message: Any) -> None:
        """Take a message of a result; for subclasses."""

    def count(self, aspect: str, key: str) -> int:
        """Return a number the node has told last, 0 where it has not."""
        values = self.health[aspect].values if aspect in self.health else ()
        return next((int(item.value) for item in values if item.key == key), 0)

    def _came(self, name: str, message: Any) -> None:
        self.last_message = time.monotonic()
        self.take(name, message)

    def _diagnosed(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name.startswith(self._stacker):
                self.health[status.name[len(self._stacker):]] = status
