#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Make a focus sweep by the action of the sweeper, watch it, and say what came of it.

    python3 sweep_client.py --near 0.10 --far 0.12 --count 10 --ros-args -r __ns:=/cell

Ctrl-C cancels the sweep and waits for what becomes of it. The exit code is 0 where the result is
out, 1 where there is none, 2 where there is no sweeper, or it ended.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from typing import Any

from focus_stacking_interfaces.action import Sweep
import rclpy
from rclpy.action import ActionClient
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import remove_ros_args

__all__ = ['SweepClient', 'main']

SPIN_SECONDS = 0.1


def name_of(kind: Any, prefix: str, number: int) -> str:
    """Return the name of a number of an enumeration, such as 'moving' of PHASE_."""
    for name in dir(type(kind)):
        if name.startswith(prefix) and getattr(kind, name) == number:
            return name.removeprefix(prefix).lower().replace('_', ' ')
    return str(number)


class SweepClient(Node):
    """Asks for sweeps, one after the other."""

    def __init__(self) -> None:
        super().__init__('sweep_client')
        self._client = ActionClient(self, Sweep, 'sweep')
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self)

    def sweep(self, goal: Any, cancel: threading.Event, timeout_seconds: float) -> Any | None:
        """
        Return the result of a sweep, None where there is no sweeper, or none any more.

        :param goal: Sweep.Goal
        :param cancel: set it to cancel the sweep
        :param timeout_seconds: for the sweeper to be there, and to take the goal
        """
        deadline = time.monotonic() + timeout_seconds
        while not self._client.server_is_ready():
            if time.monotonic() > deadline or cancel.is_set():
                return None
            self._executor.spin_once(timeout_sec=SPIN_SECONDS)
        accepted = self._client.send_goal_async(goal, feedback_callback=self._watch)
        while not accepted.done():
            if time.monotonic() > deadline:
                return None
            self._executor.spin_once(timeout_sec=SPIN_SECONDS)
        handle = accepted.result()
        ended, asked = handle.get_result_async(), None
        while not ended.done():
            if cancel.is_set() and asked is None:
                asked = handle.cancel_goal_async()
            if not self._client.server_is_ready():
                return None
            self._executor.spin_once(timeout_sec=SPIN_SECONDS)
        return ended.result().result

    def _watch(self, message: Any) -> None:
        it = message.feedback
        print(f'{name_of(it, "PHASE_", it.phase)}: {it.position} of {it.positions} exposed, '
              f'{it.taken} taken, {it.refused} refused, {it.seconds_left:.1f} s left', flush=True)


def main(arguments: list[str]) -> int:
    """Make the sweep of the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    for name in ('near', 'far', 'step'):
        parser.add_argument(f'--{name}', type=float, action='append', default=[])
    parser.add_argument('--count', type=int, action='append', default=[])
    parser.add_argument('--auto', action='store_true', help='find the range; --near and --far are '
                        'the travel to look through')
    parser.add_argument('--no-fuse', action='store_true', help='leave the slices to ~/process')
    parser.add_argument('--timeout', type=float, default=10.0,
                        help='seconds for a sweeper to come')
    given = parser.parse_args(remove_ros_args(arguments)[1:])
    cancel = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: cancel.set())
    rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
    try:
        client = SweepClient()
        result = client.sweep(
            Sweep.Goal(near=given.near, far=given.far, count=given.count, step=given.step,
                       range=Sweep.Goal.RANGE_AUTO if given.auto else Sweep.Goal.RANGE_GIVEN,
                       fuse=not given.no_fuse), cancel, given.timeout)
    finally:
        rclpy.try_shutdown()
    if result is None:
        print('there is no sweeper, or it has ended', file=sys.stderr)
        return 2
    print(f'{name_of(result, "OUTCOME_", result.outcome)}, the stack is '
          f'{name_of(result, "STACK_", result.stack)}: {result.exposed} of {result.positions} '
          f'exposed, {result.taken} taken, {result.refused} refused, stamp '
          f'{result.stamp.sec}.{result.stamp.nanosec:09d}')
    for each in result.report.slices:
        print(f'  slice {each.number} at {each.position:g}: '
              + (f'rank {each.rank}' if each.accepted else f'refused, {each.reason}'))
    if result.message:
        print(result.message)
    return 0 if result.outcome == Sweep.Result.OUTCOME_DONE else 1


if __name__ == '__main__':
    sys.exit(main(sys.argv))
