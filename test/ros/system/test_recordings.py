# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the player plays is recorded while the stacking node fuses it: both give the same bits."""

from __future__ import annotations

import json
from pathlib import Path
import sys
from typing import Any

from focus_stacking_ros.cli import main
from focus_stacking_ros.core.files.planes import read_plane
from focus_stacking_ros.ros.messages.images import image_to_array
from focus_stacking_ros.simulation import built_in_stack
from focus_stacking_ros.simulation.write import write_stack
from geometry_msgs.msg import PointStamped
from helpers.cell import Cell
from helpers.ros_helpers import NodeProcess, RosContext, spin_until
import numpy as np
import pytest
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CameraInfo, Image

pytestmark = pytest.mark.ros

COUNT = 5
COMPARED = ('depth/image', 'confidence/image', 'slice_index/image')


def recorded(path: Path, messages: list[tuple[str, str, int, bytes]]) -> Path:
    """Write what came, as `ros2 bag record` does; returns the folder."""
    rosbag2 = pytest.importorskip('rosbags.rosbag2')
    typesys = pytest.importorskip('rosbags.typesys')
    types = typesys.get_typestore(typesys.Stores.ROS2_JAZZY)
    with rosbag2.Writer(path, version=9, storage_plugin=rosbag2.StoragePlugin.MCAP) as writer:
        topics: dict[str, Any] = {}
        for topic, kind, time_ns, data in messages:
            if topic not in topics:
                topics[topic] = writer.add_connection(topic, kind, typestore=types)
            writer.write(topics[topic], time_ns, data)
    return path


def test_a_recording_of_the_player_gives_the_same_bits_as_live(
        ros_context: RosContext, environment: dict[str, str], tmp_path: Path) -> None:
    write_stack(built_in_stack(size=(120, 160), count=COUNT), tmp_path / 'stack')
    command = [sys.executable, '-c',
               'from focus_stacking_ros.executables import player; player()', '--ros-args',
               '-p', f'folder:={tmp_path / "stack"}', '-p', 'rate:=10.0']
    messages: list[tuple[str, str, int, bytes]] = []
    with Cell(ros_context, stack__size=COUNT) as cell:
        clock = cell.node.get_clock()
        for topic, kind in (('image', Image), ('focus_position', PointStamped),
                            ('camera_info', CameraInfo)):
            name = f'{kind.__module__.split(".")[0]}/msg/{kind.__name__}'
            cell.node.create_subscription(
                kind, topic, lambda data, topic=topic, name=name: messages.append(
                    (f'/{topic}', name, clock.now().nanoseconds, bytes(data))),
                QoSProfile(depth=50), raw=True)
        with NodeProcess.running(command, environment, tmp_path / 'player.log'):
            spin_until(cell.executor, lambda: cell.messages['report'] and all(
                cell.messages[name] for name in (*COMPARED, 'all_in_focus/image')))
            spin_until(cell.executor, lambda: all(
                sum(topic == name for topic, *_ in messages) >= COUNT
                for name in ('/image', '/focus_position')))
        live = {name: image_to_array(cell.messages[name][0]) for name in COMPARED}
        report = json.loads(cell.messages['report'][0].data)
    path = recorded(tmp_path / 'bag', messages)
    results = tmp_path / 'results.mcap'
    assert main(['bag', str(path), '--output', str(tmp_path / 'out'), '--stack-size', str(COUNT),
                 '--mcap', str(results)]) == 0
    folder = tmp_path / 'out' / 'stack_000'
    for name, file in (('depth/image', 'depth'), ('confidence/image', 'confidence'),
                       ('slice_index/image', 'focus_index')):
        np.testing.assert_array_equal(read_plane(folder / f'{file}.tiff'), live[name])
    told = json.loads((folder / 'report.json').read_text())
    assert told['stamp'] == report['stamp']
    assert [frame['transform'] for frame in told['frames']] == [
        frame['transform'] for frame in report['frames']]
    check_results(results, live, report)


def check_results(path: Path, live: dict[str, np.ndarray], report: dict[str, Any]) -> None:
    """Read the recording of the results and compare it with the messages that came live."""
    highlevel = pytest.importorskip('rosbags.highlevel')
    kinds = {'sensor_msgs/msg/Image': Image}
    with highlevel.AnyReader([path]) as reader:
        assert {each.topic for each in reader.connections} >= {
            '/all_in_focus/image', '/depth/image', '/confidence/image', '/report'}
        stamp = report['stamp']['sec'] * 10 ** 9 + report['stamp']['nanosec']
        for connection, time_ns, data in reader.messages():
            assert time_ns == stamp
            if connection.topic.lstrip('/') in live:
                message = deserialize_message(data, kinds[connection.msgtype])
                assert message.header.stamp.sec == report['stamp']['sec']
                np.testing.assert_array_equal(image_to_array(message),
                                              live[connection.topic.lstrip('/')])
            if connection.topic == '/report':
                words = json.loads(reader.deserialize(data, connection.msgtype).data)
                assert words['stamp'] == report['stamp']
