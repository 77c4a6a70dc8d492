# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the way from half the size to full size."""

from __future__ import annotations

from focus_stacking_ros.core.depth.upsampling import doubled, doubled_rows
from focus_stacking_ros.core.focus.measure import half_size
import numpy as np
import pytest

SIZES = [(40, 60), (41, 60), (40, 61), (41, 61), (2, 2), (1, 5), (130, 20), (257, 7)]


@pytest.mark.parametrize('shape', SIZES)
def test_constants_are_exact_and_every_pixel_is_filled(shape) -> None:
    planes = [np.full(half_size(shape), value, np.float32) for value in (0.0, 1.0, 7.3)]
    for plane, found in zip(planes, doubled(planes, shape), strict=True):
        assert (found.shape, found.dtype) == (shape, np.float32)
        assert found.flags.c_contiguous
        np.testing.assert_array_equal(found, plane[0, 0])


@pytest.mark.parametrize('shape', SIZES)
def test_no_value_leaves_the_range_of_the_small_plane(shape) -> None:
    small = np.random.default_rng(1).uniform(-3, 5, half_size(shape)).astype(np.float32)
    small[0, 0] = 5
    found, = doubled([small], shape)
    assert found.min() >= small.min()
    assert found.max() <= small.max()


@pytest.mark.parametrize('shape', [(40, 60), (41, 61)])
def test_ramps_are_exact_and_pixel_centres_stay_where_they_are(shape) -> None:
    # Pixel i covers the pixels 2 i and 2 i + 1: its centre is at 2 i + 0.5.
    small_y, small_x = np.indices(half_size(shape))
    ramp = (3 * (2 * small_x + 0.5) - (2 * small_y + 0.5)).astype(np.float32)
    found, = doubled([ramp], shape)
    y, x = np.indices(shape)
    np.testing.assert_allclose(found[1:-1, 1:-1], (3 * x - y)[1:-1, 1:-1], atol=1e-4)


@pytest.mark.parametrize('across', [0, 1])
def test_a_step_stays_where_it_is_and_spreads_over_two_pixels(across) -> None:
    small = np.where(np.indices((30, 30))[across] < 15, 1, 5).astype(np.float32)
    found, = doubled([small], (60, 60))
    where = np.indices((60, 60))[across]
    np.testing.assert_array_equal(found[where < 29], 1)
    np.testing.assert_array_equal(found[where > 30], 5)
    np.testing.assert_array_equal(found[where == 29], 2)
    np.testing.assert_array_equal(found[where == 30], 4)


def test_a_turned_plane_gives_the_turned_result() -> None:
    small = np.random.default_rng(3).uniform(0, 9, (20, 31)).astype(np.float32)
    found, = doubled([small], (40, 62))
    mirrored, = doubled([np.ascontiguousarray(small[::-1, ::-1])], (40, 62))
    np.testing.assert_allclose(found, mirrored[::-1, ::-1], atol=1e-5)


def test_planes_do_not_mix() -> None:
    one, other = np.random.default_rng(2).uniform(0, 9, (2, 20, 31)).astype(np.float32)
    together = doubled([one, other], (40, 61))
    np.testing.assert_array_equal(together[0], doubled([one], (40, 61))[0])
    np.testing.assert_array_equal(together[1], doubled([other], (40, 61))[0])


def test_inputs_are_not_written_to() -> None:
    small = np.random.default_rng(1).uniform(0, 9, (5, 6)).astype(np.float32)
    copy = small.copy()
    found, = doubled([small], (10, 12))
    found[:] = -1
    np.testing.assert_array_equal(small, copy)


@pytest.mark.parametrize('shape', [(9, 12), (10, 13), (1, 1), (2, 5)])
def test_rows_are_the_same_by_themselves(shape: tuple[int, int]) -> None:
    plane = np.random.default_rng(3).random(half_size(shape), np.float32)
    whole, = doubled([plane], shape)
    for first in range(shape[0]):
        for last in range(first + 1, shape[0] + 1):
            found = doubled_rows(plane, shape, slice(first, last))
            np.testing.assert_allclose(found, whole[first:last], rtol=3e-7)
