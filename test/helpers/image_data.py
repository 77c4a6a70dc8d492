# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Encoded images made without the code under test, and what is asked of a refusal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
import struct
from typing import Any
import zlib

import cv2
from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.image_files import decode
import numpy as np
import pytest

SIGNATURE = b'\x89PNG\r\n\x1a\n'
PNG_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by number of channels, ISO/IEC 15948 table 11.1
JPEG_KINDS = {
    'baseline': [],
    'optimised': [cv2.IMWRITE_JPEG_OPTIMIZE, 1],
    'progressive': [cv2.IMWRITE_JPEG_PROGRESSIVE, 1],
    'restarts': [cv2.IMWRITE_JPEG_RST_INTERVAL, 1],
}


def picture(dtype: type = np.uint8, channels: int = 3, shape: tuple[int, int] = (18, 25)
            ) -> np.ndarray:
    """Return random pixels; one channel is (H, W)."""
    values = np.random.default_rng(channels).integers(0, np.iinfo(dtype).max + 1,
                                                      (*shape, channels))
    return values.astype(dtype).squeeze()


def smooth(channels: int = 3) -> np.ndarray:
    """Return pixels that JPEG keeps within a few grey levels, every channel with its own."""
    rows, columns = np.mgrid[:24, :40]
    planes = [60 + 3 * columns, 200 - 4 * rows, 30 + 2 * rows + columns][:channels]
    return np.dstack(planes).astype(np.uint8).squeeze()


def chunk(kind: bytes, content: bytes) -> bytes:
    checked = kind + content
    return struct.pack('>I', len(content)) + checked + struct.pack('>I', zlib.crc32(checked))


def png(image: np.ndarray, *, pieces: int = 1, extra: bytes = b'') -> bytes:
    """Return a PNG written without OpenCV; channels are grey, grey-alpha, BGR or BGR-alpha."""
    planes = image.reshape(*image.shape[:2], -1)
    channels = planes.shape[2]
    planes = planes[..., [2, 1, 0, 3][:channels] if channels > 2 else slice(None)]
    rows = planes.astype(image.dtype.newbyteorder('>')).reshape(len(image), -1)
    packed = zlib.compress(b''.join(b'\0' + row.tobytes() for row in rows))
    size = -(-len(packed) // pieces)
    header = struct.pack('>IIBBBBB', image.shape[1], image.shape[0], 8 * image.itemsize,
                         PNG_COLOUR_TYPES[channels], 0, 0, 0)
    data = [chunk(b'IDAT', packed[start:start + size]) for start in range(0, len(packed), size)]
    return b''.join([SIGNATURE, chunk(b'IHDR', header), extra, *data, chunk(b'IEND', b'')])


def jpeg(kind: str = 'baseline', channels: int = 3, quality: int = 100) -> bytes:
    flags = [*JPEG_KINDS[kind], cv2.IMWRITE_JPEG_QUALITY, quality]
    return cv2.imencode('.jpg', smooth(channels), flags)[1].tobytes()


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack('>BBH', 0xff, marker, len(content) + 2) + content


def turned(data: bytes) -> bytes:
    """Return a JPEG with the Exif tag that asks for a turn by 90 degrees."""
    tag = struct.pack('<HHIHH', 0x0112, 3, 1, 6, 0)
    exif = b'Exif\0\0II*\0' + struct.pack('<IH', 8, 1) + tag + bytes(4)
    return data[:2] + segment(0xe1, exif) + data[2:]


def refusal(call: Callable[[], Any], name: object) -> str:
    """Return why ``call`` refuses; the message is one line that begins with the name."""
    with pytest.raises(ImageFileError) as caught:
        call()
    message = str(caught.value)
    assert message.startswith(f'{name}: ')
    assert len(message.splitlines()) == 1
    return message[len(f'{name}: '):]


def why(data: Any) -> str:
    """Return why ``data`` is not decoded."""
    return refusal(lambda: decode(data, 'frame 7'), 'frame 7')


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return inode and content of every file below a folder, temporary ones too."""
    return {str(path.relative_to(folder)): (path.stat().st_ino, path.read_bytes())
            for path in folder.rglob('*') if path.is_file()}
