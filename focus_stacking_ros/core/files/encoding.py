# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images as the content of files: PNG for pictures, TIFF for planes of numbers."""

from __future__ import annotations

import struct
import zlib

from focus_stacking_ros.core.files.decoded import Metadata
from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.png import chunk
from focus_stacking_ros.core.slices import FloatImage
import numpy as np
from numpy.typing import NDArray

__all__ = ['encode_tiff', 'tiff_parts', 'with_metadata']

_ASCII, _SHORT, _LONG, _RATIONAL = 2, 3, 4, 5  # types of a TIFF's entries
_SIZES = {_ASCII: 1, _SHORT: 2, _LONG: 4, _RATIONAL: 8}
_STRIP = 273  # tag: where the pixels are
_MOST_BYTES = 1 << 32  # that a TIFF's offsets reach


def encode_tiff(plane: FloatImage, unit: str = '', pixel_m: float | None = None
                ) -> NDArray[np.uint8]:
    """Return `tiff_parts`, joined."""
    return np.concatenate([np.frombuffer(part, np.uint8)
                           for part in tiff_parts(plane, unit, pixel_m)])


def tiff_parts(plane: FloatImage, unit: str = '', pixel_m: float | None = None
               ) -> tuple[bytes, memoryview]:
    """
    Encode a plane as an uncompressed TIFF that says what its numbers and its pixels are.

    Only tags of TIFF 6.0 (Adobe, 1992): OpenCV warns of all others on the terminal, those of GDAL
    among them. The description is in ImageJ's form, which tifffile and Bio-Formats read too:
    ``vunit`` is the unit of the values, ``unit`` that of lengths, um together with a resolution
    per centimetre.

    :param plane: (H, W) float32, NaN kept
    :param unit: of the values, '' for none
    :param pixel_m: side of a pixel on the object, metres; None where it is not known
    :returns: what the file begins with, and the plane itself, which is not copied
    :raises ImageFileError: it is too large for a TIFF
    """
    if plane.ndim != 2 or not plane.size:
        raise ImageFileError(f'a plane of {plane.shape} cannot be encoded as TIFF')
    height, width = plane.shape
    resolution = b'' if pixel_m is None else _per_centimetre(pixel_m)
    words = ['ImageJ=1.54f', *(['unit=um'] if resolution else []),
             *([f'vunit={unit}'] if unit else [])]
    # Tags in rising order: of size, samples, description, strip, resolution, software, format.
    entries: list[tuple[int, int, bytes]] = [
        (256, _LONG, struct.pack('<I', width)), (257, _LONG, struct.pack('<I', height)),
        (258, _SHORT, struct.pack('<H', 32)), (259, _SHORT, struct.pack('<H', 1)),
        (262, _SHORT, struct.pack('<H', 1)),
        (270, _ASCII, '\n'.join([*words, '\0']).encode('ascii')), (_STRIP, _LONG, bytes(4)),
        (277, _SHORT, struct.pack('<H', 1)), (278, _LONG, struct.pack('<I', height)),
        (279, _LONG, struct.pack('<I', 4 * height * width % _MOST_BYTES))]
    if resolution:
        entries += [(282, _RATIONAL, resolution), (283, _RATIONAL, resolution),
                    (296, _SHORT, struct.pack('<H', 3))]
    entries += [(305, _ASCII, b'focus_stacking_ros\0'), (339, _SHORT, struct.pack('<H', 3))]
    after = 8 + 2 + 12 * len(entries) + 4
    data_at = -(-(after + sum(len(value) + 1 for _, _, value in entries)) // 16) * 16
    if data_at + 4 * height * width >= _MOST_BYTES:
        raise ImageFileError(f'a plane of {width}x{height} pixels is too large for a TIFF')
    directory, values = struct.pack('<H', len(entries)), b''
    for tag, kind, content in entries:
        value = struct.pack('<I', data_at) if tag == _STRIP else content
        count = len(value) // _SIZES[kind]
        if len(value) > 4:
            place = struct.pack('<I', after + len(values))
            values += value + bytes(len(value) % 2)
        else:
            place = value.ljust(4, b'\0')
        directory += struct.pack('<HHI', tag, kind, count) + place
    head = struct.pack('<2sHI', b'II', 42, 8) + directory + bytes(4) + values
    return head.ljust(data_at, b'\0'), np.ascontiguousarray(plane, '<f4').data.cast('B')


def _per_centimetre(pixel_m: float) -> bytes:
    """Return how many pixels are in a centimetre as a RATIONAL; empty where it holds none."""
    per_cm = 0.01 / pixel_m
    if not 1e-3 <= per_cm <= 1e9:
        return b''
    from fractions import Fraction  # a start of a process less: most pixels have no known size
    share = Fraction(per_cm).limit_denominator(int(min(1e6, (_MOST_BYTES - 1) / per_cm)))
    return struct.pack('<II', share.numerator, share.denominator)


def with_metadata(png: tuple[bytes, ...], metadata: Metadata) -> tuple[bytes, ...]:
    """
    Return a PNG with a colour profile and EXIF data (PNG, third edition, section 11.3).

    :param png: the parts of a PNG that has neither, the first its signature and header
    :param metadata: what to put in; the orientation is that of the EXIF data
    """
    added = b''
    if metadata.icc_profile:
        added += chunk(b'iCCP', b'ICC profile\0\0' + zlib.compress(metadata.icc_profile))
    if metadata.exif:
        added += chunk(b'eXIf', metadata.exif)
    return png[0] + added, *png[1:]
