# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the way from half the size to full size."""

from __future__ import annotations

from focus_stacking_ros.core.depth.upsampling import doubled
from focus_stacking_ros.core.focus.measure import half_size, halved
import numpy as np
import pytest

SIZES = [(40, 60), (41, 60), (40, 61), (41, 61), (2, 2), (1, 5), (130, 20), (257, 7)]


def guide_of(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 255, shape).astype(np.float32)


@pytest.mark.parametrize('shape', SIZES)
def test_constants_are_exact_and_every_pixel_is_filled(shape) -> None:
    guide = guide_of(shape)
    planes = [np.full(half_size(shape), value, np.float32) for value in (0.0, 1.0, 7.3)]
    for plane, found in zip(planes, doubled(planes, halved(guide), guide), strict=True):
        assert (found.shape, found.dtype) == (shape, np.float32)
        np.testing.assert_array_equal(found, plane[0, 0])


@pytest.mark.parametrize('shape', SIZES)
def test_no_value_leaves_the_range_of_the_small_plane(shape) -> None:
    guide = guide_of(shape)
    small = np.random.default_rng(1).uniform(-3, 5, half_size(shape)).astype(np.float32)
    small[0, 0] = 5
    found, = doubled([small], halved(guide), guide)
    assert found.min() >= small.min()
    assert found.max() <= small.max()


@pytest.mark.parametrize('shape', [(40, 60), (41, 61)])
def test_pixel_centres_stay_where_they_are(shape) -> None:
    # Pixel i covers the pixels 2 i and 2 i + 1: its centre is at 2 i + 0.5.
    small_y, small_x = np.indices(half_size(shape))
    ramp = (3 * (2 * small_x + 0.5) - (2 * small_y + 0.5)).astype(np.float32)
    guide = np.full(shape, 90, np.float32)
    found, = doubled([ramp], halved(guide), guide)
    y, x = np.indices(shape)
    np.testing.assert_allclose(found[2:-3, 2:-3], (3 * x - y)[2:-3, 2:-3], atol=1e-3)


@pytest.mark.parametrize('edge', [30, 31])  # between two small pixels, and within one
@pytest.mark.parametrize('across', [0, 1])
def test_steps_lie_on_the_edges_of_the_guide(edge, across) -> None:
    where = np.indices((60, 60))[across]
    guide = np.where(where < edge, 20, 200).astype(np.float32)
    small = np.where(np.indices((30, 30))[across] < edge / 2, 1, 5).astype(np.float32)
    if edge % 2:  # the small pixel on the edge lies between both
        small = np.where(np.indices((30, 30))[across] == edge // 2, 3, small).astype(np.float32)
    found, = doubled([small], halved(guide), guide)
    true = np.where(where < edge, 1, 5)
    error = np.abs(found - true)
    assert error.max() < (1.2 if edge % 2 else 0.1)
    # Without a guide that knows better, a step is spread over it.
    blind, = doubled([small], np.zeros((30, 30), np.float32), np.zeros((60, 60), np.float32))
    assert np.abs(blind - true).max() > 0.9
    assert error.mean() < 0.7 * np.abs(blind - true).mean()


def test_planes_do_not_mix() -> None:
    guide = guide_of((40, 61))
    one, other = np.random.default_rng(2).uniform(0, 9, (2, 20, 31)).astype(np.float32)
    together = doubled([one, other], halved(guide), guide)
    np.testing.assert_array_equal(together[0], doubled([one], halved(guide), guide)[0])
    np.testing.assert_array_equal(together[1], doubled([other], halved(guide), guide)[0])


def test_bands_of_rows_leave_no_seam() -> None:
    # The same picture 64 rows lower: what lies in one band then lies in two.
    guide = guide_of((400, 12))
    small = np.random.default_rng(3).uniform(0, 9, (200, 6)).astype(np.float32)
    whole, = doubled([small], halved(guide), guide)
    part, = doubled([small[40:]], halved(guide)[40:], guide[80:])
    np.testing.assert_array_equal(whole[82:], part[2:])


def test_inputs_are_not_written_to() -> None:
    guide, small = guide_of((10, 12)), guide_of((5, 6), 1)
    copies = guide.copy(), small.copy()
    doubled([small], halved(guide), guide)
    np.testing.assert_array_equal(guide, copies[0])
    np.testing.assert_array_equal(small, copies[1])
