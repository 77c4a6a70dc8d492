# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Faults that a node lives with: a line in the log at once, a warning in the diagnostics."""

from __future__ import annotations

from collections.abc import Callable
import threading
import time
import traceback
from typing import NamedTuple, Protocol

__all__ = ['Faults', 'Log', 'with_traceback']

_THROTTLE_SECONDS = 5.0


class Log(Protocol):
    """What is used of the logger of a node."""

    def warning(self, words: str) -> object:
        """Write a warning."""

    def error(self, words: str) -> object:
        """Write an error."""


def with_traceback(words: str, error: BaseException) -> str:
    """Return a line for the log followed by where an exception that nobody expected comes from."""
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    return f'{words}\n{"".join(lines).rstrip()}'


class _Fault(NamedTuple):
    """What the diagnostics show of a fault, and whether it is an error there."""

    words: str
    is_error: bool


class Faults:
    """
    Says each fault in the log, and keeps it in the diagnostics until a stack went well.

    A fault stands from when it is noted to the end of the first stack after that one in which it
    was noted, and until it has been shown, so that neither a slow reader misses it nor a fault of
    the morning is shown in the evening. Counters are kept by who counts. Any thread may call.

    :param log: of the node
    :param clock: steady clock, seconds
    """

    def __init__(self, log: Log, clock: Callable[[], float] = time.monotonic) -> None:
        self._log, self._clock = log, clock
        self._lock = threading.Lock()
        self._quiet_until: dict[tuple[str, str], float] = {}
        self._said: set[str] = set()
        self._earlier: dict[tuple[str, str], _Fault] = {}
        self._now: dict[tuple[str, str], _Fault] = {}
        self._unseen: set[tuple[str, str]] = set()

    def note(self, status: str, kind: str, words: str, *, variant: str = '', shown: str = '',
             is_error: bool = False, shown_as_error: bool = False) -> None:
        """
        Note a fault.

        :param status: in which entry of the diagnostics it stands
        :param kind: of each in an entry the latest stands
        :param words: for the log
        :param variant: each of a kind is logged at most every 5 s (rclpy would throttle together
            what one line of code says)
        :param shown: for the diagnostics, where that is something else
        :param is_error: whether it is an error in the log
        :param shown_as_error: whether it is one in the diagnostics too, instead of a warning
        """
        fault = _Fault(shown or words, shown_as_error)
        now = self._clock()
        with self._lock:
            self._now[status, kind] = fault
            self._unseen.add((status, kind))
            if now < self._quiet_until.get((kind, variant), now):
                return
            self._quiet_until[kind, variant] = now + _THROTTLE_SECONDS
        if is_error:
            self._log.error(words)
        else:
            self._log.warning(words)

    def unexpected(self, status: str, what: str, error: BaseException) -> None:
        """
        Note an exception that nobody expected: an error, in the log with its traceback.

        :param status: in which entry of the diagnostics it stands
        :param what: failed; each is logged at most every 5 s
        :param error: the exception
        """
        words = f'{what}: {error!r}'
        self.note(status, what, with_traceback(words, error), shown=words, is_error=True,
                  shown_as_error=True)

    def say_once(self, words: str) -> bool:
        """Write a warning that has not been written before; returns whether it was."""
        with self._lock:
            if words in self._said:
                return False
            self._said.add(words)
        self._log.warning(words)
        return True

    def stack_ended(self) -> None:
        """Note the end of a stack: what was shown and stood before it began stands no longer."""
        with self._lock:
            # Stacks may end faster than diagnostics are sent.
            unseen = {key: fault for key, fault in self._earlier.items() if key in self._unseen}
            self._earlier, self._now = {**unseen, **self._now}, {}

    def warning(self, status: str) -> str:
        """Return the warnings that stand in an entry of the diagnostics, '' for none."""
        return self._standing(status, is_error=False)

    def error(self, status: str) -> str:
        """Return the errors that stand in an entry of the diagnostics, '' for none."""
        return self._standing(status, is_error=True)

    def _standing(self, status: str, *, is_error: bool) -> str:
        with self._lock:
            standing = {key: fault for key, fault in {**self._earlier, **self._now}.items()
                        if key[0] == status and fault.is_error == is_error}
            self._unseen.difference_update(standing)
        return '; '.join(fault.words for fault in standing.values())
