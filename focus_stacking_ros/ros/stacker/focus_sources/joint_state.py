# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Focus positions in sensor_msgs/JointState: a z-stage, interpolated at the image's stamp."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from typing import Any

from focus_stacking_ros.ros.messages.stamp import Stamp
from focus_stacking_ros.ros.stacker.focus_sources.source import (
    nanoseconds,
    OnTag,
    Subscriptions,
    Warn,
)

__all__ = ['JointStateSource']

_MOST_STATES = 4096  # messages
_CLOCK_SET_BACK = 1_000_000_000  # nanoseconds; a smaller step back is a message out of order


class JointStateSource:
    """
    Listens to ``joint_states`` and tags every image with the position of a joint at its stamp.

    Joint states come at a rate of their own, so the position is interpolated between the two
    around the stamp; an image waits for the second of them.

    :param joint: name of the joint
    :param gap_seconds: longest time between the two
    :param depth: images that may wait
    :param tag: see create_source
    :param warn: called with a sentence when an image stays without a tag
    """

    def __init__(self, joint: str, gap_seconds: float, depth: int, tag: OnTag,
                 warn: Warn) -> None:
        self._joint, self._gap, self._tag, self._warn = joint, gap_seconds * 1e9, tag, warn
        self._times: deque[int] = deque(maxlen=_MOST_STATES)
        self._positions: deque[float] = deque(maxlen=_MOST_STATES)
        self._waiting: deque[Stamp] = deque(maxlen=depth)
        self.topics: Subscriptions = {'joint_states': ('sensor_msgs/msg/JointState', self._take)}

    def image_came(self, stamp: Stamp) -> None:
        """Tag an image now, or when a joint state at or after its stamp has come."""
        self._waiting.append(stamp)
        self._serve()

    def clear(self) -> None:
        """Forget the images that wait and the joint states."""
        self._waiting.clear()
        self._times.clear()
        self._positions.clear()

    def _take(self, message: Any) -> None:
        try:
            position = message.position[list(message.name).index(self._joint)]
        except (ValueError, IndexError):
            return  # joint states may come in parts, from several publishers
        time = nanoseconds((message.header.stamp.sec, message.header.stamp.nanosec))
        if not time:
            self._warn('no stamps', 'the joint states have no stamp, so no image can be tagged '
                       'by them; stamp them')
            return
        if self._times and time <= self._times[-1]:
            if time > self._times[-1] - _CLOCK_SET_BACK:
                return
            self.clear()
        self._times.append(time)
        self._positions.append(position)
        self._serve()

    def _serve(self) -> None:
        waiting = list(self._waiting)
        self._waiting.clear()
        for stamp in waiting:
            if not self._times or nanoseconds(stamp) > self._times[-1]:
                self._waiting.append(stamp)
                continue
            position = self._at(nanoseconds(stamp))
            if position is not None:
                self._tag(stamp, position)
                continue
            self._warn('no focus position', 'an image has no focus position: no two joint states '
                       f'of {self._joint!r} within {self._gap / 1e9:g} s are around its stamp; '
                       'publish them faster, or raise focus.joint_gap')

    def _at(self, time: int) -> float | None:
        after = bisect_left(self._times, time)
        if self._times[after] == time:
            return self._positions[after]
        if after == 0 or self._times[after] - self._times[after - 1] > self._gap:
            return None
        start, span = self._times[after - 1], self._times[after] - self._times[after - 1]
        part = (time - start) / span
        return (1 - part) * self._positions[after - 1] + part * self._positions[after]
