# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Measure the stacking node: a process publishes slices, the node is another, this one listens.

    python3 -m focus_stacking_ros.commands.benchmark.node_run JSON

JSON has ``images``, ``count``, ``size``, ``method``, ``backend``, ``rate`` and ``stacks``; the
last line it prints has what was measured, as JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
import json
import os
from pathlib import Path
import subprocess
import sys
import time
from typing import Any

from focus_stacking_ros.commands.demo.nodes import (
    NodeProcess,
    own_namespace,
    spin_until,
    started_nodes,
)
from focus_stacking_ros.commands.errors import CommandError
from focus_stacking_ros.ros.node.qos import output_profile
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image
from std_msgs.msg import String

__all__ = ['measured']

_IMAGES = 'all_in_focus/image', 'depth/image', 'confidence/image'
_IDLE_SECONDS = 3.0
_STALL_SECONDS = 25.0  # longer than the time after which a stack that lacks slices ends
_LONGEST_SECONDS = 200.0


class _Listener(Node):
    """Notes when results arrive, by their stamp, that of the last slice."""

    def __init__(self, **node_arguments: Any) -> None:
        super().__init__('listener', **node_arguments)
        self.came: dict[int, dict[str, float]] = {}
        self.reports: list[dict[str, Any]] = []
        self.last_message = time.monotonic()
        for name in _IMAGES:
            self.create_subscription(Image, name, self._noter(name), output_profile())
        self.create_subscription(String, 'report', self._reported, output_profile())

    def complete(self, stacks: int) -> bool:
        """Return whether all results of all stacks have come."""
        return len(self.reports) >= stacks and sum(
            len(times) == len(_IMAGES) for times in self.came.values()) >= stacks

    def _noter(self, name: str) -> Callable[[Image], None]:
        def note(message: Image) -> None:
            stamp = message.header.stamp
            sent = stamp.sec * 1_000_000_000 + stamp.nanosec
            self.came.setdefault(sent, {})[name] = 1e-6 * (time.time_ns() - sent)
            self.last_message = time.monotonic()
        return note

    def _reported(self, message: String) -> None:
        self.reports.append(json.loads(message.data))
        self.last_message = time.monotonic()


@contextmanager
def _listening(namespace: str) -> Iterator[tuple[_Listener, Any]]:
    context = rclpy.Context()
    rclpy.init(context=context, signal_handler_options=SignalHandlerOptions.NO)
    executor = SingleThreadedExecutor(context=context)
    node = _Listener(context=context, namespace=namespace)
    executor.add_node(node)
    try:
        yield node, executor
    finally:
        executor.shutdown()
        node.destroy_node()
        context.try_shutdown()


def _processor_seconds(process: NodeProcess) -> float:
    """Return what a process has used of the processors; NaN where the system does not tell."""
    try:
        fields = Path(f'/proc/{process.pid}/stat').read_text().rpartition(')')[2].split()
    except OSError:
        return float('nan')
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def _peak_megabytes(process: NodeProcess) -> float:
    try:
        lines = Path(f'/proc/{process.pid}/status').read_text().splitlines()
    except OSError:
        return float('nan')
    return next(float(line.split()[1]) / 1e3 for line in lines if line.startswith('VmHWM:'))


def _spin_for(executor: Any, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        executor.spin_once(timeout_sec=0.1)


def measured(asked: dict[str, Any]) -> dict[str, Any]:
    """
    Run the node on stacks that follow each other without a pause.

    :param asked: see the module
    :return: ``start`` in seconds, ``idle`` in percent of a processor, ``sent`` and ``lost``
        slices, ``delays`` from a stack's last slice sent to its last result received in
        milliseconds, ``cpu`` of the node in milliseconds a slice, ``megabytes`` at its peak,
        ``backend``
    :raises CommandError: a process ended, or nothing came
    """
    namespace, stacks, sent = own_namespace(), asked['stacks'], asked['stacks'] * asked['count']
    with _listening(namespace) as (listener, executor), started_nodes(namespace) as start:
        began = time.monotonic()
        stacker = start('stacker', stack__size=asked['count'], stack__timeout=10.0,
                        focus__unit='metres', method=asked['method'], backend=asked['backend'])
        spin_until(executor, lambda: listener.count_publishers(f'{namespace}/report'),
                   stacker.check, 'the stacking node to start')
        started = time.monotonic() - began
        _spin_for(executor, _IDLE_SECONDS)  # discovery goes on for a while
        before, began = _processor_seconds(stacker), time.monotonic()
        _spin_for(executor, _IDLE_SECONDS)
        idle = (_processor_seconds(stacker) - before) / (time.monotonic() - began)
        before = _processor_seconds(stacker)
        publisher = subprocess.Popen(
            [sys.executable, '-m', 'focus_stacking_ros.commands.benchmark.node_publisher',
             json.dumps({**asked, 'namespace': namespace})], stdout=subprocess.DEVNULL)
        try:
            listener.last_message = time.monotonic()

            def check() -> None:
                stacker.check()
                if publisher.poll():
                    raise CommandError(f'what sends slices ended with {publisher.returncode}')

            def done() -> bool:
                if time.monotonic() - listener.last_message > _STALL_SECONDS and listener.came:
                    return True  # what has not come by now is lost
                return listener.complete(stacks)

            spin_until(executor, done, check, 'results', _LONGEST_SECONDS)
        finally:
            publisher.kill()
            publisher.wait()
        spent = _processor_seconds(stacker) - before
        taken = sum(frame['accepted'] for report in listener.reports for frame in report['frames'])
        return {'start': started, 'idle': 100 * idle, 'sent': sent, 'lost': sent - taken,
                'delays': [max(times.values()) for times in listener.came.values()],
                'cpu': 1e3 * spent / sent, 'megabytes': _peak_megabytes(stacker),
                'backend': listener.reports[0]['backend']}


if __name__ == '__main__':
    try:
        print(json.dumps(measured(json.loads(sys.argv[1]))))
    except CommandError as error:
        sys.exit(str(error))
