# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""TIFF files of every kind: read exactly, or refused by name in one line."""

from __future__ import annotations

from collections.abc import Callable
import io
from pathlib import Path
import struct
from typing import Any

import cv2
from focus_stacking_ros.core.files.decoded import Decoded
from focus_stacking_ros.core.files.image_files import headers, read_slice
from helpers.image_data import picture, refusal
import numpy as np
from PIL import Image, TiffImagePlugin
import pytest

tifffile = pytest.importorskip('tifffile', reason='tifffile writes the kinds of TIFF')

READS_BIGTIFF = b'II+\0' in TiffImagePlugin.PREFIXES
DEFLATE, LZW, PACK_BITS, JPEG = 'tiff_adobe_deflate', 'tiff_lzw', 'packbits', 'jpeg'


def rgb(image: np.ndarray) -> np.ndarray:
    return image[..., ::-1]


def written(path: Path, image: np.ndarray, **how: Any) -> Decoded:
    tifffile.imwrite(path, image, **how)
    return read_slice(path)


def by_pillow(path: Path, image: Image.Image, **how: Any) -> Path:
    image.save(path, 'TIFF', **how)
    return path


@pytest.mark.parametrize('form', [
    {}, {'byteorder': '>'}, {'bigtiff': True}, {'rowsperstrip': 5}, {'tile': (16, 32)},
    {'tile': (16, 32), 'byteorder': '>'}, {'compression': 'zlib'},
    {'compression': 'zlib', 'rowsperstrip': 4}, {'compression': 'zlib', 'byteorder': '>'},
    {'compression': 'zlib', 'bigtiff': True}, {'compression': 'zlib', 'tile': (16, 16)}],
    ids=str)
@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_layouts_are_read_bit_exact(tmp_path: Path, dtype: type, channels: int,
                                    form: dict[str, Any]) -> None:
    if 'bigtiff' in form and not READS_BIGTIFF:
        pytest.skip('Pillow before 9.1 reads no BigTIFF')
    image = picture(dtype, channels)
    photometric = 'rgb' if channels == 3 else 'minisblack'
    found = written(tmp_path / 'x.tif', rgb(image) if channels == 3 else image,
                    photometric=photometric, **form)
    assert found.image.dtype == dtype
    assert found.image.flags.c_contiguous
    np.testing.assert_array_equal(found.image, image)
    assert found.valid is None


@pytest.mark.parametrize('compression', [LZW, DEFLATE, PACK_BITS, 'raw'])
@pytest.mark.parametrize('mode', ['1', 'L', 'P', 'RGB', 'RGBA', 'LA', 'CMYK', 'I;16'])
def test_what_pillow_writes_is_read_as_pillow_reads_it(tmp_path: Path, mode: str,
                                                       compression: str) -> None:
    pixels = picture(channels=4)
    pixels[..., 3] = 255
    image = (Image.fromarray(picture(np.uint16, 1)) if mode == 'I;16'
             else Image.fromarray(pixels[..., :3]) if mode == 'P' else Image.fromarray(pixels))
    image = image if mode == 'I;16' else image.convert(mode)
    found = read_slice(by_pillow(tmp_path / 'x.tif', image, compression=compression))
    grey = {'1': 'L', 'L': 'L', 'LA': 'L'}.get(mode, 'RGB')
    expected = np.asarray(image if mode == 'I;16' else image.convert(grey))
    np.testing.assert_array_equal(found.image,
                                  rgb(expected) if expected.ndim == 3 else expected)
    assert found.valid is None


def test_jpeg_in_tiff_is_read_as_pillow_reads_it(tmp_path: Path) -> None:
    image = Image.fromarray(picture())
    path = by_pillow(tmp_path / 'x.tif', image, compression=JPEG)
    expected = np.asarray(Image.open(path).convert('RGB'))
    np.testing.assert_array_equal(read_slice(path).image, rgb(expected))


@pytest.mark.parametrize('compression', [5, 8])  # LZW, deflate
@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_predictors_are_undone(tmp_path: Path, dtype: type, channels: int,
                               compression: int) -> None:
    path, image = tmp_path / 'x.tif', picture(dtype, channels)
    cv2.imwrite(str(path), image, [cv2.IMWRITE_TIFF_COMPRESSION, compression, 317, 2])
    with tifffile.TiffFile(path) as file:
        assert file.pages[0].predictor == 2
    np.testing.assert_array_equal(read_slice(path).image, image)


def test_separate_planes_are_joined(tmp_path: Path) -> None:
    image = picture()
    for compression in (None, 'zlib'):
        found = written(tmp_path / 'x.tif', rgb(image).transpose(2, 0, 1), photometric='rgb',
                        planarconfig='separate', compression=compression)
        np.testing.assert_array_equal(found.image, image)


@pytest.mark.parametrize('rows', [18, 7])
def test_separate_planes_of_16_bit_are_joined_unless_they_are_compressed(tmp_path: Path,
                                                                         rows: int) -> None:
    path, image = tmp_path / 'x.tif', picture(np.uint16)
    found = written(path, rgb(image).transpose(2, 0, 1), photometric='rgb',
                    planarconfig='separate', rowsperstrip=rows)
    np.testing.assert_array_equal(found.image, image)
    tifffile.imwrite(path, rgb(image).transpose(2, 0, 1), photometric='rgb',
                     planarconfig='separate', compression='zlib')
    assert 'compressed planes' in refusal(lambda: read_slice(path), path)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_white_as_zero_is_turned_round(tmp_path: Path, dtype: type) -> None:
    image = picture(dtype, 1)
    np.testing.assert_array_equal(
        written(tmp_path / 'x.tif', ~image, photometric='miniswhite').image, image)


@pytest.mark.parametrize('kind', ['unassalpha', 'assocalpha'])
@pytest.mark.parametrize('compression', [None, 'zlib'])
@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_what_is_not_opaque_is_no_data(tmp_path: Path, dtype: type, channels: int,
                                       compression: str | None, kind: str) -> None:
    if (dtype, channels, compression) == (np.uint16, 1, 'zlib'):
        pytest.skip('Pillow does not know it; the next test')
    image = picture(dtype, channels).reshape(18, 25, channels)
    alpha = np.full((18, 25, 1), np.iinfo(dtype).max, dtype)
    alpha[:5], alpha[5:7] = 0, np.iinfo(dtype).max // 2
    if (channels, kind) == (1, 'assocalpha') and compression and not READS_BIGTIFF:
        pytest.skip('Pillow before 9.1 does not know it')
    found = written(tmp_path / 'x.tif', np.dstack([rgb(image), alpha]), extrasamples=[kind],
                    photometric='rgb' if channels == 3 else 'minisblack',
                    planarconfig='contig', compression=compression)
    assert found.valid is not None
    assert found.valid.dtype == bool
    np.testing.assert_array_equal(found.valid, alpha[..., 0] == np.iinfo(dtype).max)
    np.testing.assert_array_equal(found.image[7:], image.squeeze()[7:])


def test_compressed_16_bit_grey_with_alpha_is_refused(tmp_path: Path) -> None:
    path = tmp_path / 'x.tif'
    tifffile.imwrite(path, picture(np.uint16, 2), photometric='minisblack', compression='zlib',
                     extrasamples=['unassalpha'], planarconfig='contig')
    assert 'Pillow does not know' in refusal(lambda: read_slice(path), path)


def test_an_unspecified_fourth_channel_is_no_alpha(tmp_path: Path) -> None:
    four = picture(channels=4)
    for compression in (None, 'zlib'):
        found = written(tmp_path / 'x.tif', np.dstack([rgb(four[..., :3]), four[..., 3]]),
                        photometric='rgb', extrasamples=[0], compression=compression)
        assert found.valid is None
        np.testing.assert_array_equal(found.image, four[..., :3])


@pytest.mark.parametrize(('dtype', 'word'), [
    (np.float32, 'float32'), (np.float64, 'float64'), (np.uint32, 'uint32'),
    (np.int32, 'int32'), (np.int16, 'int16'), (np.int8, 'int8'), (np.float16, 'float16')])
def test_pixels_of_other_types_are_refused(tmp_path: Path, dtype: type, word: str) -> None:
    path = tmp_path / 'x.tif'
    tifffile.imwrite(path, picture(channels=1).astype(dtype))
    assert f'its pixels are {word};' in refusal(lambda: read_slice(path), path)


# Damage

def strips(path: Path) -> list[tuple[int, int]]:
    with tifffile.TiffFile(path) as file:
        return list(zip(file.pages[0].dataoffsets, file.pages[0].databytecounts, strict=True))


def in_strips(path: Path, image: np.ndarray, photometric: str) -> None:
    tifffile.imwrite(path, image, photometric=photometric, compression='zlib', rowsperstrip=16)


@pytest.mark.parametrize('save', [
    lambda path: by_pillow(path, Image.fromarray(picture(shape=(64, 96))), compression=LZW),
    lambda path: by_pillow(path, Image.fromarray(picture(shape=(64, 96))), compression=DEFLATE),
    lambda path: in_strips(path, picture(np.uint16, shape=(64, 96)), 'rgb'),
    lambda path: in_strips(path, picture(np.uint16, 1, (64, 96)), 'minisblack')],
    ids=['LZW', 'deflate', '16-bit colour', '16-bit grey'])
def test_a_strip_that_cannot_be_decoded_is_refused(tmp_path: Path,
                                                   save: Callable[[Path], Any]) -> None:
    path = tmp_path / 'x.tif'
    save(path)
    read_slice(path)
    offset, size = strips(path)[-1]
    data = bytearray(path.read_bytes())
    data[offset + size // 2:offset + size] = b'\xff' * (size - size // 2)
    path.write_bytes(data)
    assert 'damaged TIFF' in refusal(lambda: read_slice(path), path)


@pytest.mark.parametrize('compression', [None, 'zlib'])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
@pytest.mark.parametrize('channels', [1, 3])
def test_a_tiff_cut_short_at_any_byte_is_refused(tmp_path: Path, channels: int, dtype: type,
                                                 compression: str | None) -> None:
    path = tmp_path / 'x.tif'
    tifffile.imwrite(path, picture(dtype, channels, (8, 9)), compression=compression)
    data = path.read_bytes()
    used = max(offset + size for offset, size in strips(path))
    for length in range(used):
        path.write_bytes(data[:length])
        refusal(lambda: read_slice(path), path)


def test_a_strip_shorter_than_its_rows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / 'x.tif'
    tifffile.imwrite(path, picture(channels=1))
    with tifffile.TiffFile(path, mode='r+b') as file:
        file.pages[0].tags['StripByteCounts'].overwrite(17)
    assert 'cut short' in refusal(lambda: read_slice(path), path)


@pytest.mark.parametrize('tag', ['ImageWidth', 'ImageLength', 'RowsPerStrip'])
@pytest.mark.parametrize('value', [0, 1 << 31, 60_000])
def test_sizes_that_cannot_be_are_refused(tmp_path: Path, tag: str, value: int) -> None:
    path = tmp_path / 'x.tif'
    tifffile.imwrite(path, picture(channels=1), rowsperstrip=5, compression='zlib')
    with tifffile.TiffFile(path, mode='r+b') as file:
        file.pages[0].tags[tag].overwrite(value, dtype=4)
    refusal(lambda: read_slice(path), path)


def test_a_list_of_pages_that_turns_in_circles_is_refused(tmp_path: Path) -> None:
    path = tmp_path / 'x.tif'
    tifffile.imwrite(path, picture(channels=1))
    with tifffile.TiffFile(path) as file:
        start, tags = file.pages[0].offset, len(file.pages[0].tags)
    data = bytearray(path.read_bytes())
    data[start + 2 + 12 * tags:start + 6 + 12 * tags] = struct.pack('<I', start)
    path.write_bytes(data)
    assert 'ends nowhere' in refusal(lambda: read_slice(path), path)


# Pages

def test_pages_are_read_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / 'x.tif'
    for dtype in (np.uint8, np.uint16):
        for channels in (1, 3):
            for compression in (None, 'zlib'):
                for bigtiff in {False, READS_BIGTIFF}:
                    stack = np.stack([np.roll(picture(dtype, channels), number, 0)
                                      for number in range(4)])
                    tifffile.imwrite(path, stack, compression=compression, bigtiff=bigtiff,
                                     photometric='rgb' if channels == 3 else 'minisblack')
                    found = headers(path)
                    assert [header.page for header in found] == [0, 1, 2, 3]
                    assert {header.size for header in found} == {(25, 18)}
                    for header, image in zip(found, stack, strict=True):
                        np.testing.assert_array_equal(
                            read_slice(path, header).image,
                            rgb(image) if channels == 3 else image)


def test_previews_and_masks_are_no_pages(tmp_path: Path) -> None:
    path = tmp_path / 'x.tif'
    with tifffile.TiffWriter(path) as file:
        file.write(picture(shape=(9, 12)), photometric='rgb', subfiletype=1)
        file.write(picture(), photometric='rgb')
        file.write(picture(channels=1), subfiletype=2)
        file.write(np.roll(picture(), 1, 0), photometric='rgb')
    with tifffile.TiffFile(path, mode='r+b') as file:
        file.pages[2].tags['NewSubfileType'].overwrite(4)
    found = headers(path)
    assert [header.page for header in found] == [1, 3]
    np.testing.assert_array_equal(read_slice(path).image, rgb(picture()))
    np.testing.assert_array_equal(read_slice(path, found[1]).image, rgb(np.roll(picture(), 1, 0)))


@pytest.mark.parametrize('how', [
    {'subfiletype': 1}, {'extratags': [(50706, 'B', 4, (1, 4, 0, 0), True)]}])
def test_previews_of_raw_images_are_refused(tmp_path: Path, how: dict[str, Any]) -> None:
    path = tmp_path / 'x.tif'
    tifffile.imwrite(path, picture(), photometric='rgb', **how)
    assert 'raw image' in refusal(lambda: read_slice(path), path)


def test_a_raw_image_is_refused_whatever_it_is_called(tmp_path: Path) -> None:
    path = tmp_path / 'x.tif'
    tifffile.imwrite(path, picture(np.uint16, 1), photometric='cfa',
                     extratags=[(33421, 'H', 2, (2, 2), True), (33422, 'B', 4, b'\0\1\1\2', True)])
    assert 'raw image' in refusal(lambda: read_slice(path), path)
    for suffix in ('.CR3', '.nef', '.Raf'):
        other = tmp_path / f'IMG_1{suffix}'
        other.write_bytes(b'ftypcrx ')
        assert 'raw image' in refusal(lambda other=other: read_slice(other), other)


def test_images_without_a_directory_of_their_own_are_told(tmp_path: Path) -> None:
    path = tmp_path / 'x.tif'
    tifffile.imwrite(path, picture(channels=1), metadata=None,
                     description='ImageJ=1.53t\nimages=300\nslices=300\n')
    assert '300 images' in refusal(lambda: read_slice(path), path)


def test_a_stream_of_bytes_is_decoded_too() -> None:
    from focus_stacking_ros.core.files.image_files import decode
    file = io.BytesIO()
    tifffile.imwrite(file, rgb(picture(np.uint16)), photometric='rgb', compression='zlib')
    np.testing.assert_array_equal(decode(file.getvalue(), 'x'), picture(np.uint16))


@pytest.mark.skipif(READS_BIGTIFF, reason='this Pillow reads BigTIFF')
def test_a_bigtiff_that_pillow_cannot_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / 'x.tif'
    tifffile.imwrite(path, picture(channels=1), bigtiff=True)
    assert 'BigTIFF' in refusal(lambda: read_slice(path), path)
