# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The running average in C++ (average.cpp): one call for a slice."""

from __future__ import annotations

import ctypes
from typing import Any

from focus_stacking_ros.backends.native_library import AverageStructure, NativeLibrary, plain
from focus_stacking_ros.core.fuse.fixed_map import FixedMap
from focus_stacking_ros.core.fuse.running_average import WeightedAverage
import numpy as np
from numpy.typing import NDArray

__all__ = ['native_average']

_KINDS = {np.dtype(np.int16): 0, np.dtype(np.uint8): 1, np.dtype(np.uint16): 2}


def native_average(library: NativeLibrary, average: WeightedAverage, image: NDArray[Any],
                   sharpness: NDArray[np.uint8], fixed: FixedMap,
                   gains: tuple[float, ...]) -> None:
    """
    Add a slice to a running average.

    :param library: the native library
    :param average: updated in place
    :param image: (H, W) or (H, W, 3), uint8 or uint16, or (H, W) luma as int16; 2x2 and more
    :param sharpness: (H, W) uint8
    :param fixed: pixel of the average -> slice pixel
    :param gains: factors on the image's grey values, one for each channel
    :raises ValueError: a plane is of another shape or type, or cannot be written
    """
    size = (sharpness.shape[0], sharpness.shape[1])
    for plane, dtype, shape in ((average.total, np.float32, image.shape),
                                (average.weight, np.float32, size),
                                (average.sharpest, np.uint8, size)):
        if plain(plane, dtype, shape) is not plane or not plane.flags.writeable:
            raise ValueError('a plane of the average has gaps or cannot be written')
    maps = fixed.tables(size)
    tables = [np.ascontiguousarray(table) for table in (
        maps.columns_x, maps.rows_x, maps.columns_y, maps.rows_y)]
    planes = [np.ascontiguousarray(image), plain(sharpness, np.uint8, image.shape[:2]), *tables,
              average.total, average.weight, average.sharpest]
    channels = image.shape[2] if image.ndim == 3 else 1
    structure = AverageStructure(
        *(plane.ctypes.data for plane in planes), *size, channels, _KINDS[image.dtype],
        int(fixed.is_separable()), (ctypes.c_float * 3)(*gains[:channels]))
    library.call('average', ctypes.byref(structure))
