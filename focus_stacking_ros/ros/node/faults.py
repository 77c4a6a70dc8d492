# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Faults that a node lives with: a line in the log at once, a warning in the diagnostics."""

from __future__ import annotations

from collections.abc import Callable
import time
from typing import Protocol

__all__ = ['Faults', 'Log']

_THROTTLE_SECONDS = 5.0


class Log(Protocol):
    """What is used of the logger of a node."""

    def warning(self, words: str) -> object:
        """Write a warning."""

    def error(self, words: str) -> object:
        """Write an error."""


class Faults:
    """
    Says each fault in the log, and keeps it in the diagnostics until a stack went well.

    A fault stands from when it is noted to the end of the first stack after that one in which it
    was noted, so that neither a slow reader misses it nor a fault of the morning is shown in the
    evening. Counters are kept by who counts. Any thread may call.

    :param log: of the node
    :param clock: steady clock, seconds
    """

    def __init__(self, log: Log, clock: Callable[[], float] = time.monotonic) -> None:
        self._log, self._clock = log, clock
        self._quiet_until: dict[tuple[str, str], float] = {}
        self._earlier: dict[tuple[str, str], str] = {}
        self._now: dict[tuple[str, str], str] = {}

    def note(self, status: str, kind: str, words: str, *, variant: str = '', shown: str = '',
             is_error: bool = False) -> None:
        """
        Note a fault.

        :param status: in which entry of the diagnostics it stands
        :param kind: of each in an entry the latest stands
        :param words: for the log
        :param variant: each of a kind is logged at most every 5 s (rclpy would throttle together
            what one line of code says)
        :param shown: for the diagnostics, where that is something else
        :param is_error: whether it is an error in the log; in the diagnostics it is a warning
        """
        self._now = {**self._now, (status, kind): shown or words}
        now = self._clock()
        if now < self._quiet_until.get((kind, variant), now):
            return
        self._quiet_until[kind, variant] = now + _THROTTLE_SECONDS
        if is_error:
            self._log.error(words)
        else:
            self._log.warning(words)

    def stack_ended(self) -> None:
        """Note the end of a stack: what stood before it began stands no longer."""
        self._earlier, self._now = self._now, {}

    def warning(self, status: str) -> str:
        """Return what stands in an entry of the diagnostics, '' for nothing."""
        standing = {**self._earlier, **self._now}
        return '; '.join(words for (where, _), words in standing.items() if where == status)
