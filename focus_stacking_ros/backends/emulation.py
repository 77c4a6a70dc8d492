# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The FPGA's kernel, built with g++ and run on the CPU: what the board would compute."""

from __future__ import annotations

from collections.abc import Callable
import ctypes
from pathlib import Path
from threading import Lock

from focus_stacking_ros.backends.installed import find_built
from focus_stacking_ros.backends.kernel import KernelBackend
from focus_stacking_ros.backends.kernel_interface import (
    ARGUMENTS,
    BUFFERS,
    IDENTIFY,
    identity_problem,
    MEMORY,
    scalar_arguments,
)
from focus_stacking_ros.core.stack.backend import BackendError
import numpy as np
from numpy.typing import NDArray

__all__ = ['LIBRARY', 'EmulatedDevice', 'EmulationBackend', 'find_library']

#: File name of the emulation library.
LIBRARY = 'libfocus_stacking_accel_emulation.so'
#: Environment variable that names the library elsewhere.
LIBRARY_VARIABLE = 'FOCUS_STACKING_ACCEL_EMULATION'
_BEAT = 16


def find_library() -> Path:
    """
    Return the emulation library.

    It is looked for where ``FOCUS_STACKING_ACCEL_EMULATION`` says, else in this checkout's
    hw_accel/build, else where the package focus_stacking_accel is installed.

    :raises BackendError: there is none
    """
    return find_built(LIBRARY, LIBRARY_VARIABLE, 'emulation library')


class EmulatedDevice:
    """
    The emulation library and memory of this process; a ``Device`` of ``backends.kernel``.

    :param library: path of the library
    :raises BackendError: it cannot be loaded, or is another version
    """

    def __init__(self, library: Path) -> None:
        try:
            kernel = ctypes.CDLL(str(library)).focus_stacking_accel
        except (OSError, AttributeError) as error:
            raise BackendError(f'the emulation library {library} cannot be loaded: {error}; '
                               'build it again') from error
        kernel.restype = None
        kernel.argtypes = ([ctypes.c_void_p] * len(BUFFERS)
                           + [ctypes.c_int32] * (len(ARGUMENTS) - len(BUFFERS)))
        self._kernel, self._memory, self._lock = kernel, dict[str, NDArray[np.uint8]](), Lock()
        beat = self.memory('identity', _BEAT)
        self.start({'operation': IDENTIFY}, {}, {'identity': _BEAT})()
        problem = identity_problem(beat)
        if problem:
            raise BackendError(f'the emulation library {library} does not fit: {problem}; build '
                               'it again')

    def memory(self, name: str, size: int) -> NDArray[np.uint8]:
        """Return at least ``size`` bytes that begin at a multiple of a beat."""
        known = self._memory.get(name)
        if known is None or len(known) < size:
            # Zeros, so that what pads rows is the same in every run.
            block = np.zeros(size + _BEAT, np.uint8)
            known = self._memory[name] = block[-block.ctypes.data % _BEAT:][:size]
        return known

    def start(self, scalars: dict[str, int], writes: dict[str, int],
              reads: dict[str, int]) -> Callable[[], None]:
        """Run the kernel; there is nothing to wait for."""
        pointers = {MEMORY[name]: self._memory[name].ctypes.data for name in (*writes, *reads)}
        with self._lock:
            self._kernel(*(pointers.get(name) for name in BUFFERS), *scalar_arguments(scalars))
        return lambda: None


class EmulationBackend(KernelBackend):
    """
    Per-slice work by the emulation of the FPGA's kernel.

    :raises BackendError: the emulation library is not built
    """

    name = 'emulation'

    def __init__(self) -> None:
        super().__init__(EmulatedDevice(find_library()))
