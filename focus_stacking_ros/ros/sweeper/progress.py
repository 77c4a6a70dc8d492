# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How far a sweep is, and how long it may still take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
import math
import time
from typing import Any

from focus_stacking_ros.ros.messages.stamp import Stamp
from focus_stacking_ros.ros.sweeper.outcome import Phase, Tag, Watch

__all__ = ['Pace', 'SweepProgress']

#: Phases before the lens begins with the sweep.
_BEFORE = (Phase.WAITING, Phase.PREPARING, Phase.RANGING)


class Pace:
    """What the latest sweep took, in seconds; not a number before there was one."""

    def __init__(self) -> None:
        #: For a position: to move the lens, settle and expose.
        self.position = math.nan
        #: From the last exposure to the result.
        self.fusing = math.nan


class SweepProgress(Watch):
    """
    How far one sweep is.

    Written in the thread that makes the sweep; each attribute may be read in any.

    :param changed: called, in that thread, when there is something new
    :param pace: of the sweep before; this one's is written to it
    :param clock: steady clock, seconds
    """

    def __init__(self, changed: Callable[[], None], pace: Pace,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._changed, self._pace, self._clock = changed, pace, clock
        self.phase = Phase.WAITING
        self.positions = self.done = 0
        #: Of the exposures so far.
        self.stamps: set[Stamp] = set()
        #: Of the result, empty before there is one.
        self.report: Mapping[str, Any] = {}
        self._began = self._latest = clock()

    def planned(self, positions: int) -> None:
        """Take note of how many positions there are."""
        self.positions, self.done = positions, 0
        self.stamps.clear()

    def entered(self, phase: Phase) -> None:
        """Take note of what is done now."""
        if phase is self.phase:
            return
        if self.phase in _BEFORE:
            self._began = self._latest = self._clock()
        self.phase = phase
        self._changed()

    def exposed(self, tag: Tag) -> None:
        """Take note of an exposure."""
        self._latest = self._clock()
        self.done += tag.is_last
        if self.phase is not Phase.RANGING and self.done:
            self._pace.position = (self._latest - self._began) / self.done
        self.stamps.add((tag.header.stamp.sec, tag.header.stamp.nanosec))
        self._changed()

    def reported(self, report: Mapping[str, Any]) -> None:
        """Take note of the report of the result."""
        if self.phase is Phase.FUSING:
            self._pace.fusing = self._clock() - self._latest
        self.report = report

    def seconds_left(self) -> float:
        """Return the seconds to the result; not a number where nothing tells."""
        if self.phase in (Phase.ENDING, Phase.RANGING):
            return math.nan
        gone = self._clock() - self._latest if self.phase not in _BEFORE else 0.0
        if self.phase is Phase.FUSING:
            return max(self._pace.fusing - gone, 0.0) if not math.isnan(
                self._pace.fusing) else math.nan
        exposing = max((self.positions - self.done) * self._pace.position - gone, 0.0) if (
            not math.isnan(self._pace.position) and self.positions) else math.nan
        # Before the first result nothing is known of how long fusing takes.
        return exposing + (0.0 if math.isnan(self._pace.fusing) else self._pace.fusing)
