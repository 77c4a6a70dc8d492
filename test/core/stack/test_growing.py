# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the picture of a stack that is not complete yet."""

from __future__ import annotations

import cv2
from focus_stacking_ros import FocusStacker, StackOptions
from focus_stacking_ros.core.align.warping import identity
from focus_stacking_ros.core.stack.growing import GrowingPicture, Measured
from helpers.cell import focal_stack
import numpy as np
import pytest

STACK = focal_stack(5, (320, 240))


def grown(slices: list[tuple[np.ndarray, float]], method: str = 'default'
          ) -> tuple[GrowingPicture, FocusStacker]:
    stacker = FocusStacker(StackOptions(method=method), 'opencv')
    picture = GrowingPicture(slices[0][0].shape)
    for image, position in slices:
        stacker.add(image, position)
        for item in stacker.measured(len(picture)):
            picture.add(item)
    return picture, stacker


def test_each_part_comes_from_the_slice_that_shows_it_sharp() -> None:
    picture, _ = grown(STACK)
    assert len(picture) == len(STACK)
    for number, (image, position) in enumerate(STACK):
        strip = np.s_[20:-20, 64 * number + 12:64 * number + 52]
        assert np.mean(picture.positions[strip] == np.float32(position)) > 0.9, number
        difference = cv2.absdiff(picture.picture[strip], image[strip])
        assert np.median(difference) == 0


def test_it_grows_with_each_slice() -> None:
    whole = grown(STACK)[0]
    for count in range(1, len(STACK)):
        part = grown(STACK[:count])[0]
        there = whole.positions <= np.float32(STACK[count - 1][1])
        assert np.mean((part.positions == whole.positions)[there]) > 0.95
        assert np.isfinite(part.positions).all()  # the first slice shows what none shows sharp


@pytest.mark.parametrize(('size', 'expected'), [
    ((1920, 1080), (640, 360)), ((640, 480), (640, 480)), ((200, 100), (200, 100)),
    ((3000, 7), (640, 1)), ((641, 3), (640, 3))])
def test_it_is_at_most_640_pixels_wide(size: tuple[int, int], expected: tuple[int, int]) -> None:
    picture = GrowingPicture((size[1], size[0]))
    assert picture.picture.shape == (expected[1], expected[0], 3)
    assert picture.positions.shape == (expected[1], expected[0])
    assert len(picture) == 0


def test_slices_that_lie_in_memory_red_first_keep_their_colours() -> None:
    swapped = [(np.array(image[..., ::-1], order='C')[..., ::-1], position)
               for image, position in STACK[:2]]
    np.testing.assert_array_equal(grown(swapped)[0].picture, grown(STACK[:2])[0].picture)


def test_slices_lie_where_they_were_registered() -> None:
    image = np.arange(0, 200, dtype=np.uint8)[None].repeat(120, 0)
    shifted = identity()
    shifted[0, 2] = 7.0
    picture = GrowingPicture(image.shape)
    picture.add(Measured(image, np.full(image.shape, 9, np.uint8), shifted, 1.0))
    np.testing.assert_array_equal(picture.picture[60, :190, 0], image[60, 7:197])
    tilted = shifted.copy()
    tilted[2, 0] = 1e-6
    picture = GrowingPicture(image.shape)
    picture.add(Measured(image, np.full(image.shape, 9, np.uint8), tilted, 1.0))
    np.testing.assert_allclose(picture.picture[60, :150, 0].astype(int), image[60, 7:157], atol=1)


def test_wide_slices_are_shown_in_eight_bits() -> None:
    wide, _ = grown([((image.astype(np.uint16) << 8) | 255, position)
                     for image, position in STACK])
    # Where two slices are equally sharp a rounding decides.
    assert np.mean(wide.picture == grown(STACK)[0].picture) > 0.999


@pytest.mark.parametrize('method', ['streaming', 'notebook'])
def test_what_keeps_no_slices_shows_none(method: str) -> None:
    picture, stacker = grown(STACK, method)
    assert len(picture) == 0
    assert len(stacker) == len(STACK)


def test_slices_that_are_to_be_sorted_show_none() -> None:
    stacker = FocusStacker(StackOptions(), 'opencv')
    assert stacker.measured() == []
    for number in (0, 2, 1):
        stacker.add(*STACK[number])
    assert stacker.measured() == []
    stacker.finish()
    assert stacker.measured() == []
