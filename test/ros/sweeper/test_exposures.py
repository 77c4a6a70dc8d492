# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of noticing exposures, over real topics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from focus_stacking_ros.ros.sweeper.exposures import Exposures
from helpers.ros_helpers import RosContext, spin_until
import pytest
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data, QoSReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

pytestmark = pytest.mark.ros


class _Rig:
    """A node that notices exposures, and one that is the camera."""

    def __init__(self, ros: RosContext) -> None:
        self.node, self.camera = (Node(name, context=ros.context) for name in ('node', 'camera'))
        self.executor = SingleThreadedExecutor(context=ros.context)
        for each in (self.node, self.camera):
            self.executor.add_node(each)
        self.heard: list[Header] = []
        self.exposures = Exposures(self.node, self.heard.append)

    def publisher(self, kind: type[Any], topic: str, quality: Any = 10) -> Any:
        made = self.camera.create_publisher(kind, topic, quality)
        spin_until(self.executor, lambda: self.node.count_publishers(topic))
        return made

    def expose(self, publisher: Any, kind: type[Any], seconds: int) -> None:
        spin_until(self.executor, publisher.get_subscription_count, what='a subscription')
        header = Header(frame_id='camera')
        header.stamp.sec = seconds
        publisher.publish(kind(header=header))
        spin_until(self.executor, lambda: self.heard and self.heard[-1] == header)


@pytest.fixture
def rig(ros_context: RosContext) -> Iterator[_Rig]:
    made = _Rig(ros_context)
    yield made
    made.executor.shutdown()
    made.node.destroy_node()
    made.camera.destroy_node()


@pytest.mark.parametrize(('setting', 'topic'), [
    ('camera_info', '/camera_info'), ('image', '/image'), ('auto', '/camera_info')])
def test_the_setting_names_the_topic(setting: str, topic: str, rig: _Rig) -> None:
    rig.exposures.follow(setting)
    assert rig.exposures.topic == topic


def test_auto_takes_the_images_where_nobody_publishes_camera_infos(rig: _Rig) -> None:
    rig.exposures.follow('auto')
    images = rig.publisher(Image, '/image')
    rig.exposures.follow('auto')
    assert rig.exposures.topic == '/image'
    rig.expose(images, Image, 1)
    infos = rig.publisher(CameraInfo, '/camera_info')
    rig.exposures.follow('auto')
    assert rig.exposures.topic == '/camera_info'
    rig.expose(infos, CameraInfo, 2)


def test_a_camera_that_starts_anew_is_heard_without_another_subscription(rig: _Rig) -> None:
    images = rig.publisher(Image, '/image')
    rig.exposures.follow('auto')
    rig.camera.destroy_publisher(images)
    spin_until(rig.executor, lambda: not rig.node.count_publishers('/image'))
    rig.exposures.follow('auto')
    assert rig.exposures.topic == '/image'
    rig.expose(rig.publisher(Image, '/image'), Image, 3)


@pytest.mark.parametrize(('kind', 'topic', 'best_effort', 'expected'), [
    (Image, '/image', True, True), (Image, '/image', False, False),
    (CameraInfo, '/camera_info', True, True), (CameraInfo, '/camera_info', False, True)])
def test_images_are_asked_for_as_they_are_offered_and_camera_infos_never_twice(
        kind: type[Any], topic: str, best_effort: bool, expected: bool, rig: _Rig) -> None:
    rig.exposures.follow('auto')
    camera = rig.publisher(kind, topic, qos_profile_sensor_data if best_effort else 10)
    rig.exposures.follow('auto')
    rig.expose(camera, kind, 4)
    found = rig.node.get_subscriptions_info_by_topic(topic)
    assert [info.qos_profile.reliability == QoSReliabilityPolicy.BEST_EFFORT
            for info in found] == [expected]
