# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is done with lens and camera at one request: a sweep, a search for its range."""

from __future__ import annotations

from dataclasses import dataclass, replace
import json
import time

from focus_stacking_ros.core.optics.sweep_plan import SweepPlanError
from focus_stacking_ros.ros.sweeper.exposing import Lens
from focus_stacking_ros.ros.sweeper.health import SweepHealth
from focus_stacking_ros.ros.sweeper.lenses import RosLens
from focus_stacking_ros.ros.sweeper.options import SweepOptions
from focus_stacking_ros.ros.sweeper.outcome import (
    Answer,
    LensError,
    Outcome,
    StackFate,
    SweepError,
    SweepStoppedError,
    Watch,
)
from focus_stacking_ros.ros.sweeper.range_finder import FoundRange, Images, RangeFinder
from focus_stacking_ros.ros.sweeper.runner import SweepRunner
from focus_stacking_ros.ros.sweeper.stacker_client import StackerClient

__all__ = ['Setup', 'SweepJobs']


@dataclass(frozen=True)
class Setup:
    """What a sweep is made with: options and lens, or why there is none."""

    options: SweepOptions
    lens: RosLens | None
    problem: str = ''


class SweepJobs:
    """
    Does one job after the other in the worker's thread.

    :param runner: makes sweeps
    :param stacker: the stacking node, None for none
    :param health: is told what becomes of them
    """

    def __init__(self, runner: SweepRunner, stacker: StackerClient | None, health: SweepHealth
                 ) -> None:
        self._runner, self._stacker, self._health = runner, stacker, health
        self._finder = RangeFinder(runner.exposer)
        self._closing = False

    def close(self) -> None:
        """End the running job, and tell no more of failures; any thread may call."""
        self._closing = True
        self._runner.close()

    def sweep(self, setup: Setup, watch: Watch, fuse: bool, images: Images | None) -> Answer:
        """
        Make one sweep.

        :param setup: what it is made with
        :param watch: is told of it
        :param fuse: whether its slices are to be fused
        :param images: of the camera, where its range is to be found first
        """
        began = time.monotonic()
        try:
            if images is not None:
                found = self._find(setup, images, watch)
                setup = replace(setup, options=found.applied(setup.options))
            lens, positions = self.plan(setup)
            said = self._runner.sweep(lens, positions, setup.options, fuse=fuse, watch=watch)
        except SweepError as error:
            self.failed(error)
            return Answer(error.outcome, str(error), error.stack)
        said['seconds'] = round(time.monotonic() - began, 3)
        words = json.dumps(said)
        warning = (f'slices of the sweep did not reach the result: {words}'
                   if said.get('missing') else '')
        self._health.done(f'sweep done: {words}', warning)
        stack = StackFate.UNTOUCHED if self._stacker is None else (
            StackFate.FUSED if fuse else StackFate.KEPT)
        return Answer(Outcome.DONE, warning, stack, said)

    def search(self, setup: Setup, images: Images | None, into: list[FoundRange]) -> Answer:
        """
        Find the range.

        :param setup: what it is looked for with
        :param images: of the camera
        :param into: gets the range, where one is found
        """
        assert images is not None
        began = time.monotonic()
        try:
            found = self._find(setup, images, Watch())
        except SweepError as error:
            self.failed(error)
            return Answer(error.outcome, str(error), error.stack)
        into.append(found)
        said = {**found.said(), 'seconds': round(time.monotonic() - began, 3)}
        if found.remark:
            said['remark'] = found.remark
        return Answer(Outcome.DONE, found.remark, said=said)

    def _find(self, setup: Setup, images: Images, watch: Watch) -> FoundRange:
        """Find the range, and tell of it."""
        lens = self._lens(setup)
        try:
            found = self._finder.find(lens, setup.options, images, watch)
        except (LensError, SweepError) as error:
            stopped = isinstance(error, SweepStoppedError)
            self._runner.counters['stopped' if stopped else 'failed'] += 1
            if isinstance(error, SweepError):
                raise
            raise SweepError(str(error), Outcome.LENS_FAILED) from error
        self._runner.counters['ranges found'] += 1
        self._health.done(f'range found: {json.dumps(found.said())}', found.remark)
        return found

    def plan(self, setup: Setup) -> tuple[Lens, tuple[float, ...]]:
        """
        Return lens and positions of a sweep; the stacking node is treated as its options say.

        :raises SweepError: there is no lens, or the positions make no sweep
        """
        if self._stacker is not None:
            self._stacker.use(setup.options)
        lens = self._lens(setup)
        try:
            return lens, setup.options.positions()
        except SweepPlanError as error:
            self._runner.counters['failed'] += 1
            raise SweepError(str(error), Outcome.INVALID_GOAL) from error

    def _lens(self, setup: Setup) -> Lens:
        if setup.lens is None:
            self._runner.counters['failed'] += 1
            raise SweepError(setup.problem, Outcome.INVALID_GOAL)
        return setup.lens

    def failed(self, error: SweepError) -> None:
        """Tell of a sweep that could not be made, while anybody is to hear."""
        if not self._closing:
            self._health.failed(error)
