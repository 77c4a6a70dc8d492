# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The notebook's other filters against SciPy and scikit-image."""

from __future__ import annotations

from focus_stacking_ros.core.notebook.other_filters import (
    entropy_filter,
    ENTROPY_LEVELS,
    filling_transform,
    median_filter,
    quantised,
)
import numpy as np
import pytest


@pytest.mark.parametrize('radius', [1, 3, 7])
def test_entropy_is_that_of_scikit_image(radius) -> None:
    rank = pytest.importorskip('skimage.filters.rank')
    levels = np.random.default_rng(0).integers(0, ENTROPY_LEVELS, (40, 50)).astype(np.uint8)
    levels[:, 30:] //= 8
    side = 2 * radius + 1
    # scikit-image takes bits, Wolfram natural logarithms; both have smaller windows at the border.
    expected = rank.entropy(levels, np.ones((side, side), np.uint8)) * np.log(2)
    np.testing.assert_allclose(entropy_filter(levels, radius), expected, atol=1e-5)


def test_entropy_of_one_value_is_none() -> None:
    assert entropy_filter(np.full((9, 9), 5, np.uint8), 3).max() < 1e-6


def test_quantised_levels_are_even() -> None:
    levels = quantised(np.arange(4096, dtype=np.int16)[None], 4095)
    np.testing.assert_array_equal(np.bincount(levels[0]), np.full(ENTROPY_LEVELS, 128))
    assert quantised(np.array([[-5, 5000]], np.int16), 4095).tolist() == [[0, ENTROPY_LEVELS - 1]]


def test_median_is_that_of_scipy() -> None:
    ndimage = pytest.importorskip('scipy.ndimage')
    image = np.random.default_rng(0).integers(0, 256, (40, 50)).astype(np.uint8)
    np.testing.assert_array_equal(median_filter(image, 3),
                                  ndimage.median_filter(image, 7, mode='nearest'))


def slope_with_gaps(seed: int) -> np.ndarray:
    """Return a slope, which has no minimum of its own, with gaps; some touch the border."""
    image = np.tile(np.arange(40, 140, dtype=np.uint8), (80, 1))
    generator = np.random.default_rng(seed)
    for _ in range(12):
        y, x = generator.integers(-6, [80, 100])
        height, width = generator.integers(1, 12, 2)
        image[max(y, 0):max(y + height, 0), max(x, 0):max(x + width, 0)] = 0
    return image


@pytest.mark.parametrize('seed', range(4))
def test_gaps_are_filled_as_by_reconstruction(seed) -> None:
    morphology = pytest.importorskip('skimage.morphology')
    image = slope_with_gaps(seed)
    start = np.full_like(image, 255)
    # What touches the border drains, as beyond it all is 0.
    start[[0, -1]], start[:, [0, -1]] = image[[0, -1]], image[:, [0, -1]]
    expected = morphology.reconstruction(start, image, 'erosion', footprint=np.ones((3, 3)))
    filled = filling_transform(image)
    inside = np.s_[1:-1, 1:-1]  # on the border itself the slope may be a corner of a basin
    np.testing.assert_array_equal(filled[inside], expected[inside])
    assert (filled != image).any()


@pytest.mark.parametrize('seed', range(3))
def test_holes_of_a_mask_are_those_of_scipy(seed) -> None:
    ndimage = pytest.importorskip('scipy.ndimage')
    mask = np.random.default_rng(seed).random((60, 70)) < 0.7
    expected = ndimage.binary_fill_holes(mask, np.ones((3, 3)))
    np.testing.assert_array_equal(filling_transform(mask.astype(np.uint8) * 9) > 0, expected)
    assert (expected != mask).any()


def test_each_gap_takes_the_lowest_value_around_it_and_values_stay() -> None:
    ndimage = pytest.importorskip('scipy.ndimage')
    generator = np.random.default_rng(5)
    image = generator.integers(1, 256, (50, 60)).astype(np.uint8)
    image[generator.random(image.shape) < 0.2] = 0
    filled = filling_transform(image)
    np.testing.assert_array_equal(filled[image > 0], image[image > 0])
    labels, count = ndimage.label(image == 0, np.ones((3, 3)))
    assert count > 50
    for label in range(1, count + 1):
        gap = labels == label
        around = ndimage.binary_dilation(gap, np.ones((3, 3))) & ~gap
        open_gap = gap[[0, -1]].any() or gap[:, [0, -1]].any()
        assert set(filled[gap]) == {0 if open_gap else image[around].min()}


def test_nothing_but_a_gap_stays() -> None:
    assert (filling_transform(np.zeros((5, 6), np.uint8)) == 0).all()
