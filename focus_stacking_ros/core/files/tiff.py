# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""TIFF files: their pages, each read whole or refused."""

from __future__ import annotations

from dataclasses import dataclass
import io
import math
from typing import Any, BinaryIO, Literal

import cv2
from focus_stacking_ros.core.files.decoded import Decoded, Mask, opaque
from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.pillow import refusing
import numpy as np
from numpy.typing import NDArray

__all__ = ['RAW_REASON', 'STARTS', 'Page', 'decode_page', 'directory_at', 'page_at', 'pages',
           'with_orientation']

STARTS = (b'II*\0', b'MM\0*', b'II+\0', b'MM\0+')

# Tags of TIFF 6.0 (Adobe, 1992), section 8, and of DNG 1.7.
_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 256, 257, 258, 259, 262
_FILL_ORDER, _DESCRIPTION, _STRIPS, _ORIENTATION, _SAMPLES = 266, 270, 273, 274, 277
_ROWS_PER_STRIP, _STRIP_BYTES, _X_RESOLUTION, _Y_RESOLUTION, _PLANAR = 278, 279, 282, 283, 284
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES = 322, 323, 324, 325
_RESOLUTION_UNIT, _EXTRA, _SAMPLE_FORMAT, _DNG_VERSION = 296, 338, 339, 50706

_REDUCED, _MASK = 1, 4  # bits of _SUBFILE
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _COLOUR_FILTER, _LINEAR_RAW = 0, 1, 2, 32803, 34892
_FORMATS = {1: 'uint', 2: 'int', 3: 'float'}
_MOST_PIXELS = 1 << 30  # as OpenCV

RAW_REASON = ('it is a raw image of a camera, of which only a preview could be read; develop it '
              'to TIFF or PNG first, all slices alike')


@dataclass(frozen=True)
class Page:
    """
    A page of a TIFF that is an image of its own, no preview and no mask.

    :param index: number among all directories of the file, counted from 0
    :param offset: where its directory stands
    :param tags: values by tag, as Pillow has them
    """

    index: int
    offset: int
    tags: Any

    def numbers(self, tag: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """Return the values of a tag; refuse a page whose are no numbers."""
        with refusing('TIFF'):
            value = self.tags.get(tag, default)
            return tuple(int(each) for each in (value if isinstance(value, tuple) else (value,)))

    def number(self, tag: int, default: int) -> int:
        """Return the first value of a tag."""
        return (*self.numbers(tag), default)[0]

    @property
    def size(self) -> tuple[int, int]:
        """Return width and height as they are stored."""
        return self.number(_WIDTH, 0), self.number(_HEIGHT, 0)

    @property
    def orientation(self) -> int:
        """Return the EXIF orientation; 1 where it has none that is legal."""
        value = self.number(_ORIENTATION, 1)
        return value if 1 <= value <= 8 else 1

    @property
    def resolution(self) -> tuple[float, float, int]:
        """Return pixels per unit across and down, 0 where there are none, and ResolutionUnit."""
        try:
            across, down = (float(self.tags.get(tag, 0)) for tag in (_X_RESOLUTION, _Y_RESOLUTION))
        except (TypeError, ValueError, ZeroDivisionError):
            across = down = 0.0
        return across, down, self.number(_RESOLUTION_UNIT, 2)

    @property
    def description(self) -> str:
        """Return what ImageJ and OME keep their metadata in."""
        value = self.tags.get(_DESCRIPTION, '')
        return value if isinstance(value, str) else ''


def pages(file: BinaryIO) -> list[Page]:
    """
    Return the pages of a TIFF or BigTIFF that are images of their own.

    :param file: a TIFF
    :raises ImageFileError: it is damaged, a raw image, or has none; the message does not name
        the file
    """
    found: list[Page] = []
    seen: set[int] = set()
    total = file.seek(0, io.SEEK_END)
    offset = _first(file)
    while offset:
        if offset in seen or offset >= total:
            raise ImageFileError('it is a TIFF that is cut short or damaged: the list of its '
                                 'pages ends nowhere')
        page, following = _page(file, len(seen), offset)
        seen.add(offset)
        subfile = page.number(_SUBFILE, 0)
        photometric = page.number(_PHOTOMETRIC, _BLACK_IS_ZERO)
        if _DNG_VERSION in page.tags or photometric in {_COLOUR_FILTER, _LINEAR_RAW}:
            raise ImageFileError(RAW_REASON)
        if not subfile & (_REDUCED | _MASK):
            found.append(page)
        offset = following
    if not found:
        raise ImageFileError(RAW_REASON if seen else 'it is a TIFF without pages')
    return found


def page_at(file: BinaryIO, index: int, offset: int) -> Page:
    """
    Return the page that `pages` has found, without reading those before.

    :raises ImageFileError: it is damaged
    """
    return _page(file, index, offset)[0]


def directory_at(file: BinaryIO, offset: int) -> dict[int, Any]:
    """
    Return the values by tag of any directory of a TIFF, such as that of its EXIF data.

    :raises ImageFileError: it is damaged
    """
    return dict(_page(file, 0, offset)[0].tags)


def _head(file: BinaryIO) -> bytes:
    file.seek(0)
    head = file.read(16)
    if head[8:10] == b'CR':  # Canon's
        raise ImageFileError(RAW_REASON)
    return head if head[2:4] in {b'+\0', b'\0+'} else head[:8]


def _first(file: BinaryIO) -> int:
    return int(_directory(_head(file)).next)


def _directory(head: bytes) -> Any:
    with refusing('TIFF'):
        from PIL import TiffImagePlugin
        if len(head) > 8 and head[:4] not in TiffImagePlugin.PREFIXES:
            raise ImageFileError('it is a BigTIFF, which takes Pillow 9.1 or newer')
        return TiffImagePlugin.ImageFileDirectory_v2(head)


def _page(file: BinaryIO, index: int, offset: int) -> tuple[Page, int]:
    """Return a page and where the next one's directory stands, 0 at the end."""
    directory = _directory(_head(file))
    directory.next = -1  # stays where the directory cannot be read
    with refusing('TIFF'):
        file.seek(offset)
        directory.load(file)
    if directory.next < 0:
        raise ImageFileError('it is a TIFF that is cut short: a directory of its pages is '
                             'missing')
    return Page(index, offset, directory), int(directory.next)


@dataclass(frozen=True)
class _Form:
    """How the pixels of a page lie in the file."""

    width: int
    height: int
    samples: int
    bits: int
    compressed: bool
    photometric: int
    planes: int
    tiled: bool
    extra: tuple[int, ...]
    #: Whether the bytes of a strip are the pixels, in the order of the page.
    plain: bool

    @property
    def alpha(self) -> int | None:
        """Return which sample is the alpha channel, associated or not."""
        first = self.samples - len(self.extra)
        return next((first + at for at, kind in enumerate(self.extra) if kind in {1, 2}), None)


def _form(page: Page) -> _Form:
    """Return the form of a page; refuse what is not 8 or 16 bit unsigned."""
    width, height = page.size
    if not 0 < width * height <= _MOST_PIXELS or min(width, height) < 0:
        raise ImageFileError(f'it is a damaged TIFF, or too large: it has {width}x{height} pixels')
    bits = set(page.numbers(_BITS, (1,)))
    formats = set(page.numbers(_SAMPLE_FORMAT, (1,)))
    if len(bits) != 1 or max(bits) > 16 or formats != {1}:
        kinds = '/'.join(sorted(f'{_FORMATS.get(each, "unknown")}{size}'
                                for each in formats for size in bits))
        raise ImageFileError(f'its pixels are {kinds}; they must be 8 or 16 bit, unsigned')
    photometric = page.number(_PHOTOMETRIC, _BLACK_IS_ZERO)
    compressed = page.number(_COMPRESSION, 1) != 1
    samples = page.number(_SAMPLES, 1)
    planes = samples if page.number(_PLANAR, 1) == 2 else 1
    tiled = _TILES in page.tags
    colours = {_RGB: 3, _BLACK_IS_ZERO: 1, _WHITE_IS_ZERO: 1}.get(photometric, 0)
    extra = page.numbers(_EXTRA) or (0,) * max(samples - colours, 0)
    plain = (not compressed and not tiled and bits <= {8, 16} and page.number(_FILL_ORDER, 1) == 1
             and colours > 0 and samples == colours + len(extra))
    return _Form(width, height, samples, bits.pop(), compressed, photometric, planes, tiled,
                 extra, plain)


def decode_page(file: BinaryIO, page: Page) -> Decoded:
    """
    Decode a page as it is stored, without metadata.

    :param file: the TIFF
    :param page: of that file
    :returns: grey or colour, 8 or 16 bit, as it is stored
    :raises ImageFileError: it is damaged or of a kind that cannot be read exactly
    """
    form = _form(page)
    _check_extents(file, page, form)
    if form.plain:
        return _plain(file, page, form)
    if form.bits == 16 and form.photometric == _WHITE_IS_ZERO:
        raise ImageFileError('its 16-bit pixels are stored inverted (WhiteIsZero); store it with '
                             'black as zero')
    if form.bits == 16 and form.samples > 1:
        return _by_opencv(file, page, form)
    return _by_pillow(file, page, form)


def _check_extents(file: BinaryIO, page: Page, form: _Form) -> None:
    """Refuse a page some of whose strips or tiles are missing or beyond the end of the file."""
    offsets = page.numbers(_TILES if form.tiled else _STRIPS)
    sizes = page.numbers(_TILE_BYTES if form.tiled else _STRIP_BYTES)
    if form.tiled:
        across, down = page.number(_TILE_WIDTH, 0), page.number(_TILE_HEIGHT, 0)
        if min(across, down) <= 0:
            raise ImageFileError('it is a damaged TIFF: its tiles have no size')
        expected = math.ceil(form.width / across) * math.ceil(form.height / down)
    else:
        expected = math.ceil(form.height / _rows(page, form))
    if not len(offsets) == len(sizes) == expected * form.planes:
        raise ImageFileError(f'it is a damaged TIFF: it needs {expected * form.planes} pieces '
                             f'and lists {len(offsets)}')
    total = file.seek(0, io.SEEK_END)
    for offset, size in zip(offsets, sizes, strict=True):
        if size <= 0 or offset <= 0 or offset + size > total:
            raise ImageFileError('it is a TIFF that is cut short: pixels are missing')


def _rows(page: Page, form: _Form) -> int:
    """Return the rows of a strip."""
    rows = page.number(_ROWS_PER_STRIP, form.height)
    if rows <= 0:
        raise ImageFileError('it is a damaged TIFF: its strips have no rows')
    return min(rows, form.height)


def _plain(file: BinaryIO, page: Page, form: _Form) -> Decoded:
    """Read pixels that lie in the file as they are."""
    row = form.width * form.samples // form.planes * form.bits // 8
    rows = _rows(page, form)
    data: NDArray[Any] = np.empty((form.planes * form.height, row), np.uint8)
    starts = [plane * form.height + start for plane in range(form.planes)
              for start in range(0, form.height, rows)]
    for start, offset, size in zip(starts, page.numbers(_STRIPS), page.numbers(_STRIP_BYTES),
                                   strict=True):
        count = min(rows, form.height - start % form.height)
        file.seek(offset)
        part = file.read(min(size, count * row))
        if len(part) < count * row:
            raise ImageFileError('it is a TIFF that is cut short: pixels are missing')
        data[start:start + count] = np.frombuffer(part, np.uint8).reshape(count, row)
    order = '<' if _head(file)[:2] == b'II' else '>'
    samples = data.view(f'{order}u{form.bits // 8}').reshape(form.planes, form.height, form.width,
                                                             -1)
    samples = np.moveaxis(samples, 0, -1)[..., 0, :] if form.planes > 1 else samples[0]
    samples = samples.astype(samples.dtype.newbyteorder('='), copy=False)
    if form.photometric == _WHITE_IS_ZERO:
        samples[..., 0] = ~samples[..., 0]
    image = samples[..., 2::-1] if form.photometric == _RGB else samples[..., 0]
    return Decoded(np.ascontiguousarray(image), _valid(samples, form))


def _valid(samples: NDArray[Any], form: _Form) -> Mask | None:
    return None if form.alpha is None else opaque(samples[..., form.alpha])


def _by_opencv(file: BinaryIO, page: Page, form: _Form) -> Decoded:
    """Decode 16-bit colour, of which Pillow keeps 8 bits; Pillow says whether it is whole."""
    if form.planes > 1:
        raise ImageFileError('it is a 16-bit TIFF with compressed planes, which OpenCV reads '
                             'wrongly; store its channels together, or without compression')
    file.seek(0)
    data = file.read()
    if form.compressed:
        # OpenCV leaves black what it cannot decode, in some versions without a word.
        _load(io.BytesIO(data), page)
    data = with_orientation(data, 1, page.offset)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise ImageFileError(f'it cannot be decoded: {error.err}') from error
    channels = 1 if form.photometric != _RGB else 4 if form.alpha is not None else 3
    if (image is None or image.dtype != np.uint16 or image.shape[:2] != (form.height, form.width)
            or (channels > 1 and (image.ndim != 3 or image.shape[2] < channels))):
        raise ImageFileError('it is a 16-bit TIFF of a kind that OpenCV cannot decode; store it '
                             'without compression, or as PNG')
    valid = None if form.alpha is None else opaque(image[..., -1])
    if image.ndim == 3:
        image = np.ascontiguousarray(image[..., 0] if channels == 1 else image[..., :3])
    return Decoded(image, valid)


def _by_pillow(file: BinaryIO, page: Page, form: _Form) -> Decoded:
    image = _load(file, page)
    with refusing('TIFF'):
        mode = image.mode
        if mode == '1':
            return Decoded(np.array(image.convert('L')))
        if mode == 'L':
            return Decoded(np.array(image))
        if mode.startswith('I;16'):
            return Decoded(np.asarray(image).astype(np.uint16))
        if mode in {'LA', 'La'}:
            bands = np.asarray(image)
            return Decoded(np.ascontiguousarray(bands[..., 0]), opaque(bands[..., 1]))
        if mode not in {'RGB', 'RGBA', 'RGBX', 'RGBa', 'P', 'CMYK', 'YCbCr'}:
            raise ImageFileError(f'its pixels are of the kind {mode}; they must be grey or '
                                 'colour, 8 or 16 bit')
        if mode in {'P', 'CMYK', 'YCbCr'}:
            image = image.convert('RGB')
        bands = np.asarray(image)
        valid = None if form.alpha is None or bands.shape[2] < 4 else opaque(bands[..., 3])
        return Decoded(cv2.cvtColor(np.ascontiguousarray(bands[..., :3]), cv2.COLOR_RGB2BGR),
                       valid)


def _load(file: BinaryIO, page: Page) -> Any:
    """
    Return a page as Pillow decodes it, not turned; refuse one that is not whole.

    The file is not to be read afterwards: libtiff moves its descriptor behind Python's back.
    """
    with refusing('TIFF'):
        from PIL import TiffImagePlugin
        if page.orientation != 1:  # Pillow turns what it loads
            file.seek(0)
            file = io.BytesIO(with_orientation(file.read(), 1, page.offset, first=False))
        file.seek(0)
        try:
            image = TiffImagePlugin.TiffImageFile(file)
            image.seek(page.index)
            image.load()
        except SyntaxError as error:
            raise ImageFileError('it is a TIFF that is damaged, or of a kind that Pillow does '
                                 f'not know: {error}; store it as PNG') from error
        return image


def with_orientation(data: bytes, orientation: int, offset: int | None = None, *,
                     first: bool = True) -> bytes:
    """
    Return a TIFF, or EXIF data, with another orientation and another first page.

    :param data: the whole file; its directory must lie in it
    :param orientation: EXIF orientation; where the directory has none, it gets none
    :param offset: of the directory that is meant; None: the first one
    :param first: make that directory the first one
    """
    changed = bytearray(data)
    order: Literal['little', 'big'] = 'little' if data[:2] == b'II' else 'big'
    big = data[2:4] in {b'+\0', b'\0+'}
    place, width, counted, entry = (8, 8, 8, 20) if big else (4, 4, 2, 12)
    if offset is None:
        offset = int.from_bytes(data[place:place + width], order)
    if first:
        changed[place:place + width] = offset.to_bytes(width, order)
    count = int.from_bytes(data[offset:offset + counted], order)
    for number in range(min(count, (len(data) - offset) // entry)):
        start = offset + counted + number * entry
        if int.from_bytes(data[start:start + 2], order) == _ORIENTATION:
            value = start + (12 if big else 8)
            changed[value:value + 2] = orientation.to_bytes(2, order)
    return bytes(changed)
