# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Planes that mostly change little from one to the next, in half a byte a pixel, without loss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ['PackedPlanes']

Plane = NDArray[np.uint8]

_LOWEST, _VALUES = 8, 16  # changes from -8 to 7 have room in four bits
_MOST = 16  # of so many pixels one may change by more, else the plane is kept as it is


@dataclass(frozen=True)
class _Changes:
    """
    What a plane has changed by.

    :param fours: (ceil(n / 2),) uint8, two pixels each
    :param places: (m,) int32, flat indices of what changes by more
    :param values: (m,) uint8, the values there
    """

    fours: Plane
    places: NDArray[np.int32]
    values: Plane


class PackedPlanes:
    """Planes of one shape, (h, w) uint8, of which the whole list is asked for."""

    def __init__(self) -> None:
        self._kept: list[Plane | _Changes] = []
        self._last: Plane | None = None

    @property
    def nbytes(self) -> int:
        """Return how many bytes the planes take, but for the last one as it is."""
        return sum(each.nbytes if isinstance(each, np.ndarray) else
                   each.fours.nbytes + each.places.nbytes + each.values.nbytes
                   for each in self._kept)

    def append(self, plane: Plane) -> None:
        """Add a plane, which must not be changed afterwards."""
        changes = None if self._last is None else _changes(self._last, plane)
        self._kept.append(plane if changes is None else changes)
        self._last = plane

    def planes(self) -> list[Plane]:
        """Return all planes, in the order in which they were added."""
        found: list[Plane] = []
        for each in self._kept:
            found.append(each if isinstance(each, np.ndarray) else _changed(found[-1], each))
        return found


def _changes(before: Plane, plane: Plane) -> _Changes | None:
    """Return what has changed; None where it is too much."""
    fours = (plane - before + np.uint8(_LOWEST)).ravel()  # modulo 256
    places = np.flatnonzero(fours >= _VALUES).astype(np.int32)
    if len(places) > fours.size // _MOST:
        return None
    fours[places] = _LOWEST
    packed = fours[::2].copy()
    packed[:fours.size // 2] |= fours[1::2] << np.uint8(4)
    return _Changes(packed, places, plane.ravel()[places])


def _changed(before: Plane, changes: _Changes) -> Plane:
    """Return the plane after a change."""
    fours = np.empty(before.size, np.uint8)
    fours[::2] = changes.fours & np.uint8(_VALUES - 1)
    fours[1::2] = changes.fours[:before.size // 2] >> np.uint8(4)
    fours += before.ravel() - np.uint8(_LOWEST)
    fours[changes.places] = changes.values
    return fours.reshape(before.shape)
