# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
What the host of the kernel ``focus_stacking_accel`` does, wherever that runs.

Arguments, limits and memory layout of hw_accel/SPECIFICATION.md; a `Device` holds the memory and
runs the kernel. What the kernel cannot take is done on the CPU, with the same result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from focus_stacking_ros.backends.opencv import OpenCVBackend
from focus_stacking_ros.core.backend import Backend
from focus_stacking_ros.core.fixed_map import fixed_gain, FixedMap
from focus_stacking_ros.core.focus_measure import half_size
from focus_stacking_ros.core.slices import Image, Transform
from focus_stacking_ros.core.state import StackState
from focus_stacking_ros.core.warping import reduced
import numpy as np
from numpy.typing import NDArray

__all__ = [
    'ARGUMENTS',
    'BUFFERS',
    'IDENTIFY',
    'KERNEL',
    'MAGIC',
    'MEMORY',
    'RECORD',
    'VERSION',
    'Device',
    'DeviceError',
    'KernelBackend',
    'identity_problem',
    'scalar_arguments',
    'source_rows_needed',
]

KERNEL = 'focus_stacking_accel'
MAGIC, VERSION = 0x46534143, 1
#: Arguments of the kernel in their order: four pointers, then int32.
BUFFERS = ('source', 'response', 'state_in', 'state_out')
ARGUMENTS = (*BUFFERS, 'operation', 'rows', 'columns', 'layout', 'focus_operator', 'window',
             'slice', 'xx', 'xy', 'x0', 'yx', 'yy', 'y0', 'gain')
#: What is kept in the memory of the device, and the argument each of it is for.
MEMORY = {
    'identity': 'response',
    'image 0': 'source', 'measured 0': 'response',
    'image 1': 'source', 'measured 1': 'response',
    'unaligned': 'source', 'aligned': 'response',
    'unaveraged': 'source', 'state before': 'state_in', 'state after': 'state_out',
}
IDENTIFY, MEASURE, ALIGN, ACCUMULATE = range(4)
OPERATORS = ('ring_difference', 'modified_laplacian', 'log_norm')
_LUMA, _GREY_8, _GREY_16, _COLOUR_8, _COLOUR_16 = range(5)
_MAX_WIDTH, _MAX_WINDOW, _SOURCE_ROWS = 4096, 15, 64
_BEAT = 16  # bytes

#: One pixel of the state in the device's memory.
RECORD = np.dtype([
    ('best', '<i2'), ('left', '<i2'), ('right', '<i2'), ('previous', '<i2'), ('detail', '<i2'),
    ('index', 'u1'), ('count', 'u1'), ('total', '<i4')])


class DeviceError(RuntimeError):
    """The device failed; what it was doing has no result."""


class Device(Protocol):
    """Memory the kernel sees, and the kernel."""

    def memory(self, name: str, size: int) -> NDArray[np.uint8]:
        """
        Return at least ``size`` bytes of memory; the same as before where that is enough.

        :param name: a key of `MEMORY`
        :raises DeviceError: there is not so much
        """

    def start(self, scalars: dict[str, int], writes: dict[str, int],
              reads: dict[str, int]) -> Callable[[], None]:
        """
        Start the kernel; returns what waits for its end.

        :param scalars: int32 values by name of argument; those left out are 0
        :param writes: bytes that the host has written, by name of memory
        :param reads: bytes that the kernel writes and the host will read, by name of memory
        :raises DeviceError: it did not start; the returned function: it did not end well
        """


def identity_problem(beat: NDArray[np.uint8]) -> str:
    """Return what is wrong with what the kernel says of itself; '' for nothing."""
    magic, version = (int(value) for value in beat[:8].view('<u4'))
    if magic != MAGIC:
        return f'it is not {KERNEL}'
    if version != VERSION:
        return f'it has version {version} and this package needs version {VERSION}'
    return ''


def scalar_arguments(scalars: dict[str, int]) -> tuple[int, ...]:
    """Return all scalars in the order of the kernel, 0 where none is given."""
    return tuple(int(scalars.get(name, 0)) for name in ARGUMENTS[len(BUFFERS):])


def source_rows_needed(fixed: FixedMap, shape: tuple[int, int]) -> int:
    """
    Return how many rows of the source the warp has to hold at once for any row of the result.

    :param fixed: result pixel -> source pixel
    :param shape: height and width, half-size pixels
    """
    height, width = shape
    if fixed.yy < 0:
        return _SOURCE_ROWS + 1  # the kernel fetches rows downwards only
    row = np.arange(height, dtype=np.int64)
    start = ((fixed.yy * row + (fixed.y0 << 8) + 256) >> 9) + 512
    ends = (start[:, None] + np.array([0, (fixed.yx * (width - 1) + 256) >> 9])) >> 15
    first = np.maximum(ends.min(axis=1), 0)
    last = np.minimum(ends.max(axis=1) + 1, height - 1)
    return max(int((last - first).max()) + 1, 0)


def _row_bytes(size: int) -> int:
    return -(-size // _BEAT) * _BEAT


class KernelBackend(Backend):
    """
    Per-slice work by the kernel; see ``core.backend.Backend`` for the methods.

    :param device: where the kernel runs
    """

    name = 'kernel'

    def __init__(self, device: Device) -> None:
        self._device = device
        self._cpu = OpenCVBackend()
        # Two slices may be under way, each in memory of its own.
        self._turn = 0
        self._under_way: dict[int, Callable[[], NDArray[np.int16]]] = {}

    def layout_of(self, image: Image, operator: str) -> int:
        """Return the layout with the fewest bytes from which the kernel gets the response."""
        if image.ndim == 2:
            return _GREY_8 if image.dtype == np.uint8 else _GREY_16
        if operator != 'log_norm':
            return _LUMA
        return _COLOUR_8 if image.dtype == np.uint8 else _COLOUR_16

    def measure(self, image: Image, grey: NDArray[np.int16],
                operator: str) -> NDArray[np.int16]:
        """Return the focus response of a slice at half the size, in its own pixel grid."""
        return self.begin_measure(image, grey, operator)()

    def begin_measure(self, image: Image, grey: NDArray[np.int16],
                      operator: str) -> Callable[[], NDArray[np.int16]]:
        """Start measuring a slice; returns what waits for its response."""
        if image.shape[1] > _MAX_WIDTH:
            response = self._cpu.measure(image, grey, operator)
            return lambda: response
        self._turn = turn = 1 - self._turn
        if turn in self._under_way:
            self._under_way[turn]()  # its memory is needed: fetch its result now
        found: list[NDArray[np.int16]] = []
        start = self._start_measure(turn, image, grey, operator)

        def finish() -> NDArray[np.int16]:
            if not found:
                if self._under_way.get(turn) is finish:
                    del self._under_way[turn]
                found.append(start())
            return found[0]

        self._under_way[turn] = finish
        return finish

    def _start_measure(self, turn: int, image: Image, grey: NDArray[np.int16],
                       operator: str) -> Callable[[], NDArray[np.int16]]:
        height, width = image.shape[:2]
        source, target = f'image {turn}', f'measured {turn}'
        layout = self.layout_of(image, operator)
        plane = grey if layout == _LUMA else image
        written = self._write_rows(
            source, np.ascontiguousarray(plane).reshape(height, -1).view(np.uint8))
        half = half_size((height, width))
        size = half[0] * _row_bytes(2 * half[1])
        self._device.memory(target, size)
        wait = self._device.start(
            {'operation': MEASURE, 'rows': height, 'columns': width, 'layout': layout,
             'focus_operator': OPERATORS.index(operator)}, {source: written}, {target: size})

        def finish() -> NDArray[np.int16]:
            wait()
            return self._read_rows(target, half)
        return finish

    def align(self, response: NDArray[np.int16], transform: Transform,
              gain: float) -> NDArray[np.int16]:
        """Return a response in another pixel grid, -1 where it has no data."""
        shape = (response.shape[0], response.shape[1])
        fixed = FixedMap.of(reduced(transform, 2), shape)
        if (fixed is None or 2 * shape[1] > _MAX_WIDTH
                or source_rows_needed(fixed, shape) > _SOURCE_ROWS):
            return self._cpu.align(response, transform, gain)
        written = self._write_rows('unaligned', np.ascontiguousarray(response).view(np.uint8))
        self._device.memory('aligned', written)
        scalars = dict(zip(('xx', 'xy', 'x0', 'yx', 'yy', 'y0'), fixed.arguments(), strict=True))
        self._device.start(
            {'operation': ALIGN, 'rows': shape[0], 'columns': shape[1],
             'gain': fixed_gain(gain), **scalars},
            {'unaligned': written}, {'aligned': written})()
        return self._read_rows('aligned', shape)

    def accumulate(self, state: StackState, response: NDArray[np.int16], window: int) -> None:
        """Average an aligned response over a window and update the state."""
        shape = (response.shape[0], response.shape[1])
        if 2 * shape[1] > _MAX_WIDTH or window > _MAX_WINDOW:
            self._cpu.accumulate(state, response, window)
            return
        count = shape[0] * shape[1]
        size = count * RECORD.itemsize
        # Both are written anew each time: what the device leaves behind is never relied on.
        before = self._device.memory('state before', size)[:size].view(RECORD).reshape(shape)
        names = RECORD.names or ()
        if state.slices > 0:  # the first slice ignores what was there
            for name in names:
                before[name] = getattr(state, name)
        written = self._write_rows('unaveraged', np.ascontiguousarray(response).view(np.uint8))
        self._device.memory('state after', size)
        self._device.start(
            {'operation': ACCUMULATE, 'rows': shape[0], 'columns': shape[1], 'window': window,
             'slice': state.slices},
            {'unaveraged': written, 'state before': size if state.slices else 0},
            {'state after': size})()
        after = self._device.memory('state after', size)[:size].view(RECORD).reshape(shape)
        for name in names:
            getattr(state, name)[:] = after[name]
        state.slices += 1

    def _write_rows(self, name: str, rows: NDArray[np.uint8]) -> int:
        """Copy rows into memory, each from a multiple of a beat on; returns the bytes."""
        pitch = _row_bytes(rows.shape[1])
        size = len(rows) * pitch
        target = self._device.memory(name, size)[:size].reshape(len(rows), pitch)
        target[:, :rows.shape[1]] = rows
        return size

    def _read_rows(self, name: str, shape: tuple[int, int]) -> NDArray[np.int16]:
        """Return a copy of a response in memory."""
        pitch = _row_bytes(2 * shape[1])
        size = shape[0] * pitch
        rows = self._device.memory(name, size)[:size].view('<i2').reshape(shape[0], pitch // 2)
        return np.array(rows[:, :shape[1]], np.int16)
