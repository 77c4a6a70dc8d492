# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The stacking node: tagged images in; all-in-focus image, depth and confidence out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
import json
import re
import sys
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from focus_stacking_ros.core.backend import Backend, BackendError, create_backend
from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.interface.diagnostics import diagnostic_array, Health
from focus_stacking_ros.interface.inputs import SliceInput
from focus_stacking_ros.interface.message_stacker import Delivery, MessageStacker
from focus_stacking_ros.interface.node_options import NodeOptions
from focus_stacking_ros.interface.outputs import build_outputs, ResultPublisher
from focus_stacking_ros.interface.pairing import Pair
from focus_stacking_ros.interface.parameters import declare_options, options_guard, read_options
from focus_stacking_ros.interface.worker import Worker
from focus_stacking_ros.nodes.running import run_node
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.task import Future
from std_srvs.srv import Trigger

__all__ = ['StackerNode', 'main']

_POLL_SECONDS = 0.2
_POSE_SECONDS = 0.02
_DIAGNOSTICS_SECONDS = 1.0
_THROTTLE_SECONDS = 5.0
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
        self._quiet_until: dict[str, float] = {}
        self._last_report: dict[str, Any] = {}
        self.add_on_set_parameters_callback(options_guard(
            self, (NodeOptions, StackOptions), self._why_fixed, self._parameters_changed))
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
            self.get_logger().error(f'cannot configure: {error}')
            return TransitionCallbackReturn.FAILURE
        self._options, self._advertised = options, True
        self._worker = Worker(self._stacker.check_timeout, self._stacker.remaining_seconds,
                              self._crashed, max(options.input_depth, options.stack_size))
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe the inputs."""
        try:
            self._input = SliceInput(self, self._options, self._paired, self._warn)
        except ValueError as error:
            self.get_logger().error(f'cannot activate: {error}')
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
            self.get_logger().info(note)
        self.get_logger().info(
            f'stack of {accepted} slices fused; finishing took '
            f'{delivery.result.timings_ms["finish"]:.0f} ms')

    def refused(self, code: str, reason: str) -> None:
        """Log a refused slice; each kind of refusal is throttled for itself."""
        if self._is_time_to_say(code):
            self.get_logger().warning(reason)

    def failed(self, reason: str) -> None:
        """Log a stack without a result."""
        self._last_failure = reason
        self.get_logger().error(reason)

    # Slices and services, in the executor's thread

    def _paired(self, pair: Pair[Any]) -> None:
        assert self._worker is not None
        if not self._worker.submit(lambda: self._stacker.add(pair)):
            self._input.counters['lost: too fast'] += 1
            self.get_logger().error(
                f'a slice is lost: {self._worker.waiting()} are waiting to be stacked; send '
                'slower or raise input.depth', throttle_duration_sec=_THROTTLE_SECONDS)

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
        self.get_logger().error(f'a slice or stack failed unexpectedly: {error!r}',
                                throttle_duration_sec=_THROTTLE_SECONDS)

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
            self._warn_once(backend.problem)
        else:
            if backend.choice:
                self.get_logger().info(backend.choice)
        return backend

    def _warn(self, words: str) -> None:
        if self._is_time_to_say(re.sub(r'\d', '', words)):
            self.get_logger().warning(words)

    def _warn_once(self, words: str) -> None:
        if words not in self._warned:
            self._warned.add(words)
            self.get_logger().warning(words)

    def _is_time_to_say(self, kind: str) -> bool:
        """Throttle each kind of news for itself: rclpy throttles all that a line of code says."""
        now = time.monotonic()
        if now < self._quiet_until.get(kind, now):
            return False
        self._quiet_until[kind] = now + _THROTTLE_SECONDS
        return True

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

    def _diagnose(self) -> None:
        healths = [self._node_health()]
        if self._worker is not None:
            if self._active:
                healths.append(self._input_health())
            healths.append(self._stack_health())
        self._diagnostics.publish(diagnostic_array(
            self.get_fully_qualified_name(), 'focus stacking', self.get_clock().now().to_msg(),
            healths))

    def _node_health(self) -> Health:
        values: dict[str, object] = {'active': self._active}
        problem = ''
        if self._worker is not None:
            values['backend'] = self._backend.name
            problem = self._backend.problem
            if problem:
                self._warn_once(problem)
            values.update({f'{step} [ms]': value for step, value
                           in self._last_report.get('timings_ms', {}).items()})
        return Health('node', values, problem if self._active else 'the node is not active')

    def _input_health(self) -> Health:
        source = self._input
        values = {**source.counters, 'untagged images': source.pairing.untagged_images,
                  'positions without image': source.pairing.tags_without_image,
                  'repeated stamps': source.pairing.repeated_stamps}
        lost = source.counters['lost: too fast']
        error = ('a publisher offers a quality of service that does not fit: '
                 + ', '.join(source.mismatched)) if source.mismatched else ''
        repeated = source.pairing.repeated_stamps
        return Health('input', values, f'{lost} slices lost: too fast' if lost else (
            f'{repeated} messages with the stamp of an earlier one are left out'
            if repeated else ''), error)

    def _stack_health(self) -> Health:
        assert self._worker is not None
        refused = sum(count for key, count in self._stacker.counters.items()
                      if key.startswith('refused'))
        values: dict[str, object] = {
            'slices in the running stack': len(self._stacker),
            'slices of a stack': self._stacker.size or self._options.stack_end,
            'waiting slices': self._worker.waiting(), **self._stacker.counters}
        return Health('stack', values, self._last_failure or (
            f'{refused} slices refused' if refused else ''))


def main(args: Sequence[str] | None = None) -> int:
    """Run the stacking node."""
    return run_node(StackerNode, args)


if __name__ == '__main__':
    sys.exit(main())
