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
from focus_stacking_ros.core.slices import Image
import numpy as np
from numpy.typing import NDArray

__all__ = ['START', 'decode_jpeg']

START = b'\xff\xd8'

#: Application segments, but for those that tell the colours (JFIF and Adobe), and comments.
_METADATA = {*range(0xe1, 0xee), 0xef, 0xfe}
#: Frames of Huffman-coded blocks: baseline, extended and progressive.
_HUFFMAN_FRAMES = {0xc0, 0xc1, 0xc2}
#: Pixels that a byte can stand for: every block of 8x8 takes a bit at least (T.81, section F.1.2).
_PIXELS_PER_BYTE = 8 * 64
_BAND_BYTES = 1 << 18  # of Pillow's that are turned at a time: they stay in the cache


def decode_jpeg(data: memoryview) -> Decoded:
    """
    Decode a JPEG as it is stored, without metadata.

    :param data: the file
    :raises ImageFileError: it is cut short or damaged; the message does not name the file
    """
    # Decoders fill what is missing with grey, some without a word.
    pixels = _pixel_segments(data)
    with refusing('JPEG'):
        from PIL import Image as Pillow
        from PIL import JpegImagePlugin
        image = JpegImagePlugin.JpegImageFile(io.BytesIO(pixels))
        # Decoded at once: between pieces it would wait for threads that run Python.
        image.decodermaxblock = len(pixels)
        if image.mode != 'RGB':
            return Decoded(np.array(image) if image.mode == 'L' else np.ascontiguousarray(
                np.asarray(image.convert('RGB'))[..., ::-1]))
        width, height = image.size
        stored = np.empty(4 * width * height, np.uint8)
        # As Pillow has them, in four bytes a pixel, which are those of the result: it needs no
        # memory of its own.
        mapped = Pillow.core.map_buffer(stored, image.size, 'raw', 0, ('RGB', 4 * width, 1))
        image.im = mapped
        image.load()
        if image.im is not mapped:  # a Pillow that decodes into memory of its own nevertheless
            return Decoded(np.ascontiguousarray(np.asarray(image)[..., ::-1]))
        del image, mapped
        return Decoded(_blue_green_red(stored, width))


def _blue_green_red(stored: NDArray[np.uint8], width: int) -> Image:
    """
    Return the pixels of a colour image of Pillow, in its memory.

    :param stored: red, green, blue and something else of each pixel; nobody else's
    :param width: of the image
    """
    height, rows = len(stored) // (4 * width), max(_BAND_BYTES // (4 * width), 1)
    some = np.empty((rows, width, 3), np.uint8)
    for first in range(0, height, rows):
        last = min(first + rows, height)
        band = stored[4 * width * first:4 * width * last].reshape(-1, width, 4)
        turned = cv2.cvtColor(band, cv2.COLOR_RGBA2BGR, some[:len(band)])
        # What it is written over has been read: three bytes lie before four.
        stored[3 * width * first:3 * width * last] = turned.ravel()
    del band
    stored.resize(3 * width * height, refcheck=False)
    return stored.reshape(height, width, 3)


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
