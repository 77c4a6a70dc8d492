# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Arguments, limits and memory of the kernel, as hw_accel/SPECIFICATION.md has them."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Protocol

from focus_stacking_ros.core.fuse.fixed_map import FixedMap
from focus_stacking_ros.core.fuse.job import TILE
from focus_stacking_ros.core.slices import Image
import numpy as np
from numpy.typing import NDArray

__all__ = [
    'ACCUMULATE',
    'ALIGN',
    'ARGUMENTS',
    'BAND',
    'BEAT',
    'BUFFERS',
    'FIRST_SLICE',
    'FRONT',
    'FUSE',
    'GUIDE',
    'IDENTIFY',
    'KERNEL',
    'LAST_SLICE',
    'MAGIC',
    'MAX_FUSED_WIDTH',
    'MAX_WIDTH',
    'MAX_WINDOW',
    'MEMORY',
    'RECORD',
    'SOURCE_ROWS',
    'SUMS',
    'TAGGED',
    'VERSION',
    'Device',
    'DeviceError',
    'Layout',
    'Plane',
    'identity_problem',
    'layout_of',
    'row_bytes',
    'scalar_arguments',
    'source_rows_needed',
    'tap_rows',
    'tap_rows_held',
]


class Layout(IntEnum):
    """What a pixel in the device's memory consists of."""

    GREY_8 = 1
    GREY_16 = 2
    COLOUR_8 = 3
    COLOUR_16 = 4
    #: Red first; of what comes as it was sent.
    REVERSE_8 = 5
    REVERSE_16 = 6


class Plane(IntEnum):
    """What front makes, in the order in which it lies in memory; bits of the argument planes."""

    LUMA = 0
    SHARPNESS = 1
    HALF_LUMA = 2
    #: The first of the responses: the number of the focus measure is added.
    RESPONSES = 3


KERNEL = 'focus_stacking_accel'
MAGIC, VERSION = 0x46534143, 4
#: Arguments of the kernel in their order: four pointers, then int32.
BUFFERS = ('source', 'response', 'state_in', 'state_out')
ARGUMENTS = (*BUFFERS, 'operation', 'rows', 'columns', 'layout', 'planes', 'window',
             'slice', 'xx', 'xy', 'x0', 'yx', 'yy', 'y0', 'gain', 'gain_2', 'gain_3', 'height',
             'first_row', 'source_row', 'power', 'steps', 'noise_step', 'light_step',
             'cell_rows', 'cell_columns')
#: What is kept in the memory of the device, and the argument each of it is for.
MEMORY = {
    'identity': 'response',
    'image': 'source', 'planes': 'response', 'front sums': 'state_out',
    'unaligned': 'source', 'aligned': 'response',
    'unaveraged': 'source', 'state before': 'state_in', 'state after': 'state_out',
    'slice 0': 'source', 'slice 1': 'source', 'guide': 'state_in', 'sums': 'state_out',
    'fused': 'response',
}
IDENTIFY, FRONT, ALIGN, ACCUMULATE, FUSE = range(5)
#: Limits: pixels, half-size pixels, half-size rows; and pixels of what is fused.
MAX_WIDTH, MAX_WINDOW, SOURCE_ROWS = 4096, 15, 64
MAX_FUSED_WIDTH = 4088
BEAT = 16  # bytes
#: What the argument steps consists of.
FIRST_SLICE, LAST_SLICE = 1, 2
#: Rows of the all-in-focus image that are fused at a time; a multiple of a tile's.
BAND = 4 * TILE[0]

#: One pixel of the state in the device's memory.
RECORD = np.dtype([
    ('best', '<i2'), ('left', '<i2'), ('right', '<i2'), ('previous', '<i2'), ('detail', '<i2'),
    ('index', 'u1'), ('count', 'u1'), ('total', '<i4')])
#: What decides the weights at one pixel, in the device's memory.
GUIDE = np.dtype([
    ('index', '<u2'), ('reach', 'u1'), ('near_level', 'u1'), ('near_offset', 'u1'),
    ('far_level', 'u1'), ('far_offset', 'u1'), ('unused', 'u1')])
SUMS = 16  # bytes per pixel
#: Pixel of a slice with its sharpness; what is over is left alone.
TAGGED = {
    Layout.GREY_8: np.dtype([('value', 'u1'), ('sharpness', 'u1')]),
    Layout.GREY_16: np.dtype([('value', '<u2'), ('sharpness', 'u1'), ('unused', 'u1')]),
    Layout.COLOUR_8: np.dtype([('value', 'u1', 3), ('sharpness', 'u1')]),
    Layout.COLOUR_16: np.dtype([('value', '<u2', 3), ('sharpness', 'u1'), ('unused', 'u1')]),
}


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


def layout_of(image: Image) -> Layout:
    """
    Return what the pixels of an image consist of.

    :param image: (H, W) or (H, W, 3), uint8 or uint16
    """
    if image.ndim == 2:
        return Layout.GREY_8 if image.dtype == np.uint8 else Layout.GREY_16
    return Layout.COLOUR_8 if image.dtype == np.uint8 else Layout.COLOUR_16


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
        return SOURCE_ROWS + 1  # the kernel fetches rows downwards only
    row = np.arange(height, dtype=np.int64)
    start = ((fixed.yy * row + (fixed.y0 << 8) + 256) >> 9) + 512
    ends = (start[:, None] + np.array([0, (fixed.yx * (width - 1) + 256) >> 9])) >> 15
    first = np.maximum(ends.min(axis=1), 0)
    last = np.minimum(ends.max(axis=1) + 1, height - 1)
    return max(int((last - first).max()) + 1, 0)


def tap_rows(fixed: FixedMap, shape: tuple[int, int], band: slice
             ) -> tuple[int, int, int] | None:
    """
    Return what fusing a band needs of a slice: first and last row, and rows to be held at once.

    :param fixed: result pixel -> slice pixel
    :param shape: height and width, pixels
    :param band: rows of the result
    :returns: None where the slice shows nothing of the band
    """
    height, width = shape
    row = np.arange(band.start, band.stop, dtype=np.int64)
    start = ((fixed.yy * row + (fixed.y0 << 8) + 256) >> 9) + 512
    ends = (start[:, None] + np.array([0, (fixed.yx * (width - 1) + 256) >> 9])) >> 15
    least, greatest = ends.min(axis=1), ends.max(axis=1)
    seen = (greatest >= 0) & (least < height)
    if not seen.any():
        return None
    first = np.maximum(least[seen], 0) - 1
    last = np.minimum(greatest[seen], height - 1) + 2
    return (max(int(first.min()), 0), min(int(last.max()), height - 1),
            int((last - first).max()) + 1)


def tap_rows_held(width: int) -> int:
    """Return how many rows of a slice, so many pixels wide, the kernel keeps while it fuses."""
    return 128 if width <= 1016 else 64 if width <= 2040 else 32


def row_bytes(size: int) -> int:
    """Return the bytes from one row to the next, for so many bytes in a row."""
    return -(-size // BEAT) * BEAT
