# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How the focus of a simulated lens moves when it is told a distance."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
import math
import threading

__all__ = ['LensDrive']

_MOVES = 64  # that are remembered, for exposures that are asked for late


@dataclass(frozen=True)
class _Move:
    """From where to where in dioptres, and when in seconds."""

    told: float
    begins: float
    ends: float
    start: float
    goal: float

    def dioptres(self, at: float) -> float:
        if at >= self.ends:
            return self.goal
        if at <= self.begins:
            return self.start
        share = (at - self.begins) / (self.ends - self.begins)
        return self.start + (self.goal - self.start) * (1 - math.cos(math.pi * share)) / 2


class LensDrive:
    """
    The focus distance of a lens over time; safe to use from several threads.

    A command is felt after a dead time; the lens then moves, smoothly in dioptres, for the
    settling time, however far it goes. A command while it moves starts from where it is.

    :param distance_m: focus distance at the beginning, metres
    :param near_m: nearest focus distance, metres
    :param far_m: farthest focus distance, metres
    :param dead_seconds: from a command to the beginning of the move
    :param settling_seconds: from the beginning of the move to its end
    """

    def __init__(self, distance_m: float, near_m: float, far_m: float,
                 dead_seconds: float = 0.0, settling_seconds: float = 0.1) -> None:
        if not 0 < near_m < far_m < math.inf:
            raise ValueError(f'the lens goes from {near_m} m to {far_m} m: they must be finite, '
                             'positive and in this order')
        self.near_m, self.far_m = near_m, far_m
        self._dead, self._settling = dead_seconds, settling_seconds
        self._lock = threading.Lock()
        start = 1 / min(max(distance_m, near_m), far_m)
        self._moves: deque[_Move] = deque(
            [_Move(-math.inf, -math.inf, -math.inf, start, start)], maxlen=_MOVES)

    def command(self, distance_m: float, at_seconds: float) -> float:
        """
        Tell the lens where to go; returns the distance in metres it will have.

        :param distance_m: metres; beyond the ends of its travel the lens goes to the end
        :param at_seconds: now, on any steady clock, not before an earlier command
        """
        goal_m = min(max(distance_m, self.near_m), self.far_m)
        with self._lock:
            begins = at_seconds + self._dead
            start = self._dioptres(begins)
            self._moves.append(_Move(at_seconds, begins, begins + self._settling, start,
                                     1 / goal_m))
        return goal_m

    def distance_m(self, at_seconds: float) -> float:
        """Return the focus distance at a moment, which may be past, in metres."""
        with self._lock:
            return 1 / self._dioptres(at_seconds)

    def moves(self, at_seconds: float) -> bool:
        """Return whether the lens moves at a moment, which may be past."""
        with self._lock:
            move = self._move(at_seconds)
        return move.begins <= at_seconds < move.ends and move.start != move.goal

    def _dioptres(self, at_seconds: float) -> float:
        return self._move(at_seconds).dioptres(at_seconds)

    def _move(self, at_seconds: float) -> _Move:
        """Return the latest move that has begun, the oldest known one where none has."""
        return next((move for move in reversed(self._moves) if at_seconds >= move.begins),
                    self._moves[0])
