# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of peaks without a window beside those of one."""

from __future__ import annotations

from dataclasses import replace
from unittest import mock

import cv2
from focus_stacking_ros.core.depth import stages as stages_module
from focus_stacking_ros.core.depth.curves import PeakLayer
from focus_stacking_ros.core.depth.narrower import (
    bends_within,
    left_of_noise,
    narrow_share,
    noisier,
    with_narrower,
)
from focus_stacking_ros.core.depth.stages import StackPeaks
from focus_stacking_ros.core.focus.measure import focus_measure
import numpy as np
import pytest

SHAPE = (200, 240)
WIDTH = 2.0  # of the focus curve, in the coordinate
WINDOW = 3  # half-size pixels
NOISE = focus_measure('ring_difference').noise[1]
NOISIER = noisier(WINDOW, NOISE)
OVERLAP = 0.115


def peaks_of(coordinate: np.ndarray) -> StackPeaks:
    weight = np.full(SHAPE, 0.5, np.float32)
    layer = PeakLayer(coordinate.astype(np.float32), weight, 20 * weight)
    return StackPeaks([layer, replace(layer, weight=0.1 * weight)], WIDTH, WIDTH)


def rough(size: float) -> np.ndarray:
    bumps = cv2.GaussianBlur(np.random.default_rng(1).standard_normal(SHAPE), (0, 0), 3)
    return size / bumps.std() * bumps


def measured(truth: np.ndarray, error: float) -> tuple[StackPeaks, StackPeaks]:
    """Return the peaks of a window and those without one, of which it is the mean."""
    noise = np.random.default_rng(2).standard_normal(SHAPE)
    # Responses of neighbours overlap, so that a window lessens noise by less than its pixels.
    noise = cv2.sepFilter2D(noise, -1, *2 * [np.array([OVERLAP, 1, OVERLAP])])
    fine = truth + error * np.sqrt(NOISIER) / noise.std() * noise
    return peaks_of(cv2.blur(fine, (WINDOW, WINDOW))), peaks_of(fine)


def test_noise_is_as_much_less_in_a_window_as_responses_have_it() -> None:
    wide, fine = measured(np.zeros(SHAPE), 1.0)
    assert np.var(fine.own) / np.var(wide.own) == pytest.approx(NOISIER, rel=0.05)


def shares(wide: StackPeaks, fine: StackPeaks) -> np.ndarray:
    return narrow_share(wide.layers[0], fine.layers[0], WIDTH, WINDOW, NOISE)


def rms(error: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(error[8:-8, 8:-8]))))


@pytest.mark.parametrize(('error', 'most'), [(0.01, 1.0), (0.02, 0.85), (0.04, 0.95),
                                             (0.08, 1.005), (0.2, 1.005)])
def test_on_a_rough_surface_both_together_err_less_than_either(error: float, most: float
                                                               ) -> None:
    truth = rough(1.0)
    wide, fine = measured(truth, error)
    alone = min(rms(each.own - truth) for each in (wide, fine))
    assert rms(with_narrower(wide, fine, shares(wide, fine)).own - truth) < most * alone


@pytest.mark.parametrize('error', [0.02, 0.04, 0.08])
def test_the_share_is_nearly_that_of_least_error(error: float) -> None:
    truth = rough(1.0)
    wide, fine = measured(truth, error)
    errors = [rms((1 - share) * wide.own + share * fine.own - truth)
              for share in np.linspace(0, 1, 101)]
    assert errors[round(100 * float(shares(wide, fine).mean()))] < 1.04 * min(errors)


@pytest.mark.parametrize('truth', [np.zeros(SHAPE), np.add.outer(np.arange(200) * 0.3,
                                                                 np.arange(240) * 0.1)])
def test_on_a_plane_nothing_is_looked_for_twice(truth: np.ndarray) -> None:
    wide, fine = measured(truth, 0.2)
    assert not bends_within(wide, WINDOW, NOISE)
    assert shares(wide, fine)[8:-8, 8:-8].mean() < 0.03


def test_only_where_it_bends_narrow_peaks_count() -> None:
    truth = rough(1.0)
    truth[:, :120] = 0
    share = shares(*measured(truth, 0.02))
    assert share[20:-20, 20:100].mean() < 0.05
    assert share[20:-20, 140:-20].mean() > 0.35
    # Told of nine pixels around, it is a local matter, and told of fewer a matter of chance.
    assert share[20:-20, 111].mean() < 0.02
    assert share[20:-20, 20:100].std() < 0.02


def test_a_rough_surface_is_worth_a_second_look_with_a_window_only() -> None:
    wide = peaks_of(cv2.GaussianBlur(rough(1.0), (0, 0), 2))
    assert bends_within(wide, WINDOW, NOISE)
    assert not bends_within(wide, 1, NOISE)


def test_the_second_look_has_to_be_worth_its_time() -> None:
    answers = set()
    for bend in (0.3, 1.0, 1.15, 4.0):
        with mock.patch.object(stages_module, 'bending', return_value=bend):
            answer = bends_within(peaks_of(np.zeros(SHAPE)), WINDOW, NOISE)
        before = 1 + bend
        after = min((1 - share) ** 2 * before + share ** 2 * NOISIER + 2 * share * (1 - share)
                    for share in np.linspace(0, 1, 1001))
        assert answer == (1 - after / before > 0.1)
        answers.add(answer)
    assert answers == {False, True}


@pytest.mark.parametrize(('near', 'far', 'alike'), [(4.0, 5.5, False), (7.0, 700.0, True)])
def test_a_peak_gone_astray_by_three_widths_counts_no_more_if_farther(
        near: float, far: float, alike: bool) -> None:
    found = []
    for off in (near, far):
        wide, fine = measured(rough(1.0), 0.02)
        fine.layers[0].coordinate[100, 120] = wide.layers[0].coordinate[100, 120] + off
        fine.layers[0].weight[100, 120] = 0.001
        found.append(shares(wide, fine))
    assert (np.abs(found[0] - found[1]).max() < 1e-5) == alike


def test_stray_narrow_peaks_hardly_move_a_pixels_own() -> None:
    wide, fine = peaks_of(np.full(SHAPE, 5.0)), peaks_of(np.full(SHAPE, 5.0))
    fine.layers[0].coordinate[::2] = 5.4
    fine.layers[0].coordinate[1::2] = 35
    own = with_narrower(wide, fine, np.full(SHAPE, 0.5, np.float32)).own
    np.testing.assert_allclose(own[::2], 5 + 0.4 / (2 + 0.2 ** 2), atol=1e-3)
    assert own[1::2].max() < 5.2


def test_both_lie_in_the_surface_and_share_their_weight() -> None:
    wide, fine = peaks_of(np.full(SHAPE, 5.0)), peaks_of(np.full(SHAPE, 6.0))
    layers = with_narrower(wide, fine, np.full(SHAPE, 0.25, np.float32)).layers
    assert [round(float(layer.weight[0, 0]), 4) for layer in layers] == [0.375, 0.125, 0.05]
    assert [float(layer.coordinate[0, 0]) for layer in layers] == [5, 6, 5]


def test_a_second_mean_takes_that_much_of_the_noise_away() -> None:
    once = measured(np.zeros(SHAPE), 1.0)[0].own
    left = np.var(once - cv2.blur(once, (WINDOW, WINDOW))) / np.var(once)
    assert left_of_noise(WINDOW, NOISE) == pytest.approx(left, rel=0.05)
