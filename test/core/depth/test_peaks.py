# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the fit of focus curves."""

from __future__ import annotations

from collections.abc import Iterator

from focus_stacking_ros.core.depth.peaks import (
    curvature_of,
    fit_peak,
    PeakFit,
    Sample,
    typical_fall,
)
from helpers.curves import fall_off
import numpy as np
import pytest

EVEN = np.arange(9.0)
UNEVEN = np.array([0, 0.7, 2.0, 2.9, 4.1, 5.5, 6.1, 7.2, 8.0])


def samples_of(curves: np.ndarray, steps: np.ndarray, best: np.ndarray,
               reach: int) -> Iterator[Sample]:
    """Yield the samples of slices around each best one; ``curves`` are (n, h, w)."""
    for side in range(-reach, reach + 1):
        other = best + side
        valid = (other >= 0) & (other < len(steps))
        other = np.clip(other, 0, len(steps) - 1)
        yield Sample((steps[other] - steps[best]).astype(np.float32),
                     np.take_along_axis(curves, other[None], 0)[0].astype(np.float32), valid)


def fitted(true: np.ndarray, steps: np.ndarray, width: float, reach: int = 1,
           height: float = 40.0, floor: float = 1.0, noise: float = 0.0,
           seed: int = 0) -> tuple[np.ndarray, PeakFit]:
    """Return the coordinates found for curves with peaks at ``true`` (h, w), and the fit."""
    curves = height * fall_off(steps[:, None, None] - true, width)
    curves += noise * floor * np.random.default_rng(seed).standard_normal(curves.shape)
    best = curves.argmax(axis=0)
    top = curves.max(axis=0).astype(np.float32)
    fit = fit_peak(samples_of(curves, steps, best, reach), top,
                   np.full(true.shape, floor, np.float32), noise, 1 / width ** 2)
    return steps[best] + fit.shift, fit


@pytest.mark.parametrize('steps', [EVEN, UNEVEN], ids=['even', 'uneven'])
@pytest.mark.parametrize(('width', 'reach'), [(0.8, 1), (1.5, 1), (1.5, 2), (4.0, 4)])
def test_peaks_of_blurring_textures_are_found_between_the_slices(steps, width, reach) -> None:
    true = np.linspace(1, 7, 600).reshape(20, 30)
    found, fit = fitted(true, steps, width, reach)
    # In hundredths of a step: the typical curvature pulls a little.
    assert np.abs(found - true).max() < 0.03
    assert fit.shift.dtype == fit.variance.dtype == np.float32


@pytest.mark.parametrize('steps', [EVEN, UNEVEN], ids=['even', 'uneven'])
def test_peaks_at_the_ends_are_found_from_one_side(steps) -> None:
    true = np.concatenate([np.linspace(-0.4, 0.3, 50), np.linspace(7.7, 8.4, 50)])[None]
    found, _ = fitted(true, steps, 1.5)
    assert np.abs(found - true).max() < 0.1


def test_a_slice_without_data_is_left_out() -> None:
    true = np.linspace(3, 5, 50)[None]
    curves = 40 * fall_off(EVEN[:, None, None] - true, 1.5)
    best = curves.argmax(axis=0)

    def damaged() -> Iterator[Sample]:
        for number, sample in enumerate(samples_of(curves, EVEN, best, 2)):
            if number == 3:
                yield Sample(sample.offset, np.full_like(sample.signal, 39.0),
                             np.zeros_like(sample.valid))
            else:
                yield sample
    fit = fit_peak(damaged(), curves.max(axis=0).astype(np.float32),
                   np.ones((1, 50), np.float32), 0.0, 1 / 1.5 ** 2)
    assert np.abs(EVEN[best] + fit.shift - true).max() < 0.05


@pytest.mark.parametrize(('width', 'reach', 'height'), [(1.5, 1, 8.0), (1.5, 2, 20.0),
                                                        (4.0, 4, 20.0)])
def test_errors_by_noise_are_as_large_as_the_variance_says(width, reach, height) -> None:
    true = np.random.default_rng(7).uniform(2.5, 5.5, (100, 200))
    found, fit = fitted(true, EVEN, width, reach, height, noise=0.3)
    error = np.abs(found - true)
    ratio = np.median(error) / (0.6745 * np.median(np.sqrt(fit.variance)))
    assert 0.4 < ratio < 1.3


def test_variance_grows_with_the_noise_and_falls_with_the_height() -> None:
    true = np.full((50, 50), 4.2)
    medians = [float(np.median(fitted(true, EVEN, 1.5, 1, height, noise=noise)[1].variance))
               for height, noise in ((40, 0.1), (40, 2.0), (10, 2.0))]
    assert medians[0] < 0.5 * medians[1] < 0.25 * medians[2]


def test_a_shift_is_finite_and_doubtful_where_there_is_no_signal() -> None:
    zero = np.zeros((3, 4), np.float32)
    valid = np.ones((3, 4), bool)
    fit = fit_peak([Sample(zero + side, zero, valid) for side in (-1, 0, 1)], zero, zero + 1,
                   0.3, 0.4)
    assert np.isfinite(fit.shift).all()
    assert fit.variance.min() > 1


def fall_of(width: float, steps: np.ndarray, height: float = 40.0,
            noise: float = 0.0) -> tuple[float, float] | None:
    true = np.random.default_rng(3).uniform(2, 6, (60, 60))
    curves = height * fall_off(steps[:, None, None] - true, width)
    curves += noise * np.random.default_rng(4).standard_normal(curves.shape)
    best = curves.argmax(axis=0)
    middle = np.clip(best, 1, len(steps) - 2)
    within = (best > 0) & (best < len(steps) - 1)
    sides = [Sample((steps[middle + side] - steps[middle]).astype(np.float32),
                    np.take_along_axis(curves, middle[None] + side, 0)[0].astype(np.float32),
                    within) for side in (-1, 1)]
    return typical_fall(curves.max(axis=0).astype(np.float32), sides,
                        np.full(true.shape, noise, np.float32))


def typical_curvature(*arguments: object) -> float:
    found = fall_of(*arguments)
    assert found is not None
    return curvature_of(*found)


@pytest.mark.parametrize('steps', [EVEN, UNEVEN], ids=['even', 'uneven'])
@pytest.mark.parametrize('width', [1.0, 1.5, 3.0])
def test_typical_curvature_is_that_of_the_curves(steps, width) -> None:
    # Not at the peak itself but as far from it as slices lie apart, where it is less.
    assert 0.55 < typical_curvature(width, steps) * width ** 2 < 1.05


def test_noise_hardly_changes_the_typical_curvature() -> None:
    assert typical_curvature(1.5, EVEN, 40.0, 1.5) == pytest.approx(
        typical_curvature(1.5, EVEN), rel=0.2)


def test_a_typical_fall_is_unknown_where_nothing_stands_out_of_the_noise() -> None:
    assert fall_of(1.5, EVEN, 5.0, 2.0) is None
    assert fall_of(1.5, EVEN, 0.1) is None


def test_a_typical_fall_is_the_share_that_is_left_at_its_distance() -> None:
    share, square = fall_of(2.0, EVEN)
    assert square == pytest.approx(1, rel=1e-6)
    # Peaks lie up to half a step from the best slice.
    distances = np.linspace(-0.5, 0.5, 101)
    expected = fall_off(1 + distances, 2.0).mean() / fall_off(distances, 2.0).mean()
    assert share == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize('distance', [0.3, 1.0, 4.0])
def test_curvature_is_that_of_a_gaussian_at_any_distance(distance) -> None:
    assert curvature_of(float(np.exp(-0.5 * distance ** 2 / 2.5 ** 2)),
                        distance ** 2) == pytest.approx(1 / 2.5 ** 2)


def shift_between(left: float, right: float, best: float = 1.0, curvature: float = 0.5) -> float:
    """Return the peak found between three slices a step apart, without any noise."""
    one = np.ones((1, 1), np.float32)
    samples = [Sample(offset * one, signal * one, one > 0)
               for offset, signal in ((-1, left), (0, best), (1, right))]
    return float(fit_peak(samples, best * one, 0 * one, 0.0, curvature).shift[0, 0])


def test_without_noise_a_hundredth_of_a_grey_level_is_the_least_response() -> None:
    found = [shift_between(least, 0.014, best=0.02) for least in (-1, 0, 0.01, 0.0105)]
    assert found[0] == found[1] == pytest.approx(found[2])
    assert abs(found[3] - found[2]) > 0.01


def test_a_curve_that_does_not_bend_has_a_peak_within_its_reach() -> None:
    # Slope over seven curvatures: what bends less than 0.15 of the typical one is no peak.
    curvature = 0.5
    left, right = (2 - 2 / np.sqrt(ratio) for ratio in (1.0, 1.2))
    assert shift_between(1.0, 1.2, curvature=curvature) == pytest.approx(
        (right - left) / 2 / (0.15 * curvature), rel=0.12)


def told(best: float, noise: float, pixels: int) -> bool:
    row = np.full((1, pixels), best, np.float32)
    return typical_fall(row, [Sample(row, 0.5 * row, row > 0)],
                        np.full_like(row, noise)) is not None


def test_a_fall_is_told_by_two_hundred_pixels_far_above_noise_and_rounding() -> None:
    assert not told(40, 1.0, 199)
    assert told(40, 1.0, 200)
    for noise in (0.2, 1.0, 5.0):  # six scatters
        assert not told(5.5 * noise, noise, 400)
        assert told(6.5 * noise, noise, 400)
    assert not told(0.45, 0, 400)  # half a grey level
    assert told(0.55, 0, 400)


def said(curves: np.ndarray, true: np.ndarray, where: np.ndarray | None = None,
         floor: float = 1.0) -> float:
    """Return the root mean square error of peaks in what their variances say."""
    best = curves.argmax(axis=0)
    fit = fit_peak(samples_of(curves, EVEN, best, 1), curves.max(axis=0).astype(np.float32),
                   np.full(true.shape, floor, np.float32), 0.0, 1 / 1.5 ** 2)
    error = EVEN[best] + fit.shift - true
    where = np.ones(true.shape, bool) if where is None else where
    return float(np.sqrt(np.square(error[where]).mean() / fit.variance[where].mean()))


def test_responses_that_are_off_by_two_percent_err_by_what_the_variance_says() -> None:
    rng = np.random.default_rng(1)
    true = rng.uniform(2.5, 5.5, (60, 100))
    curves = 40 * fall_off(EVEN[:, None, None] - true, 1.5)
    assert 0.7 < said(curves * (1 + 0.02 * rng.standard_normal(curves.shape)), true) < 1.4


def test_at_an_end_it_says_that_curvatures_differ_by_three_tenths() -> None:
    rng = np.random.default_rng(1)
    true = rng.uniform(-0.4, 0.4, (80, 200))
    curvature = np.maximum(1 + 0.3 * rng.standard_normal(true.shape), 0.2)
    curves = 40 * fall_off(EVEN[:, None, None] - true, 1.5 / np.sqrt(curvature))
    assert 0.35 < said(curves, true, curves.argmax(axis=0) == 0) < 0.65


def test_a_twentieth_of_the_noise_floor_is_the_least_response() -> None:
    """So that a response below the floor, of which there is no square root, moves no peak far."""
    true = np.array([[4.2]])
    curves = np.zeros((9, 1, 1))
    found = []
    for beside in (-3.0, 0.0, 0.5, 0.55):
        curves[3:6, 0, 0] = beside, 2.0, 1.0
        found.append(said(curves, true, floor=10.0))
    assert found[0] == found[1] == pytest.approx(found[2], rel=0.02)
    assert found[3] != pytest.approx(found[2], rel=0.02)
