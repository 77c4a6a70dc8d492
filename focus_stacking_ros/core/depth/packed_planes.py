# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Planes that mostly change little from one to the next, in half a byte a pixel or less."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, replace
import zlib

from focus_stacking_ros.core.threads import lasting_tasks
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

    :param fours: (ceil(n / 2),) uint8, two pixels each; or the same as deflate has them (RFC 1951)
    :param places: (m,) int32, flat indices of what changes by more
    :param values: (m,) uint8, the values there
    """

    fours: Plane | bytes
    places: NDArray[np.int32]
    values: Plane

    @property
    def nbytes(self) -> int:
        """Return how many bytes it takes."""
        fours = len(self.fours) if isinstance(self.fours, bytes) else self.fours.nbytes
        return fours + self.places.nbytes + self.values.nbytes

    def squeezed(self) -> _Changes:
        """Return the same in less memory: small changes are frequent, and get fewer bits."""
        packer = zlib.compressobj(1, zlib.DEFLATED, -15, 9, zlib.Z_HUFFMAN_ONLY)
        return replace(self, fours=packer.compress(bytes(self.fours)) + packer.flush())

    def pairs(self) -> Plane:
        """Return the pixels, two in a byte each."""
        return np.frombuffer(zlib.decompress(self.fours, -15), np.uint8) if isinstance(
            self.fours, bytes) else self.fours


class PackedPlanes:
    """
    Planes of one shape, (h, w) uint8, of which the whole list is asked for.

    :param squeezed: whether a thread makes what changes little smaller again, mostly by half: it
        takes as long as all else that is done here
    """

    def __init__(self, *, squeezed: bool = False) -> None:
        self._tasks = lasting_tasks('planes', 1) if squeezed else None
        self._kept: list[Plane | _Changes | Future[_Changes]] = []
        self._last: Plane | None = None

    @property
    def nbytes(self) -> int:
        """Return how many bytes the planes take, but for the last one as it is."""
        return sum(_ended(each).nbytes for each in self._kept)

    def append(self, plane: Plane) -> None:
        """Add a plane, which must not be changed afterwards."""
        changes = None if self._last is None else _changes(self._last, plane)
        if changes is None:
            self._kept.append(plane)
        elif self._tasks is None:
            self._kept.append(changes)
        else:
            self._kept.append(self._tasks.submit(changes.squeezed))
        self._last = plane

    def planes(self) -> list[Plane]:
        """Return all planes, in the order in which they were added."""
        found: list[Plane] = []
        for each in map(_ended, self._kept):
            found.append(each if isinstance(each, np.ndarray) else _changed(found[-1], each))
        return found


def _ended(kept: Plane | _Changes | Future[_Changes]) -> Plane | _Changes:
    return kept.result() if isinstance(kept, Future) else kept


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
    pairs = changes.pairs()
    fours[::2] = pairs & np.uint8(_VALUES - 1)
    fours[1::2] = pairs[:before.size // 2] >> np.uint8(4)
    fours += before.ravel() - np.uint8(_LOWEST)
    fours[changes.places] = changes.values
    return fours.reshape(before.shape)
