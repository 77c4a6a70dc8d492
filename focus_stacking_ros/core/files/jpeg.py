# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""JPEG files: whole ones only, decoded by Pillow, whose libjpeg keeps silent."""

from __future__ import annotations

import io
import re

import cv2
from focus_stacking_ros.core.files.decoded import Decoded
from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.pillow import refusing
import numpy as np

__all__ = ['START', 'decode_jpeg']

START = b'\xff\xd8'

#: Frames of Huffman-coded blocks: baseline, extended and progressive.
_HUFFMAN_FRAMES = {0xc0, 0xc1, 0xc2}
#: Pixels that a byte can stand for: every block of 8x8 takes a bit at least (T.81, section F.1.2).
_PIXELS_PER_BYTE = 8 * 64


def decode_jpeg(data: memoryview) -> Decoded:
    """
    Decode a JPEG as it is stored, without metadata.

    :param data: the file
    :raises ImageFileError: it is cut short or damaged; the message does not name the file
    """
    # Decoders fill what is missing with grey, some without a word.
    reason = _why_incomplete(data)
    if reason:
        raise ImageFileError(reason)
    with refusing('JPEG'):
        from PIL import JpegImagePlugin
        image = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
        image.load()
        if image.mode == 'L':
            return Decoded(np.array(image))
        pixels = np.asarray(image if image.mode == 'RGB' else image.convert('RGB'))
        return Decoded(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))


def _why_incomplete(data: memoryview) -> str:
    """Walk the segments of a JPEG (ITU-T T.81, annex B) to its end marker."""
    place, scanned = 2, False
    while place + 2 <= len(data):
        if data[place] != 0xff:
            return 'it is a damaged JPEG: a marker is missing'
        marker = data[place + 1]
        if marker == 0xff:  # fill byte
            place += 1
        elif marker == 0xd9:
            return '' if scanned else 'it is a JPEG without a picture'
        elif marker == 0x01 or 0xd0 <= marker <= 0xd7:  # markers without a segment
            place += 2
        else:
            if marker in _HUFFMAN_FRAMES and place + 9 <= len(data):
                height, width = (int.from_bytes(data[place + at:place + at + 2], 'big')
                                 for at in (5, 7))
                if height * width > _PIXELS_PER_BYTE * len(data):
                    return f'it is a damaged JPEG: it is too short for {width}x{height} pixels'
            place += 2 + int.from_bytes(data[place + 2:place + 4], 'big')
            if marker == 0xda:
                place, scanned = _end_of_scan(data, place), True
    return 'it is a JPEG that is cut short'


_SCAN_END = re.compile(rb'\xff(?=[\x01-\xcf\xd8-\xfe])')


def _end_of_scan(data: memoryview, place: int) -> int:
    """Return where the marker after entropy-coded data stands (no stuffing, no restart)."""
    found = _SCAN_END.search(data, place)
    return len(data) if found is None else found.start()
