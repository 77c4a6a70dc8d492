# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of the running state of a stack."""

from __future__ import annotations

from dataclasses import fields

from focus_stacking_ros.backends.opencv import OpenCVBackend
from focus_stacking_ros.core.focus.state import NO_SLICE, StackState, WIDE_NO_SLICE
from focus_stacking_ros.core.slices import NARROW_SLICES
import numpy as np


def accumulated(responses: list[np.ndarray]) -> StackState:
    state = StackState.empty(responses[0].shape)
    for response in responses:
        OpenCVBackend().accumulate(state, response, 1)
    return state


def test_empty_state_knows_of_no_slice() -> None:
    state = StackState.empty((3, 5))
    for name in ('best', 'left', 'right', 'previous', 'detail'):
        plane = getattr(state, name)
        assert plane.dtype == np.int16
        assert (plane == -1).all()
    assert (state.index == NO_SLICE).all()
    assert (state.total == 0).all()
    assert (state.count == 0).all()
    assert state.slices == 0
    assert {getattr(state, item.name).shape for item in fields(state)
            if item.name != 'slices'} == {(3, 5)}


def test_planes_of_an_empty_state_are_not_shared() -> None:
    state = StackState.empty((2, 2))
    state.best[0, 0] = 7
    others = state.left, state.right, state.previous, state.detail
    assert [plane[0, 0] for plane in others] == [-1] * 4


def test_every_slice_number_differs_from_none() -> None:
    assert NARROW_SLICES - 1 < NO_SLICE <= np.iinfo(np.uint8).max


def test_reversed_state_is_the_state_of_the_reversed_sweep() -> None:
    rng = np.random.default_rng(0)
    # Distinct responses: a tie goes to the earlier slice, whichever the direction.
    order = rng.permuted(np.tile(np.arange(5), (6 * 7, 1)), axis=1).T.reshape(5, 6, 7)
    responses = [(100 * plane + 3).astype(np.int16) for plane in order]
    forward, backward = accumulated(responses), accumulated(responses[::-1])
    for name in ('best', 'left', 'right', 'detail', 'index', 'total', 'count'):
        np.testing.assert_array_equal(getattr(forward.in_reverse(), name), getattr(backward, name))
    assert (forward.index != backward.index).any()


def test_reversed_keeps_none_and_reaches_the_last_number() -> None:
    for slices in (10, NARROW_SLICES):
        state = StackState.empty((1, 3))
        state.slices = slices
        state.index[:] = [[NO_SLICE, 0, slices - 1]]
        np.testing.assert_array_equal(state.in_reverse().index, [[NO_SLICE, slices - 1, 0]])


def test_a_state_makes_room_for_more_slices_than_a_byte_numbers() -> None:
    state = StackState.empty((1, 3))
    state.index[:] = [[NO_SLICE, 0, NARROW_SLICES - 1]]
    state.slices = NARROW_SLICES - 1
    state.make_room()
    assert not state.is_wide
    state.slices = NARROW_SLICES
    state.count[:] = NARROW_SLICES
    state.make_room()
    assert state.is_wide
    assert state.none == WIDE_NO_SLICE
    np.testing.assert_array_equal(state.index, [[WIDE_NO_SLICE, 0, NARROW_SLICES - 1]])
    assert (state.count == NARROW_SLICES).all()
    state.slices = 300
    np.testing.assert_array_equal(state.in_reverse().index,
                                  [[WIDE_NO_SLICE, 299, 300 - NARROW_SLICES]])
