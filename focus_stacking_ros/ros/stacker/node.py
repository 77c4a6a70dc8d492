# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The stacking node: tagged images in; all-in-focus image, depth and confidence out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
import json
import sys
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from focus_stacking_ros.core.align.misfit import DISPLACED
from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.core.stack.backend import Backend, BackendError, create_backend
from focus_stacking_ros.ros.node.diagnostics import diagnostic_array
from focus_stacking_ros.ros.node.faults import Faults
from focus_stacking_ros.ros.node.parameters import declare_options, options_guard, read_options
from focus_stacking_ros.ros.node.running import run_node
from focus_stacking_ros.ros.node.worker import Worker
from focus_stacking_ros.ros.stacker.health import input_health, node_health, stack_health
from focus_stacking_ros.ros.stacker.inputs import SliceInput
from focus_stacking_ros.ros.stacker.message_stacker import Delivery, MessageStacker
from focus_stacking_ros.ros.stacker.options import NodeOptions
from focus_stacking_ros.ros.stacker.outputs import build_outputs, ResultPublisher
from focus_stacking_ros.ros.stacker.pairing import Pair
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.task import Future
from std_srvs.srv import Trigger

__all__ = ['StackerNode', 'main']

_POLL_SECONDS = 0.2
_POSE_SECONDS = 0.02
_DIAGNOSTICS_SECONDS = 1.0
_READ_ON_ACTIVATION = frozenset({
    'focus.source', 'focus.joint', 'focus.joint_gap', 'focus.diagnostics_key',
    'focus.diagnostics_hardware', 'motion.fixed_frame', 'motion.wait'})


class StackerNode(LifecycleNode):
    """
    A managed node around a FocusStacker; see the README for its topics and parameters.

    The executor's thread only pairs messages; one worker thread does everything else, in order.
    """

    def __init__(self, **node_arguments: Any) -> None:
        super().__init__('stacker', **node_arguments)
        declare_options(self, NodeOptions)
        declare_options(self, StackOptions)
        self._active = self._started = self._advertised = False
        self._warned: set[str] = set()
        self._worker: Worker | None = None
        self._last_failure = ''
        self._faults = Faults(self.get_logger())
        self._counters: Counter[str] = Counter()
        self._last_report: dict[str, Any] = {}
        self.add_on_set_parameters_callback(options_guard(
            self, (NodeOptions, StackOptions), self._why_fixed, self._parameters_changed,
            self._tell_change))
        # Not managed: the operator sees an inactive node too.
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        # Not on the node's clock, which stands still in a paused simulation.
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._diagnostics_timer = self.create_timer(
            _DIAGNOSTICS_SECONDS, self._diagnose, clock=self._steady)
        # A stack begins by itself with its first slice, so both leave an empty one behind.
        self.create_service(Trigger, '~/start', self._start_anew)
        self.create_service(Trigger, '~/reset', self._start_anew)
        self.create_service(Trigger, '~/process', self._process)
        if (self.get_parameter('autostart').value
                and self.trigger_configure() == TransitionCallbackReturn.SUCCESS):
            self.trigger_activate()

    # Lifecycle

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Read the parameters, open the backend, advertise the outputs."""
        try:
            options = read_options(self, NodeOptions)
            self._backend = self._open_backend(options.backend)
            self._stacker = MessageStacker(read_options(self, StackOptions), options,
                                           self._backend, self)
            self._outputs = ResultPublisher(self, options)
        except (BackendError, ValueError) as error:
            self._transition_failed(f'cannot configure: {error}')
            return TransitionCallbackReturn.FAILURE
        self._options, self._advertised = options, True
        self._worker = Worker(self._stacker.check_timeout, self._stacker.remaining_seconds,
                              self._crashed, max(options.input_depth, options.stack_size))
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe the inputs."""
        try:
            self._input = SliceInput(self, self._options, self._paired, partial(
                self._faults.note, 'input'))
        except ValueError as error:
            self._transition_failed(f'cannot activate: {error}')
            return TransitionCallbackReturn.FAILURE
        self._stacker.use_camera_infos(self._input.camera_infos)
        if self._options.focus_source == 'tf' and (
                self.get_parameter('reference').value != 'first'
                or self._options.output_stamp != 'reference'):
            self.get_logger().warning(
                'with focus.source tf depth counts from the camera at the first slice; set '
                'reference to first and output.stamp to reference, so that TF finds it there')
        self._own_timers = [self.create_timer(_POLL_SECONDS, self._follow, clock=self._steady)]
        if self._options.motion_fixed_frame:
            self._own_timers.append(
                self.create_timer(_POSE_SECONDS, self._input.poll, clock=self._steady))
        self._active = self._started = True
        self.get_logger().info(
            f'stacking {", ".join(self._input.topics)} with the {self._backend.name} backend; '
            f'a stack ends by {self._options.stack_end}')
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop listening; the running stack is dropped."""
        self._stop_listening()
        self._submit(self._drop)
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release the worker, the backend and the outputs."""
        self._release()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release everything."""
        if self._active:
            self._stop_listening()
        self._release()
        return super().on_shutdown(state)

    def close(self) -> None:
        """Stop the worker; to be called before the node is destroyed."""
        self._active = False
        if self._worker is not None:
            self._worker.stop()
            self._worker = None
            self._drop()

    # What the MessageStacker tells, in the worker's thread

    def delivered(self, delivery: Delivery) -> None:
        """Publish a result."""
        height, width = delivery.result.depth_m.shape
        camera_info = self._input.camera_infos.find(delivery.reference_stamp, width, height)
        self._outputs.publish(build_outputs(
            delivery, camera_info, delivery.options, self._warn_once))
        self._last_report, self._last_failure = delivery.report, ''
        accepted = sum(frame['accepted'] for frame in delivery.report['frames'])
        for note in delivery.result.notes:
            if delivery.disorder and note.startswith(delivery.disorder):
                self._faults.note('stack', 'out of order', note)
            elif note.startswith(DISPLACED):
                self._faults.note('stack', 'displaced', note)
            else:
                self.get_logger().info(note)
        self.get_logger().info(
            f'stack of {accepted} slices fused; finishing took '
            f'{delivery.result.timings_ms["finish"]:.0f} ms')
        self._faults.stack_ended()

    def refused(self, code: str, reason: str) -> None:
        """Tell of a refused slice."""
        count = sum(count for key, count in self._stacker.counters.items()
                    if key.startswith('refused'))
        self._faults.note('stack', f'refused: {code}', reason,
                          shown=f'{count} slices refused, the latest: {reason}')

    def incomplete(self, reason: str) -> None:
        """Tell of a stack that ended before all its slices had come."""
        self._faults.note('stack', 'incomplete', reason)

    def failed(self, reason: str) -> None:
        """Tell of a stack without a result."""
        self._last_failure = reason
        self._faults.note('stack', 'failed', reason, is_error=True)
        self._faults.stack_ended()

    # Slices and services, in the executor's thread

    def _paired(self, pair: Pair[Any]) -> None:
        assert self._worker is not None
        if not self._worker.submit(lambda: self._stacker.add(pair)):
            self._input.counters['lost: too fast'] += 1
            lost = self._input.counters['lost: too fast']
            self._faults.note(
                'input', 'too fast', f'a slice is lost: {self._worker.waiting()} are waiting to '
                'be stacked; send slower or raise input.depth',
                shown=f'{lost} slices lost: too fast', is_error=True)

    async def _start_anew(self, request: Trigger.Request,
                          response: Trigger.Response) -> Trigger.Response:
        if self._active:
            self._input.clear()
        return await self._answer(lambda: (True, {'dropped_slices': self._drop()}), response)

    async def _process(self, request: Trigger.Request,
                       response: Trigger.Response) -> Trigger.Response:
        return await self._answer(self._finish, response)

    async def _answer(self, job: Callable[[], tuple[bool, dict[str, Any] | str]],
                      response: Trigger.Response) -> Trigger.Response:
        """Answer a service with what a job in the worker's thread returns."""
        if not self._active:
            response.message = 'the node is not active; activate it first'
            self._counters['services refused'] += 1
            self._faults.note('node', 'service', f'a service is refused: {response.message}')
            return response
        executor = self.executor
        future = Future(executor=executor)

        def work() -> None:
            try:
                future.set_result(job())
            except Exception as error:
                future.set_result((False, str(error)))
                raise
            finally:
                executor.create_task(lambda: None)  # wakes the executor

        self._submit(work)
        response.success, answer = await future
        response.message = answer if isinstance(answer, str) else json.dumps(answer)
        return response

    # In the worker's thread

    def _finish(self) -> tuple[bool, dict[str, Any] | str]:
        delivery = self._stacker.finish()
        if delivery is None:
            return False, self._last_failure
        frames = delivery.report['frames']
        accepted = sum(frame['accepted'] for frame in frames)
        return True, {'stamp': delivery.report['stamp'], 'frame_id': delivery.report['frame_id'],
                      'slices': accepted, 'refused': len(frames) - accepted}

    def _drop(self) -> int:
        dropped = self._stacker.reset()
        if dropped:
            self.get_logger().info(f'a running stack of {dropped} slices is dropped')
        return dropped

    def _crashed(self, error: Exception) -> None:
        self._last_failure = repr(error)
        self._counters['unexpected errors'] += 1
        self._faults.note('node', 'unexpected', f'a slice or stack failed unexpectedly: {error!r}',
                          is_error=True)

    def _transition_failed(self, words: str) -> None:
        self._counters['failed transitions'] += 1
        self._faults.note('node', 'transition', words, is_error=True)

    def _tell_of_backend(self, backend: Backend) -> None:
        """Tell, once, why a backend is not what was asked for any more."""
        if backend.problem and backend.problem not in self._warned:
            self._counters['backend failures'] += 1
            self._warn_once(backend.problem)

    # The rest

    def _submit(self, job: Callable[[], Any]) -> None:
        assert self._worker is not None
        self._worker.submit(job, urgent=True)

    def _stop_listening(self) -> None:
        self._active = False
        for timer in self._own_timers:
            self.destroy_timer(timer)
        self._input.destroy()

    def _release(self) -> None:
        if self._worker is not None:
            self._worker.stop(drop=False)
            self._worker = None
            self._outputs.destroy()

    def _open_backend(self, name: str) -> Backend:
        """Return the backend; one that is missing here is replaced, with one warning."""
        try:
            backend = create_backend(name)
        except BackendError as error:
            if name == 'auto':
                raise
            backend = create_backend('auto')
            backend.problem = f'{error}; using {backend.name} instead'
            self._tell_of_backend(backend)
        else:
            if backend.choice:
                self.get_logger().info(backend.choice)
        return backend

    def _warn_once(self, words: str) -> None:
        if words not in self._warned:
            self._warned.add(words)
            self.get_logger().warning(words)

    def _follow(self) -> None:
        """Notice new publishers and late subscribers."""
        self._input.follow_publishers()
        if self._outputs.has_late_subscribers():
            self._submit(self._outputs.serve_late_subscribers)

    def _why_fixed(self, name: str) -> str:
        if (name == 'autostart' or (name.startswith('input.') and self._started)
                or (name in ('output.reliability', 'output.durability') and self._advertised)):
            return f'{name} is read when the node starts; set it there'
        if name in _READ_ON_ACTIVATION and self._active:
            return f'{name} is read when the node is activated; deactivate the node first'
        if name == 'backend' and self._worker is not None:
            return f'{name} is read when the node is configured; clean the node up first'
        return ''

    def _parameters_changed(self, options: dict[type[Any], Any]) -> None:
        if self._worker is not None:
            self._options = options[NodeOptions]
            self._stacker.configure(options[StackOptions], options[NodeOptions])

    def _tell_change(self, changes: Mapping[str, object], refusal: str) -> None:
        """Say what becomes of a change of parameters."""
        words = ', '.join(f'{name} = {value}' for name, value in changes.items())
        if refusal:
            self._counters['parameter changes refused'] += 1
            self._faults.note('node', 'parameters', f'not changed: {words}: {refusal}')
            return
        self._counters['parameter changes'] += 1
        waits = self._worker is not None and len(self._stacker)
        self.get_logger().info(words + (
            '; holds from the next stack on' if waits else '; holds from now on'))

    def _diagnose(self) -> None:
        faults, worker = self._faults, self._worker
        if worker is not None:
            self._tell_of_backend(self._backend)
        healths = [node_health(
            self._active, None if worker is None else self._backend,
            self._last_report.get('timings_ms', {}), self._counters, faults)]
        if worker is not None:
            if self._active:
                healths.append(input_health(self._input, faults))
            healths.append(stack_health(self._stacker, worker.waiting(), faults))
        self._diagnostics.publish(diagnostic_array(
            self.get_fully_qualified_name(), 'focus stacking', self.get_clock().now().to_msg(),
            healths))


def main(args: Sequence[str] | None = None) -> int:
    """Run the stacking node."""
    return run_node(StackerNode, args)


if __name__ == '__main__':
    sys.exit(main())
