# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A focal stack as image files: distances, order and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import FrozenInstanceError
import json
import math
from pathlib import Path
import random

from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.stack_files import (
    bad_distances,
    gives_distances,
    META_FILE,
    near_to_far,
    orientation_note,
    stack_files,
    stack_folder,
    StackFile,
)
from helpers.image_data import chunk, picture, png
import numpy as np
from PIL import Image
import pytest

NAMES = ['frame_1.png', 'frame_2.png', 'frame_10.jpg']


def files_at(distances: Sequence[float]) -> list[StackFile]:
    return stack_files([Path(f'{number}.png') for number in range(len(distances))], distances)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Folder of three files with names of images and one of another kind."""
    for name in (*reversed(NAMES), 'notes.txt'):
        (tmp_path / name).write_bytes(b'')
    return tmp_path


def test_meta_file_is_the_one_of_the_contract() -> None:
    assert META_FILE == 'meta.json'


def test_position_is_the_distance_or_the_input_number() -> None:
    assert StackFile(Path('a'), 7).position == 7
    assert type(StackFile(Path('a'), 7).position) is float
    assert StackFile(Path('a'), 7, 0.25).position == 0.25
    assert StackFile(Path('a'), 7, 0.0).position == 0  # known to be 0, not unknown


def test_a_file_of_a_stack_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        StackFile(Path('a'), 0).number = 1  # type: ignore[misc]


def test_files_keep_the_order_they_were_named_in() -> None:
    paths = [Path(name) for name in ('z.png', 'a.png', 'm.png')]
    assert stack_files(paths, None) == [
        StackFile(path, number) for number, path in enumerate(paths)]
    assert stack_files(paths, (3, 1.5, 2)) == [
        StackFile(path, number, distance)
        for number, (path, distance) in enumerate(zip(paths, (3.0, 1.5, 2.0), strict=True))]
    assert type(stack_files(paths, (3, 1, 2))[0].focus_distance_m) is float
    assert stack_files([], None) == stack_files([], []) == []


@pytest.mark.parametrize('count', [0, 1, 2, 4, 9])
def test_another_number_of_distances_than_of_files_is_refused(count: int) -> None:
    with pytest.raises(ImageFileError) as caught:
        stack_files([Path('a.png')] * 3, [0.1 * (1 + number) for number in range(count)])
    assert f'{count} focus distances for 3 images' in str(caught.value)


def test_a_folder_without_meta_file_has_no_distances(folder: Path) -> None:
    assert stack_folder(folder) == [
        StackFile(folder / name, number) for number, name in enumerate(NAMES)]


def test_distances_of_the_meta_file_belong_to_the_images_in_natural_order(folder: Path) -> None:
    (folder / META_FILE).write_text(json.dumps({'focus_distances_m': [0.3, 0.1, 0.2], 'x': 1}))
    assert [(file.path.name, file.number, file.focus_distance_m)
            for file in stack_folder(folder)] == [
                ('frame_1.png', 0, 0.3), ('frame_2.png', 1, 0.1), ('frame_10.jpg', 2, 0.2)]


def test_whether_a_folder_gives_distances_is_told_without_an_error(folder: Path) -> None:
    assert not gives_distances(folder)
    (folder / META_FILE).write_text(json.dumps({'focus_distances_m': [0.3, 0.1, 0.2]}))
    assert gives_distances(folder)
    (folder / META_FILE).write_text('{}')
    assert not gives_distances(folder)
    assert not gives_distances(folder / 'nothing')


@pytest.mark.parametrize(('content', 'tells'), [
    ('', 'meta.json'), ('{}', 'meta.json'), ('{"focus_distances_m": ["a"]}', 'meta.json'),
    ('{"focus_distances_m": [0.1, 0.2]}', '2 focus distances for 3 images'),
    ('{"focus_distances_m": [0.1, 0.2, 0.3, 0.4]}', '4 focus distances for 3 images')])
def test_an_unusable_meta_file_is_refused(folder: Path, content: str, tells: str) -> None:
    (folder / META_FILE).write_text(content)
    with pytest.raises(ImageFileError, match=tells):
        stack_folder(folder)


def test_a_meta_file_that_cannot_be_read_is_refused(folder: Path) -> None:
    (folder / META_FILE).mkdir()
    with pytest.raises(ImageFileError, match=r'meta\.json'):
        stack_folder(folder)


def test_a_meta_file_that_leads_nowhere_is_refused(folder: Path) -> None:
    (folder / META_FILE).symlink_to(folder / 'missing.json')
    with pytest.raises(ImageFileError, match=r'meta\.json'):
        stack_folder(folder)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'notes.txt').write_text('')
    (tmp_path / META_FILE).write_text('{"focus_distances_m": []}')
    with pytest.raises(ImageFileError, match='no images') as caught:
        stack_folder(tmp_path)
    assert str(tmp_path) in str(caught.value)
    with pytest.raises(ImageFileError, match='missing'):
        stack_folder(tmp_path / 'missing')


def test_usable_and_unknown_distances_are_not_bad() -> None:
    assert bad_distances([]) == {}
    assert bad_distances(files_at([0.3, 0.1, 1e-9, 1e9, 1e-30, 1e30])) == {}
    assert list(bad_distances(files_at([0.3, 5e-324, 1e300]))) == [1, 2]
    assert bad_distances(stack_files([Path('a')] * 3, None)) == {}


@pytest.mark.parametrize('distance', [math.nan, math.inf, -math.inf, 0.0, -0.0, -0.1])
def test_a_distance_that_is_none_is_bad(distance: float) -> None:
    reasons = bad_distances(files_at([0.1, distance, 0.2]))
    assert set(reasons) == {1}
    assert reasons[1].startswith(f'1.png: its focus distance is {distance:g} metres')
    assert 'finite and positive' in reasons[1]


def test_a_repeated_distance_is_bad_and_names_the_first_file_that_has_it() -> None:
    reasons = bad_distances(files_at([0.1, 0.2, 0.1, 0.3, 0.2, 0.1]))
    assert set(reasons) == {2, 4, 5}
    for number, (distance, first) in {2: (0.1, 0), 4: (0.2, 1), 5: (0.1, 0)}.items():
        assert reasons[number].startswith(f'{number}.png: ')
        assert f'{distance} metres' in reasons[number]
        assert f'{first}.png' in reasons[number]


def test_distances_that_are_not_numbers_do_not_repeat_each_other() -> None:
    reasons = bad_distances(files_at([math.nan, math.nan, -1, -1, math.inf, math.inf]))
    assert set(reasons) == set(range(6))
    assert all('finite and positive' in reason for reason in reasons.values())


def test_reasons_are_by_input_number_whatever_the_order() -> None:
    files = files_at([0.1, math.nan, 0.2])
    assert set(bad_distances(files[::-1])) == {1}


def test_what_is_left_without_the_bad_files_is_good() -> None:
    generator = random.Random(2)
    values = [math.nan, math.inf, -1.0, 0.0, *(0.1 * number for number in range(1, 8))]
    for _ in range(200):
        files = files_at(generator.choices(values, k=12))
        bad = bad_distances(files)
        good = [file.focus_distance_m for file in files if file.number not in bad]
        assert len(set(good)) == len(good)
        assert all(0 < distance < math.inf for distance in good)
        # Every distance that can be used is used once.
        assert set(good) == {file.focus_distance_m for file in files
                             if file.focus_distance_m in values[4:]}


def test_near_files_come_first_whatever_the_order() -> None:
    files = files_at([0.5, 0.1, 0.3, 0.2, 0.4])
    for seed in range(20):
        shuffled = random.Random(seed).sample(files, len(files))
        before = list(shuffled)
        assert [file.focus_distance_m for file in near_to_far(shuffled)] == [
            0.1, 0.2, 0.3, 0.4, 0.5]
        assert shuffled == before


def test_files_without_distance_are_ordered_by_input_number() -> None:
    files = stack_files([Path(f'{9 - number}.png') for number in range(10)], None)
    assert near_to_far(files[::-1]) == files


@pytest.mark.parametrize('bad', [math.nan, math.inf, -math.inf])
def test_files_without_a_finite_distance_go_last(bad: float) -> None:
    for place in range(4):
        distances = [0.3, 0.1, 0.2]
        distances.insert(place, bad)
        ordered = [file.focus_distance_m for file in near_to_far(files_at(distances))]
        assert ordered[:3] == [0.1, 0.2, 0.3]
        assert not math.isfinite(ordered[3])


# What the files themselves tell

def write(path: Path, orientation: int = 1, shape: tuple[int, int] = (18, 25)) -> Path:
    """Write a PNG with an orientation."""
    values = Image.Exif()
    values[0x0112] = orientation
    path.write_bytes(png(picture(shape=shape), extra=chunk(b'eXIf', values.tobytes()[6:])))
    return path


def orientations(files: Sequence[StackFile]) -> list[int]:
    return [file.header.orientation if file.orientation is None else file.orientation
            for file in files]


def test_images_of_one_size_are_turned_alike(tmp_path: Path) -> None:
    tags = [6, 1, 6, 8, 6]
    files = stack_files([write(tmp_path / f'{number}.png', tag)
                         for number, tag in enumerate(tags)], None)
    assert orientations(files) == [6] * 5
    assert {file.read().image.shape for file in files} == {(25, 18, 3)}
    note = orientation_note(files)
    assert '1.png has 1' in note
    assert 'by 6' in note


def test_images_of_two_sizes_are_each_turned_as_they_ask(tmp_path: Path) -> None:
    files = stack_files([write(tmp_path / 'a.png', 6), write(tmp_path / 'b.png', 1, (25, 18))],
                        None)
    assert orientations(files) == [6, 1]
    assert {file.read().image.shape for file in files} == {(25, 18, 3)}
    assert orientation_note(files) == ''


def test_images_that_agree_are_turned_as_they_ask(tmp_path: Path) -> None:
    files = stack_files([write(tmp_path / f'{number}.png', 3) for number in range(3)], None)
    assert orientations(files) == [3, 3, 3]
    assert orientation_note(files) == ''
    np.testing.assert_array_equal(files[0].read().image, np.rot90(picture(), 2))


def pages(path: Path, count: int = 3, description: str = '') -> Path:
    images = [Image.fromarray(np.roll(picture(channels=1), number, 0)) for number in range(count)]
    images[0].save(path, 'TIFF', save_all=True, append_images=images[1:],
                   description=description)
    return path


def test_pages_are_images_of_the_stack(tmp_path: Path) -> None:
    path = pages(tmp_path / 'x.tif')
    for files in (stack_files([path], [0.3, 0.1, 0.2]), stack_folder(tmp_path, [0.3, 0.1, 0.2])):
        assert [(file.number, file.page, file.focus_distance_m) for file in files] == [
            (0, 1, 0.3), (1, 2, 0.1), (2, 3, 0.2)]
        assert [file.name for file in files] == [f'{path}, page {page}' for page in (1, 2, 3)]
        for number, file in enumerate(files):
            np.testing.assert_array_equal(file.read().image,
                                          np.roll(picture(channels=1), number, 0))
    with pytest.raises(ImageFileError, match='2 focus distances for 3 images'):
        stack_files([path], [0.1, 0.2])


def test_a_file_of_one_page_has_the_name_of_its_path(tmp_path: Path) -> None:
    path = pages(tmp_path / 'x.tif', 1)
    assert [(file.name, file.page) for file in stack_files([path], None)] == [(str(path), None)]


def test_a_page_that_is_damaged_is_named(tmp_path: Path) -> None:
    path = pages(tmp_path / 'x.tif')
    files = stack_files([path], None)
    path.write_bytes(path.read_bytes()[:files[2].header.offset])
    with pytest.raises(ImageFileError) as caught:
        files[2].read()
    assert str(caught.value).startswith(f'{path}, page 3: it is')


def test_pages_of_several_files_are_refused(tmp_path: Path) -> None:
    many, one = pages(tmp_path / 'many.tif'), pages(tmp_path / 'one.tif', 1)
    for paths in ([many, one], [one, many], [many, many]):
        with pytest.raises(ImageFileError, match='a stack by itself') as caught:
            stack_files(paths, None)
        assert str(caught.value).startswith(f'{many}: it holds 3 images')
    with pytest.raises(ImageFileError, match='a stack by itself'):
        stack_folder(tmp_path)


def imagej(words: str) -> str:
    return f'ImageJ=1.53t\nimages=3\nslices=3\nunit=mm\nspacing=2\n{words}'


def test_positions_of_a_file_are_focus_distances_where_they_can_be(tmp_path: Path) -> None:
    path = pages(tmp_path / 'x.tif', description=imagej('zorigin=-50\n'))
    assert [file.focus_distance_m for file in stack_files([path], None)] == pytest.approx(
        [0.1, 0.102, 0.104])
    # What is given counts.
    assert [file.focus_distance_m for file in stack_files([path], [0.3, 0.4, 0.5])] == [
        0.3, 0.4, 0.5]


def test_positions_that_can_be_no_distances_are_not_taken(tmp_path: Path) -> None:
    # ImageJ counts from the first page, which would be at no distance.
    path = pages(tmp_path / 'x.tif', description=imagej(''))
    files = stack_files([path], None)
    assert [file.focus_distance_m for file in files] == [None] * 3
    assert [file.position for file in files] == [0, 1, 2]


def test_distances_given_take_the_place_of_the_meta_file(folder: Path) -> None:
    (folder / META_FILE).write_text('no json')
    assert [file.focus_distance_m for file in stack_folder(folder, [0.3, 0.1, 0.2])] == [
        0.3, 0.1, 0.2]
