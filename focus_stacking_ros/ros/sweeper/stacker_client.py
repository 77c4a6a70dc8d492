# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The stacking node as another node sees it: its services, its parameters, its reports."""

from __future__ import annotations

from collections import deque
import json
import math
import threading
import time
from typing import Any

from focus_stacking_ros.ros.messages.stamp import Stamp
from focus_stacking_ros.ros.node.qos import output_profile
from focus_stacking_ros.ros.node.typed_interfaces import PACKAGE
from focus_stacking_ros.ros.sweeper.options import SweepOptions
from focus_stacking_ros.ros.sweeper.outcome import StackerError
from rcl_interfaces.srv import GetParameters, SetParameters
from rclpy.parameter import Parameter
from std_msgs.msg import String
from std_srvs.srv import Trigger

__all__ = ['StackerClient']

_POLL_SECONDS = 0.05
_REPEAT_SECONDS = 1.0
_REPORTS = 4  # the latest that are kept


class StackerClient:
    """
    Talks to a stacking node; its methods block, and are called outside the executor's thread.

    :param node: rclpy.node.Node that asks; its executor must be spinning
    :param name: of the stacking node, relative to the node's namespace
    :param typed: whether typed focus positions are published beside the plain ones
    """

    def __init__(self, node: Any, name: str, *, typed: bool = False) -> None:
        self._name, self._typed = name, typed
        self.use(SweepOptions())
        self._changed = threading.Condition()
        self._reports: deque[dict[str, Any]] = deque(maxlen=_REPORTS)
        self._cancelled = threading.Event()
        self._triggers = {service: node.create_client(Trigger, f'{name}/{service}')
                          for service in ('start', 'process', 'reset')}
        self._parameters = node.create_client(SetParameters, f'{name}/set_parameters')
        self._settings = node.create_client(GetParameters, f'{name}/get_parameters')
        # A stacking node publishes its report in its namespace.
        namespace, slash, _ = name.rpartition('/')
        node.create_subscription(String, f'{namespace}{slash}report', self._reported,
                                 output_profile())

    def use(self, options: SweepOptions) -> None:
        """Follow the unit of these options, and how they treat the stacking node."""
        self._unit = options.focus_unit
        self._configure, self._timeout = options.stacker_configure, options.stacker_timeout
        self._lights = options.light_count

    def cancel(self, cancelled: bool) -> None:
        """Say whether to stop waiting; see Stacker."""
        if cancelled:
            self._cancelled.set()
            with self._changed:
                self._changed.notify_all()
        else:
            self._cancelled.clear()

    def prepare(self, end: str, size: int) -> None:
        """Begin a fresh stack; see Stacker."""
        self._check_units()
        self._check_lights()
        wanted = (('stack.end', end), ('stack.size', size)) if self._configure else ()
        request = SetParameters.Request(parameters=[
            Parameter(name, value=value).to_parameter_msg() for name, value in wanted])
        # A node that does not know of this client yet, as one that has just started, answers into
        # the void. This request may be made again; with its answer the other clients are known.
        for result in self._call(self._parameters, request, repeat=True).results:
            if not result.successful:
                raise StackerError(f'{self._name} cannot be configured: {result.reason}')
        self._trigger('start')

    def _check_units(self) -> None:
        """Raise StackerError where the stacking node takes our tags for something else."""
        names = ('focus.source', 'focus.unit', 'focus.table')
        answer = self._call(self._settings, GetParameters.Request(names=names), repeat=True)
        if len(answer.values) < len(names):
            return  # it has no such parameters, so there is nothing to compare
        source, unit, table = (value.string_value for value in answer.values)
        if source not in ('point', 'typed'):
            return  # its positions come from somewhere else, in a unit of their own
        if source == 'typed' and not self._typed:
            raise StackerError(
                f'{self._name} takes typed focus positions, and {PACKAGE} is not installed where '
                'the sweeper runs; build it there, or set focus.source to point')
        if unit != self._unit:
            raise StackerError(
                f'the sweep is in {self._unit}, and {self._name} takes focus positions for '
                f'{unit}; set focus.unit of one of them to that of the other')
        if table and unit != 'raw':
            raise StackerError(
                f'{self._name} has a calibration table for raw positions, and the sweep is in '
                f'{unit}; set focus.unit of both to raw, or empty its focus.table')

    def _check_lights(self) -> None:
        """Raise StackerError where the stacking node takes another number of lights."""
        answer = self._call(self._settings, GetParameters.Request(names=['stack.lights']),
                            repeat=True)
        lights = answer.values[0].integer_value if answer.values else 1
        if lights != self._lights:
            raise StackerError(
                f'the sweep has {self._lights} exposures at each position, and {self._name} takes '
                f'{lights}; set light.count of the sweeper to stack.lights of that node, or clean '
                'that up, set its stack.lights, and configure it again')

    def process(self) -> dict[str, Any]:
        """Fuse the slices that are there; see Stacker."""
        answer: dict[str, Any] = json.loads(self._trigger('process'))
        return answer

    def reset(self) -> int | None:
        """Drop the slices that are there; see Stacker."""
        try:
            answer = json.loads(self._trigger('reset'))
        except ValueError:
            return None
        return answer.get('dropped_slices') if isinstance(answer, dict) else None

    def report(self, stamps: set[Stamp], timeout_seconds: float) -> dict[str, Any] | None:
        """Return the report of a stack with slices of these stamps; see Stacker."""
        deadline = time.monotonic() + timeout_seconds
        with self._changed:
            while True:
                for report in reversed(self._reports):
                    if stamps & {(frame['stamp']['sec'], frame['stamp']['nanosec'])
                                 for frame in report['frames']}:
                        return report
                remaining = deadline - time.monotonic()
                if remaining <= 0 or self._cancelled.is_set():
                    return None
                self._changed.wait(remaining)

    def _reported(self, message: String) -> None:
        try:
            report = json.loads(message.data)
            known = [frame['stamp'] for frame in report['frames']]
        except (ValueError, KeyError, TypeError):
            return  # somebody else's report
        if all(isinstance(stamp, dict) for stamp in known):
            with self._changed:
                self._reports.append(report)
                self._changed.notify_all()

    def _trigger(self, service: str) -> str:
        answer = self._call(self._triggers[service], Trigger.Request())
        if not answer.success:
            raise StackerError(f'{self._name} says to ~/{service}: {answer.message}')
        return str(answer.message)

    def _call(self, client: Any, request: Any, *, repeat: bool = False) -> Any:
        """
        Return the answer of a service; raise StackerError where none comes.

        :param repeat: ask again every second
        """
        deadline = time.monotonic() + self._timeout
        answered = threading.Event()
        while not client.service_is_ready():
            self._check(deadline, f'{self._name} is not there after {self._timeout:g} s; start '
                        'it, or set stacker.node')
            answered.wait(_POLL_SECONDS)
        futures: list[Any] = []
        ask_at = -math.inf
        try:
            while not answered.wait(_POLL_SECONDS if futures else 0):
                if time.monotonic() >= ask_at:
                    futures.append(client.call_async(request))
                    futures[-1].add_done_callback(lambda _: answered.set())
                    ask_at = time.monotonic() + (_REPEAT_SECONDS if repeat else math.inf)
                self._check(deadline, f'{self._name} has not answered {client.srv_name} after '
                            f'{self._timeout:g} s')
                # A node that ended meanwhile will not answer any more.
                self._check(deadline if client.service_is_ready() else -math.inf,
                            f'{self._name} ended before it answered {client.srv_name}')
        finally:
            for future in futures:
                if not future.done():
                    client.remove_pending_request(future)
        return next(future for future in futures if future.done()).result()

    def _check(self, deadline: float, words: str) -> None:
        if self._cancelled.is_set():
            raise StackerError('the sweep was stopped')
        if time.monotonic() > deadline:
            raise StackerError(words)
