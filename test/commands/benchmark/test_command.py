# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The command ``benchmark`` runs whole processes and scores what they write."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
from focus_stacking_ros.cli import main
from focus_stacking_ros.commands.score import psnr
from focus_stacking_ros.simulation import built_in_stack, write_stack
import numpy as np
from PIL import Image
import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp('stack')
    write_stack(built_in_stack(size=(192, 256), count=5), place)
    return place


def rows_of(output: str) -> dict[str, list[str]]:
    rows = [line.strip('| ').split(' | ') for line in output.splitlines() if line[:1] == '|']
    return {row[0]: row[1:] for row in rows[2:]}


def test_each_method_and_program_has_its_row(folder, monkeypatch, capfd) -> None:
    monkeypatch.setenv('PATH', '/usr/bin:/bin')
    assert main(['benchmark', '--stack', str(folder), '--rounds', '1', '--methods',
                 'streaming,default']) == 0
    output = capfd.readouterr().out
    rows = rows_of(output)
    assert list(rows)[:2] == ['streaming', 'default']
    for seconds, megabytes, image, depth in (rows['streaming'], rows['default']):
        assert 0.1 < float(seconds) < 60
        assert 30 < float(megabytes) < 400
        assert float(image) > 25
        assert 'within one slice' in depth
    assert ('focusweave' in rows) != ('focusweave' in output.rpartition('not on PATH')[2])


def test_a_program_on_the_path_takes_part(folder, tmp_path, monkeypatch, capfd) -> None:
    # In the place of FocusWeave: it takes the first slice for the result.
    program = tmp_path / 'focusweave'
    program.write_text('#!/bin/sh\nwhile [ "$1" != --output ]; do\n  [ -d "$1" ] && images=$1\n'
                       '  shift\ndone\ncp "$images"/0000.png "$2"\n')
    program.chmod(0o755)
    monkeypatch.setenv('PATH', f'{tmp_path}:/usr/bin:/bin')
    assert main(['benchmark', '--stack', str(folder), '--rounds', '1', '--methods',
                 'streaming']) == 0
    rows = rows_of(capfd.readouterr().out)
    truth, first = (cv2.imread(str(folder / name)) for name in (
        'truth/all_in_focus.png', 'frame_00.png'))
    assert float(rows['focusweave'][2]) == pytest.approx(psnr(first, truth), abs=0.01)


@pytest.mark.parametrize(('arguments', 'words'), [
    (['--methods', 'best'], "method is 'best'"),
    (['--rounds', '0'], '--rounds 0'),
    (['--stack', '/nowhere'], '/nowhere')])
def test_what_cannot_run_is_one_line(folder, arguments, words, capfd) -> None:
    assert main(['benchmark', '--stack', str(folder), *arguments]) == 2
    error = capfd.readouterr().err.strip()
    assert words in error
    assert '\n' not in error


def test_the_truth_itself_is_far_above_all_noise() -> None:
    image = np.full((48, 64, 3), 100, np.uint8)
    assert psnr(image, image) > 100
    assert psnr(image + np.uint8(1), image) == pytest.approx(20 * math.log10(255), abs=1e-6)
    with pytest.raises(ValueError, match='truth'):
        psnr(image[:, 1:], image)


def test_a_file_of_several_pages_is_one_line(tmp_path, capfd) -> None:
    pages = [Image.new('L', (40, 30), level) for level in (90, 120)]
    pages[0].save(tmp_path / 'x.tif', save_all=True, append_images=pages[1:])
    assert main(['benchmark', '--stack', str(tmp_path)]) == 2
    error = capfd.readouterr().err.strip()
    assert 'x.tif: it holds several images' in error
    assert '\n' not in error
