# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
A stand-in for pyxrt 2.13, as strict as the real one, with the emulation library for a device.

It is a test double. What crashes, hangs or does the wrong thing without a word in the real module
raises AssertionError here; what raises there raises the same here (test/accel/test_xrt.py compares
them). The device has memory of its own: what is not synchronised is not seen.
"""

from __future__ import annotations

import ctypes
import enum
from pathlib import Path
import threading
import time
from typing import Any

from focus_stacking_ros.backends.kernel_interface import ARGUMENTS, BUFFERS, KERNEL, RECORD

assert RECORD.itemsize == 16


class State(enum.Enum):
    """States of a command that pyxrt names; 3, running, is not among them."""

    ERT_CMD_STATE_NEW = 1
    ERT_CMD_STATE_QUEUED = 2
    ERT_CMD_STATE_COMPLETED = 4
    ERT_CMD_STATE_ERROR = 5
    ERT_CMD_STATE_ABORT = 6
    ERT_CMD_STATE_SUBMITTED = 7
    ERT_CMD_STATE_TIMEOUT = 8
    ERT_CMD_STATE_NORESPONSE = 9


class Direction(enum.Enum):
    """Directions of a synchronisation."""

    XCL_BO_SYNC_BO_TO_DEVICE = 0
    XCL_BO_SYNC_BO_FROM_DEVICE = 1


class Flags(enum.Enum):
    """Kinds of memory; cacheable counts on the board only."""

    NORMAL = 0
    CACHEABLE = 1 << 24


class StrictPyxrt:
    """
    What ``import pyxrt`` gives, and the board behind it.

    :param library: the emulation library
    :param devices: number of devices
    :param kernels: names of the kernels in any xclbin
    :param memory: bytes there are
    """

    xclBOSyncDirection = Direction  # noqa: N815
    ert_cmd_state = State

    def __init__(self, library: Path, devices: int = 1, kernels: tuple[str, ...] = (KERNEL,),
                 memory: int = 1 << 30) -> None:
        self.devices, self.kernels, self.free = devices, kernels, memory
        self.function = ctypes.CDLL(str(library)).focus_stacking_accel
        self.function.restype = None
        #: None, or how runs go wrong: hang, error, start, wait or sync.
        self.fault: str | None = None
        self.runs_until_fault = 0
        self.started = self.allocated = self.most_under_way = self.under_way = self.waits = 0
        self.identity: bytes | None = None
        self.one_at_a_time = threading.Lock()
        self.delay_seconds = 0.0
        board = self

        class Device:
            def __init__(self, index: int) -> None:
                if type(index) is not int or index < 0:
                    raise TypeError('incompatible constructor arguments')
                if index >= board.devices:
                    raise RuntimeError(f"Could not open device with index '{index}'")

            def load_xclbin(self, path: str) -> Any:
                if type(path) is not str:
                    raise TypeError('incompatible function arguments')
                if not Path(path).is_file():
                    raise RuntimeError(f"Failed to open file '{path}' for reading")
                content = Path(path).read_bytes()
                if not content.startswith(b'xclbin2'):
                    raise RuntimeError('Invalid xclbin')
                assert len(content) >= 456, 'half of an xclbin crashes'
                assert int.from_bytes(content[304:312], 'little') <= len(content), 'it crashes'
                return 'uuid'

        class Kernel:
            def __init__(self, device: Device, uuid: str, name: str) -> None:
                if not isinstance(device, Device) or uuid != 'uuid':
                    raise TypeError('incompatible constructor arguments')
                if name not in board.kernels:
                    raise RuntimeError(f"No such kernel '{name}': Invalid argument")

            def group_id(self, index: int) -> int:
                if type(index) is not int:
                    raise TypeError('group_id(): incompatible function arguments')
                if not 0 <= index < len(BUFFERS):
                    raise IndexError('vector::_M_range_check')
                return index

            def __call__(self, *arguments: Any) -> None:  # noqa: ARG002
                raise AssertionError('a call of a kernel swallows what it cannot convert')

        class Buffer:
            normal, cacheable = Flags

            def __init__(self, device: Device, size: int, flags: Flags, group: int) -> None:
                if (not isinstance(device, Device) or type(size) is not int or size < 0
                        or not isinstance(flags, Flags) or type(group) is not int or group < 0):
                    raise TypeError('incompatible constructor arguments')
                assert size > 0, 'nobody needs no memory'
                assert group < len(BUFFERS), 'there is no such memory'
                if size > board.free:
                    raise RuntimeError('failed to allocate memory: Cannot allocate memory')
                board.free -= size
                board.allocated += 1
                self.size, self.group, self.flags = size, group, flags
                self.host = bytearray(b'\xa5' * size)
                # Memory of the device begins at a page.
                self._block = ctypes.create_string_buffer(b'\x5a' * (size + 4096), size + 4096)
                self.address = -(-ctypes.addressof(self._block) // 4096) * 4096
                self.there = (ctypes.c_char * size).from_address(self.address)

            def __del__(self) -> None:
                if hasattr(self, 'host'):
                    board.free += self.size
                    # Who still reads what was mapped reads what is no longer there.
                    self.host[:] = b'\xdd' * self.size

            def mapped(self) -> memoryview:
                return memoryview(self.host)

            def sync(self, *arguments: Any) -> None:
                if len(arguments) != 3:
                    raise TypeError('sync(): incompatible function arguments')
                direction, size, offset = arguments
                if not isinstance(direction, Direction) or min(size, offset) < 0:
                    raise TypeError('sync(): incompatible function arguments')
                if board.fault == 'sync' and board.is_broken():
                    raise RuntimeError('sync failed: Input/output error')
                if offset + size > self.size:
                    raise RuntimeError('attempting to sync past buffer size: Invalid argument')
                if direction is Direction.XCL_BO_SYNC_BO_TO_DEVICE:
                    self.there[offset:offset + size] = bytes(self.host[offset:offset + size])
                else:
                    self.host[offset:offset + size] = self.there[offset:offset + size]

        Buffer.map = Buffer.mapped  # a method of that name would look like the built-in one

        class Run:
            def __init__(self, kernel: Kernel) -> None:
                assert isinstance(kernel, Kernel)
                self._arguments: dict[int, Any] = {}
                self._thread: threading.Thread | None = None
                self._state = State.ERT_CMD_STATE_NEW
                self._ended = True

            def set_arg(self, index: int, value: Any) -> None:
                assert self._ended, 'it may be running'
                if not 0 <= index < len(ARGUMENTS):
                    raise IndexError('vector::_M_range_check')
                if isinstance(value, Buffer):
                    assert index < len(BUFFERS), 'memory for a scalar crashes'
                    assert value.group == index, 'a copy of it in the right bank is taken'
                elif type(value) is not int or not -1 << 31 <= value < 1 << 31:
                    raise TypeError('set_arg(): incompatible function arguments')
                else:
                    assert index >= len(BUFFERS), 'a number is taken for an address'
                self._arguments[index] = value

            def start(self) -> None:
                assert set(self._arguments) == set(range(len(ARGUMENTS))), 'unset arguments'
                if not self._ended:  # nobody has waited for the last one
                    raise RuntimeError("bad command state, can't launch")
                if board.fault == 'start' and board.is_broken():
                    raise RuntimeError('failed to start: Input/output error')
                board.started += 1
                board.under_way += 1
                board.most_under_way = max(board.most_under_way, board.under_way)
                self._state: Any = 3
                self._ended = False
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()

            def _work(self) -> None:
                values = [self._arguments[index] for index in range(len(ARGUMENTS))]
                with board.one_at_a_time:
                    time.sleep(board.delay_seconds)
                    if board.is_broken():
                        if board.fault == 'error':
                            self._state = State.ERT_CMD_STATE_ERROR
                        if board.fault in {'error', 'hang'}:
                            # It may have written half of the result, or nonsense.
                            for buffer in values[1], values[3]:
                                buffer.there[:] = b'\x77' * buffer.size
                            return
                    board.function(*(ctypes.c_void_p(each.address)
                                     for each in values[:len(BUFFERS)]), *values[len(BUFFERS):])
                    if values[len(BUFFERS)] == 0 and board.identity is not None:
                        values[1].there[:len(board.identity)] = board.identity
                board.under_way -= 1
                self._state = State.ERT_CMD_STATE_COMPLETED

            def wait(self, *arguments: Any) -> State:
                assert len(arguments) == 1, 'without a limit it may wait for ever'
                if type(arguments[0]) is not int or arguments[0] < 0:
                    raise TypeError('wait(): incompatible function arguments')
                assert 0 < arguments[0] <= 20, 'the global lock is held meanwhile'
                assert self._thread is not None, 'a run that was not started waits for ever'
                if board.fault == 'wait' and board.is_broken():
                    raise RuntimeError('wait failed: Input/output error')
                self._thread.join(arguments[0] / 1000)
                if self._state == 3:
                    time.sleep(arguments[0] / 1000)
                    board.waits += 1
                    return State.ERT_CMD_STATE_TIMEOUT if board.waits % 2 else 3
                self._ended = True
                return self._state

        self.device, self.kernel, self.bo, self.run = Device, Kernel, Buffer, Run

    def is_broken(self) -> bool:
        """Return whether the fault has begun."""
        return self.fault is not None and self.started > self.runs_until_fault
