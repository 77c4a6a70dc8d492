# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The services of a stacking node: begin anew, fuse what is there."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
import json
from typing import Any, NamedTuple

from focus_stacking_ros.ros.node.answering import answer_of, BusyError
from focus_stacking_ros.ros.node.worker import Worker
from focus_stacking_ros.ros.stacker.inputs import SliceInput
from focus_stacking_ros.ros.stacker.message_stacker import MessageStacker
from rclpy.callback_groups import ReentrantCallbackGroup
from std_srvs.srv import Trigger

__all__ = ['Running', 'StackServices']

Said = dict[str, Any] | str


class Running(NamedTuple):
    """An active node: its stack, the worker whose thread it belongs to, and its input."""

    stacker: MessageStacker
    worker: Worker
    source: SliceInput


class StackServices:
    """
    Serves ``~/start``, ``~/reset`` and ``~/process`` in the executor's thread.

    A stack begins by itself with its first slice, so that start and reset leave an empty one.

    :param node: rclpy.node.Node that serves them
    :param running: what answers now, None while the node is not active
    :param failure: why there is no result where a stack gave none
    :param refused: called with the reason where a service is refused
    """

    def __init__(self, node: Any, running: Callable[[], Running | None],
                 failure: Callable[[], str], refused: Callable[[str], None]) -> None:
        self._node, self._running = node, running
        self._failure, self._refused = failure, refused
        # Reentrant: all three wait for the worker, and nothing else is to wait for them.
        group = ReentrantCallbackGroup()
        for name, callback in (('start', self._start_anew), ('reset', self._start_anew),
                               ('process', self._process)):
            node.create_service(Trigger, f'~/{name}', callback, callback_group=group)

    def drop(self, stacker: MessageStacker) -> int:
        """Drop the running stack, in the worker's thread; returns the number of its slices."""
        dropped = stacker.reset()
        if dropped:
            self._node.get_logger().info(f'a running stack of {dropped} slices is dropped')
        return dropped

    async def _start_anew(self, request: Trigger.Request,
                          response: Trigger.Response) -> Trigger.Response:
        if (running := self._running()) is not None:
            running.source.clear()
        return await self._answer(
            lambda stacker: (True, {'dropped_slices': self.drop(stacker)}), response)

    async def _process(self, request: Trigger.Request,
                       response: Trigger.Response) -> Trigger.Response:
        return await self._answer(self._finish, response)

    async def _answer(self, job: Callable[[MessageStacker], tuple[bool, Said]],
                      response: Trigger.Response) -> Trigger.Response:
        """Answer a service with what a job in the worker's thread returns."""
        if (running := self._running()) is None:
            response.message = 'the node is not active; activate it first'
            self._refused(response.message)
            return response
        try:
            response.success, answer = await answer_of(
                self._node.executor, running.worker, partial(job, running.stacker))
        except Exception as error:  # the worker has told of it
            response.message = str(error)
            if isinstance(error, BusyError):
                self._refused(response.message)
        else:
            response.message = answer if isinstance(answer, str) else json.dumps(answer)
        return response

    def _finish(self, stacker: MessageStacker) -> tuple[bool, Said]:
        """Fuse what is there, in the worker's thread."""
        delivery = stacker.finish()
        if delivery is None or self._running() is None:
            return False, self._failure()
        frames = delivery.report['frames']
        accepted = sum(frame['accepted'] for frame in frames)
        return True, {'stamp': delivery.report['stamp'], 'frame_id': delivery.report['frame_id'],
                      'slices': accepted, 'refused': len(frames) - accepted}
