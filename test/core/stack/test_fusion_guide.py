# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of what decides how much of each slice enters the all-in-focus image."""

from __future__ import annotations

from focus_stacking_ros.core.focus.measure import sharpness
from focus_stacking_ros.core.stack.estimate import DepthEstimate
from focus_stacking_ros.core.stack.fusion_guide import (
    alike_of,
    calm_of,
    slices_of_gate,
    trust_of,
    widest_gate,
)
import numpy as np
import pytest


def test_slices_are_alike_in_a_fine_sweep_whose_noise_is_seen() -> None:
    most = alike_of(span=1e6, noise=1e6)
    # The energy that a slice beside the sharpest keeps where the curve falls to exp(-1/2) of it.
    assert alike_of(span=1.0, noise=1e6) == pytest.approx(most * np.exp(-0.5) ** 2)
    assert alike_of(span=0.4, noise=20.0) < 0.01
    # Noise of a grey level is seen, that of rounding hardly.
    assert alike_of(span=1e6, noise=1.0) == pytest.approx(0.71 * most, rel=0.1)
    assert alike_of(span=1e6, noise=1 / np.sqrt(12)) < 0.02 * most
    assert alike_of(span=0.0, noise=0.0) == 0


def test_sharpness_of_noise_is_known_to_a_third_of_what_is_alike() -> None:
    noise = np.random.default_rng(2).normal(0, 3 * 16, (200, 200))
    found = sharpness(np.rint(noise).astype(np.int16)).astype(float)
    assert 3 * found.std() / found.mean() == pytest.approx(alike_of(1e6, 1e6), rel=0.1)


def plane(value: float) -> np.ndarray:
    return np.full((70, 50), value, np.float32)


@pytest.mark.parametrize(('span', 'factor'), [(0.5, 0.5), (1.0, 1.0), (2.2, 1.0), (4.4, 2.0)])
def test_a_gate_holds_as_many_slices_as_lie_within_the_focus_curve(span: float, factor: float
                                                                   ) -> None:
    assert slices_of_gate(span) == pytest.approx(factor)


@pytest.mark.parametrize(('spread', 'noise', 'times'), [(0.0, 0.0, 0), (1.0, 0.0, 1),
                                                        (2.0, 1.0, 1), (6.0, 2.0, 2)])
def test_brightness_is_calm_up_to_a_grey_level_and_the_noise(spread: float, noise: float,
                                                             times: float) -> None:
    np.testing.assert_allclose(calm_of(plane(spread), plane(noise)), np.exp(-times ** 2),
                               rtol=1e-5)


def test_where_brightness_is_calm_slices_enter_from_seven_times_as_far() -> None:
    np.testing.assert_allclose(widest_gate(plane(0), 0.7), 0.7, rtol=1e-6)
    np.testing.assert_allclose(widest_gate(plane(0.5), 0.7), 4 * 0.7, rtol=1e-6)
    np.testing.assert_allclose(widest_gate(plane(1), 0.7), 7 * 0.7, rtol=1e-6)


def trust(confidence: float, continuity: float, spread: float) -> float:
    half = np.ones((35, 25), np.float32)
    estimate = DepthEstimate(half, confidence * half, half, half, continuity * half, 1.0)
    found = trust_of(estimate, plane(spread))
    assert found.shape == (70, 50)
    assert np.ptp(found) < 1e-5
    return float(found[0, 0])


@pytest.mark.parametrize(('confidence', 'expected'), [(0.4, 0), (0.5, 0), (0.6, 0.25), (0.8, 0.75),
                                                      (0.9, 1), (1.0, 1)])
def test_a_depth_is_trusted_from_where_it_pays_to_rely_on_it(confidence: float, expected: float
                                                             ) -> None:
    assert trust(confidence, 0.0, 0.0) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(('spread', 'continuity', 'expected'), [
    (1.5, 1.0, 0), (2.1, 1.0, 1 / 3), (2.7, 1.0, 1), (9.0, 1.0, 1),
    (9.0, 0.25, 0.5), (9.0, 0.1, 0)])
def test_a_smooth_depth_is_trusted_where_a_neighbour_would_glow(
        spread: float, continuity: float, expected: float) -> None:
    assert trust(0.0, continuity, spread) == pytest.approx(expected, abs=1e-4)
