# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Peaks where surfaces are seen through one another, looked for in tiles around such places."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
from focus_stacking_ros.core.depth.curves import PeakLayer
from focus_stacking_ros.core.depth.glow import Glow
from focus_stacking_ros.core.depth.seen_through import Mask, SPARSE, whole_places
from focus_stacking_ros.core.depth.tiles import grown, sparse, Tile, tiles_of
from focus_stacking_ros.core.depth.volume import FocusVolume, WIDER
from focus_stacking_ros.core.threads import lasting_threads
import numpy as np

__all__ = ['with_seen_through']

_TILE = 96  # half-size pixels: what a tile needs is some twenty times its curves
_REST = 2  # half-size pixels from which weights lower those of wider windows

#: Of planes of the stack cut by a window of rows and columns, the focus curves in it.
VolumeOf = Callable[[Tile], FocusVolume]


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
    shape = glow.shape
    where = whole_places(places, shape)
    # The widest window over averages decides about a pixel; tiles begin at even ones.
    margin = -(-(window // 2 + max(WIDER) // 2) // SPARSE) * SPARSE
    side = 2 * _REST + 1
    touched = cv2.dilate(where.view(np.uint8), np.ones((side, side), np.uint8))

    def work(tile: Tile) -> None:
        inner, outer = grown(tile, shape, margin)
        there = np.ascontiguousarray(places[sparse(outer, SPARSE)])
        told = volume_of(outer).layers(glow.part(*outer), prefer, there)
        for layer, part in zip(layers, told, strict=True):
            layer.put(tile, part.part(inner))

    with lasting_threads('through') as pool:
        list(pool.results(work, (tile for tile in tiles_of(shape, _TILE) if touched[tile].any())))
    return where
