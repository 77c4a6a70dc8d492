# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of the running stack, for who watches it grow."""

from __future__ import annotations

from collections.abc import Callable
import threading
import time
from typing import Any
import weakref

from focus_stacking_ros.core.files.pictures import depth_picture
from focus_stacking_ros.core.stack.growing import GrowingPicture
from focus_stacking_ros.core.stack.stacker import FocusStacker
from focus_stacking_ros.ros.messages.images import array_to_image
from focus_stacking_ros.ros.node.qos import output_profile
import numpy as np
from sensor_msgs.msg import Image

__all__ = ['GrowingPreviews']

_LEAST_SECONDS = 0.2  # between two pictures
_SHARE = 0.05  # of the time, that the pictures may take from the stack


class GrowingPreviews:
    """
    Publishes ``all_in_focus/preview`` and ``slice_index/preview`` while somebody listens.

    Slices are shown as the share of the time allows that pictures may take: one after the other
    where they come slowly; where they come fast some wait for the next picture. Made and
    destroyed in the executor's thread, fed in that which makes results.

    :param node: rclpy.lifecycle.LifecycleNode
    :param clock: steady clock, seconds
    """

    #: Relative to the namespace of the node.
    TOPICS = ('all_in_focus/preview', 'slice_index/preview')

    def __init__(self, node: Any, clock: Callable[[], float] = time.monotonic) -> None:
        self._node, self._clock, self._lock = node, clock, threading.Lock()
        self._publishers = [node.create_lifecycle_publisher(Image, name, output_profile())
                            for name in self.TOPICS]
        self._picture: GrowingPicture | None = None
        self._stack: Callable[[], object] = lambda: None
        self._next = self._ended = clock()

    def update(self, stacker: FocusStacker, header: Any) -> None:
        """
        Show the slices that have come since, if it is time to.

        :param stacker: the running stack
        :param header: std_msgs/Header of its latest slice
        """
        if self._stack() is not stacker:
            self._stack, self._picture = weakref.ref(stacker), None
        begun = self._clock()
        if begun < self._next or not any(self._wanted()):
            return
        allowed = begun + _SHARE * (begun - self._ended)
        for item in stacker.measured(0 if self._picture is None else len(self._picture)):
            if self._picture is None:
                self._picture = GrowingPicture(item.image.shape)
            self._picture.add(item)
            if self._clock() > allowed:
                break
        if self._picture is not None:
            self._publish(self._picture, header)
        self._ended = self._clock()
        taken = self._ended - begun
        self._next = self._ended + max(_LEAST_SECONDS, taken * (1 / _SHARE - 1))

    def destroy(self) -> None:
        """Remove the publishers from the node; nothing is shown any more."""
        with self._lock:
            for publisher in self._publishers:
                self._node.destroy_lifecycle_publisher(publisher)
            self._publishers = []

    def _wanted(self) -> list[bool]:
        with self._lock:
            return [bool(each.is_activated and each.get_subscription_count())
                    for each in self._publishers]

    def _publish(self, grown: GrowingPicture, header: Any) -> None:
        for number, wanted in enumerate(self._wanted()):
            if wanted:
                message = array_to_image(_PICTURES[number](grown), header, 'rgb8')
                with self._lock:
                    if self._publishers:
                        self._publishers[number].publish(message)


def _sources(grown: GrowingPicture) -> Any:
    """Return in colours which slice a pixel is from: red is the nearest so far."""
    known = grown.positions[np.isfinite(grown.positions)]
    ends = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    return depth_picture(grown.positions, *ends)


#: What each of the topics shows.
_PICTURES: tuple[Callable[[GrowingPicture], Any], ...] = (lambda grown: grown.picture, _sources)
