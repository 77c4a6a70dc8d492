# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""BMP and WebP files, decoded by Pillow: old OpenCV writes about damaged ones by itself."""

from __future__ import annotations

import io

import cv2
from focus_stacking_ros.core.files.decoded import Decoded, opaque
from focus_stacking_ros.core.files.pillow import refusing
import numpy as np

__all__ = ['decode_bmp', 'decode_webp', 'is_bmp', 'is_webp']


def is_bmp(head: bytes) -> bool:
    """Return whether a file that begins with these 12 bytes is a BMP."""
    return head[:2] == b'BM'


def is_webp(head: bytes) -> bool:
    """Return whether a file that begins with these 12 bytes is a WebP."""
    return head[:4] == b'RIFF' and head[8:12] == b'WEBP'


def decode_bmp(data: memoryview) -> Decoded:
    """
    Decode a BMP; the fourth byte of its pixels is left over, or an alpha channel nobody wrote.

    :param data: the file
    :raises ImageFileError: it is cut short or damaged; the message does not name the file
    """
    with refusing('BMP'):
        from PIL import BmpImagePlugin
        image = BmpImagePlugin.BmpImageFile(io.BytesIO(data))
        image.load()
        if image.mode in {'1', 'L'}:
            return Decoded(np.array(image.convert('L')))
        return Decoded(cv2.cvtColor(np.asarray(image.convert('RGB')), cv2.COLOR_RGB2BGR))


def decode_webp(data: memoryview) -> Decoded:
    """
    Decode a WebP as it is stored, without metadata.

    :param data: the file
    :raises ImageFileError: it is cut short or damaged; the message does not name the file
    """
    with refusing('WebP'):
        from PIL import WebPImagePlugin
        image = WebPImagePlugin.WebPImageFile(io.BytesIO(data))
        image.load()
        bands = np.asarray(image if image.mode == 'RGBA' else image.convert('RGB'))
        valid = opaque(bands[..., 3]) if bands.shape[2] == 4 else None
        return Decoded(cv2.cvtColor(np.ascontiguousarray(bands[..., :3]), cv2.COLOR_RGB2BGR),
                       valid)
