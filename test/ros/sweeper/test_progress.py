# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of what is told of a sweep: numbers as in the action, progress, and the time it takes."""

from __future__ import annotations

from enum import IntEnum
import math
from pathlib import Path
from types import SimpleNamespace

from focus_stacking_ros.ros.sweeper.outcome import Outcome, Phase, StackFate, Tag
from focus_stacking_ros.ros.sweeper.progress import Pace, SweepProgress
import pytest


@pytest.mark.parametrize(('kind', 'part', 'prefix'), [
    (Outcome, 'Result', 'OUTCOME'), (StackFate, 'Result', 'STACK'),
    (Phase, 'Feedback', 'PHASE')])
def test_the_numbers_are_those_of_the_action(kind: type[IntEnum], part: str, prefix: str,
                                             interfaces: Path) -> None:
    from focus_stacking_interfaces.action import Sweep

    message = type(getattr(Sweep, part))
    said = {name.removeprefix(f'{prefix}_'): getattr(getattr(Sweep, part), name)
            for name in dir(message) if name.startswith(f'{prefix}_')}
    said.pop('UNKNOWN', None) if kind is Outcome else None
    assert {each.name: each.value for each in kind} == said


def tag(second: int) -> Tag:
    return Tag(SimpleNamespace(stamp=SimpleNamespace(sec=second, nanosec=5)), 0.1, 'metres')


class _Made:
    """A sweep of four positions, one a second, that takes three to fuse; looked at on the way."""

    def __init__(self, pace: Pace) -> None:
        self.now, self.told = 100.0, 0
        self.left: list[float] = []
        self.progress = SweepProgress(self._changed, pace, lambda: self.now)
        self.progress.planned(4)
        self.left.append(self.progress.seconds_left())
        self.progress.entered(Phase.PREPARING)
        self.now += 7
        for second in range(4):
            self.progress.entered(Phase.MOVING)
            self.progress.entered(Phase.MOVING)
            self.now += 0.5
            self.progress.entered(Phase.EXPOSING)
            self.left.append(self.progress.seconds_left())
            self.now += 0.5
            self.progress.exposed(tag(second))
        self.progress.entered(Phase.FUSING)
        self.left.append(self.progress.seconds_left())
        self.now += 3
        self.left.append(self.progress.seconds_left())
        self.progress.reported({'frames': []})

    def _changed(self) -> None:
        self.told += 1


def test_the_time_left_comes_from_this_sweep_and_the_one_before() -> None:
    pace = Pace()
    made = _Made(pace)
    assert made.told == 1 + 4 * 3 + 1
    assert made.progress.stamps == {(second, 5) for second in range(4)}
    assert (made.progress.done, made.progress.positions) == (4, 4)
    assert made.progress.report == {'frames': []}
    # Before the first exposure nothing is known, and before the first result not how long fusing
    # takes.
    assert made.left[2:5] == [2.5, 1.5, 0.5]
    assert all(math.isnan(made.left[number]) for number in (0, 1, 5, 6))
    assert (pace.position, pace.fusing) == (1.0, 3.0)
    assert _Made(pace).left == [7.0, 6.5, 5.5, 4.5, 3.5, 3.0, 0.0]


def test_nobody_knows_how_long_it_takes_to_give_up() -> None:
    pace = Pace()
    progress = _Made(pace).progress
    progress.entered(Phase.ENDING)
    assert math.isnan(progress.seconds_left())
    progress.reported({})  # tells nothing of how long fusing takes
    assert pace.fusing == 3.0
