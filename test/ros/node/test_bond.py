# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the bond with a lifecycle manager: who says what, and when it ends."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from focus_stacking_ros.ros.messages.message_types import message_type
from focus_stacking_ros.ros.node import bond as bond_module
from focus_stacking_ros.ros.node.bond import Bond, open_bond
import pytest
from std_msgs.msg import Header

pytestmark = pytest.mark.ros


class Status(SimpleNamespace):
    """In the place of bond/msg/Status, which the packages from PyPI do not have."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(header=Header(), **fields)


class _Node:
    """A node whose topic and timers are looked at."""

    def __init__(self) -> None:
        self.sent: list[Status] = []
        self.timers: list[Any] = []
        self.destroyed: list[str] = []

    def get_name(self) -> str:
        return 'stacker'

    def get_logger(self) -> Any:
        return SimpleNamespace(debug=lambda _words: None)

    def get_clock(self) -> Any:
        from rclpy.clock import Clock

        return Clock()

    def create_publisher(self, kind: Any, topic: str, _depth: int) -> Any:
        assert (kind, topic) == (Status, 'bond')
        return SimpleNamespace(publish=self.sent.append)

    def create_subscription(self, kind: Any, topic: str, callback: Any, _depth: int) -> Any:
        assert (kind, topic) == (Status, 'bond')
        self.hear = callback
        return 'subscription'

    def create_timer(self, _seconds: float, callback: Any, clock: Any) -> Any:
        assert clock.clock_type.name == 'STEADY_TIME'
        self.timers.append(callback)
        return callback

    def destroy_timer(self, timer: Any) -> None:
        self.timers.remove(timer)

    def destroy_publisher(self, _publisher: Any) -> None:
        self.destroyed.append('publisher')

    def destroy_subscription(self, _subscription: Any) -> None:
        self.destroyed.append('subscription')

    def said(self) -> list[bool]:
        """Return whether each message since the last call was a heartbeat."""
        told = list(self.sent)
        self.sent.clear()
        assert all(message.id == 'stacker' for message in told)
        return [message.active for message in told]


@pytest.fixture
def node() -> _Node:
    return _Node()


@pytest.fixture
def bond(node: _Node) -> Bond:
    return Bond(node, Status)


def from_manager(active: bool, instance: str = 'manager', name: str = 'stacker') -> Status:
    return Status(id=name, instance_id=instance, active=active)


def test_heartbeats_go_out_from_start_to_stop(node: _Node, bond: Bond) -> None:
    assert (node.said(), node.timers) == ([], [])
    bond.start()
    node.timers[0]()
    sent = list(node.sent)
    assert node.said() == [True, True]
    assert len({message.instance_id for message in sent}) == 1
    assert sent[0].heartbeat_period < sent[0].heartbeat_timeout
    bond.stop()
    assert (node.said(), node.timers) == ([False], [])
    bond.stop()
    assert node.said() == []
    bond.start()  # the manager makes a bond of its own for each activation
    assert node.sent[0].instance_id != sent[0].instance_id


def test_a_manager_that_leaves_is_answered_once(node: _Node, bond: Bond) -> None:
    bond.start()
    node.hear(from_manager(active=True))
    assert node.said() == [True]
    node.hear(from_manager(active=False))
    node.hear(from_manager(active=False))
    assert (node.said(), node.timers) == ([False], [])


@pytest.mark.parametrize('message', [
    from_manager(active=False, instance='one before'), from_manager(active=False, name='amcl')])
def test_what_others_say_ends_no_bond(node: _Node, bond: Bond, message: Status) -> None:
    bond.start()
    node.hear(from_manager(active=True))
    node.hear(from_manager(active=True, instance='of another node', name='amcl'))
    node.hear(message)
    node.hear(node.sent[0])  # its own words come back
    assert len(node.timers) == 1
    assert node.said() == [True]


def test_what_is_heard_of_no_bond_is_not_answered(node: _Node, bond: Bond) -> None:
    node.hear(from_manager(active=True))
    node.hear(from_manager(active=False))
    assert node.said() == []
    bond.start()
    bond.destroy()
    assert node.said() == [True, False]
    assert node.destroyed == ['publisher', 'subscription']


@pytest.mark.parametrize('installed', [False, True])
def test_there_is_a_bond_where_its_messages_are(node: _Node, installed: bool,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name: str) -> Any:
        assert name == 'bond/msg/Status'
        if installed:
            return Status
        return message_type('no_such_package/msg/Status')

    monkeypatch.setattr(bond_module, 'message_type', find)
    assert isinstance(open_bond(node), Bond) == installed
