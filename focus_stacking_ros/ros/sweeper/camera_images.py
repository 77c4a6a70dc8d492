# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The images of a camera, while somebody needs them."""

from __future__ import annotations

from collections import OrderedDict
import threading
import time
from typing import Any

from focus_stacking_ros.core.slices import Image
from focus_stacking_ros.ros.messages.images import compressed_to_array, image_to_array
from focus_stacking_ros.ros.messages.stamp import Stamp
from focus_stacking_ros.ros.node.qos import input_profile, wanted_reliability
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image as ImageMessage

__all__ = ['CameraImages']

_POLL_SECONDS = 0.05
_KEPT = 4  # images that wait until their exposure is chosen


class CameraImages:
    """
    Subscribes ``image``, or ``image/compressed`` where only that is published.

    Made and destroyed in the executor's thread; waited for in another one.

    :param node: rclpy.node.Node that subscribes
    :param stopped: set where nobody is to wait any longer
    """

    def __init__(self, node: Any, stopped: threading.Event) -> None:
        self._node, self._stopped = node, stopped
        self._changed = threading.Condition()
        self._messages: OrderedDict[Stamp, Any] = OrderedDict()
        names = {'image': ImageMessage, 'image/compressed': CompressedImage}
        published = [name for name in names
                     if node.count_publishers(node.resolve_topic_name(name))]
        name = published[0] if published else 'image'
        reliability = wanted_reliability(node, node.resolve_topic_name(name), 'auto')
        self._subscription = node.create_subscription(
            names[name], name, self._came, input_profile(reliability, _KEPT))

    def destroy(self) -> None:
        """Listen no longer."""
        self._node.destroy_subscription(self._subscription)

    def wait(self, stamp: Stamp, timeout_seconds: float) -> Image | None:
        """Return the image of a stamp, or the next one; see Images."""
        deadline = time.monotonic() + timeout_seconds
        with self._changed:
            while (message := self._first_from(stamp)) is None:
                if self._stopped.is_set() or time.monotonic() > deadline:
                    return None
                self._changed.wait(_POLL_SECONDS)
        return (image_to_array(message) if hasattr(message, 'encoding')
                else compressed_to_array(message))

    def _first_from(self, stamp: Stamp) -> Any:
        """Take the image of a stamp, or the next one if that has been lost, if there is any."""
        later = [each for each in self._messages if each >= stamp]
        return self._messages.pop(min(later)) if later else None

    def _came(self, message: Any) -> None:
        with self._changed:
            self._messages[message.header.stamp.sec, message.header.stamp.nanosec] = message
            while len(self._messages) > _KEPT:
                self._messages.popitem(last=False)
            self._changed.notify_all()
