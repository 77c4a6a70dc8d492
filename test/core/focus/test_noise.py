# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the noise of a stack as a function of brightness."""

from __future__ import annotations

import cv2
from focus_stacking_ros.core.focus.measure import FOCUS_MEASURES, luma
from focus_stacking_ros.core.focus.noise import (
    BINS,
    CLASSES,
    noise_counts,
    noise_floor,
    noise_sigma,
    NoiseLevels,
    sigma_of,
)
from helpers.stacks import texture
from hypothesis import given, settings, strategies
import numpy as np
import pytest

SHAPE = (300, 640)
RAMP = np.tile(np.linspace(8, 247, SHAPE[1]), (SHAPE[0], 1)).astype(np.float32)


def sigma_at(brightness: np.ndarray) -> np.ndarray:
    """Photon noise: its variance grows with the brightness."""
    return np.sqrt(0.3 + brightness / 25)


def slice_of(light: np.ndarray, sigma: np.ndarray | float, seed: int = 0) -> np.ndarray:
    """Return what is counted of a noisy slice of 16 bit, so that rounding adds no noise."""
    noise = np.random.default_rng(seed).standard_normal(light.shape)
    return noise_counts(luma(np.clip(np.rint((light + sigma * noise) * 256), 0, 65535).astype(
        np.uint16)))


def test_noise_that_grows_with_the_brightness_is_found_at_every_brightness() -> None:
    levels = NoiseLevels()
    for seed in range(2):
        levels.add(slice_of(RAMP, sigma_at(RAMP), seed))
    found = levels.sigma(RAMP)
    assert found.dtype == np.float32
    inside = np.s_[:, 20:-20]  # beyond the middles of the outer classes nothing is known
    np.testing.assert_allclose(found[inside], sigma_at(RAMP)[inside], rtol=0.2)
    assert found[:, 600].mean() > 2.5 * found[:, 30].mean()


def test_add_returns_the_noise_of_the_slice() -> None:
    assert NoiseLevels().add(slice_of(RAMP, 3.0)) == pytest.approx(3.0, rel=0.1)


def test_texture_does_not_raise_it_where_one_slice_is_blurred() -> None:
    # White texture, which the kernel for the noise sees in full.
    sharp = 128 + 12 * np.random.default_rng(5).standard_normal(SHAPE).astype(np.float32)
    blurred = cv2.GaussianBlur(sharp, (0, 0), 4.0)
    flat = np.full(SHAPE, 128, np.float32)
    misled = NoiseLevels()
    misled.add(slice_of(sharp, 2.0, 1))
    assert misled.sigma(flat).max() > 8
    levels = NoiseLevels()
    for seed, light in enumerate((sharp, blurred, sharp)):
        levels.add(slice_of(light, 2.0, seed))
    np.testing.assert_allclose(levels.sigma(flat), 2.0, rtol=0.1)


def test_each_brightness_has_its_own_quietest_slice() -> None:
    half = np.where(np.arange(SHAPE[1]) < SHAPE[1] // 2, 40, 200) + np.zeros(SHAPE)
    levels = NoiseLevels()
    levels.add(slice_of(half, np.where(half < 100, 1.0, 6.0), 1))
    levels.add(slice_of(half, np.where(half < 100, 6.0, 2.0), 2))
    found = levels.sigma(half.astype(np.float32))
    assert found[:, 50].mean() == pytest.approx(1.0, rel=0.15)
    assert found[:, -50].mean() == pytest.approx(2.0, rel=0.15)


def test_what_was_never_seen_has_the_noise_of_the_nearest_brightness() -> None:
    levels = NoiseLevels()
    levels.add(slice_of(np.full(SHAPE, 136.0), 2.0))
    np.testing.assert_allclose(levels.sigma(RAMP), 2.0, rtol=0.15)


def test_slices_without_noise_say_nothing_of_the_others() -> None:
    levels = NoiseLevels()
    clean = np.full(SHAPE, 136.0)
    assert levels.add(slice_of(clean, 0.0)) == 0
    assert (levels.sigma(RAMP) == 0).all()
    levels.add(slice_of(clean, 2.0))
    levels.add(slice_of(clean, 0.0))
    np.testing.assert_allclose(levels.sigma(RAMP), 2.0, rtol=0.15)


def test_a_brightness_that_few_pixels_have_says_nothing() -> None:
    light = np.full(SHAPE, 136.0)
    light[100:120, 100:120] = 30
    levels = NoiseLevels()
    levels.add(slice_of(light, np.where(light < 100, 9.0, 2.0)))
    assert levels.sigma(RAMP).max() < 2.3


def test_noise_below_a_grey_level_is_found_in_texture_of_16_bit() -> None:
    levels = NoiseLevels()
    scene = cv2.GaussianBlur(texture(SHAPE), (0, 0), 4.0)
    levels.add(slice_of(scene, 0.5))
    assert float(np.median(levels.sigma(scene))) == pytest.approx(0.5, rel=0.25)


@pytest.mark.parametrize(
    'shape', [(64, 20000), (95, 16384), (20000, 64), (96, 16384), (3, 400000)])
def test_the_noise_of_strips_of_more_than_a_million_pixels_is_found(shape) -> None:
    assert NoiseLevels().add(slice_of(np.full(shape, 136.0), 3.0)) == pytest.approx(3.0, rel=0.1)


@settings(deadline=None, max_examples=25)
@given(narrow=strategies.integers(3, 200), more=strategies.integers(-5, 400),
       is_upright=strategies.booleans())
def test_the_noise_of_any_shape_is_found(narrow, more, is_upright) -> None:
    long = max(1_000_000 // narrow + more, 3)  # about as many pixels as are all looked at
    grey = np.random.default_rng(narrow).normal(2048, 48, (narrow, long)).astype(np.int16)
    found = noise_sigma(np.ascontiguousarray(grey.T) if is_upright else grey)
    assert found == pytest.approx(3.0, rel=0.1)


@pytest.mark.parametrize('sigma', [0.5, 1.0, 2.0, 4.0, 8.0, 20.0, 60.0])
def test_noise_is_estimated_within_5_percent(sigma) -> None:
    grey = np.random.default_rng(1).normal(2048, 16 * sigma, (400, 400))
    assert noise_sigma(np.rint(np.clip(grey, 0, 4095)).astype(np.int16)) == pytest.approx(
        sigma, rel=0.05)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_noise_estimate_ignores_smooth_structure(dtype) -> None:
    light = 100 + 40 * np.sin(np.indices((300, 300)).sum(axis=0) / 15.0)
    light += np.random.default_rng(0).normal(0, 3, light.shape)
    image = np.rint(light * (256 if dtype is np.uint16 else 1)).astype(dtype)
    assert noise_sigma(luma(image)) == pytest.approx(3.0, rel=0.07)


def test_flat_and_tiny_images_have_no_noise() -> None:
    for shape in ((50, 50), (1, 1), (2, 90), (90, 2)):
        assert noise_sigma(np.full(shape, 1440, np.int16)) == 0


def test_counts_say_how_bright_and_how_great_each_response_is() -> None:
    grey = np.zeros((3, 6), np.int16)
    grey[:, 3:] = 4080
    grey[1, 1] = 100  # response 400 in the dark; in the bright part, of the columns 3 to 5, none
    counts = noise_counts(grey)
    assert (counts.shape, counts.dtype) == ((CLASSES, BINS), np.uint32)
    assert counts.sum() == counts[0, 400] + counts[CLASSES - 1, 0] == 2
    grey[1, 1] = 2000  # response 8000: of the coarse bins, which are a grey level wide
    assert noise_counts(grey)[0, 512 + (8000 - 512) // 16] == 1
    assert sigma_of(noise_counts(grey)[0]) == pytest.approx(8000 / (0.6745 * 6 * 16), rel=0.002)
    grey[:, :3] = [[0, 4080, 0], [4080, 0, 4080], [0, 4080, 0]]  # beyond them
    assert noise_counts(grey)[:, BINS - 1].sum() == 1


@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('operator', FOCUS_MEASURES)
def test_noise_floor_is_the_mean_response_to_the_noise_of_what_is_measured(operator, channels
                                                                           ) -> None:
    sigma = np.array([[2.0, 5.0]], np.float32)
    measure = FOCUS_MEASURES[operator]
    ratio = 1.5 if measure.needs_colour else 1.0
    np.testing.assert_allclose(noise_floor(operator, channels, sigma, 1.5),
                               sigma * ratio * measure.noise[channels].mean, rtol=1e-6)


def test_noise_floor_without_noise_is_what_rounding_has() -> None:
    none = np.zeros((2, 3), np.float32)
    floor = noise_floor('ring_difference', 1, none, 1.0)
    assert (floor.shape, floor.dtype) == (none.shape, np.float32)
    np.testing.assert_allclose(floor, 0.3)
    with pytest.raises(KeyError, match='abacus'):
        noise_floor('abacus', 1, none, 1.0)
