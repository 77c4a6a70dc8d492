# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is asked of rosbag2_py, of a stand-in as strict as it is; and what results are as MCAP."""

from __future__ import annotations

import json
from pathlib import Path
import sys

from commands.bag.recordings import made, slices_of, write
from focus_stacking_ros.cli import main
from focus_stacking_ros.commands.bag.recording import open_recording, RecordingError
from focus_stacking_ros.commands.bag.writer import McapFile
from focus_stacking_ros.simulation import built_in_stack
from helpers.strict_rosbag2_py import strict_rosbag2_py
import numpy as np
import pytest

pytestmark = pytest.mark.ros

COUNT = 4


@pytest.fixture(scope='module')
def messages():
    stack = built_in_stack(size=(64, 96), count=COUNT)
    floats = {'d': [], 'k': [900.0, 0, 47.5, 0, 900.0, 31.5, 0, 0, 1], 'r': np.eye(3).ravel(),
              'p': [900.0, 0, 47.5, 0, 0, 900, 31.5, 0, 0, 0, 1, 0]}
    region = made('sensor_msgs/msg/RegionOfInterest', x_offset=0, y_offset=0, height=0, width=0,
                  do_rectify=False)
    info = [('/cell/camera_info', time_ns, made(
        'sensor_msgs/msg/CameraInfo', header=message.header, height=64, width=96,
        distortion_model='plumb_bob', binning_x=0, binning_y=0, roi=region,
        **{name: np.array(values, np.float64) for name, values in floats.items()}))
        for _, time_ns, message in slices_of(stack.slices, stack.focus_distances_m)[::2]]
    return sorted(slices_of(stack.slices, stack.focus_distances_m) + info,
                  key=lambda each: each[1])


@pytest.fixture(params=[False, True], ids=['now', 'humble'])
def rosbag2(request, monkeypatch) -> None:
    """Have rosbag2_py installed."""
    monkeypatch.setitem(sys.modules, 'rosbag2_py', strict_rosbag2_py(humble=request.param))
    # The module that imports it is made anew, and again without it afterwards.
    monkeypatch.delitem(sys.modules, 'focus_stacking_ros.commands.bag.rosbag2_recording',
                        raising=False)


@pytest.mark.parametrize('storage', ['MCAP', 'SQLITE3'])
def test_a_recording_read_by_rosbag2_gives_the_same(messages, tmp_path, capsys, rosbag2, storage,
                                                    monkeypatch) -> None:
    path = write(tmp_path / 'bag', messages, storage)
    run = ['bag', str(path), '--stack-size', str(COUNT), '--output']
    assert main([*run, str(tmp_path / 'one')]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told['results'], told['failures'], told['problems']) == (1, 0, [])
    assert type(open_recording(path)).__name__ == 'Rosbag2Recording'
    monkeypatch.delitem(sys.modules, 'rosbag2_py')
    assert type(open_recording(path)).__name__ == 'RosbagsRecording'
    assert main([*run, str(tmp_path / 'other')]) == 0
    for name in ('depth.tiff', 'confidence.tiff', 'all_in_focus.png'):
        one, other = (tmp_path / each / 'stack_000' / name for each in ('one', 'other'))
        assert one.read_bytes() == other.read_bytes()


def test_what_rosbag2_does_not_open_is_salvaged(messages, tmp_path, rosbag2) -> None:
    path = write(tmp_path / 'bag', messages)
    file = next(path.glob('*.mcap'))
    file.write_bytes(file.read_bytes()[:-60])
    recording = open_recording(path)
    assert type(recording).__name__ == 'SalvagedRecording'
    assert 'it is damaged or incomplete: No storage could be initialized' in recording.problems[0]


def check_types(path: Path) -> None:
    """Assert that a file says itself what is in it, as Foxglove and rosbag2 need it."""
    reader = pytest.importorskip('mcap.reader')
    with path.open('rb') as file:
        summary = reader.make_reader(file).get_summary()
    topics = {channel.topic: summary.schemas[channel.schema_id]
              for channel in summary.channels.values()}
    assert {topic: schema.name for topic, schema in topics.items()}.items() >= {
        '/all_in_focus/image': 'sensor_msgs/msg/Image', '/depth/image': 'sensor_msgs/msg/Image',
        '/confidence/image': 'sensor_msgs/msg/Image', '/points': 'sensor_msgs/msg/PointCloud2',
        '/normals': 'geometry_msgs/msg/PoseArray', '/report': 'std_msgs/msg/String',
        '/depth/camera_info': 'sensor_msgs/msg/CameraInfo'}.items()
    for schema in topics.values():
        assert schema.encoding == 'ros2msg'
        # With the definitions of what it is made of.
        assert schema.name == 'std_msgs/msg/String' or b'MSG: std_msgs/' in schema.data
    assert {channel.message_encoding for channel in summary.channels.values()} == {'cdr'}
    assert summary.statistics.message_count == len(topics)


def test_results_are_written_by_rosbag2_with_types_that_viewers_know(messages, tmp_path, rosbag2
                                                                     ) -> None:
    path = write(tmp_path / 'bag', messages)
    results = tmp_path / 'new' / 'results.mcap'
    assert main(['bag', str(path), '--stack-size', str(COUNT), '--output', str(tmp_path / 'out'),
                 '--mcap', str(results)]) == 0
    check_types(results)
    assert [each.name for each in results.parent.iterdir()] == ['results.mcap']


def test_results_are_written_by_rosbags_with_types_that_viewers_know(messages, tmp_path) -> None:
    path = write(tmp_path / 'bag', messages)
    assert main(['bag', str(path), '--stack-size', str(COUNT), '--output', str(tmp_path / 'out'),
                 '--mcap', str(tmp_path / 'results.mcap')]) == 0
    check_types(tmp_path / 'results.mcap')


def test_a_file_is_whole_or_not_there(tmp_path) -> None:
    with pytest.raises(RecordingError, match='does not know messages of an/msg/Other'), McapFile(
            tmp_path / 'x.mcap', '--mcap') as file:
        file.write('/one', 'an/msg/Other', 0, b'')
    assert not list(tmp_path.iterdir())
    (tmp_path / 'x.mcap').touch()
    with pytest.raises(RecordingError, match='it exists already'):
        McapFile(tmp_path / 'x.mcap', '--mcap')
