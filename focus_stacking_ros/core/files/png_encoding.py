# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""PNG, written by all processors: bands of rows are compressed beside each other."""

from __future__ import annotations

import os
import struct
from typing import Protocol
import zlib

import cv2
from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.png import chunk, SIGNATURE
from focus_stacking_ros.core.slices import Image
from focus_stacking_ros.core.threads import lasting_threads
import numpy as np
from numpy.typing import NDArray

__all__ = ['Packer', 'encode_png', 'packed_by_zlib', 'png_parts']

_BAND_BYTES = 1 << 20  # that a thread compresses at a time
_SUB = 1  # filter type: difference to the pixel on the left (PNG, third edition, section 9.2)
_ADLER = 65521
_STREAM = b'\x78\x01'  # header of a zlib stream (RFC 1950): deflate, a window of 32 KB, fastest


class Packer(Protocol):
    """Packs what a PNG holds, parts of it in several threads at a time."""

    def __call__(self, lines: NDArray[np.uint8], *, last: bool) -> bytes | memoryview:
        """
        Return bytes as deflate has them (RFC 1951).

        :param lines: any
        :param last: whether nothing follows; else they end at a whole byte, the stream does not
        """


def packed_by_zlib(lines: NDArray[np.uint8], *, last: bool) -> bytes:
    """Pack bytes, see `Packer`."""
    packer = zlib.compressobj(1, zlib.DEFLATED, -15, 9, zlib.Z_HUFFMAN_ONLY)
    return packer.compress(lines.data) + packer.flush(
        zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH)


def encode_png(image: Image) -> NDArray[np.uint8]:
    """Return `png_parts`, joined."""
    return np.frombuffer(b''.join(png_parts(image)), np.uint8)


def png_parts(image: Image, pack: Packer | None = None) -> tuple[bytes, ...]:
    """
    Encode an image, quickly: in photographs nothing longer repeats, so nothing is looked for.

    :param image: (H, W) or (H, W, 3) blue-green-red, uint8 or uint16
    :param pack: who packs it; None: zlib
    :returns: the file in order; the first part is its signature and header, all others are chunks
    :raises ImageFileError: another kind of image, or one without pixels
    """
    if image.dtype not in (np.uint8, np.uint16) or not image.size or not (
            image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)):
        raise ImageFileError(f'an image of {image.shape}, {image.dtype} cannot be '
                             'encoded as .png')
    height, width = image.shape[:2]
    pixel = image.itemsize * (1 if image.ndim == 2 else 3)
    rows = max(_BAND_BYTES // (width * pixel), 1)
    starts = range(0, height, rows)

    packer = packed_by_zlib if pack is None else pack

    def compressed(start: int) -> tuple[bytes, int, int]:
        lines = _filtered(image[start:start + rows], pixel)
        # What ends at a byte can be followed by what another thread has made.
        data = b''.join([b'' if start else _STREAM, packer(lines, last=start == starts[-1])])
        return chunk(b'IDAT', data), zlib.adler32(lines.data), lines.nbytes

    with lasting_threads('png', os.cpu_count() or 1) as threads:
        bands = list(threads.results(compressed, starts))
    checksum = 1
    for _, adler, length in bands:
        checksum = _joined(checksum, adler, length)
    header = struct.pack('>IIBBBBB', width, height, 8 * image.itemsize,
                         0 if image.ndim == 2 else 2, 0, 0, 0)
    return (SIGNATURE + chunk(b'IHDR', header), *(band for band, _, _ in bands),
            chunk(b'IDAT', struct.pack('>I', checksum)), chunk(b'IEND', b''))


def _filtered(band: Image, pixel: int) -> NDArray[np.uint8]:
    """Return rows as a PNG has them: their filter type, then differences, high bytes first."""
    if band.ndim == 3:
        band = cv2.cvtColor(band, cv2.COLOR_BGR2RGB)
    if band.dtype == np.uint16:
        band = band.byteswap() if np.little_endian else band
    plain = np.ascontiguousarray(band).view(np.uint8).reshape(len(band), -1)
    lines = np.empty((len(band), plain.shape[1] + 1), np.uint8)
    lines[:, 0] = _SUB
    lines[:, 1:pixel + 1] = plain[:, :pixel]
    np.subtract(plain[:, pixel:], plain[:, :-pixel], out=lines[:, pixel + 1:])
    return lines


def _joined(first: int, second: int, length: int) -> int:
    """Return the Adler-32 of two parts from theirs, and the length of the second (RFC 1950)."""
    low, high = first & 0xffff, first >> 16
    other_low, other_high = second & 0xffff, second >> 16
    high = (high + other_high + length * (low - 1)) % _ADLER
    return high << 16 | (low + other_low - 1) % _ADLER
