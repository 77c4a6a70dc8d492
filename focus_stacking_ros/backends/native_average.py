# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The running averages in C++ (average.cpp, luma_average.cpp): one call for a slice."""

from __future__ import annotations

from collections.abc import Iterable
import ctypes
from typing import Any

import cv2
from focus_stacking_ros.backends.native_library import (
    AverageStructure,
    LumaAverageStructure,
    NativeLibrary,
    plain,
)
from focus_stacking_ros.core.focus.measure import half_size
from focus_stacking_ros.core.fuse.fixed_map import FixedMap
from focus_stacking_ros.core.fuse.running_average import LumaAverage, WeightedAverage
from focus_stacking_ros.core.slices import stored
import numpy as np
from numpy.typing import NDArray

__all__ = ['native_average', 'native_luma_average']

_KINDS = {np.dtype(np.uint8): 1, np.dtype(np.uint16): 2}


def native_average(library: NativeLibrary, average: WeightedAverage, image: NDArray[Any],
                   sharpness: NDArray[np.uint8], fixed: FixedMap,
                   gains: tuple[float, ...]) -> None:
    """
    Add a slice to a running average.

    :param library: the native library
    :param average: updated in place
    :param image: (H, W) or (H, W, 3), uint8 or uint16; 2x2 and more
    :param sharpness: (H, W) uint8
    :param fixed: pixel of the average -> slice pixel
    :param gains: factors on the image's grey values, one for each channel
    :raises ValueError: a plane is of another shape or type, or cannot be written
    """
    size = (sharpness.shape[0], sharpness.shape[1])
    _check(((average.total, np.float32, image.shape), (average.weight, np.float32, size)))
    tables = _tables(fixed, size)
    pixels, reverse = stored(image)
    if reverse:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    planes = [np.ascontiguousarray(pixels), plain(sharpness, np.uint8, image.shape[:2]), *tables,
              average.total, average.weight]
    channels = image.shape[2] if image.ndim == 3 else 1
    structure = AverageStructure(
        *(plane.ctypes.data for plane in planes), *size, channels, _KINDS[image.dtype],
        int(fixed.is_separable()), (ctypes.c_float * 3)(*gains[:channels]))
    library.call('average', ctypes.byref(structure))


def native_luma_average(library: NativeLibrary, average: LumaAverage, grey: NDArray[np.int16],
                        sharpness: NDArray[np.uint8], fixed: FixedMap, gain: float) -> None:
    """
    Add a slice to a running average of luma.

    :param library: the native library
    :param average: updated in place
    :param grey: (H, W) int16 luma in 1/16 grey level; 2x2 and more
    :param sharpness: (H, W) uint8
    :param fixed: full-size pixel of the average -> slice pixel
    :param gain: factor on its grey values
    :raises ValueError: a plane is of another shape or type, or cannot be written
    """
    size = (sharpness.shape[0], sharpness.shape[1])
    half = half_size(size)
    _check(((average.total, np.float32, half), (average.weight, np.float32, half),
            (average.sharpest, np.uint8, half)))
    planes = [plain(grey, np.int16, size), plain(sharpness, np.uint8), *_tables(fixed, size, 2),
              average.total, average.weight, average.sharpest]
    structure = LumaAverageStructure(*(plane.ctypes.data for plane in planes), *size,
                                     int(fixed.is_separable()), gain)
    library.call('average_luma', ctypes.byref(structure))


def _check(planes: Iterable[tuple[NDArray[Any], type, tuple[int, ...]]]) -> None:
    """Refuse planes that the library cannot write to."""
    for plane, dtype, shape in planes:
        if plain(plane, dtype, shape) is not plane or not plane.flags.writeable:
            raise ValueError('a plane of the average has gaps or cannot be written')


def _tables(fixed: FixedMap, size: tuple[int, int], step: int = 1) -> list[NDArray[np.int32]]:
    maps = fixed.tables(size)
    return [np.ascontiguousarray(table[::step, ::step]) for table in (
        maps.columns_x, maps.rows_x, maps.columns_y, maps.rows_y)]
