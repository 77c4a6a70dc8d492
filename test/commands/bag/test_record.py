# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``record``: a sweep without tags, as it is published, fused by ``bag`` afterwards."""

from __future__ import annotations

import json
from pathlib import Path
import sys

from focus_stacking_ros import FocusStacker
from focus_stacking_ros.cli import main
from focus_stacking_ros.commands.bag.recording import open_recording
from focus_stacking_ros.commands.bag.writer import McapFile
from focus_stacking_ros.core.files.planes import read_plane
from focus_stacking_ros.ros.messages.images import array_to_image
from focus_stacking_ros.simulation import built_in_stack
from geometry_msgs.msg import PointStamped
from helpers.ros_helpers import NodeProcess, RosContext, spin_until
import numpy as np
import pytest
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSDurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Header

pytest.importorskip('rosbags.rosbag2', reason='recordings are written by rosbags')

pytestmark = pytest.mark.ros

COUNT = 4


def command(*arguments: object) -> list[str]:
    return [sys.executable, '-m', 'focus_stacking_ros', 'record', *map(str, arguments)]


@pytest.mark.slow
def test_an_untagged_sweep_is_recorded_and_fused(ros_context: RosContext, tmp_path: Path,
                                                 environment: dict[str, str]) -> None:
    stack = built_in_stack(size=(64, 96), count=COUNT)
    node = Node('cell', context=ros_context.context)
    executor = SingleThreadedExecutor(context=ros_context.context)
    executor.add_node(node)
    images = node.create_publisher(Image, '/cell/image', 50)
    joints = node.create_publisher(JointState, '/cell/joint_states', 50)
    file = tmp_path / 'sweep.mcap'
    run = command(file, '--focus-source', 'joint_state', '--count', COUNT)
    with NodeProcess.running(run, environment, tmp_path / 'record.log') as process:
        spin_until(executor, lambda: images.get_subscription_count()
                   and joints.get_subscription_count())
        for number, (image, metres) in enumerate(zip(stack.slices, stack.focus_distances_m,
                                                     strict=True)):
            header = Header(frame_id='camera')
            header.stamp.sec, header.stamp.nanosec = 100, number * 10 ** 8
            joints.publish(JointState(header=header, name=['x', 'z'], position=[0.0, metres]))
            images.publish(array_to_image(image, header, 'bgr8'))
        process.wait_for_log('recording /cell/image, /cell/joint_states')
        assert not file.exists()  # before it is whole
        spin_until(executor, lambda: process.process.poll() is not None)
        assert process.process.returncode == 0, process.log
    node.destroy_node()
    told = json.loads(process.log.splitlines()[-1])
    assert told['messages']['/cell/joint_states'] == COUNT
    assert main(['bag', str(file), '--output', str(tmp_path / 'out'), '--focus-source',
                 'joint_state', '--focus-joint', 'z', '--stack-size', str(COUNT)]) == 0
    stacker = FocusStacker()
    for image, metres in zip(stack.slices, stack.focus_distances_m, strict=True):
        stacker.add(image, metres)
    np.testing.assert_array_equal(read_plane(tmp_path / 'out' / 'stack_000' / 'depth.tiff'),
                                  stacker.finish().depth_m)


def test_ctrl_c_ends_it_with_a_whole_file(ros_context: RosContext, tmp_path: Path, environment,
                                          monkeypatch, capsys) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    node = Node('cell', context=ros_context.context)
    kept = QoSProfile(depth=COUNT, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
    images = node.create_publisher(Image, '/cell/image', kept)
    points = node.create_publisher(PointStamped, '/cell/focus_position', kept)
    for number in range(COUNT):  # before anybody listens
        header = Header(frame_id='camera')
        header.stamp.sec = number
        images.publish(array_to_image(np.zeros((8, 9), np.uint8), header, 'mono8'))
        points.publish(PointStamped(header=header))
    written: list[str] = []
    write, spin_once = McapFile.write, SingleThreadedExecutor.spin_once

    def stopping(executor, timeout_sec=None) -> None:
        if len(written) == 2 * COUNT:
            raise KeyboardInterrupt
        spin_once(executor, timeout_sec)

    monkeypatch.setattr(McapFile, 'write', lambda file, topic, *rest: (
        written.append(topic), write(file, topic, *rest)))
    monkeypatch.setattr(SingleThreadedExecutor, 'spin_once', stopping)
    assert main(['record', str(tmp_path / 'x.mcap')]) == 0
    assert json.loads(capsys.readouterr().out)['messages'] == {
        '/cell/image': COUNT, '/cell/focus_position': COUNT}
    found = open_recording(tmp_path / 'x.mcap')
    assert [each.message.header.stamp.sec for each in found.messages({'/cell/image'})] == [
        *range(COUNT)]
    node.destroy_node()


def test_what_is_not_there_is_named_and_leaves_nothing(tmp_path: Path, capsys, monkeypatch,
                                                       environment) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main(['record', str(tmp_path / 'x.mcap'), '--wait', '0.01']) == 2
    told = capsys.readouterr().err
    assert 'what is published has no images' in told
    assert told.count('\n') == 1
    (tmp_path / 'y.mcap').touch()
    assert main(['record', str(tmp_path / 'y.mcap')]) == 2
    assert 'it exists already' in capsys.readouterr().err
    assert main(['record', str(tmp_path / 'z.mcap'), '--count', '-1']) == 2
    assert [each.name for each in tmp_path.iterdir() if each.suffix == '.mcap'] == ['y.mcap']
