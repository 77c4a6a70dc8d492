# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What an image file holds: pixels, which of them are data, and what is told about them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeVar

from focus_stacking_ros.core.slices import Image
import numpy as np
from numpy.typing import NDArray

__all__ = ['Decoded', 'Mask', 'Metadata', 'opaque', 'upright']

Mask = NDArray[np.bool_]  # (H, W)
_Pixel = TypeVar('_Pixel', bound=np.generic)


@dataclass(frozen=True)
class Metadata:
    """
    What a file tells about its pixels.

    :param orientation: EXIF orientation, 1 to 8 (CIPA DC-008, tag 0x0112): how the pixels as
        they are stored lie to the view; 1 is upright
    :param icc_profile: colour profile, empty where there is none
    :param exif: EXIF data, beginning with the TIFF header; empty where there are none
    :param focus_distance_m: where the camera was focused by what it wrote, in metres; None where
        it did not
    """

    orientation: int = 1
    icc_profile: bytes = b''
    exif: bytes = b''
    focus_distance_m: float | None = None


@dataclass(frozen=True)
class Decoded:
    """
    An image as a file holds it.

    :param image: (H, W) or (H, W, 3) blue-green-red, uint8 or uint16
    :param valid: (H, W) bool, False where there is no data; None: all of it is data
    :param metadata: what the file tells about it
    :param lights: images of the same view under further lights, from files of their own
    """

    image: Image
    valid: Mask | None = None
    metadata: Metadata = Metadata()
    lights: tuple[Image, ...] = ()

    def with_light(self, other: Decoded) -> Decoded:
        """Return the image with one under a further light; valid is what both have data of."""
        masks = [each.valid for each in (self, other) if each.valid is not None]
        if len({mask.shape for mask in masks}) > 1:  # the stack refuses their images
            masks = masks[:1]
        return replace(self, lights=(*self.lights, other.image),
                       valid=np.logical_and.reduce(masks) if masks else None)


def opaque(alpha: NDArray[Any]) -> Mask | None:
    """
    Return where an alpha channel is full, None where it is full everywhere.

    Half transparent pixels at the rim of an aligned image are mixed with what is not there.

    :param alpha: (H, W) unsigned integers
    """
    valid: Mask = np.equal(alpha, np.iinfo(alpha.dtype).max)
    return None if valid.all() else valid


def upright(plane: NDArray[_Pixel], orientation: int) -> NDArray[_Pixel]:
    """
    Return an image or a mask turned as an orientation asks for.

    :param plane: (H, W) or (H, W, 3)
    :param orientation: EXIF orientation, 1 to 8
    """
    if orientation == 1:
        return plane
    if orientation >= 5:
        plane = plane.swapaxes(0, 1)
    if orientation in {3, 4, 7, 8}:
        plane = plane[::-1]
    if orientation in {2, 3, 6, 7}:
        plane = plane[:, ::-1]
    return np.ascontiguousarray(plane)
