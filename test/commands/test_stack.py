# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The command ``stack``: its files, its fields, its strictness."""

from __future__ import annotations

import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import threading
from typing import Any

import cv2
from focus_stacking_ros import FocusStacker
from focus_stacking_ros.cli import _parser, main
from focus_stacking_ros.commands import result_files
from focus_stacking_ros.commands.errors import CommandError
import numpy as np
import pytest

FILES = {'all_in_focus.png', 'depth.tiff', 'depth_std.tiff', 'focus_index.tiff',
         'confidence.tiff', 'overview.png', 'report.json'}
DISTANCES = [0.1, 0.102, 0.104, 0.106]


def slices(dtype: type = np.uint8, channels: int = 3) -> list[np.ndarray]:
    """Return four slices; each vertical strip of the texture is sharp in one of them."""
    generator = np.random.default_rng(3)
    texture = generator.integers(20, 230, (90, 120, channels)).astype(np.float32)
    texture = cv2.GaussianBlur(texture, (0, 0), 0.8).reshape(90, 120, channels)
    strip = np.arange(120) // 30
    stack = []
    for index in range(4):
        image = np.empty_like(texture)
        for other in range(4):
            sigma = 1.2 * abs(other - index)
            blurred = texture if sigma == 0 else cv2.GaussianBlur(
                texture, (0, 0), sigma).reshape(texture.shape)
            image[:, strip == other] = blurred[:, strip == other]
        scale = 1 if dtype == np.uint8 else 257
        stack.append(np.rint(image * scale).astype(dtype).squeeze())
    return stack


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Folder of four PNG slices and a meta.json."""
    write(tmp_path, slices())
    return tmp_path


def write(folder: Path, images: list[np.ndarray]) -> None:
    for number, image in enumerate(images):
        cv2.imwrite(str(folder / f'frame_{number}.png'), image)
    (folder / 'meta.json').write_text(json.dumps({'focus_distances_m': DISTANCES}))


def run(folder: Path, *arguments: str, images: list[str] | None = None) -> int:
    names = images or [f'frame_{number}.png' for number in range(4)]
    return main(['stack', *(str(folder / name) for name in names), '--output',
                 str(folder / 'out'), *arguments])


def read(folder: Path, name: str, output: str = 'out') -> np.ndarray:
    image = cv2.imread(str(folder / output / name), cv2.IMREAD_UNCHANGED)
    assert image is not None, name
    return image


def fails(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str,
          images: list[str] | None = None) -> str:
    """Run, expect exit code 2, one line and no file; return the line."""
    try:
        code = run(folder, *arguments, images=images)
    except SystemExit as exit_:  # argparse
        code = exit_.code
    error = capsys.readouterr().err
    assert code == 2, error
    assert not (folder / 'out').exists()
    assert 'Traceback' not in error
    return error


def test_all_files_hold_what_the_library_returns(folder: Path) -> None:
    stacker = FocusStacker()
    for image, distance in zip(slices(), DISTANCES, strict=True):
        stacker.add(image, distance)
    expected = stacker.finish()
    assert run(folder, '--focus-file', str(folder / 'meta.json')) == 0
    assert {path.name for path in (folder / 'out').iterdir()} == FILES
    np.testing.assert_array_equal(read(folder, 'all_in_focus.png'), expected.all_in_focus)
    np.testing.assert_array_equal(read(folder, 'depth.tiff'), expected.depth_m)
    np.testing.assert_array_equal(read(folder, 'focus_index.tiff'), expected.slice_index)
    np.testing.assert_array_equal(read(folder, 'confidence.tiff'), expected.confidence)
    assert read(folder, 'depth.tiff').dtype == np.float32


def test_the_report_names_every_input(folder: Path) -> None:
    assert run(folder, '--focus-distances', ','.join(map(str, DISTANCES)),
               '--reference', 'last') == 0
    report = json.loads((folder / 'out' / 'report.json').read_text())
    assert {'frames', 'options', 'backend', 'timings_ms', 'version'} <= report.keys()
    assert report['backend_choice'].startswith(f'auto takes the backend {report["backend"]}')
    for number, frame in enumerate(report['frames']):
        assert frame['file'] == str(folder / f'frame_{number}.png')
        assert frame['focus_distance_m'] == DISTANCES[number]
        assert np.shape(frame['transform']) == (3, 3)
        assert (frame['accepted'], frame['reason'], frame['rank']) == (True, '', number)
        assert frame['gain'] == pytest.approx(1, abs=0.05)
    np.testing.assert_array_equal(report['frames'][3]['transform'], np.eye(3))


def test_16_bit_in_is_16_bit_out_and_grey_stays_grey(tmp_path: Path) -> None:
    write(tmp_path, slices(np.uint16, 1))
    assert run(tmp_path, '--focus-file', str(tmp_path / 'meta.json')) == 0
    image = read(tmp_path, 'all_in_focus.png')
    assert (image.dtype, image.shape) == (np.uint16, (90, 120))


@pytest.mark.parametrize('order', [[3, 2, 1, 0], [2, 0, 3, 1]])
def test_the_order_of_the_files_does_not_matter_with_positions(folder: Path,
                                                               order: list[int]) -> None:
    assert run(folder, '--focus-file', str(folder / 'meta.json')) == 0
    expected = {name: read(folder, name) for name in FILES if not name.endswith('json')}
    shuffled = [str(folder / f'frame_{number}.png') for number in order]
    assert main(['stack', *shuffled, '--output', str(folder / 'other'), '--focus-distances',
                 ','.join(str(DISTANCES[number]) for number in order)]) == 0
    for name, image in expected.items():
        np.testing.assert_array_equal(read(folder, name, 'other'), image)


def test_without_distances_there_is_an_index_and_no_depth(folder: Path) -> None:
    assert run(folder) == 0
    assert np.isnan(read(folder, 'depth.tiff')).all()
    assert np.isfinite(read(folder, 'focus_index.tiff')).all()


def test_a_flag_reaches_the_algorithm(folder: Path) -> None:
    assert run(folder, '--focus-file', str(folder / 'meta.json'), '--depth-fill', 'true',
               '--method', 'streaming', '--alignment-model', 'none') == 0
    assert np.isfinite(read(folder, 'depth.tiff')).all()
    report = json.loads((folder / 'out' / 'report.json').read_text())
    assert report['options']['method'] == 'streaming'


@pytest.mark.parametrize(('name', 'content'), [
    ('missing.png', None), ('empty.png', b''), ('text.png', b'this is no image'),
])
def test_a_file_that_is_no_image_is_named(folder: Path, capsys: pytest.CaptureFixture[str],
                                          name: str, content: bytes | None) -> None:
    if content is not None:
        (folder / name).write_bytes(content)
    error = fails(capsys, folder, images=['frame_0.png', name, 'frame_2.png'])
    assert name in error
    assert error.count('\n') == 1


@pytest.mark.parametrize('suffix', ['png', 'jpg'])
@pytest.mark.parametrize('share', [0.2, 0.6, 0.95])
def test_a_truncated_file_is_named(folder: Path, capsys: pytest.CaptureFixture[str], suffix: str,
                                   share: float) -> None:
    whole = cv2.imencode(f'.{suffix}', slices()[1])[1].tobytes()
    name = f'cut.{suffix}'
    (folder / name).write_bytes(whole[:int(len(whole) * share)])
    error = fails(capsys, folder, images=['frame_0.png', name, 'frame_2.png'])
    assert name in error


def test_two_sizes_and_two_encodings_are_named(folder: Path,
                                               capsys: pytest.CaptureFixture[str]) -> None:
    cv2.imwrite(str(folder / 'small.png'), slices()[1][:-3])
    cv2.imwrite(str(folder / 'grey.png'), slices()[1][..., 0])
    for name in ('small.png', 'grey.png'):
        assert name in fails(capsys, folder, images=['frame_0.png', name, 'frame_2.png'])


def test_one_image_is_too_few(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 'at least two' in fails(capsys, folder, images=['frame_0.png'])


@pytest.mark.parametrize(('arguments', 'word'), [
    ([], 'IMAGE'), (['a.png', '--method', 'slow'], "'slow'"),
    (['a.png', '--focus-measure-window', '4'], 'odd'), (['a.png', '--none'], '--none')])
def test_a_wrong_call_is_told_in_one_line(arguments: list[str], word: str, folder: Path,
                                          capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(['stack', *arguments, '--output', str(folder / 'out')])
    assert exit_.value.code == 2
    line, = capsys.readouterr().err.splitlines()
    assert line.startswith('focus_stacking_ros')
    assert word in line
    assert '--help' in line
    assert not (folder / 'out').exists()


@pytest.mark.parametrize('name', ['frame_0.png', 'frame_0.png/out', 'link'])
def test_a_place_that_takes_no_result_is_told_before_the_work(
        name: str, folder: Path, capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / 'link').symlink_to('nowhere')
    monkeypatch.setattr(FocusStacker, 'add', lambda *_, **__: pytest.fail('worked'))
    assert main(['stack', str(folder / 'frame_0.png'), str(folder / 'frame_1.png'), '--output',
                 str(folder / name)]) == 2
    line, = capsys.readouterr().err.splitlines()
    assert line.startswith(f'focus_stacking_ros stack: {folder / name}: it cannot be written')
    assert 'no folder' in line


def test_a_folder_that_may_not_be_written_is_told_before_the_work(
        folder: Path, capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch) -> None:
    # Who runs as root may write everywhere.
    monkeypatch.setattr(os, 'access', lambda path, _mode: Path(path) != folder)
    assert 'may not be written' in fails(capsys, folder)


@pytest.mark.parametrize(('distances', 'word'), [
    ('0.1,0.102,0.104', '3'), ('0.1,0.102,nan,0.106', 'nan'), ('0.1,0.102,inf,0.106', 'inf'),
    ('0.1,0.102,1e300,0.106', '1e+300'),
    ('0.1,-0.102,0.104,0.106', '-0.102'), ('0,0.102,0.104,0.106', 'positive'),
    ('0.1,0.102,0.102,0.106', '0.102'), ('0.1,near,0.104,0.106', 'near'),
])
def test_bad_distances_are_named(folder: Path, capsys: pytest.CaptureFixture[str],
                                 distances: str, word: str) -> None:
    error = fails(capsys, folder, f'--focus-distances={distances}')
    assert word in error
    assert error.count('\n') == 1


@pytest.mark.parametrize('content', [
    None, 'not json', '[]', '{}', '{"focus_distances_m": 3}', '{"focus_distances_m": ["a"]}',
])
def test_a_bad_focus_file_is_named(folder: Path, capsys: pytest.CaptureFixture[str],
                                   content: str | None) -> None:
    if content is not None:
        (folder / 'bad.json').write_text(content)
    error = fails(capsys, folder, '--focus-file', str(folder / 'bad.json'))
    assert 'bad.json' in error
    assert error.count('\n') == 1


def test_skip_bad_goes_on_and_reports(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / 'broken.png').write_bytes(b'broken')
    names = ['frame_0.png', 'broken.png', 'frame_1.png', 'frame_2.png', 'frame_3.png']
    assert run(folder, '--skip-bad', '--focus-distances=0.1,0.2,0.102,nan,0.106',
               images=names) == 0
    report = json.loads((folder / 'out' / 'report.json').read_text())
    assert [frame['accepted'] for frame in report['frames']] == [True, False, True, False, True]
    assert 'broken.png' in report['frames'][1]['reason']
    assert 'broken.png' in capsys.readouterr().err


@pytest.mark.parametrize('backend', ['native', 'emulation', 'kria'])
def test_a_backend_that_is_missing_is_an_error(folder: Path, backend: str,
                                               capsys: pytest.CaptureFixture[str]) -> None:
    from focus_stacking_ros.core.stack.backend import backend_names
    if backend in backend_names():
        pytest.skip(f'{backend} exists here')
    assert backend in fails(capsys, folder, '--backend', backend)


def test_a_bad_option_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 'odd' in fails(capsys, folder, '--focus-measure-window', '8')
    assert 'sideways' in fails(capsys, folder, '--reference', 'sideways')


def test_a_folder_that_cannot_be_written_is_named_and_left_alone(
        folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / 'file').write_text('in the way')
    for output in ('file', 'file/below'):
        assert main(['stack', *(str(folder / f'frame_{number}.png') for number in range(4)),
                     '--output', str(folder / output)]) == 2
        assert str(folder / 'file') in capsys.readouterr().err
    assert (folder / 'file').read_text() == 'in the way'


def test_an_earlier_result_survives_a_failure(folder: Path,
                                              capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder) == 0
    before = {path.name: path.read_bytes() for path in (folder / 'out').iterdir()}
    assert run(folder, '--focus-distances=1,2,3,-4') == 2
    assert {path.name: path.read_bytes() for path in (folder / 'out').iterdir()} == before


def test_it_runs_without_ros_and_is_silent_in_a_pipe(folder: Path, repository: Path) -> None:
    blocked = folder / 'blocked'
    blocked.mkdir()
    for name in ('rclpy', 'sensor_msgs'):
        (blocked / f'{name}.py').write_text('raise ImportError("no ROS here")')
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join([str(blocked), str(repository)]))
    done = subprocess.run(
        [sys.executable, '-m', 'focus_stacking_ros', 'stack',
         *(f'frame_{number}.png' for number in range(4)), '--output', 'out'],
        cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, '', '')
    assert {path.name for path in (folder / 'out').iterdir()} == FILES


def test_notebook_writes_its_steps_beside_the_usual_files(folder: Path) -> None:
    assert run(folder, '--focus-file', str(folder / 'meta.json'), '--method', 'notebook') == 0
    out = folder / 'out'
    # It has no deviation of the depth.
    assert {path.name for path in out.iterdir()} == {*FILES, 'notebook'} - {'depth_std.tiff'}
    names = {path.name for path in (out / 'notebook').iterdir()}
    assert {'01_aligned_00.png', '02_focus_response_r3_03.png', '03_depth_volume_03.png',
            '04_in_focus.png', '05_weighted.png', '06_depth_raw.png', '07_confidence.png',
            '08_depth_masked.png', '09_depth_filled.png', '10_depth_entropy.png',
            '11_post_processed.png'} <= names
    np.testing.assert_array_equal(cv2.imread(str(out / 'all_in_focus.png')),
                                  cv2.imread(str(out / 'notebook' / '04_in_focus.png')))
    report = json.loads((out / 'report.json').read_text())
    assert report['options']['method'] == 'notebook'
    assert all(frame['accepted'] and frame['transform'] for frame in report['frames'])
    depth = cv2.imread(str(out / 'depth.tiff'), cv2.IMREAD_UNCHANGED)
    assert np.nanmin(depth) >= DISTANCES[0] - 1e-6
    assert np.nanmax(depth) <= DISTANCES[-1] + 1e-6


def test_notebook_of_fewer_slices_leaves_none_of_the_earlier_ones(folder: Path) -> None:
    assert run(folder, '--method', 'notebook') == 0
    (folder / 'out' / 'notebook' / 'mine_03.png').write_text('not ours')
    assert run(folder, '--method', 'notebook', images=['frame_0.png', 'frame_1.png']) == 0
    names = {path.name for path in (folder / 'out' / 'notebook').iterdir()}
    assert {name for name in names if name.endswith(('_02.png', '_03.png'))} == {'mine_03.png'}
    assert {'01_aligned_00.png', '01_aligned_01.png', '12_slices_and_responses.png'} <= names


def test_all_margin_is_one_line_and_leaves_nothing(folder: Path,
                                                   capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, [image[:12] for image in slices()])
    assert run(folder, '--method', 'notebook') == 2
    assert 'all margin' in capsys.readouterr().err
    assert not (folder / 'out').exists()


def test_opencv_adds_no_lines_of_its_own(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    image = cv2.imencode('.tiff', slices()[1])[1].tobytes()
    (folder / 'cut.tiff').write_bytes(image[:len(image) // 2])
    assert run(folder, images=['frame_0.png', 'cut.tiff', 'frame_2.png']) == 2
    error = capfd.readouterr().err
    assert ('cut.tiff' in error, error.count('\n')) == (True, 1), error


def test_an_error_on_a_terminal_has_a_line_of_its_own(
        folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / 'broken.png').write_bytes(b'no image')
    monkeypatch.setattr(sys.stderr, 'isatty', lambda: True)
    names = ['frame_0.png', 'frame_1.png', 'broken.png']
    assert run(folder, '--skip-bad', images=names) == 0
    shown = [part.strip('\n') for part in capsys.readouterr().err.split('\r\033[K')]
    assert any(part.startswith('left out') for part in shown), shown
    assert run(folder, images=names) == 2
    shown = capsys.readouterr().err.split('\r\033[K')
    assert shown[-1].startswith('focus_stacking_ros stack: '), shown


def test_what_may_be_wrong_with_a_result_is_told_and_the_rest_on_a_terminal_only(
        folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    in_millimetres = ','.join(f'{1000 * distance}' for distance in DISTANCES[:2])
    given = ('--focus-distances', in_millimetres)
    assert run(folder, *given, images=['frame_0.png', 'frame_1.png']) == 0
    fault, note = json.loads((folder / 'out' / 'report.json').read_text())['notes']
    assert 'implausible' in fault
    assert 'two slices' in note
    assert capsys.readouterr().err.splitlines() == [fault]
    monkeypatch.setattr(sys.stderr, 'isatty', lambda: True)
    assert run(folder, *given, images=['frame_0.png', 'frame_1.png']) == 0
    shown = capsys.readouterr().err
    assert f'{fault}\n' in shown
    assert f'{note}\n' in shown


def test_a_terminal_is_told_which_backend_auto_has_taken_and_why(
        folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'pyxrt', None)
    monkeypatch.setenv('FOCUS_STACKING_NATIVE', '/nowhere')
    assert run(folder) == 0
    assert capsys.readouterr().err == ''
    monkeypatch.setattr(sys.stderr, 'isatty', lambda: True)
    assert run(folder) == 0
    shown = [part for part in capsys.readouterr().err.split('\r\033[K')
             if part.startswith('auto takes')]
    assert len(shown) == 1
    assert shown[0].startswith('auto takes the backend opencv; not kria: pyxrt')
    assert shown[0].endswith('\n')
    assert run(folder, '--backend', 'opencv') == 0
    assert 'auto' not in capsys.readouterr().err


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_files_are_written_leaves_none(
        number: signal.Signals, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(number)
    encode = result_files.tiff_parts
    signals = [number]

    def stopped(*image: Any, **how: Any) -> tuple[Any, ...]:
        if signals:
            os.kill(os.getpid(), signals.pop())
        return encode(*image, **how)

    monkeypatch.setattr(result_files, 'tiff_parts', stopped)
    assert run(folder) == 128 + number
    assert not (folder / 'out').exists()
    assert signal.getsignal(number) == before


def test_ctrl_c_while_the_program_is_imported_leaves_no_traceback(
        repository: Path, tmp_path: Path) -> None:
    (tmp_path / 'cv2.py').write_text('import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n')
    done = subprocess.run(
        [sys.executable, '-m', 'focus_stacking_ros', 'stack', '--help'], check=False, text=True,
        capture_output=True, env=dict(os.environ, PYTHONPATH=f'{tmp_path}:{repository}'))
    assert (done.returncode, done.stderr) == (130, '')


@pytest.mark.parametrize('more', [[], ['--skip-bad']])
def test_a_stack_that_will_not_fit_fails_before_any_work(folder, capsys, monkeypatch, more
                                                         ) -> None:
    images = [cv2.resize(image, (600, 450)) for image in slices()]
    write(folder, images)
    monkeypatch.setattr('focus_stacking_ros.core.stack.stacker.begin', None)  # the work
    line = fails(capsys, folder, '--fusion-max-retained-megabytes=4', *more)
    assert '4 slices of 1 megabytes' in line
    assert 'streaming' in line


def test_images_of_10_bits_keep_their_values_and_are_not_black_in_the_overview(folder) -> None:
    write(folder, [image >> 6 for image in slices(np.uint16)])
    assert run(folder) == 0
    image, overview = read(folder, 'all_in_focus.png'), read(folder, 'overview.png')
    report = json.loads((folder / 'out' / 'report.json').read_text())
    assert report['significant_bits'] == 10
    assert image.dtype == np.uint16
    assert 400 < image.mean() < 600
    assert (overview > 90).mean() > 0.4
    write(folder, slices(np.uint16))
    assert run(folder) == 0
    np.testing.assert_allclose(read(folder, 'overview.png').mean(), overview.mean(), atol=3)


def test_a_refused_file_leaves_no_thread_that_reads(folder: Path) -> None:
    sorted(folder.glob('*.png'))[1].write_bytes(b'no image')
    arguments = ['stack', str(folder), '--output', str(folder / 'out')]
    parsed = _parser(arguments).parse_args(arguments)
    with pytest.raises(CommandError) as caught:
        parsed.run(parsed)
    # The traceback keeps all frames: what they have begun must have ended all the same.
    assert caught.tb is not None
    assert not [each.name for each in threading.enumerate()
                if each.name.startswith('focus_stacking_reader')]


# Several lights

def test_images_of_a_position_are_those_of_its_lights(tmp_path: Path) -> None:
    darker = [np.asarray(image // 2, np.uint8) for image in slices()]
    images = [image for pair in zip(slices(), darker, strict=True) for image in pair]
    folder, output = tmp_path / 'images', tmp_path / 'output'
    folder.mkdir()
    write(folder, images)  # one distance for each position
    assert main(['stack', str(folder), '--output', str(output), '--stack-lights', '2']) == 0
    assert {path.name for path in output.iterdir()} == FILES | {'all_in_focus_light_1.png'}
    first, second = (cv2.imread(str(output / name), cv2.IMREAD_UNCHANGED).astype(np.float32)
                     for name in ('all_in_focus.png', 'all_in_focus_light_1.png'))
    assert np.abs(first / 2 - second).mean() < 1.5
    report = json.loads((output / 'report.json').read_text())
    assert [frame['focus_distance_m'] for frame in report['frames']] == DISTANCES
    assert [(Path(frame['file']).name, Path(frame['light_files'][0]).name)
            for frame in report['frames'][:2]] == [('frame_0.png', 'frame_1.png'),
                                                   ('frame_2.png', 'frame_3.png')]
    few = [str(folder / f'frame_{number}.png') for number in range(4)]
    assert main(['stack', *few, '--output', str(output)]) == 0
    assert {path.name for path in output.iterdir()} == FILES  # none is left of the result before


@pytest.mark.parametrize(('flags', 'words'), [
    (['--stack-lights', '3'], 'there are 4 images, and with stack.lights 3 every position has 3'),
    (['--stack-lights', '2', '--method', 'streaming'], 'method streaming, which takes one light'),
    (['--stack-lights', '2'], 'there are 4 focus distances for 2 positions; give one per pos'),
    (['--stack-lights', '2', '--watch'], '--watch takes one light')])
def test_what_does_not_go_with_several_lights_is_named(
        folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str],
        words: str) -> None:
    assert main(['stack', str(folder), '--output', str(tmp_path / 'output'), *flags]) == 2
    assert words in capsys.readouterr().err
