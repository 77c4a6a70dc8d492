# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Rows of arrays in the memory of the kernel, each from a multiple of a beat on."""

from __future__ import annotations

from typing import Any

from focus_stacking_ros.backends.kernel_interface import Device, row_bytes
import numpy as np
from numpy.typing import NDArray

__all__ = ['read_rows', 'write_rows']


def write_rows(device: Device, name: str, array: NDArray[Any]) -> int:
    """
    Copy an array into memory; returns the bytes.

    :param device: whose memory it is
    :param name: of the memory, a key of ``kernel_interface.MEMORY``
    :param array: (H, W) or (H, W, c), little-endian
    :raises DeviceError: there is not so much memory
    """
    height, width = len(array), array[0].size
    pitch = row_bytes(width * array.itemsize)
    size = height * pitch
    target = device.memory(name, size)[:size].view(array.dtype).reshape(height, -1)
    target[:, :width].reshape(array.shape)[...] = array
    return size


def read_rows(memory: NDArray[np.uint8], shape: tuple[int, int], dtype: Any,
              start: int = 0) -> NDArray[Any]:
    """
    Return a copy of an array in memory.

    :param memory: what the device has given
    :param shape: height and width
    :param dtype: of the array
    :param start: byte at which it begins
    """
    kind = np.dtype(dtype)
    pitch = row_bytes(shape[1] * kind.itemsize)
    rows = memory[start:start + shape[0] * pitch].view(kind).reshape(shape[0], -1)
    return np.array(rows[:, :shape[1]])
