# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which images ``stack`` takes, in which order, and what it says of that."""

from __future__ import annotations

import json
from pathlib import Path

from focus_stacking_ros.commands.errors import CommandError
from focus_stacking_ros.commands.stack_input import given_files
import pytest

DISTANCES = [0.1, 0.2, 0.3, 0.4]
GLOB = ['img1.png', 'img10.png', 'img2.png', 'img3.png']
NATURAL = ['img1.png', 'img2.png', 'img3.png', 'img10.png']


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Folder of unpadded names and a meta.json, and a focus file elsewhere."""
    folder = tmp_path / 'board'
    folder.mkdir()
    for name in GLOB:
        (folder / name).write_bytes(b'')
    for path in (folder / 'meta.json', tmp_path / 'elsewhere.json'):
        path.write_text(json.dumps({'focus_distances_m': DISTANCES}))
    return folder


def taken(paths: list[Path], distances: str | None = None, file: Path | None = None
          ) -> dict[str, float | None]:
    return {each.path.name: each.focus_distance_m for each in given_files(paths, distances, file)}


def test_a_folder_is_taken_in_natural_order_with_its_meta_file(
        folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert list(taken([folder]).items()) == list(zip(NATURAL, DISTANCES, strict=True))
    assert capsys.readouterr().err == ''


def test_a_folder_takes_other_distances_too(folder: Path) -> None:
    assert list(taken([folder], '4,3,2,1').items()) == list(zip(NATURAL, [4, 3, 2, 1],
                                                                strict=True))
    (folder.parent / 'elsewhere.json').write_text('{"focus_distances_m": [5, 6, 7, 8]}')
    assert list(taken([folder], file=folder.parent / 'elsewhere.json').values()) == [5, 6, 7, 8]


def test_a_folder_beside_others_is_refused(folder: Path) -> None:
    for paths in ([folder, folder], [folder / 'img1.png', folder]):
        with pytest.raises(CommandError, match=r'one folder, or image files'):
            given_files(paths, None, None)


def test_a_focus_file_of_the_folder_pairs_in_natural_order(
        folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = taken([folder / name for name in GLOB], file=folder / 'meta.json')
    assert found == dict(zip(NATURAL, DISTANCES, strict=True))
    error = capsys.readouterr().err
    assert error.count('\n') == 1
    assert 'img10.png before img2.png' in error
    assert 'are taken in natural order' in error


def test_another_focus_file_pairs_as_the_images_are_named_and_says_so(
        folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    elsewhere = folder.parent / 'elsewhere.json'
    found = taken([folder / name for name in GLOB], file=elsewhere)
    assert found == dict(zip(GLOB, DISTANCES, strict=True))
    assert 'as they are named' in capsys.readouterr().err


def test_a_focus_file_of_the_folder_does_not_speak_of_some_of_its_images(
        folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / 'meta.json').write_text('{"focus_distances_m": [0.1, 0.2]}')
    found = taken([folder / 'img3.png', folder / 'img1.png'], file=folder / 'meta.json')
    assert found == {'img3.png': 0.1, 'img1.png': 0.2}
    assert 'as they are named' in capsys.readouterr().err


def test_without_distances_the_order_of_a_shell_is_told(
        folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert list(taken([folder / name for name in GLOB])) == GLOB
    assert 'near to far' in capsys.readouterr().err
    # Far to near is an order that somebody chose.
    assert list(taken([folder / name for name in NATURAL[::-1]])) == NATURAL[::-1]
    assert capsys.readouterr().err == ''


@pytest.mark.parametrize('names', [NATURAL, NATURAL[:1], ['img2.png', 'img3.png']])
def test_nothing_is_said_of_natural_order(folder: Path, capsys: pytest.CaptureFixture[str],
                                          names: list[str]) -> None:
    distances = ','.join(str(0.1 * (1 + number)) for number in range(len(names)))
    assert list(taken([folder / name for name in names], distances)) == names
    assert capsys.readouterr().err == ''


def test_distances_that_are_no_numbers_are_named(folder: Path) -> None:
    with pytest.raises(CommandError, match='near'):
        given_files([folder], '1,near', None)
