# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Nodes as processes of their own, and waiting for what they do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
import json
import os
from pathlib import Path
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any

from focus_stacking_ros.commands.errors import CommandError

__all__ = ['NodeProcess', 'own_namespace', 'signals_put_off', 'spin_until', 'started_nodes']

_START_SECONDS = 30.0
_STOP_SECONDS = 20.0


def own_namespace() -> str:
    """Return a namespace that keeps a demonstration off a robot that shares the network."""
    return f'/focus_stacking_demo_{os.getpid()}_{secrets.token_hex(4)}'


class NodeProcess:
    """
    A node as a process of its own, its output kept for when it fails.

    :param started: list that the process is added to once it runs
    :param name: of the node, as its folder is called
    :param namespace: of the node
    :param log: file for its output
    :param tree: folder with the package that the node is of; None for this one
    :param parameters: by name, __ for a dot
    """

    def __init__(self, started: list[NodeProcess], name: str, namespace: str, log: Path,
                 tree: Path | None = None, **parameters: object) -> None:
        self.name, self._log = name, log
        run = ['-m', f'focus_stacking_ros.ros.{name}.node'] if tree is None else [
            '-c', f'import sys; sys.path.insert(0, {str(tree)!r}); '
            f'from focus_stacking_ros.executables import {name}; sys.exit({name}())']
        command = [sys.executable, *run, '--ros-args', '-r', f'__ns:={namespace}']
        for key, value in parameters.items():
            # JSON is YAML: nothing in a folder's name is taken for more than a name.
            words = json.dumps(value, ensure_ascii=False)
            command += ['-p', f'{key.replace("__", ".")}:={words}']
        with log.open('wb') as output:
            # A session of its own: Ctrl-C reaches this process only, which ends the others.
            self._process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT,
                                             stdin=subprocess.DEVNULL, start_new_session=True)
        started.append(self)

    @property
    def pid(self) -> int:
        """Return the number of the process."""
        return self._process.pid

    def check(self, *, may_end: bool = False) -> None:
        """Raise CommandError if the process has ended before its time."""
        code = self._process.poll()
        if code is not None and not (may_end and code == 0):
            raise CommandError(f'{self.name} ended with exit code {code}: {self.last_words()}')

    def last_words(self, mark: str = '') -> str:
        """Return the last line the process wrote, of those with a mark."""
        lines = [line for line in self._log.read_text(errors='replace').strip().splitlines()
                 if mark in line]
        return lines[-1] if lines else ''

    def stop(self) -> None:
        """End the process, if it has not ended."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


@contextmanager
def signals_put_off() -> Iterator[None]:
    """Handle signals at the end of a with block: a process must not start unnoticed."""
    heard: list[int] = []
    before = {number: signal.signal(number, lambda number, _frame: heard.append(number))
              for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
              if callable(signal.getsignal(number))}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for caught in heard:
        signal.raise_signal(caught)


@contextmanager
def started_nodes(namespace: str) -> Iterator[Callable[..., NodeProcess]]:
    """
    Start nodes as processes, and end them at the end of a with block, the last one first.

    :param namespace: of the nodes
    :returns: what starts a node: its name, ``tree`` as `NodeProcess` has it, and parameters by
        name, __ for a dot
    """
    started: list[NodeProcess] = []
    with tempfile.TemporaryDirectory(prefix='focus_stacking_log_') as logs:
        def start(name: str, tree: Path | None = None, **parameters: object) -> NodeProcess:
            with signals_put_off():
                return NodeProcess(
                    started, name, namespace, Path(logs, name), tree, **parameters)
        try:
            yield start
        finally:
            for process in reversed(started):
                process.stop()


def spin_until(executor: Any, until: Callable[[], Any], check: Callable[[], None], what: str,
               timeout_seconds: float = _START_SECONDS) -> None:
    """
    Spin until a condition holds.

    :param executor: to spin
    :param until: the condition
    :param check: called all the while; raises when waiting is in vain
    :param what: is waited for, in words
    :param timeout_seconds: after which it is given up
    :raises CommandError: the time is over
    """
    deadline = time.monotonic() + timeout_seconds
    while not until():
        executor.spin_once(timeout_sec=0.1)
        check()
        if time.monotonic() > deadline:
            raise CommandError(f'waited {timeout_seconds:.0f} s for {what}; is another network '
                               'setting (ROS_DOMAIN_ID, RMW_IMPLEMENTATION) in the way?')
