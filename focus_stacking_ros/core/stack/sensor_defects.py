# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Defective pixels of a sensor and dust on it: what stays put while the picture moves over it.

With its focus a lens magnifies, and hands and cells shake, so that the picture moves from slice to
slice. A hot or dead pixel and a speck of dust do not: sharp in every slice, they would be seen as
often in the all-in-focus image, side by side, and would be the sharpest there. What the picture
shows is blurred in some slice, or moves. (Defect pixels: EMVA Standard 1288, release 4.0.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
from focus_stacking_ros.core.align.motion import moved
from focus_stacking_ros.core.align.warping import inverse
from focus_stacking_ros.core.focus.measure import GREY_STEPS, luma
from focus_stacking_ros.core.fuse.faint import noise_sharpness
from focus_stacking_ros.core.slices import FloatImage, Image, Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['FEWEST_SLICES', 'Offsets', 'Places', 'defects_among', 'square']

#: Slices from which on it is told.
FEWEST_SLICES = 4
# A spot's least sharpness in all slices: as a multiple of that of noise, whose sign and place
# change, and the faintest that is looked for.
_CLEAR, _FAINTEST = 3.0, 6.0
_REACH, _AROUND = 4, 6  # pixels to either side: of a spot, less than that, and of what is around
_ALONE = 0.75  # of its least sharpness: some pixels farther away there is less
_STEADY = 0.5  # of a spot's usual contrast: it has that in each slice
# Contrast of a spot's pixels as a share of its greatest, and of those beside them, which may be
# its soft rim.
_PART, _RIM = 0.3, 0.05
_LOOKED_AT = 12  # slices by which it is told, at most: of more so many, evenly spread
_LEAST_MOVE_PX = 2.0  # that the picture moves at least, and by more than a spot is wide

Places = NDArray[np.intp]  # (n,), pixels
Offsets = tuple[Places, Places]  # down and across


def defects_among(sharpness: NDArray[np.uint8], images: Sequence[Image],
                  transforms: Sequence[Transform], noise: float) -> NDArray[np.bool_] | None:
    """
    Return the spots that stay put while the picture moves: (H, W) bool; None where there are none.

    :param sharpness: (H, W) uint8, the least of all slices in the sensor's pixel grid
    :param images: the slices, (H, W) or (H, W, 3) uint8 or uint16 each
    :param transforms: first slice's pixel -> slice's pixel
    :param noise: greatest standard deviation of a slice's noise, 8-bit grey levels
    """
    least = max(_CLEAR * float(noise_sharpness(np.asarray(noise, np.float32))), _FAINTEST)
    if len(images) < FEWEST_SLICES or sharpness.max() < least:
        return None
    step = -(-len(images) // _LOOKED_AT)
    images, transforms = images[::step], transforms[::step]
    height, width = sharpness.shape
    if _moves(transforms, np.array([0, 0, height - 1, height - 1]),
              np.array([0, width - 1, 0, width - 1])).max() <= _LEAST_MOVE_PX:
        return None
    side = 2 * _REACH + 1
    highest = cv2.dilate(sharpness, np.ones((side, side), np.uint8))
    np.maximum(highest, np.uint8(np.ceil(least)), out=highest)
    peaks = cv2.findNonZero(cv2.compare(sharpness, highest, cv2.CMP_GE))
    if peaks is None:
        return None
    columns, rows = peaks.reshape(-1, 2).T.astype(np.intp)
    around = sharpness[_pixels(sharpness, rows, columns, _FARTHER)].max(axis=1, initial=0)
    alone = around < _ALONE * sharpness[rows, columns]
    rows, columns = rows[alone], columns[alone]
    moves = _moves(transforms, rows, columns)
    found = _Candidates(rows, columns, moves).kept(moves > _LEAST_MOVE_PX)
    # Slices that lie far apart differ most, so that few of them leave few places.
    middle = len(images) // 2
    for image in (images[0], *images[:middle - 1:-1], *images[1:middle]):
        if not found.rows.size:
            return None
        found = found.steady_in(image)
    if not found.rows.size:
        return None
    contrasts = np.stack([_contrasts(image, found.rows, found.columns, _ALL, _RING)
                          for image in images])
    usual = np.median(contrasts, axis=0)
    shape = _shape(np.abs(usual), _is_steady(contrasts, usual, _STEADY**2))
    template = np.where(shape, usual, 0)
    energy = np.maximum(np.square(template).sum(axis=1), 1e-6)
    strengths = np.stack([(each * template).sum(axis=1) / energy for each in contrasts])
    grid = shape.reshape(-1, side, side)
    width = np.maximum(grid.any(axis=1).sum(axis=1), grid.any(axis=2).sum(axis=1))
    # What reaches the rim of the square goes on: it is no spot.
    ends = ~(grid[:, [0, -1]].any(axis=(1, 2)) | grid[:, :, [0, -1]].any(axis=(1, 2)))
    kept = _is_steady(strengths, np.ones(len(width)), _STEADY) & (found.moves > width) & ends
    if not kept.any():
        return None
    spots = np.zeros(sharpness.shape, np.bool_)
    at = _pixels(spots, found.rows[kept], found.columns[kept], _ALL)
    spots[tuple(each[shape[kept]] for each in at)] = True
    return spots


@dataclass(frozen=True)
class _Candidates:
    """
    Places that may be spots: (n,) each.

    :param rows: of pixels
    :param columns: of pixels
    :param moves: by how much the picture moves over them, pixels
    :param first: their contrast in the first slice that was looked at
    """

    rows: Places
    columns: Places
    moves: FloatImage
    first: FloatImage | None = None

    def kept(self, which: NDArray[np.bool_]) -> _Candidates:
        """Return some of them."""
        return _Candidates(self.rows[which], self.columns[which], self.moves[which],
                           None if self.first is None else self.first[which])

    def steady_in(self, image: Image) -> _Candidates:
        """Return those that stand out in a further slice about as in the first one."""
        here = _contrasts(image, self.rows, self.columns, _MIDDLE, _SOME_AROUND)
        last = np.take_along_axis(here, np.abs(here).argmax(axis=1)[:, None], axis=1)[:, 0]
        first = last if self.first is None else self.first
        return replace(self, first=first).kept(
            first * last >= _STEADY**2 * np.maximum(first * first, last * last))


def _is_steady(contrasts: NDArray[Any], usual: NDArray[Any], share: float) -> NDArray[np.bool_]:
    """
    Return what has, in all slices, a share of the usual contrast.

    :param contrasts: (slices, ...)
    :param usual: (...)
    """
    return np.asarray((contrasts * np.sign(usual) >= share * np.abs(usual)).all(axis=0))


def _moves(transforms: Sequence[Transform], rows: Places, columns: Places) -> FloatImage:
    """Return by how many pixels the picture moves over places of the sensor."""
    x, y = columns.astype(np.float32), rows.astype(np.float32)
    seen = np.stack([moved(inverse(transform), x, y) for transform in transforms])
    return np.asarray(np.hypot(*np.ptp(seen, axis=0)), np.float32)


def square(inner: int, outer: int) -> Offsets:
    """Return the rows and columns of what lies farther away than one distance, not another."""
    down, across = np.mgrid[-outer:outer + 1, -outer:outer + 1]
    chosen = np.maximum(np.abs(down), np.abs(across)) > inner
    return down[chosen], across[chosen]


def _every_other(offsets: Offsets) -> Offsets:
    """Return half of them, like the fields of a chessboard."""
    chosen = (offsets[0] + offsets[1]) % 2 == 0
    return offsets[0][chosen], offsets[1][chosen]


_ALL, _RING, _MIDDLE = square(-1, _REACH), square(_REACH, _AROUND), square(-1, 1)
_SOME_AROUND, _FARTHER = (_every_other(square(reach, reach + 1)) for reach in (_REACH, _AROUND))


def _contrasts(image: Image, rows: Places, columns: Places, inner: Offsets, ring: Offsets
               ) -> FloatImage:
    """Return (n, inner) contrasts to the median around, 8-bit grey levels."""
    here, around = (luma(image[_pixels(image, rows, columns, each)]).astype(np.float32)
                    for each in (inner, ring))
    return (here - np.median(around, axis=1, keepdims=True)) / np.float32(GREY_STEPS)


def _pixels(plane: Image, rows: Places, columns: Places, offsets: Offsets) -> Offsets:
    """Return rows and columns (n, offsets) at offsets from places, mirrored beyond the rim."""
    last_row, last_column = plane.shape[0] - 1, plane.shape[1] - 1
    row, column = np.abs(rows[:, None] + offsets[0]), np.abs(columns[:, None] + offsets[1])
    return last_row - np.abs(last_row - row), last_column - np.abs(last_column - column)


def _shape(contrast: NDArray[Any], steady: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """
    Return what hangs together with the greatest contrast in the middle of squares, and its rim.

    :param contrast: (n, pixels), not negative
    :param steady: (n, pixels), where it is there in all slices: what is of the picture is not
    """
    middle = contrast * (np.maximum(*map(np.abs, _ALL)) <= 1)
    greatest = middle.max(axis=1, keepdims=True)
    found = np.zeros(contrast.shape, np.bool_)
    np.put_along_axis(found, middle.argmax(axis=1)[:, None], values=True, axis=1)
    core = contrast > _PART * greatest
    for _ in range(2 * _REACH):
        found = _wider(found) & core
    return found | (_wider(found) & steady & (contrast > _RIM * greatest))


def _wider(squares: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return (n, pixels) squares with what is beside each of their pixels."""
    side = 2 * _REACH + 1
    grid = np.pad(squares.reshape(-1, side, side), ((0, 0), (1, 1), (1, 1)))
    rows = grid[:, :-2] | grid[:, 1:-1] | grid[:, 2:]
    return (rows[..., :-2] | rows[..., 1:-1] | rows[..., 2:]).reshape(len(squares), -1)
