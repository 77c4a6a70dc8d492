# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Animated PNG files, which browsers show and every PNG reader opens as their first frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
import struct
import zlib

from focus_stacking_ros.core.files.image_files import encode_png
from focus_stacking_ros.core.slices import Image

__all__ = ['encode_animation']

_SIGNATURE = b'\x89PNG\r\n\x1a\n'


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and data of every chunk of a PNG."""
    place = len(_SIGNATURE)
    while place < len(png):
        length = int.from_bytes(png[place:place + 4], 'big')
        yield png[place + 4:place + 8], png[place + 8:place + 8 + length]
        place += 12 + length


def encode_animation(frames: Sequence[Image], milliseconds: int) -> bytes:
    """
    Encode frames as an animated PNG that plays for ever (PNG, third edition, section 11.3.4).

    :param frames: at least one; all of one shape and dtype: (H, W) or (H, W, 3) blue-green-red,
        uint8 or uint16
    :param milliseconds: time each frame is shown, 1 to 65535
    :raises ImageFileError: OpenCV cannot encode a frame
    """
    height, width = frames[0].shape[:2]
    content, sequence = b'', 0
    for number, frame in enumerate(frames):
        chunks = list(_chunks(encode_png(frame).tobytes()))
        data = b''.join(data for kind, data in chunks if kind == b'IDAT')
        if number == 0:
            content = (_SIGNATURE + _chunk(b'IHDR', chunks[0][1])
                       + _chunk(b'acTL', struct.pack('>II', len(frames), 0)))
        content += _chunk(b'fcTL', struct.pack('>IIIIIHHBB', sequence, width, height, 0, 0,
                                               milliseconds, 1000, 0, 0))
        sequence += 1
        if number == 0:
            content += _chunk(b'IDAT', data)
        else:
            content += _chunk(b'fdAT', struct.pack('>I', sequence) + data)
            sequence += 1
    return content + _chunk(b'IEND', b'')
