# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tiles of a picture, for what is worked only where there is something to do."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ['Tile', 'grown', 'sparse', 'tiles_of']

#: Its rows and columns.
Tile = tuple[slice, slice]


def tiles_of(shape: tuple[int, ...], side: int) -> Iterator[Tile]:
    """
    Yield tiles that together are the picture, those at its right and lower rim smaller.

    :param shape: height and width, pixels
    :param side: of the tiles, pixels
    """
    for top in range(0, shape[0], side):
        for left in range(0, shape[1], side):
            yield slice(top, min(top + side, shape[0])), slice(left, min(left + side, shape[1]))


def grown(tile: Tile, shape: tuple[int, ...], margin: int) -> tuple[Tile, Tile]:
    """
    Return where a tile lies in itself with its margin, and that tile with its margin.

    :param tile: of the picture
    :param shape: height and width of the picture, beyond which nothing grows
    :param margin: pixels on each side
    """
    outer = tuple(slice(max(part.start - margin, 0), min(part.stop + margin, size))
                  for part, size in zip(tile, shape, strict=True))
    inner = tuple(slice(part.start - whole.start, part.stop - whole.start)
                  for part, whole in zip(tile, outer, strict=True))
    return (inner[0], inner[1]), (outer[0], outer[1])


def sparse(tile: Tile, step: int) -> Tile:
    """
    Return where a tile lies in what has only every so many pixels of the picture.

    :param tile: that begins at multiples of the step
    :param step: pixels, along each axis
    """
    rows, columns = tile
    return (slice(rows.start // step, -(-rows.stop // step)),
            slice(columns.start // step, -(-columns.stop // step)))
