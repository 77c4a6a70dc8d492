# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the operator reads on /diagnostics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

__all__ = ['Health', 'diagnostic_array']


@dataclass
class Health:
    """
    The state of one aspect of a node.

    :param name: aspect, appended to the node's name
    :param values: what to show, by key
    :param warning: why the operator should look, '' where all is well
    :param error: why it cannot work, '' where it can
    """

    name: str
    values: Mapping[str, object] = field(default_factory=dict)
    warning: str = ''
    error: str = ''


def diagnostic_array(node_name: str, hardware: str, stamp: Any,
                     healths: list[Health]) -> DiagnosticArray:
    """
    Return a diagnostic_msgs/DiagnosticArray.

    :param node_name: fully qualified name of the node
    :param hardware: what it runs on
    :param stamp: builtin_interfaces/Time
    :param healths: one status each
    """
    message = DiagnosticArray()
    message.header.stamp = stamp
    for health in healths:
        level = DiagnosticStatus.ERROR if health.error else (
            DiagnosticStatus.WARN if health.warning else DiagnosticStatus.OK)
        message.status.append(DiagnosticStatus(
            level=level, name=f'{node_name.lstrip("/")}: {health.name}', hardware_id=hardware,
            message='; '.join(words for words in (health.error, health.warning) if words) or 'ok',
            values=[KeyValue(key=key, value=str(value))
                    for key, value in health.values.items()]))
    return message
