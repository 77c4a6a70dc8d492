# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
The order of a focus sweep: command, stand still, one fresh exposure, next. It knows no ROS.

Stamps and the times they are compared with are on the clock of the images' stamps; deadlines are
on a steady clock, as the other one may stand still or jump.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ['Now', 'Settling', 'SweepSequence']

_NANOSECONDS = 1_000_000_000


class Now(NamedTuple):
    """One moment on both clocks."""

    stamp_ns: int
    """On the clock of the stamps, nanoseconds."""
    steady_seconds: float
    """On a steady clock."""


@dataclass(frozen=True)
class Settling:
    """
    When the lens stands still.

    :param seconds: by time: after the command; by feedback: for which the lens must have said
        that it is there
    :param tolerance: difference between feedback and command up to which the lens is there, in
        the unit of the positions; None: no feedback, settling goes by time
    :param timeout_seconds: for taking a command and, with feedback, for getting there
    """

    seconds: float
    tolerance: float | None = None
    timeout_seconds: float = 5.0


class SweepSequence:
    """
    One sweep: exactly one exposure for each position, begun when the lens stood still there.

    :param positions: focus positions in the order of the sweep
    :param settling: when the lens stands still
    :param exposure_timeout_seconds: how long an exposure may take to come once the lens stands
        still
    :param stamp_delay_seconds: how long after its exposure began an image is stamped, at most
    """

    def __init__(self, positions: Sequence[float], settling: Settling,
                 exposure_timeout_seconds: float, stamp_delay_seconds: float = 0.0) -> None:
        self.positions = tuple(positions)
        self._settling = settling
        self._exposure_timeout = exposure_timeout_seconds
        self._stamp_delay_ns = round(stamp_delay_seconds * _NANOSECONDS)
        #: Stamps of the chosen exposures, nanoseconds, in the order of the positions.
        self.chosen: list[int] = []
        self._last_feedback: float | None = None
        self._last_stamp: int | None = None
        self._heard: Now | None = None
        self._commanding: Now | None = None
        self._commanded: Now | None = None
        self._still_since: Now | None = None

    @property
    def done(self) -> bool:
        """Return whether every position has its exposure."""
        return len(self.chosen) == len(self.positions)

    @property
    def position(self) -> float:
        """
        Return the position the lens is to be at now.

        :raises IndexError: the sweep is done
        """
        return self.positions[len(self.chosen)]

    @property
    def wants_command(self) -> bool:
        """Return whether the lens has yet to be told :attr:`position`."""
        return not self.done and self._commanding is None

    @property
    def stands_still(self) -> bool:
        """Return whether the lens is where it was told to be, and an exposure is to come."""
        return self._still_since is not None

    @property
    def waits_for_lens(self) -> bool:
        """Return whether the lens has been told, and has not taken the command yet."""
        return self._commanding is not None and self._commanded is None

    def commanding(self, now: Now) -> None:
        """Note that the lens is being told the position."""
        self._commanding = now

    def commanded(self, now: Now) -> None:
        """Note that the lens has taken the command."""
        self._commanded = now
        if self._settling.tolerance is None:
            self._still_since = now
        elif self._last_feedback is not None:
            # A lens that reports only changes stays silent where it is there already.
            self.feedback(self._last_feedback, now)

    def feedback(self, position: float, now: Now) -> None:
        """Note where the lens says it is."""
        self._last_feedback = position
        tolerance = self._settling.tolerance
        if tolerance is None or self._commanded is None or self.done:
            return
        # Not a number is not there.
        if not abs(position - self.position) <= tolerance:
            self._still_since = None
        elif self._still_since is None:
            self._still_since = now

    def exposure(self, stamp_ns: int, now: Now) -> bool:
        """
        Note an exposure; returns whether it is the one for :attr:`position`.

        If it is, the sequence goes on to the next position.

        :param stamp_ns: stamp of its image
        :param now: when that was heard of
        """
        newest = self._last_stamp is None or stamp_ns > self._last_stamp
        self._last_stamp = max(stamp_ns, self._last_stamp or stamp_ns)
        self._heard = now
        if self.done or self._still_since is None or not newest:
            return False
        still_ns = self._still_since.stamp_ns + round(self._settling.seconds * _NANOSECONDS)
        if stamp_ns - self._stamp_delay_ns < still_ns:
            return False
        self.chosen.append(stamp_ns)
        self._commanding = self._commanded = self._still_since = None
        return True

    def trouble(self, now: Now) -> str:
        """Return why the sweep cannot go on, '' while it can."""
        if self.done or self._commanding is None:
            return ''
        timeout = self._settling.timeout_seconds
        where = f'position {self.position:g} ({len(self.chosen) + 1} of {len(self.positions)})'
        if self._commanded is None:
            if now.steady_seconds - self._commanding.steady_seconds <= timeout:
                return ''
            return f'the lens did not take the command for {where} within {timeout:g} s'
        if self._still_since is None:
            if now.steady_seconds - self._commanded.steady_seconds <= timeout:
                return ''
            told = ('says nothing' if self._last_feedback is None
                    else f'says that it is at {self._last_feedback:g}')
            return f'the lens did not reach {where} within {timeout:g} s: it {told}'
        allowed = self._settling.seconds + self._exposure_timeout
        if now.steady_seconds - self._still_since.steady_seconds <= allowed:
            return ''
        return f'no exposure came for {where} within {self._exposure_timeout:g} s: ' + (
            self._why_no_exposure(now))

    def _why_no_exposure(self, now: Now) -> str:
        if self._last_stamp is None or self._heard is None:
            return 'the camera says nothing'
        silent = now.steady_seconds - self._heard.steady_seconds
        if silent > self._exposure_timeout / 2:
            return f'the camera has been silent for {silent:.1f} s'
        age = (now.stamp_ns - self._last_stamp) / _NANOSECONDS
        return (f'the camera exposes, but the latest stamp is {age:.3f} s old; is its clock that '
                'of this node?')
