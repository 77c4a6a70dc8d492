# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The stacking node: tagged images in; all-in-focus image, depth and confidence out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
import itertools
import sys
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from focus_stacking_ros.core.option import HoldsFrom
from focus_stacking_ros.core.options import StackOptions
from focus_stacking_ros.core.refusal import Refusal
from focus_stacking_ros.core.stack.backend import Backend, BackendError
from focus_stacking_ros.ros.node.bond import Bond, open_bond
from focus_stacking_ros.ros.node.counters import Counters
from focus_stacking_ros.ros.node.diagnostics import diagnostic_array
from focus_stacking_ros.ros.node.faults import Faults
from focus_stacking_ros.ros.node.parameters import declare_options, options_guard, read_options
from focus_stacking_ros.ros.node.region_topic import RegionTopic
from focus_stacking_ros.ros.node.running import run_node
from focus_stacking_ros.ros.node.worker import Worker
from focus_stacking_ros.ros.stacker.delivery import Delivery, Progress
from focus_stacking_ros.ros.stacker.health import input_health, node_health, stack_health
from focus_stacking_ros.ros.stacker.inputs import SliceInput
from focus_stacking_ros.ros.stacker.message_stacker import MessageStacker
from focus_stacking_ros.ros.stacker.opened_backend import open_backend
from focus_stacking_ros.ros.stacker.options import NodeOptions
from focus_stacking_ros.ros.stacker.output_messages import build_outputs
from focus_stacking_ros.ros.stacker.outputs import ResultPublisher
from focus_stacking_ros.ros.stacker.pairing import Pair
from focus_stacking_ros.ros.stacker.services import Running, StackServices
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

__all__ = ['StackerNode', 'main']

_FOLLOW_SECONDS = 0.5  # each turn of the executor costs two milliseconds
_POSE_SECONDS = 0.02
_DIAGNOSTICS_SECONDS = 2 * _FOLLOW_SECONDS  # in every other of the same turns
_RELEASE_SECONDS = 0.2  # that a transition waits for the worker; longer, and others would wait


class StackerNode(LifecycleNode):
    """
    A managed node around a FocusStacker; see the README for its topics and parameters.

    The executor's thread pairs messages, makes and destroys all entities, and answers; it never
    waits for the one worker thread that does everything else, in order.
    """

    def __init__(self, **node_arguments: Any) -> None:
        super().__init__('stacker', **node_arguments)
        declare_options(self, NodeOptions)
        declare_options(self, StackOptions)
        self._active = self._started = self._advertised = False
        self._backend: Backend | None = None
        self._stacker: MessageStacker | None = None
        self._outputs: ResultPublisher | None = None
        self._worker: Worker | None = None
        self._ending: Worker | None = None
        self._bond: Bond | None = None
        self._last_failure = ''
        self._faults = Faults(self.get_logger())
        self._counters = Counters()
        self._last_report: dict[str, Any] = {}
        self.add_on_set_parameters_callback(options_guard(
            self, (NodeOptions, StackOptions), self._past, self._parameters_changed,
            self._tell_change))
        # Not managed: the operator sees an inactive node too.
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        # Not on the node's clock, which stands still in a paused simulation.
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._inactive_timer = self.create_timer(
            _DIAGNOSTICS_SECONDS, self._diagnose, clock=self._steady)
        self._stack_services = StackServices(
            self, self._running, lambda: self._last_failure, self._refused_service)
        self._region = RegionTopic(self, lambda reason: self._tell_change({}, reason))
        if (self.get_parameter('autostart').value
                and self.trigger_configure() == TransitionCallbackReturn.SUCCESS):
            self.trigger_activate()

    # Lifecycle

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Read the parameters, open the backend, advertise the outputs."""
        if self._ending is not None and not self._ending.stop(timeout_seconds=_RELEASE_SECONDS):
            # Two owners of one accelerator would be worse than none.
            self._transition_failed('cannot configure: a stack from before the cleanup is still '
                                    'being fused; configure the node again when it is done')
            return TransitionCallbackReturn.FAILURE
        self._ending = None
        try:
            options = read_options(self, NodeOptions)
            backend = open_backend(options.backend, self.get_logger().info)
            self._tell_of_backend(backend)
            algorithm = read_options(self, StackOptions)
            stacker = MessageStacker(algorithm, options, backend, self)
            outputs = ResultPublisher(self, options, self._serve_late, self._output_failed,
                                      lights=algorithm.stack_lights)
        except (BackendError, ValueError) as error:
            self._transition_failed(f'cannot configure: {error}')
            return TransitionCallbackReturn.FAILURE
        self._backend, self._stacker, self._outputs = backend, stacker, outputs
        self._options, self._advertised = options, True
        self._worker = Worker(stacker.check_timeout, stacker.remaining_seconds, self._crashed,
                              # A whole stack may come while the one before is fused.
                              options.input_depth
                              + options.stack_size * algorithm.stack_lights)
        self._bond = open_bond(self)
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe the inputs."""
        assert self._backend is not None
        assert self._stacker is not None
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
        self._inactive_timer.cancel()
        self._turns = itertools.count()
        self._own_timers = [self.create_timer(
            _FOLLOW_SECONDS, self._look_around, clock=self._steady)]
        if self._options.motion_fixed_frame:
            self._own_timers.append(
                self.create_timer(_POSE_SECONDS, self._input.poll, clock=self._steady))
        self._active = self._started = True
        self.get_logger().info(
            f'stacking {", ".join(self._input.topics)} with the {self._backend.name} backend; '
            f'a stack ends by {self._options.stack_end}')
        result = super().on_activate(state)
        self._serve_late()  # those that came while it was inactive
        if self._bond is not None:
            self._bond.start()
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop listening; the running stack is dropped."""
        self._stop_listening()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """
        Release the worker, the backend, the stack and the outputs.

        A stack that is being fused keeps the backend until it is done; it is not published, and
        the node cannot be configured before.
        """
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
        if self._bond is not None:
            self._bond.stop()  # the manager need not wait for its silence
        for worker in (self._worker, self._ending):
            if worker is not None:
                worker.stop()
        self._worker = self._ending = None
        self._drop_running()

    def unexpected(self, error: Exception) -> None:
        """Tell of an exception that left a callback: a fault of this program."""
        self._unexpected('an unexpected error in a callback', error)

    # What the MessageStacker tells, in the worker's thread

    def delivered(self, delivery: Delivery) -> None:
        """Publish a result."""
        outputs = self._outputs
        try:
            if self._active and outputs is not None:
                self._deliver(delivery, outputs)
            else:
                self._last_failure = ('the node was deactivated while the stack was being fused, '
                                      'so its result is not published')
                self.get_logger().warning(self._last_failure)
        finally:
            self._faults.stack_ended()

    def _deliver(self, delivery: Delivery, outputs: ResultPublisher) -> None:
        camera_info = delivery.camera_info(self._input.camera_infos)
        outputs.publish(build_outputs(
            delivery, camera_info, delivery.options, self._faults.say_once, outputs.kinds))
        self._last_report, self._last_failure = delivery.report, ''
        accepted = sum(frame['accepted'] for frame in delivery.report['frames'])
        for fault, words in delivery.result.faults.items():
            self._faults.note('stack', fault.value, words)
        for remark in delivery.result.remarks:
            self.get_logger().info(remark)
        self.get_logger().info(
            f'stack of {accepted} slices fused; finishing took '
            f'{delivery.result.timings_ms["finish"]:.0f} ms')

    def refused(self, refusal: Refusal, reason: str) -> None:
        """Tell of a refused slice."""
        stacker = self._stacker
        if stacker is None:
            return  # it ends, and with it the stack
        self._faults.note('stack', 'refused', reason, variant=refusal.code, shown=(
            f'{stacker.refusals()} slices refused, the latest: {reason}'))

    def progressed(self, progress: Progress) -> None:
        """Publish how far the stack is."""
        if (outputs := self._outputs) is not None:
            outputs.progressed(progress)

    def incomplete(self, reason: str) -> None:
        """Tell of a stack that ended before all its slices had come."""
        self._faults.note('stack', 'incomplete', reason)

    def ignored(self, reason: str) -> None:
        """Tell of a region of interest that cannot be used."""
        self._faults.note('stack', 'region', reason)

    def failed(self, reason: str) -> None:
        """Tell of a stack without a result."""
        self._last_failure = reason
        self._faults.note('stack', 'failed', reason, is_error=True)
        self._faults.stack_ended()

    # Slices and services, in the executor's thread

    def _paired(self, pair: Pair[Any]) -> None:
        assert self._worker is not None
        assert self._stacker is not None
        if not self._worker.submit(partial(self._stacker.add, pair)):
            self._input.counters['lost: too fast'] += 1
            lost = self._input.counters['lost: too fast']
            self._faults.note(
                'input', 'too fast', f'a slice is lost: {self._worker.waiting()} are waiting to '
                'be stacked; send slower or raise input.depth',
                shown=f'{lost} slices lost: too fast', is_error=True)

    def _running(self) -> Running | None:
        worker, stacker = self._worker, self._stacker
        if not self._active or worker is None or stacker is None:
            return None
        return Running(stacker, worker, self._input)

    def _refused_service(self, reason: str) -> None:
        self._counters.count('services refused')
        self._faults.note('node', 'service', f'a service is refused: {reason}')

    # In the worker's thread

    def _drop_running(self) -> None:
        stacker = self._stacker  # read once: the executor's thread releases it
        if stacker is not None:
            self._stack_services.drop(stacker)

    def _crashed(self, error: Exception) -> None:
        self._last_failure = repr(error)
        self._unexpected('a slice or stack failed unexpectedly', error)

    def _output_failed(self, name: str, error: Exception) -> None:
        self._counters.count('outputs failed')
        self._faults.unexpected('node', f'the output {name} of a result failed', error)

    # In any thread

    def _unexpected(self, what: str, error: Exception) -> None:
        self._counters.count('unexpected errors')
        self._faults.unexpected('node', what, error)

    def _transition_failed(self, words: str) -> None:
        self._counters.count('failed transitions')
        self._faults.note('node', 'transition', words, is_error=True)

    def _tell_of_backend(self, backend: Backend) -> None:
        """Tell, once, why a backend is not what was asked for any more."""
        if backend.problem and self._faults.say_once(backend.problem):
            self._counters.count('backend failures')

    # The rest

    def _stop_listening(self) -> None:
        self._active = False
        if self._bond is not None:
            self._bond.stop()
        for timer in self._own_timers:
            self.destroy_timer(timer)
        self._inactive_timer.reset()
        self._input.destroy()
        assert self._worker is not None
        self._worker.forget()
        self._worker.submit_once(self._drop_running)

    def _release(self) -> None:
        if self._worker is None:
            return
        assert self._outputs is not None
        if not self._worker.stop(drop=False, timeout_seconds=_RELEASE_SECONDS):
            self._ending = self._worker
        self._outputs.destroy()
        if self._bond is not None:
            self._bond.destroy()
            self._bond = None
        self._worker = self._backend = self._stacker = self._outputs = None

    def _look_around(self) -> None:
        """Notice new publishers, and subscribers that come and go; tell how the node is."""
        self._input.follow_publishers()
        if self._outputs is not None:
            self._outputs.follow_subscribers()
        if next(self._turns) % 2 == 0:
            self._diagnose()

    def _serve_late(self) -> None:
        """Have the outputs made that have got a subscriber."""
        worker, outputs = self._worker, self._outputs
        if worker is not None and outputs is not None and outputs.has_late_subscribers():
            worker.submit_once(outputs.serve_late_subscribers)

    def _past(self) -> set[HoldsFrom]:
        """Return what has been and is not undone."""
        reached: dict[HoldsFrom, bool] = {
            'start': True, 'first configuration': self._advertised,
            'first activation': self._started, 'configuration': self._worker is not None,
            'activation': self._active}
        return {moment for moment, is_past in reached.items() if is_past}

    def _parameters_changed(self, options: dict[type[Any], Any]) -> None:
        if self._stacker is not None:
            self._options = options[NodeOptions]
            self._stacker.configure(options[StackOptions], options[NodeOptions])

    def _tell_change(self, changes: Mapping[str, object], refusal: str) -> None:
        """Say what becomes of a change of parameters."""
        words = ', '.join(f'{name} = {value}' for name, value in changes.items())
        if refusal:
            self._counters.count('parameter changes refused')
            self._faults.note('node', 'parameters', f'not changed: {words or "roi"}: {refusal}')
            return
        self._counters.count('parameter changes')
        waits = self._stacker is not None and len(self._stacker)
        self.get_logger().info(words + (
            '; holds from the next stack on' if waits else '; holds from now on'))

    def _diagnose(self) -> None:
        faults, worker, stacker = self._faults, self._worker, self._stacker
        if self._backend is not None:
            self._tell_of_backend(self._backend)
        healths = [node_health(self._active, self._backend,
                               self._last_report.get('timings_ms', {}), self._counters, faults)]
        if worker is not None and stacker is not None:
            if self._active:
                healths.append(input_health(self._input, faults))
            healths.append(stack_health(stacker, worker.waiting(), faults))
        self._diagnostics.publish(diagnostic_array(
            self.get_fully_qualified_name(), 'focus stacking', self.get_clock().now().to_msg(),
            healths))


def main(args: Sequence[str] | None = None) -> int:
    """Run the stacking node."""
    return run_node(StackerNode, args, large_messages=True)


if __name__ == '__main__':
    sys.exit(main())
