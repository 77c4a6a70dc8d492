# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Image files in and out, strictly: whole files only, all of them or none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
import json
import os
from pathlib import Path
import re
import tempfile
from typing import Any
import zlib

import cv2
from focus_stacking_ros.core.slices import FloatImage, Image
import numpy as np
from numpy.typing import NDArray

__all__ = ['ImageFileError', 'decode', 'encode_png', 'encode_tiff', 'focus_distances_from',
           'image_files_in', 'natural_order', 'read_image', 'write_files']

_SUFFIXES = {'.bmp', '.jpeg', '.jpg', '.png', '.tif', '.tiff', '.webp'}
_PNG_SIGNATURE = b'\x89PNG\r\n\x1a\n'
_JPEG_START = b'\xff\xd8'
#: Fast, and within a few percent of the size that the default level reaches on photographs.
_PNG_LEVEL = 1


class ImageFileError(ValueError):
    """A file or folder cannot be used; the message names it and says why."""


def read_image(path: Path) -> Image:
    """
    Read an image file.

    :param path: PNG, JPEG, TIFF or whatever else OpenCV decodes
    :returns: (H, W) or (H, W, 3) blue-green-red, uint8 or uint16
    :raises ImageFileError: it cannot be read, is cut short or is no image
    """
    return decode(_content(path), str(path))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImageFileError(f'{path}: {error.strerror or error}') from error


def decode(data: Any, name: str) -> Image:
    """
    Decode an encoded image; an orientation tag is ignored, an alpha channel dropped.

    In TIFF files OpenCV applies both, the tag and an alpha channel declared as unassociated.

    :param data: bytes-like
    :param name: what to call it in an error
    :returns: (H, W) or (H, W, 3) blue-green-red, uint8 or uint16
    :raises ImageFileError: it is cut short, no image, or neither 8 nor 16 bit
    """
    view = memoryview(data).cast('B')
    if not view:
        raise ImageFileError(f'{name}: it is empty')
    # OpenCV fills what is missing of a file with grey, in some versions without a word.
    reason = _why_incomplete(view)
    if reason:
        raise ImageFileError(f'{name}: {reason}')
    try:
        image = cv2.imdecode(np.frombuffer(view, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise ImageFileError(f'{name}: it cannot be decoded: {error.err}') from error
    if image is None:
        raise ImageFileError(f'{name}: it is no image that OpenCV can decode')
    if image.dtype not in (np.uint8, np.uint16):
        raise ImageFileError(f'{name}: its pixels are {image.dtype}; they must be 8 or 16 bit')
    if image.ndim == 3 and image.shape[2] == 4:
        image = cv2.cvtColor(image, cv2.COLOR_BGRA2BGR)
    elif image.ndim == 3 and image.shape[2] == 2:
        image = np.ascontiguousarray(image[..., 0])
    return image


def _why_incomplete(data: memoryview) -> str:
    """Return why a PNG or JPEG is not whole, '' where it is or where it is something else."""
    if data[:8] == _PNG_SIGNATURE:
        return _why_png_incomplete(data)
    if data[:2] == _JPEG_START:
        return _why_jpeg_incomplete(data)
    return ''


def _why_png_incomplete(data: memoryview) -> str:
    """Walk the chunks of a PNG (ISO/IEC 15948, section 5.3) to its end chunk."""
    place = len(_PNG_SIGNATURE)
    while place + 12 <= len(data):
        length = int.from_bytes(data[place:place + 4], 'big')
        end = place + 12 + length
        if end > len(data):
            break
        checked = bytes(data[place + 4:end - 4])
        if zlib.crc32(checked) != int.from_bytes(data[end - 4:end], 'big'):
            return 'it is a damaged PNG: a checksum is wrong'
        if checked[:4] == b'IEND':
            return ''
        place = end
    return 'it is a PNG that is cut short'


def _why_jpeg_incomplete(data: memoryview) -> str:
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
            place += 2 + int.from_bytes(data[place + 2:place + 4], 'big')
            if marker == 0xda:
                place, scanned = _end_of_scan(data, place), True
    return 'it is a JPEG that is cut short'


_SCAN_END = re.compile(rb'\xff(?=[\x01-\xcf\xd8-\xfe])')


def _end_of_scan(data: memoryview, place: int) -> int:
    """Return where the marker after entropy-coded data stands (no stuffing, no restart)."""
    found = _SCAN_END.search(data, place)
    return len(data) if found is None else found.start()


def natural_order(paths: Iterable[Path]) -> list[Path]:
    """Return paths sorted by name as people count: frame_2 before frame_10."""
    def key(path: Path) -> list[tuple[int, int, str]]:
        return [(0, int(part), '') if part.isdecimal() else (1, 0, part)
                for part in re.split(r'(\d+)', path.name.lower()) if part]
    return sorted(paths, key=lambda path: (key(path), path.name))


def image_files_in(folder: Path) -> list[Path]:
    """
    Return the image files of a folder, by suffix, in natural order; hidden ones are left out.

    :raises ImageFileError: the folder cannot be read
    """
    try:
        return natural_order(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES
                             and not path.name.startswith('.') and path.is_file())
    except OSError as error:
        raise ImageFileError(f'{folder}: {error.strerror or error}') from error


def focus_distances_from(path: Path) -> list[float]:
    """
    Return the list focus_distances_m, in metres, of a JSON file.

    :raises ImageFileError: it cannot be read or holds no such list of numbers
    """
    try:
        # As floats, integers of any size are read; too large a number is infinite.
        content = json.loads(_content(path), parse_int=float)
    except (RecursionError, ValueError) as error:
        if isinstance(error, ImageFileError):
            raise
        raise ImageFileError(f'{path}: it is not JSON: {error}') from error
    distances = content.get('focus_distances_m') if isinstance(content, dict) else None
    if not isinstance(distances, list) or not all(
            isinstance(item, float) for item in distances):
        raise ImageFileError(f'{path}: it needs the key focus_distances_m with a list of numbers, '
                             'in metres')
    return distances


def encode_png(image: Image) -> NDArray[np.uint8]:
    """
    Encode an image, quickly.

    :param image: (H, W) or (H, W, 3) blue-green-red, uint8 or uint16
    :raises ImageFileError: OpenCV cannot encode it
    """
    # Runs alone: in photographs nothing longer repeats, and looking for it takes time.
    return _encoded('.png', image, [cv2.IMWRITE_PNG_COMPRESSION, _PNG_LEVEL,
                                    cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE])


def encode_tiff(plane: FloatImage) -> NDArray[np.uint8]:
    """
    Encode a plane as an uncompressed TIFF.

    :param plane: (H, W) float32, NaN kept
    :raises ImageFileError: OpenCV cannot encode it
    """
    return _encoded('.tiff', plane, [cv2.IMWRITE_TIFF_COMPRESSION, 1])


def _encoded(suffix: str, image: NDArray[Any], flags: list[int]) -> NDArray[np.uint8]:
    try:
        done, data = cv2.imencode(suffix, image, flags)
    except cv2.error as error:
        raise ImageFileError(f'an image of {image.shape} cannot be encoded as {suffix}: '
                             f'{error.err}') from error
    if not done:
        raise ImageFileError(f'an image of {image.shape} cannot be encoded as {suffix}')
    return data


def write_files(folder: Path, makers: Mapping[str, Callable[[], Any]]) -> None:
    """
    Write all files or none: under temporary names first, renamed when the last one is there.

    :param folder: made, with its parents, if it does not exist
    :param makers: by file name, functions that return the bytes-like content; two run at a time.
        A name may begin with a subfolder, which is made like the folder
    :raises ImageFileError: the folder cannot be written
    """
    made: list[Path] = []
    written: dict[str, Path] = {}
    mode = 0o666 & ~_umask()

    def write(name: str) -> None:
        place = folder / name
        handle, path = tempfile.mkstemp(prefix=f'.{place.name}.', dir=place.parent)
        written[name] = Path(path)
        with os.fdopen(handle, 'wb') as file:
            os.fchmod(handle, mode)
            file.write(makers[name]())

    try:
        subfolders = {(folder / name).parent for name in makers} - {folder}
        made += [each for each in (*subfolders, folder, *folder.parents) if not each.exists()]
        for each in (folder, *subfolders):
            each.mkdir(parents=True, exist_ok=True)
        _check_names(folder, makers)
        with ThreadPoolExecutor(2) as writers:
            for _ in writers.map(write, makers):
                pass
        for name, path in written.items():
            os.replace(path, folder / name)
    except BaseException as error:
        for path in written.values():
            path.unlink(missing_ok=True)
        for each in made:
            if each.is_dir() and not any(each.iterdir()):
                each.rmdir()
        if isinstance(error, OSError):
            raise ImageFileError(
                f'{folder}: it cannot be written: {error.strerror or error}') from error
        raise


def _check_names(folder: Path, names: Iterable[str]) -> None:
    """Refuse a folder in place of a file while all files are still as they were."""
    for name in names:
        if (folder / name).is_dir():
            raise ImageFileError(f'{folder / name}: it cannot be written: it is a folder')


def _umask() -> int:
    """Return the process's mask for new files, which can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
