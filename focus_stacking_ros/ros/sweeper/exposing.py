# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One exposure at each position and light: lens, light and camera. It knows no ROS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
import queue
import threading
from typing import Any, Protocol

from focus_stacking_ros.ros.node.counters import Counters
from focus_stacking_ros.ros.sweeper.options import SweepOptions
from focus_stacking_ros.ros.sweeper.outcome import (
    Outcome,
    Phase,
    SweepError,
    SweepStoppedError,
    Tag,
    Watch,
)
from focus_stacking_ros.ros.sweeper.sequence import Now, SweepSequence

__all__ = ['Exposer', 'Lens', 'Light']

_POLL_SECONDS = 0.02


class Lens(Protocol):
    """A lens that can be told a focus position."""

    def command(self, position: float) -> None:
        """
        Tell the lens where to go; returns at once.

        :param position: in the unit of the sweep
        :raises LensError: it cannot go there
        """

    def accepted(self) -> bool:
        """
        Return whether the lens has taken the latest command.

        :raises LensError: the lens refuses it
        """


class Light(Protocol):
    """Lights one of which shines."""

    def command(self, number: int) -> None:
        """
        Switch one on, and the others off; returns at once.

        :param number: counted from 0
        """

    def accepted(self) -> bool:
        """Return whether the latest command has been taken."""


@dataclass(frozen=True)
class _Exposure:
    """The camera has exposed an image with this std_msgs/Header."""

    header: Any
    heard: Now


@dataclass(frozen=True)
class _Feedback:
    """The lens says that it is there."""

    position: float
    heard: Now


@dataclass(frozen=True)
class _LightFeedback:
    """A light is said to shine."""

    number: int
    heard: Now


_Event = _Exposure | _Feedback | _LightFeedback


@dataclass(frozen=True)
class _Running:
    """A sweep that is being made, and what other threads have heard since it began."""

    sequence: SweepSequence
    unit: str
    events: queue.SimpleQueue[_Event] = field(default_factory=queue.SimpleQueue)


class Exposer:
    """
    Moves a lens and chooses an exposure at each position, under each light.

    :param clock: this moment on both clocks
    :param counters: of positions and exposures
    :param light: is switched where ``light.count`` says that there are several
    """

    def __init__(self, clock: Callable[[], Now], counters: Counters, light: Light) -> None:
        self._clock, self._counters, self._light = clock, counters, light
        self._running: _Running | None = None
        #: Set to end the running sweep, and to refuse others.
        self.stopped = threading.Event()

    # In any thread

    def exposure(self, header: Any) -> None:
        """Note that the camera has exposed an image with this std_msgs/Header."""
        if (running := self._running) is not None:
            running.events.put(_Exposure(header, self._clock()))

    def feedback(self, position: float) -> None:
        """Note where the lens says it is."""
        if (running := self._running) is not None:
            running.events.put(_Feedback(position, self._clock()))

    def light_feedback(self, number: int) -> None:
        """Note which light is said to shine."""
        if (running := self._running) is not None:
            running.events.put(_LightFeedback(number, self._clock()))

    @property
    def progress(self) -> tuple[int, int]:
        """Return the positions that are exposed and all of the running sweep, or 0, 0."""
        running = self._running
        if running is None:
            return 0, 0
        return running.sequence.exposed, len(running.sequence.positions)

    # In the thread of the sweeps

    def expose(self, lens: Lens, positions: Sequence[float], options: SweepOptions,
               chosen: Callable[[Tag], None], watch: Watch) -> None:
        """
        Go through the positions.

        :param lens: that is moved
        :param positions: in the order of the sweep, in focus.unit
        :param options: when the lens stands still, what is waited for
        :param chosen: called with each chosen exposure
        :param watch: is told what is done now
        :raises LensError: the lens refuses a position
        :raises SweepError: lens, light or camera do not do in time what they are to do
        """
        sequence = SweepSequence(positions, options.settling(tuple(positions)),
                                 options.camera_timeout, options.camera_stamp_delay,
                                 options.light_count, options.lighting())
        running = self._running = _Running(sequence, options.focus_unit)
        try:
            while not sequence.done:
                if self.stopped.is_set():
                    raise SweepStoppedError('the sweep was stopped')
                if sequence.wants_command:
                    watch.entered(Phase.MOVING)
                    sequence.commanding(self._clock())
                    lens.command(sequence.position)
                if sequence.waits_for_lens and lens.accepted():
                    sequence.commanded(self._clock())
                self._switch(sequence)
                if sequence.stands_still:
                    watch.entered(Phase.EXPOSING)
                tag = self._next_event(running)
                if tag is not None:
                    self._counters['positions'] += tag.is_last
                    chosen(tag)
                if reason := sequence.light_trouble(self._clock()):
                    raise SweepError(reason, Outcome.LIGHT_FAILED)
                if reason := sequence.trouble(self._clock()):
                    raise SweepError(reason, Outcome.CAMERA_FAILED if sequence.stands_still
                                     else Outcome.LENS_FAILED)
        finally:
            self._running = None

    def _switch(self, sequence: SweepSequence) -> None:
        """Switch the light, where there are several."""
        if sequence.wants_light:
            sequence.switching(self._clock())
            self._light.command(sequence.light)
        if sequence.waits_for_light and self._light.accepted():
            sequence.switched(self._clock())

    def _next_event(self, running: _Running) -> Tag | None:
        """Take one event, if it comes in time; returns the exposure if it was chosen."""
        sequence = running.sequence
        try:
            event = running.events.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            return None
        if isinstance(event, _Feedback):
            sequence.feedback(event.position, event.heard)
            return None
        if isinstance(event, _LightFeedback):
            sequence.light_feedback(event.number, event.heard)
            return None
        position, light, stamp = sequence.position, sequence.light, event.header.stamp
        if sequence.exposure(stamp.sec * 1_000_000_000 + stamp.nanosec, event.heard):
            return Tag(event.header, position, running.unit, light, sequence.lights)
        self._counters['exposures left out'] += 1
        return None
