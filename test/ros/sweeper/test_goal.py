# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of goals: what they change, and those that no sweep can be made of."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

from focus_stacking_ros.ros.sweeper.goal import GoalError, ordered
from focus_stacking_ros.ros.sweeper.options import SweepOptions
import pytest

OPTIONS = SweepOptions(sweep_near=0.2, sweep_far=0.3, sweep_count=5, lens_f_number=2.8,
                       lens_focal_length=0.025, camera_pixel_size=3.5e-6)


def goal(*, unit: int = 0, range_: int = 0, **given: Any) -> SimpleNamespace:
    lists = {name: given[name] if isinstance(given.get(name), list) else [given[name]]
             for name in given}
    return SimpleNamespace(**{'near': [], 'far': [], 'count': [], 'step': [], **lists}, unit=unit,
                           range=range_)


def test_an_empty_goal_changes_nothing() -> None:
    assert ordered(goal(), OPTIONS) is OPTIONS


@pytest.mark.parametrize(('given', 'expected'), [
    ({'near': 0.25}, (0.25, 0.3, 5)),
    ({'far': 0.25}, (0.2, 0.25, 5)),
    ({'near': 0.21, 'far': 0.22, 'count': 3}, (0.21, 0.22, 3)),
    ({'count': 2}, (0.2, 0.3, 2)),
])
def test_what_a_goal_gives_takes_the_place_of_the_parameters(
        given: dict[str, Any], expected: tuple[float, float, int]) -> None:
    near, far, count = expected
    positions = ordered(goal(**given), OPTIONS).positions()
    assert (positions[0], positions[-1], len(positions)) == (near, far, count)


def test_the_number_follows_from_a_step() -> None:
    long, short = (len(ordered(goal(step=step), OPTIONS).positions()) for step in (2.0, 0.5))
    assert short - 1 == pytest.approx(4 * (long - 1), abs=3)


def test_a_goal_takes_the_place_of_a_list_of_positions() -> None:
    options = SweepOptions(sweep_positions=(0.1, 0.11, 0.12))
    assert ordered(goal(), options).positions() == (0.1, 0.11, 0.12)
    assert ordered(goal(near=0.2, far=0.3, count=2), options).positions() == (0.2, 0.3)


def test_the_unit_may_be_given_and_has_to_be_that_of_the_sweeper() -> None:
    assert ordered(goal(unit=1), OPTIONS) is OPTIONS
    assert ordered(goal(unit=3), SweepOptions(focus_unit='dioptres')).focus_unit == 'dioptres'


@pytest.mark.parametrize(('given', 'words'), [
    ({'near': math.nan}, 'near of the goal is nan'),
    ({'far': math.inf}, 'far of the goal is inf'),
    ({'step': math.nan}, 'step of the goal is nan'),
    ({'step': 0.0}, 'sweep.step'),
    ({'step': -1.0}, 'sweep.step'),
    ({'count': 0}, 'a count of 0; a stack takes at least 2'),
    ({'count': 1}, 'a count of 1; a stack takes at least 2'),
    ({'count': 256}, 'sweep.count'),
    ({'count': 3, 'step': 0.5}, 'a count, 3, and a step, 0.5; give one'),
    ({'near': [0.1, 0.2]}, 'near of the goal holds 2 values'),
    ({'near': 1e10}, 'sweep.near'),
    ({'range_': 1}, 'there is no travel to look through'),
    ({'range_': 1, 'near': 0.3, 'far': 0.2}, 'make no travel'),
    ({'range_': 1, 'near': 0.1, 'far': 0.2, 'count': 3}, 'its range is to be found'),
    ({'range_': 2}, 'a range of 2'),
    ({'unit': 2}, 'the goal is in millimetres, and the sweeper in metres'),
    ({'unit': 9}, 'the goal is in 9'),
])
def test_an_impossible_goal_is_told(given: dict[str, Any], words: str) -> None:
    with pytest.raises(GoalError, match=words):
        ordered(goal(**given), OPTIONS)


def test_a_range_that_is_to_be_found_has_a_travel() -> None:
    assert ordered(goal(range_=1, near=0.1, far=0.4), OPTIONS).travel() == (0.1, 0.4)
    table = SweepOptions(lens_unit='table', lens_table='100: 0.4, 300: 0.1')
    assert ordered(goal(range_=1), table).travel() == (0.1, 0.4)


@pytest.mark.parametrize('given', [{'near': 0.1}, {'far': 0.1}, {'count': 3}, {'step': 0.5}])
def test_a_list_of_positions_is_not_changed_in_part(given: dict[str, float]) -> None:
    with pytest.raises(GoalError, match='gives both near and far'):
        ordered(goal(**given), SweepOptions(sweep_positions=(0.1, 0.11, 0.12)))
