# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Runs focus sweeps: lens, camera and stacking node, one after the other. It knows no ROS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
import json
import threading
from typing import Any, Protocol

from focus_stacking_ros.ros.messages.stamp import Stamp
from focus_stacking_ros.ros.node.counters import Counters
from focus_stacking_ros.ros.sweeper.exposing import Exposer, Lens, Light
from focus_stacking_ros.ros.sweeper.options import SweepOptions
from focus_stacking_ros.ros.sweeper.outcome import (
    LensError,
    Outcome,
    Phase,
    StackerError,
    StackFate,
    SweepError,
    SweepStoppedError,
    Tag,
    Watch,
)
from focus_stacking_ros.ros.sweeper.sequence import Now

__all__ = ['Stacker', 'SweepRunner']

_DELIVERY_SECONDS = 1.0  # for a report that was published before an answer that is here


class Stacker(Protocol):
    """A stacking node; every method may block, and raises StackerError."""

    def prepare(self, end: str, size: int) -> None:
        """Begin a fresh stack; ``end`` and ``size`` are to be its stack.end and stack.size."""

    def report(self, stamps: set[Stamp], timeout_seconds: float) -> dict[str, Any] | None:
        """Return the report of a stack with slices of these stamps; None if none comes."""

    def process(self) -> dict[str, Any]:
        """Fuse the slices that are there; returns the answer of ``~/process``."""

    def reset(self) -> int | None:
        """Drop the slices that are there; returns how many, None where it does not say."""

    def cancel(self, cancelled: bool) -> None:
        """Say whether to stop waiting; called in another thread."""


class SweepRunner:
    """
    Runs one sweep after the other in the thread that calls :meth:`sweep` or :meth:`half_sweep`.

    :param stacker: the stacking node; None to leave the slices to somebody else
    :param publish: called with each chosen exposure
    :param clock: this moment on both clocks
    :param light: is switched where there are several
    """

    def __init__(self, stacker: Stacker | None, publish: Callable[[Tag], None],
                 clock: Callable[[], Now], light: Light) -> None:
        self._stacker, self._publish = stacker, publish
        self.counters = Counters()
        #: Moves the lens, and hears what it and the camera say.
        self.exposer = Exposer(clock, self.counters, light)
        self._stopped, self._closed = self.exposer.stopped, threading.Event()
        self._upwards = True
        self._awaited: set[Stamp] = set()
        self._tags: list[Tag] = []  # of the sweep that is being made
        self._watch = Watch()

    # In any thread

    def stop(self, stopped: bool = True) -> None:
        """End the running sweep, and refuse others until ``stopped`` is taken back."""
        if stopped:
            self._stopped.set()
        else:
            self._stopped.clear()
        if self._stacker is not None:
            self._stacker.cancel(stopped)

    def close(self) -> None:
        """End the running sweep without a word to the stacking node: nobody hears answers."""
        self._closed.set()
        self.stop()

    @property
    def progress(self) -> tuple[int, int]:
        """Return the positions that are exposed and all of the running sweep, or 0, 0."""
        return self.exposer.progress

    # In the thread of the sweeps

    def sweep(self, lens: Lens, positions: Sequence[float], options: SweepOptions, *,
              fuse: bool = True, watch: Watch | None = None) -> dict[str, Any]:
        """
        Make one sweep and wait for its result.

        :param lens: that is moved
        :param positions: in the order of the sweep, in focus.unit
        :param options: all the rest
        :param fuse: whether to wait for the result; if not the slices stay in the stacking node
        :param watch: is told of it
        :returns: stamp and frame_id of the result, positions, and slices and refused where it was
            waited for
        :raises SweepError: why there is no result; the stack is left as ``stacker.on_failure``
            says
        """
        self.restart()
        self._watch = watch or Watch()
        try:
            self._watch.planned(len(positions))
            if self._stacker is not None:
                self._watch.entered(Phase.PREPARING)
                self._stacker.prepare('count' if fuse else 'service', len(positions))
            tags = self._expose(lens, positions, options)
            answer: dict[str, Any] = {'positions': len(positions)}
            last = tags[-1].header
            answer.update(stamp={'sec': last.stamp.sec, 'nanosec': last.stamp.nanosec},
                          frame_id=last.frame_id)
            if self._stacker is not None and fuse:
                self._watch.entered(Phase.FUSING)
                answer.update(self._result(tags, options))
        except (LensError, StackerError, SweepError) as error:
            raise self._given_up(error, options) from error
        finally:
            self._watch = Watch()
        self.counters['sweeps'] += 1
        return answer

    def half_sweep(self, lens: Lens, positions: Sequence[float], options: SweepOptions) -> None:
        """
        Make the next half of a sweep up and down; results come while the next half is made.

        :param lens: that is moved
        :param positions: that rise or fall, in focus.unit
        :param options: all the rest
        :raises SweepError: why it ended; the next one begins a fresh stack
        """
        try:
            if self._stacker is not None and not self._awaited:
                self._stacker.prepare('reversal', len(positions))
            tags = self._expose(lens, positions if self._upwards else positions[::-1],
                                options)
            self._upwards = not self._upwards
            if self._stacker is not None:
                self._await_last_result(options)
                self._awaited = _stamps(tags)
        except (LensError, StackerError, SweepError) as error:
            self.restart()
            raise self._given_up(error, options) from error
        self.counters['sweeps'] += 1

    def end(self, options: SweepOptions) -> None:
        """
        Leave the stack well defined after the last half-sweep: nothing will end it any more.

        :raises SweepError: what became of its slices, where there are any
        """
        begun = bool(self._awaited)
        self.restart()
        if begun:
            raise self._given_up(SweepStoppedError('continuous sweeping has ended'), options)

    def restart(self) -> None:
        """Begin with a fresh stack, and upwards."""
        self._awaited, self._upwards, self._tags = set(), True, []

    def _await_last_result(self, options: SweepOptions) -> None:
        """Wait for the result of the last half-sweep: it ended with the first slice of this."""
        assert self._stacker is not None
        if self._awaited and self._stacker.report(self._awaited,
                                                  options.stacker_timeout) is None:
            raise SweepError(f'no result came within {options.stacker_timeout:g} s after a '
                             'half-sweep')

    def _expose(self, lens: Lens, positions: Sequence[float], options: SweepOptions
                ) -> list[Tag]:
        """Go through the positions; returns the chosen exposures."""
        tags = self._tags = []

        def chosen(tag: Tag) -> None:
            tags.append(tag)
            self._watch.exposed(tag)
            self._publish(tag)

        self.exposer.expose(lens, positions, options, chosen, self._watch)
        return tags

    def _result(self, tags: list[Tag], options: SweepOptions) -> dict[str, Any]:
        """Wait for the result of a complete sweep, or have what there is fused."""
        assert self._stacker is not None
        stamps, slices = _stamps(tags), sum(tag.is_last for tag in tags)
        early = self._stacker.report(stamps, 0.0)
        if early is not None and not _has(early, tags[-1]):
            raise SweepError(
                f'the stacking node ended the stack after {len(early["frames"])} of {slices} '
                'slices; its stack.timeout may be too short, or its stack.size too small')
        report = self._stacker.report(stamps, options.stacker_patience)
        if report is not None and not _has(report, tags[-1]):
            self._stacker.reset()  # the last slice may still come, and would begin a stack
        if report is None:
            try:
                answer = self._stacker.process()
            except StackerError as error:
                # The stack may have ended just before it was asked to.
                report = self._stacker.report(stamps, options.stacker_patience)
                if report is None:
                    raise SweepError(f'no result: {error}') from error
            else:
                report = self._stacker.report(stamps, options.stacker_timeout)
                if report is None:
                    raise SweepError('the stacking node says that a result is out, with the '
                                     f'stamp {json.dumps(answer.get("stamp"))}, but no report '
                                     'came with it')
        self._watch.reported(report)
        accepted = [frame for frame in report['frames'] if frame['accepted']]
        missing = slices - len(accepted)
        if missing > 0:
            self.counters['slices missing'] += missing
        return {'stamp': report['stamp'], 'frame_id': report['frame_id'],
                'slices': len(accepted), 'refused': len(report['frames']) - len(accepted),
                'missing': max(missing, 0)}

    def _given_up(self, error: Exception, options: SweepOptions) -> SweepError:
        """Leave the stack well defined; returns what to tell."""
        # Whatever was waited for when the sweep was stopped, it is not what went wrong.
        stopped = isinstance(error, SweepStoppedError) or self._stopped.is_set()
        self.counters['stopped' if stopped else 'failed'] += 1
        words = 'the sweep was stopped' if self._stopped.is_set() else str(error)
        stack = StackFate.UNTOUCHED
        if self._stacker is not None and self._tags:
            stack = StackFate.UNKNOWN
        if (self._stacker is not None and not isinstance(error, StackerError)
                and not self._closed.is_set()):
            self._watch.entered(Phase.ENDING)
            try:
                self._stacker.cancel(False)
                if self._closed.is_set():  # meanwhile; nobody would end the waiting
                    self._stacker.cancel(True)
                stack, what = self._end_stack(self._stacker, options)
                words += what
            except StackerError as other:
                words += f'; {other}'
        if stopped:
            return SweepStoppedError(words, stack)
        outcome = error.outcome if isinstance(error, SweepError) else (
            Outcome.LENS_FAILED if isinstance(error, LensError) else Outcome.STACKER_FAILED)
        return SweepError(words, outcome, stack)

    def _end_stack(self, stacker: Stacker, options: SweepOptions) -> tuple[StackFate, str]:
        """End a stack that will not be complete; returns what became of it, for people too."""
        if options.stacker_on_failure == 'process':
            answer = stacker.process()
            report = stacker.report(_stamps(self._tags), _DELIVERY_SECONDS)
            if report is not None:
                self._watch.reported(report)
            return StackFate.FUSED, f'; what was there is fused: {json.dumps(answer)}'
        if stacker.reset() == 0 and self._tags:
            report = stacker.report(_stamps(self._tags), _DELIVERY_SECONDS)
            if report is not None and _has(report, self._tags[-1]):
                self._watch.reported(report)
                return StackFate.FUSED, '; its slices are fused already'
        return StackFate.DROPPED, '; its slices are dropped'


def _has(report: dict[str, Any], tag: Tag) -> bool:
    """Tell whether a slice is part of the stack of a report."""
    stamp = {'sec': tag.header.stamp.sec, 'nanosec': tag.header.stamp.nanosec}
    return any(stamp in (frame['stamp'], *frame.get('light_stamps', ()))
               for frame in report['frames'])


def _stamps(tags: list[Tag]) -> set[Stamp]:
    return {(tag.header.stamp.sec, tag.header.stamp.nanosec) for tag in tags}
