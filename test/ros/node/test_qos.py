# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the quality of service of the topics, with real publishers and subscribers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from focus_stacking_ros.ros.node.qos import (
    input_profile,
    mismatch_events,
    output_profile,
    wanted_reliability,
)
from helpers.ros_helpers import RosContext, spin_until
import pytest
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import (
    qos_check_compatible,
    qos_profile_sensor_data,
    QoSCompatibility,
    QoSDurabilityPolicy,
    QoSHistoryPolicy,
    QoSProfile,
    QoSReliabilityPolicy,
)
from std_msgs.msg import String

pytestmark = pytest.mark.ros

RELIABLE, BEST_EFFORT = QoSProfile(depth=5), qos_profile_sensor_data


@pytest.fixture
def node(ros_context: RosContext) -> Iterator[Node]:
    """Return a node in an executor of its own, ``node.executor``."""
    result = Node('cell', context=ros_context.context, namespace='cell')
    executor = SingleThreadedExecutor(context=ros_context.context)
    executor.add_node(result)
    yield result
    executor.shutdown()
    result.destroy_node()


def publish(node: Node, *profiles: QoSProfile, topic: str = 'image') -> list[Any]:
    """Make publishers and wait until the graph shows them."""
    publishers = [node.create_publisher(String, topic, profile) for profile in profiles]
    count = len(publishers)
    spin_until(node.executor, lambda: node.count_publishers(topic) == count)
    return publishers


def test_an_input_keeps_the_last_messages_and_asks_for_no_older_ones() -> None:
    for reliability, policy in (('reliable', QoSReliabilityPolicy.RELIABLE),
                                ('best_effort', QoSReliabilityPolicy.BEST_EFFORT)):
        profile = input_profile(reliability, 7)
        assert (profile.reliability, profile.durability, profile.history, profile.depth) == (
            policy, QoSDurabilityPolicy.VOLATILE, QoSHistoryPolicy.KEEP_LAST, 7)


def test_an_output_is_reliable_and_kept_for_who_comes_late() -> None:
    profile = output_profile()
    assert (profile.reliability, profile.durability, profile.history, profile.depth) == (
        QoSReliabilityPolicy.RELIABLE, QoSDurabilityPolicy.TRANSIENT_LOCAL,
        QoSHistoryPolicy.KEEP_LAST, 1)


@pytest.mark.parametrize('subscriber', [RELIABLE, BEST_EFFORT, output_profile()])
def test_an_output_fits_every_common_subscriber(subscriber) -> None:
    assert qos_check_compatible(output_profile(), subscriber)[0] != QoSCompatibility.ERROR


@pytest.mark.parametrize('publisher', [RELIABLE, BEST_EFFORT, output_profile()])
def test_a_best_effort_input_fits_every_common_camera(publisher) -> None:
    assert qos_check_compatible(publisher, input_profile('best_effort', 20))[0] != (
        QoSCompatibility.ERROR)


@pytest.mark.parametrize(('offered', 'wanted'), [
    ((), 'reliable'), ((RELIABLE,), 'reliable'), ((BEST_EFFORT,), 'best_effort'),
    ((BEST_EFFORT, BEST_EFFORT), 'best_effort'), ((BEST_EFFORT, RELIABLE), 'reliable'),
    ((RELIABLE, BEST_EFFORT), 'reliable')])
def test_auto_follows_what_the_publishers_offer(node, offered, wanted) -> None:
    publish(node, *offered)
    assert wanted_reliability(node, '/cell/image', 'auto') == wanted
    for setting in ('reliable', 'best_effort'):  # what is set is what is done
        assert wanted_reliability(node, '/cell/image', setting) == setting


def test_publishers_of_another_topic_do_not_matter(node) -> None:
    publish(node, BEST_EFFORT, topic='other')
    assert wanted_reliability(node, '/cell/image', 'auto') == 'reliable'


@pytest.mark.parametrize(('offered', 'wanted'), [
    (BEST_EFFORT, input_profile('reliable', 5)), (RELIABLE, output_profile())],
    ids=['reliability', 'durability'])
def test_a_publisher_that_does_not_fit_is_told(node, offered, wanted) -> None:
    told: list[bool] = []
    node.create_subscription(String, 'image', lambda _message: None, wanted,
                             event_callbacks=mismatch_events(lambda: told.append(True)))
    publish(node, offered)
    spin_until(node.executor, lambda: told, what='the mismatch')


@pytest.mark.parametrize(('offered', 'wanted'), [
    (BEST_EFFORT, 'best_effort'), (RELIABLE, 'best_effort'), (RELIABLE, 'reliable')])
def test_a_publisher_that_fits_is_heard_and_not_told(node, offered, wanted) -> None:
    told: list[bool] = []
    received: list[String] = []
    node.create_subscription(String, 'image', received.append, input_profile(wanted, 5),
                             event_callbacks=mismatch_events(lambda: told.append(True)))
    publisher, = publish(node, offered)
    spin_until(node.executor, publisher.get_subscription_count)
    publisher.publish(String(data='slice'))
    spin_until(node.executor, lambda: received, what='the message')
    assert told == []
