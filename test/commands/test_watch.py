# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``stack --watch``: the result of images that come one by one is that of a folder of them."""

from __future__ import annotations

import json
from pathlib import Path
import shutil
import subprocess
import sys

from focus_stacking_ros.cli import main
from focus_stacking_ros.simulation import built_in_stack
from focus_stacking_ros.simulation.write import write_stack
import pytest

COUNT = 5


@pytest.fixture(scope='module')
def stack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('watch')
    write_stack(built_in_stack(size=(96, 128), count=COUNT), folder)
    return folder


def test_images_that_come_give_what_the_folder_gives(stack, tmp_path) -> None:
    folder, images = tmp_path / 'camera', sorted(stack.glob('*.png'))
    distances = json.loads((stack / 'meta.json').read_text())['focus_distances_m']
    flags = ['--focus-distances', ','.join(map(str, distances))]
    process = subprocess.Popen(
        [sys.executable, '-m', 'focus_stacking_ros', 'stack', str(folder), '--watch', '--count',
         str(COUNT), '--quiet', '60', '--output', str(tmp_path / 'out'), *flags],
        stderr=subprocess.PIPE, text=True)
    folder.mkdir()
    for image in images:
        part = folder / f'{image.name}.part'
        shutil.copyfile(image, part)
        part.rename(folder / image.name)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 0, told
    assert main(['stack', *map(str, images), '--output', str(tmp_path / 'whole'), *flags]) == 0
    for name in 'depth.tiff', 'all_in_focus.png', 'confidence.tiff':
        assert (tmp_path / 'out' / name).read_bytes() == (tmp_path / 'whole' / name).read_bytes()
    report = json.loads((tmp_path / 'out' / 'report.json').read_text())
    assert [Path(frame['file']).name for frame in report['frames']] == [
        image.name for image in images]


def test_time_ends_a_stack_too(stack, tmp_path) -> None:
    assert main(['stack', str(stack), '--watch', '--quiet', '0.3', '--output',
                 str(tmp_path / 'out')]) == 0
    assert len(json.loads((tmp_path / 'out' / 'report.json').read_text())['frames']) == COUNT


@pytest.mark.parametrize(('arguments', 'words'), [
    (['one', 'two'], '--watch takes one folder'), (['one', '--count', '1'], 'takes two slices'),
    (['one', '--quiet', '0'], 'takes two slices'),
    (['one', '--count', '3', '--focus-distances', '1,2'], '2 focus distances for --count 3')])
def test_a_wrong_call_is_a_line(tmp_path, capsys, arguments, words) -> None:
    assert main(['stack', *arguments, '--watch', '--output', str(tmp_path / 'out')]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.count('\n') == 1
    assert not (tmp_path / 'out').exists()


def test_a_damaged_image_is_named_or_left_out(stack, tmp_path, capsys) -> None:
    folder = shutil.copytree(stack, tmp_path / 'camera')
    sorted(folder.glob('*.png'))[2].write_bytes(b'no image')
    call = ['stack', str(folder), '--watch', '--quiet', '0.3', '--output', str(tmp_path / 'out')]
    assert main(call) == 2
    assert '--skip-bad goes on without it' in capsys.readouterr().err
    assert main([*call, '--skip-bad']) == 0
