# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The all-in-focus image by the native library, tile by tile."""

from __future__ import annotations

import ctypes
from typing import Any

from focus_stacking_ros.backends.native_library import (
    Entry,
    NativeLibrary,
    plain,
    Slice,
    Tables,
    Tile,
)
from focus_stacking_ros.core.fixed_map import Area
from focus_stacking_ros.core.fusion_job import FusionJob
from focus_stacking_ros.core.fusion_weights import AVERAGE_STEPS, WEIGHT
from focus_stacking_ros.core.gathering import CUBIC_WEIGHTS
from focus_stacking_ros.core.slices import Image
import numpy as np
from numpy.typing import NDArray

__all__ = ['NativeFusion']

#: Penalty in the average without a gate, by what is missing to the sharpest.
_AVERAGE_PENALTIES = np.minimum(np.arange(256) * AVERAGE_STEPS, 255).astype(np.uint8)
_CUBIC = CUBIC_WEIGHTS.astype(np.float64)  # exact


class NativeFusion:
    """
    Fuses the tiles of a job; several threads may do so at the same time.

    :param library: who does it
    :param job: what is fused
    """

    def __init__(self, library: NativeLibrary, job: FusionJob) -> None:
        self._library, self._job = library, job
        self._kept: list[NDArray[Any]] = []  # what the library is given addresses of
        first = job.slices[0].image
        self._channels = first.shape[2] if first.ndim == 3 else 1
        self._wide = int(first.dtype != np.uint8)
        dtype = np.uint16 if self._wide else np.uint8
        self._slices = (Slice * len(job.slices))()
        for each, item, fixed in zip(self._slices, job.slices, job.maps, strict=True):
            if fixed is None:
                continue
            each.image = self._address(plain(item.image, dtype, first.shape))
            each.sharpness = self._address(plain(item.sharpness, np.uint8, job.shape))
            tables = fixed.tables(job.shape)
            for name in ('columns_x', 'rows_x', 'columns_y', 'rows_y'):
                setattr(each, name, self._address(plain(getattr(tables, name), np.int32)))
            each.separable = int(fixed.is_separable())
            each.gains = (ctypes.c_int32 * 3)(*item.gains())
        self._tables = Tables(*(self._address(table) for table in (
            job.penalties, _AVERAGE_PENALTIES, WEIGHT, _CUBIC)))

    def _address(self, array: NDArray[Any]) -> int:
        self._kept.append(array)
        return array.ctypes.data

    def fuse(self, area: Area, result: Image, first_row: int) -> None:
        """
        Write a tile of the all-in-focus image.

        :param area: rows and columns of the tile
        :param result: rows of the image from ``first_row`` on
        """
        tile, (rows, columns) = self._job.tile(area), area
        shape = (rows.stop - rows.start, columns.stop - columns.start)
        planes = [plain(plane, np.uint8, shape) for plane in (
            tile.planes.near_level, tile.planes.near_offset, tile.planes.far_level,
            tile.planes.far_offset)]
        entries, kept = (Entry * len(tile.numbers))(), []
        for entry, number in zip(entries, tile.numbers, strict=True):
            view = tile.view(number)
            found = (tile.logarithm(number), tile.gate(number) if number in tile.gated else None,
                     None if view is None else view.inside)
            for name, plane in zip(('logarithm', 'gate', 'inside'), found, strict=True):
                if plane is not None:
                    kept.append(plain(plane, np.uint8, shape))
                    setattr(entry, name, kept[-1].ctypes.data)
            entry.number = number
        where = Tile(*self._job.shape, rows.start, columns.start, *shape, first_row,
                     *(plane.ctypes.data for plane in planes))
        self._library.call('fuse', ctypes.byref(where), self._slices, entries, len(entries),
                           ctypes.byref(self._tables), self._channels, self._wide, result)
