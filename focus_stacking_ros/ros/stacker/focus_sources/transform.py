# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""No focus positions at all: the lens is fixed, and the pose of the camera tells them."""

from __future__ import annotations

from typing import ClassVar

from focus_stacking_ros.ros.messages.stamp import Stamp
from focus_stacking_ros.ros.stacker.focus_sources.source import OnTag, Subscriptions

__all__ = ['TransformSource']


class TransformSource:
    """
    Tags every image with 0; its pose at its stamp makes the focus position, see SweepMotion.

    :param tag: see create_source
    """

    topics: ClassVar[Subscriptions] = {}

    def __init__(self, tag: OnTag) -> None:
        self._tag = tag

    def image_came(self, stamp: Stamp) -> None:
        """Tag an image."""
        self._tag(stamp, 0.0)

    def clear(self) -> None:
        """Do nothing: nothing is kept."""
