# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images as the content of files: PNG for pictures, TIFF for planes of numbers."""

from __future__ import annotations

from typing import Any
import zlib

import cv2
from focus_stacking_ros.core.files.decoded import Metadata
from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.png import chunk, SIGNATURE
from focus_stacking_ros.core.slices import FloatImage
import numpy as np
from numpy.typing import NDArray

__all__ = ['encode_tiff', 'with_metadata']

_HEADER_BYTES = 12 + 13  # of the chunk that comes before all others


def encode_tiff(plane: FloatImage) -> NDArray[np.uint8]:
    """
    Encode a plane as an uncompressed TIFF.

    :param plane: (H, W) float32, NaN kept
    :raises ImageFileError: OpenCV cannot encode it
    """
    return _encoded('.tiff', plane, [cv2.IMWRITE_TIFF_COMPRESSION, 1])


def _encoded(suffix: str, image: NDArray[Any], flags: list[int]) -> NDArray[np.uint8]:
    try:
        done, data = cv2.imencode(suffix, image, flags)
    except cv2.error as error:
        raise ImageFileError(f'an image of {image.shape} cannot be encoded as {suffix}: '
                             f'{error.err}') from error
    if not done:
        raise ImageFileError(f'an image of {image.shape} cannot be encoded as {suffix}')
    return data


def with_metadata(png: NDArray[np.uint8], metadata: Metadata) -> bytes:
    """
    Return a PNG with a colour profile and EXIF data (PNG, third edition, section 11.3).

    :param png: the bytes of a PNG that has neither
    :param metadata: what to put in; the orientation is that of the EXIF data
    """
    data = png.tobytes()
    end = len(SIGNATURE) + _HEADER_BYTES
    added = b''
    if metadata.icc_profile:
        added += chunk(b'iCCP', b'ICC profile\0\0' + zlib.compress(metadata.icc_profile))
    if metadata.exif:
        added += chunk(b'eXIf', metadata.exif)
    return data[:end] + added + data[end:]
