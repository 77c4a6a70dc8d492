# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A managed node's side of the bond with its lifecycle manager."""

from __future__ import annotations

from typing import Any
import uuid

from focus_stacking_ros.ros.messages.message_types import message_type
from rclpy.clock import Clock, ClockType

__all__ = ['Bond', 'open_bond']

_TOPIC = 'bond'
_HEARTBEAT_SECONDS = 0.25  # as nav2's nodes
_TIMEOUT_SECONDS = 4.0  # that nav2's manager waits for the next; for who reads the messages
_KEPT, _HEARD = 5, 100  # messages, of the publisher and of the subscription


class Bond:
    """
    Tells a lifecycle manager that the node is alive, from its activation to its deactivation.

    Heartbeats, bond/msg/Status with the name of the node as id, go out on ``bond`` from the
    executor's thread, so that a node that hangs is missed as one that has died is. A manager that
    says it leaves gets no more of them; one that falls silent is not missed, as by nav2's nodes:
    the node goes on. All of it belongs to the executor's thread.

    :param node: rclpy.node.Node
    :param kind: bond/msg/Status
    """

    def __init__(self, node: Any, kind: Any) -> None:
        self._node, self._kind = node, kind
        self._instance = self._sister = ''
        self._timer: Any = None
        # Not on the node's clock, which stands still in a paused simulation.
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._publisher = node.create_publisher(kind, _TOPIC, _KEPT)
        self._subscription = node.create_subscription(kind, _TOPIC, self._heard, _HEARD)

    def start(self) -> None:
        """Begin a bond; the manager has one of its own for each activation."""
        self._instance, self._sister = str(uuid.uuid4()), ''
        self._timer = self._node.create_timer(
            _HEARTBEAT_SECONDS, self._beat, clock=self._steady)
        self._beat()

    def stop(self) -> None:
        """End the bond, if there is one, and say so."""
        if self._timer is None:
            return
        self._node.destroy_timer(self._timer)
        self._timer = None
        self._tell(active=False)

    def destroy(self) -> None:
        """End the bond and leave its topic."""
        self.stop()
        self._node.destroy_publisher(self._publisher)
        self._node.destroy_subscription(self._subscription)

    def _beat(self) -> None:
        self._tell(active=True)

    def _tell(self, *, active: bool) -> None:
        message = self._kind(
            id=self._node.get_name(), instance_id=self._instance, active=active,
            heartbeat_timeout=_TIMEOUT_SECONDS, heartbeat_period=_HEARTBEAT_SECONDS)
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)

    def _heard(self, message: Any) -> None:
        if message.id != self._node.get_name() or message.instance_id == self._instance:
            return
        if message.active:
            self._sister = message.instance_id
        elif message.instance_id == self._sister:  # not the last words of a bond before
            self.stop()


def open_bond(node: Any) -> Bond | None:
    """Return a bond that has not begun, None where the package ``bond`` is not installed."""
    try:
        kind = message_type('bond/msg/Status')
    except ModuleNotFoundError:
        node.get_logger().debug('bond is not installed: lifecycle managers take bond_timeout 0.0')
        return None
    return Bond(node, kind)
