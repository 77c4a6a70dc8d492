# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Maps with perspective in fixed point, for what `FixedMap` is to affine ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from focus_stacking_ros.core.align.warping import is_affine
from focus_stacking_ros.core.fuse.fixed_map import Area, FixedMap, MapTables
from focus_stacking_ros.core.slices import Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['PixelMap', 'PixelTables', 'ProjectiveMap', 'ProjectiveTables', 'fixed_map']

_BITS = 40
_GREATEST = 1 << 57  # numerator: 32 times as much is below 2**63
# Denominators that are within reach of a camera that is turned a little.
_LEAST_BELOW, _GREATEST_BELOW = 1 << (_BITS - 2), 1 << (_BITS + 2)


def fixed_map(transform: Transform, shape: tuple[int, int]) -> PixelMap | None:
    """
    Return a transform in fixed point; None where it leads too far to be expressed.

    :param transform: result pixel -> source pixel
    :param shape: height and width of the result, pixels
    """
    kind = FixedMap if is_affine(transform) else ProjectiveMap
    return kind.of(transform, shape)


@dataclass(frozen=True)
class ProjectiveMap:
    """
    A projective map in integers of 64 bits.

    With X = xx u + xy v + x0, Y and W alike, of column u and row v, the position in the source is
    floor((32 X + floor(W / 2)) / W) and the same of Y, in 1/32 pixel: the nearest, halves up.

    :param rows: of the (3, 3) matrix, 1/2**40: those of X, Y and W
    """

    rows: tuple[tuple[int, int, int], ...]

    @classmethod
    def of(cls, transform: Transform, shape: tuple[int, int]) -> ProjectiveMap | None:
        """Return a transform in fixed point; see `fixed_map`."""
        values = np.rint(transform / transform[2, 2] * float(1 << _BITS))
        if not (np.abs(values) < _GREATEST).all():  # NaN, too
            return None
        # All are extreme in a corner.
        corners = np.array([[0, 0, 1], [shape[1] - 1, 0, 1], [0, shape[0] - 1, 1],
                            [shape[1] - 1, shape[0] - 1, 1]], np.float64)
        x, y, below = values @ corners.T
        if (np.abs([x, y]).max() >= _GREATEST or below.min() < _LEAST_BELOW
                or below.max() > _GREATEST_BELOW):
            return None
        return cls(tuple((int(a), int(b), int(c)) for a, b, c in values))

    def is_identity(self) -> bool:
        """Return whether the map moves nothing."""
        return False  # that is an affine map

    def is_separable(self) -> bool:
        """Return whether x depends on the column only and y on the row only."""
        return False

    def tables(self, shape: tuple[int, int]) -> ProjectiveTables:
        """Return what gives the positions of any part of a result of this (height, width)."""
        column, row = np.arange(shape[1], dtype=np.int64), np.arange(shape[0], dtype=np.int64)
        return ProjectiveTables(
            tuple((per_column * column)[None] for per_column, _, _ in self.rows),
            tuple((per_row * row + start)[:, None] for _, per_row, start in self.rows))

    def bands(self, shape: tuple[int, int], height: int | None = None
              ) -> Iterator[tuple[slice, NDArray[np.int32], NDArray[np.int32]]]:
        """Yield bands of rows with the positions of their pixels; see `FixedMap.bands`."""
        tables = self.tables(shape)
        for start in range(0, shape[0], height or shape[0]):
            rows = slice(start, min(start + (height or shape[0]), shape[0]))
            x, y = tables.positions((rows, slice(0, shape[1])))
            yield rows, x, y

    def positions(self, shape: tuple[int, int]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return x and y of every pixel in the source, (H, W) int32, 1/32 pixel."""
        return self.tables(shape).positions((slice(0, shape[0]), slice(0, shape[1])))


@dataclass(frozen=True)
class ProjectiveTables:
    """
    Shares of every column and row in numerators and denominator of a map, 1/2**40.

    :param columns: three of (1, w) int64: of X, Y and W
    :param rows: three of (h, 1) int64
    """

    columns: tuple[NDArray[np.int64], ...]
    rows: tuple[NDArray[np.int64], ...]

    def positions(self, area: Area) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return x and y of every pixel of an area in the source, (h, w) int32, 1/32 pixel."""
        rows, columns = area
        x, y, below = (across[:, columns] + down[rows]
                       for across, down in zip(self.columns, self.rows, strict=True))
        half = below >> 1
        return (((32 * x + half) // below).astype(np.int32),
                ((32 * y + half) // below).astype(np.int32))


PixelMap = FixedMap | ProjectiveMap
PixelTables = MapTables | ProjectiveTables
