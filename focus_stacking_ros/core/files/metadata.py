# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What image files tell beside their pixels: orientation, colour profile, EXIF data."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, BinaryIO
import zlib

from focus_stacking_ros.core.files import bmp_webp, jpeg, png, tiff
from focus_stacking_ros.core.files.decoded import Metadata
from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.focus_tags import (
    exif_focus_distance_m,
    xmp_focus_distance_m,
)
from focus_stacking_ros.core.files.pillow import refusing

__all__ = ['fitting', 'metadata_of', 'size_and_metadata', 'tiff_metadata']

_ORIENTATION, _EXIF_DIRECTORY, _ICC_PROFILE, _MAKER_NOTE = 0x0112, 0x8769, 34675, 37500
_XMP = 700
_XMP_START = b'http://ns.adobe.com/xap/1.0/\0'
#: What a TIFF says of the picture, and not of how it is stored: description, make, model,
#: software, time, artist, copyright.
_CARRIED = (270, 271, 272, 305, 306, 315, 33432)
_EXIF_START = b'Exif\0\0'
_MOST_BYTES = 16 << 20  # of a profile, which a small file may promise to unpack to more


def metadata_of(file: BinaryIO) -> Metadata:
    """Return what a PNG, JPEG or WebP tells; what cannot be read of it counts as not there."""
    return size_and_metadata(file)[1]


def size_and_metadata(file: BinaryIO) -> tuple[tuple[int, int] | None, Metadata]:
    """
    Return width and height as they are stored, None where unknown, and the metadata.

    Only the headers are read.

    :param file: PNG, JPEG or WebP; of other kinds nothing is known
    """
    file.seek(0)
    head = file.read(12)
    try:
        if head[:8] == png.SIGNATURE:
            return _of_png(file)
        if head[:2] == jpeg.START or bmp_webp.is_webp(head):
            return _of_pillow(file, webp=bmp_webp.is_webp(head))
    except ImageFileError:
        pass  # pixels without metadata are still pixels; decoding says what is wrong with those
    return None, Metadata()


def tiff_metadata(file: BinaryIO, page: tiff.Page) -> Metadata:
    """Return what a page of a TIFF tells; what cannot be read of it counts as not there."""
    profile, exif, focused = b'', b'', None
    with suppress(ImageFileError), refusing('TIFF'):
        profile, xmp = page.tags.get(_ICC_PROFILE, b''), page.tags.get(_XMP, b'')
        exif = _exif_of(page.tags, {})
        focused = xmp_focus_distance_m(xmp) if isinstance(xmp, bytes) else None
        if place := page.number(_EXIF_DIRECTORY, 0):
            camera = tiff.directory_at(file, place)
            exif = _exif_of(page.tags, camera)
            focused = exif_focus_distance_m(camera) or focused
    return Metadata(page.orientation, profile if isinstance(profile, bytes) else b'', exif,
                    focused)


def _exif_of(tags: Any, camera: dict[int, Any]) -> bytes:
    """Return EXIF data with what a TIFF says of the picture, and how the camera took it."""
    from PIL import Image
    exif = Image.Exif()
    for tag in _CARRIED:
        if isinstance(tags.get(tag), str):
            exif[tag] = tags[tag]
    # Maker notes hold places in the file that they were written into.
    kept = {tag: value for tag, value in camera.items() if tag != _MAKER_NOTE}
    if kept:
        exif[_EXIF_DIRECTORY] = kept
    return bytes(exif.tobytes())[len(_EXIF_START):] if len(exif) else b''


def _of_png(file: BinaryIO) -> tuple[tuple[int, int] | None, Metadata]:
    size, profile, exif = None, b'', b''
    for kind, length in png.chunks(file):
        if kind == b'IHDR' and length == 13:
            header = file.read(8)
            size = int.from_bytes(header[:4], 'big'), int.from_bytes(header[4:], 'big')
        elif kind == b'eXIf' and length <= _MOST_BYTES:
            exif = file.read(length)
        elif kind == b'iCCP' and length <= _MOST_BYTES:
            profile = _unpacked(file.read(length).partition(b'\0')[2][1:])
    return size, _metadata(profile, exif)


def _unpacked(data: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        profile = unpacker.decompress(data, _MOST_BYTES)
    except zlib.error:
        return b''
    return profile if unpacker.eof else b''


def _of_pillow(file: BinaryIO, *, webp: bool) -> tuple[tuple[int, int] | None, Metadata]:
    file.seek(0)
    with refusing('image'):
        # Not Image.open, which takes JPEGs with several pictures for something else.
        image: Any
        if webp:
            from PIL import WebPImagePlugin
            image = WebPImagePlugin.WebPImageFile(file)
        else:
            from PIL import JpegImagePlugin
            image = JpegImagePlugin.JpegImageFile(file)
        profile, exif = image.info.get('icc_profile') or b'', image.info.get('exif') or b''
        packets = [data for kind, data in getattr(image, 'applist', ())
                   if kind == 'APP1' and data.startswith(_XMP_START)]
        focused = next(filter(None, map(xmp_focus_distance_m, packets)), None)
        return image.size, _metadata(profile, exif, focused)


def _metadata(profile: bytes, exif: bytes, focused: float | None = None) -> Metadata:
    """Return what EXIF data tell; ``focused`` is what other data say of the focus distance."""
    exif = exif[len(_EXIF_START):] if exif.startswith(_EXIF_START) else exif
    if exif[:4] not in tiff.STARTS[:2]:
        return Metadata(icc_profile=profile, focus_distance_m=focused)
    try:
        with refusing('image'):
            from PIL import Image
            parsed = Image.Exif()
            parsed.load(exif)
            value = parsed.get(_ORIENTATION, 1)
            orientation = value if isinstance(value, int) and 1 <= value <= 8 else 1
    except ImageFileError:
        return Metadata(icc_profile=profile, focus_distance_m=focused)
    with suppress(ImageFileError), refusing('image'):
        focused = exif_focus_distance_m(parsed.get_ifd(_EXIF_DIRECTORY)) or focused
    return Metadata(orientation, profile, exif, focused)


def fitting(metadata: Metadata, *, grey: bool) -> Metadata:
    """
    Return what of a slice's metadata holds for an upright image made of it.

    :param metadata: of the slice
    :param grey: whether the image is grey; a profile of another colour space is dropped
    """
    profile = metadata.icc_profile
    # The colour space of the data stands at byte 16 (ICC.1:2010, section 7.2).
    if profile[16:20] != (b'GRAY' if grey else b'RGB '):
        profile = b''
    exif = metadata.exif
    if exif:
        exif = tiff.with_orientation(exif, 1)
    return Metadata(1, profile, exif)
