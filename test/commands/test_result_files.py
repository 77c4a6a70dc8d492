# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The files of a result: what each holds, and all of them or none."""

from __future__ import annotations

from dataclasses import replace
import json
import math
from pathlib import Path
import random
import resource
from typing import Any

import cv2
from focus_stacking_ros import StackOptions, StackResult
from focus_stacking_ros.commands.errors import CommandError
from focus_stacking_ros.commands.result_files import OUTPUT_FILES, write_result
from focus_stacking_ros.commands.thumbnails import Thumbnail, thumbnail_width
from focus_stacking_ros.core.files.pictures import overview
from focus_stacking_ros.core.slices import SliceReport
from focus_stacking_ros.core.stack.report import stack_report
import numpy as np
import pytest

SHAPE = (60, 90)


def noise(dtype: type = np.uint8, channels: int = 3, seed: int = 0,
          shape: tuple[int, int] = SHAPE) -> np.ndarray:
    return np.random.default_rng(seed).integers(
        0, np.iinfo(dtype).max + 1, (*shape, channels)).astype(dtype).squeeze()


def result_of(image: np.ndarray) -> StackResult:
    """Return a result whose planes all differ; the depth has holes."""
    generator = np.random.default_rng(1)
    depth, index, confidence = generator.random((3, *image.shape[:2]), np.float32)
    depth[10:20] = np.nan
    reports = tuple(SliceReport(number, 0.2 + 0.1 * number, number, np.eye(3))
                    for number in range(3))
    return StackResult(image, depth, confidence, 2 * index, reports, 0, 1.0)


def thumbnails() -> list[Thumbnail]:
    return [Thumbnail.of(noise(seed=number), 0.2 + 0.1 * number, metric=True)
            for number in range(3)]


def write(folder: Path, **changes: Any) -> None:
    result = result_of(noise())
    arguments = {'result': result, 'report': stack_report(result, StackOptions()),
                 'thumbnails': thumbnails(), **changes}
    write_result(folder, **arguments)


def read(path: Path) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert image is not None, path
    return image


def contents(folder: Path) -> dict[str, bytes]:
    """Return the content of every file of a folder, hidden ones too."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_files_hold_the_result_bit_exact(tmp_path: Path, dtype: type, channels: int) -> None:
    result = result_of(noise(dtype, channels))
    slices = [Thumbnail.of(noise(dtype, channels, number), float(number), metric=False)
              for number in range(3)]
    folder = tmp_path / 'a' / 'b'
    write_result(folder, result, {'µ': [1, None, 'x']}, slices)
    assert sorted(contents(folder)) == sorted(OUTPUT_FILES)
    np.testing.assert_array_equal(read(folder / 'all_in_focus.png'), result.all_in_focus)
    assert read(folder / 'all_in_focus.png').dtype == dtype
    for name, plane in (('depth.tiff', result.depth_m), ('focus_index.tiff', result.slice_index),
                        ('confidence.tiff', result.confidence)):
        found = read(folder / name)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found.view(np.uint32), plane.view(np.uint32))
    np.testing.assert_array_equal(read(folder / 'overview.png'), overview(
        [each.image for each in slices], ['0', '1', '2'], result))
    text = (folder / 'report.json').read_text(encoding='utf-8')
    assert json.loads(text) == {'µ': [1, None, 'x']}
    assert text.endswith('}\n')


def test_the_deviation_of_the_depth_has_a_file_where_there_is_one(tmp_path: Path) -> None:
    result = result_of(noise())
    deviation = np.random.default_rng(5).random(SHAPE, np.float32)
    write(tmp_path, result=replace(result, depth_std_m=deviation))
    assert sorted(contents(tmp_path)) == sorted((*OUTPUT_FILES, 'depth_std.tiff'))
    np.testing.assert_array_equal(read(tmp_path / 'depth_std.tiff'), deviation)
    # That of an earlier result does not stay beside a depth it is not of.
    write(tmp_path, result=result)
    assert sorted(contents(tmp_path)) == sorted(OUTPUT_FILES)


def test_a_report_of_a_result_can_be_written(tmp_path: Path) -> None:
    result = replace(result_of(noise()), noise_sigma=math.nan)
    report = stack_report(result, StackOptions())
    write(tmp_path, result=result, report=report)
    assert json.loads((tmp_path / 'report.json').read_text()) == report
    assert report['noise_sigma'] is None


def test_overview_shows_slices_near_to_far_in_whatever_order_they_come(tmp_path: Path) -> None:
    def written(slices: list[Thumbnail]) -> np.ndarray:
        write(tmp_path, thumbnails=slices)
        return read(tmp_path / 'overview.png')
    ordered = thumbnails()
    expected = written(ordered)
    for seed in range(3):
        np.testing.assert_array_equal(written(random.Random(seed).sample(ordered, 3)), expected)
    swapped = [replace(each, position=-each.position) for each in ordered]
    assert (written(swapped) != expected).any()


def test_an_earlier_result_is_replaced_and_other_files_are_left(tmp_path: Path) -> None:
    (tmp_path / 'notes.txt').write_text('mine')
    write(tmp_path)
    before = contents(tmp_path)
    second = result_of(noise(seed=9))
    second = replace(second, depth_m=second.depth_m + 1, confidence=second.confidence / 2,
                     slice_index=second.slice_index / 2)
    write(tmp_path, result=second, report={'second': True})
    after = contents(tmp_path)
    assert after.keys() == before.keys() == {*OUTPUT_FILES, 'notes.txt'}
    assert {name for name in after if after[name] == before[name]} == {'notes.txt'}


@pytest.mark.parametrize('value', [math.nan, math.inf, object(), {1, 2}])
def test_a_report_that_is_no_json_writes_nothing(tmp_path: Path, value: object) -> None:
    write(tmp_path / 'old')
    before = contents(tmp_path / 'old')
    for folder in ('old', 'new'):
        with pytest.raises((TypeError, ValueError)):
            write(tmp_path / folder, report={'noise_sigma': value})
    assert contents(tmp_path / 'old') == before
    assert not (tmp_path / 'new').exists()


def test_a_picture_that_cannot_be_made_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(IndexError):
        write(tmp_path / 'new', thumbnails=[])
    assert not (tmp_path / 'new').exists()


def test_an_image_that_cannot_be_encoded_ends_the_command(tmp_path: Path) -> None:
    signed = np.zeros((3, 4), np.int16)  # which PNG does not know
    with pytest.raises(CommandError, match=r'\(3, 4\), int16 cannot be encoded as \.png'):
        write(tmp_path / 'new', result=result_of(signed))
    assert not (tmp_path / 'new').exists()


@pytest.mark.parametrize('name', ['file', 'file/below'])
def test_a_folder_that_cannot_be_made_ends_the_command(tmp_path: Path, name: str) -> None:
    (tmp_path / 'file').write_text('in the way')
    with pytest.raises(CommandError) as caught:
        write(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert contents(tmp_path) == {'file': b'in the way'}


@pytest.mark.parametrize('limit', [100, 10_000])
def test_a_disk_that_is_full_leaves_the_earlier_result(tmp_path: Path, limit: int) -> None:
    """A limit on the size of files stands in for the full disk: some fit, some do not."""
    write(tmp_path)
    before = contents(tmp_path)
    assert any(len(content) > limit for content in before.values())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(CommandError) as caught:
            write(tmp_path, result=result_of(noise(seed=5)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(caught.value) == f'{tmp_path}: it cannot be written: File too large'
    assert contents(tmp_path) == before


@pytest.mark.parametrize('name', OUTPUT_FILES)
def test_a_folder_in_place_of_a_file_leaves_the_others(tmp_path: Path, name: str) -> None:
    for each in {*OUTPUT_FILES} - {name}:
        (tmp_path / each).write_text('old')
    (tmp_path / name).mkdir()
    with pytest.raises(CommandError) as caught:
        write(tmp_path)
    assert str(tmp_path / name) in str(caught.value)
    assert {path.name for path in tmp_path.iterdir()} == {*OUTPUT_FILES}
    assert {(tmp_path / each).read_text() for each in {*OUTPUT_FILES} - {name}} == {'old'}


@pytest.mark.parametrize(('height', 'width', 'expected'), [
    (600, 800, (600, 800)), (60, 90, (60, 90)), (1, 1, (1, 1)), (3000, 4000, (600, 800)),
    (3000, 2000, (1200, 800)), (100, 801, (100, 800)), (1, 5000, (1, 800)), (5000, 1, (5000, 1))])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_thumbnails_are_at_most_800_pixels_wide(height: int, width: int,
                                                expected: tuple[int, int], dtype: type) -> None:
    for shape in ((height, width), (height, width, 3)):
        image = np.full(shape, 100, dtype)
        small = Thumbnail.of(image, 1.0, metric=False).image
        assert (small.shape, small.dtype) == ((*expected, *shape[2:]), image.dtype)
        assert (small == 100).all()


def test_thumbnail_is_the_mean_of_what_it_stands_for_and_small_ones_stay() -> None:
    image = noise(np.uint16, 1, shape=(1200, 1600))
    small = Thumbnail.of(image, 0.0, metric=False).image
    blocks = image.reshape(600, 2, 800, 2).mean((1, 3))
    assert np.abs(small - blocks).max() <= 1
    np.testing.assert_array_equal(Thumbnail.of(noise(), 0.0, metric=False).image, noise())


def test_thumbnail_does_not_keep_the_slice_alive() -> None:
    for shape in ((60, 90), (1200, 1600)):
        image = noise(shape=shape)
        assert not np.shares_memory(Thumbnail.of(image, 0.0, metric=False).image, image)


@pytest.mark.parametrize(('position', 'metric', 'label'), [
    (0.2439, True, '243.90 mm'), (1.5, True, '1500.00 mm'), (0.00012, True, '0.12 mm'),
    (3.0, False, '3'), (0.0, False, '0'), (12.5, False, '12.5')])
def test_label_is_in_millimetres_or_the_position(position: float, metric: bool,
                                                 label: str) -> None:
    thumbnail = Thumbnail.of(noise(), position, metric=metric)
    assert (thumbnail.position, thumbnail.label) == (position, label)


@pytest.mark.parametrize('count', [2, 5, 9, 40])
def test_the_slice_in_the_middle_is_kept_as_large_as_it_is_shown(count: int) -> None:
    widths = [thumbnail_width(place, count) for place in range(count)]
    assert widths[count // 2] == 800
    assert min(widths) * min(count, 9) <= 1600  # of an overview
    if count > 3:
        assert widths[0] < 800


@pytest.mark.parametrize('count', [2, 9, 10, 11, 40, 100])
def test_slices_that_no_overview_shows_are_only_counted(tmp_path: Path, count: int) -> None:
    images = [noise(shape=(5 * SHAPE[0], 5 * SHAPE[1]), seed=number) for number in range(count)]

    def written(*, in_order: bool) -> np.ndarray:
        write(tmp_path, thumbnails=[Thumbnail.of(
            image, float(place), metric=False,
            width=thumbnail_width(place, count, in_order=in_order))
            for place, image in enumerate(images)])
        return read(tmp_path / 'overview.png')

    np.testing.assert_array_equal(written(in_order=True), written(in_order=False))
    kept = sum(thumbnail_width(place, count, in_order=True) > 1 for place in range(count))
    assert kept <= 12
