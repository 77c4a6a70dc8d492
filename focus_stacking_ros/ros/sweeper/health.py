# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the operator hears of a sweeper: log, counters, its entry of ``/diagnostics``."""

from __future__ import annotations

from collections.abc import Mapping
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from focus_stacking_ros.ros.node.counters import Counters
from focus_stacking_ros.ros.node.diagnostics import diagnostic_array, Health
from focus_stacking_ros.ros.node.faults import with_traceback
from focus_stacking_ros.ros.sweeper.outcome import SweepError, SweepStoppedError

__all__ = ['SweepHealth']

_THROTTLE_SECONDS = 30.0
_UNEXPECTED_SECONDS = 5.0  # between two lines of exceptions that leave callbacks


class SweepHealth:
    """
    Tells of sweeps; any thread may call, but for :meth:`publish`: that is the executor's.

    :param node: rclpy.node.Node that sweeps
    :param counters: that are shown
    """

    def __init__(self, node: Any, counters: Counters) -> None:
        self._node, self._counters = node, counters
        self._failure = self._warning = ''
        self._quiet_until = 0.0
        self._publisher = node.create_publisher(DiagnosticArray, '/diagnostics', 10)

    def done(self, what: str, warning: str = '') -> None:
        """
        Tell of a sweep that was made.

        :param what: is told where nothing is wrong, '' for nothing
        :param warning: what is wrong with it, '' where nothing
        """
        self._failure, self._warning = '', warning
        if warning:
            self._node.get_logger().warning(warning)
        elif what:
            self._node.get_logger().info(what)

    def failed(self, error: SweepError) -> None:
        """Tell of a sweep that could not be made."""
        if isinstance(error, SweepStoppedError):
            self._node.get_logger().info(str(error))
            return
        words = f'the sweep failed: {error}'
        # A cell that waits for its camera all night says so now and then.
        now = time.monotonic()
        if words != self._failure or now > self._quiet_until:
            self._node.get_logger().error(words)
            self._quiet_until = now + _THROTTLE_SECONDS
        self._failure = words

    def crashed(self, error: Exception) -> None:
        """Tell of an exception that left a sweep: a fault of this program."""
        self._failure = f'a sweep failed unexpectedly: {error!r}'
        self._counters['failed'] += 1
        self._node.get_logger().error(with_traceback(self._failure, error))

    def unexpected(self, error: Exception) -> None:
        """Tell of an exception that left a callback: a fault of this program."""
        self._counters.count('unexpected errors')
        self._failure = f'an unexpected error in a callback: {error!r}'
        self._node.get_logger().error(with_traceback(self._failure, error),
                                      throttle_duration_sec=_UNEXPECTED_SECONDS)

    def refused(self, counter: str, words: str) -> None:
        """Tell of a request that is refused, and count it."""
        self._counters.count(counter)
        self._warning = words
        self._node.get_logger().warning(words)

    def changed(self, changes: Mapping[str, object], refusal: str, waits: bool) -> None:
        """
        Say what becomes of a change of parameters.

        :param changes: new values by name
        :param refusal: why they are not changed, '' where they are
        :param waits: whether they wait for the running sweep
        """
        words = ', '.join(f'{name} = {value}' for name, value in changes.items())
        if refusal:
            self.refused('parameter changes refused', f'not changed: {words}: {refusal}')
            return
        self._counters.count('parameter changes')
        self._node.get_logger().info(words + (
            '; holds from the next sweep on' if waits else '; holds from now on'))

    def publish(self, values: Mapping[str, object], problem: str) -> None:
        """
        Publish the entry ``sweep``.

        :param values: that are shown beside the counters
        :param problem: what is wrong with the parameters, '' where nothing
        """
        self._publisher.publish(diagnostic_array(
            self._node.get_fully_qualified_name(), 'focus sweep',
            self._node.get_clock().now().to_msg(),
            [Health('sweep', {**values, **self._counters}, '; '.join(
                words for words in (problem, self._warning) if words), self._failure)]))
