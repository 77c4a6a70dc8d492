# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Time and memory of programs, from their start to their end."""

from __future__ import annotations

from collections.abc import Sequence
import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import tempfile

__all__ = ['RunError', 'run_process']

PATIENCE = 900  # seconds


class RunError(RuntimeError):
    """A program failed on a stack; the message is its last words."""


def run_process(command: Sequence[str], environment: dict[str, str] | None = None,
                folder: Path | None = None) -> tuple[float, float]:
    """
    Run a program; return seconds of wall clock and megabytes of peak resident memory.

    :param command: program and arguments
    :param environment: variables beside this process' own
    :param folder: to run in
    :raises RunError: it cannot be started, fails or takes more than a quarter of an hour
    """
    with tempfile.TemporaryDirectory() as place:
        facts, words = Path(place, 'facts.json'), Path(place, 'words')
        launcher = [sys.executable, '-I', '-S', str(Path(__file__).with_name('launcher.py')),
                    str(facts), *command]
        with words.open('w') as stream:
            process = subprocess.Popen(
                launcher, env={**os.environ, **(environment or {})}, cwd=folder, stdout=stream,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                raise RunError(f'{command[0]} took more than {PATIENCE} s') from None
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
        said = [line for line in words.read_text(errors='replace').splitlines() if line.strip()]
        if not facts.exists():
            raise RunError(f'{command[0]} cannot be run: {"".join(said[-1:])[:300]}')
        code, seconds, megabytes = json.loads(facts.read_text())
    if code != 0:
        raise RunError(f'{Path(command[0]).name} ended with exit code {code}: '
                       f'{"".join(said[-1:])[:300]}')
    return seconds, megabytes
