# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the OpenCV backend, bit for bit against a plain model of the state's update."""

from __future__ import annotations

from dataclasses import fields

from focus_stacking_ros.backends import OpenCVBackend
from focus_stacking_ros.core.align.warping import reduced, valid_mask
from focus_stacking_ros.core.focus.measure import (
    averaged,
    FOCUS_MEASURES,
    focus_response,
    luma,
    RESPONSE_LIMIT,
)
from focus_stacking_ros.core.focus.state import NO_SLICE, StackState
import numpy as np
import pytest

SHAPE = (13, 17)
PLANES = ('best', 'left', 'right', 'previous', 'detail', 'index', 'total', 'count')


def model(responses: list[np.ndarray], details: list[np.ndarray] | None = None) -> StackState:
    """
    State of a stack pixel by pixel, from its definition and knowing all slices at once.

    :param responses: one per slice in the state's grid, -1 where the slice has no data
    :param details: the same before they were averaged, where they were
    """
    stack = np.stack(responses).astype(int)
    state = StackState.empty(stack.shape[1:])
    state.slices = len(stack)
    state.previous[:] = stack[-1]
    for y, x in np.ndindex(stack.shape[1:]):
        curve = stack[:, y, x]
        there = curve[curve >= 0]
        state.count[y, x], state.total[y, x] = len(there), there.sum()
        if len(there):
            k = int(curve.argmax())  # the first of equals
            state.best[y, x], state.index[y, x] = curve[k], k
            state.left[y, x] = curve[k - 1] if k > 0 else -1
            state.right[y, x] = curve[k + 1] if k + 1 < len(curve) else -1
            state.detail[y, x] = (responses if details is None else details)[k][y, x]
    return state


def accumulated(responses: list[np.ndarray], window: int = 1) -> StackState:
    state, backend = StackState.empty(responses[0].shape), OpenCVBackend()
    for response in responses:
        backend.accumulate(state, response, window)
    return state


def aligned(responses: list[np.ndarray], transforms: list[np.ndarray]) -> list[np.ndarray]:
    return [OpenCVBackend().align(response, transform, 1.0)
            for response, transform in zip(responses, transforms, strict=True)]


def assert_equal(found: StackState, expected: StackState) -> None:
    assert found.slices == expected.slices
    for name in PLANES:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), name)


def moved(x: float, y: float, scale: float = 1.0) -> np.ndarray:
    """Return a transform at full size; x and y are half-size pixels."""
    return np.array([[scale, 0, 2 * x], [0, scale, 2 * y], [0, 0, 1.0]])


def test_model_covers_every_plane_of_the_state() -> None:
    assert set(PLANES) | {'slices'} == {item.name for item in fields(StackState)}


@pytest.mark.parametrize('slices', [1, 2, 3, 8])
@pytest.mark.parametrize('highest', [32767, 3])  # 3: many ties
def test_state_is_the_models(slices, highest) -> None:
    rng = np.random.default_rng(slices)
    responses = [rng.integers(0, highest + 1, SHAPE).astype(np.int16) for _ in range(slices)]
    assert_equal(accumulated(responses), model(responses))


def test_zero_is_a_response_and_no_data_is_not() -> None:
    responses = [np.zeros(SHAPE, np.int16)] * 3
    state = accumulated(responses)
    assert_equal(state, model(responses))
    assert (state.index == 0).all()
    assert (state.right == 0).all()


@pytest.mark.parametrize('highest', [30000, 2])
def test_pixels_outside_a_slice_count_as_no_data(highest) -> None:
    rng = np.random.default_rng(1)
    # Whole-pixel shifts: no interpolation, so the expected values are the slices' own.
    shifts = [(0, 0), (3, 0), (0, -2), (-4, 1), (20, 0), (1, 1), (-1, -1)]
    responses = [rng.integers(0, highest + 1, SHAPE).astype(np.int16) for _ in shifts]
    expected = []
    for response, (dx, dy) in zip(responses, shifts, strict=True):
        here = np.full(SHAPE, -1, np.int16)
        for y, x in np.ndindex(*SHAPE):
            if 0 <= x + dx < SHAPE[1] and 0 <= y + dy < SHAPE[0]:
                here[y, x] = response[y + dy, x + dx]
        expected.append(here)
    found = accumulated(aligned(responses, [moved(*shift) for shift in shifts]))
    assert_equal(found, model(expected))
    assert (found.count < len(shifts)).any()


def test_a_pixel_that_no_slice_shows_has_no_index() -> None:
    state = accumulated(aligned([np.full(SHAPE, 9, np.int16)] * 2, [moved(5, 0)] * 2))
    assert (state.index[:, -5:] == NO_SLICE).all()
    assert (state.best[:, -5:] == -1).all()
    assert (state.count[:, -5:] == 0).all()
    assert (state.index[:, :-5] == 0).all()


def test_a_slice_that_comes_into_view_late_can_win() -> None:
    responses = [np.full(SHAPE, value, np.int16) for value in (5, 7, 6)]
    transforms = [moved(4, 0), moved(0, 0), moved(0, 0)]
    state = accumulated(aligned(responses, transforms))
    assert (state.index == 1).all()
    assert (state.left[:, -4:] == -1).all()
    assert (state.left[:, :-4] == 5).all()
    assert (state.right == 6).all()


def test_responses_are_warped_and_multiplied_by_the_gain() -> None:
    y, x = np.indices(SHAPE)
    for transform, gain in ((moved(0, 0), 1.0), (moved(0.3, -0.6, 1.02), 1.1),
                            (moved(-0.5, 0.25, 0.97), 0.9), (moved(0, 0), 1.6)):
        half = reduced(transform, 2)
        column, row = half[0, 0] * x + half[0, 2], half[1, 1] * y + half[1, 2]
        # Of a plane, bilinear interpolation is exact but for the 1/64 pixel of its positions.
        exact = np.minimum((500 * column + 400 * row + 30) * gain, RESPONSE_LIMIT)
        found = OpenCVBackend().align((500 * x + 400 * y + 30).astype(np.int16), transform, gain)
        assert found.dtype == np.int16
        inside = valid_mask(SHAPE, half, 1 / 64)
        inside = np.full(SHAPE, True) if inside is None else inside > 0
        assert inside.sum() > 150
        assert np.abs(found - exact)[inside].max() <= (500 + 400) / 64 * gain + 1
    assert found.max() == RESPONSE_LIMIT


def test_aligning_leads_from_result_to_slice_about_the_centres_of_full_size_pixels() -> None:
    y, x = np.indices(SHAPE)
    ramp = (1000 + 16 * x + 320 * y).astype(np.int16)
    # Full-size pixels 2 i and 2 i + 1 are pixel i: its centre is at 2 i + 0.5.
    transform = np.array([[1.02, 0, 3.0], [0, 0.98, 1.0], [0, 0, 1.0]])
    there_x = (1.02 * (2 * x + 0.5) + 3.0 - 0.5) / 2
    there_y = (0.98 * (2 * y + 0.5) + 1.0 - 0.5) / 2
    found = OpenCVBackend().align(ramp, transform, 1.0)
    seen = (there_x <= SHAPE[1] - 1) & (there_y <= SHAPE[0] - 1) & (there_x >= 0) & (there_y >= 0)
    np.testing.assert_array_equal(found >= 0, seen)
    difference = found - (1000 + 16 * there_x + 320 * there_y)
    assert np.abs(difference[seen]).max() < 320 / 32 + 2  # weights of 1/32 pixel


@pytest.mark.parametrize('window', [3, 5])
def test_state_is_that_of_averaged_responses_and_keeps_the_best_ones_own(window) -> None:
    rng = np.random.default_rng(6)
    responses = [rng.integers(0, 20000, SHAPE).astype(np.int16) for _ in range(5)]
    responses[1][:, :4] = responses[3][5:] = -1
    state = accumulated(responses, window)
    assert_equal(state, model([averaged(each, window)[0] for each in responses], responses))
    assert (state.detail != state.best).mean() > 0.9
    assert (state.count[5:, :4] == 3).all()


def test_255_slices_are_told_apart() -> None:
    rng = np.random.default_rng(3)
    responses = [rng.integers(0, 32768, (4, 5)).astype(np.int16) for _ in range(255)]
    responses[254][0, 0] = 32767
    for response in responses[:254]:
        response[0, 0] = 5
    state = accumulated(responses)
    assert_equal(state, model(responses))
    assert state.index[0, 0] == 254
    assert (state.count == 255).all()


def test_responses_are_not_written_to_or_kept() -> None:
    rng = np.random.default_rng(4)
    responses = [rng.integers(0, 100, SHAPE).astype(np.int16) for _ in range(3)]
    copies = [response.copy() for response in responses]
    state, backend = StackState.empty(SHAPE), OpenCVBackend()
    for response, copy in zip(responses, copies, strict=True):
        response.flags.writeable = False
        backend.accumulate(state, response, 3)
        np.testing.assert_array_equal(response, copy)
        response.flags.writeable = True
        response[:] = 0  # as a backend that reuses its buffers would
    assert_equal(state, model([averaged(copy, 3)[0] for copy in copies], copies))


@pytest.mark.parametrize('operator', FOCUS_MEASURES)
def test_measure_is_the_focus_response(operator) -> None:
    image = np.random.default_rng(5).integers(0, 255, (20, 30, 3)).astype(np.uint8)
    grey = luma(image)
    np.testing.assert_array_equal(OpenCVBackend().measure(image, grey, operator),
                                  focus_response(image, grey, operator))
