# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The sweep as an action: a goal, feedback while it is made, a result whatever becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from focus_stacking_ros.ros.messages.typed_report import typed_report
from focus_stacking_ros.ros.node.qos import output_profile
from focus_stacking_ros.ros.node.typed_interfaces import Interfaces
from focus_stacking_ros.ros.sweeper.goal import GoalError, ordered, RANGE_AUTO
from focus_stacking_ros.ros.sweeper.options import SweepOptions
from focus_stacking_ros.ros.sweeper.outcome import Answer, Outcome, Watch
from focus_stacking_ros.ros.sweeper.progress import Pace, SweepProgress
from rclpy.action import ActionServer, CancelResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType

__all__ = ['SweepAction', 'Sweeps']

_TELL_SECONDS = 1.0  # between two feedbacks where nothing new is to tell


class Sweeps(Protocol):
    """Who makes sweeps; all is called in the executor's thread."""

    @property
    def options(self) -> SweepOptions:
        """Return the options that the next sweep has."""

    async def sweep(self, options: SweepOptions, watch: Watch, *, fuse: bool,
                    find: bool) -> Answer:
        """Make a sweep, and return what became of it; it is refused while another one runs."""

    def refuse(self, words: str) -> None:
        """Tell the operator of a goal that is refused."""

    def stop(self) -> None:
        """End the running sweep."""


class SweepAction:
    """
    Serves the action ``sweep``; made and destroyed in the executor's thread.

    Every goal is accepted, and ends with a result: a rejection would have no words.

    :param node: rclpy.node.Node that serves it
    :param kinds: the typed messages
    :param sweeps: makes the sweeps
    :param stacker: name of the stacking node, whose progress is told; '' for none
    """

    def __init__(self, node: Any, kinds: Interfaces, sweeps: Sweeps, stacker: str) -> None:
        self._kinds, self._sweeps = kinds, sweeps
        self._pace = Pace()
        self._goal: Any = None  # the one whose sweep runs
        self._progress = SweepProgress(self._tell, self._pace)
        self._taken = self._refused = 0
        if stacker:
            namespace, slash, _ = stacker.rpartition('/')
            node.create_subscription(
                kinds.StackProgress, f'{namespace}{slash}stack_progress', self._stack_progressed,
                output_profile())
        node.create_timer(_TELL_SECONDS, self._tell, clock=Clock(clock_type=ClockType.STEADY_TIME))
        # Reentrant: a goal is being carried out for as long as its sweep lasts.
        self._server = ActionServer(
            node, kinds.Sweep, 'sweep', self._execute, callback_group=ReentrantCallbackGroup(),
            cancel_callback=self._cancel)

    def destroy(self) -> None:
        """End the service; goals that are still carried out get no result any more."""
        self._goal = None
        self._server.destroy()

    async def _execute(self, goal: Any) -> Any:
        if goal.is_cancel_requested:
            return self._ended(goal, Answer(Outcome.CANCELED, 'canceled before it began'))
        try:
            options = ordered(goal.request, self._sweeps.options)
        except GoalError as error:
            self._sweeps.refuse(str(error))
            return self._ended(goal, Answer(Outcome.INVALID_GOAL, str(error)))
        how = {'fuse': goal.request.fuse, 'find': goal.request.range == RANGE_AUTO}
        if self._goal is not None:  # its sweep is told to who asked for it
            answer = await self._sweeps.sweep(options, Watch(), **how)
            return self._ended(goal, answer)
        self._goal, self._taken, self._refused = goal, 0, 0
        self._progress = progress = SweepProgress(self._tell, self._pace)
        try:
            answer = await self._sweeps.sweep(options, progress, **how)
        finally:
            self._goal = None
        return self._ended(goal, answer, progress)

    def _cancel(self, goal: Any) -> CancelResponse:
        if goal is self._goal:
            self._sweeps.stop()
        return CancelResponse.ACCEPT

    def _ended(self, goal: Any, answer: Answer, progress: SweepProgress | None = None) -> Any:
        """Bring a goal to its end, and return its result."""
        if answer.outcome is Outcome.DONE:
            goal.succeed()
        elif answer.outcome is Outcome.CANCELED and goal.is_cancel_requested:
            goal.canceled()
        else:  # ~/stop ends a sweep, too
            goal.abort()
        result = self._kinds.Sweep.Result(
            outcome=int(answer.outcome), message=answer.message, stack=int(answer.stack))
        if progress is None:
            return result
        report: Mapping[str, Any] = progress.report
        result.exposed, result.positions = progress.done, progress.positions
        result.taken = int(answer.said.get('slices', self._taken))
        result.refused = int(answer.said.get('refused', self._refused))
        if report:
            result.report = typed_report(self._kinds, report)
            result.stamp = result.report.header.stamp
        return result

    def _stack_progressed(self, message: Any) -> None:
        stamp = message.header.stamp.sec, message.header.stamp.nanosec
        if stamp in self._progress.stamps:  # else it is of another stack
            self._taken, self._refused = message.taken, message.refused
            self._tell()

    def _tell(self) -> None:
        """Publish feedback, if there is a goal; any thread may call."""
        goal, progress = self._goal, self._progress
        if goal is not None:
            goal.publish_feedback(self._kinds.Sweep.Feedback(
                phase=int(progress.phase), position=progress.done, positions=progress.positions,
                taken=self._taken, refused=self._refused, seconds_left=progress.seconds_left()))
