# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the bins of fine sweeps."""

from __future__ import annotations

from focus_stacking_ros.core.depth.binning import bins_of, mean_of
from focus_stacking_ros.core.depth.curves import PeakLayer
from focus_stacking_ros.core.depth.stages import StackPeaks
from focus_stacking_ros.core.focus.measure import focus_measure
import numpy as np
import pytest

EVEN = np.arange(60, dtype=np.float32)


@pytest.mark.parametrize(('span', 'size'), [
    (3.0, 1), (7.9, 1), (8.1, 2), (11.9, 2), (12.1, 3), (16.1, 4), (20.1, 5), (24.1, 6),
    (100.0, 6)])
def test_a_bin_is_a_quarter_of_the_curve_wide_and_ten_are_left(span, size) -> None:
    bins = bins_of(EVEN, span)
    assert {len(each) for each in bins.places} == {size}
    assert [number for each in bins.places for number in each] == list(range(60))


@pytest.mark.parametrize('count', [20, 23, 41, 59, 100])
@pytest.mark.parametrize('span', [8.5, 13.0, 30.0])
def test_every_slice_is_in_one_bin(count, span) -> None:
    bins = bins_of(np.arange(count, dtype=np.float32), span)
    assert [number for each in bins.places for number in each] == list(range(count))
    sizes = [len(each) for each in bins.places]
    assert max(sizes) <= min(sizes) + 1
    assert bins.steps[0] == 0
    assert bins.steps[-1] == pytest.approx(len(sizes) - 1)


@pytest.mark.parametrize(('gap', 'size'), [(3.0, 4), (6.0, 3), (9.0, 1)])
def test_no_bin_is_wider_than_half_the_curve(gap, size) -> None:
    steps = np.cumsum(np.r_[0, np.where(np.arange(59) == 30, gap, 1)])
    steps = np.float32(steps * 59 / steps[-1])
    bins = bins_of(steps, 16.5)
    assert max(map(len, bins.places)) == size


def test_where_steps_are_coarse_all_is_that_of_the_slices() -> None:
    steps = np.float32([1, 2, 3.5, 7, 9])
    bins = bins_of(steps, 1.5)
    assert [list(each) for each in bins.places] == [[0], [1], [2], [3], [4]]
    np.testing.assert_array_equal(bins.steps, steps)
    peaks = StackPeaks([PeakLayer(*(steps[None] for _ in range(3)))], 2.0, 3.0)
    assert bins.of_slices(peaks) is peaks
    noise = focus_measure('ring_difference').noise[1]
    assert bins.noise(noise) == noise


def test_peaks_of_bins_are_where_their_slices_are() -> None:
    steps = np.float32(59 * (np.arange(60) / 59) ** 1.2)
    bins = bins_of(steps, 12.5)
    plane = bins.steps[None]
    found = bins.of_slices(StackPeaks(
        [PeakLayer(plane, plane, plane)], 2.0, 3.0, joined=plane))
    middles = [steps[each.start:each.stop].mean() for each in bins.places]
    np.testing.assert_allclose(found.layers[0].coordinate[0], middles, atol=1e-3)
    np.testing.assert_allclose(found.own[0], middles, atol=1e-3)
    np.testing.assert_array_equal(found.layers[0].weight, plane)
    distance = (middles[-1] - middles[0]) / (len(middles) - 1)
    np.testing.assert_allclose([found.width, found.span], [2 * distance, 3 * distance])


def test_noise_falls_with_the_number_of_slices() -> None:
    noise, rng = focus_measure('ring_difference').noise[1], np.random.default_rng(0)
    bins = bins_of(EVEN, 16.5)
    responses = [np.int16(rng.normal(400, 160, (200, 200)).clip(0)) for _ in range(4)]
    measured = mean_of(responses).std() / responses[0].std()
    assert bins.noise(noise).scatter / noise.scatter == pytest.approx(measured, rel=0.03)
    assert bins.noise(noise).mean == noise.mean


@pytest.mark.parametrize('count', [1, 2, 3, 5])
def test_the_mean_is_there_where_all_slices_have_data(count) -> None:
    rng = np.random.default_rng(count)
    responses = [rng.integers(-1, 32767, (30, 41), dtype=np.int16) for _ in range(count)]
    responses[-1][:10] = -1
    stack = np.stack(responses)
    seen = stack.min(axis=0) >= 0
    mean = mean_of(responses)
    assert mean.dtype == np.int16
    assert (mean[~seen] == -1).all()
    np.testing.assert_allclose(mean[seen], stack.mean(axis=0)[seen], atol=0.51)
