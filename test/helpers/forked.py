# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
The command line in processes of their own, without importing it each time.

A process that has imported it and its command ``stack``, and done nothing else, forks one for
every run: what libraries write, what a run leaves behind in its process and how this ends is as in
one started anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
import json
import os
from pathlib import Path
import subprocess
import sys
import tempfile
from typing import Any

__all__ = ['CommandLine', 'command_line']


class CommandLine:
    """
    Runs ``focus_stacking_ros``, with Python's default warnings.

    :param server: the process that forks, which runs this module
    """

    def __init__(self, server: subprocess.Popen[str]) -> None:
        self._server = server

    def run(self, folder: Path, *arguments: str) -> tuple[int, str, str]:
        """Run in a folder; returns exit code, standard output and standard error."""
        with (tempfile.NamedTemporaryFile('r') as output,
              tempfile.NamedTemporaryFile('r') as errors):
            order = {'folder': str(folder), 'arguments': arguments,
                     'output': output.name, 'errors': errors.name}
            print(json.dumps(order), file=self._server.stdin, flush=True)
            answer = self._server.stdout.readline()
            return int(answer), output.read(), errors.read()


@contextmanager
def command_line(repository: Path) -> Iterator[CommandLine]:
    """Yield what runs the command line, and check that its import was silent."""
    with tempfile.TemporaryFile('w+') as errors:
        with subprocess.Popen(
                [sys.executable, '-W', 'default', '-m', 'helpers.forked'],
                cwd=repository / 'test', text=True, stderr=errors,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                env=dict(os.environ, PYTHONPATH=str(repository))) as server:
            yield CommandLine(server)
            server.stdin.close()
        errors.seek(0)
        assert (server.returncode, errors.read()) == (0, '')


def _serve() -> int:
    from focus_stacking_ros.cli import main
    import focus_stacking_ros.commands.stack
    import focus_stacking_ros.commands.stacking  # noqa: F401 - what each run would import

    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            _redirect(order)
            return main(order['arguments'])
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    return 0


def _redirect(order: dict[str, Any]) -> None:
    names: Sequence[tuple[int, str]] = ((1, order['output']), (2, order['errors']))
    for descriptor, name in names:
        file = os.open(name, os.O_WRONLY)
        os.dup2(file, descriptor)
        os.close(file)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(order['folder'])


if __name__ == '__main__':
    sys.exit(_serve())
