# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of what decides how much of each slice enters the all-in-focus image."""

from __future__ import annotations

import cv2
from focus_stacking_ros.core.focus.measure import sharpness
from focus_stacking_ros.core.fuse.job import MISSED, NOISE_SHARPNESS
from focus_stacking_ros.core.stack.fusion_guide import (
    alike_of,
    belying,
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


@pytest.mark.parametrize(('noise', 'limit'), [(0.0, 6), (0.5, 10), (1.0, 20), (9.0, 30)])
def test_noise_belies_no_index(noise: float, limit: float) -> None:
    flat = np.zeros((70, 50), np.uint8)
    np.testing.assert_array_equal(belying(flat, plane(noise)), limit)
    # Of white noise no slice's sharpness is as far above another one's.
    assert noise > 1 or limit > 2 * NOISE_SHARPNESS * noise


def structure(name: str) -> np.ndarray:
    image = np.zeros((160, 160), np.float32)
    if name == 'texture':
        image[:, :80] = np.random.default_rng(0).uniform(0, 1, (160, 80))
    else:
        image[{'line': np.s_[:, 80], 'edge': np.s_[:, 80:], 'stripe': np.s_[:, 76:81],
               'dot': np.s_[80, 80]}[name]] = 1
    return image


def blurred(name: str, blur: float) -> np.ndarray:
    """Return the sharpness of a structure of 190 grey levels in its blur."""
    image = structure(name)
    scale = 190 / cv2.GaussianBlur(image, (0, 0), 0.8).max()
    image = 30 + scale * cv2.GaussianBlur(image, (0, 0), float(np.hypot(0.8, blur)))
    return sharpness(np.rint(np.minimum(image, 255) * 16).astype(np.int16))


def test_blur_of_a_structure_belies_no_index() -> None:
    greatest = 0.0
    for name in ('line', 'edge', 'stripe', 'dot', 'texture'):
        focused = blurred(name, 0)
        limits = belying(focused[::2, ::2], np.zeros((80, 80), np.float32)).astype(float)
        limits = limits.repeat(2, 0).repeat(2, 1)
        for blur in (0.5, 0.7, 1, 1.4, 2, 2.8, 4, 5.6, 8):
            missed = blurred(name, blur) - 1.1 * focused
            assert (missed < limits)[18:-18, 18:-18].all(), (name, blur)
            greatest = max(greatest, float((missed / np.maximum(limits, 3))[18:-18, 18:-18].max()))
    # What is not blur of it is seen; and blur of others may be twice as much.
    assert 0.3 < greatest < 0.5


def test_a_faint_structure_belies_an_index_that_misses_it() -> None:
    # Contrast of 6 grey levels where nothing stronger is near: seen, as the noise is 0.2.
    texture = cv2.GaussianBlur(np.random.default_rng(1).normal(0, 20, (160, 160)), (0, 0), 1)
    focused = sharpness(np.rint(texture * 16 + 1600).astype(np.int16))
    limits = belying(focused[::2, ::2], np.full((80, 80), 0.2, np.float32))
    assert np.median(focused) > 1.5 * np.median(limits)
    assert np.median(focused) < MISSED


def trust(confidence: float, continuity: float, spread: float) -> float:
    half = np.ones((35, 25), np.float32)
    found = trust_of(confidence * half, continuity * half, plane(spread))
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
