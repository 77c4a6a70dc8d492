# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Measure the stacking node: a process publishes slices, the node is another, this one listens.

    python3 -m focus_stacking_ros.commands.benchmark.node_run JSON

JSON has ``images``, ``count``, ``size``, ``method``, ``backend``, ``rate``, ``stacks``,
``idle_seconds`` and ``tree``, a folder with another version whose node it is, or null; the last
line it prints has what was measured, as JSON.
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
from focus_stacking_ros.commands.demo.result_receiver import RESULT_IMAGES, ResultReceiver
from focus_stacking_ros.commands.errors import CommandError
from focus_stacking_ros.core.memory import keep_free_memory
from focus_stacking_ros.ros.node.own_context import in_own_context

__all__ = ['measured']

_TIMEOUT_SECONDS = 5.0  # after which a stack that lacks slices ends
_STALL_SECONDS = 15.0  # longer, with time to fuse it
_LONGEST_SECONDS = 200.0
_END_SECONDS = 10.0


class _Listener(ResultReceiver):
    """Notes when results arrive, by their stamp, that of the last slice."""

    def __init__(self, **node_arguments: Any) -> None:
        super().__init__(RESULT_IMAGES, **node_arguments)
        #: Milliseconds from the stamp, by topic, by the stamp in nanoseconds.
        self.came: dict[int, dict[str, float]] = {}
        self.reports: dict[int, dict[str, Any]] = {}

    def complete(self) -> list[int]:
        """Return the stamps of the stacks of which everything has come, in order."""
        return sorted(stamp for stamp, times in self.came.items()
                      if len(times) > len(RESULT_IMAGES))

    def delay(self, stamp: int) -> float:
        """Return the time from the last slice sent to the last image received, milliseconds."""
        return max(self.came[stamp][name] for name in RESULT_IMAGES)

    def take(self, name: str, message: Any) -> None:
        """Note when it came."""
        now = time.time_ns()
        if name == 'report':
            report = json.loads(message.data)
            sec, nanosec = report['stamp']['sec'], report['stamp']['nanosec']
        else:
            sec, nanosec = message.header.stamp.sec, message.header.stamp.nanosec
        stamp = sec * 1_000_000_000 + nanosec
        if name == 'report':
            self.reports[stamp] = report
        self.came.setdefault(stamp, {})[name] = 1e-6 * (now - stamp)


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


@contextmanager
def _sending(asked: dict[str, Any], namespace: str
             ) -> Iterator[tuple[Callable[[int], None], Callable[[], None]]]:
    """Yield what has stacks sent, without a pause between them, and what checks who sends."""
    publisher = subprocess.Popen(
        [sys.executable, '-m', 'focus_stacking_ros.commands.benchmark.node_publisher',
         json.dumps({**asked, 'namespace': namespace})], stdout=subprocess.DEVNULL,
        stdin=subprocess.PIPE, text=True)
    into = publisher.stdin
    assert into is not None

    def send(stacks: int) -> None:
        into.write(f'{stacks}\n')
        into.flush()

    def check() -> None:
        if publisher.poll() is not None:
            raise CommandError(f'what sends slices ended with {publisher.returncode}')

    try:
        yield send, check
    finally:
        # It ends with its input: killed, it would leave its shared memory behind.
        into.close()
        try:
            publisher.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            publisher.kill()
            publisher.wait()


def measured(asked: dict[str, Any]) -> dict[str, Any]:
    """
    Run the node on stacks that wait for the result before, then on as many without a pause.

    :param asked: see the module
    :return: ``start``: seconds from the start of the process to its first subscription; ``idle``:
        percent of a processor; ``sent`` slices, those ``lost`` on their way and those for which
        the node was ``late``; ``made`` results and those ``received``; ``delays`` from a stack's
        last slice sent to its last image received, and what ``finishing`` it took of that,
        milliseconds, of stacks that wait; ``running``: the delays of those without a pause;
        ``cpu`` of the node in milliseconds a slice, ``megabytes`` at its peak, ``backend``
    :raises CommandError: a process ended, or nothing came
    """
    namespace, stacks = own_namespace(), asked['stacks']
    tree = None if asked['tree'] is None else Path(asked['tree'])
    sent = 2 * stacks * asked['count']
    with in_own_context(_Listener, namespace=namespace) as (listener, executor), \
            started_nodes(namespace) as start:
        began = time.monotonic()
        stacker = start('stacker', tree, stack__size=asked['count'],
                        stack__timeout=_TIMEOUT_SECONDS, focus__unit='metres',
                        method=asked['method'], backend=asked['backend'])
        spin_until(executor, lambda: listener.count_subscribers(f'{namespace}/image'),
                   stacker.check, 'the stacking node to start')
        started = time.monotonic() - began
        _spin_for(executor, asked['idle_seconds'])  # discovery goes on for a while
        before, began = _processor_seconds(stacker), time.monotonic()
        _spin_for(executor, asked['idle_seconds'])
        idle = (_processor_seconds(stacker) - before) / (time.monotonic() - began)
        before = _processor_seconds(stacker)
        with _sending(asked, namespace) as (send, check_sender):
            def check() -> None:
                stacker.check()
                check_sender()

            def wait_for(results: int) -> None:
                def done() -> bool:
                    return len(listener.complete()) >= results or (
                        # What has not come by now is lost.
                        bool(listener.came)
                        and time.monotonic() - listener.last_message > _STALL_SECONDS)

                listener.last_message = time.monotonic()
                spin_until(executor, done, check, 'results', _LONGEST_SECONDS)

            for number in range(stacks):
                send(1)
                wait_for(number + 1)
            apart = listener.complete()
            send(stacks)
            wait_for(2 * stacks)
        spent = _processor_seconds(stacker) - before
        listener.health.clear()  # those to come count all
        spin_until(executor, lambda: {'input', 'stack'} <= set(listener.health), stacker.check,
                   'diagnostics')
        return {'start': started, 'idle': 100 * idle, 'sent': sent,
                'lost': sent - listener.count('input', 'images'),
                'late': listener.count('input', 'lost: too fast'),
                'made': listener.count('stack', 'results'), 'received': len(listener.complete()),
                'delays': [listener.delay(stamp) for stamp in apart],
                'finishing': [listener.reports[stamp]['timings_ms']['finish'] for stamp in apart],
                'running': [listener.delay(stamp) for stamp in listener.complete()
                            if stamp not in apart],
                'cpu': 1e3 * spent / sent, 'megabytes': _peak_megabytes(stacker),
                'backend': next(iter(listener.reports.values()))['backend']}


if __name__ == '__main__':
    keep_free_memory()  # what is measured is the node, not faults of pages here
    try:
        print(json.dumps(measured(json.loads(sys.argv[1]))))
    except CommandError as error:
        sys.exit(str(error))
