# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
The FPGA of a Kria KV260, through pyxrt as XRT 2.13 has it (and later versions still have).

Never run on a board: tested on the libxrt of that version with its shim without hardware, and with
a stand-in for pyxrt that is as strict.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
import importlib
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import module_from_spec, spec_from_file_location
import os
from pathlib import Path
import struct
import sys
import time
from typing import Any

from focus_stacking_ros.backends.installed import library_folders
from focus_stacking_ros.backends.kernel import KernelBackend
from focus_stacking_ros.backends.kernel_interface import (
    ARGUMENTS,
    BUFFERS,
    DeviceError,
    IDENTIFY,
    identity_problem,
    KERNEL,
    MEMORY,
    scalar_arguments,
)
from focus_stacking_ros.core.focus.front import Front
from focus_stacking_ros.core.focus.state import StackState
from focus_stacking_ros.core.fuse.job import FusionJob
from focus_stacking_ros.core.slices import Image, Transform
from focus_stacking_ros.core.stack.backend import BackendError
import numpy as np
from numpy.typing import NDArray

__all__ = ['KriaBackend', 'XrtDevice', 'find_firmware']

#: Where the overlay is installed, and the environment variable that names another file.
FIRMWARE = Path('/lib/firmware/xilinx') / KERNEL / f'{KERNEL}.xclbin'
FIRMWARE_VARIABLE = 'FOCUS_STACKING_ACCEL_XCLBIN'
_BEAT = 16
# Of XRT's xclbin.h: bytes before the headers of the sections, and where the file's length is.
_XCLBIN_HEADER, _XCLBIN_LENGTH = 456, 304
# What the kernel writes and the host reads; an uncached read is many times slower on the board.
_READ_BY_HOST = ('response', 'state_out')
# A slice takes some 10 ms; a run that has not ended after this will not end.
_TIMEOUT_SECONDS = 2.0
# pyxrt 2.13 holds Python's global lock while it waits: other threads run in between.
_WAIT_MILLISECONDS = 2
_LOAD = f'load the overlay with `sudo xmutil unloadapp; sudo xmutil loadapp {KERNEL}`'


def find_firmware() -> Path:
    """
    Return the xclbin that holds the kernel.

    :raises BackendError: it is not installed
    """
    path = Path(os.environ.get(FIRMWARE_VARIABLE) or FIRMWARE)
    if not path.is_file():
        raise BackendError(f'there is no {path}; build and install the firmware as docs/kv260.md '
                           f'says, or set {FIRMWARE_VARIABLE}')
    return path


def _xclbin_problem(path: Path) -> str:
    """Return why a file is no whole xclbin; '' for nothing. XRT crashes on half of one."""
    try:
        with path.open('rb') as file:
            header = file.read(_XCLBIN_HEADER)
            size = file.seek(0, os.SEEK_END)
    except OSError as error:
        return str(error)
    if not header.startswith(b'xclbin2\0'):
        return 'Invalid xclbin'
    if len(header) < _XCLBIN_HEADER:
        return f'it ends after {size} bytes'
    length, = struct.unpack_from('<Q', header, _XCLBIN_LENGTH)
    return f'it has {size} of its {length} bytes' if size < length else ''


class XrtDevice:
    """
    The kernel on the board; a ``Device`` of ``backends.kernel``.

    Memory is allocated once per name and size. Only what pyxrt 2.13 has is used: every scalar is
    an int32 and set by itself, ``sync`` has three arguments, nothing is constructed empty.

    :param pyxrt: the module
    :param firmware: path of the xclbin
    :param timeout_seconds: after which a run is taken for dead
    :raises BackendError: there is no device, or the xclbin or its kernel do not fit
    """

    def __init__(self, pyxrt: Any, firmware: Path,
                 timeout_seconds: float = _TIMEOUT_SECONDS) -> None:
        self._pyxrt, self._timeout = pyxrt, timeout_seconds
        self._memory: dict[str, tuple[Any, NDArray[np.uint8]]] = {}
        self._runs: dict[tuple[str, ...], Any] = {}
        problem = _xclbin_problem(firmware)
        if problem:
            raise BackendError(f'{firmware} cannot be loaded ({problem}); build and install it '
                               'again')
        try:
            self._device = pyxrt.device(0)
        except RuntimeError as error:
            raise BackendError(f'XRT finds no device ({error}); {_LOAD}') from error
        try:
            uuid = self._device.load_xclbin(str(firmware))
        except (RuntimeError, MemoryError, IndexError, ValueError) as error:
            raise BackendError(f'{firmware} cannot be loaded ({error}); it has to be the one of '
                               f'the running overlay: {_LOAD}') from error
        try:
            self._kernel = pyxrt.kernel(self._device, uuid, KERNEL)
        except RuntimeError as error:
            raise BackendError(f'{firmware} has no kernel {KERNEL} ({error}); build it from this '
                               'version of the package') from error
        try:
            problem = self._identity_problem()
        except DeviceError as error:
            problem = f'the kernel does not answer: {error}'
        if problem:
            raise BackendError(f'{firmware} does not fit: {problem}; build it from this version '
                               'of the package')

    def _identity_problem(self) -> str:
        beat = self.memory('identity', _BEAT)
        self.start({'operation': IDENTIFY}, {}, {'identity': _BEAT})()
        return identity_problem(beat)

    def memory(self, name: str, size: int) -> NDArray[np.uint8]:
        """Return at least ``size`` bytes that the host and the kernel see."""
        return self._buffer(name, MEMORY[name], size)[1]

    def _buffer(self, name: str, argument: str, size: int) -> tuple[Any, NDArray[np.uint8]]:
        known = self._memory.get(name)
        if known is not None and len(known[1]) >= size:
            return known
        # Let go of the smaller one first, and of the runs that know it.
        self._memory.pop(name, None)
        self._runs = {names: run for names, run in self._runs.items() if name not in names}
        kind = self._pyxrt.bo
        try:
            made = kind(self._device, size,
                        kind.cacheable if argument in _READ_BY_HOST else kind.normal,
                        self._kernel.group_id(ARGUMENTS.index(argument)))
            # Nothing in the cache may be written over what the kernel will have written.
            made.sync(self._pyxrt.xclBOSyncDirection.XCL_BO_SYNC_BO_TO_DEVICE, size, 0)
            mapped = np.asarray(made.map()).view(np.uint8)
        except (RuntimeError, IndexError, MemoryError) as error:
            raise DeviceError(f'no {size} bytes of memory for {name}: {error}') from error
        self._memory[name] = made, mapped
        return self._memory[name]

    def start(self, scalars: dict[str, int], writes: dict[str, int],
              reads: dict[str, int]) -> Callable[[], None]:
        """Start a run; several may be queued, each with memory of its own."""
        names = (*writes, *reads)
        direction = self._pyxrt.xclBOSyncDirection
        try:
            for name, size in writes.items():
                if size:
                    self._memory[name][0].sync(direction.XCL_BO_SYNC_BO_TO_DEVICE, size, 0)
            run = self._run_with(names)
            for index, value in enumerate(scalar_arguments(scalars), len(BUFFERS)):
                run.set_arg(index, value)
            run.start()
        except (RuntimeError, TypeError, IndexError) as error:
            raise DeviceError(f'a run did not start: {error}') from error

        def wait() -> None:
            self._wait_for(run, names)
            try:
                for name, size in reads.items():
                    if not size:
                        continue  # it stays on the board
                    self._memory[name][0].sync(direction.XCL_BO_SYNC_BO_FROM_DEVICE, size, 0)
            except RuntimeError as error:
                raise DeviceError(f'a result cannot be fetched: {error}') from error
        return wait

    def _run_with(self, names: tuple[str, ...]) -> Any:
        """Return the run that has this memory for its pointers; the rest get some of their own."""
        known = self._runs.get(names)
        if known is not None:
            return known
        run = self._pyxrt.run(self._kernel)
        used = {MEMORY[name]: name for name in names}
        for index, argument in enumerate(BUFFERS):
            name = used.get(argument, f'unused {argument}')
            run.set_arg(index, self._buffer(name, argument, _BEAT)[0])
        self._runs[names] = run
        return run

    def _wait_for(self, run: Any, names: tuple[str, ...]) -> None:
        states = self._pyxrt.ert_cmd_state
        # What ends a run. The others go on, among them 'running', which pyxrt has no name for.
        failed = (states.ERT_CMD_STATE_ERROR, states.ERT_CMD_STATE_ABORT,
                  states.ERT_CMD_STATE_NORESPONSE)
        end = time.monotonic() + self._timeout
        while True:
            try:
                state = run.wait(_WAIT_MILLISECONDS)
            except RuntimeError as error:
                raise DeviceError(f'waiting for a run failed: {error}') from error
            if state == states.ERT_CMD_STATE_COMPLETED:
                return
            if state in failed:
                raise DeviceError(f'a run ended with {state}')
            if time.monotonic() >= end:
                self._runs.pop(names, None)  # it may still write into its memory
                raise DeviceError(f'a run has not ended after {self._timeout:g} s')
            time.sleep(0)


class KriaBackend(KernelBackend):
    """
    Per-slice work on a Kria KV260.

    When the device fails, this and all further work is done on the CPU, with the same result;
    ``name`` and ``problem`` then say so.

    :param device: by default the board with the installed firmware
    :raises BackendError: there is no board, no firmware, or it does not fit
    """

    name = 'kria'

    def __init__(self, device: XrtDevice | None = None) -> None:
        super().__init__(_board() if device is None else device)
        self._alive = True

    def front(self, image: Image, operators: Sequence[str], *, with_luma: bool = False) -> Front:
        """Return what later steps need of a slice, from one pass over its pixels."""
        if self._alive:
            try:
                return super().front(image, operators, with_luma=with_luma)
            except DeviceError as error:
                self._give_up(error)
        return self._cpu.front(image, operators, with_luma=with_luma)

    def measure(self, image: Image, grey: NDArray[np.int16],
                operator: str) -> NDArray[np.int16]:
        """Return the focus response of a slice at half the size, in its own pixel grid."""
        if self._alive:
            try:
                return super().measure(image, grey, operator)
            except DeviceError as error:
                self._give_up(error)
        return self._cpu.measure(image, grey, operator)

    def align(self, response: NDArray[np.int16], transform: Transform,
              gain: float) -> NDArray[np.int16]:
        """Return a response in another pixel grid, -1 where it has no data."""
        if self._alive:
            try:
                return super().align(response, transform, gain)
            except DeviceError as error:
                self._give_up(error)
        return self._cpu.align(response, transform, gain)

    def accumulate(self, state: StackState, response: NDArray[np.int16], window: int) -> None:
        """Average an aligned response over a window and update the state."""
        if self._alive:
            try:
                # The state changes only when the device has delivered all of it.
                super().accumulate(state, response, window)
            except DeviceError as error:
                self._give_up(error)
            else:
                return
        self._cpu.accumulate(state, response, window)

    def _fused_rows(self, job: FusionJob, rows: slice) -> Image:
        """Return rows of the all-in-focus image."""
        if self._alive:
            try:
                return super()._fused_rows(job, rows)
            except DeviceError as error:
                self._give_up(error)
        return self._cpu.fused_rows(job, rows)

    def _give_up(self, error: DeviceError) -> None:
        if self._alive:
            self._alive = self.affine_only = False  # the CPU takes whatever comes
            self.name = f'{self._cpu.name} (the KV260 failed: {error})'
            self.problem = (f'the KV260 failed: {error}; going on with the CPU, the results are '
                            f'the same. To use it again: {_LOAD} and restart')


def _pyxrt() -> Any:
    """Return the Python module of XRT: an installed one, else that of focus_stacking_accel."""
    try:
        return importlib.import_module('pyxrt')
    except ImportError as error:
        if 'pyxrt' not in sys.modules:  # where it is, another module is not wanted
            for path in (folder / KERNEL / f'pyxrt{suffix}' for folder in library_folders()
                         for suffix in EXTENSION_SUFFIXES):
                if path.is_file():
                    return _loaded(path)
        raise BackendError(f'pyxrt, the Python module of XRT, cannot be imported ({error}); on a '
                           'KV260 see docs/kv260.md, elsewhere use another backend') from error


def _loaded(path: Path) -> Any:
    spec = spec_from_file_location('pyxrt', path)
    assert spec is not None
    assert spec.loader is not None
    try:
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
    except ImportError as error:
        raise BackendError(f'{path} cannot be imported ({error}); install XRT, or build the '
                           'package focus_stacking_accel again') from error
    sys.modules['pyxrt'] = module  # it can be made once only
    return module


def _board() -> XrtDevice:
    return XrtDevice(_pyxrt(), find_firmware())
