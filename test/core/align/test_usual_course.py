# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of what the sharp slices of a stack say about the blurred ones."""

from __future__ import annotations

from focus_stacking_ros.core.align.joint_solution import changed, fitted_changes, frame_of, PairFit
from focus_stacking_ros.core.align.usual_course import log_scale, usual_course
import numpy as np

SHAPE, SLICES, MIDDLE = (240, 320), 12, 6
UNIT = frame_of(SHAPE)[1]
FOCUS = np.linspace(4.2, 3.8, SLICES)
BLURRED = np.maximum(np.abs(np.arange(SLICES) - MIDDLE) - 2, 0)


def truth(turning: bool = False, uneven: float = 0.0) -> np.ndarray:
    """Return (n, 4) pixels: a lens that breathes by 4 %, a shaken camera."""
    rng = np.random.default_rng(3)
    places = np.zeros((SLICES, 4))
    places[:, :2] = rng.normal(0, 2, (SLICES, 2))
    places[:, 2] = UNIT * np.log1p(0.04 * np.linspace(0, 1, SLICES)) + uneven * rng.normal(
        0, 1, SLICES)
    places[:, 3] = turning * rng.normal(0, 2, SLICES)
    return places - places[0]


def found(places: np.ndarray, bias: float) -> np.ndarray:
    """Return (n, 4) where slices end up whose comparisons are biased where they are blurred."""
    pairs = []
    for first in range(SLICES):
        for second in (first + 1, first + 2):
            if second < SLICES:
                blur = max(BLURRED[first], BLURRED[second])
                step = places[second] - places[first]
                step += np.array([0, 0, -bias * blur, bias * blur])
                information = np.eye(4) / (0.02 + 0.1 * blur) ** 2
                pairs.append(PairFit(first, second, step, information))
    start = [np.eye(3)] * SLICES
    frame = frame_of(SHAPE)
    changes, normal = fitted_changes(pairs, start, 'similarity', SHAPE, first=MIDDLE)
    course = usual_course(changed(start, changes, 'similarity', SHAPE), normal, 'similarity',
                          frame, FOCUS, MIDDLE)
    course = type(course)(course.change + changes, course.certainty)
    changes, _ = fitted_changes(pairs, start, 'similarity', SHAPE, course, MIDDLE)
    result = changed(start, changes, 'similarity', SHAPE)
    scale = UNIT * np.array([log_scale(each) for each in result])
    turn = UNIT * np.array([np.arctan2(each[1, 0], each[0, 0]) for each in result])
    return np.stack([scale - scale[MIDDLE], turn - turn[MIDDLE]], axis=1)


def test_a_bias_of_blurred_slices_is_no_magnification_and_no_rotation() -> None:
    places = truth()
    wrong = found(places, 0.1) - (places - places[MIDDLE])[:, 2:]
    # Their comparisons alone are off by 2 pixels at the first slice.
    assert np.abs(wrong).max() < 0.25


def test_slices_that_turn_are_not_straightened() -> None:
    places = truth(turning=True)
    wrong = found(places, 0.0) - (places - places[MIDDLE])[:, 2:]
    assert np.abs(wrong[:, 1]).max() < 0.1


def test_magnifications_that_are_not_smooth_in_the_focus_stay_as_found() -> None:
    places = truth(uneven=2.0)
    wrong = found(places, 0.0) - (places - places[MIDDLE])[:, 2:]
    # Comparisons of the last are but sure to half a pixel.
    assert np.abs(wrong[:, 0]).max() < 0.15


def test_a_slice_that_tells_nothing_hides_none_beyond_it() -> None:
    places = truth()
    pairs = [PairFit(first, first + back, places[first + back] - places[first], 2500 * np.eye(4))
             for first in range(SLICES) for back in (1, 2)
             if first + back < SLICES and 4 not in (first, first + back)]
    changes, normal = fitted_changes(pairs, [np.eye(3)] * SLICES, 'similarity', SHAPE, first=8)
    course = usual_course(changed([np.eye(3)] * SLICES, changes, 'similarity', SHAPE), normal,
                          'similarity', frame_of(SHAPE), FOCUS, 8)
    others = np.arange(SLICES) != 4
    assert np.abs(course.change[others, 2] - course.change[8, 2]).max() < 0.05
    np.testing.assert_array_less(0, course.certainty)
