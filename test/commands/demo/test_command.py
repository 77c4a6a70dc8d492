# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The command ``demo``: two processes and real topics, with the result of ``stack``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
import json
import os
from pathlib import Path
import pty
import re
import select
import signal
import subprocess
import sys
from typing import Any, IO

import cv2
from focus_stacking_ros.cli import main
from focus_stacking_ros.commands.result_files import DEVIATION_FILE, OUTPUT_FILES
import focus_stacking_ros.simulation
from focus_stacking_ros.simulation import built_in_stack
from helpers.ros_helpers import NodeProcess, wait_until
import numpy as np
from numpy.typing import NDArray
import pytest

pytestmark = pytest.mark.ros

Refused = Callable[..., str]
Demo = Callable[..., subprocess.CompletedProcess[str]]


@contextmanager
def terminal() -> Iterator[tuple[Callable[[], str], IO[str]]]:
    """Yield what was written to a terminal, and what writes to it."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, 'w') as stream, os.fdopen(ours, 'rb', 0) as screen:
        def written() -> str:
            text = b''
            while select.select([screen], [], [], 0)[0]:
                text += screen.read(65536)
            return text.decode()

        yield written, stream


def demo(environment: dict[str, str],
         *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, '-m', 'focus_stacking_ros', 'demo', *map(str, arguments)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:
        try:
            # Longer than the demonstration itself waits for anything: it says what did not come.
            stdout, stderr = process.communicate(timeout=300)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)  # so that it ends its nodes
            try:
                process.wait(60)
            finally:
                process.kill()
            raise
        return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)


@pytest.fixture
def demo_here(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch,
              capfd: pytest.CaptureFixture[str]) -> Demo:
    """Return what runs a demonstration in this process, whose start costs most of its time."""
    monkeypatch.setenv('PYTHONPATH', environment['PYTHONPATH'])

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = ['demo', *map(str, arguments)]
        capfd.readouterr()
        code = main(command)
        return subprocess.CompletedProcess(command, code, *capfd.readouterr())
    return run


@pytest.fixture
def refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Refused:
    """Return what says why a demonstration, in this process, is refused before it begins."""
    def reason(*arguments: str | Path) -> str:
        output = tmp_path / 'out'
        try:
            code = main(['demo', *map(str, arguments), '--output', str(output)])
        except SystemExit as error:  # of argparse
            code = error.code
        captured = capsys.readouterr()
        assert (code, captured.out, output.exists()) == (2, '', False)
        return captured.err
    return reason


def write(folder: Path, *, distances: bool) -> list[Path]:
    """Write the slices far to near, so that the demonstration has to sort them."""
    folder.mkdir()
    images, places = small_stack(6)
    if distances:
        images, places = images[::-1], places[::-1]
        (folder / 'meta.json').write_text(json.dumps({'focus_distances_m': places}))
    paths = [folder / f'slice{number}.png' for number in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        cv2.imwrite(str(path), image)
    return paths


@cache
def small_stack(count: int) -> tuple[tuple[NDArray[Any], ...], tuple[float, ...]]:
    """Return the built-in stack at a tenth of its pixels, and its distances: moving and noisy."""
    stack = built_in_stack(size=(240, 320), count=count)
    return stack.slices, stack.focus_distances_m


def assert_same_results(one: Path, other: Path) -> None:
    for name in (*OUTPUT_FILES, DEVIATION_FILE):
        if name.endswith(('.png', '.tiff')):
            np.testing.assert_array_equal(
                cv2.imread(str(one / name), cv2.IMREAD_UNCHANGED),
                cv2.imread(str(other / name), cv2.IMREAD_UNCHANGED), err_msg=name)


@pytest.mark.parametrize('distances', [True, False])
def test_the_topics_give_bit_for_bit_what_the_command_line_gives(
        distances: bool, tmp_path: Path, environment: dict[str, str], demo_here: Demo) -> None:
    paths = write(tmp_path / 'images', distances=distances)
    run = partial(demo, environment) if distances else demo_here
    done = run('--stack', tmp_path / 'images', '--output', tmp_path / 'topics')
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) < 10
    assert 'topics' in done.stdout
    assert done.stderr.splitlines() == ['slice 5 of 6', 'slice 6 of 6, fusing']
    focus = ['--focus-file', str(tmp_path / 'images' / 'meta.json')] if distances else []
    assert main(['stack', *map(str, paths), *focus, '--output', str(tmp_path / 'files')]) == 0
    assert_same_results(tmp_path / 'topics', tmp_path / 'files')
    reports = [json.loads((tmp_path / folder / 'report.json').read_text())
               for folder in ('topics', 'files')]
    frames = [sorted(report['frames'], key=lambda frame: frame['file']) for report in reports]
    for ours, theirs in zip(*frames, strict=True):
        assert {**ours, **theirs, 'number': 0} == {**ours, 'number': 0}
    assert reports[0]['options'] == reports[1]['options']


def test_the_built_in_stack_needs_no_files(tmp_path: Path, demo_here: Demo,
                                           monkeypatch: pytest.MonkeyPatch) -> None:
    """Also that it grows on a terminal, in one line."""
    monkeypatch.setattr(focus_stacking_ros.simulation, 'built_in_stack',
                        partial(built_in_stack, size=(240, 320)))
    monkeypatch.setenv('TERM', 'xterm')
    with terminal() as (screen, stream):
        with monkeypatch.context() as patch:
            patch.setattr(sys, 'stderr', stream)
            assert demo_here('--output', tmp_path / 'out').returncode == 0
            stream.flush()
        shown = screen()
    assert '\n' not in shown
    lines = shown.split('\r\033[K')
    assert lines[-1] == ''  # cleared in the end
    assert [line for line in lines if line.startswith('slice 12 of 12, fusing')]
    assert max(len(re.findall(r'\033\[48;5;\d+m ', line)) for line in lines) == 40
    assert {path.name for path in (tmp_path / 'out').iterdir()} == {
        *OUTPUT_FILES, DEVIATION_FILE}
    depth = cv2.imread(str(tmp_path / 'out' / 'depth.tiff'), cv2.IMREAD_UNCHANGED)
    assert np.isfinite(depth).mean() > 0.5


def test_a_simulated_cell_is_swept_and_scored(tmp_path: Path, demo_here: Demo) -> None:
    done = demo_here('--sim', '--output', tmp_path / 'out')
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / 'out').iterdir()} == {
        *OUTPUT_FILES, DEVIATION_FILE}
    report = json.loads((tmp_path / 'out' / 'report.json').read_text())
    assert len(report['frames']) == 13  # of 0.75 depths of field at most
    score = re.search(r'its error is ([\d.]+) mm .*median ([\d.]+) mm.* ([\d.]+)% are within one '
                      'slice', done.stdout)
    # Rims, one pixel in a hundred, make most of the root mean square; the noise of the frames that
    # are taken moves it: 0.243 to 0.260 mm on a machine that six cells share.
    assert float(score.group(1)) < 0.3
    assert float(score.group(2)) < 0.04
    assert float(score.group(3)) > 98


def test_a_demonstration_is_of_one_kind(tmp_path: Path, refused: Refused) -> None:
    assert 'not allowed with' in refused('--sim', '--stack', tmp_path)


@pytest.mark.parametrize(('content', 'reason'), [
    ({}, 'no images'),
    ({'a.png': b'x'}, 'at least two'),
    ({'a.png': b'x', 'b.png': b'y', 'meta.json': b'{"focus_distances_m": [1]}'}, '1 focus dist'),
    ({'a.png': b'x', 'b.png': b'y', 'meta.json': b'{"focus_distances_m": [1, -1]}'}, 'positive'),
])
def test_a_folder_that_is_no_stack_is_refused(content: dict[str, bytes], reason: str,
                                              tmp_path: Path, refused: Refused) -> None:
    folder = tmp_path / 'images'
    folder.mkdir()
    for name, data in content.items():
        (folder / name).write_bytes(data)
    assert reason in refused('--stack', folder)


def test_a_folder_may_have_any_name_and_a_file_that_is_no_image(
        tmp_path: Path, demo_here: Demo) -> None:
    paths = write(tmp_path / 'it\'s "#1: ünï', distances=False)
    paths[2].write_bytes(b'no image')
    done = demo_here('--stack', paths[0].parent, '--output', tmp_path / 'out')
    assert done.returncode == 0, done.stderr
    assert '5 slices fused' in done.stdout
    assert f'left out: {paths[2].name}' in done.stdout
    assert len(done.stdout.splitlines()) < 10


def test_a_stack_without_a_result_is_told_with_the_reason(tmp_path: Path,
                                                          demo_here: Demo) -> None:
    paths = write(tmp_path / 'images', distances=False)
    for path in paths[1:]:
        path.write_bytes(b'no image')
    done = demo_here('--stack', tmp_path / 'images', '--output', tmp_path / 'out')
    assert done.returncode == 2
    assert 'at least two' in done.stderr
    assert paths[-1].name in done.stderr


def test_too_many_images_and_an_impossible_rate_are_refused(tmp_path: Path,
                                                            refused: Refused,
                                                            monkeypatch) -> None:
    monkeypatch.setattr('focus_stacking_ros.commands.demo.command.MAX_SLICES', 255)
    for number in range(256):
        (tmp_path / f'{number}.png').write_bytes(b'x')
    assert 'at most 255' in refused('--stack', tmp_path)
    assert '0.01 to 1000' in refused('--rate', '0')


def test_a_missing_folder_is_named(tmp_path: Path, refused: Refused) -> None:
    assert 'nowhere' in refused('--stack', tmp_path / 'nowhere')


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_demonstration_and_its_nodes(
        number: signal.Signals, tmp_path: Path, environment: dict[str, str]) -> None:
    write(tmp_path / 'images', distances=True)
    command = [sys.executable, '-m', 'focus_stacking_ros', 'demo', '--stack', tmp_path / 'images',
               '--output', tmp_path / 'out', '--rate', '0.1']
    with NodeProcess.running(command, environment, tmp_path / 'log') as process:
        def nodes() -> list[Path]:
            name = f'focus_stacking_demo_{process.process.pid}'.encode()
            return [path for path in Path('/proc').glob('[0-9]*/cmdline')
                    if name in _content(path)]
        wait_until(lambda: len(nodes()) == 2, 30, 'both nodes')
        assert process.stop(number, 40) == 128 + number
        assert 'Traceback' not in process.log
        assert not nodes()
        assert not (tmp_path / 'out').exists()


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # the process has ended meanwhile
        return b''
