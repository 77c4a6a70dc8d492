# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""PNG files: whole ones only."""

from __future__ import annotations

from collections.abc import Iterator
import io
import struct
from typing import BinaryIO
import zlib

import cv2
from focus_stacking_ros.core.files.decoded import Decoded, Mask, opaque
from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.slices import Image
import numpy as np

__all__ = ['SIGNATURE', 'chunk', 'chunks', 'decode_png']

SIGNATURE = b'\x89PNG\r\n\x1a\n'

#: All that decoding takes; of the others libpng tells standard error what it thinks of them.
_PIXEL_CHUNKS = {b'IHDR', b'PLTE', b'IDAT', b'IEND'}
_GREY, _COLOUR, _PALETTE, _GREY_ALPHA, _COLOUR_ALPHA = 0, 2, 3, 4, 6  # PNG, table 11.1


def chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """
    Yield kind and length of every chunk of a PNG, up to its end chunk (PNG, section 5.3).

    The file stands at the chunk's content then; where it is cut short there are no more.

    :param file: a PNG
    """
    place, kind = len(SIGNATURE), b''
    while kind != b'IEND':
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            return
        kind, length = head[4:], int.from_bytes(head[:4], 'big')
        yield kind, length
        place += 12 + length


def _whole(data: memoryview) -> dict[bytes, list[bytes]]:
    """Return the contents of all chunks by kind; refuse a PNG that is not whole."""
    found: dict[bytes, list[bytes]] = {}
    file = io.BytesIO(data)
    for kind, length in chunks(file):
        content, checksum = file.read(length), file.read(4)
        if len(checksum) < 4:
            break
        if zlib.crc32(content, zlib.crc32(kind)) != int.from_bytes(checksum, 'big'):
            raise ImageFileError('it is a damaged PNG: a checksum is wrong')
        found.setdefault(kind, []).append(content)
    if b'IEND' not in found:
        raise ImageFileError('it is a PNG that is cut short')
    return found


def decode_png(data: memoryview) -> Decoded:
    """
    Decode a PNG as it is stored, without metadata.

    :param data: the file
    :raises ImageFileError: it is cut short or damaged; the message does not name the file
    """
    found = _whole(data)
    header = found.get(b'IHDR', [b''])[0]
    if len(header) != 13 or b'IDAT' not in found:
        raise ImageFileError('it is a PNG that is no image: it has no header or no pixels')
    kept = [SIGNATURE, *(chunk(kind, content) for kind, contents in found.items()
                         if kind in _PIXEL_CHUNKS for content in contents)]
    image = _pixels(kept)
    depth, colour_type = header[8], header[9]
    valid = None
    if colour_type in {_GREY_ALPHA, _COLOUR_ALPHA}:
        valid = opaque(image[..., -1])
    elif b'tRNS' in found:
        valid = _without_key(image, found[b'tRNS'][0], depth, colour_type, kept)
    if image.ndim == 3:
        image = image[..., 0] if colour_type in {_GREY, _GREY_ALPHA} else image[..., :3]
    return Decoded(np.ascontiguousarray(image), valid)


def _pixels(kept: list[bytes]) -> Image:
    try:
        image = cv2.imdecode(np.frombuffer(b''.join(kept), np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise ImageFileError(f'it cannot be decoded: {error.err}') from error
    if image is None:
        raise ImageFileError('it is a damaged PNG, no image that OpenCV can decode')
    return np.asarray(image)


def _without_key(image: Image, transparency: bytes, depth: int, colour_type: int,
                 kept: list[bytes]) -> Mask | None:
    """Return where an image has not the colour, or the colours of a palette, of a tRNS chunk."""
    if colour_type == _PALETTE:
        # OpenCV gives the colours, not their numbers: a palette of opacities gives those.
        alpha = transparency[:256].ljust(256, b'\xff')
        palette = b''.join(bytes([value] * 3) for value in alpha)
        content = [chunk(b'PLTE', palette[:3 * (1 << depth)]) if each[4:8] == b'PLTE' else each
                   for each in kept]
        plane = _pixels(content)
        return opaque(plane if plane.ndim == 2 else plane[..., 0])
    samples = 1 if colour_type == _GREY else 3
    if len(transparency) < 2 * samples:
        return None
    key = np.array(struct.unpack(f'>{samples}H', transparency[:2 * samples])[::-1])
    if depth < 8:
        key = key * 255 // ((1 << depth) - 1)
    transparent = (image.reshape(*image.shape[:2], -1)[..., :samples] == key).all(axis=2)
    alpha_plane = np.where(transparent, 0, 255).astype(np.uint8)
    return opaque(alpha_plane)


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk with its length and checksum."""
    checksum = zlib.crc32(content, zlib.crc32(kind))
    return struct.pack('>I', len(content)) + kind + content + struct.pack('>I', checksum)
