# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Image files in: what is read, what is refused and why."""

from __future__ import annotations

from array import array
from collections.abc import Callable
import io
import os
from pathlib import Path
import random
import struct
import subprocess
import sys
from typing import Any
import zlib

import cv2
from focus_stacking_ros.core.files.encoding import encode_tiff
from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.image_files import decode, read_image
from focus_stacking_ros.core.files.png_encoding import encode_png
from helpers.image_data import (
    chunk,
    jpeg,
    JPEG_KINDS,
    picture,
    png,
    refusal,
    segment,
    SIGNATURE,
    smooth,
    turned,
    why,
)
import numpy as np
import pytest


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


@pytest.mark.parametrize('mode', ['RGB', 'CMYK'])
@pytest.mark.parametrize('width', [1, 33, 700])
def test_pixels_of_a_jpeg_are_those_of_pillow_in_no_more_memory(mode: str, width: int) -> None:
    module = pytest.importorskip('PIL.Image', reason='Pillow writes the file')
    pixels = np.random.default_rng(width).integers(0, 256, (401, width, 3), np.uint8)
    file = io.BytesIO()
    module.fromarray(pixels).convert(mode).save(file, 'JPEG', quality=95)
    image = decode(file.getvalue(), 'x')
    np.testing.assert_array_equal(
        image[..., ::-1], np.asarray(module.open(file).convert('RGB')))
    # Pillow has four bytes for a pixel, of which three are kept.
    assert (image if image.base is None else image.base).nbytes == image.nbytes


def test_a_jpeg_is_read_by_a_pillow_that_takes_memory_of_its_own(monkeypatch) -> None:
    plugin = pytest.importorskip('PIL.JpegImagePlugin', reason='Pillow reads the file')
    core = pytest.importorskip('PIL.Image', reason='Pillow reads the file').core
    before = decode(jpeg(), 'x')

    def own(image: Any) -> None:
        image.im = core.new(image.mode, image.size)

    monkeypatch.setattr(plugin.JpegImageFile, 'load_prepare', own)
    np.testing.assert_array_equal(decode(jpeg(), 'x'), before)


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
        reason = why(data[:length])
        assert any(words in reason for words in ('no image', 'cut short', 'damaged')), length


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


def test_pillow_is_imported_with_the_first_file_that_needs_it(repository: Path,
                                                              tmp_path: Path) -> None:
    (tmp_path / 'x.png').write_bytes(png(picture()))
    words = ('import sys, pathlib; import focus_stacking_ros.cli; '
             'from focus_stacking_ros.core.files.image_files import headers, read_slice; '
             'path = pathlib.Path("x.png"); headers(path); read_slice(path); '
             'print(sorted({"PIL", "xml", "tifffile"} & set(sys.modules)))')
    done = subprocess.run([sys.executable, '-c', words], cwd=tmp_path, check=True,
                          capture_output=True, text=True,
                          env=dict(os.environ, PYTHONPATH=str(repository)))
    assert done.stdout == '[]\n'
