# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The sweeper: moves the focus, tags one fresh exposure per position, waits for the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
import json
import sys
import time
from typing import Any

from focus_stacking_ros.core.option import HoldsFrom, specifications
from focus_stacking_ros.ros.node.answering import answer_of, BusyError
from focus_stacking_ros.ros.node.focus_tags import FocusTags
from focus_stacking_ros.ros.node.parameters import declare_options, options_guard, read_options
from focus_stacking_ros.ros.node.region_topic import RegionTopic
from focus_stacking_ros.ros.node.running import run_node
from focus_stacking_ros.ros.node.typed_interfaces import find_interfaces
from focus_stacking_ros.ros.node.worker import Worker
from focus_stacking_ros.ros.sweeper.action import SweepAction
from focus_stacking_ros.ros.sweeper.camera_images import CameraImages
from focus_stacking_ros.ros.sweeper.exposures import Exposures
from focus_stacking_ros.ros.sweeper.health import SweepHealth
from focus_stacking_ros.ros.sweeper.jobs import Setup, SweepJobs
from focus_stacking_ros.ros.sweeper.lens_feedback import LensFeedback
from focus_stacking_ros.ros.sweeper.lenses import Lenses, RosLens
from focus_stacking_ros.ros.sweeper.lights import TopicLight
from focus_stacking_ros.ros.sweeper.options import SweepOptions
from focus_stacking_ros.ros.sweeper.outcome import (
    Answer,
    LensError,
    Outcome,
    StackFate,
    SweepError,
    Tag,
    Watch,
)
from focus_stacking_ros.ros.sweeper.range_finder import FoundRange
from focus_stacking_ros.ros.sweeper.runner import SweepRunner
from focus_stacking_ros.ros.sweeper.sequence import Now
from focus_stacking_ros.ros.sweeper.stacker_client import StackerClient
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.parameter import Parameter
from std_srvs.srv import Trigger

__all__ = ['SweepNode', 'main']

_FOLLOW_SECONDS = 0.2
_AT_ONCE = frozenset(
    item.name for item in specifications(SweepOptions) if item.holds_from == 'now')
_DIAGNOSTICS_SECONDS = 1.0
_DEPTH = 20


class SweepNode(Node):
    """
    Sweeps the focus for a stacking node; see the README for its topics and parameters.

    One worker thread makes the sweeps; the executor's thread only passes on what it hears.

    :raises OptionError: a parameter is illegal
    """

    def __init__(self, **node_arguments: Any) -> None:
        super().__init__('sweeper', **node_arguments)
        declare_options(self, SweepOptions)
        options = read_options(self, SweepOptions)
        self._started = False
        self._lenses = Lenses(self)
        self._light = TopicLight(self, self._light_heard)
        self._setup = self._made_of(options)
        kinds = find_interfaces(self.get_logger().debug, self.get_logger().warning)
        self._tags = FocusTags(self, _DEPTH, kinds)
        self._stacker = StackerClient(self, options.stacker_node, typed=kinds is not None) if (
            options.stacker_node) else None
        self._runner = SweepRunner(self._stacker, self._publish, self._now, self._light)
        self._exposures = Exposures(self, self._runner.exposer.exposure)
        self._exposures.follow(options.camera_stamps)
        self._feedback = LensFeedback(self, options, self._runner.exposer.feedback)
        self._health = SweepHealth(self, self._runner.counters)
        self._jobs = SweepJobs(self._runner, self._stacker, self._health)
        self._busy = self._closing = False
        self._resume_at = 0.0
        self.add_on_set_parameters_callback(options_guard(
            self, (SweepOptions,), self._past, self._parameters_changed,
            self._tell_change))
        # Not on the node's clock, which stands still in a paused simulation.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(_DIAGNOSTICS_SECONDS, self._diagnose, clock=steady)
        self.create_timer(_FOLLOW_SECONDS, self._follow, clock=steady)
        # Reentrant: a sweep is being answered for as long as it lasts.
        group = ReentrantCallbackGroup()
        self.create_service(Trigger, '~/sweep', self._sweep, callback_group=group)
        self.create_service(Trigger, '~/stop', self._stop, callback_group=group)
        self.create_service(Trigger, '~/find_range', self._find_range, callback_group=group)
        self._region = RegionTopic(self, partial(
            self._health.refused, 'parameter changes refused'))
        self._action = None if kinds is None else SweepAction(
            self, kinds, self, options.stacker_node)
        self._started = True
        # Last: its thread begins at once where sweeping is continuous.
        self._worker = Worker(self._continue, self._seconds_to_next, self._crashed, _DEPTH)

    def close(self) -> None:
        """End the running sweep; to be called before the node is destroyed."""
        self._closing = True
        self._jobs.close()
        self._worker.stop()
        if self._action is not None:
            self._action.destroy()
            self._action = None

    def unexpected(self, error: Exception) -> None:
        """Tell of an exception that left a callback: a fault of this program."""
        self._health.unexpected(error)

    # Services, in the executor's thread

    async def _sweep(self, request: Trigger.Request, response: Trigger.Response
                     ) -> Trigger.Response:
        answer = await self.sweep(self.options, Watch())
        response.success = answer.outcome is Outcome.DONE
        response.message = json.dumps(answer.said) if response.success else answer.message
        return response

    async def _find_range(self, request: Trigger.Request, response: Trigger.Response
                          ) -> Trigger.Response:
        """Find the range, and make it that of the next sweeps."""
        found: list[FoundRange] = []
        setup = self._setup
        answer = await self._alone(
            setup.options, lambda images: self._jobs.search(setup, images, found), looks=True)
        if answer.outcome is Outcome.DONE:
            result = self.set_parameters_atomically([
                Parameter(name, value=value) for name, value in found[0].parameters().items()])
            response.success, response.message = result.successful, result.reason
        if response.success:
            response.message = json.dumps(answer.said)
        elif not response.message:
            response.message = answer.message
        return response

    @property
    def options(self) -> SweepOptions:
        """Return the options that the next sweep has."""
        return self._setup.options

    async def sweep(self, options: SweepOptions, watch: Watch, *, fuse: bool = True,
                    find: bool = False) -> Answer:
        """
        Make a sweep, and return what became of it; it is refused while another one runs.

        :param options: of this sweep
        :param watch: is told of it, in another thread
        :param fuse: whether its slices are to be fused
        :param find: whether its range is to be found first
        """
        setup = replace(self._setup, options=options)
        return await self._alone(
            options, lambda images: self._jobs.sweep(setup, watch, fuse, images), looks=find)

    async def _alone(self, options: SweepOptions,
                     job: Callable[[CameraImages | None], Answer], *, looks: bool) -> Answer:
        """
        Return what becomes of a job with the lens; it is refused while another one runs.

        :param options: of the job
        :param job: is called in the worker's thread with the images of the camera
        :param looks: whether it needs these
        """
        if self._busy or self._runner.progress[1] or options.continuous:
            words = ('sweeping is continuous; set continuous to false first'
                     if options.continuous else 'a sweep is running already')
            self.refuse(words)
            return Answer(Outcome.BUSY, words)
        self._busy = True
        images = CameraImages(self, self._runner.exposer.stopped) if looks else None
        try:
            self._runner.stop(False)
            answer = await self._answer(lambda: job(images))
        finally:
            self._busy = False
            if images is not None:
                images.destroy()
        return answer if isinstance(answer, Answer) else Answer(
            Outcome.FAILED, answer, StackFate.UNKNOWN)

    def refuse(self, words: str) -> None:
        """Tell the operator of a sweep that is refused."""
        self._health.refused('services refused', f'a sweep is refused: {words}')

    def stop(self) -> None:
        """End the running sweep."""
        self._runner.stop()

    async def _stop(self, request: Trigger.Request, response: Trigger.Response
                    ) -> Trigger.Response:
        running = self._runner.progress
        continuous = self._setup.options.continuous
        if continuous:
            self.set_parameters([Parameter('continuous', value=False)])
        self._runner.stop()
        # The worker is free again once the sweep has ended.
        answer = await self._answer(lambda: Answer(
            Outcome.DONE, said={'stopped': continuous or running[1] > 0}))
        response.success = isinstance(answer, Answer)
        response.message = json.dumps(answer.said) if isinstance(answer, Answer) else answer
        return response

    async def _answer(self, job: Callable[[], Answer]) -> Answer | str:
        """Return what a job in the worker's thread returns, or why it does not."""
        try:
            return await answer_of(self.executor, self._worker, job)
        except BusyError as error:
            self._health.refused('services refused', f'a service is refused: {error}')
            return str(error)
        except Exception as error:  # the worker has told of it
            return f'the sweep failed unexpectedly: {error!r}'

    # In the worker's thread

    def _continue(self) -> None:
        """Make the next half-sweep, where sweeping is continuous."""
        setup = self._setup
        if not setup.options.continuous or self._seconds_to_next():
            return
        try:
            lens, positions = self._jobs.plan(setup)
            self._runner.half_sweep(lens, positions, setup.options)
            self._health.done('')
        except SweepError as error:
            self._jobs.failed(error)
            self._resume_at = time.monotonic() + setup.options.retry_pause

    def _follow_continuous(self) -> None:
        """Begin or end with continuous sweeping, as the parameter is by now."""
        options = self._setup.options
        if options.continuous:
            self._runner.stop(False)
            self._runner.restart()
            return
        try:
            self._runner.end(options)
        except SweepError as error:
            self._jobs.failed(error)

    def _seconds_to_next(self) -> float | None:
        if self._closing or not self._setup.options.continuous:
            return None
        return max(self._resume_at - time.monotonic(), 0.0)

    def _publish(self, tag: Tag) -> None:
        self._tags.publish(tag.header, tag.position, tag.unit, tag.light)

    def _crashed(self, error: Exception) -> None:
        self._health.crashed(error)
        self._resume_at = time.monotonic() + self._setup.options.retry_pause

    # The rest

    def _now(self) -> Now:
        return Now(self.get_clock().now().nanoseconds, time.monotonic())

    def _made_of(self, options: SweepOptions) -> Setup:
        if options.light_count > 1:
            self._light.advertise()
        try:
            return Setup(options, self._lenses.lens(options))
        except LensError as error:
            return Setup(options, None, str(error))

    def _light_heard(self, number: int) -> None:
        self._runner.exposer.light_feedback(number)

    def _follow(self) -> None:
        """Notice another camera."""
        self._exposures.follow(self._setup.options.camera_stamps)

    def _past(self) -> set[HoldsFrom]:
        """Return what has been."""
        return {'start'} if self._started else set()

    def _parameters_changed(self, options: dict[type[Any], Any]) -> None:
        was, old = self._setup.options.continuous, self._setup.lens
        self._setup = new = self._made_of(options[SweepOptions])
        is_now = new.options.continuous
        # After the sweep that runs: until then the lens is what it was.
        self._worker.submit(lambda: self._change_lens(old, new), urgent=True)
        if is_now and not was:
            self._resume_at = 0.0
        elif was and not is_now:
            self._runner.stop()
        if is_now != was:
            self._worker.submit_once(self._follow_continuous)

    def _tell_change(self, changes: Mapping[str, object], refusal: str) -> None:
        waits = bool(self._runner.progress[1]) and not _AT_ONCE.issuperset(changes)
        self._health.changed(changes, refusal, waits)

    def _change_lens(self, old: RosLens | None, new: Setup) -> None:
        """Understand the lens as the new setup has it, and let go of the old one."""
        self._feedback.use(new.options)
        if old is not None and old is not new.lens:
            # What a node has is changed in its executor's thread.
            if (executor := self.executor) is None:
                old.retire()
            else:
                executor.create_task(old.retire)

    def _diagnose(self) -> None:
        done, of = self._runner.progress
        self._health.publish({
            'sweeping': of > 0, 'continuous': self._setup.options.continuous,
            'positions done': done, 'positions of the sweep': of,
            'exposures noticed on': self._exposures.topic}, self._setup.problem)


def main(args: Sequence[str] | None = None) -> int:
    """Run the sweeper."""
    return run_node(SweepNode, args)


if __name__ == '__main__':
    sys.exit(main())
