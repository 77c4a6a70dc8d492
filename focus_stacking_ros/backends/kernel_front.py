# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The front pass by the kernel: one run for a slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from focus_stacking_ros.backends.kernel_interface import (
    BEAT,
    Device,
    FRONT,
    Layout,
    layout_of,
    MAX_WIDTH,
    Plane,
    row_bytes,
)
from focus_stacking_ros.backends.kernel_memory import read_rows, write_rows
from focus_stacking_ros.core.focus.front import Front, needs_channel_noise
from focus_stacking_ros.core.focus.light import LightCells, LightGrid
from focus_stacking_ros.core.focus.measure import focus_measure, half_size
from focus_stacking_ros.core.focus.noise import BINS, CLASSES, noise_step
from focus_stacking_ros.core.slices import Image, stored
import numpy as np
from numpy.typing import NDArray

__all__ = ['has_front', 'kernel_front', 'kernel_response']

_NOISE = CLASSES * BINS * 4  # bytes of the counts of luma
_CHANNEL_NOISE = 3 * BINS * 4
_CELL = np.dtype([('sums', '<u4', 3), ('unused', '<u4')])
assert _CELL.itemsize == BEAT


def has_front(image: Image, operators: Sequence[str]) -> bool:
    """
    Return whether the kernel takes a slice.

    :param image: (H, W) or (H, W, 3), uint8 or uint16
    :param operators: focus measures
    :raises KeyError: there is no such focus measure
    """
    numbers = [focus_measure(name).kernel_number for name in operators]
    return image.shape[1] <= MAX_WIDTH and None not in numbers


def kernel_front(device: Device, image: Image, operators: Sequence[str], *,
                 with_luma: bool) -> Front:
    """
    Return what later steps need of a slice.

    :param device: where the kernel runs
    :param image: one that the kernel takes (`has_front`)
    :param operators: focus measures
    :param with_luma: whether the luma at full size is wanted
    :raises DeviceError: the device failed
    """
    wanted = [Plane.SHARPNESS, Plane.HALF_LUMA, *map(_plane_of, operators)]
    found, sums = _run(device, image, [Plane.LUMA, *wanted] if with_luma else wanted)
    grid = LightGrid.of(image.shape)
    channels = image.shape[2] if image.ndim == 3 else 1
    count = grid.rows * grid.columns * channels
    start = _NOISE + _CHANNEL_NOISE
    cells = sums[start:start + count * BEAT].view(_CELL)['sums'].astype(np.uint64)
    responses = {name: found[_plane_of(name)] for name in operators}
    return Front(
        found.get(Plane.LUMA), found[Plane.HALF_LUMA], found[Plane.SHARPNESS],
        np.array(sums[:_NOISE].view('<u4')).reshape(CLASSES, BINS),
        np.array(sums[_NOISE:start].view('<u4')).reshape(3, BINS) if needs_channel_noise(
            image, operators) else None,
        LightCells(grid, cells.reshape(grid.rows, grid.columns, channels, 3)), lambda: responses)


def kernel_response(device: Device, image: Image, operator: str) -> NDArray[np.int16]:
    """
    Return the focus response of a slice at half the size.

    :param device: where the kernel runs
    :param image: one that the kernel takes (`has_front`)
    :param operator: focus measure
    :raises DeviceError: the device failed
    """
    plane = _plane_of(operator)
    return _run(device, image, [plane])[0][plane]


def _plane_of(operator: str) -> int:
    number = focus_measure(operator).kernel_number
    assert number is not None
    return Plane.RESPONSES + number


def _planes(shape: tuple[int, ...]) -> dict[int, tuple[tuple[int, int], str]]:
    """Return size and type of every plane, in the order in which they lie in memory."""
    full, half = (shape[0], shape[1]), half_size(shape)
    responses: dict[int, tuple[tuple[int, int], str]] = {
        Plane.RESPONSES + number: (half, '<i2') for number in range(3)}
    return {Plane.LUMA: (full, '<i2'), Plane.SHARPNESS: (full, 'u1'),
            Plane.HALF_LUMA: (half, '<i2'), **responses}


def _run(device: Device, image: Image, wanted: Sequence[int]
         ) -> tuple[Mapping[int, NDArray[Any]], NDArray[np.uint8]]:
    """Return planes by their number, and the memory with the sums."""
    kinds = {number: kind for number, kind in _planes(image.shape).items() if number in wanted}
    starts, size = dict[int, int](), 0
    for number, (shape, dtype) in kinds.items():
        starts[number] = size
        size += shape[0] * row_bytes(shape[1] * np.dtype(dtype).itemsize)
    grid, layout = LightGrid.of(image.shape), layout_of(image)
    pixels, reverse = stored(image)
    if reverse:
        layout = Layout.REVERSE_8 if layout == Layout.COLOUR_8 else Layout.REVERSE_16
    channels = image.shape[2] if image.ndim == 3 else 1
    sums_size = _NOISE + _CHANNEL_NOISE + grid.rows * grid.columns * channels * BEAT
    written = write_rows(device, 'image', pixels)
    memory, sums = device.memory('planes', size), device.memory('front sums', sums_size)
    device.start(
        {'operation': FRONT, 'rows': image.shape[0], 'columns': image.shape[1], 'layout': layout,
         'planes': sum(1 << number for number in kinds), 'noise_step': noise_step(image.shape),
         'light_step': grid.step, 'cell_rows': grid.height, 'cell_columns': grid.width},
        {'image': written}, {'planes': size, 'front sums': sums_size})()
    return {number: read_rows(memory, *kind, starts[number])
            for number, kind in kinds.items()}, sums
