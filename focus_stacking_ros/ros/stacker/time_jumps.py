# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Notices that time has jumped back: a recording begins again, or a simulation is reset."""

from __future__ import annotations

from collections import deque

from focus_stacking_ros.ros.messages.stamp import Stamp

__all__ = ['LEAST_JUMP_NS', 'TimeJumps']

#: Nanoseconds; what goes back by less is a message that comes late.
LEAST_JUMP_NS = 200_000_000
_FEWEST = 2  # messages that tell a jump from a first one that came late
_NEWER = 3  # messages that a late one may be behind


class TimeJumps:
    """
    Tells a jump once, whichever of several streams of stamped messages, or the clock, shows it.

    The messages of one publisher come in order, so a stream whose stamps go back has jumped,
    but for the late ones of a second publisher: those come between newer ones. A stream has
    jumped where a stamp is 0.2 s or more before the latest one, and either not after the very
    first one, as where a recording begins again, or before each of the three messages that came
    last.
    """

    def __init__(self) -> None:
        self._streams: dict[str, _Stream] = {}
        self._count = 0

    @property
    def count(self) -> int:
        """Return how often time has jumped back."""
        return self._count

    def stamped(self, name: str, stamp: Stamp) -> bool:
        """
        Note a message; returns whether it is the first one after a jump.

        :param name: of its stream
        :param stamp: of the message
        """
        stream = self._streams.setdefault(name, _Stream(self._count))
        if not stream.jumps(stamp[0] * 1_000_000_000 + stamp[1]):
            return False
        # Each stream shows the same jump, one after the other.
        told = stream.count <= self._count
        self._count = max(self._count, stream.count)
        return not told

    def clock(self, now_ns: int) -> bool:
        """
        Note that the clock was set back; returns whether messages do not know of it yet.

        :param now_ns: what it says now, nanoseconds
        """
        # A stream that has not shown the latest jump yet tells nothing of another one.
        if all(stream.latest - now_ns < LEAST_JUMP_NS for stream in self._streams.values()
               if stream.count == self._count):
            return False
        self._count += 1
        self.forget()
        return True

    def forget(self) -> None:
        """Take the next messages for the first ones."""
        self._streams.clear()


class _Stream:
    """The stamps of a stream since the last jump, nanoseconds."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._begin()

    def _begin(self) -> None:
        self.latest = self._first = 0
        self._recent: deque[int] = deque(maxlen=_NEWER)

    def jumps(self, stamp: int) -> bool:
        recent = self._recent
        jumped = (len(recent) >= _FEWEST and self.latest - stamp >= LEAST_JUMP_NS and (
            stamp <= self._first or (len(recent) == _NEWER and stamp < min(recent))))
        if jumped:
            self.count += 1
            self._begin()
        known = bool(self._recent)
        self.latest = max(self.latest, stamp) if known else stamp
        self._first = min(self._first, stamp) if known else stamp
        self._recent.append(stamp)
        return jumped
