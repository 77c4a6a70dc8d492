# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the sources whose tags carry the header of their image."""

from __future__ import annotations

from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from focus_stacking_ros.ros.messages.message_types import message_type
from focus_stacking_ros.ros.stacker.focus_sources.diagnostics import DiagnosticsSource
from focus_stacking_ros.ros.stacker.focus_sources.point import PointSource
from focus_stacking_ros.ros.stacker.focus_sources.transform import TransformSource
from geometry_msgs.msg import PointStamped
import pytest

pytestmark = pytest.mark.ros


class Tags(list):
    """Takes tags as a source gives them, and warnings apart."""

    def __init__(self) -> None:
        super().__init__()
        self.warnings: list[str] = []

    def __call__(self, stamp: tuple[int, int], position: float) -> None:
        """Take a tag."""
        self.append((stamp, position))

    def warn(self, kind: str, words: str) -> None:
        """Take a warning; its kind is the same whatever its figures are."""
        assert not any(letter.isdigit() for letter in kind)
        self.warnings.append(words)


def hear(source: Any, message: Any) -> None:
    """Give a message to the only subscription of a source."""
    (kind, callback), = source.topics.values()
    assert isinstance(message, message_type(kind))
    callback(message)


def diagnostics(seconds: int, values: dict[str, str], hardware_id: str = 'imx708'
                ) -> DiagnosticArray:
    """Return what camera_ros publishes for an image: one nameless status."""
    message = DiagnosticArray()
    message.header.stamp.sec, message.header.stamp.nanosec = seconds, 5
    message.header.frame_id = 'camera'
    message.status.append(DiagnosticStatus(hardware_id=hardware_id, values=[
        KeyValue(key=key, value=value) for key, value in values.items()]))
    return message


def test_a_point_is_the_tag_of_its_stamp() -> None:
    tags = Tags()
    source = PointSource(tags)
    assert list(source.topics) == ['focus_position']
    message = PointStamped()
    message.header.stamp.sec, message.header.stamp.nanosec = 3, 4
    message.point.x, message.point.z = 9.0, 0.25
    source.image_came((3, 4))
    hear(source, message)
    assert tags == [((3, 4), 0.25)]


def test_the_lens_position_of_camera_ros_is_the_tag_of_its_stamp() -> None:
    tags = Tags()
    source = DiagnosticsSource('LensPosition', '', tags, tags.warn)
    assert list(source.topics) == ['/diagnostics']
    hear(source, diagnostics(7, {'AfState': '0', 'LensPosition': '1.250000'}))
    assert (tags, tags.warnings) == ([((7, 5), 1.25)], [])


def test_diagnostics_of_others_are_none_of_its_business() -> None:
    tags = Tags()
    source = DiagnosticsSource('LensPosition', 'imx708', tags, tags.warn)
    hear(source, diagnostics(1, {'temperature': '40'}))
    hear(source, diagnostics(2, {'LensPosition': '2.0'}, 'another camera'))
    hear(source, DiagnosticArray())
    assert (tags, tags.warnings) == ([], [])
    hear(source, diagnostics(3, {'LensPosition': '3.0'}))
    assert tags == [((3, 5), 3.0)]


def test_another_key_may_be_named() -> None:
    tags = Tags()
    source = DiagnosticsSource('Focus', '', tags, tags.warn)
    hear(source, diagnostics(1, {'LensPosition': '1.0', 'Focus': '512'}))
    assert tags == [((1, 5), 512.0)]


def test_a_value_that_is_no_number_is_warned_of() -> None:
    tags = Tags()
    source = DiagnosticsSource('AfState', '', tags, tags.warn)
    hear(source, diagnostics(1, {'AfState': 'scanning'}))
    assert tags == []
    assert "'scanning'" in tags.warnings[0]
    assert 'focus.diagnostics_key' in tags.warnings[0]


def test_with_a_fixed_lens_every_image_is_tagged() -> None:
    tags = Tags()
    source = TransformSource(tags)
    assert not source.topics
    source.image_came((1, 2))
    assert tags == [((1, 2), 0.0)]
