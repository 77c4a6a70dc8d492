# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
The order of a focus sweep: command, stand still, one fresh exposure, next. It knows no ROS.

With several lights there is one under each at every position.

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
    When the lens stands still, or a light shines.

    :param seconds: by time: after the command; by feedback: for which it must have been said
    :param tolerance: difference between feedback and command up to which the lens is there, in
        the unit of the positions; None: no feedback, settling goes by time
    :param timeout_seconds: for taking a command and, with feedback, for getting there
    """

    seconds: float
    tolerance: float | None = None
    timeout_seconds: float = 5.0


class _Device:
    """
    What is told to go somewhere, and is there some time later.

    :param name: for people
    :param settling: when it is there
    """

    def __init__(self, name: str, settling: Settling) -> None:
        self._name, self.settling = name, settling
        self._said: float | None = None
        self.telling: Now | None = None
        self.told: Now | None = None
        self.since: Now | None = None

    def leave(self) -> None:
        """Go on: it has to be told anew."""
        self.telling = self.told = self.since = None

    def took(self, goal: float, now: Now) -> None:
        """Note that it has taken the command."""
        self.told = now
        if self.settling.tolerance is None:
            self.since = now
        elif self._said is not None:
            # What reports only changes stays silent where it is there already.
            self.says(self._said, goal, now)

    def says(self, value: float, goal: float | None, now: Now) -> None:
        """Note where it says it is; without a goal nothing follows from that."""
        self._said = value
        tolerance = self.settling.tolerance
        if tolerance is None or self.told is None or goal is None:
            return
        # Not a number is not there.
        if not abs(value - goal) <= tolerance:
            self.since = None
        elif self.since is None:
            self.since = now

    def settled_ns(self) -> int | None:
        """Return from which stamp on it is there, None where it is not."""
        if self.since is None:
            return None
        return self.since.stamp_ns + round(self.settling.seconds * _NANOSECONDS)

    def trouble(self, where: str, now: Now) -> str:
        """Return why it does not get there, '' where it is there or may still be."""
        timeout = self.settling.timeout_seconds
        if self.telling is None or self.since is not None:
            return ''
        if self.told is None:
            if now.steady_seconds - self.telling.steady_seconds <= timeout:
                return ''
            return f'the {self._name} did not take the command for {where} within {timeout:g} s'
        if now.steady_seconds - self.told.steady_seconds <= timeout:
            return ''
        said = 'says nothing' if self._said is None else f'says that it is at {self._said:g}'
        return f'the {self._name} did not reach {where} within {timeout:g} s: it {said}'


class SweepSequence:
    """
    One sweep: one exposure for each position and light, begun when all stood still there.

    :param positions: focus positions in the order of the sweep
    :param settling: when the lens stands still
    :param exposure_timeout_seconds: how long an exposure may take to come once the lens stands
        still, and its light shines
    :param stamp_delay_seconds: how long after its exposure began an image is stamped, at most
    :param lights: exposures at each position, each under another light; 1: none is switched
    :param lighting: when a light shines, where there are several
    """

    def __init__(self, positions: Sequence[float], settling: Settling,
                 exposure_timeout_seconds: float, stamp_delay_seconds: float = 0.0,
                 lights: int = 1, lighting: Settling | None = None) -> None:
        self.positions, self.lights = tuple(positions), lights
        self._lens = _Device('lens', settling)
        self._light = _Device('light', lighting or Settling(0.0))
        self._exposure_timeout = exposure_timeout_seconds
        self._stamp_delay_ns = round(stamp_delay_seconds * _NANOSECONDS)
        #: Stamps of the chosen exposures, nanoseconds: by position, and light by light.
        self.chosen: list[int] = []
        self._last_stamp: int | None = None
        self._heard: Now | None = None

    @property
    def done(self) -> bool:
        """Return whether every position has its exposures."""
        return len(self.chosen) == len(self.positions) * self.lights

    @property
    def exposed(self) -> int:
        """Return how many positions have all their exposures."""
        return len(self.chosen) // self.lights

    @property
    def position(self) -> float:
        """
        Return the position the lens is to be at now.

        :raises IndexError: the sweep is done
        """
        return self.positions[self.exposed]

    @property
    def light(self) -> int:
        """Return the number of the light that is to shine now, counted from 0."""
        return len(self.chosen) % self.lights

    @property
    def wants_command(self) -> bool:
        """Return whether the lens has yet to be told :attr:`position`."""
        return not self.done and self._lens.telling is None

    @property
    def wants_light(self) -> bool:
        """Return whether :attr:`light` has yet to be switched on."""
        return self.lights > 1 and not self.done and self._light.telling is None

    @property
    def stands_still(self) -> bool:
        """Return whether lens and light are what they were told to be, so an exposure is due."""
        return self._lens.since is not None and (
            self.lights == 1 or self._light.since is not None)

    @property
    def waits_for_lens(self) -> bool:
        """Return whether the lens has been told, and has not taken the command yet."""
        return self._lens.telling is not None and self._lens.told is None

    @property
    def waits_for_light(self) -> bool:
        """Return whether the light has been told, and has not taken the command yet."""
        return self._light.telling is not None and self._light.told is None

    def commanding(self, now: Now) -> None:
        """Note that the lens is being told the position."""
        self._lens.telling = now

    def commanded(self, now: Now) -> None:
        """Note that the lens has taken the command."""
        self._lens.took(self.position, now)

    def switching(self, now: Now) -> None:
        """Note that the light is being switched on."""
        self._light.telling = now

    def switched(self, now: Now) -> None:
        """Note that the command to switch it on has been taken."""
        self._light.took(self.light, now)

    def feedback(self, position: float, now: Now) -> None:
        """Note where the lens says it is."""
        self._lens.says(position, None if self.done else self.position, now)

    def light_feedback(self, number: int, now: Now) -> None:
        """Note which light is said to shine."""
        self._light.says(number, self.light, now)

    def exposure(self, stamp_ns: int, now: Now) -> bool:
        """
        Note an exposure; returns whether it is the one for :attr:`position` and :attr:`light`.

        If it is, the sequence goes on to the next light or position.

        :param stamp_ns: stamp of its image
        :param now: when that was heard of
        """
        newest = self._last_stamp is None or stamp_ns > self._last_stamp
        self._last_stamp = max(stamp_ns, self._last_stamp or stamp_ns)
        self._heard = now
        settled_ns = self._lens.settled_ns()
        if self.done or settled_ns is None or not newest:
            return False
        if self.lights > 1:
            lit_ns = self._light.settled_ns()
            if lit_ns is None:
                return False
            settled_ns = max(settled_ns, lit_ns)
        if stamp_ns - self._stamp_delay_ns < settled_ns:
            return False
        self.chosen.append(stamp_ns)
        self._light.leave()
        if not self.light:
            self._lens.leave()
        return True

    def light_trouble(self, now: Now) -> str:
        """Return why the sweep cannot go on for want of light, '' while it can."""
        if self.done or self.lights == 1:
            return ''
        return self._light.trouble(f'light {self.light} at {self._where()}', now)

    def trouble(self, now: Now) -> str:
        """Return why the sweep cannot go on for lens or camera, '' while it can."""
        if self.done:
            return ''
        if words := self._lens.trouble(self._where(), now):
            return words
        if not self.stands_still:
            return ''
        since = max(each.since.steady_seconds for each in (self._lens, self._light)
                    if each.since is not None)
        if now.steady_seconds - since <= self._slowest() + self._exposure_timeout:
            return ''
        under = f' under light {self.light}' if self.lights > 1 else ''
        return (f'no exposure came for {self._where()}{under} within {self._exposure_timeout:g} '
                f's: {self._why_no_exposure(now)}')

    def _slowest(self) -> float:
        return max(each.settling.seconds for each in (self._lens, self._light))

    def _where(self) -> str:
        return f'position {self.position:g} ({self.exposed + 1} of {len(self.positions)})'

    def _why_no_exposure(self, now: Now) -> str:
        if self._last_stamp is None or self._heard is None:
            return 'the camera says nothing'
        silent = now.steady_seconds - self._heard.steady_seconds
        if silent > self._exposure_timeout / 2:
            return f'the camera has been silent for {silent:.1f} s'
        age = (now.stamp_ns - self._last_stamp) / _NANOSECONDS
        return (f'the camera exposes, but the latest stamp is {age:.3f} s old; is its clock that '
                'of this node?')
