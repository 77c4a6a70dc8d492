# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A small picture of a stack that is not complete yet: what is sharpest so far, and where."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
from focus_stacking_ros.core.align.warping import is_affine
from focus_stacking_ros.core.slices import FloatImage, Image, stored, Transform
import numpy as np
from numpy.typing import NDArray

__all__ = ['GrowingPicture', 'Measured']

_MOST_WIDTH = 640  # pixels
_WINDOW = 5  # pixels of the picture that sharpness is averaged over


@dataclass(frozen=True)
class Measured:
    """
    A slice that the running stack has measured and registered.

    :param image: (H, W) or (H, W, 3) blue-green-red, uint8 or uint16 of 16 significant bits
    :param sharpness: (H, W) uint8
    :param transform: pixel of the first slice -> pixel of this one
    :param position: what slices are ordered by
    """

    image: Image
    sharpness: NDArray[np.uint8]
    transform: Transform
    position: float


class GrowingPicture:
    """
    The sharpest of the slices so far, at most 640 pixels wide, in the view of the first slice.

    Pixels are taken, not averaged: it is for the eye, and costs little beside the stack's work.

    :param shape: of the slices
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        height, width = shape[:2]
        factor = max(width / _MOST_WIDTH, 1.0)
        size = round(width / factor), max(round(height / factor), 1)
        self._size = size
        # The middle of a pixel of the picture -> pixel of the first slice.
        self._spread = np.diag([width / size[0], height / size[1], 1.0])
        self._spread[:2, 2] = (np.diag(self._spread)[:2] - 1) / 2
        #: (h, w, 3) uint8, blue-green-red.
        self.picture = np.zeros((size[1], size[0], 3), np.uint8)
        #: (h, w) float32, position of the slice each pixel is from; NaN where none shows it.
        self.positions: FloatImage = np.full((size[1], size[0]), np.nan, np.float32)
        self._sharpest = np.zeros((size[1], size[0]), np.uint8)
        self._slices = 0

    def __len__(self) -> int:
        """Return the number of slices so far."""
        return self._slices

    def add(self, item: Measured) -> None:
        """Show a slice where it is sharper than those before."""
        sharp = cv2.blur(self._taken(item.sharpness, item.transform), (_WINDOW, _WINDOW))
        pixels, reverse = stored(item.image)
        image = self._taken(pixels, item.transform)
        if reverse:
            image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        if image.dtype != np.uint8:
            image = (image >> 8).astype(np.uint8)
        if image.ndim == 2:
            image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
        # The first one shows what no slice shows sharp.
        better = cv2.compare(sharp, self._sharpest, cv2.CMP_GT if self._slices else cv2.CMP_GE)
        cv2.copyTo(image, better, self.picture)
        np.copyto(self.positions, np.float32(item.position), where=better.view(bool))
        cv2.max(self._sharpest, sharp, self._sharpest)
        self._slices += 1

    def _taken(self, plane: NDArray[np.generic], transform: Transform) -> NDArray[np.uint8]:
        """Return the pixels of a slice's plane that the picture shows."""
        matrix = transform @ self._spread
        flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        if is_affine(transform):
            return cv2.warpAffine(plane, matrix[:2], self._size, flags=flags)
        return cv2.warpPerspective(plane, matrix, self._size, flags=flags)
