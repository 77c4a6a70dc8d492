# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Quality of service of the package's topics."""

from __future__ import annotations

from collections.abc import Callable
import inspect
from typing import Any

from rclpy.qos import (
    QoSDurabilityPolicy,
    QoSHistoryPolicy,
    QoSPolicyKind,
    QoSProfile,
    QoSReliabilityPolicy,
)

try:
    from rclpy.event_handler import (
        PublisherEventCallbacks,
        SubscriptionEventCallbacks,
        UnsupportedEventTypeError,
    )
except ImportError:  # Humble
    from rclpy.qos_event import (
        PublisherEventCallbacks,
        SubscriptionEventCallbacks,
        UnsupportedEventTypeError,
    )

__all__ = ['OUTPUT_OVERRIDABLE', 'OVERRIDABLE', 'UnsupportedEventTypeError', 'input_profile',
           'matched_events', 'mismatch_events', 'output_profile', 'wanted_reliability']

#: What `qos_overrides` parameters may change of a subscription, besides its reliability.
OVERRIDABLE = (QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH, QoSPolicyKind.DURABILITY)
#: What they may change of a publisher.
OUTPUT_OVERRIDABLE = (*OVERRIDABLE, QoSPolicyKind.RELIABILITY)


def input_profile(reliability: str, depth: int) -> QoSProfile:
    """
    Return the profile of a subscription: volatile, keep last.

    :param reliability: reliable or best_effort
    :param depth: messages to keep
    """
    return QoSProfile(
        history=QoSHistoryPolicy.KEEP_LAST, depth=depth, durability=QoSDurabilityPolicy.VOLATILE,
        reliability=QoSReliabilityPolicy.BEST_EFFORT if reliability == 'best_effort'
        else QoSReliabilityPolicy.RELIABLE)


def output_profile(reliability: str = 'reliable', durability: str = 'transient_local'
                   ) -> QoSProfile:
    """
    Return the profile of a result: the last one only.

    :param reliability: reliable or best_effort
    :param durability: transient_local (kept for late subscribers) or volatile
    """
    return QoSProfile(
        history=QoSHistoryPolicy.KEEP_LAST, depth=1,
        durability=QoSDurabilityPolicy[durability.upper()],
        reliability=QoSReliabilityPolicy[reliability.upper()])


def wanted_reliability(node: Any, topic: str, setting: str) -> str:
    """
    Return reliable or best_effort for a subscription.

    :param node: whose graph is asked
    :param topic: resolved name of the topic
    :param setting: auto follows the publishers: best_effort where all of them are
    """
    if setting != 'auto':
        return setting
    offered = [info.qos_profile.reliability for info in node.get_publishers_info_by_topic(topic)]
    best_effort = [each == QoSReliabilityPolicy.BEST_EFFORT for each in offered]
    return 'best_effort' if best_effort and all(best_effort) else 'reliable'


def mismatch_events(report: Callable[[], None]) -> SubscriptionEventCallbacks:
    """Return event callbacks that call ``report`` when a publisher's QoS does not fit."""
    return SubscriptionEventCallbacks(incompatible_qos=lambda _event: report())


def matched_events(report: Callable[[], None]) -> PublisherEventCallbacks | None:
    """
    Return event callbacks that call ``report`` when a publisher gets or loses a subscriber.

    :returns: None where rclpy has no such event, before Jazzy; creating a publisher with it raises
        UnsupportedEventTypeError where the middleware has none
    """
    if 'matched' not in inspect.signature(PublisherEventCallbacks).parameters:
        return None
    return PublisherEventCallbacks(matched=lambda _event: report())
