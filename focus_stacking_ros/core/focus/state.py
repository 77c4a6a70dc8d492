# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The running state of a focal stack: a few planes per pixel, whatever the number of slices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from focus_stacking_ros.core.slices import MAX_SLICES, NARROW_SLICES
import numpy as np
from numpy.typing import NDArray

__all__ = ['NO_SLICE', 'WIDE_NO_SLICE', 'StackState']

#: The value of a narrow index plane that means 'none yet'; of a wide one it is WIDE_NO_SLICE.
NO_SLICE, WIDE_NO_SLICE = NARROW_SLICES, MAX_SLICES


@dataclass
class StackState:
    """
    Per-pixel state at half the size, in the grid of the first slice; updated in place.

    Responses are int16 in 1/16 of an 8-bit grey level; -1 stands for 'no data here'.

    :param best: (h, w) int16, greatest averaged response so far
    :param left: (h, w) int16, averaged response one slice before the best
    :param right: (h, w) int16, averaged response one slice after the best
    :param previous: (h, w) int16, averaged response of the latest slice
    :param detail: (h, w) int16, response of the best slice before averaging
    :param index: (h, w) uint8, slice of the best response, NO_SLICE where none; uint16 and
        WIDE_NO_SLICE in a state of more than NARROW_SLICES slices
    :param total: (h, w) int32, sum of the averaged responses
    :param count: (h, w) uint8, number of slices with data; uint16 as the index is
    :param slices: slices accumulated so far
    """

    best: NDArray[np.int16]
    left: NDArray[np.int16]
    right: NDArray[np.int16]
    previous: NDArray[np.int16]
    detail: NDArray[np.int16]
    index: NDArray[np.unsignedinteger[Any]]
    total: NDArray[np.int32]
    count: NDArray[np.unsignedinteger[Any]]
    slices: int = 0

    @classmethod
    def empty(cls, shape: tuple[int, int]) -> StackState:
        """Return the state of a stack of no slices; ``shape`` is half-size (height, width)."""
        def absent() -> NDArray[np.int16]:
            return np.full(shape, -1, np.int16)
        return cls(absent(), absent(), absent(), absent(), absent(),
                   np.full(shape, NO_SLICE, np.uint8), np.zeros(shape, np.int32),
                   np.zeros(shape, np.uint8))

    @property
    def is_wide(self) -> bool:
        """Return whether slices are numbered in two bytes."""
        return self.index.dtype != np.uint8

    @property
    def none(self) -> int:
        """Return the value of the index plane that means 'none yet'."""
        return WIDE_NO_SLICE if self.is_wide else NO_SLICE

    def make_room(self) -> None:
        """Go over to numbers of two bytes where one further slice needs them."""
        if self.slices < NARROW_SLICES or self.is_wide:
            return
        index = self.index.astype(np.uint16)
        index[self.index == NO_SLICE] = WIDE_NO_SLICE
        self.index, self.count = index, self.count.astype(np.uint16)

    def in_reverse(self) -> StackState:
        """Return the state with slices counted from the last one back; planes are shared."""
        index = np.where(self.index == self.none, self.index, self.slices - 1 - self.index)
        return replace(self, left=self.right, right=self.left,
                       index=index.astype(self.index.dtype))
