# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of what tells the magnifications of a stack: its camera, an option, or nothing."""

from __future__ import annotations

import math

from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.core.slices import FocalLength, Magnification, SliceError
from focus_stacking_ros.core.stack.magnifications import Magnifications
import pytest

TELECENTRIC = StackOptions(alignment_magnification='known')
BREATHING = StackOptions(alignment_magnification='known',
                         alignment_magnification_per_dioptre=-0.05)
DISTANCES = (0.5, 0.25, 0.2)  # 2, 4 and 5 dioptres
BY_OPTION = [1.0, 0.8 / 0.9, 0.75 / 0.9]


def ratios(options: StackOptions, lengths: list[float | None],
           distances: tuple[float | None, ...] = DISTANCES) -> list[float | None]:
    """Return what slices with these focal lengths in pixels are magnified by."""
    magnifications = Magnifications(options)
    found = [magnifications.of(distance, None if length is None else FocalLength(length))
             for distance, length in zip(distances, lengths, strict=True)]
    return [None if each is None else each.ratio for each in found]


def test_focal_lengths_that_differ_are_magnifications() -> None:
    assert ratios(StackOptions(), [1000.0, 1010.0, 1020.5]) == pytest.approx([1, 1.01, 1.0205])


@pytest.mark.parametrize('lengths', [[1000.0] * 3, [None] * 3, [1000.0, None, 1000.0]])
def test_one_calibration_for_all_slices_says_nothing(lengths) -> None:
    assert ratios(StackOptions(), lengths)[1:] == [None, None]
    # Beside an option that says more it is as if there were no calibration at all.
    assert ratios(BREATHING, lengths) == pytest.approx(BY_OPTION)
    assert ratios(TELECENTRIC, lengths, (None,) * 3) == [1.0, 1.0, 1.0]


def test_the_first_slice_alone_is_as_large_as_it_is() -> None:
    for options, length in ((StackOptions(), FocalLength(1000.0)), (TELECENTRIC, None)):
        assert Magnifications(options).of(0.5, length) == Magnification(1.0)
    assert Magnifications(StackOptions()).of(0.5, None) is None


def test_a_slice_without_a_focal_length_is_estimated() -> None:
    assert ratios(StackOptions(), [1000.0, None, 1020.0]) == [1.0, None, 1.02]
    assert ratios(StackOptions(), [None, 1010.0, 1020.0])[1:] == [None, None]


def test_the_camera_is_believed_before_the_option() -> None:
    assert ratios(BREATHING, [1000.0, 1010.0, 1020.5]) == pytest.approx([1, 1.01, 1.0205])


@pytest.mark.parametrize('options', [TELECENTRIC, BREATHING])
def test_the_two_sources_are_never_mixed_in_a_stack(options) -> None:
    by_option = ratios(options, [None] * 3)
    for lengths in ([1000.0, 1000.0, 1020.0], [1000.0, None, 1020.0], [None, 1010.0, 1020.0]):
        assert ratios(options, lengths) == by_option
    assert ratios(options, [1000.0, 1010.0, None]) == pytest.approx([1.0, 1.01, None])
    assert ratios(options, [1000.0, 1010.0, 1000.0]) == pytest.approx([1.0, 1.01, None])


@pytest.mark.parametrize('pixels', [0.0, -1.0, math.nan, math.inf])
def test_a_focal_length_must_be_finite_and_positive(pixels) -> None:
    with pytest.raises(SliceError, match='focal length is') as caught:
        Magnifications(StackOptions()).of(0.3, FocalLength(pixels))
    assert caught.value.code == 'magnification'


def test_a_known_magnification_must_be_one_and_needs_a_distance() -> None:
    with pytest.raises(SliceError, match='the magnification is -4') as caught:
        Magnifications(BREATHING).of(0.01, None)
    assert caught.value.code == 'magnification'
    with pytest.raises(SliceError, match='needs focus distances') as caught:
        Magnifications(BREATHING).of(None, None)
    assert caught.value.code == 'position'
