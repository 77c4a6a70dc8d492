# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Steps come with an uncertainty that holds; profiles lie where they are asked for."""

from __future__ import annotations

import cv2
from focus_stacking_ros.core.metrology.height import mean_height, profile_along, step_between
from focus_stacking_ros.core.metrology.view import MeasurementError, Region
import numpy as np
import pytest

UPPER, LOWER = Region(10, 10, 90, 100), Region(150, 10, 90, 100)


def stepped(seed: int, correlation_px: float = 0.0):
    """Return heights with a step of 100 µm and noise of 5 µm, smooth over some pixels."""
    noise = np.random.default_rng(seed).normal(0, 1, (120, 250))
    if correlation_px:
        noise = cv2.GaussianBlur(noise, (0, 0), correlation_px)
    height = 5e-6 * noise / noise.std()
    height[:, :125] += 100e-6
    return height.astype(np.float32)


@pytest.mark.parametrize('correlation_px', [0.0, 3.0])
def test_a_step_is_within_its_uncertainty_as_often_as_that_says(correlation_px) -> None:
    errors = []
    for seed in range(200):
        step = step_between(stepped(seed, correlation_px), UPPER, LOWER)
        errors.append((step.height_m - 100e-6) / step.uncertainty_m)
    assert 0.55 < np.mean(np.abs(errors) < 1) < 0.85  # .68 where errors are Gaussian
    assert np.mean(np.abs(errors) < 3) > 0.97


def test_the_deviation_of_the_depth_counts_where_it_says_more() -> None:
    height = np.zeros((64, 64), np.float32)
    one = mean_height(height, Region(0, 0, 64, 64), np.full((64, 64), 8e-6, np.float32))
    assert one.uncertainty_m == pytest.approx(8e-6 / 4)  # sixteen blocks
    small = mean_height(height, Region(0, 0, 5, 5), np.full((64, 64), 8e-6, np.float32))
    assert small.uncertainty_m == pytest.approx(8e-6)


def test_a_few_specks_do_not_move_a_step() -> None:
    height = stepped(0)
    height[20:24, 20:60] = 5e-3
    height[40:50, 160:200] = np.nan
    assert step_between(height, UPPER, LOWER).height_m == pytest.approx(100e-6, abs=2e-6)


def test_a_region_without_heights_is_named() -> None:
    height = stepped(0)
    height[:, :125] = np.nan
    with pytest.raises(MeasurementError, match='no pixel of the region 10,10,90,100'):
        step_between(height, UPPER, LOWER)


def test_a_profile_crosses_the_step_where_it_is() -> None:
    height = np.zeros((50, 60), np.float32)
    height[:, 30:] = 1e-3
    profile = profile_along(height, (10, 20), (50, 20), pixel_m=2e-6)
    assert profile.is_metric
    np.testing.assert_allclose(profile.along, np.arange(41) * 2e-6)
    np.testing.assert_allclose(profile.height_m, [0.0] * 20 + [1e-3] * 21)


def test_a_slanting_profile_is_linear_between_pixels_and_averages_its_width() -> None:
    y, x = np.mgrid[:50, :60]
    height = (1e-6 * (2 * x + 3 * y)).astype(np.float32)
    profile = profile_along(height, (5, 5), (35, 45), width_px=3)
    assert not profile.is_metric
    assert profile.along[-1] == 50
    np.testing.assert_allclose(profile.height_m, 1e-6 * np.linspace(25, 205, 51), rtol=2e-3)


def test_unknown_heights_leave_gaps_only_where_all_lines_miss_them() -> None:
    height = np.ones((20, 40), np.float32)
    height[10, 15:20] = np.nan
    assert np.isnan(profile_along(height, (0, 10), (39, 10)).height_m).sum() >= 5
    wide = profile_along(height, (0, 10), (39, 10), width_px=3)
    np.testing.assert_array_equal(wide.height_m, 1)


@pytest.mark.parametrize('places', [((0, 0), (60, 0)), ((-1, 0), (5, 0)), ((5, 5), (5, 5))])
def test_a_profile_that_cannot_be_is_refused(places) -> None:
    with pytest.raises(MeasurementError):
        profile_along(np.zeros((50, 60), np.float32), *places)
