# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the pictures for people."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
import threading

import cv2
from focus_stacking_ros import StackResult
from focus_stacking_ros.core.files.pictures import (
    confidence_picture,
    depth_picture,
    eight_bit,
    overview,
    reduced_to,
    robust_range,
    strip_ranks,
)
from focus_stacking_ros.core.slices import SliceReport
import numpy as np
import pytest


def result_of(image: np.ndarray, slices: int = 2) -> StackResult:
    shape = image.shape[:2]
    index = np.linspace(0, slices - 1, image.shape[1], dtype=np.float32)
    index = np.tile(index, (shape[0], 1))
    reports = tuple(SliceReport(k, 0.2 + 0.01 * k, k, np.eye(3)) for k in range(slices))
    return StackResult(image, 0.2 + 0.01 * index, np.full(shape, 0.5, np.float32), index,
                       reports, 0, 1.0)


def random_image(shape: tuple[int, ...], dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape).astype(dtype)


@pytest.mark.parametrize('shape', [(40, 60), (41, 60, 3), (80, 121, 3)])
def test_what_is_made_smaller_keeps_its_mean(shape: tuple[int, ...]) -> None:
    image = random_image(shape)
    small = reduced_to(image, 15, 10)
    assert small.shape == (10, 15, *shape[2:])
    # Whole blocks of 4x4 are averaged as they are; what falls between pixels, nearly.
    assert small.mean() == pytest.approx(image.mean(), abs=1)
    assert reduced_to(np.full(shape, 7, np.uint8), 15, 10).tolist() == np.full_like(
        small, 7).tolist()


def contains(picture: np.ndarray, colour: tuple[int, int, int], least: int) -> bool:
    return np.count_nonzero((picture == colour).all(axis=-1)) >= least


@pytest.mark.parametrize(('image', 'expected'), [
    (np.full((2, 3), 7, np.uint8), 7), (np.full((2, 3, 3), 7, np.uint8), 7),
    (np.full((2, 3), 7 * 256 + 255, np.uint16), 7), (np.full((2, 3, 3), 7 * 256, np.uint16), 7)])
def test_eight_bit_is_colour_of_8_bit(image, expected) -> None:
    picture = eight_bit(image)
    assert (picture.shape, picture.dtype) == ((2, 3, 3), np.uint8)
    assert (picture == expected).all()


@pytest.mark.parametrize(('bits', 'expected'), [(16, 0), (12, 1), (10, 7), (8, 31)])
def test_eight_bit_knows_how_many_bits_are_significant(bits, expected) -> None:
    assert (eight_bit(np.full((2, 3), 31, np.uint16), bits) == expected).all()
    assert (eight_bit(np.full((2, 3), (1 << bits) - 1, np.uint16), bits) == 255).all()


def test_robust_range_ignores_outliers_and_what_is_not_finite() -> None:
    values = np.linspace(1, 2, 10_000, dtype=np.float32)
    values[:5], values[5:10], values[10:15] = 1e6, np.nan, np.inf
    low, high = robust_range(values)
    assert low == pytest.approx(1.01, abs=0.005)
    assert high == pytest.approx(1.99, abs=0.005)
    assert robust_range(np.full(9, np.nan, np.float32)) == (0.0, 1.0)


def test_pictures_do_not_depend_on_how_many_rows_are_worked_on_at_a_time() -> None:
    values = np.random.default_rng(1).random((300, 700), np.float32)
    values[40:50] = np.nan
    row_by_row = [depth_picture(row[None], 0.1, 0.9) for row in values]
    np.testing.assert_array_equal(depth_picture(values, 0.1, 0.9), np.vstack(row_by_row))
    known = np.nan_to_num(values)
    np.testing.assert_array_equal(confidence_picture(known),
                                  np.vstack([confidence_picture(row[None]) for row in known]))
    assert (known == np.nan_to_num(values)).all()


def test_near_is_red_far_is_blue_and_unknown_is_black() -> None:
    values = np.array([[0.2, 0.25, 0.3, np.nan, np.inf]], np.float32)
    near, middle, far, nan, infinite = depth_picture(values, 0.2, 0.3)[0].astype(int)
    assert near[2] > 2 * near[0]
    assert near[2] > 2 * near[1]
    assert far[0] > 1.2 * far[2]
    assert far[0] > 2 * far[1] or far[0] > 2 * far[2] or far.argmax() == 0
    assert middle.argmax() == 1
    assert nan.tolist() == infinite.tolist() == [0, 0, 0]


def test_values_beyond_the_range_look_like_its_ends() -> None:
    picture = depth_picture(np.array([[0.1, 0.2, 0.3, 0.9]], np.float32), 0.2, 0.3)[0]
    assert (picture[0] == picture[1]).all()
    assert (picture[2] == picture[3]).all()


def test_depth_of_one_value_is_a_picture_too() -> None:
    picture = depth_picture(np.full((4, 5), 0.3, np.float32), 0.3, 0.3)
    assert (picture.shape, picture.dtype) == ((4, 5, 3), np.uint8)
    assert picture.max() > 0


def test_confidence_is_grey_and_white_is_one() -> None:
    picture = confidence_picture(np.array([[0, 0.5, 1, 1.5, -1]], np.float32))[0]
    assert picture[:, 0].tolist() == [0, 127, 255, 255, 0]
    assert (picture == picture[:, :1]).all()


@pytest.mark.parametrize('shape', [
    (3, 3), (3, 5), (16, 16), (8, 640), (3, 900), (120, 160), (160, 120)])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_overview_of_any_size(shape, dtype) -> None:
    for image in (random_image(shape, dtype), random_image((*shape, 3), dtype)):
        picture = overview([image, image], ['0.2 m', '0.3 m'], result_of(image))
        assert picture.dtype == np.uint8
        assert picture.ndim == 3
        assert picture.shape[1] == 1600


@pytest.mark.parametrize('slices', [2, 3, 10, 40, 255])
def test_overview_of_any_number_of_slices(slices) -> None:
    image = random_image((60, 80, 3))
    picture = overview([image] * slices, [f'slice {k}' for k in range(slices)],
                       result_of(image, slices))
    assert picture.shape[1] == 1600
    assert 1300 < picture.shape[0] < 1700


def test_overview_shows_slices_result_depth_and_confidence() -> None:
    near, far = np.full((60, 80, 3), (0, 60, 120), np.uint8), np.full((60, 80, 3), 90, np.uint8)
    fused = np.full((60, 80, 3), (10, 200, 30), np.uint8)
    picture = overview([near, far], ['a', 'b'], result_of(fused))
    assert contains(picture, (0, 60, 120), 5000)
    assert contains(picture, (90, 90, 90), 5000)
    assert contains(picture, (10, 200, 30), 100_000)
    assert contains(picture, (127, 127, 127), 100_000)
    red, blue = (tuple(depth_picture(np.array([[value]], np.float32), 0.2, 0.3)[0, 0].tolist())
                 for value in (0.2, 0.3))
    assert contains(picture, red, 500)
    assert contains(picture, blue, 500)


def test_captions_are_written() -> None:
    image = np.zeros((60, 80, 3), np.uint8)
    without, with_words = (overview([image] * 2, labels, result_of(image))
                           for labels in (['', ''], ['0.2439 m', '0.2501 m']))
    assert np.count_nonzero(without != with_words) > 100


def test_all_words_of_all_overviews_are_written_in_one_thread(monkeypatch) -> None:
    threads, put_text = [], cv2.putText

    def counted(*arguments):
        threads.append(threading.current_thread().name)
        return put_text(*arguments)

    monkeypatch.setattr(cv2, 'putText', counted)
    image = np.zeros((60, 80, 3), np.uint8)
    for _ in range(2):
        with ThreadPoolExecutor(1) as thread:  # as files are written in
            thread.submit(overview, [image] * 2, ['a', 'b'], result_of(image)).result()
    assert len(threads) > 10
    assert len(set(threads)) == 1


def test_overview_without_metric_depth_shows_the_slice_index() -> None:
    image = np.zeros((60, 80, 3), np.uint8)
    metric = result_of(image, 5)
    index_only = replace(metric, depth_m=np.full((60, 80), np.nan, np.float32))
    picture = overview([image] * 5, [''] * 5, index_only)
    colourful = (picture.max(axis=-1).astype(int) - picture.min(axis=-1)) > 60
    assert np.count_nonzero(colourful) > 100_000
    assert np.count_nonzero(picture != overview([image] * 5, [''] * 5, metric)) > 100


def test_depth_of_the_overview_is_seen_where_all_is_unknown() -> None:
    image = np.zeros((60, 80, 3), np.uint8)
    nothing = replace(result_of(image), depth_m=np.full((60, 80), np.nan, np.float32),
                      slice_index=np.zeros((60, 80), np.float32))
    assert overview([image] * 2, ['', ''], nothing).shape[1] == 1600


def test_inputs_stay_as_they_are() -> None:
    image = random_image((60, 80, 3))
    result = result_of(image)
    copy = image.copy()
    overview([image] * 2, ['a', 'b'], result)
    np.testing.assert_array_equal(image, copy)
    assert cv2.countNonZero((result.confidence != 0.5).astype(np.uint8)) == 0


def test_overview_of_a_narrow_image_is_no_giant() -> None:
    image = random_image((300, 10, 3))
    picture = overview([image, image], ['a', 'b'], result_of(image))
    assert picture.shape[0] < 8000


@pytest.mark.parametrize('count', [1, 2, 9, 10, 11, 40, 100])
def test_a_strip_goes_evenly_from_the_first_slice_to_the_last(count: int) -> None:
    ranks = strip_ranks(count)
    assert (ranks[0], ranks[-1], len(ranks)) == (0, count - 1, min(count, 9))
    if count > 1:
        assert np.ptp(np.diff(ranks)) <= 1
