# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Maps in fixed point: where a pixel of one grid lies in another, to 1/32 of a pixel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, astuple, dataclass

from focus_stacking_ros.core.slices import Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['GAIN_ONE', 'Area', 'FixedMap', 'MapTables', 'fixed_gain']

#: Rows and columns of a part of a picture.
Area = tuple[slice, slice]

#: A gain of 1 in fixed point.
GAIN_ONE = 1 << 14
_GREATEST_GAIN = (1 << 17) - 1
_LINEAR_BITS, _OFFSET_BITS = 24, 16


def fixed_gain(gain: float) -> int:
    """Return a gain in 1/16384, between 0 and just under 8."""
    return int(min(max(np.rint(gain * GAIN_ONE), 0), _GREATEST_GAIN))


@dataclass(frozen=True)
class FixedMap:
    """
    An affine map in integers of 32 bits, as hw_accel/SPECIFICATION.md defines it.

    :param xx: change of x per column, 1/2**24 pixel
    :param xy: change of x per row, 1/2**24 pixel
    :param x0: x of the first pixel, 1/2**16 pixel
    :param yx: change of y per column, 1/2**24 pixel
    :param yy: change of y per row, 1/2**24 pixel
    :param y0: y of the first pixel, 1/2**16 pixel
    """

    xx: int
    xy: int
    x0: int
    yx: int
    yy: int
    y0: int

    @classmethod
    def of(cls, transform: Transform, shape: tuple[int, int]) -> FixedMap | None:
        """
        Return a transform in fixed point; None where it leads too far to be expressed.

        :param transform: result pixel -> source pixel, affine
        :param shape: height and width of the result, pixels
        """
        scale = np.array([1 << _LINEAR_BITS, 1 << _LINEAR_BITS, 1 << _OFFSET_BITS])
        values = np.rint(transform[:2] * scale)
        if not (np.abs(values) < 1 << 31).all():
            return None
        fixed = cls(*(int(value) for value in values.ravel()))
        # Positions are sums of two numbers of 32 bits, in 1/2**15 pixel.
        return fixed if all(int(np.abs(columns).max()) + int(np.abs(rows).max()) < (1 << 31) - 512
                            for columns, rows in fixed._tables(shape)) else None

    def arguments(self) -> tuple[int, ...]:
        """Return the six numbers in their order."""
        return astuple(self)

    def named(self) -> dict[str, int]:
        """Return the six numbers by their names."""
        return asdict(self)

    def is_identity(self) -> bool:
        """Return whether the map moves nothing."""
        one = 1 << _LINEAR_BITS
        return self.arguments() == (one, 0, 0, 0, one, 0)

    def is_separable(self) -> bool:
        """Return whether x depends on the column only and y on the row only."""
        return self.xy == 0 and self.yx == 0

    def _tables(self, shape: tuple[int, int]
                ) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], ...]:
        """Return the shares of column and row in x and in y, 1/2**15 pixel."""
        column, row = np.arange(shape[1], dtype=np.int64), np.arange(shape[0], dtype=np.int64)
        return tuple(
            ((per_column * column + 256) >> 9, (per_row * row + (start << 8) + 256) >> 9)
            for per_column, per_row, start in ((self.xx, self.xy, self.x0),
                                               (self.yx, self.yy, self.y0)))

    def bands(self, shape: tuple[int, int], height: int | None = None
              ) -> Iterator[tuple[slice, NDArray[np.int32], NDArray[np.int32]]]:
        """
        Yield bands of rows, with x and y of every pixel in the source, in 1/32 pixel.

        The positions are int32 arrays that broadcast to the band: where the map is separable,
        (1, w) and (rows, 1).

        :param shape: height and width of the result, pixels
        :param height: of a band, rows; all by default
        """
        tables = self.tables(shape)
        for start in range(0, shape[0], height or shape[0]):
            rows = slice(start, min(start + (height or shape[0]), shape[0]))
            x, y = tables.positions((rows, slice(0, shape[1])))
            yield rows, x, y

    def tables(self, shape: tuple[int, int]) -> MapTables:
        """Return what gives the positions of any part of a result of this (height, width)."""
        (columns_x, rows_x), (columns_y, rows_y) = (
            (columns.astype(np.int32)[None], (rows + 512).astype(np.int32)[:, None])
            for columns, rows in self._tables(shape))
        if self.is_separable():
            rows_x, columns_y = rows_x[:1], columns_y[:, :1]
        return MapTables(columns_x, rows_x, columns_y, rows_y)

    def positions(self, shape: tuple[int, int]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return x and y of every pixel in the source, 1/32 pixel; see `bands`."""
        _, x, y = next(self.bands(shape))
        return x, y


@dataclass(frozen=True)
class MapTables:
    """
    Shares of every column and row in the positions of a map, 1/2**15 pixel.

    :param columns_x: (1, w) int32
    :param rows_x: (h, 1) int32, or (1, 1) where x depends on the column only
    :param columns_y: (1, w) int32, or (1, 1) where y depends on the row only
    :param rows_y: (h, 1) int32
    """

    columns_x: NDArray[np.int32]
    rows_x: NDArray[np.int32]
    columns_y: NDArray[np.int32]
    rows_y: NDArray[np.int32]

    def positions(self, area: Area) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return x and y of every pixel of an area in the source, 1/32 pixel; they broadcast."""
        rows, columns = area
        x = self.columns_x[:, columns] + (self.rows_x if len(self.rows_x) == 1
                                          else self.rows_x[rows])
        y = self.rows_y[rows] + (self.columns_y if self.columns_y.shape[1] == 1
                                 else self.columns_y[:, columns])
        return np.right_shift(x, 10, out=x), np.right_shift(y, 10, out=y)
