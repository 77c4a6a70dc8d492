# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Orientation, colour profile and EXIF data: found in every format and carried into a PNG."""

from __future__ import annotations

import io
from pathlib import Path
import struct
from typing import Any

import cv2
from focus_stacking_ros.core.files.decoded import Metadata
from focus_stacking_ros.core.files.encoding import with_metadata
from focus_stacking_ros.core.files.image_files import decode, headers, read_slice
from focus_stacking_ros.core.files.metadata import fitting
from focus_stacking_ros.core.files.png_encoding import png_parts
from helpers.image_data import chunk, picture, png, smooth
import numpy as np
from PIL import Image, ImageCms
import pytest

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()


def exif(orientation: int, make: str = 'Maker') -> bytes:
    """Return EXIF data with the prefix that JPEG has."""
    values = Image.Exif()
    values[0x0112], values[0x010f] = orientation, make
    return values.tobytes()


def tiff_16_bit(path: Path, image: np.ndarray, orientation: int, **how: Any) -> None:
    tifffile = pytest.importorskip('tifffile', reason='tifffile writes the tag')
    tifffile.imwrite(path, image[..., ::-1] if image.ndim == 3 else image,
                     photometric='rgb' if image.ndim == 3 else 'minisblack',
                     extratags=[(274, 'H', 1, orientation, True)], **how)


def turned(image: np.ndarray, orientation: int) -> np.ndarray:
    if orientation == 3:
        return np.rot90(image, 2)
    return np.rot90(image, {1: 0, 6: -1, 8: 1}[orientation])


@pytest.mark.parametrize('orientation', [1, 3, 6, 8])
@pytest.mark.parametrize('kind', ['png', 'png at its end', 'png 16', 'jpg', 'webp', 'tif',
                                  'tif deflate', 'tif 16', 'tif 16 deflate', 'tif grey 16'])
def test_the_orientation_is_obeyed_in_every_format(tmp_path: Path, kind: str,
                                                   orientation: int) -> None:
    suffix, *words = kind.split()
    path = tmp_path / f'x.{suffix}'
    dtype = np.uint16 if '16' in words else np.uint8
    image = picture(dtype, 1 if 'grey' in words else 3)
    if suffix == 'png':
        extra = chunk(b'eXIf', exif(orientation)[6:])
        data = png(image, extra=b'' if 'end' in words else extra)
        path.write_bytes(data[:-12] + extra + data[-12:] if 'end' in words else data)
    elif suffix == 'tif':
        tiff_16_bit(path, image, orientation,
                    compression='zlib' if 'deflate' in words else None)
    else:
        image = smooth()
        how = {'lossless': True} if suffix == 'webp' else {'quality': 100, 'subsampling': 0}
        Image.fromarray(image[..., ::-1]).save(path, exif=exif(orientation), **how)
    found = read_slice(path)
    assert found.metadata.orientation == orientation
    assert [header.orientation for header in headers(path)] == [orientation]
    assert headers(path)[0].size == (image.shape[1], image.shape[0])
    difference = found.image.astype(int) - turned(image, orientation)
    assert np.abs(difference).max() <= (4 if suffix == 'jpg' else 0)
    as_told = read_slice(path, orientation=1).image.astype(int)
    assert np.abs(as_told - image).max() <= (4 if suffix == 'jpg' else 0)


def test_a_mask_is_turned_with_its_image(tmp_path: Path) -> None:
    image = picture(channels=4)
    image[..., 3] = 255
    image[:4, :9, 3] = 0
    path = tmp_path / 'x.png'
    path.write_bytes(png(image, extra=chunk(b'eXIf', exif(6)[6:])))
    found = read_slice(path)
    assert found.valid is not None
    np.testing.assert_array_equal(found.valid, np.rot90(image[..., 3] == 255, -1))
    np.testing.assert_array_equal(found.image, np.rot90(image[..., :3], -1))


@pytest.mark.parametrize('orientation', [0, 9, 255, 65535])
def test_an_orientation_that_is_none_is_upright(tmp_path: Path, orientation: int) -> None:
    path = tmp_path / 'x.png'
    path.write_bytes(png(picture(), extra=chunk(b'eXIf', exif(orientation)[6:])))
    assert read_slice(path).metadata.orientation == 1
    tiff_16_bit(tmp_path / 'x.tif', picture(np.uint16), orientation)
    np.testing.assert_array_equal(read_slice(tmp_path / 'x.tif').image, picture(np.uint16))


@pytest.mark.parametrize('content', [
    b'', b'II', b'II*\0', b'II*\0\xff\xff\xff\x7f', b'MM\0*\0\0\0\x08\xff\xff' + b'\xff' * 40,
    b'no exif', b'II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\xff\xff\xff\xff\x06\0\0\0'])
def test_damaged_exif_data_do_not_stop_the_pixels(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / 'x.png'
    path.write_bytes(png(picture(), extra=chunk(b'eXIf', content) + chunk(b'iCCP', content)))
    np.testing.assert_array_equal(read_slice(path).image, picture())
    data = cv2.imencode('.jpg', smooth())[1].tobytes()
    segment = struct.pack('>BBH', 0xff, 0xe1, len(content) + 8) + b'Exif\0\0' + content
    path.write_bytes(data[:2] + segment + data[2:])
    np.testing.assert_array_equal(read_slice(path).image, decode(data, 'x'))


@pytest.mark.parametrize('suffix', ['png', 'jpg', 'webp', 'tif'])
def test_profile_and_exif_data_are_found_and_carried(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f'x.{suffix}'
    Image.fromarray(smooth()).save(path, icc_profile=SRGB, exif=exif(6, 'Maker µ'[:5]))
    metadata = read_slice(path).metadata
    assert metadata.icc_profile == SRGB
    data = b''.join(with_metadata(png_parts(picture(np.uint16)), fitting(metadata, grey=False)))
    np.testing.assert_array_equal(decode(data, 'x'), picture(np.uint16))
    np.testing.assert_array_equal(
        cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED), picture(np.uint16))
    written = Image.open(io.BytesIO(data))
    assert written.info['icc_profile'] == SRGB
    assert written.getexif()[0x010f] == 'Maker'
    assert written.getexif().get(0x0112, 1) == 1  # the image is upright


def test_how_the_camera_took_a_tiff_is_carried(tmp_path: Path) -> None:
    values = Image.Exif()
    values[0x010f] = 'Maker'
    values[0x8769] = {0x829a: 0.125, 0x8827: 400, 0x927c: b'places', 0xa434: 'a lens'}
    Image.fromarray(smooth()).save(tmp_path / 'x.tif', exif=values.tobytes())
    metadata = fitting(read_slice(tmp_path / 'x.tif').metadata, grey=False)
    data = b''.join(with_metadata(png_parts(picture()), metadata))
    found = Image.open(io.BytesIO(data)).getexif()
    camera = found.get_ifd(0x8769)
    assert found[0x010f] == 'Maker'
    assert (camera[0x829a], camera[0x8827], camera[0xa434]) == (0.125, 400, 'a lens')
    assert 0x927c not in camera


def test_the_profile_of_another_colour_space_is_dropped() -> None:
    metadata = Metadata(icc_profile=SRGB)
    assert fitting(metadata, grey=False).icc_profile == SRGB
    assert fitting(metadata, grey=True).icc_profile == b''
    assert fitting(Metadata(icc_profile=b'short'), grey=True).icc_profile == b''


def test_nothing_is_put_in_where_nothing_is_known() -> None:
    parts = png_parts(picture())
    assert with_metadata(parts, Metadata()) == parts
