# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the peaks that the running state tells, against those of the whole stack."""

from __future__ import annotations

from focus_stacking_ros.backends.opencv import OpenCVBackend
from focus_stacking_ros.core.depth.curves import PeakLayer
from focus_stacking_ros.core.depth.state_peaks import StatePeaks
from focus_stacking_ros.core.depth.volume import FocusVolume
from focus_stacking_ros.core.focus.measure import FOCUS_MEASURES
from focus_stacking_ros.core.focus.state import StackState
from helpers.curves import no_glow, responses_of
import numpy as np
import pytest

SHAPE = (70, 90)
EVEN = np.arange(9, dtype=np.float32)
UNEVEN = np.array([0, 0.7, 2.0, 2.9, 4.1, 5.5, 6.1, 7.2, 8.0], np.float32)
TILTED = np.tile(np.linspace(0.5, 7.5, SHAPE[1]), (SHAPE[0], 1))
NOISE = FOCUS_MEASURES['ring_difference'].noise[1]
FLOOR = np.full(SHAPE, 2.0, np.float32)


def state_of(responses: np.ndarray, window: int = 3) -> StackState:
    state = StackState.empty(responses.shape[1:])
    for response in responses:
        OpenCVBackend().accumulate(state, response, window)
    return state


def layer_of_state(responses: np.ndarray, steps: np.ndarray) -> PeakLayer:
    return StatePeaks(state_of(responses), steps, FLOOR, 3, NOISE).layer(no_glow)


@pytest.mark.parametrize('steps', [EVEN, UNEVEN], ids=['even', 'uneven'])
def test_clean_narrow_curves_give_what_the_whole_stack_gives(steps) -> None:
    responses = responses_of(TILTED, steps, 1.0)
    found = layer_of_state(responses, steps)
    whole = next(FocusVolume(responses, steps, FLOOR, 3, NOISE).layers(no_glow))
    np.testing.assert_allclose(found.coordinate, whole.coordinate, atol=0.05)
    np.testing.assert_allclose(found.significance, whole.significance, rtol=0.06)
    # Where two slices are equally near, the whole stack has one more slice beside them.
    assert (np.abs(found.weight - whole.weight) > 0.02).mean() < 0.05


@pytest.mark.parametrize('steps', [EVEN, UNEVEN], ids=['even', 'uneven'])
def test_clean_curves_peak_where_they_are_made_to(steps) -> None:
    found = layer_of_state(responses_of(TILTED, steps), steps)
    assert np.abs(found.coordinate - TILTED)[:, 2:-2].max() < 0.05
    assert found.weight.min() > 0.05
    assert {plane.dtype for plane in (found.coordinate, found.weight, found.significance)} == {
        np.dtype(np.float32)}


@pytest.mark.parametrize('width', [1.0, 2.0, 4.0])
def test_width_of_the_curves_is_found(width) -> None:
    state = state_of(responses_of(TILTED, EVEN, width))
    assert StatePeaks(state, EVEN, FLOOR, 3, NOISE).width == pytest.approx(width, rel=0.35)


def test_a_state_in_reverse_has_the_mirrored_peaks() -> None:
    responses = responses_of(TILTED, EVEN)
    forward = layer_of_state(responses, EVEN)
    backward = StatePeaks(
        state_of(responses[::-1]).in_reverse(), EVEN, FLOOR, 3, NOISE).layer(no_glow)
    np.testing.assert_allclose(forward.coordinate, backward.coordinate, atol=1e-3)
    np.testing.assert_allclose(forward.weight, backward.weight, atol=1e-3)


def test_a_flat_curve_has_no_weight_however_high_it_is() -> None:
    for height in (2, 20, 200):
        found = layer_of_state(responses_of(TILTED, EVEN, 100.0, height=height), EVEN)
        assert found.weight.max() < 0.005


def test_noise_alone_and_no_data_have_no_weight() -> None:
    noise = layer_of_state(responses_of(TILTED, EVEN, height=0.0, scatter=0.37), EVEN)
    assert noise.weight.mean() < 0.01
    nothing = layer_of_state(np.full((9, *SHAPE), -1, np.int16), EVEN)
    assert (nothing.weight == 0).all()
    assert np.isfinite(nothing.coordinate).all()


def test_pixels_that_one_slice_does_not_show_have_no_weight() -> None:
    responses = responses_of(TILTED, EVEN)
    responses[0, :, :10] = -1
    found = layer_of_state(responses, EVEN)
    assert (found.weight[:, :10] == 0).all()
    assert found.weight[:, 11:].min() > 0.05


def test_texture_of_the_neighbours_alone_has_no_weight() -> None:
    height = np.zeros(SHAPE)
    height[:, :45] = 40
    found = layer_of_state(responses_of(np.full(SHAPE, 4.0), EVEN, height=height), EVEN)
    assert found.weight[:, :43].min() > 0.1
    assert found.weight[:, 45:].max() < 0.01


def test_a_change_of_brightness_takes_the_weight() -> None:
    def glow(number: np.ndarray, rows: slice) -> np.ndarray:
        return np.full(number.shape, 60, np.float32)
    state = state_of(responses_of(TILTED, EVEN, height=10))
    assert StatePeaks(state, EVEN, FLOOR, 3, NOISE).layer(glow).weight.max() < 0.01
    assert StatePeaks(state, EVEN, FLOOR, 3, NOISE).layer(no_glow).weight.min() > 0.05
