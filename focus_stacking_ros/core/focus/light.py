# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Light of a slice in a grid of cells, which tells its exposure."""

from __future__ import annotations

from dataclasses import dataclass

from focus_stacking_ros.core.slices import Image, stored
import numpy as np
from numpy.typing import NDArray

__all__ = ['GAMMA', 'LightCells', 'LightGrid', 'light_cells', 'light_of']

#: Power that `light_of` takes for the one by which cameras encode light, mostly 2.2; one that is
#: linear only loses in accuracy.
GAMMA = 2.0
_SIDE = 64  # cells: longer side of the grid, at most
_PIXELS = 400_000  # of a slice that enter, in some of its rows
_CLIPPED = 250 * 256  # from which a pixel may be clipped


@dataclass(frozen=True)
class LightGrid:
    """
    Where the cells of a slice lie; what is left over at its right and bottom belongs to none.

    :param rows: of cells
    :param columns: of cells
    :param height: of a cell, pixels
    :param width: of a cell, pixels
    :param step: rows of pixels from one that counts to the next, the first one counts
    """

    rows: int
    columns: int
    height: int
    width: int
    step: int

    @classmethod
    def of(cls, shape: tuple[int, ...]) -> LightGrid:
        """Return the grid of slices of so many rows and columns."""
        side = -(-max(shape[:2]) // _SIDE)
        height, width = min(side, shape[0]), min(side, shape[1])
        step = min(max(1, shape[0] * shape[1] // _PIXELS), height)
        return cls(shape[0] // height, shape[1] // width, height, width, step)

    def counts(self) -> NDArray[np.int64]:
        """Return how many pixels count in each row of cells, (rows,)."""
        ends = -(-np.arange(self.rows + 1) * self.height // self.step)
        return np.diff(ends) * self.width


@dataclass(frozen=True)
class LightCells:
    """
    Sums over the pixels of each cell.

    :param grid: where the cells lie
    :param sums: (rows, columns, c, 3) uint64: light, square of light, both in 1/65536, and number
        of the pixels that may be clipped, of each channel
    """

    grid: LightGrid
    sums: NDArray[np.uint64]


def light_of(image: Image) -> NDArray[np.uint32]:
    """
    Return linear light in 1/65536, the square of the grey values.

    :param image: any shape, uint8 or uint16
    """
    value = image.astype(np.uint32)
    if image.dtype == np.uint8:
        value *= np.uint32(256)
    return np.asarray((value * value) >> np.uint32(16), np.uint32)


def light_cells(image: Image) -> LightCells:
    """
    Return the light of a slice.

    :param image: (H, W) or (H, W, 3), uint8 or uint16
    """
    grid = LightGrid.of(image.shape)
    rows = np.arange(0, grid.rows * grid.height, grid.step)
    pixels, reverse = stored(image)
    some = pixels[:grid.rows * grid.height:grid.step, :grid.columns * grid.width]
    some = some.reshape(len(rows), grid.columns, grid.width, -1)
    light = light_of(some)
    clipped = some >= (_CLIPPED if image.dtype == np.uint16 else _CLIPPED // 256)
    planes = (light, (light * light) >> np.uint32(16), clipped)
    first = np.searchsorted(rows, np.arange(grid.rows) * grid.height)
    sums = [np.add.reduceat(plane.sum(axis=2, dtype=np.uint64), first, axis=0) for plane in planes]
    stacked = np.stack(sums, axis=-1)
    return LightCells(grid, np.ascontiguousarray(stacked[:, :, ::-1]) if reverse else stacked)
