# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the topics a focal stack comes in on, with real publishers."""

from __future__ import annotations

from collections.abc import Iterator
import itertools
from typing import Any

from focus_stacking_ros.core.option import OptionError
from focus_stacking_ros.ros.node.qos import mismatch_events
from focus_stacking_ros.ros.stacker.inputs import SliceInput
from focus_stacking_ros.ros.stacker.options import NodeOptions
from focus_stacking_ros.ros.stacker.pairing import Pair
from geometry_msgs.msg import PointStamped
from helpers.ros_helpers import RosContext, spin_until, wait_until
import pytest
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import (
    qos_profile_sensor_data,
    QoSDurabilityPolicy,
    QoSProfile,
    QoSReliabilityPolicy,
)
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

pytestmark = pytest.mark.ros

RELIABLE, BEST_EFFORT = QoSProfile(depth=50), qos_profile_sensor_data
POLICIES = {'reliable': QoSReliabilityPolicy.RELIABLE,
            'best_effort': QoSReliabilityPolicy.BEST_EFFORT}


class Station:
    """
    A node that listens, another that publishes, and what the first one heard.

    :param ros: the fixture ``ros_context``
    """

    def __init__(self, ros: RosContext) -> None:
        self.context = ros.context
        self.camera = Node('camera', context=ros.context)
        self.executor = SingleThreadedExecutor(context=ros.context)
        self.executor.add_node(self.camera)
        self.nodes = [self.camera]
        self.pairs: list[Pair[Any]] = []
        self.told: list[tuple[str, str]] = []

    @property
    def warnings(self) -> list[str]:
        """Return what was told, but for who publishes."""
        return [words for kind, words in self.told
                if kind not in ('publishers lost', 'second publishers')]

    def make_node(self, overrides: dict[str, Any] | None = None, **node_arguments: Any) -> Node:
        """Return a node for the inputs, with parameters given at its start."""
        node = Node('stacker', context=self.context, parameter_overrides=[
            Parameter(name, value=value) for name, value in (overrides or {}).items()],
            **node_arguments)
        self.executor.add_node(node)
        self.nodes.append(node)
        return node

    def listen(self, node: Node | None = None, **options: Any) -> SliceInput:
        """Return the inputs of a node."""
        return SliceInput(node or self.make_node(), NodeOptions(**options), self.pairs.append,
                          lambda kind, words: self.told.append((kind, words)))

    def publisher(self, kind: Any, topic: str, profile: QoSProfile = RELIABLE) -> Any:
        """Return a publisher that all nodes know of."""
        result = self.camera.create_publisher(kind, topic, profile)
        count = self.camera.count_publishers(topic)
        self.wait(lambda: all(node.count_publishers(result.topic_name) >= max(count, 1)
                              for node in self.nodes))
        return result

    def connected(self, kind: Any, topic: str, profile: QoSProfile = RELIABLE) -> Any:
        """Return a publisher that has a subscriber."""
        result = self.publisher(kind, topic, profile)
        self.wait(result.get_subscription_count, f'a subscriber of {topic}')
        return result

    def remove(self, publisher: Any) -> None:
        """Remove a publisher and wait until all nodes know."""
        name = publisher.topic_name
        count = self.camera.count_publishers(name)
        self.camera.destroy_publisher(publisher)
        self.wait(lambda: all(node.count_publishers(name) < count for node in self.nodes))

    def wait(self, predicate: Any, what: str = 'the condition', seconds: float = 10.0) -> None:
        """Spin until a condition holds."""
        spin_until(self.executor, predicate, seconds, what)

    def reliability(self, topic: str) -> QoSReliabilityPolicy:
        """Return the reliability of the only subscription of a topic, as the graph shows it."""
        self.wait(lambda: len(self.camera.get_subscriptions_info_by_topic(topic)) == 1,
                  f'one subscription of {topic}')
        return self.camera.get_subscriptions_info_by_topic(topic)[0].qos_profile.reliability

    def close(self) -> None:
        """Remove everything."""
        self.executor.shutdown()
        for node in self.nodes:
            node.destroy_node()


@pytest.fixture
def station(ros_context: RosContext) -> Iterator[Station]:
    """Yield a `Station`."""
    result = Station(ros_context)
    yield result
    result.close()


def header(seconds: int, nanoseconds: int = 9) -> Header:
    result = Header(frame_id='camera_optical_frame')
    result.stamp.sec, result.stamp.nanosec = seconds, nanoseconds
    return result


def tag(seconds: int, position: float) -> PointStamped:
    message = PointStamped(header=header(seconds))
    message.point.x, message.point.y, message.point.z = 11.0, 12.0, position
    return message


def test_images_and_positions_of_equal_stamps_are_delivered_as_pairs(station) -> None:
    source = station.listen()
    images = station.connected(Image, 'image')
    positions = station.connected(PointStamped, 'focus_position')
    counters = source.counters
    images.publish(Image(header=header(1), width=5))
    station.wait(lambda: counters['images'] == 1)
    positions.publish(tag(1, 0.25))
    station.wait(lambda: counters['focus positions'] == 1)
    positions.publish(tag(2, 0.5))
    station.wait(lambda: counters['focus positions'] == 2)
    images.publish(Image(header=header(2, 8)))  # nobody's
    images.publish(Image(header=header(2), width=6))
    station.wait(lambda: counters['images'] == 3)
    assert [(pair.stamp, pair.image.width, pair.position) for pair in station.pairs] == [
        ((1, 9), 5, 0.25), ((2, 9), 6, 0.5)]
    assert counters == {'images': 3, 'focus positions': 2, 'camera infos': 0, 'pairs': 2}


def test_a_repeated_stamp_is_told_with_the_way_out(station) -> None:
    source = station.listen()
    images = station.connected(Image, 'image')
    positions = station.connected(PointStamped, 'focus_position')
    for count in (1, 2):
        images.publish(Image(header=header(1)))
        positions.publish(tag(1, 0.25))
        station.wait(lambda: source.counters['images'] == source.counters['focus positions']
                     == count)  # noqa: B023
    assert source.counters['pairs'] == 1
    assert sorted(words.split(' has ')[0] for words in station.warnings) == [
        'a focus position', 'an image']
    assert all('1.000000009' in words and '~/start' in words for words in station.warnings)


def test_a_clock_that_is_set_back_makes_all_stamps_new_again(station) -> None:
    node = station.make_node({'use_sim_time': True})
    source = station.listen(node)
    images = station.connected(Image, 'image')
    positions = station.connected(PointStamped, 'focus_position')
    clock = station.connected(Clock, '/clock')
    for played in (1, 2):
        clock.publish(Clock(clock=header(1, 0).stamp))
        station.wait(lambda: node.get_clock().now().nanoseconds == 1_000_000_000)
        for seconds in (1, 2, 3):
            positions.publish(tag(seconds, 0.25))
            images.publish(Image(header=header(seconds)))
        positions.publish(tag(4, 0.25))  # its image is lost
        station.wait(lambda: len(station.pairs) == 3 * played)  # noqa: B023
        station.wait(lambda: source.counters['focus positions'] == 4 * played)  # noqa: B023
        clock.publish(Clock(clock=header(4, 0).stamp))
        station.wait(lambda: node.get_clock().now().nanoseconds == 4_000_000_000)
    assert [(pair.stamp[0], pair.jumps) for pair in station.pairs] == [
        (seconds, jumps) for jumps in (0, 1) for seconds in (1, 2, 3)]
    assert (source.counters['time jumps'], source.pairing.repeated_stamps) == (1, 0)
    words, = [words for kind, words in station.told if kind == 'time jumps']
    assert 'the clock says 1.000000000' in words
    source.destroy()
    clock.publish(Clock(clock=header(1, 0).stamp))
    station.wait(lambda: node.get_clock().now().nanoseconds == 1_000_000_000)
    assert source.counters['time jumps'] == 1


def test_images_nobody_tagged_are_given_up_beyond_the_depth(station) -> None:
    source = station.listen(input_depth=2)
    images = station.connected(Image, 'image')
    for number in range(6):
        images.publish(Image(header=header(number)))
        station.wait(lambda: source.counters['images'] > number)  # noqa: B023
    assert source.pairing.untagged_images == 4
    assert station.pairs == []


def test_camera_infos_are_kept_by_their_stamp(station) -> None:
    source = station.listen()
    infos = station.connected(CameraInfo, 'camera_info')
    for seconds in (1, 2, 3):
        infos.publish(CameraInfo(header=header(seconds), width=64, height=48))
    station.wait(lambda: source.counters['camera infos'] == 3)
    assert source.camera_infos.find((2, 9), 64, 48).header.stamp.sec == 2
    assert source.camera_infos.find((2, 9), 48, 64) is None


def test_compressed_images_come_from_their_own_topic(station) -> None:
    source = station.listen(input_transport='compressed')
    assert set(source.topics) == {'/image/compressed', '/focus_position', '/camera_info'}
    images = station.connected(CompressedImage, 'image/compressed')
    positions = station.connected(PointStamped, 'focus_position')
    images.publish(CompressedImage(header=header(1), format='png'))
    positions.publish(tag(1, 0.25))
    station.wait(lambda: station.pairs)
    assert station.pairs[0].image.format == 'png'


def test_names_follow_the_namespace_and_remappings(station) -> None:
    node = station.make_node(namespace='cell', cli_args=[
        '--ros-args', '-r', 'image:=/arm/camera/image_raw'])
    source = station.listen(node)
    assert set(source.topics) == {'/arm/camera/image_raw', '/cell/focus_position',
                                  '/cell/camera_info'}
    images = station.publisher(Image, '/arm/camera/image_raw', BEST_EFFORT)
    positions = station.connected(PointStamped, '/cell/focus_position')
    source.follow_publishers()  # which looks at the resolved names, too
    station.wait(lambda: station.reliability('/arm/camera/image_raw') == POLICIES['best_effort'])
    station.wait(images.get_subscription_count)
    images.publish(Image(header=header(1)))
    positions.publish(tag(1, 0.25))
    station.wait(lambda: station.pairs)


@pytest.mark.parametrize('depth', [1, 20, 1000])
def test_every_subscription_keeps_as_many_messages_as_were_asked_for(station, depth) -> None:
    node = station.make_node()
    source = station.listen(node, input_depth=depth)
    ours = [each for each in node.subscriptions if each.topic_name in source.topics]
    assert [each.qos_profile.depth for each in ours] == [depth] * 3


# Reliability


def test_auto_asks_for_best_effort_where_the_camera_offers_no_more(station) -> None:
    images = station.publisher(Image, 'image', BEST_EFFORT)
    node = station.make_node()
    wait_until(lambda: node.count_publishers('image'))
    station.listen(node)
    assert station.reliability('/image') == POLICIES['best_effort']
    assert station.reliability('/focus_position') == POLICIES['reliable']  # each for itself
    station.wait(images.get_subscription_count)
    assert station.warnings == []


def test_auto_follows_a_camera_that_comes_later_and_another_one_after_it(station) -> None:
    source = station.listen()
    assert station.reliability('/image') == POLICIES['reliable']
    for number, (profile, policy) in enumerate(((BEST_EFFORT, 'best_effort'),
                                                (RELIABLE, 'reliable'),
                                                (BEST_EFFORT, 'best_effort')), 1):
        images = station.publisher(Image, 'image', profile)
        source.follow_publishers()
        station.wait(lambda: station.reliability('/image') == POLICIES[policy])  # noqa: B023
        station.wait(images.get_subscription_count)
        images.publish(Image(header=header(number)))
        station.wait(lambda: source.counters['images'] == number)  # noqa: B023
        assert source.mismatched == ()
        station.remove(images)


def test_auto_follows_a_best_effort_camera_without_being_asked_to_look(station) -> None:
    source = station.listen()
    images = station.publisher(Image, 'image', BEST_EFFORT)
    station.wait(images.get_subscription_count)
    images.publish(Image(header=header(1)))
    station.wait(lambda: source.counters['images'] == 1)
    assert station.warnings == []
    source.destroy()


def test_auto_subscribes_anew_only_where_something_has_changed(station) -> None:
    node = station.make_node()
    source = station.listen(node)
    before = list(node.subscriptions)
    station.publisher(PointStamped, 'focus_position', RELIABLE)
    source.follow_publishers()
    assert all(old is new for old, new in zip(before, node.subscriptions, strict=True))
    station.publisher(Image, 'image', BEST_EFFORT)
    source.follow_publishers()
    changed = [each.topic_name for each in node.subscriptions
               if not any(each is old for old in before)]
    assert changed == ['/image']
    assert len(list(node.subscriptions)) == len(before)


def test_auto_does_not_warn_of_a_camera_that_it_follows(station) -> None:
    node = station.make_node()
    source = station.listen(node)
    seen: list[bool] = []
    node.create_subscription(Image, 'image', lambda _message: None, RELIABLE,
                             event_callbacks=mismatch_events(lambda: seen.append(True)))
    images = station.publisher(Image, 'image', BEST_EFFORT)
    station.wait(lambda: seen, 'another subscription that does not fit')
    for _ in range(10):  # whatever else is there to be done
        station.executor.spin_once(timeout_sec=0)
    source.follow_publishers()
    station.wait(images.get_subscription_count)
    images.publish(Image(header=header(1)))
    station.wait(lambda: source.counters['images'])
    assert station.warnings == []


def test_what_a_camera_has_sent_before_it_left_is_heard(station) -> None:
    images = station.publisher(Image, 'image', BEST_EFFORT)
    node = station.make_node()
    wait_until(lambda: node.count_publishers('image'))
    source = station.listen(node)
    station.wait(images.get_subscription_count)
    station.executor.remove_node(node)  # it is busy
    for number in range(3):
        images.publish(Image(header=header(number)))
    station.remove(images)
    source.follow_publishers()
    station.executor.add_node(node)
    station.wait(lambda: source.counters['images'] == 3, 'three images', 2.0)


@pytest.mark.parametrize('setting', ['reliable', 'best_effort'])
@pytest.mark.parametrize('profile', [RELIABLE, BEST_EFFORT], ids=['reliable', 'best_effort'])
def test_a_set_reliability_does_not_follow(station, setting, profile) -> None:
    source = station.listen(input_reliability=setting)
    station.publisher(Image, 'image', profile)
    source.follow_publishers()
    assert station.reliability('/image') == POLICIES[setting]


def test_a_camera_that_does_not_fit_is_named_and_warned_of_once(station) -> None:
    source = station.listen(input_reliability='reliable')
    images = [station.publisher(Image, 'image', BEST_EFFORT)]
    station.wait(lambda: source.mismatched == ('/image',))
    images.append(station.publisher(Image, 'image', BEST_EFFORT))
    positions = station.publisher(PointStamped, 'focus_position', BEST_EFFORT)
    station.wait(lambda: len(station.warnings) == 2)
    assert source.mismatched == ('/focus_position', '/image')
    assert '/image' in station.warnings[0]
    assert 'input.reliability' in station.warnings[0]  # the way out
    assert '/focus_position' in station.warnings[1]
    for publisher in (*images, positions):
        station.remove(publisher)
    assert source.mismatched == ()


def test_a_camera_that_was_made_to_fit_is_an_error_no_longer(station) -> None:
    source = station.listen(input_reliability='reliable')
    wrong = station.publisher(Image, 'image', BEST_EFFORT)
    station.wait(lambda: source.mismatched == ('/image',))
    right = station.connected(Image, 'image', RELIABLE)
    assert source.mismatched == ('/image',)  # one of them still does not fit
    station.remove(wrong)
    right.publish(Image(header=header(1)))
    station.wait(lambda: source.counters['images'] == 1)
    assert source.mismatched == ()


# Overrides


def override(topic: str, policy: str) -> str:
    return f'qos_overrides.{topic}.subscription.{policy}'


def test_the_reliability_of_one_topic_may_be_overridden(station) -> None:
    node = station.make_node({override('/image', 'reliability'): 'best_effort'})
    source = station.listen(node, input_reliability='reliable')
    station.publisher(Image, 'image', RELIABLE)
    source.follow_publishers()
    assert station.reliability('/image') == POLICIES['best_effort']
    assert station.reliability('/focus_position') == POLICIES['reliable']
    assert node.get_parameter(override('/camera_info', 'reliability')).value == 'reliable'


def test_an_override_by_auto_follows_the_publishers(station) -> None:
    node = station.make_node({override('/image', 'reliability'): 'auto'})
    source = station.listen(node, input_reliability='reliable')
    station.publisher(Image, 'image', BEST_EFFORT)
    source.follow_publishers()
    station.wait(lambda: station.reliability('/image') == POLICIES['best_effort'])


def test_other_policies_may_be_overridden_and_stay_so(station) -> None:
    node = station.make_node({override('/image', 'durability'): 'transient_local',
                              override('/image', 'depth'): 3})
    source = station.listen(node)
    for _ in range(2):
        info, = node.get_subscriptions_info_by_topic('/image')
        assert info.qos_profile.durability == QoSDurabilityPolicy.TRANSIENT_LOCAL
        ours, = (each for each in node.subscriptions if each.topic_name == '/image')
        assert ours.qos_profile.depth == 3
        station.publisher(Image, 'image', BEST_EFFORT)
        source.follow_publishers()  # which subscribes anew
        station.wait(lambda: station.reliability('/image') == POLICIES['best_effort'])


def test_an_override_is_for_the_start(station) -> None:
    node = station.make_node()
    station.listen(node)
    for policy, value in (('reliability', 'best_effort'), ('depth', 3)):
        result, = node.set_parameters([Parameter(override('/image', policy), value=value)])
        assert not result.successful


@pytest.mark.parametrize('topic', ['/image', '/focus_position', '/camera_info'])
def test_an_illegal_reliability_is_refused_with_what_is_legal(station, topic) -> None:
    node = station.make_node({override(topic, 'reliability'): 'sometimes'})
    with pytest.raises(OptionError, match=r"'sometimes'.*auto, reliable, best_effort") as caught:
        station.listen(node)
    assert override(topic, 'reliability') in str(caught.value)


@pytest.mark.parametrize(('policy', 'value'), [
    ('durability', 'sometimes'), ('history', 'sometimes'), ('depth', -3), ('depth', 'three'),
    ('reliability', 5)])
def test_any_illegal_override_is_refused_with_its_topic(station, policy, value) -> None:
    node = station.make_node({override('/image', policy): value})
    with pytest.raises(OptionError, match='/image'):
        station.listen(node)


def test_inputs_that_are_refused_leave_nothing_behind(station) -> None:
    node = station.make_node({override('/camera_info', 'reliability'): 'sometimes'})
    with pytest.raises(OptionError):
        station.listen(node)
    assert {each.topic_name for each in node.subscriptions}.isdisjoint(
        {'/image', '/focus_position', '/camera_info'})


# The end


def test_destroyed_inputs_hear_nothing_and_may_be_made_again(station) -> None:
    node = station.make_node()
    images = station.publisher(Image, 'image')
    stamps = itertools.count(1)
    for _ in range(2):
        source = station.listen(node)
        station.wait(lambda: images.get_subscription_count() == 1)
        images.publish(Image(header=header(next(stamps))))
        station.wait(lambda: source.counters['images'] == 1)  # noqa: B023
        source.destroy()
        assert source.topics == ()
        station.wait(lambda: images.get_subscription_count() == 0)
        assert node.count_subscribers('/focus_position') == 0
