# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Image files in, strictly: whole files only, upright, with what is known of their pixels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
import io
from pathlib import Path
from typing import Any, BinaryIO

import cv2
from focus_stacking_ros.core.files import bmp_webp, jpeg, png, tiff
from focus_stacking_ros.core.files.decoded import Decoded, opaque, upright
from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.metadata import (
    metadata_of,
    size_and_metadata,
    tiff_metadata,
)
from focus_stacking_ros.core.files.tiff_positions import pixel_size_m, z_positions
from focus_stacking_ros.core.slices import Image
import numpy as np

__all__ = ['Header', 'decode', 'headers', 'read_image', 'read_slice']

_RAW_SUFFIXES = {'.3fr', '.arw', '.cr2', '.cr3', '.dng', '.erf', '.iiq', '.kdc', '.mef', '.mrw',
                 '.nef', '.nrw', '.orf', '.pef', '.raf', '.rw2', '.sr2', '.srw', '.x3f'}


@dataclass(frozen=True)
class Header:
    """
    What is known of an image before its pixels are read.

    :param page: number among the directories of a TIFF, counted from 0
    :param offset: where its directory stands in the file; None: it has none
    :param size: width and height in pixels as they are stored; None: unknown
    :param orientation: EXIF orientation, 1 to 8
    :param z_m: where it was taken along Z, in metres; None: unknown
    :param pixel_m: side of a pixel on the object, in metres; None: unknown
    :param focused_m: where its camera says that it was focused, in metres; None: it does not
    """

    page: int = 0
    offset: int | None = None
    size: tuple[int, int] | None = None
    orientation: int = 1
    z_m: float | None = None
    pixel_m: float | None = None
    focused_m: float | None = None


def headers(path: Path) -> list[Header]:
    """
    Return the images of a file: the pages of a TIFF, else one.

    A file that cannot be read counts as one image; `read_slice` says what is wrong with it.

    :param path: an image file
    """
    try:
        with _open(path) as file:
            if not _is_tiff(file):
                size, metadata = size_and_metadata(file)
                return [Header(size=size, orientation=metadata.orientation,
                               focused_m=metadata.focus_distance_m)]
            pages = tiff.pages(file)
            positions = z_positions(pages[0].description, len(pages), path.name)
            pixel_m = pixel_size_m(pages[0].description, *pages[0].resolution)
            focused = tiff_metadata(file, pages[0]).focus_distance_m if len(pages) == 1 else None
            return [Header(page.index, page.offset, page.size, page.orientation, z, pixel_m,
                           focused)
                    for page, z in zip(pages, positions, strict=True)]
    except ImageFileError:
        return [Header()]


def read_slice(path: Path, header: Header | None = None,
               orientation: int | None = None) -> Decoded:
    """
    Read an image file, or a page of it, upright.

    :param path: PNG, JPEG, TIFF or whatever else OpenCV decodes
    :param header: one of `headers`; None: the first image of the file
    :param orientation: EXIF orientation to go by; None: that of the file
    :returns: the image and where it has data; the metadata have the file's own orientation
    :raises ImageFileError: it cannot be read, is cut short, damaged, a raw image, no image or
        transparent
    """
    decoded = _read(path, header, orientation)
    if decoded.valid is not None and not decoded.valid.any():
        raise ImageFileError(f'{path}: none of its pixels is opaque; a slice needs opaque pixels, '
                             'or no alpha channel')
    return decoded


def _read(path: Path, header: Header | None = None, orientation: int | None = None) -> Decoded:
    with _open(path) as file:
        if _is_tiff(file):
            if header is None or header.offset is None:
                page = tiff.pages(file)[0]
                z_positions(page.description, len(tiff.pages(file)), path.name)
            else:
                page = tiff.page_at(file, header.page, header.offset)
            metadata = tiff_metadata(file, page)
            decoded = replace(tiff.decode_page(file, page), metadata=metadata)
        else:
            file.seek(0)
            decoded = _decoded(memoryview(file.read()))
            decoded = replace(decoded, metadata=metadata_of(file))
    applied = decoded.metadata.orientation if orientation is None else orientation
    valid = None if decoded.valid is None else upright(decoded.valid, applied)
    return replace(decoded, image=upright(decoded.image, applied), valid=valid)


def read_image(path: Path) -> Image:
    """
    Read the pixels of an image file, upright.

    :param path: PNG, JPEG, TIFF or whatever else OpenCV decodes
    :returns: (H, W) or (H, W, 3) blue-green-red, uint8 or uint16; an alpha channel is dropped
    :raises ImageFileError: it cannot be read, is cut short, damaged, a raw image or no image
    """
    return _read(path).image


def decode(data: Any, name: str) -> Image:
    """
    Decode an encoded image as it is stored; orientation and alpha channel are dropped.

    :param data: bytes-like
    :param name: what to call it in an error
    :returns: (H, W) or (H, W, 3) blue-green-red, uint8 or uint16
    :raises ImageFileError: it is cut short, damaged, no image, or neither 8 nor 16 bit
    """
    view = memoryview(data).cast('B')
    with _naming(name):
        if bytes(view[:4]) in tiff.STARTS:
            file = io.BytesIO(view)
            return tiff.decode_page(file, tiff.pages(file)[0]).image
        return _decoded(view).image


def _decoded(data: memoryview) -> Decoded:
    """Decode anything but TIFF."""
    if not data:
        raise ImageFileError('it is empty')
    if data[:8] == png.SIGNATURE:
        return png.decode_png(data)
    if data[:2] == jpeg.START:
        return jpeg.decode_jpeg(data)
    if bmp_webp.is_webp(bytes(data[:12])):
        return bmp_webp.decode_webp(data)
    if bmp_webp.is_bmp(bytes(data[:12])):
        return bmp_webp.decode_bmp(data)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise ImageFileError(f'it cannot be decoded: {error.err}') from error
    if image is None:
        raise ImageFileError('it is no image that OpenCV can decode')
    if image.dtype not in (np.uint8, np.uint16):
        raise ImageFileError(f'its pixels are {image.dtype}; they must be 8 or 16 bit')
    if image.ndim == 2 or image.shape[2] == 3:
        return Decoded(image)
    return Decoded(np.ascontiguousarray(image[..., :3] if image.shape[2] == 4
                                        else image[..., 0]), opaque(image[..., -1]))


def _is_tiff(file: BinaryIO) -> bool:
    file.seek(0)
    return file.read(4) in tiff.STARTS


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    """Open a file; whatever is wrong with it is said with its name."""
    with _naming(str(path)):
        if path.suffix.lower() in _RAW_SUFFIXES:
            raise ImageFileError(tiff.RAW_REASON)
        with path.open('rb') as file:
            yield file


@contextmanager
def _naming(name: str) -> Iterator[None]:
    try:
        yield
    except ImageFileError as error:
        raise ImageFileError(f'{name}: {error}') from error
    except OSError as error:
        raise ImageFileError(f'{name}: {error.strerror or error}') from error
    except MemoryError as error:
        raise ImageFileError(f'{name}: there is not enough memory for it') from error
