# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Peaks where surfaces are seen through one another, looked for in tiles around such places."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
from focus_stacking_ros.core.depth.curves import PeakLayer
from focus_stacking_ros.core.depth.glow import Glow
from focus_stacking_ros.core.depth.seen_through import Mask, SPARSE, whole_places
from focus_stacking_ros.core.depth.volume import FocusVolume, WIDER
from focus_stacking_ros.core.threads import lasting_threads
import numpy as np
from numpy.typing import NDArray

__all__ = ['with_seen_through']

_TILE = 96  # half-size pixels: what a tile needs is some twenty times its curves
_REST = 2  # half-size pixels from which weights lower those of wider windows

#: Of planes of the stack cut by a window of rows and columns, the focus curves in it.
VolumeOf = Callable[[tuple[slice, slice]], FocusVolume]


def with_seen_through(layers: Sequence[PeakLayer], volume_of: VolumeOf, glow: Glow, places: Mask,
                      prefer: str, window: int) -> Mask:
    """
    Put the preferred peaks into layers that know nothing of surfaces seen through one another.

    :param layers: those of `FocusVolume.layers` but for that; written to around the places
    :param volume_of: the curves of a part of the picture
    :param glow: how far the brightness of slices is from its usual value
    :param places: of `seen_through.places_seen_through`, some
    :param prefer: surface of several, see `seen_through.seen_through`
    :param window: side of the averaging window, half-size pixels
    :returns: (h, w) bool, where they are, half-size pixels
    """
    height, width = shape = (glow.shape[0], glow.shape[1])
    where = whole_places(places, shape)
    # The widest window over averages decides about a pixel; tiles begin at even ones.
    margin = -(-(window // 2 + max(WIDER) // 2) // SPARSE) * SPARSE
    side = 2 * _REST + 1
    touched = cv2.dilate(where.view(np.uint8), np.ones((side, side), np.uint8))

    def work(corner: tuple[int, int]) -> None:
        inner = tuple(slice(first, min(first + _TILE, most))
                      for first, most in zip(corner, shape, strict=True))
        if not touched[inner].any():
            return
        rows, columns = (slice(max(each.start - margin, 0), min(each.stop + margin, most))
                         for each, most in zip(inner, shape, strict=True))
        within = tuple(slice(each.start - grown.start, each.stop - grown.start)
                       for each, grown in zip(inner, (rows, columns), strict=True))
        there = np.ascontiguousarray(places[_sparse(rows), _sparse(columns)])
        told = volume_of((rows, columns)).layers(glow.part(rows, columns), prefer, there)
        for layer, part in zip(layers, told, strict=True):
            for plane, values in zip(_planes(layer), _planes(part), strict=True):
                plane[inner] = values[within]

    with lasting_threads('through') as pool:
        list(pool.results(work, [(top, left) for top in range(0, height, _TILE)
                                 for left in range(0, width, _TILE)]))
    return where


def _sparse(part: slice) -> slice:
    """Return a part of all pixels, which begins at an even one, among every `SPARSE`th."""
    return slice(part.start // SPARSE, -(-part.stop // SPARSE))


def _planes(layer: PeakLayer) -> tuple[NDArray[np.float32], ...]:
    return layer.coordinate, layer.weight, layer.significance
