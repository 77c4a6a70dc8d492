# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Helpers of the tests that talk to a real ROS 2: wait for conditions, run nodes as processes.

Nothing here sleeps for a guessed time: every wait ends when its condition holds, and fails with
what it waited for when the deadline passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
import signal
import subprocess
import time
from typing import Any, NamedTuple, TypeVar

__all__ = ['NodeProcess', 'RosContext', 'ready_client', 'spin_until', 'spin_until_connected',
           'wait_until']

Value = TypeVar('Value')

SPIN_SECONDS = 0.02
WAIT_SECONDS = 30.0  # what works takes far less, unless the machine has much else to do
LONGEST_TURN_SECONDS = 1.0  # of waiting


class RosContext(NamedTuple):
    """What the fixture ``ros_context`` yields: an initialised context in a domain of its own."""

    context: Any
    """``rclpy.Context``; give it to ``Node(..., context=)`` and to the executor."""
    domain_id: int
    """ROS domain, 1 to 100, reserved for this test."""


def wait_until(predicate: Callable[[], Value], timeout_seconds: float = WAIT_SECONDS,
               what: str = 'the condition') -> Value:
    """
    Poll `predicate` until it returns something true, and return that.

    For conditions outside ROS, such as a line in a log file. Raises TimeoutError, naming `what`,
    when `timeout_seconds` have passed.
    """
    return _poll(predicate, lambda: time.sleep(SPIN_SECONDS), timeout_seconds, what)


def spin_until(executor: Any, predicate: Callable[[], Value],
               timeout_seconds: float = WAIT_SECONDS, what: str = 'the condition') -> Value:
    """
    Spin `executor` until `predicate` returns something true, and return that.

    Example::

        executor = SingleThreadedExecutor(context=ros_context.context)
        executor.add_node(node)
        spin_until(executor, lambda: received, what='the depth image')

    Raises TimeoutError, naming `what`, when `timeout_seconds` have passed. An exception in a
    callback is raised here.
    """
    return _poll(predicate, lambda: executor.spin_once(timeout_sec=SPIN_SECONDS),
                 timeout_seconds, what)


def ready_client(node: Any, executor: Any, kind: Any, name: str) -> Any:
    """
    Return a client of a service, once the service is there.

    Raises TimeoutError, naming the service, when it does not come.
    """
    client = node.create_client(kind, name)
    spin_until(executor, client.service_is_ready, what=f'the service {name}')
    return client


def spin_until_connected(executor: Any, node: Any, publishers: Sequence[Any] = (),
                         topics: Sequence[str] = (), timeout_seconds: float = WAIT_SECONDS
                         ) -> None:
    """
    Spin until each of `publishers` has a subscriber and each of `topics` a publisher.

    Publish only after this: messages of a volatile publisher sent before the match are lost.
    `topics` are names as `node` would resolve them. Raises TimeoutError.
    """
    def connected() -> bool:
        return (all(publisher.get_subscription_count() for publisher in publishers)
                and all(node.count_publishers(topic) for topic in topics))

    names = [publisher.topic_name for publisher in publishers] + list(topics)
    spin_until(executor, connected, timeout_seconds, f'both ends of {", ".join(names)}')


class NodeProcess:
    """A node, or the command line, running as a process of its own; see `NodeProcess.running`."""

    def __init__(self, command: Sequence[str | Path], environment: Mapping[str, str],
                 log_file: Path) -> None:
        """Start `command`; standard output and standard error go to `log_file` together."""
        self.log_file = log_file
        with log_file.open('wb') as log:
            self.process = subprocess.Popen([str(part) for part in command], env=environment,
                                            stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT)

    @classmethod
    @contextmanager
    def running(cls, command: Sequence[str | Path], environment: Mapping[str, str],
                log_file: Path) -> Iterator[NodeProcess]:
        """
        Run `command` for the time of a ``with`` block, and never leave it behind.

        Give it the fixture ``environment`` and a file below ``tmp_path``. A process that is still
        alive at the end of the block is stopped as by `stop`.
        """
        node = cls(command, environment, log_file)
        try:
            yield node
        finally:
            node.stop()

    @property
    def log(self) -> str:
        """Return what the process has written so far."""
        return self.log_file.read_text(errors='replace')

    def wait_for_log(self, text: str, timeout_seconds: float = WAIT_SECONDS) -> None:
        """Wait until `text` stands in the log; TimeoutError also when the process ends first."""
        def logged() -> bool:
            ended = self.process.poll() is not None
            if text in self.log:
                return True
            if ended:
                raise TimeoutError(f'the process ended with exit code {self.process.returncode} '
                                   f'before it logged {text!r}:\n{self.log}')
            return False

        wait_until(logged, timeout_seconds, f'{text!r} in the log of the process')

    def stop(self, number: signal.Signals = signal.SIGINT,
             timeout_seconds: float = WAIT_SECONDS) -> int:
        """
        Send a signal unless the process has ended already, wait, and return the exit code.

        A process that is still alive after `timeout_seconds` is killed, and TimeoutError raised
        with its log. (Killed processes leave shared memory behind, so this is the last resort.)
        """
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise TimeoutError(f'the process was alive {timeout_seconds:.0f} s after '
                               f'{number.name}:\n{self.log}') from None


def _poll(predicate: Callable[[], Value], pause: Callable[[], None], timeout_seconds: float,
          what: str) -> Value:
    waited, before = 0.0, time.monotonic()
    while True:
        value = predicate()
        if value:
            return value
        if waited > timeout_seconds:
            raise TimeoutError(f'waited {timeout_seconds:g} s for {what}')
        pause()
        now = time.monotonic()
        # A process that was stopped for a while, perhaps with its whole machine, has not waited.
        waited, before = waited + min(now - before, LONGEST_TURN_SECONDS), now
