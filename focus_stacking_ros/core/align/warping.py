# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Warping images by a transform and knowing where the result is valid."""

from __future__ import annotations

from typing import TypeVar

import cv2
from focus_stacking_ros.core.slices import Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['Pixel', 'affine_at', 'faded', 'identity', 'inverse', 'is_affine', 'is_covered',
           'is_identity', 'joined', 'nearest', 'reduced', 'rescaled', 'valid_mask', 'view_area',
           'warp']

Pixel = TypeVar('Pixel', bound=np.generic)


def identity() -> Transform:
    """Return the transform that moves nothing."""
    return np.eye(3, dtype=np.float64)


def is_identity(transform: Transform) -> bool:
    """Return whether a transform moves nothing at all."""
    return bool(np.array_equal(transform, np.eye(3)))


def is_affine(transform: Transform) -> bool:
    """Return whether a transform has no perspective."""
    return not (transform[2, 0] or transform[2, 1])


def joined(*transforms: Transform) -> Transform:
    """Return the transform that applies all, the last one first; its last element is 1."""
    result = transforms[0]
    for transform in transforms[1:]:
        result = result @ transform
    return np.asarray(result / result[2, 2], np.float64)


def inverse(transform: Transform) -> Transform:
    """Return the transform that leads back; its last element is 1."""
    return joined(np.asarray(np.linalg.inv(transform), np.float64))


def affine_at(transform: Transform, point: tuple[float, float]) -> Transform:
    """
    Return the affine transform that is nearest to another around a point: its tangent.

    :param transform: pixel -> pixel
    :param point: x and y, pixels
    """
    if is_affine(transform):
        return transform
    u, v, below = transform @ np.array([*point, 1.0])
    place = np.array([u, v]) / below
    result = identity()
    result[:2, :2] = (transform[:2, :2] - np.outer(place, transform[2, :2])) / below
    result[:2, 2] = place - result[:2, :2] @ np.asarray(point)
    return result


def reduced(transform: Transform, factor: float, to_factor: float | None = None) -> Transform:
    """
    Return a transform for images reduced by ``factor``, pixel centres at integers in both.

    :param transform: full-size pixel -> full-size pixel
    :param factor: full-size pixels per pixel of the images it leads from
    :param to_factor: the same of the images it leads to, by default equal

    >>> shift = identity()
    >>> shift[0, 2] = 8
    >>> float(reduced(shift, 4)[0, 2])
    2.0
    """
    target = factor if to_factor is None else to_factor
    shrink = np.array([[1 / target, 0, 0.5 / target - 0.5], [0, 1 / target, 0.5 / target - 0.5],
                       [0, 0, 1]])
    enlarge = np.array([[factor, 0, 0.5 * factor - 0.5], [0, factor, 0.5 * factor - 0.5],
                        [0, 0, 1]])
    return joined(shrink, transform, enlarge)


def rescaled(transform: Transform, scale: float, shape: tuple[int, int]) -> Transform:
    """
    Return a transform of the same rotation and shift of the image centre, but another scale.

    :param transform: similarity, pixel -> pixel
    :param scale: what it is to have
    :param shape: height and width of the image, pixels
    """
    before = np.sqrt(abs(float(np.linalg.det(transform[:2, :2]))))
    centre = np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2])
    result = transform.copy()
    result[:2, :2] *= scale / before
    result[:2, 2] += (transform[:2, :2] - result[:2, :2]) @ centre
    return result


def warp(
    image: NDArray[Pixel], transform: Transform, interpolation: int = cv2.INTER_LINEAR,
    border: int = cv2.BORDER_CONSTANT, size: tuple[int, int] | None = None, outside: int = 0,
) -> NDArray[Pixel]:
    """
    Return ``image`` in another pixel grid.

    :param image: (H, W) or (H, W, C)
    :param transform: result pixel -> image pixel
    :param interpolation: an OpenCV interpolation constant
    :param border: an OpenCV border constant
    :param size: width and height of the result in pixels, the image's own by default
    :param outside: value of a constant border
    """
    if size is None:
        size = (image.shape[1], image.shape[0])
    if is_identity(transform) and size == (image.shape[1], image.shape[0]):
        return image
    flags = interpolation | cv2.WARP_INVERSE_MAP
    if not is_affine(transform):
        return cv2.warpPerspective(image, transform, size, flags=flags, borderMode=border,
                                   borderValue=outside)
    return cv2.warpAffine(image, transform[:2], size, flags=flags, borderMode=border,
                          borderValue=outside)


def nearest(plane: NDArray[Pixel], transform: Transform, outside: int = 0,
            size: tuple[int, int] | None = None) -> NDArray[Pixel]:
    """
    Return a plane of what cannot be interpolated, such as slice indices, in another pixel grid.

    :param plane: (H, W)
    :param transform: result pixel -> plane pixel
    :param outside: value where the plane has no data
    :param size: width and height of the result in pixels, the plane's own by default
    """
    return warp(plane, transform, cv2.INTER_NEAREST, size=size, outside=outside)


def is_covered(shape: tuple[int, int], transform: Transform, margin: float = 0.0) -> bool:
    """Return whether a warped slice has data everywhere; see `valid_mask`."""
    height, width = shape
    corners = np.array([[0, 0, 1], [width - 1, 0, 1], [0, height - 1, 1],
                        [width - 1, height - 1, 1]], np.float64).T
    x, y, below = transform @ corners
    x, y = x / below, y / below
    return bool(x.min() >= margin and y.min() >= margin and x.max() <= width - 1 - margin
                and y.max() <= height - 1 - margin)


def valid_mask(
    shape: tuple[int, int], transform: Transform, margin: float = 0.0,
) -> NDArray[np.uint8] | None:
    """
    Return where a warped slice has data: (H, W) uint8, 255 or 0; None where it has it everywhere.

    :param shape: height and width of both grids, pixels
    :param transform: result pixel -> slice pixel
    :param margin: pixels along the slice's rim that do not count as data
    """
    if is_covered(shape, transform, margin):
        return None
    height, width = shape
    low, right, bottom = margin, width - 1 - margin, height - 1 - margin
    if not is_affine(transform):
        return _inside(shape, transform, (low, right, bottom))
    # In a row both coordinates are linear in the column, so what is valid is one run of columns.
    rows = np.arange(height, dtype=np.float64)
    first, last = np.zeros(height), np.full(height, width - 1.0)
    for (slope, shear, offset), limit in ((transform[0], right), (transform[1], bottom)):
        start = shear * rows + offset
        if slope == 0:
            last[(start < low) | (start > limit)] = -1
            continue
        ends = np.sort([(low - start) / slope, (limit - start) / slope], axis=0)
        np.maximum(first, np.ceil(ends[0]), out=first)
        np.minimum(last, np.floor(ends[1]), out=last)
    columns = np.arange(width, dtype=np.float32)
    inside = (columns >= first[:, None].astype(np.float32)) & (
        columns <= last[:, None].astype(np.float32))
    return inside.view(np.uint8) * np.uint8(255)


def _inside(shape: tuple[int, int], transform: Transform,
            limits: tuple[float, float, float]) -> NDArray[np.uint8]:
    """Return `valid_mask` of a transform with perspective: where its point lies in the slice."""
    low, right, bottom = limits
    x, y, below = transform
    columns, rows = (np.arange(side, dtype=np.float64) for side in shape[::-1])
    result = np.ones(shape, bool)
    # Every limit, times the denominator, is a half plane.
    for edge in (x - low * below, right * below - x, y - low * below, bottom * below - y, below):
        result &= (edge[0] * columns)[None] + (edge[1] * rows + edge[2])[:, None] >= 0
    return result.view(np.uint8) * np.uint8(255)


def faded(plane: NDArray[np.uint8], width: int, *, in_place: bool = False) -> NDArray[np.uint8]:
    """
    Return a plane that falls to 0 towards its rim, so that what is weighted by it has no seam.

    :param plane: (H, W) uint8
    :param width: of the rim, pixels
    :param in_place: whether the plane may be written to, and be the result
    """
    down, across = (np.minimum(1, (np.minimum(np.arange(side), np.arange(side)[::-1]) + 1)
                               / np.float32(width + 1)).astype(np.float32) for side in plane.shape)
    result = plane if in_place and plane.flags.writeable else plane.copy()
    for rows, columns in _rim(plane.shape, width):
        result[rows, columns] = np.rint(
            plane[rows, columns] * down[rows, None] * across[columns])
    return result


def _rim(shape: tuple[int, ...], width: int) -> list[tuple[slice, slice]]:
    """Return the rows and columns of four parts that a rim of an area consists of."""
    height, length = shape
    top, left = min(width, height), min(width, length)
    bottom, right = max(height - width, top), max(length - width, left)
    every, middle = slice(0, length), slice(top, bottom)
    return [(slice(0, top), every), (slice(bottom, height), every),
            (middle, slice(0, left)), (middle, slice(right, length))]


def view_area(transform: Transform, shape: tuple[int, int]) -> float:
    """
    Return a slice's field of view relative to the reference's: ``< 1`` is narrower.

    :param transform: reference pixel -> slice pixel
    :param shape: height and width of the slices; the view's centre is what counts
    """
    # Reference pixel -> slice pixel: a narrow view magnifies, its determinant exceeds 1.
    centre = np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2, 1.0])
    return abs(float((transform[2] @ centre) ** 3 / np.linalg.det(transform)))
