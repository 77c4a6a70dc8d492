# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``bag`` on recordings of every kind: whole, of several stacks, cut, damaged."""

from __future__ import annotations

from collections.abc import Sequence
import json
from pathlib import Path
import sqlite3
import subprocess
import sys

from commands.bag.recordings import (
    image_at,
    jpeg_at,
    made,
    point_at,
    slices_of,
    START_NS,
    STEP_NS,
    write,
)
from focus_stacking_ros import FocusStacker
from focus_stacking_ros.cli import main
from focus_stacking_ros.core.files.planes import read_plane
from focus_stacking_ros.simulation import built_in_stack
import numpy as np
import pytest

COUNT = 5


@pytest.fixture(scope='module')
def stack():
    return built_in_stack(size=(96, 128), count=COUNT)


def fused(slices, distances):
    """Return what the library makes of slices."""
    stacker = FocusStacker()
    for image, distance in zip(slices, distances, strict=True):
        stacker.add(image, distance)
    return stacker.finish()


@pytest.fixture(scope='module')
def expected(stack):
    return fused(stack.slices, stack.focus_distances_m)


def run(recording: Path, output: Path, *flags: str) -> int:
    return main(['bag', str(recording), '--output', str(output), '--stack-size', str(COUNT),
                 *flags])


def assert_same(folder: Path, expected) -> None:
    for name, plane in (('depth', expected.depth_m), ('confidence', expected.confidence),
                        ('focus_index', expected.slice_index)):
        np.testing.assert_array_equal(read_plane(folder / f'{name}.tiff'), plane)


@pytest.mark.parametrize('storage', ['MCAP', 'SQLITE3'])
@pytest.mark.parametrize('one_file', [False, True])
def test_a_recording_gives_what_the_slices_give(stack, expected, tmp_path, capsys, storage,
                                                one_file) -> None:
    path = write(tmp_path / 'bag', slices_of(stack.slices, stack.focus_distances_m), storage)
    if one_file:
        path = next(each for each in path.iterdir() if each.suffix in ('.mcap', '.db3'))
    assert run(path, tmp_path / 'out') == 0
    told = json.loads(capsys.readouterr().out)
    assert (told['results'], told['failures'], told['problems']) == (1, 0, [])
    assert_same(tmp_path / 'out' / 'stack_000', expected)
    report = json.loads((tmp_path / 'out' / 'stack_000' / 'report.json').read_text())
    last = START_NS + (COUNT - 1) * STEP_NS
    assert report['stamp'] == {'sec': last // 10 ** 9, 'nanosec': last % 10 ** 9}
    assert report['frame_id'] == 'camera_optical_frame'


def test_compressed_images_and_other_topics(stack, expected, tmp_path) -> None:
    messages = []
    for number, (image, position) in enumerate(zip(stack.slices, stack.focus_distances_m,
                                                   strict=True)):
        time_ns = START_NS + number * STEP_NS
        messages += [('/eye/image_raw/compressed', time_ns, jpeg_at(time_ns, image)),
                     ('/lens', time_ns, point_at(time_ns, position)),
                     ('/all_in_focus/image', time_ns, image_at(time_ns, image[:8, :8].copy()))]
    assert run(write(tmp_path / 'bag', messages), tmp_path / 'out') == 0
    assert_same(tmp_path / 'out' / 'stack_000', expected)


def test_several_stacks_end_by_number_and_by_time(stack, expected, tmp_path, capsys) -> None:
    minute = 60 * 10 ** 9
    messages = slices_of(stack.slices, stack.focus_distances_m)
    messages += slices_of(stack.slices[:3], stack.focus_distances_m[:3],
                          start_ns=START_NS + minute)
    messages += slices_of(stack.slices, stack.focus_distances_m, start_ns=START_NS + 2 * minute)
    assert run(write(tmp_path / 'bag', messages), tmp_path / 'out') == 0
    told = capsys.readouterr()
    assert json.loads(told.out)['results'] == 3
    assert 'so the stack ends with 3 of 5 slices' in told.err
    for number in 0, 2:
        assert_same(tmp_path / 'out' / f'stack_{number:03d}', expected)
    report = json.loads((tmp_path / 'out' / 'stack_001' / 'report.json').read_text())
    assert len(report['frames']) == 3


def test_a_sweep_that_turns_ends_a_stack(stack, expected, tmp_path) -> None:
    there, back = list(range(COUNT)), list(range(COUNT - 2, -1, -1))
    ranks = there + back + there[1:]
    messages = slices_of([stack.slices[rank] for rank in ranks],
                         [stack.focus_distances_m[rank] for rank in ranks])
    assert run(write(tmp_path / 'bag', messages), tmp_path / 'out', '--stack-end',
               'reversal') == 0
    assert len(list((tmp_path / 'out').iterdir())) == 3
    assert_same(tmp_path / 'out' / 'stack_000', expected)


def test_the_latest_value_of_a_lens_without_stamps(stack, tmp_path) -> None:
    # Positions have single precision.
    expected = fused(stack.slices, map(float, np.float32(stack.focus_distances_m)))
    messages = []
    for number, (image, position) in enumerate(zip(stack.slices, stack.focus_distances_m,
                                                   strict=True)):
        time_ns = START_NS + number * STEP_NS
        messages += [('/lens_position', time_ns - 1000, made('std_msgs/msg/Float32',
                                                             data=position)),
                     ('/cell/image', time_ns, image_at(time_ns, image))]
    assert run(write(tmp_path / 'bag', messages), tmp_path / 'out', '--focus-source',
               'float32') == 0
    found = read_plane(tmp_path / 'out' / 'stack_000' / 'focus_index.tiff')
    assert np.abs(found - expected.slice_index).max() < 1e-3


def test_options_of_the_algorithm_are_those_of_stack(stack, tmp_path) -> None:
    path = write(tmp_path / 'bag', slices_of(stack.slices, stack.focus_distances_m))
    assert run(path, tmp_path / 'out', '--reference', 'last', '--method', 'streaming') == 0
    report = json.loads((tmp_path / 'out' / 'stack_000' / 'report.json').read_text())
    assert report['options']['method'] == 'streaming'
    assert report['reference'] == COUNT - 1


def cut(path: Path, share: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:int(len(data) * share)])


@pytest.mark.slow
@pytest.mark.parametrize('storage', ['MCAP', 'SQLITE3'])
@pytest.mark.parametrize('one_file', [False, True])
def test_of_a_cut_recording_what_is_whole_is_fused(stack, expected, tmp_path, capsys, storage,
                                                   one_file) -> None:
    minute = 60 * 10 ** 9
    messages = []
    for number in range(16):  # more than two chunks of MCAP, of a megabyte each
        messages += slices_of(stack.slices, stack.focus_distances_m,
                              start_ns=START_NS + number * minute)
    path = write(tmp_path / 'bag', messages, storage)
    file = next(each for each in path.iterdir() if each.suffix in ('.mcap', '.db3'))
    cut(file, 0.7)
    assert run(file if one_file else path, tmp_path / 'out') == 0
    told = json.loads(capsys.readouterr().out)
    assert any('damaged or incomplete' in words for words in told['problems'])
    assert any('can be read up to message' in words for words in told['problems'])
    assert 5 <= told['results'] <= 11
    for number in range(5):
        assert_same(tmp_path / 'out' / f'stack_{number:03d}', expected)


def test_without_its_metadata_a_recording_is_read_all_the_same(stack, expected, tmp_path) -> None:
    path = write(tmp_path / 'bag', slices_of(stack.slices, stack.focus_distances_m))
    (path / 'metadata.yaml').unlink()
    assert run(path, tmp_path / 'out') == 0
    assert_same(tmp_path / 'out' / 'stack_000', expected)


def test_a_broken_message_is_named_and_the_others_are_fused(stack, tmp_path, capsys) -> None:
    messages = slices_of(stack.slices, stack.focus_distances_m)
    path = write(tmp_path / 'bag', messages, 'SQLITE3')
    with sqlite3.connect(next(path.glob('*.db3'))) as database:
        database.execute('UPDATE messages SET data = substr(data, 1, 30) WHERE id = 3')
    assert run(path, tmp_path / 'out') == 0
    told = json.loads(capsys.readouterr().out)
    assert any('a message of /cell/image cannot be read' in words for words in told['problems'])
    report = json.loads((tmp_path / 'out' / 'stack_000' / 'report.json').read_text())
    assert len(report['frames']) == COUNT - 1


@pytest.mark.parametrize(('change', 'words'), [
    (lambda messages: [each for each in messages if each[0] != '/cell/focus_position'],
     'the recording has no focus positions (geometry_msgs/msg/PointStamped); there are: '
     '/cell/image (sensor_msgs/msg/Image)'),
    (lambda messages: [*messages, ('/other/image', START_NS, messages[0][2])],
     'several topics may be the images: /cell/image, /other/image; name one by --image'),
    (lambda messages: messages[:2], 'no stack in it has a result')])
def test_what_is_missing_is_said_in_a_line(stack, tmp_path, capsys, change, words) -> None:
    path = write(tmp_path / 'bag', change(slices_of(stack.slices, stack.focus_distances_m)))
    assert run(path, tmp_path / 'out') == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(('flags', 'words'), [
    (['--image', '/nowhere'], '--image /nowhere: the topic is not in the recording'),
    (['--image', '/cell/focus_position'], 'the topic is of geometry_msgs/msg/PointStamped'),
    (['--focus-source', 'tf'], 'poses of TF are looked up live only'),
    (['--focus-unit', 'raw', '--focus-table', '1: 2'], 'focus.table')])
def test_a_wrong_call_is_a_line(stack, tmp_path, capsys, flags: Sequence[str], words) -> None:
    path = write(tmp_path / 'bag', slices_of(stack.slices, stack.focus_distances_m))
    assert run(path, tmp_path / 'out', *flags) == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.count('\n') == 1


@pytest.mark.parametrize('content', [None, b'', b'nothing', b'\x89MCAP0\r\n'])
def test_what_is_no_recording_is_a_line(tmp_path, capsys, content) -> None:
    path = tmp_path / 'bag.mcap'
    if content is not None:
        path.write_bytes(content)
    assert run(path, tmp_path / 'out') == 2
    assert str(path.name) in capsys.readouterr().err


def test_no_ros_is_needed(stack, tmp_path) -> None:
    path = write(tmp_path / 'bag', slices_of(stack.slices, stack.focus_distances_m))
    program = """
import sys
class WithoutRos:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in {'rclpy', 'sensor_msgs', 'std_msgs', 'geometry_msgs',
                                      'rcl_interfaces', 'builtin_interfaces'}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, WithoutRos())
from focus_stacking_ros.cli import main
sys.exit(main(sys.argv[1:]))
"""
    done = subprocess.run([sys.executable, '-c', program, 'bag', str(path), '--output',
                           str(tmp_path / 'out')], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)['results'] == 1
