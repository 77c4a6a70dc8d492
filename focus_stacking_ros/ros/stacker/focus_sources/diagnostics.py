# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Focus positions in diagnostics with the header of the image, as camera_ros publishes them."""

from __future__ import annotations

from typing import Any

from focus_stacking_ros.ros.messages.stamp import Stamp
from focus_stacking_ros.ros.stacker.focus_sources.source import OnTag, Subscriptions, Warn

__all__ = ['DiagnosticsSource']


class DiagnosticsSource:
    """
    Listens to ``/diagnostics``; what does not have the key is another node's business.

    camera_ros 0.7 and later publish every libcamera control so, ``LensPosition`` among them.

    :param key: key of the value that is the focus position
    :param hardware_id: of the status, '' for any
    :param tag: see create_source
    :param warn: called with a sentence when the value is no number
    """

    def __init__(self, key: str, hardware_id: str, tag: OnTag, warn: Warn) -> None:
        self._key, self._hardware_id, self._tag, self._warn = key, hardware_id, tag, warn
        self.topics: Subscriptions = {
            '/diagnostics': ('diagnostic_msgs/msg/DiagnosticArray', self._take)}

    def image_came(self, stamp: Stamp) -> None:
        """Do nothing: the tags carry the stamps of their images."""

    def clear(self) -> None:
        """Do nothing: nothing is kept."""

    def _take(self, message: Any) -> None:
        value = self._find(message)
        if value is None:
            return
        try:
            position = float(value)
        except ValueError:
            self._warn('no number', f'{self._key} in /diagnostics is {value!r}, which is no '
                       'number; name another key in focus.diagnostics_key')
            return
        stamp = message.header.stamp
        self._tag((stamp.sec, stamp.nanosec), position)

    def _find(self, message: Any) -> str | None:
        for status in message.status:
            if self._hardware_id in ('', status.hardware_id):
                for item in status.values:
                    if item.key == self._key:
                        return str(item.value)
        return None
