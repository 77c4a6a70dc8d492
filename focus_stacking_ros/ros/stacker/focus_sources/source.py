# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""FocusSource: what every source of focus positions offers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from focus_stacking_ros.ros.messages.focus_position import Claim
from focus_stacking_ros.ros.messages.stamp import Stamp

__all__ = ['FocusSource', 'OnTag', 'Subscriptions', 'Warn', 'nanoseconds']

#: Name of the message type (as std_msgs/msg/Float32) and callback by topic name.
Subscriptions = Mapping[str, tuple[str, Callable[[Any], None]]]

#: Called with a kind of fault and a sentence when tags are missing or doubtful.
Warn = Callable[[str, str], None]


class OnTag(Protocol):
    """Takes the focus position of an image."""

    def __call__(self, stamp: Stamp, position: float, claim: Claim | None = None, /) -> None:
        """
        Take a focus position.

        :param stamp: of the image
        :param position: in ``focus.unit``
        :param claim: what the position says of itself, where it is typed
        """


class FocusSource(Protocol):
    """Tells the focus positions of images; all is called in the executor's thread."""

    @property
    def topics(self) -> Subscriptions:
        """Return what the source wants to hear."""

    def image_came(self, stamp: Stamp) -> None:
        """Take note of an image; a source without stamps of its own tags it, now or later."""

    def clear(self) -> None:
        """Forget the images that wait for a tag, and what was heard."""


def nanoseconds(stamp: Stamp) -> int:
    """Return a stamp as nanoseconds."""
    return stamp[0] * 1_000_000_000 + stamp[1]
