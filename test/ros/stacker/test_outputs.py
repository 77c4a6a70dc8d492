# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Tests of the topics a result goes out on: for whom, and when.

Publishers, subscribers and lifecycle are real; the results are made up, so that what must come
out is known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
import json
from typing import Any

from focus_stacking_ros.core.option import OptionError
from focus_stacking_ros.ros.node.qos import (
    matched_events,
    output_profile,
    UnsupportedEventTypeError,
)
from focus_stacking_ros.ros.stacker import outputs as outputs_module
from focus_stacking_ros.ros.stacker.options import NodeOptions
from focus_stacking_ros.ros.stacker.output_messages import build_outputs
from focus_stacking_ros.ros.stacker.outputs import ResultPublisher
from helpers.deliveries import (
    make_camera_info,
    make_delivery,
    OUTPUTS,
)
from helpers.ros_helpers import RosContext, spin_until
import pytest
from rclpy.duration import Duration
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image

pytestmark = pytest.mark.ros


class Screen:
    """
    A node that publishes results, another that looks at them, and what was built for it.

    :param ros: the fixture ``ros_context``
    """

    def __init__(self, ros: RosContext) -> None:
        self.node = LifecycleNode('stacker', context=ros.context)
        self.viewer = Node('viewer', context=ros.context)
        self.executor = SingleThreadedExecutor(context=ros.context)
        self.executor.add_node(self.node)
        self.executor.add_node(self.viewer)
        self.now, self.late = 100.0, 0
        self.failed: list[tuple[str, Exception]] = []
        self.outputs = ResultPublisher(
            self.node, NodeOptions(), self.come_late,
            lambda name, error: self.failed.append((name, error)), lambda: self.now)
        assert self.node.trigger_configure() == TransitionCallbackReturn.SUCCESS
        assert self.node.trigger_activate() == TransitionCallbackReturn.SUCCESS
        self.built: list[tuple[str, int]] = []
        self.messages: dict[str, list[Any]] = defaultdict(list)

    def come_late(self) -> None:
        """Count how often a late subscriber was told of."""
        self.late += 1

    def close(self) -> None:
        """Remove both nodes."""
        self.executor.shutdown()
        self.node.destroy_node()
        self.viewer.destroy_node()

    def look_at(self, name: str) -> Any:
        """Subscribe an output, wait until it is connected, and return the subscription."""
        kind = ResultPublisher.topics()[name]
        before = self.subscribers(name)
        profile = output_profile()
        profile.depth = 10  # so that it sees everything
        subscription = self.viewer.create_subscription(
            kind, name, self.messages[name].append, profile)
        self.wait(lambda: self.subscribers(name) == before + 1, f'a subscriber of {name}')
        return subscription

    def look_away(self, name: str, subscription: Any) -> None:
        """Remove the only subscription of an output."""
        self.viewer.destroy_subscription(subscription)
        self.wait(lambda: self.subscribers(name) == 0, f'no subscriber of {name}')

    def subscribers(self, name: str) -> int:
        """Return how many subscribers an output knows of."""
        return self.outputs._topics[name].publisher.get_subscription_count()

    def publish(self, seconds: int, camera_info: CameraInfo | None = None,
                **instead: Any) -> None:
        """Publish a result with that stamp; ``instead`` are builders by name, __ for a slash."""
        def noted(name: str, build: Any) -> Any:
            def noting() -> Any:
                self.built.append((name, seconds))
                return build()
            return noting

        builders = build_outputs(make_delivery(seconds), camera_info, NodeOptions())
        builders.update({name.replace('__', '/'): build for name, build in instead.items()})
        self.outputs.publish({name: noted(name, build) for name, build in builders.items()})

    def acknowledged(self, name: str) -> None:
        """Wait until the subscribers of an output have what was published."""
        publisher = self.outputs._topics[name].publisher
        assert publisher.wait_for_all_acked(Duration(seconds=10))

    def wait(self, predicate: Any, what: str = 'the condition') -> None:
        """Spin until a condition holds."""
        spin_until(self.executor, predicate, what=what)

    def stamps(self, name: str, count: int) -> list[int]:
        """Wait for messages of an output, and return their stamps in seconds."""
        self.wait(lambda: len(self.messages[name]) >= count, f'{count} messages of {name}')
        return [message.header.stamp.sec for message in self.messages[name]]


@pytest.fixture
def screen(ros_context: RosContext) -> Iterator[Screen]:
    """Yield a `Screen` of an active node."""
    result = Screen(ros_context)
    yield result
    result.close()


def test_all_outputs_are_advertised_reliable_and_for_late_subscribers(screen) -> None:
    screen.wait(lambda: all(screen.viewer.count_publishers(name) for name in OUTPUTS))
    for name in OUTPUTS:
        offered, = screen.viewer.get_publishers_info_by_topic(name)
        assert (offered.qos_profile.reliability, offered.qos_profile.durability) == (
            QoSReliabilityPolicy.RELIABLE, QoSDurabilityPolicy.TRANSIENT_LOCAL), name


def test_the_topics_are_those_that_are_advertised(screen) -> None:
    assert set(ResultPublisher.topics()) == OUTPUTS


@pytest.mark.parametrize(('options', 'override', 'expected'), [
    ({'output_reliability': 'best_effort', 'output_durability': 'volatile'}, {},
     ('BEST_EFFORT', 'VOLATILE')),
    ({}, {'durability': 'volatile'}, ('RELIABLE', 'VOLATILE')),
    ({'output_reliability': 'best_effort'}, {'reliability': 'reliable'},
     ('RELIABLE', 'TRANSIENT_LOCAL'))])
def test_quality_of_service_is_that_of_the_options_and_overrides(
        ros_context: RosContext, options, override, expected) -> None:
    node = LifecycleNode('stacker', context=ros_context.context, parameter_overrides=[
        Parameter(f'qos_overrides./points.publisher.{key}', value=value)
        for key, value in override.items()])
    outputs = ResultPublisher(node, NodeOptions(**options))
    profile = outputs._topics['points'].publisher.qos_profile
    profiles = [profile]
    outputs._renew('points', outputs._topics['points'])
    profiles.append(outputs._topics['points'].publisher.qos_profile)
    assert [(each.reliability.name, each.durability.name) for each in profiles] == 2 * [expected]
    node.destroy_node()


def test_an_illegal_override_is_an_error_that_names_it(ros_context: RosContext) -> None:
    node = LifecycleNode('stacker', context=ros_context.context, parameter_overrides=[
        Parameter('qos_overrides./depth/image.publisher.durability', value='for ever')])
    with pytest.raises(OptionError, match=r'qos_overrides\./depth/image\.publisher'):
        ResultPublisher(node)
    assert node.count_publishers('/all_in_focus/image') == 0
    node.destroy_node()


def test_nothing_but_the_report_is_made_for_nobody(screen) -> None:
    screen.publish(1, make_camera_info())
    assert screen.built == [('report', 1)]
    assert not screen.outputs.has_late_subscribers()
    screen.outputs.serve_late_subscribers()
    assert screen.built == [('report', 1)]


def test_what_is_subscribed_is_made_once_and_the_report_last(screen) -> None:
    for name in ('report', 'depth/image', 'depth/camera_info'):
        screen.look_at(name)
    screen.publish(1, make_camera_info())
    assert sorted(screen.built[:2]) == [('depth/camera_info', 1), ('depth/image', 1)]
    assert screen.built[2:] == [('report', 1)]
    assert screen.stamps('depth/image', 1) == [1]
    assert screen.stamps('depth/camera_info', 1) == [1]
    screen.wait(lambda: screen.messages['report'])
    screen.outputs.serve_late_subscribers()
    assert len(screen.built) == 3
    screen.publish(2, make_camera_info())
    assert screen.stamps('depth/image', 2) == [1, 2]


@pytest.mark.parametrize(('took', 'expected'), [
    ([0.25, 0.5, 0.25], [1.0, 0.75, 0.25]), ([1.0], [1.0]), ([0.25, 1.5], [1.0, 0.75])])
def test_a_message_is_made_while_the_one_before_is_on_its_way(
        screen, monkeypatch, took: list[float], expected: list[float]) -> None:
    wait, waited, remaining = outputs_module._wait_for_arrival, [], iter(took)

    def noted(publisher: Any, seconds: float) -> float:
        waited.append((len(screen.built), seconds, next(
            name for name, topic in screen.outputs._topics.items()
            if topic.publisher is publisher)))
        wait(publisher, seconds)
        return next(remaining)

    monkeypatch.setattr(outputs_module, '_wait_for_arrival', noted)
    names = ['all_in_focus/image', 'depth/image', 'confidence/image', 'report']
    for name in names:
        screen.look_at(name)
    screen.publish(1)
    assert screen.built == [(name, 1) for name in names]
    # How many were made when it was waited for which, and for how long at most: a second for all
    # of a result, in which the time that it takes to make them does not count.
    assert waited == [(number, seconds, name) for number, seconds, name in zip(
        (2, 3, 4), expected, names, strict=False)]
    assert screen.stamps('confidence/image', 1) == screen.stamps('depth/image', 1) == [1]


class _Publisher:
    """Stand-in of a publisher whose subscriber has the message after some turns."""

    def __init__(self, turns: int) -> None:
        self.turns = turns

    def wait_for_all_acked(self, _timeout: Any) -> bool:
        self.turns -= 1
        return self.turns < 0


def test_a_message_is_waited_for_until_it_is_there_or_the_time_is_over() -> None:
    there, never = _Publisher(3), _Publisher(10 ** 9)
    assert 0 < outputs_module._wait_for_arrival(there, 60) < 60
    assert there.turns == -1
    assert outputs_module._wait_for_arrival(never, 0.02) >= 0.02
    assert never.turns < 10 ** 9 - 1


@pytest.mark.parametrize('name', sorted(OUTPUTS - {'report'}))
def test_who_comes_late_gets_the_last_result(screen, name) -> None:
    screen.publish(1, make_camera_info())
    screen.publish(2, make_camera_info())
    assert not screen.outputs.has_late_subscribers()
    screen.look_at(name)
    assert screen.outputs.has_late_subscribers()
    screen.outputs.serve_late_subscribers()
    assert screen.stamps(name, 1) == [2]
    assert [item for item in screen.built if item[0] == name] == [(name, 2)]
    assert not screen.outputs.has_late_subscribers()


def test_the_second_late_subscriber_gets_what_the_first_one_got(screen) -> None:
    screen.publish(1)
    screen.look_at('depth/image')
    screen.outputs.serve_late_subscribers()
    assert screen.stamps('depth/image', 1) == [1]
    screen.look_at('depth/image')
    assert screen.stamps('depth/image', 2) == [1, 1]
    assert not screen.outputs.has_late_subscribers()
    assert screen.built.count(('depth/image', 1)) == 1


def test_the_report_is_there_for_who_comes_late(screen) -> None:
    screen.publish(1)
    screen.look_at('report')
    screen.wait(lambda: screen.messages['report'])
    assert json.loads(screen.messages['report'][0].data)['stamp']['sec'] == 1


def test_a_volatile_subscriber_is_served_late_too(screen) -> None:
    screen.publish(1)
    screen.viewer.create_subscription(Image, 'depth/preview',
                                      screen.messages['depth/preview'].append,
                                      QoSProfile(depth=1))
    screen.wait(screen.outputs.has_late_subscribers)
    screen.outputs.serve_late_subscribers()
    assert screen.stamps('depth/preview', 1) == [1]


def test_a_result_without_camera_info_leaves_none_of_the_one_before(screen) -> None:
    screen.publish(1, make_camera_info())
    screen.publish(2)
    screen.look_at('depth/camera_info')
    assert not screen.outputs.has_late_subscribers()


def test_what_somebody_has_asked_for_is_made_for_who_comes_late(screen) -> None:
    subscription = screen.look_at('depth/image')
    screen.publish(1)
    assert screen.stamps('depth/image', 1) == [1]
    screen.look_away('depth/image', subscription)
    screen.publish(2)
    screen.outputs.follow_subscribers()
    screen.look_at('depth/image')
    screen.wait(lambda: screen.stamps('depth/image', 1)[-1] == 2, 'the second result')
    assert screen.stamps('depth/image', 1) == [1, 2]  # the first of them before it was gone
    assert not screen.outputs.has_late_subscribers()


def test_what_nobody_has_looked_at_for_long_is_put_off_again(screen) -> None:
    subscription = screen.look_at('depth/image')
    screen.publish(1)
    assert screen.stamps('depth/image', 1) == [1]
    screen.look_away('depth/image', subscription)
    for seconds in (0, 31):
        screen.now += seconds
        screen.outputs.follow_subscribers()
    # There is nothing newer yet, so the last result is still there.
    subscription = screen.look_at('depth/image')
    assert screen.stamps('depth/image', 2) == [1, 1]
    screen.outputs.follow_subscribers()
    screen.look_away('depth/image', subscription)
    for seconds in (0, 31):
        screen.now += seconds
        screen.outputs.follow_subscribers()
    screen.publish(2)
    assert ('depth/image', 2) not in screen.built
    screen.outputs.follow_subscribers()
    screen.look_at('depth/image')
    screen.acknowledged('depth/image')
    screen.outputs.serve_late_subscribers()
    assert screen.stamps('depth/image', 3) == [1, 1, 2]


def test_nothing_older_is_left_of_an_output_that_a_result_has_not(screen) -> None:
    subscription = screen.look_at('depth/camera_info')
    screen.publish(1, make_camera_info())
    assert screen.stamps('depth/camera_info', 1) == [1]
    screen.publish(2)
    screen.outputs.follow_subscribers()
    screen.look_away('depth/camera_info', subscription)
    screen.outputs.follow_subscribers()
    screen.look_at('depth/camera_info')
    screen.publish(3, make_camera_info())
    assert screen.stamps('depth/camera_info', 2) == [1, 3]


def test_results_are_published_without_a_change_of_the_entities_of_the_node(screen) -> None:
    """Another thread goes through them, as rclpy does in a transition."""
    names = ('depth/image', 'points', 'all_in_focus/image')
    subscriptions = {name: screen.look_at(name) for name in names}
    screen.publish(1, make_camera_info())
    for name, subscription in subscriptions.items():
        screen.look_away(name, subscription)
    before = set(screen.node._managed_entities)
    screen.publish(2, make_camera_info())
    screen.outputs.serve_late_subscribers()
    assert set(screen.node._managed_entities) == before


@pytest.mark.parametrize('events', ['matched', 'not in rclpy', 'not in the middleware'])
def test_late_subscribers_are_noticed(events: str, ros_context: RosContext,
                                      monkeypatch: pytest.MonkeyPatch) -> None:
    create = LifecycleNode.create_lifecycle_publisher

    def create_without(node: Any, *arguments: Any, **options: Any) -> Any:
        if 'event_callbacks' in options:
            raise UnsupportedEventTypeError('not here')
        return create(node, *arguments, **options)

    if events == 'not in rclpy':
        monkeypatch.setattr(outputs_module, 'matched_events', lambda _report: None)
    elif events == 'not in the middleware':
        monkeypatch.setattr(LifecycleNode, 'create_lifecycle_publisher', create_without)
    screen = Screen(ros_context)
    try:
        screen.publish(1)
        screen.look_at('depth/image')
        if events != 'matched' or matched_events(lambda: None) is None:
            screen.outputs.follow_subscribers()
        screen.wait(lambda: screen.late, 'the late subscriber to be noticed')
        assert screen.outputs.has_late_subscribers()
    finally:
        screen.close()


def test_what_came_while_the_node_was_inactive_is_served_when_it_is_active(screen) -> None:
    screen.look_at('depth/image')
    assert screen.node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    screen.publish(1)
    screen.outputs.serve_late_subscribers()
    assert screen.built == []
    assert screen.node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    assert screen.outputs.has_late_subscribers()
    screen.outputs.serve_late_subscribers()
    assert screen.stamps('depth/image', 1) == [1]


def no_depth() -> Any:
    raise KeyError('a bug')


@pytest.mark.parametrize('instead', [no_depth, CameraInfo], ids=['is not made', 'does not fit'])
def test_an_output_that_fails_costs_no_other_one(screen, instead) -> None:
    for name in ('depth/image', 'confidence/image', 'slice_index/image', 'report'):
        screen.look_at(name)
    screen.publish(1, depth__image=instead)
    for name in ('confidence/image', 'slice_index/image'):
        assert screen.stamps(name, 1) == [1]
    screen.wait(lambda: screen.messages['report'])
    (name, error), = screen.failed
    assert (name, type(error)) == ('depth/image', KeyError if instead is no_depth else TypeError)
    screen.outputs.serve_late_subscribers()
    assert len(screen.failed) == 1  # it is not tried again
    screen.publish(2)
    assert screen.stamps('depth/image', 1) == [2]
    assert len(screen.failed) == 1


def test_destroy_removes_the_publishers(screen) -> None:
    screen.wait(lambda: screen.viewer.count_publishers('depth/image') == 1)
    screen.outputs.destroy()
    screen.wait(lambda: not any(screen.viewer.count_publishers(name) for name in OUTPUTS))
    screen.publish(1)
    assert screen.built == []
