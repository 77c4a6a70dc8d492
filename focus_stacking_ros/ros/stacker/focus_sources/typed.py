# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Focus positions in focus_stacking_interfaces/FocusPositionStamped, with their unit."""

from __future__ import annotations

from typing import Any

from focus_stacking_ros.ros.messages.focus_position import claim_of
from focus_stacking_ros.ros.messages.stamp import Stamp
from focus_stacking_ros.ros.stacker.focus_sources.source import OnTag, Subscriptions

__all__ = ['TypedSource']


class TypedSource:
    """
    Listens to ``focus_position_stamped``; the stack refuses what is in another unit than its own.

    :param tag: see create_source
    """

    def __init__(self, tag: OnTag) -> None:
        self._tag = tag
        self.topics: Subscriptions = {'focus_position_stamped': (
            'focus_stacking_interfaces/msg/FocusPositionStamped', self._take)}

    def image_came(self, stamp: Stamp) -> None:
        """Do nothing: the tags carry the stamps of their images."""

    def clear(self) -> None:
        """Do nothing: nothing is kept."""

    def _take(self, message: Any) -> None:
        stamp = message.header.stamp
        self._tag((stamp.sec, stamp.nanosec), message.position, claim_of(message))
