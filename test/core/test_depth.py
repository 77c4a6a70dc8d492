# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the peak, its smoothing and confidence, and of metres."""

from __future__ import annotations

from focus_stacking_ros.backends.opencv import OpenCVBackend
from focus_stacking_ros.core.depth import find_peak, metres, Peak, regularise
from focus_stacking_ros.core.smoothing import FastGlobalSmoother
from focus_stacking_ros.core.state import StackState
import numpy as np
import pytest

SHAPE = (40, 50)


def focus_curves(true: np.ndarray, slices: int, width: float = 1.2,
                 height: float = 6000.0) -> StackState:
    """State of a stack whose focus curve is a Gaussian around ``true`` at every pixel."""
    state = StackState.empty(true.shape)
    for number in range(slices):
        response = height * np.exp(-(number - true) ** 2 / (2 * width ** 2))
        OpenCVBackend().accumulate(state, np.rint(response).astype(np.int16), np.eye(3), 1.0)
    return state


def no_glow(shape: tuple[int, int] = SHAPE) -> np.ndarray:
    return np.zeros(shape, np.float32)


def test_peak_of_gaussian_curves_is_exact_between_the_slices() -> None:
    true = np.linspace(0.6, 5.4, SHAPE[0] * SHAPE[1]).reshape(SHAPE)
    peak = find_peak(focus_curves(true, 7), no_glow(), 0.0)
    assert np.abs(peak.index - true).max() < 0.01
    assert peak.slices == 7


def test_peak_is_continued_at_both_ends_of_the_stack() -> None:
    true = np.linspace(-0.4, 6.4, SHAPE[0] * SHAPE[1]).reshape(SHAPE)
    peak = find_peak(focus_curves(true, 7), no_glow(), 0.0)
    assert np.abs(peak.index - true).max() < 0.05


def test_peak_is_never_more_than_half_a_slice_from_the_best() -> None:
    rng = np.random.default_rng(0)
    state = StackState.empty(SHAPE)
    for _ in range(6):
        OpenCVBackend().accumulate(state, rng.integers(0, 9000, SHAPE).astype(np.int16),
                                   np.eye(3), 1.0)
    peak = find_peak(state, no_glow(), 30.0)
    assert np.isfinite(peak.index).all()
    assert np.abs(peak.index - state.index).max() <= 0.5


def test_two_slices_have_no_sub_slice_peak() -> None:
    true = np.linspace(0, 1, SHAPE[0] * SHAPE[1]).reshape(SHAPE)
    peak = find_peak(focus_curves(true, 2), no_glow(), 0.0)
    assert set(np.unique(peak.index)) == {0.0, 1.0}


def test_a_flat_curve_has_no_weight_and_a_peaked_one_has() -> None:
    true = np.full(SHAPE, 3.0)
    peaked = find_peak(focus_curves(true, 7), no_glow(), 16.0).weight
    flat = find_peak(focus_curves(true, 7, width=100), no_glow(), 16.0).weight
    assert peaked.min() > 0.1
    assert flat.max() < 0.01


def test_noise_alone_has_no_weight() -> None:
    state = focus_curves(np.full(SHAPE, 3.0), 7, height=100.0)
    trusted = find_peak(state, no_glow(), 1.0).weight
    noisy = find_peak(state, no_glow(), 100.0).weight
    assert trusted.min() > 0.1
    assert noisy.max() == 0


def test_a_response_that_comes_with_a_change_of_brightness_loses_its_weight() -> None:
    state = focus_curves(np.full(SHAPE, 3.0), 7, height=160.0)  # 10 grey levels
    glow = no_glow()
    glow[:, 25:] = 40.0
    weight = find_peak(state, glow, 1.0).weight
    assert weight[:, 25:].max() < 0.01 * weight[:, :25].min()


def test_pixels_that_one_slice_alone_shows_have_no_weight() -> None:
    state = focus_curves(np.full(SHAPE, 3.0), 7)
    state.count[:, :5] = 1
    weight = find_peak(state, no_glow(), 1.0).weight
    assert (weight[:, :5] == 0).all()
    assert weight[:, 5:].min() > 0.1


def test_response_within_the_scatter_of_the_noise_is_not_significant() -> None:
    state = StackState.empty(SHAPE)
    for response in (100, 110, 100):
        OpenCVBackend().accumulate(state, np.full(SHAPE, response, np.int16), np.eye(3), 1.0)
    assert (find_peak(state, no_glow(), 100.0).significance == 0).all()
    assert (find_peak(state, no_glow(), 50.0).significance == 1).all()


def test_insignificant_peaks_have_no_confidence() -> None:
    shape = 30, 400
    peak = peak_of(np.full(shape, 3.0), np.full(shape, 0.5))
    peak.significance[:, :200] = 0
    confidence = regularised(peak).confidence
    assert confidence[:, :50].max() < 0.1
    assert confidence[:, 350:].min() > 0.5


def test_bands_of_rows_leave_no_seam() -> None:
    true = np.tile(np.linspace(0, 6, 300)[:, None], (1, 8))
    peak = find_peak(focus_curves(true, 7), no_glow(true.shape), 0.0)
    assert np.abs(peak.index - true).max() < 0.05


def peak_of(index: np.ndarray, weight: np.ndarray) -> Peak:
    """Peak that lies well above the noise everywhere."""
    return Peak(index.astype(np.float32), weight.astype(np.float32),
                np.ones(index.shape, np.float32), 7)


def regularised(peak: Peak, guide: np.ndarray | None = None):
    flat = np.zeros(peak.index.shape, np.float32)
    return regularise(peak, FastGlobalSmoother(flat if guide is None else guide, 400.0, 5.0), 0.7)


def test_outliers_are_smoothed_away_and_a_slope_is_kept() -> None:
    rng = np.random.default_rng(0)
    true = np.tile(np.linspace(1, 5, 400), (60, 1))
    index = true + rng.normal(0, 0.1, true.shape)
    index[rng.random(true.shape) < 0.1] = 6
    weight = np.full(true.shape, 0.5, np.float32)
    estimate = regularised(peak_of(index, weight))
    inner = np.s_[:, 60:-60]  # the ends of a slope are pulled inwards
    assert np.sqrt(np.mean((index - true)[inner] ** 2)) > 0.5
    assert np.sqrt(np.mean((estimate.index - true)[inner] ** 2)) < 0.1
    assert estimate.index.dtype == np.float32


def test_index_is_dense_where_there_is_no_weight_and_says_so() -> None:
    index = np.full((30, 400), 2.0, np.float32)
    weight = np.full(index.shape, 0.5, np.float32)
    index[:, 100:], weight[:, 100:] = 6.0, 0.0
    estimate = regularised(peak_of(index, weight))
    assert np.abs(estimate.index - 2.0).max() < 0.2
    assert estimate.confidence[:, :100].min() > 0.5
    assert estimate.confidence[:, 350:].max() < 0.1


def test_without_any_weight_index_is_the_middle_and_confidence_zero() -> None:
    estimate = regularised(peak_of(np.zeros(SHAPE), np.zeros(SHAPE)))
    np.testing.assert_allclose(estimate.index, 3.0)
    assert (estimate.confidence == 0).all()


def test_confidence_and_index_stay_within_their_ranges() -> None:
    rng = np.random.default_rng(2)
    for scale in (1e-8, 1e-3, 1.0):
        estimate = regularised(peak_of(rng.uniform(-0.5, 6.5, SHAPE), scale * rng.random(SHAPE)),
                               rng.uniform(0, 255, SHAPE).astype(np.float32))
        assert estimate.confidence.min() >= 0
        assert estimate.confidence.max() <= 1
        assert estimate.index.min() >= 0
        assert estimate.index.max() <= 6


def test_confidence_is_low_at_a_jump_of_the_depth() -> None:
    index = np.full(SHAPE, 1.0, np.float32)
    index[:, 25:] = 6.0
    guide = np.where(index > 3, 200.0, 20.0).astype(np.float32)
    estimate = regularised(peak_of(index, np.full(SHAPE, 0.5)), guide)
    assert estimate.confidence[:, 20:30].max() < 0.3 * estimate.confidence[:, 5].min()
    assert estimate.continuity[:, 25].max() < 0.2
    assert estimate.continuity[:, 5].min() > 0.9


DISTANCES = [0.2, 0.25, 0.4, 0.5]


def test_metres_are_those_of_the_slices_at_whole_indices() -> None:
    index = np.array([[0, 1, 2, 3]], np.float32)
    np.testing.assert_allclose(metres(index, DISTANCES), [DISTANCES], rtol=1e-6)


def test_metres_are_linear_in_dioptres_between_slices() -> None:
    index = np.array([[0.5, 1.25, 2.9]], np.float32)
    expected = [1 / (0.5 / 0.2 + 0.5 / 0.25), 1 / (0.75 / 0.25 + 0.25 / 0.4),
                1 / (0.1 / 0.4 + 0.9 / 0.5)]
    found = metres(index, DISTANCES)
    np.testing.assert_allclose(found, [expected], rtol=1e-6)
    assert found.dtype == np.float32


@pytest.mark.parametrize('index', [-1.0, 9.0])
def test_metres_never_leave_the_stack(index) -> None:
    found = metres(np.full((1, 1), index, np.float32), DISTANCES)[0, 0]
    assert 0.2 <= found <= 0.5 + 1e-6
