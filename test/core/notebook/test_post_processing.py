# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The notebook's post-processing against SciPy and scikit-image."""

from __future__ import annotations

import cv2
from focus_stacking_ros.core.notebook.post_processing import (
    binarize,
    brightness_equalize,
    color_distance,
    erosion,
    post_processed,
)
import numpy as np
import pytest


def colours(dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(
        0, np.iinfo(dtype).max + 1, (30, 40, 3)).astype(dtype)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_colour_distance_is_that_of_scikit_image(dtype) -> None:
    color = pytest.importorskip('skimage.color')
    image = colours(dtype)
    lab = color.rgb2lab(image[..., ::-1] / np.iinfo(dtype).max)
    grey = color.rgb2lab(np.full((1, 1, 3), 0.5))
    np.testing.assert_allclose(color_distance(image), color.deltaE_cie76(lab, grey) / 100,
                               atol=5e-3)


def test_grey_images_have_a_distance_too() -> None:
    image = np.array([[0, 127, 128, 255]], np.uint8)
    distance = color_distance(image)[0]
    assert distance[1:3].max() < 0.01
    assert distance[0] == pytest.approx(0.534, abs=0.002)  # L* of middle grey is 53.4
    assert distance[3] == pytest.approx(0.466, abs=0.002)


def test_threshold_by_itself_is_otsus() -> None:
    filters = pytest.importorskip('skimage.filters')
    generator = np.random.default_rng(0)
    image = np.clip(np.concatenate([generator.normal(60, 15, 3000), generator.normal(180, 20, 1000)
                                    ]), 0, 255).reshape(40, 100).astype(np.uint8)
    image[0, :2] = 0, 255
    np.testing.assert_array_equal(binarize(image.astype(np.float32) / 255),
                                  image > filters.threshold_otsu(image))


def test_threshold_itself_is_below() -> None:
    values = np.array([[0.04, 0.05, 0.06]], np.float32)
    assert binarize(values, 0.05).tolist() == [[False, False, True]]
    assert not binarize(np.full((3, 3), 7, np.float32)).any()


@pytest.mark.parametrize('radius', [1, 3])
def test_erosion_is_that_of_scipy(radius) -> None:
    ndimage = pytest.importorskip('scipy.ndimage')
    mask = np.random.default_rng(0).random((40, 50)) < 0.95
    side = 2 * radius + 1
    expected = ndimage.binary_erosion(mask, np.ones((side, side)), border_value=1)
    np.testing.assert_array_equal(erosion(mask, radius), expected)


def shaded(dtype: type, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a checked surface, and the same in uneven light: L* times a polynomial."""
    lightness = np.kron(np.indices((12, 15)).sum(0) % 2, np.ones((8, 8))) * 20 + 40
    y, x = np.meshgrid(np.linspace(-1, 1, 96), np.linspace(-1, 1, 120), indexing='ij')
    light = 1 + 0.2 * x - 0.15 * y - 0.2 * x * x + 0.1 * x * y
    images = []
    for plane in (lightness, lightness * light):
        lab = np.dstack([plane, np.zeros_like(plane), np.zeros_like(plane)]).astype(np.float32)
        image = np.rint(cv2.cvtColor(lab, cv2.COLOR_Lab2BGR) * np.iinfo(dtype).max).astype(dtype)
        images.append(image if channels == 3 else image[..., 1])
    return images[0], images[1]


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
@pytest.mark.parametrize('channels', [1, 3])
def test_uneven_light_is_made_even(dtype, channels) -> None:
    even, uneven = shaded(dtype, channels)
    result = brightness_equalize(uneven)
    assert (result.shape, result.dtype) == (uneven.shape, uneven.dtype)
    bright = even[..., 0] > even.mean() if channels == 3 else even > even.mean()
    for part in (bright, ~bright):
        assert result[part].std() < 0.2 * uneven[part].std()


def test_even_light_stays() -> None:
    even, _ = shaded(np.uint8, 3)
    assert np.abs(brightness_equalize(even).astype(int) - even).max() <= 2


@pytest.mark.parametrize('value', [0, 255])
def test_black_and_white_images_stay(value) -> None:
    image = np.full((20, 30, 3), value, np.uint8)
    np.testing.assert_array_equal(brightness_equalize(image), image)


def test_what_is_near_middle_grey_becomes_black() -> None:
    image = np.full((40, 60, 3), 128, np.uint8)
    image[10:30, 20:40] = 0, 0, 220
    result = post_processed(image)
    assert (result[11:29, 21:39, 2] > 150).all()
    outside = np.ones(image.shape[:2], bool)
    outside[11:29, 21:39] = False  # eroded by one pixel
    assert (result[outside] == 0).all()
