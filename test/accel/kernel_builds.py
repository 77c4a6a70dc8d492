# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Builds of the kernel as devices of ``backends.kernel``: in this process and in others."""

from __future__ import annotations

from collections.abc import Callable
import fcntl
import os
from pathlib import Path
import struct
import subprocess
from typing import IO

from focus_stacking_ros.backends.kernel_interface import (
    BUFFERS,
    DeviceError,
    MEMORY,
    scalar_arguments,
)
import numpy as np

__all__ = ['ProcessDevice', 'built', 'make_one_at_a_time']


def built(repository: Path, target: str, *variables: str) -> None:
    """Build a target of hw_accel/Makefile; raises with the compiler's words."""
    make_one_at_a_time(repository / 'hw_accel', target, *variables)


def make_one_at_a_time(folder: Path, *arguments: str) -> None:
    """
    Run make in a folder, after what other processes of the tests build there.

    :raises AssertionError: it failed; with what it printed
    """
    command = ['make', f'-j{os.cpu_count()}', '-C', str(folder), *arguments]
    with (folder / 'Makefile').open() as lock:
        if not any(argument.startswith('BUILD=') for argument in arguments):
            fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


class ProcessDevice:
    """
    The kernel in a process that takes its arguments from a pipe (hw_accel/test/driver.cpp).

    :param command: the process
    """

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.PIPE)
        self._memory: dict[str, np.ndarray] = {}

    def memory(self, name: str, size: int) -> np.ndarray:
        """Return memory of exactly the size where that changes."""
        if name not in self._memory or len(self._memory[name]) != size:
            self._memory[name] = np.zeros(size, np.uint8)
        return self._memory[name]

    def start(self, scalars: dict[str, int], writes: dict[str, int],
              reads: dict[str, int]) -> Callable[[], None]:
        """Run the kernel in the process."""
        into, out = self._process.stdin, self._process.stdout
        assert into is not None
        assert out is not None
        names = {MEMORY[name]: name for name in (*writes, *reads)}
        sizes = [len(self._memory[names[each]]) if each in names else 0 for each in BUFFERS]
        try:
            into.write(struct.pack('<4q25i', *sizes, *scalar_arguments(scalars)))
            for argument in ('source', 'state_in', 'state_out'):
                if argument in names:
                    into.write(self._memory[names[argument]].tobytes())
            into.flush()
            for argument in ('response', 'state_out'):
                if argument in names:
                    target = self._memory[names[argument]]
                    target[:] = np.frombuffer(self._read(out, len(target)), np.uint8)
        except BrokenPipeError as error:
            raise DeviceError(self._last_words()) from error
        return lambda: None

    def _read(self, out: IO[bytes], size: int) -> bytes:
        data = out.read(size)
        if len(data) < size:
            raise DeviceError(self._last_words())
        return data

    def _last_words(self) -> str:
        assert self._process.stderr is not None
        return self._process.stderr.read().decode(errors='replace')[-4000:]

    def close(self) -> None:
        """End the process; raises where it did not end well."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(20) == 0, self._last_words()
        for pipe in self._process.stdout, self._process.stderr:
            assert pipe is not None
            pipe.close()
