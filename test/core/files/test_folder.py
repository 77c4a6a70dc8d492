# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The image files of a folder, in the order people count in."""

from __future__ import annotations

from pathlib import Path
import random

from focus_stacking_ros.core.files.folder import image_files_in, natural_order
from helpers.image_data import refusal
import pytest


@pytest.mark.parametrize('names', [
    ['frame_1.png', 'frame_2.png', 'frame_10.png', 'frame_100.png'],
    ['1', '2', '10', '10a', 'a', 'a1', 'a1b', 'a2', 'a10', 'b'],
    ['A1', 'a2', 'A3', 'a10'], ['s1_z9', 's1_z10', 's2_z1', 's10_z0'],
    ['001', '2', '003', '10'], ['a01', 'a1', 'a001b', 'a1b', 'a2'],
    [f'{number}.png' for number in range(120)], ['x' + '9' * 40, 'x1' + '0' * 40],
    ['\u0662.png', '\u0663.png', '\u0661\u0660.png']])  # Arabic-Indic 2, 3, 10
def test_numbers_in_names_count_as_numbers(names: list[str]) -> None:
    paths = [Path('folder', name) for name in names]
    shuffler = random.Random(0)
    for _ in range(20):
        shuffled = shuffler.sample(paths, len(paths))
        assert natural_order(iter(shuffled)) == paths


def test_names_with_superscripts_are_sorted_too() -> None:
    paths = [Path('1²2.png'), Path('2²1.png'), Path('10²1.png')]
    assert natural_order(reversed(paths)) == paths


def test_image_files_of_a_folder_are_found_by_suffix(tmp_path: Path) -> None:
    images = ['1.png', '2.JPG', '10.jpeg', '11.tif', '12.TIFF', '13.bmp', '14.webp']
    for name in (*images, '.hidden.png', '._2.JPG', 'meta.json', 'notes.txt', 'png', '5.png.part'):
        (tmp_path / name).write_bytes(b'')
    (tmp_path / '3.png').mkdir()
    (tmp_path / '3.png' / '4.png').write_bytes(b'')
    (tmp_path / '20.png').symlink_to(tmp_path / '1.png')
    (tmp_path / '21.png').symlink_to(tmp_path / 'missing.png')
    assert image_files_in(tmp_path) == [tmp_path / name for name in (*images, '20.png')]
    assert image_files_in(tmp_path / '3.png') == [tmp_path / '3.png' / '4.png']


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    for name, reason in (('missing', 'No such'), ('file', 'Not a directory')):
        path = tmp_path / name
        assert reason in refusal(lambda path=path: image_files_in(path), path)


def test_a_folder_that_cannot_be_listed_is_refused(ordinary_user: Path) -> None:
    folder = ordinary_user / 'locked'
    folder.mkdir(mode=0)
    assert 'Permission' in refusal(lambda: image_files_in(folder), folder)


def test_a_folder_whose_files_cannot_be_reached_is_refused(ordinary_user: Path) -> None:
    folder = ordinary_user / 'locked'
    folder.mkdir()
    (folder / 'a.png').write_bytes(b'')
    folder.chmod(0o400)
    assert 'Permission' in refusal(lambda: image_files_in(folder), folder)
