# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""JPEG files: whole ones only, decoded by Pillow, whose libjpeg keeps silent."""

from __future__ import annotations

import io
import re
from typing import Any

import cv2
from focus_stacking_ros.core.files.decoded import Decoded
from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.pillow import refusing
from focus_stacking_ros.core.slices import Image
import numpy as np

__all__ = ['START', 'decode_jpeg']

START = b'\xff\xd8'

#: Application segments, but for those that tell the colours (JFIF and Adobe), and comments.
_METADATA = {*range(0xe1, 0xee), 0xef, 0xfe}
#: Frames of Huffman-coded blocks: baseline, extended and progressive.
_HUFFMAN_FRAMES = {0xc0, 0xc1, 0xc2}
#: Pixels that a byte can stand for: every block of 8x8 takes a bit at least (T.81, section F.1.2).
_PIXELS_PER_BYTE = 8 * 64
_BAND_BYTES = 1 << 18  # that Pillow gives as they are at a time: they stay in the cache


def decode_jpeg(data: memoryview) -> Decoded:
    """
    Decode a JPEG as it is stored, without metadata.

    :param data: the file
    :raises ImageFileError: it is cut short or damaged; the message does not name the file
    """
    # Decoders fill what is missing with grey, some without a word.
    pixels = _pixel_segments(data)
    with refusing('JPEG'):
        from PIL import JpegImagePlugin
        image = JpegImagePlugin.JpegImageFile(io.BytesIO(pixels))
        # Decoded at once: between pieces it would wait for threads that run Python.
        image.decodermaxblock = len(pixels)
        image.load()
        if image.mode == 'L':
            return Decoded(np.array(image))
        return Decoded(_blue_green_red(image if image.mode == 'RGB' else image.convert('RGB')))


def _blue_green_red(image: Any) -> Image:
    """Return the pixels of a colour image of Pillow, band by band: as a whole it copies thrice."""
    width, height = image.size
    pixels = np.empty((height, width, 3), np.uint8)
    rows = max(_BAND_BYTES // (4 * width), 1)
    for first in range(0, height, rows):
        band = pixels[first:first + rows]
        some = image.crop((0, first, width, first + len(band)))
        # In four bytes a pixel, as Pillow has them, it only copies; OpenCV turns them fast.
        stored = np.frombuffer(some.tobytes('raw', 'RGBX'), np.uint8)
        cv2.cvtColor(stored.reshape(len(band), width, 4), cv2.COLOR_RGBA2BGR, band)
    return pixels


def _pixel_segments(data: memoryview) -> bytes:
    """Return a JPEG without its metadata; walks the segments (ITU-T T.81, annex B) to its end."""
    kept, place, scanned = [data[:2]], 2, False
    while place + 2 <= len(data):
        if data[place] != 0xff:
            raise ImageFileError('it is a damaged JPEG: a marker is missing')
        marker, start = data[place + 1], place
        if marker == 0xff:  # fill byte
            place += 1
            continue
        if marker == 0xd9:
            if not scanned:
                raise ImageFileError('it is a JPEG without a picture')
            return b''.join([*kept, data[place:place + 2]])
        place += 2
        if marker != 0x01 and not 0xd0 <= marker <= 0xd7:  # those have no segment
            _check_size(marker, data[place:place + 7], len(data))
            place += int.from_bytes(data[place:place + 2], 'big')
            if marker == 0xda:
                place, scanned = _end_of_scan(data, place), True
        if marker not in _METADATA:
            kept.append(data[start:place])
    raise ImageFileError('it is a JPEG that is cut short')


def _check_size(marker: int, segment: memoryview, length: int) -> None:
    """Refuse a frame of more pixels than a file of that length can hold."""
    height, width = (int.from_bytes(segment[at:at + 2], 'big') for at in (3, 5))
    if marker in _HUFFMAN_FRAMES and height * width > _PIXELS_PER_BYTE * length:
        raise ImageFileError(f'it is a damaged JPEG: it is too short for {width}x{height} pixels')


_SCAN_END = re.compile(rb'\xff(?=[\x01-\xcf\xd8-\xfe])')


def _end_of_scan(data: memoryview, place: int) -> int:
    """Return where the marker after entropy-coded data stands (no stuffing, no restart)."""
    found = _SCAN_END.search(data, place)
    return len(data) if found is None else found.start()
