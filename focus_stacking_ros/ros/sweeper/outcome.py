# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What may become of a sweep, and what is told of it while it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

__all__ = ['Answer', 'LensError', 'Outcome', 'Phase', 'StackFate', 'StackerError', 'SweepError',
           'SweepStoppedError', 'Tag', 'Watch']


class Outcome(IntEnum):
    """What became of a sweep; numbers as OUTCOME_* of focus_stacking_interfaces/Sweep."""

    DONE = 1
    CANCELED = 2
    INVALID_GOAL = 3
    BUSY = 4
    LENS_FAILED = 5
    CAMERA_FAILED = 6
    STACKER_FAILED = 7
    FAILED = 8
    NO_RANGE = 9
    LIGHT_FAILED = 10


class StackFate(IntEnum):
    """What became of its slices; numbers as STACK_* of focus_stacking_interfaces/Sweep."""

    UNTOUCHED = 0
    FUSED = 1
    KEPT = 2
    DROPPED = 3
    UNKNOWN = 4


class Phase(IntEnum):
    """What a sweep is doing; numbers as PHASE_* of focus_stacking_interfaces/Sweep."""

    WAITING = 0
    PREPARING = 1
    MOVING = 2
    EXPOSING = 3
    FUSING = 4
    ENDING = 5
    RANGING = 6


class SweepError(RuntimeError):
    """
    A sweep could not be made, or gave no result.

    :param words: for the operator
    :param outcome: the kind of failure
    :param stack: what became of its slices
    """

    def __init__(self, words: str, outcome: Outcome = Outcome.STACKER_FAILED,
                 stack: StackFate = StackFate.UNTOUCHED) -> None:
        super().__init__(words)
        self.outcome, self.stack = outcome, stack


class SweepStoppedError(SweepError):
    """A sweep was stopped from outside."""

    def __init__(self, words: str, stack: StackFate = StackFate.UNTOUCHED) -> None:
        super().__init__(words, Outcome.CANCELED, stack)


class LensError(RuntimeError):
    """A lens refuses a position."""


class StackerError(RuntimeError):
    """The stacking node does not answer, or refuses."""


@dataclass(frozen=True)
class Tag:
    """
    The exposure that was chosen for a position.

    :param header: std_msgs/Header of its image
    :param position: focus position
    :param unit: of the position
    :param light: that it was taken under, counted from 0
    :param lights: exposures of the position
    """

    header: Any
    position: float
    unit: str
    light: int = 0
    lights: int = 1

    @property
    def is_last(self) -> bool:
        """Return whether it is the last of its position."""
        return self.light == self.lights - 1


@dataclass(frozen=True)
class Answer:
    """
    What became of a sweep.

    :param outcome: the kind
    :param message: why there is no result, or what is wrong with it; '' where nothing
    :param stack: what became of the slices
    :param said: JSON-ready stamp, counts and seconds, where there is a result
    """

    outcome: Outcome
    message: str = ''
    stack: StackFate = StackFate.UNTOUCHED
    said: Mapping[str, Any] = field(default_factory=dict)


class Watch:
    """Is told of a sweep, in the thread that makes it; this one keeps nothing."""

    def planned(self, positions: int) -> None:
        """Take note of how many positions there are."""

    def entered(self, phase: Phase) -> None:
        """Take note of what is done now; may be told again."""

    def exposed(self, tag: Tag) -> None:
        """Take note of an exposure, before anybody else hears of it."""

    def reported(self, report: Mapping[str, Any]) -> None:
        """Take note of the report of the result."""
