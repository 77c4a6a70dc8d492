# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of what the operator reads on /diagnostics."""

from __future__ import annotations

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from focus_stacking_ros.ros.node.diagnostics import diagnostic_array, Health
import pytest
from rclpy.serialization import deserialize_message, serialize_message

pytestmark = pytest.mark.ros

STAMP = Time(sec=12, nanosec=34)


def statuses(*healths: Health, node_name: str = '/cell/stacker') -> list[DiagnosticStatus]:
    return diagnostic_array(node_name, 'focus stacking', STAMP, list(healths)).status


@pytest.mark.parametrize(('warning', 'error', 'level', 'message'), [
    ('', '', DiagnosticStatus.OK, 'ok'),
    ('two slices refused', '', DiagnosticStatus.WARN, 'two slices refused'),
    ('', 'no camera', DiagnosticStatus.ERROR, 'no camera'),
    ('two slices refused', 'no camera', DiagnosticStatus.ERROR,
     'no camera; two slices refused')])
def test_the_worst_news_decides_the_level_and_comes_first(warning, error, level, message) -> None:
    status, = statuses(Health('stack', {}, warning, error))
    assert (status.level, status.message) == (level, message)


def test_each_aspect_has_a_status_named_after_the_node() -> None:
    assert [status.name for status in statuses(Health('node'), Health('input'))] == [
        'cell/stacker: node', 'cell/stacker: input']
    assert statuses(Health('node'), node_name='/stacker')[0].name == 'stacker: node'
    assert statuses(Health('node'))[0].hardware_id == 'focus stacking'


def test_values_are_shown_in_their_order_as_text() -> None:
    status, = statuses(Health('stack', {'slices': 3, 'waiting': 0, 'end': 'count', 'ms': 1.5,
                                        'active': True}))
    assert [(item.key, item.value) for item in status.values] == [
        ('slices', '3'), ('waiting', '0'), ('end', 'count'), ('ms', '1.5'), ('active', 'True')]


def test_the_message_carries_the_stamp_and_can_be_sent() -> None:
    message = diagnostic_array('/stacker', 'camera 1', STAMP, [
        Health('node', {'backend': 'opencv'}), Health('input', {}, '', 'µ ≠')])
    assert message.header.stamp == STAMP
    assert deserialize_message(serialize_message(message), DiagnosticArray) == message


def test_healths_do_not_share_their_values() -> None:
    first, second = Health('node'), Health('input')
    assert first.values == second.values == {}
    assert first.values is not second.values
