# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
The edge of a near surface where the image has it, not where windows and smoothing leave it.

A focus measure answers to a strong edge from several pixels away, so that a depth map lets near
surfaces grow over what is behind them. In the all-in-focus image, which shows that seam as the
slice in focus on the near surface does, the edge is where the image changes most: it is found by
a watershed (Meyer 1994, doi:10.1016/0165-1684(94)90060-4) between what surely is near and what
surely is far, and believed where colours confirm it.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
from focus_stacking_ros.core.depth.tiles import grown, sparse, Tile, tiles_of
from focus_stacking_ros.core.slices import FloatImage, Image
from focus_stacking_ros.core.threads import lasting_threads
import numpy as np
from numpy.typing import NDArray

__all__ = ['CLEARER', 'COLOURS', 'CONFIRMED', 'INNER', 'LEAST_UNLIKE', 'MARGIN', 'OUTER', 'REACH',
           'SURE', 'TILE', 'Mask', 'located_rims', 'receded']

Mask = NDArray[np.bool_]

#: Pixels around in which the depth must jump.
REACH = 7
#: Pixels by which a near surface may have grown, and shrunk.
OUTER, INNER = 4.0, 1.5
#: Pixels around whose mean colour is that of a side.
COLOURS = 4
#: Times as unlike, squared, a pixel must be to its side to change to the other.
CLEARER = 4.0
#: Of the squares of grey levels: noise tells no colours apart.
LEAST_UNLIKE = 10.0
#: Pixels around, and the confidence either side must have there.
CONFIRMED, SURE = 12, 0.25
#: Pixels of a tile, and what is seen around it.
TILE, MARGIN = 256, 24
_SPARSE = 4  # every so many pixels tell whether there is a jump in a tile


def located_rims(index: FloatImage, confidence: FloatImage, image: Image, step: float
                 ) -> tuple[FloatImage, Mask]:
    """
    Return an index whose jumps lie at the edges of the image, and where its sides are known.

    :param index: (H, W) float32 slice index, 0 the nearest
    :param confidence: (H, W) float32, 0 to 1
    :param image: (H, W) or (H, W, 3), the all-in-focus image
    :param step: least jump, slices
    :returns: (H, W) float32, which is ``index`` where no jump is known, and the very same array
        where nothing jumps; (H, W) bool, True around jumps both of whose sides have confidence
    """
    known = np.zeros(index.shape, np.bool_)
    result = index
    tiles = list(_tiles_with_jumps(index, step))
    if tiles:
        result = index.copy()

    def work(tile: Tile) -> None:
        inner, outer = grown(tile, index.shape, MARGIN)
        found, sure = _located(index[outer], confidence[outer], _colours(image[outer]), step)
        result[tile], known[tile] = found[inner], sure[inner]

    with lasting_threads('fusion') as pool:
        list(pool.results(work, tiles))
    return result, known


def receded(index: FloatImage, located: FloatImage, confidence: FloatImage) -> FloatImage:
    """
    Return an index whose near surfaces end where the image has their edge.

    Windows let near surfaces grow, hardly ever shrink: of what is beside a jump only that becomes
    another side's which becomes far. What has as much confidence as a side of a jump must have
    was seen where it is, and stays.

    :param index: (H, W) float32 slice index, 0 the nearest; written to
    :param located: (H, W) float32, what `located_rims` has made of it
    :param confidence: (H, W) float32, 0 to 1
    :returns: ``index``
    """
    np.copyto(index, located, where=(located > index) & (confidence < np.float32(SURE)))
    return index


def _tiles_with_jumps(index: FloatImage, step: float) -> Iterator[Tile]:
    some = np.ascontiguousarray(index[::_SPARSE, ::_SPARSE])
    window = np.ones((5, 5), np.uint8)
    jumping = (cv2.dilate(some, window) - cv2.erode(some, window)) > np.float32(step)
    return (tile for tile in tiles_of(index.shape, TILE) if jumping[sparse(tile, _SPARSE)].any())


def _colours(image: Image) -> NDArray[np.uint8]:
    """Return an image as (h, w, 3) uint8."""
    eight = image if image.dtype == np.uint8 else (image >> 8).astype(np.uint8)
    return np.ascontiguousarray(eight if eight.ndim == 3
                                else np.repeat(eight[..., None], 3, axis=2))


def _located(index: FloatImage, confidence: FloatImage, colours: NDArray[np.uint8],
             step: float) -> tuple[FloatImage, Mask]:
    window = np.ones((2 * REACH + 1, 2 * REACH + 1), np.uint8)
    low, high = cv2.erode(index, window), cv2.dilate(index, window)
    # Over twice the distance a slope rises twice as far, and a step no farther.
    close = np.ones((REACH, REACH), np.uint8)
    sudden = 2 * (cv2.dilate(index, close) - cv2.erode(index, close)) - (high - low)
    jumping = (cv2.dilate(sudden, window) > np.float32(step)) & (high - low > np.float32(step))
    if not jumping.any():
        return index, np.zeros(index.shape, np.bool_)
    near = (index < (low + high) / 2) & jumping
    far = jumping & ~near
    confirmed = np.ones((2 * CONFIRMED + 1,) * 2, np.uint8)
    known = jumping
    for side in (near, far):
        known = known & (cv2.dilate(confidence * side, confirmed) > np.float32(SURE))
    if not known.any():
        return index, known
    # Nothing changes elsewhere, and what is far away decides nothing.
    left, top, width, height = cv2.boundingRect(known.view(np.uint8))
    inner, outer = grown((slice(top, top + height), slice(left, left + width)), index.shape,
                         MARGIN)
    result = index.copy()
    moved = _moved(index[outer], near[outer], far[outer], colours[outer])
    result[outer][inner] = np.where(known[outer][inner], moved[inner], index[outer][inner])
    return result, known


def _moved(index: FloatImage, near: Mask, far: Mask, colours: NDArray[np.uint8]) -> FloatImage:
    """
    Return an index whose jumps lie at the edges of the image.

    :param index: (h, w) float32
    :param near: (h, w), what lies on the near side of a jump
    :param far: (h, w), what lies on its far side
    :param colours: (h, w, 3)
    """
    open_near = near & (_distance_to(far) <= OUTER)
    open_far = far & (_distance_to(near) <= INNER)
    unknown = open_near | open_far
    sides = np.where(near, 1, np.where(far, 2, 3)).astype(np.int32)
    sides[unknown] = 0
    if not unknown.any():
        return index
    colours = np.ascontiguousarray(colours)
    found = cv2.watershed(colours, sides)  # -1 is the line between the sides
    values = colours.astype(np.float32)
    to_near, to_far = (_unlike(values, found == side) for side in (1, 2))
    line = found == -1
    near_there = np.where(line, to_near < to_far, found == 1)
    told = np.isfinite(to_near) & np.isfinite(to_far)
    becomes_far = open_near & told & ~near_there & (to_near > CLEARER * to_far)
    becomes_near = open_far & told & near_there & (to_far > CLEARER * to_near)
    is_near = (near & ~becomes_far) | becomes_near
    # Of what is unknown each pixel gets the depth of what is sure next to it on its side.
    sure_near, sure_far = near & ~unknown, far & ~unknown
    result = index.copy()
    for side, sure in ((is_near, sure_near), (~is_near, sure_far)):
        if sure.any():
            there = unknown & side
            result[there] = _nearest(index, sure)[there]
    return result


def _distance_to(mask: Mask) -> FloatImage:
    return cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, 5)


def _unlike(values: NDArray[np.float32], side: Mask) -> FloatImage:
    """Return the squared distance of each colour from the mean of a side nearby."""
    size = (2 * COLOURS + 1, 2 * COLOURS + 1)
    weight = side.astype(np.float32)
    share = cv2.blur(weight, size)
    mean = cv2.blur(cv2.multiply(values, cv2.merge([weight] * 3)), size)
    cv2.divide(mean, cv2.merge([cv2.max(share, 1e-6)] * 3), mean)
    away = cv2.absdiff(values, mean)
    unlike = cv2.transform(cv2.multiply(away, away), np.ones((1, 3), np.float32))
    unlike += np.float32(LEAST_UNLIKE)
    unlike[share < np.float32(1e-3)] = np.inf
    return np.asarray(unlike, np.float32)


def _nearest(values: FloatImage, known: Mask) -> FloatImage:
    """Return each pixel's value of the nearest known pixel."""
    _, labels = cv2.distanceTransformWithLabels(
        (~known).view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    positions = np.zeros(int(labels.max()) + 1, np.intp)
    positions[labels[known]] = np.flatnonzero(known)
    return np.asarray(values.ravel()[positions[labels]], np.float32)
