# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Image files in and out: what is read, what is refused and why, all files or none."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
import io
import json
import math
import os
from pathlib import Path
import random
import resource
import shutil
import struct
import tempfile
import threading
from typing import Any
import zlib

import cv2
from focus_stacking_ros.core.files.image_files import (
    decode,
    encode_png,
    encode_tiff,
    focus_distances_from,
    image_files_in,
    ImageFileError,
    natural_order,
    read_image,
    write_files,
)
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
NOBODY = 65534


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


@pytest.fixture
def ordinary_user() -> Iterator[Path]:
    """Yield a folder of a user whom permission bits stop; root is that user meanwhile."""
    folder = Path(tempfile.mkdtemp())
    as_root = os.geteuid() == 0
    try:
        if as_root:
            try:
                os.chown(folder, NOBODY, NOBODY)
                os.seteuid(NOBODY)
            except OSError as error:
                pytest.skip(f'permission bits do not stop root, who cannot be nobody: {error}')
        if not os.access(folder, os.R_OK | os.W_OK, effective_ids=True):
            pytest.skip(f'nobody cannot reach {folder}')
        yield folder
    finally:
        if as_root:
            os.seteuid(0)
        for place, names, _ in os.walk(folder):
            for name in names:
                Path(place, name).chmod(0o700)
        shutil.rmtree(folder)


# Reading

@pytest.mark.parametrize('pieces', [1, 5])
@pytest.mark.parametrize('channels', [1, 3, 4])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_png_is_read_bit_exact_without_alpha(tmp_path: Path, dtype: type, channels: int,
                                             pieces: int) -> None:
    image = picture(dtype, channels)
    path = tmp_path / 'frame.png'
    path.write_bytes(png(image, pieces=pieces))
    result = read_image(path)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, image[..., :3] if channels == 4 else image)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_grey_with_alpha_keeps_its_grey(dtype: type) -> None:
    image = picture(dtype, 2)
    result = decode(png(image), 'x')
    assert result.dtype == dtype
    assert result.shape[2:] in {(), (3,)}
    for plane in result.reshape(*image.shape[:2], -1).transpose(2, 0, 1):
        np.testing.assert_array_equal(plane, image[..., 0])


@pytest.mark.parametrize('channels', [1, 3, 4])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_tiff_is_read_bit_exact_without_alpha(tmp_path: Path, dtype: type,
                                              channels: int) -> None:
    image = picture(dtype, channels)
    path = tmp_path / 'frame.tif'
    assert cv2.imwrite(str(path), image)
    result = read_image(path)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, image[..., :3] if channels == 4 else image)


@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('kind', JPEG_KINDS)
def test_jpeg_is_read_in_its_own_shape_and_colours(tmp_path: Path, kind: str,
                                                   channels: int) -> None:
    path = tmp_path / 'frame.jpg'
    path.write_bytes(jpeg(kind, channels))
    image, result = smooth(channels), read_image(path)
    assert (result.shape, result.dtype) == (image.shape, np.uint8)
    assert np.abs(result.astype(int) - image).max() <= 12
    assert np.abs(result.astype(int) - image).mean() < 2


@pytest.mark.parametrize(('mode', 'form'), [
    ('L', 'PNG'), ('RGB', 'PNG'), ('RGBA', 'PNG'), ('I;16', 'PNG'), ('P', 'PNG'), ('1', 'PNG'),
    ('L', 'TIFF'), ('LA', 'TIFF'), ('RGB', 'TIFF'), ('RGBA', 'TIFF'), ('I;16', 'TIFF')])
def test_files_of_another_writer_are_read_bit_exact(mode: str, form: str) -> None:
    module = pytest.importorskip('PIL.Image', reason='Pillow writes the file')
    pixels = picture(channels=4)[..., [2, 1, 0, 3]]
    if form == 'TIFF':
        pixels[..., 3] = 255  # OpenCV multiplies what is transparent by its alpha
    source = module.fromarray(picture(np.uint16, 1) if mode == 'I;16' else pixels)
    source = source if mode == 'I;16' else source.convert(mode)
    file = io.BytesIO()
    source.save(file, form)
    expected = np.asarray(source if mode == 'I;16' else source.convert(
        {'1': 'L', 'LA': 'L', 'L': 'L'}.get(mode, 'RGB')))
    np.testing.assert_array_equal(decode(file.getvalue(), 'x'),
                                  expected[..., ::-1] if expected.ndim == 3 else expected)


def test_orientation_tag_of_a_jpeg_is_ignored() -> None:
    data = turned(jpeg())
    height, width = smooth().shape[:2]
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape[:2] == (
        width, height), 'the tag of this test is not one'
    np.testing.assert_array_equal(decode(data, 'x'), decode(jpeg(), 'x'))


@pytest.mark.parametrize('kind', [
    bytes, bytearray, memoryview, lambda data: array('B', data),
    lambda data: np.frombuffer(data, np.uint8), lambda data: np.frombuffer(data, np.int8)])
def test_whatever_is_like_bytes_is_decoded(kind: Callable[[bytes], Any]) -> None:
    image = picture()
    np.testing.assert_array_equal(decode(kind(png(image)), 'x'), image)


@pytest.mark.parametrize('channels', [1, 3, 4])
def test_decoded_image_is_contiguous_and_its_own(channels: int) -> None:
    data = bytearray(png(picture(channels=channels)))
    result = decode(data, 'x')
    before = result.copy()
    data[:] = bytes(len(data))
    np.testing.assert_array_equal(result, before)
    assert result.flags.c_contiguous
    assert result.flags.writeable


# Refusing

@pytest.mark.parametrize(('data', 'reason'), [
    (b'', 'it is empty'), (b'this is no image', 'no image'), (bytes(1000), 'no image'),
    (SIGNATURE, 'PNG that is cut short'), (SIGNATURE + chunk(b'IEND', b''), 'no image'),
    (b'\xff\xd8\xff\xd9', 'JPEG without a picture'), (b'\xff\xd8' + bytes(20), 'damaged JPEG')])
def test_what_is_no_image_is_refused(tmp_path: Path, data: bytes, reason: str) -> None:
    assert reason in why(data)
    path = tmp_path / 'frame.png'
    path.write_bytes(data)
    assert reason in refusal(lambda: read_image(path), path)


def test_an_image_too_large_to_decode_is_refused() -> None:
    header = struct.pack('>IIBBBBB', 100_000, 100_000, 8, 2, 0, 0, 0)
    assert 'decode' in why(SIGNATURE + chunk(b'IHDR', header) + chunk(
        b'IDAT', zlib.compress(b'1')) + chunk(b'IEND', b''))


def test_pixels_of_neither_8_nor_16_bit_are_refused() -> None:
    assert 'float32' in why(encode_tiff(np.ones((4, 5), np.float32)))


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    missing = tmp_path / 'missing.png'
    assert 'No such file' in refusal(lambda: read_image(missing), missing)
    assert 'directory' in refusal(lambda: read_image(tmp_path), tmp_path)


def test_a_file_that_fails_while_it_is_read_is_refused() -> None:
    path = Path('/proc/self/mem')  # opens, but nothing is mapped at its beginning
    if not path.exists():
        pytest.skip('there is no /proc/self/mem, the file that cannot be read')
    assert 'error' in refusal(lambda: read_image(path), path)


def test_a_file_without_permission_is_refused(ordinary_user: Path) -> None:
    path = ordinary_user / 'frame.png'
    path.write_bytes(png(picture()))
    path.chmod(0)
    assert 'Permission' in refusal(lambda: read_image(path), path)


WHOLE_PNGS = {'8 bit colour': png(picture(shape=(9, 11)), pieces=4),
              '16 bit grey': png(picture(np.uint16, 1, (9, 11)), pieces=2),
              'by OpenCV': encode_png(picture(shape=(9, 11))).tobytes(),
              'with text': png(picture(shape=(5, 7)), extra=chunk(b'tEXt', b'IEND\0' * 9))}
# The preview in an application segment has an end marker of its own.
WHOLE_JPEGS = {**{kind: jpeg(kind, quality=80) for kind in JPEG_KINDS}, 'grey': jpeg(channels=1),
               'with preview': (b'\xff\xd8' + segment(0xe1, jpeg()) + jpeg()[2:]),
               'with a fill byte': b'\xff\xd8\xff' + jpeg()[2:-2] + b'\xff\xff\xd9',
               'with fill bytes': b'\xff\xd8\xff\xff' + jpeg()[2:-2] + b'\xff\xff\xff\xd9'}
WHOLE = [pytest.param(data, form, id=f'{form} {name}')
         for form, files in (('PNG', WHOLE_PNGS), ('JPEG', WHOLE_JPEGS))
         for name, data in files.items()]


@pytest.mark.parametrize(('data', 'form'), WHOLE)
def test_a_whole_file_is_read_whatever_follows_it(data: bytes, form: str) -> None:
    expected = decode(data, 'x')
    for garbage in (b'\0', bytes(5000), b'\xff', b'\xff\xd8\xff', SIGNATURE, b'garbage' * 9, data):
        np.testing.assert_array_equal(decode(data + garbage, 'x'), expected)


@pytest.mark.parametrize(('data', 'form'), WHOLE)
def test_a_file_cut_short_at_any_byte_is_refused(data: bytes, form: str) -> None:
    begun = {'PNG': 8, 'JPEG': 2}[form]
    for length in range(1, len(data)):
        expected = f'a {form} that is cut short' if length >= begun else 'no image'
        assert expected in why(data[:length]), length


@pytest.mark.parametrize(('data', 'form'), WHOLE)
def test_a_file_whose_end_was_never_written_is_refused(data: bytes, form: str) -> None:
    """A file system that reserves the space first leaves zeros."""
    for length in range(len(data) - 1):
        if any(data[length:]):
            reason = why(data[:length] + bytes(len(data) - length))
            assert 'cut short' in reason or 'damaged' in reason or length < 8, length


@pytest.mark.parametrize('share', [0.001, 0.1, 0.5, 0.9, 0.99, 0.999])
@pytest.mark.parametrize('suffix', ['.png', '.jpg'])
def test_a_large_file_cut_short_is_refused(tmp_path: Path, suffix: str, share: float) -> None:
    data = cv2.imencode(suffix, picture(shape=(300, 400)))[1].tobytes()
    path = tmp_path / f'frame{suffix}'
    path.write_bytes(data)
    assert read_image(path).shape == (300, 400, 3)
    path.write_bytes(data[:int(share * len(data))])
    assert 'cut short' in refusal(lambda: read_image(path), path)


@pytest.mark.parametrize('suffix', ['.tiff', '.bmp', '.webp'])
def test_other_formats_cut_short_are_refused_too(suffix: str) -> None:
    data = cv2.imencode(suffix, picture())[1].tobytes()
    for length in range(1, len(data) - 1, 13):
        assert 'no image' in why(data[:length]), length


@pytest.mark.parametrize('change', [0x01, 0x80, 0xff])
def test_any_damaged_byte_of_a_png_is_refused(change: int) -> None:
    data = WHOLE_PNGS['8 bit colour']
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= change
        why(damaged)


def test_a_wrong_checksum_is_called_that() -> None:
    data = bytearray(png(picture()))
    data[-20] ^= 1  # the image data end 16 bytes before the end: 4 of checksum, 12 of end chunk
    assert 'checksum' in why(data)


def test_damaged_bytes_of_a_jpeg_give_an_image_or_a_reason() -> None:
    data = WHOLE_JPEGS['baseline']
    generator = random.Random(1)
    images, reasons = [], []
    for place in range(2, len(data)):
        damaged = bytearray(data)
        damaged[place] = generator.randrange(256)
        try:
            images.append(decode(damaged, 'x'))
        except ImageFileError as error:
            reasons.append(str(error))
    assert {len(reason.splitlines()) for reason in reasons} == {1}
    assert {image.dtype for image in images} == {np.dtype(np.uint8)}
    assert {image.shape[2:] for image in images} <= {(), (3,)}


# Writing

def by_opencv(data: np.ndarray) -> np.ndarray:
    return cv2.imdecode(data, cv2.IMREAD_UNCHANGED)


def by_pillow(data: np.ndarray) -> np.ndarray:
    module = pytest.importorskip('PIL.Image', reason='Pillow is the other reader')
    image = np.asarray(module.open(io.BytesIO(data.tobytes())))
    return image[..., ::-1] if image.ndim == 3 else image


@pytest.mark.parametrize('reader', [by_opencv, by_pillow])
@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_png_is_written_bit_exact(dtype: type, channels: int,
                                  reader: Callable[[np.ndarray], np.ndarray]) -> None:
    image = picture(dtype, channels)
    data = encode_png(image)
    np.testing.assert_array_equal(decode(data, 'x'), image)
    result = reader(data)
    if reader is by_pillow and dtype == np.uint16 and channels == 3:
        image = (image >> 8).astype(np.uint8)  # all that Pillow reads of 16-bit colour
    np.testing.assert_array_equal(result, image)


@pytest.mark.parametrize('view', [lambda image: image[::2, ::3], lambda image: image[:, ::-1],
                                  np.asfortranarray])
def test_views_are_written_as_they_look(view: Callable[[np.ndarray], np.ndarray]) -> None:
    image = view(picture(np.uint16))
    np.testing.assert_array_equal(decode(encode_png(image), 'x'), image)
    plane = view(picture().astype(np.float32)[..., 0])
    np.testing.assert_array_equal(by_opencv(encode_tiff(plane)), plane)


@pytest.mark.parametrize('reader', [by_opencv, by_pillow])
def test_tiff_is_written_bit_exact_with_nan(reader: Callable[[np.ndarray], np.ndarray]) -> None:
    plane = np.random.default_rng(0).standard_normal((13, 17)).astype(np.float32)
    plane[0, :9] = [np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, 3.4e38, 1 / 3]
    result = reader(encode_tiff(plane))
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result.view(np.uint32), plane.view(np.uint32))


def test_tiff_is_not_compressed() -> None:
    plane = np.full((40, 50), 0.25, np.float32)
    assert plane.tobytes() in encode_tiff(plane).tobytes()


@pytest.mark.parametrize('shape', [(0, 0), (0, 7), (0, 5, 3), (4, 4, 5)])
@pytest.mark.parametrize(('encode', 'dtype'), [(encode_png, np.uint8), (encode_tiff, np.float32)])
def test_what_cannot_be_encoded_is_refused(encode: Callable[[np.ndarray], np.ndarray],
                                           dtype: type, shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageFileError) as caught:
        encode(np.zeros(shape, dtype))
    assert str(shape) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_files_are_written_with_all_parents_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / 'a' / 'b'
    contents_of = {'bytes.bin': b'abc', 'array.png': encode_png(picture()), 'view': memoryview(
        b'xyz'), 'empty': b'', 'large': bytes(3_000_000), 'sixth': bytearray(b'q')}
    assert write_files(folder, {name: lambda name=name: contents_of[name]
                                for name in contents_of}) is None
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        name: bytes(content) for name, content in contents_of.items()}


def test_old_files_are_replaced_and_others_left(tmp_path: Path) -> None:
    for name in ('a', 'other'):
        (tmp_path / name).write_text('an old and longer text')
    write_files(tmp_path, {'a': lambda: b'new', 'b': lambda: b'new'})
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        'a': 'new', 'b': 'new', 'other': 'an old and longer text'}


def test_names_may_begin_with_a_subfolder(tmp_path: Path) -> None:
    folder = tmp_path / 'new'
    write_files(folder, {'a': lambda: b'a', 'steps/b': lambda: b'b', 'steps/c': lambda: b'c'})
    assert {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob('*')
            if path.is_file()} == {'a': b'a', 'steps/b': b'b', 'steps/c': b'c'}


def test_of_subfolders_nothing_is_left_after_a_failure(tmp_path: Path) -> None:
    def fail() -> bytes:
        raise ValueError('no content')
    for folder in (tmp_path / 'new', tmp_path):
        with pytest.raises(ValueError, match='no content'):
            write_files(folder, {'steps/a': bytes, 'steps/b': fail, 'c': bytes})
        assert list(tmp_path.iterdir()) == []
    (tmp_path / 'steps').write_text('a file in place of the folder')
    with pytest.raises(ImageFileError, match='cannot be written'):
        write_files(tmp_path, {'steps/a': bytes, 'c': bytes})
    assert [path.name for path in tmp_path.iterdir()] == ['steps']


@pytest.mark.parametrize('mask', [0o022, 0o027, 0o077, 0o002])
def test_files_have_the_permissions_of_any_new_file(tmp_path: Path, mask: int) -> None:
    (tmp_path / 'a').write_text('old')
    (tmp_path / 'a').chmod(0o600)
    before = os.umask(mask)
    try:
        (tmp_path / 'plain').write_text('')
        write_files(tmp_path, {'a': lambda: b'', 'b': lambda: b''})
        expected = (tmp_path / 'plain').stat().st_mode
        (tmp_path / 'afterwards').write_text('')
    finally:
        os.umask(before)
    assert expected & 0o777 == 0o666 & ~mask
    assert {path.stat().st_mode for path in tmp_path.iterdir()} == {expected}


def test_no_file_appears_before_the_last_content_is_there(tmp_path: Path) -> None:
    (tmp_path / 'b.png').write_bytes(b'old')
    seen = []

    def maker(name: str) -> Callable[[], bytes]:
        def make() -> bytes:
            images = image_files_in(tmp_path)
            seen.append({path.name: path.read_bytes() for path in images})
            return name.encode()
        return make
    names = ['a.png', 'b.png', 'c.png', 'd.png', 'e.png']
    write_files(tmp_path, {name: maker(name) for name in names})
    assert seen == [{'b.png': b'old'}] * 5
    assert [path.name for path in image_files_in(tmp_path)] == names


def test_two_contents_are_made_at_a_time(tmp_path: Path) -> None:
    both = threading.Barrier(2, timeout=20)
    threads = set()

    def make() -> bytes:
        threads.add(threading.get_ident())
        both.wait()  # breaks, and fails the test, where nobody else comes
        return b''
    write_files(tmp_path, {str(number): make for number in range(6)})
    assert len(threads) == 2


@pytest.mark.parametrize('bad', range(5))
@pytest.mark.parametrize('error', [ValueError('no'), ImageFileError('no'), MemoryError(),
                                   KeyboardInterrupt()], ids=lambda error: type(error).__name__)
def test_a_content_that_cannot_be_made_leaves_everything_as_it_was(
        tmp_path: Path, bad: int, error: BaseException) -> None:
    for name in ('0', '3', 'other'):
        (tmp_path / name).write_text(f'old {name}')
    before = contents(tmp_path)

    def fail() -> bytes:
        raise error
    with pytest.raises(type(error)) as caught:
        write_files(tmp_path, {str(number): fail if number == bad else bytes
                               for number in range(5)})
    assert caught.value is error
    assert contents(tmp_path) == before


def test_a_failure_takes_back_the_folders_it_made_and_no_others(tmp_path: Path) -> None:
    def fail() -> bytes:
        raise ValueError
    (tmp_path / 'there').mkdir()
    for folder in ('there', 'there/a/b/c', 'x/y'):
        with pytest.raises(ValueError, match=r'^$'):
            write_files(tmp_path / folder, {'a': bytes, 'b': fail})
        assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob('*')] == ['there']


@pytest.mark.parametrize('size', [200_000, 10_000_000])
def test_a_disk_that_is_full_leaves_everything_as_it_was(tmp_path: Path, size: int) -> None:
    """A limit on the size of files stands in for the full disk: writing fails on the way."""
    (tmp_path / 'b').write_text('old')
    before = contents(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def reasons() -> Iterator[ImageFileError]:
        for folder in (tmp_path, tmp_path / 'made'):
            try:
                write_files(folder, {'a': lambda: b'a', 'b': lambda: bytes(size), 'c': bytes})
            except ImageFileError as error:
                yield error
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        errors = list(reasons())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    for error, folder in zip(errors, (tmp_path, tmp_path / 'made'), strict=True):
        assert str(error) == f'{folder}: it cannot be written: File too large'
    assert contents(tmp_path) == before
    assert not (tmp_path / 'made').exists()


def test_a_file_where_the_folder_should_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('in the way')
    (tmp_path / 'link').symlink_to(tmp_path / 'nowhere' / 'folder')
    before = contents(tmp_path)
    for name in ('file', 'file/below', 'file/below/that', 'link'):
        folder = tmp_path / name
        assert 'cannot be written' in refusal(
            lambda folder=folder: write_files(folder, {'a': bytes}), folder)
    assert contents(tmp_path) == before
    assert (tmp_path / 'link').is_symlink()


@pytest.mark.parametrize('name', ['a', 'b', 'c'])
def test_a_folder_where_a_file_should_be_leaves_everything_as_it_was(tmp_path: Path,
                                                                     name: str) -> None:
    for each in {'a', 'b', 'c'} - {name}:
        (tmp_path / each).write_text('old')
    (tmp_path / name).mkdir()
    before = contents(tmp_path)
    assert 'cannot be written' in refusal(
        lambda: write_files(tmp_path, {each: lambda: b'new' for each in 'abc'}), tmp_path / name)
    assert contents(tmp_path) == before


def test_a_name_too_long_for_a_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / ('a' * 300)
    assert 'too long' in refusal(lambda: write_files(folder, {'a': bytes}), folder)


def test_a_folder_without_permission_is_refused(ordinary_user: Path) -> None:
    folder = ordinary_user / 'locked'
    folder.mkdir(mode=0o500)
    assert 'Permission' in refusal(lambda: write_files(folder, {'a': bytes}), folder)
    assert list(folder.iterdir()) == []
    below = folder / 'below' / 'it'
    assert 'Permission' in refusal(lambda: write_files(below, {'a': bytes}), below)


def test_a_folder_that_cannot_be_reached_is_refused(ordinary_user: Path) -> None:
    folder = ordinary_user / 'locked' / 'folder'
    folder.mkdir(parents=True)
    folder.parent.chmod(0)
    assert 'Permission' in refusal(lambda: write_files(folder, {'a': bytes}), folder)


# Lists

@pytest.mark.parametrize('names', [
    ['frame_1.png', 'frame_2.png', 'frame_10.png', 'frame_100.png'],
    ['1', '2', '10', '10a', 'a', 'a1', 'a1b', 'a2', 'a10', 'b'],
    ['A1', 'a2', 'A3', 'a10'], ['s1_z9', 's1_z10', 's2_z1', 's10_z0'],
    ['001', '2', '003', '10'], ['a01', 'a1', 'a001b', 'a1b', 'a2'],
    [f'{number}.png' for number in range(120)], ['x' + '9' * 40, 'x1' + '0' * 40],
    ['\u0662.png', '\u0663.png', '\u0661\u0660.png']])  # Arabic-Indic 2, 3, 10
def test_numbers_in_names_count_as_numbers(names: list[str]) -> None:
    paths = [Path('folder', name) for name in names]
    shuffler = random.Random(0)
    for _ in range(20):
        shuffled = shuffler.sample(paths, len(paths))
        assert natural_order(iter(shuffled)) == paths


def test_names_with_superscripts_are_sorted_too() -> None:
    paths = [Path('1²2.png'), Path('2²1.png'), Path('10²1.png')]
    assert natural_order(reversed(paths)) == paths


def test_image_files_of_a_folder_are_found_by_suffix(tmp_path: Path) -> None:
    images = ['1.png', '2.JPG', '10.jpeg', '11.tif', '12.TIFF', '13.bmp', '14.webp']
    for name in (*images, '.hidden.png', '._2.JPG', 'meta.json', 'notes.txt', 'png', '5.png.part'):
        (tmp_path / name).write_bytes(b'')
    (tmp_path / '3.png').mkdir()
    (tmp_path / '3.png' / '4.png').write_bytes(b'')
    (tmp_path / '20.png').symlink_to(tmp_path / '1.png')
    (tmp_path / '21.png').symlink_to(tmp_path / 'missing.png')
    assert image_files_in(tmp_path) == [tmp_path / name for name in (*images, '20.png')]
    assert image_files_in(tmp_path / '3.png') == [tmp_path / '3.png' / '4.png']


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    for name, reason in (('missing', 'No such'), ('file', 'Not a directory')):
        path = tmp_path / name
        assert reason in refusal(lambda path=path: image_files_in(path), path)


def test_a_folder_that_cannot_be_listed_is_refused(ordinary_user: Path) -> None:
    folder = ordinary_user / 'locked'
    folder.mkdir(mode=0)
    assert 'Permission' in refusal(lambda: image_files_in(folder), folder)


def test_a_folder_whose_files_cannot_be_reached_is_refused(ordinary_user: Path) -> None:
    folder = ordinary_user / 'locked'
    folder.mkdir()
    (folder / 'a.png').write_bytes(b'')
    folder.chmod(0o400)
    assert 'Permission' in refusal(lambda: image_files_in(folder), folder)


# Focus distances

@pytest.mark.parametrize('values', [[], [1], [0.25, 0.3], [-1, 0, 1e300], [1e-320]])
@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16', 'utf-32'])
def test_focus_distances_are_read_as_floats(tmp_path: Path, values: list[float],
                                            encoding: str) -> None:
    path = tmp_path / 'meta.json'
    path.write_text(json.dumps({'scene': 'µ', 'focus_distances_m': values}, ensure_ascii=False),
                    encoding=encoding)
    result = focus_distances_from(path)
    assert result == values
    assert {type(item) for item in result} <= {float}


@pytest.mark.parametrize('number', ['Infinity', '1e999', '1' + '0' * 400, '1' + '0' * 5000])
def test_a_distance_beyond_all_numbers_is_infinite(tmp_path: Path, number: str) -> None:
    path = tmp_path / 'meta.json'
    path.write_text(f'{{"focus_distances_m": [1, {number}, NaN]}}')
    one, infinite, nan = focus_distances_from(path)
    assert (one, infinite) == (1, math.inf)
    assert math.isnan(nan)


@pytest.mark.parametrize(('content', 'reason'), [
    *[(content, 'not JSON') for content in (
        b'', b'no json', b'{', b'{"focus_distances_m": [1, 2', b'{"focus_distances_m": [1,]}',
        b"{'focus_distances_m': [1]}", b'{"focus_distances_m": [1]} {}', b'\xff\xfe\x00',
        b'\x80\x81', b'{"focus_distances_m": [01]}', b'{"focus_distances_m": [0,1\n,,2]}')],
    *[(content, 'focus_distances_m with a list') for content in (
        b'null', b'3', b'"focus_distances_m"', b'[]', b'[0.1, 0.2]', b'["focus_distances_m"]',
        b'{}', b'{"focus_distances": [1]}', b'{"focus_distances_m": null}',
        b'{"focus_distances_m": 0.1}', b'{"focus_distances_m": "0.1,0.2"}',
        b'{"focus_distances_m": {"0": 1}}', b'{"focus_distances_m": ["0.1"]}',
        b'{"focus_distances_m": [0.1, null]}', b'{"focus_distances_m": [0.1, true]}',
        b'{"focus_distances_m": [[0.1, 0.2]]}', b'{"focus_distances_m": [0.1, {}]}',
        b'{"meta": {"focus_distances_m": [1]}}')],
    (b'[' * 200_000, 'not JSON')])
def test_malformed_focus_distances_are_refused(tmp_path: Path, content: bytes,
                                               reason: str) -> None:
    path = tmp_path / 'meta.json'
    path.write_bytes(content)
    assert reason in refusal(lambda: focus_distances_from(path), path)


def test_focus_distances_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    missing = tmp_path / 'missing.json'
    assert refusal(lambda: focus_distances_from(missing), missing).startswith('No such file')
    assert refusal(lambda: focus_distances_from(tmp_path), tmp_path).startswith('Is a directory')
