# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Focus positions in std_msgs/Float32, without a header: the latest before an image's stamp."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from focus_stacking_ros.ros.messages.stamp import Stamp
from focus_stacking_ros.ros.stacker.focus_sources.source import (
    nanoseconds,
    OnTag,
    Subscriptions,
    Warn,
)

__all__ = ['Float32Source']

_MOST_VALUES = 1000  # messages


class Float32Source:
    """
    Listens to ``lens_position`` and tags every image with the latest value before its stamp.

    Values have no stamps: the time at which they arrive counts, on the clock that the images are
    stamped with.

    :param tag: see create_source
    :param warn: called once with what that means, and when an image has no value before it
    :param now: the node's clock, nanoseconds
    """

    def __init__(self, tag: OnTag, warn: Warn, now: Callable[[], int]) -> None:
        self._tag, self._warn, self._now = tag, warn, now
        self._values: deque[tuple[int, float]] = deque(maxlen=_MOST_VALUES)
        self._warned = False
        self.topics: Subscriptions = {'lens_position': ('std_msgs/msg/Float32', self._take)}

    def image_came(self, stamp: Stamp) -> None:
        """Tag an image at once; one that is older than all values stays without a tag."""
        time = nanoseconds(stamp)
        for received, value in reversed(self._values):
            if received <= time:
                self._tag(stamp, value)
                return
        self._warn('no focus position', 'an image has no focus position: no lens_position came '
                   'before its stamp; publish it before the first image, on the clock the images '
                   'are stamped with')

    def clear(self) -> None:
        """Do nothing: the latest value stays true."""

    def _take(self, message: Any) -> None:
        now = self._now()
        if self._values and now < self._values[-1][0]:
            self._values.clear()  # the clock was set back
        self._values.append((now, message.data))
        if not self._warned:
            self._warned = True
            self._warn('no stamps', 'lens_position has no stamps: every image is taken to have '
                       'the latest value before its own stamp, so let the lens settle before each '
                       'exposure')
