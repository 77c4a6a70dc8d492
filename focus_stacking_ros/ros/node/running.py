# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The main function of a node: start it, spin it, and end with exit code 0 on a signal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
import gc
import os
import signal
import socket
import sys
import threading
from typing import Any

from focus_stacking_ros.core.memory import keep_free_memory
from focus_stacking_ros.launch_environment import own_environment, shared_memory_bytes
from focus_stacking_ros.ros.node.faults import with_traceback
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

__all__ = ['run_node']

_SPIN_SECONDS = 0.55  # longer than nodes look around, so as to wake once
_THROTTLE_SECONDS = 5.0


def _log_unexpected(node: Any, error: Exception) -> None:
    node.get_logger().error(with_traceback(f'an unexpected error in a callback: {error!r}', error),
                            throttle_duration_sec=_THROTTLE_SECONDS)


def run_node(make_node: Callable[[], Any], args: Sequence[str] | None = None, *,
             large_messages: bool = False) -> int:
    """
    Run a node until SIGINT or SIGTERM, or until it says it is done.

    rclpy's own handlers shut the context down under the executor, which now and then raises; so
    signals only set an event here, and the node is taken down in order. From then on the process
    is about to end, and ignores them: Ctrl-C reaches a launched node twice.

    An exception that leaves a callback is a fault of the program, whatever brought it about: it
    is logged with its traceback, and the node goes on.

    :param make_node: returns the node; it has ``close()``, and may have ``done()`` which returns
        an exit code once the node has nothing left to do, and ``unexpected()`` which takes such
        an exception, logs it and shows it in the diagnostics
    :param args: command-line arguments, by default those of the process
    :param large_messages: the node takes or sends images: its process keeps the memory of one for
        the next, takes the Fast DDS profile of the launch files where none is set, and says so
    :returns: exit code: 0, what ``done()`` returned, or 2 if the node could not start
    """
    stop = threading.Event()
    received: list[int] = []

    def end(number: int, _frame: object) -> None:
        received.append(number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    hint = ''
    if large_messages:
        keep_free_memory()
        added, hint = own_environment(
            os.environ, rclpy.get_rmw_implementation_identifier(), shared_memory_bytes())
        os.environ.update(added)  # read when the first node is made
    node = executor = None
    code: int | None = None
    try:
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
        try:
            node = make_node()
        except Exception as error:
            print(f'{sys.argv[0]}: the node cannot start: {error}', file=sys.stderr)
            return 2
        if hint:
            node.get_logger().info(hint)
        # What is there now lasts: to look through it for garbage holds every thread up, for 30 ms.
        gc.freeze()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        done = getattr(node, 'done', lambda: None)
        unexpected = getattr(node, 'unexpected', partial(_log_unexpected, node))
        with _woken_by_signals(executor):
            while not stop.is_set() and code is None:
                try:
                    executor.spin_once(timeout_sec=_SPIN_SECONDS)
                except Exception as error:
                    # Neither a bug nor a request that rclpy chokes on may take the node down.
                    if _is_refused_transition(error):
                        node.get_logger().warning(f'a transition was refused: {error}')
                    else:
                        unexpected(error)
                code = done()
        if received:
            node.get_logger().info(f'ending on {signal.Signals(received[0]).name}')
        return code or 0
    finally:
        if node is not None:
            node.close()
        if executor is not None:
            executor.shutdown()
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
        # The interpreter gives handlers of its own up before it ends, but not this.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def _woken_by_signals(executor: Any) -> Iterator[None]:
    """Let signals end what an executor waits for: their handlers run when that has returned."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)

    def wake() -> None:
        while ours.recv(1):
            executor.create_task(lambda: None)

    waker = threading.Thread(target=wake, name='signals', daemon=True)
    waker.start()
    before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        theirs.close()
        waker.join()
        ours.close()


def _is_refused_transition(error: Exception) -> bool:
    """
    Return whether a client asked for a transition that the node's state does not allow.

    Newer versions of rclpy answer that with success false, older ones raise it.
    """
    return type(error).__name__ == 'RCLError' and 'lifecycle state machine' in str(error)
