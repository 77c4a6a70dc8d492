# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of what is made of pixels without data."""

from __future__ import annotations

from focus_stacking_ros.core.focus.validity import eroded, filled, halved_mask
import numpy as np
import pytest

RNG = np.random.default_rng(0)


@pytest.mark.parametrize('shape', [(7, 9), (7, 9, 3)])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_pixels_without_data_are_like_the_nearest_that_have_some(shape, dtype) -> None:
    image = RNG.integers(1, 256, shape).astype(dtype)
    valid = np.ones(shape[:2], bool)
    valid[:, :3] = False
    before = image.copy()
    result = filled(image, valid)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result[:, 3:], image[:, 3:])
    np.testing.assert_array_equal(result[:, :3], np.repeat(image[:, 3:4], 3, axis=1))
    np.testing.assert_array_equal(image, before)


def test_a_single_pixel_with_data_fills_all() -> None:
    valid = np.zeros((5, 6), bool)
    valid[2, 3] = True
    image = RNG.integers(0, 256, (5, 6)).astype(np.uint8)
    assert (filled(image, valid) == image[2, 3]).all()


def test_only_borders_of_data_within_the_image_have_a_margin() -> None:
    valid = np.ones((12, 20), bool)
    valid[:, :3] = False
    expected = np.zeros((12, 20), np.uint8)
    expected[:, 5:] = 255
    np.testing.assert_array_equal(eroded(valid, 2), expected)


@pytest.mark.parametrize(('size', 'half'), [((4, 6), (2, 3)), ((5, 7), (3, 4))])
def test_half_size_pixels_are_valid_where_all_their_pixels_are(size, half) -> None:
    valid = np.full(size, 255, np.uint8)
    valid[1, 2] = 0
    expected = np.full(half, 255, np.uint8)
    expected[0, 1] = 0
    np.testing.assert_array_equal(halved_mask(valid), expected)
