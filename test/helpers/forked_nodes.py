# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Nodes in processes of their own, without importing them each time.

A process that has imported them, and done nothing else, forks one for every node: it reads its
environment, joins the network, takes signals and ends as one started anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
import importlib
import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import time
from typing import Any

from helpers.ros_helpers import NodeProcess

__all__ = ['ForkedNodes', 'forked_nodes']

NODES = ('player', 'sim_camera', 'stacker', 'sweeper')
POLL_SECONDS = 0.01


class _Process:
    """
    What NodeProcess needs of subprocess.Popen, for a process that is the child of another one.

    :param pid: of the process
    :param code: file that will have its exit code
    """

    def __init__(self, pid: int, code: Path) -> None:
        self.pid, self._code = pid, code
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        if self.returncode is None and self._code.exists():
            self.returncode = int(self._code.read_text())
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; subprocess.TimeoutExpired where it does not come."""
        began = time.monotonic()
        while (code := self.poll()) is None:
            if timeout is not None and time.monotonic() - began > timeout:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(POLL_SECONDS)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has, just now
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)


class ForkedNodes:
    """
    Starts nodes.

    :param server: the process that forks, which runs this module
    """

    def __init__(self, server: subprocess.Popen[str]) -> None:
        self._server = server

    @contextmanager
    def running(self, name: str, arguments: Sequence[str], environment: Mapping[str, str],
                log_file: Path) -> Iterator[NodeProcess]:
        """
        Run a node for the time of a ``with`` block, as NodeProcess.running does.

        :param name: one of NODES
        :param arguments: of its command line
        """
        code = log_file.with_name(f'{log_file.name}.code')
        log_file.touch()
        print(json.dumps({'name': name, 'arguments': list(arguments), 'log': str(log_file),
                          'environment': dict(environment), 'code': str(code)}),
              file=self._server.stdin, flush=True)
        node = NodeProcess.__new__(NodeProcess)
        node.log_file, node.process = log_file, _Process(
            int(self._server.stdout.readline()), code)
        try:
            yield node
        finally:
            node.stop()


@contextmanager
def forked_nodes(repository: Path) -> Iterator[ForkedNodes]:
    """Yield what starts nodes of this checkout."""
    path = os.pathsep.join([str(repository), str(repository / 'test')])
    with subprocess.Popen(
            [sys.executable, '-m', 'helpers.forked_nodes'], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=dict(os.environ, PYTHONPATH=path, PYTHONUNBUFFERED='1')) as server:
        yield ForkedNodes(server)
        server.stdin.close()
    assert server.returncode == 0


def _serve() -> None:
    modules = {name: importlib.import_module(f'focus_stacking_ros.ros.{name}.node')
               for name in NODES}
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait
    for line in sys.stdin:
        order = json.loads(line)
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            node = os.fork()
            if node == 0:
                _redirect(order)
                sys.exit(modules[order['name']].main())
            print(node, flush=True)
            code = Path(order['code'])
            made = code.with_suffix('.made')
            made.write_text(str(os.waitstatus_to_exitcode(os.waitpid(node, 0)[1])))
            made.rename(code)
            os._exit(0)


def _redirect(order: dict[str, Any]) -> None:
    log = os.open(order['log'], os.O_WRONLY | os.O_TRUNC)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.close(log)
    os.environ.clear()
    os.environ.update(order['environment'])
    sys.argv = [order['name'], *order['arguments']]


if __name__ == '__main__':
    _serve()
