# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How far the running stack is, as a typed message after every slice."""

from __future__ import annotations

import threading
from typing import Any

from focus_stacking_ros.ros.node.qos import output_profile
from focus_stacking_ros.ros.stacker.delivery import Progress

__all__ = ['ProgressPublisher']


class ProgressPublisher:
    """
    Publishes ``stack_progress``; made and destroyed in the executor's thread.

    :param node: rclpy.lifecycle.LifecycleNode
    :param kind: focus_stacking_interfaces/StackProgress
    """

    def __init__(self, node: Any, kind: Any) -> None:
        self._node, self._kind = node, kind
        self._lock = threading.Lock()
        self._publisher: Any = node.create_lifecycle_publisher(
            kind, 'stack_progress', output_profile())

    def publish(self, progress: Progress) -> None:
        """Tell how far the stack is; in the thread that feeds it."""
        with self._lock:
            if self._publisher is not None and self._publisher.is_activated:
                self._publisher.publish(self._kind(
                    header=progress.header, taken=progress.taken, refused=progress.refused,
                    expected=progress.expected, reason=progress.reason))

    def destroy(self) -> None:
        """Remove the publisher from the node; what is published then goes nowhere."""
        with self._lock:
            self._node.destroy_lifecycle_publisher(self._publisher)
            self._publisher = None
