# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The all-in-focus image by the native library, tile by tile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
import ctypes
from typing import Any

from focus_stacking_ros.backends.native_library import (
    EntryStructure,
    NativeLibrary,
    plain,
    SliceStructure,
    Tables,
    Tile,
)
from focus_stacking_ros.core.fuse.fixed_map import Area, FixedMap
from focus_stacking_ros.core.fuse.gathering import CUBIC_WEIGHTS
from focus_stacking_ros.core.fuse.job import (
    AVERAGE_WEIGHT,
    FusionJob,
    FusionTile,
    RELATIVE_WEIGHT,
)
from focus_stacking_ros.core.fuse.weights import (
    AVERAGE_PENALTIES,
    DISTANCE,
    DISTANCE_SHIFT,
    GATE,
    INDEX_STEPS,
    NEVER,
    NOISE_DROP,
    WEIGHT,
)
from focus_stacking_ros.core.slices import Image
import numpy as np
from numpy.typing import NDArray

__all__ = ['NativeFusion', 'NativeTile']

Plane = NDArray[np.uint8]

_CUBIC = CUBIC_WEIGHTS.astype(np.float64)  # exact


class NativeFusion:
    """
    Fuses the tiles of a job; several threads may do so at the same time.

    :param library: who does it
    :param job: what is fused
    """

    def __init__(self, library: NativeLibrary, job: FusionJob) -> None:
        self.library, self.job = library, job
        self._kept: list[NDArray[Any]] = []  # what the library is given addresses of
        first = job.slices[0].image
        self._channels = first.shape[2] if first.ndim == 3 else 1
        self._wide = int(first.dtype != np.uint8)
        dtype = np.uint16 if self._wide else np.uint8
        self.slices = (SliceStructure * len(job.slices))()
        for each, item, fixed in zip(self.slices, job.slices, job.maps, strict=True):
            if fixed is None:
                continue
            assert isinstance(fixed, FixedMap)  # what has perspective is OpenCV's
            each.image = self._address(plain(item.image, dtype, first.shape))
            each.sharpness = self._address(plain(item.sharpness, np.uint8, job.shape))
            tables = fixed.tables(job.shape)
            for name in ('columns_x', 'rows_x', 'columns_y', 'rows_y'):
                setattr(each, name, self._address(plain(getattr(tables, name), np.int32)))
            each.separable = int(fixed.is_separable())
            each.gains = (ctypes.c_int32 * 3)(*item.gains())
        self._tables = Tables(*(self._address(table) for table in (
            job.penalties, AVERAGE_PENALTIES, WEIGHT, _CUBIC)))

    def _address(self, array: NDArray[Any]) -> int:
        self._kept.append(array)
        return array.ctypes.data

    def fuse(self, area: Area, result: Image, first_row: int) -> None:
        """
        Write a tile of the all-in-focus image.

        :param area: rows and columns of the tile
        :param result: rows of the image from ``first_row`` on
        """
        tile = NativeTile(self, area)
        shape = tile.planes.reach.shape
        planes = [plain(plane, np.uint8, shape) for plane in (
            tile.planes.near_level, tile.planes.near_offset, tile.planes.far_level,
            tile.planes.far_offset)]
        where = self.place(area, first_row, *(plane.ctypes.data for plane in planes))
        entries = tile.entries(tile.numbers)
        self.library.call('fuse', ctypes.byref(where), self.slices, entries, len(entries),
                          ctypes.byref(self._tables), self._channels, self._wide, result)

    def place(self, area: Area, first_row: int = 0, *planes: int) -> Tile:
        """Return where a tile is, with the addresses of its planes."""
        rows, columns = area
        return Tile(*self.job.shape, rows.start, columns.start, rows.stop - rows.start,
                    columns.stop - columns.start, first_row, *planes)


class NativeTile(FusionTile):
    """
    A tile whose integers the native library computes.

    :param fusion: what it is part of
    :param area: rows and columns of the tile
    """

    def __init__(self, fusion: NativeFusion, area: Area) -> None:
        self._fusion, self._place = fusion, fusion.place(area)
        self._shape = (self._place.height, self._place.width)
        super().__init__(fusion.job, area)

    def entries(self, numbers: Sequence[int], gated: Sequence[int] | None = None
                ) -> ctypes.Array[EntryStructure]:
        """Return what is known of slices; the tile keeps it."""
        entries = (EntryStructure * len(numbers))()
        for entry, number in zip(entries, numbers, strict=True):
            entry.number = number
            entry.logarithm = self.logarithm(number).ctypes.data
            if number in (self.gated if gated is None else gated):
                entry.gate = self.gate(number).ctypes.data
            entry.inside = self._inside(number)
        return entries

    def _inside(self, number: int) -> int | None:
        view = self.view(number)
        return None if view is None or view.inside is None else view.inside.ctypes.data

    def _sharp(self, number: int) -> Plane:
        if self.view(number) is None or min(self._job.shape) < 2:
            return super()._sharp(number)
        if number not in self._sharpness:
            found = np.empty(self._shape, np.uint8)
            self._fusion.library.call(
                'sharpness', ctypes.byref(self._place), ctypes.byref(self._fusion.slices[number]),
                self._inside(number), found)
            self._sharpness[number] = found
        return self._sharpness[number]

    def gate(self, number: int) -> Plane:
        """Return the penalty of a slice's distance from the index, NEVER where it has no data."""
        if self.view(number) is None:
            return super().gate(number)
        if number not in self._gates:
            found = np.empty(self._shape, np.uint8)
            self._fusion.library.call('gate', found.size, self._index, INDEX_STEPS * number,
                                      DISTANCE_SHIFT, self._reach, DISTANCE, GATE,
                                      self._inside(number), found)
            self._gates[number] = found
        return self._gates[number]

    def _gated_level(self) -> tuple[Plane, Plane, Callable[[], NDArray[np.uint16]]]:
        level, best = np.empty(self._shape, np.uint8), np.empty(self._shape, np.uint8)
        total = np.empty(self._shape, np.uint16)
        entries = self.entries(self.gated)
        self._fusion.library.call('gated_levels', level.size, entries, len(entries),
                                  self._job.penalties, RELATIVE_WEIGHT, NEVER, self._noise_level,
                                  NOISE_DROP, level, best, total)
        return level, best, lambda: total

    def _average_level(self) -> tuple[Plane, NDArray[np.uint16]]:
        level, total = np.empty(self._shape, np.uint8), np.empty(self._shape, np.uint16)
        entries = self.entries(self.numbers, gated=())
        self._fusion.library.call('average_levels', level.size, entries, len(entries),
                                  AVERAGE_WEIGHT, self._noise_level, NOISE_DROP, level, total)
        return level, total
