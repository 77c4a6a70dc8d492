# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images as the content of files: bit exact, for OpenCV and for Pillow."""

from __future__ import annotations

from collections.abc import Callable
import io
from pathlib import Path
from typing import Any

import cv2
from focus_stacking_ros.core.files.encoding import encode_tiff
from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.image_files import decode
from focus_stacking_ros.core.files.planes import pixel_size_of
from focus_stacking_ros.core.files.png_encoding import encode_png
from helpers.image_data import picture
import numpy as np
from PIL import Image
import pytest


def by_opencv(data: np.ndarray) -> np.ndarray:
    return cv2.imdecode(data, cv2.IMREAD_UNCHANGED)


def by_pillow(data: np.ndarray) -> np.ndarray:
    image = np.asarray(Image.open(io.BytesIO(data.tobytes())))
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


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
@pytest.mark.parametrize('shape', [(1, 1), (1, 9, 3), (9, 1, 3), (700, 1100), (700, 1100, 3)])
def test_bands_of_a_png_join(shape: tuple[int, ...], dtype: type) -> None:
    image = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype)
    for reader in by_opencv, by_pillow:
        if reader is by_pillow and dtype == np.uint16 and len(shape) == 3:
            continue
        np.testing.assert_array_equal(reader(encode_png(image)), image)  # with its checksums


def tags_of(path: Path) -> Any:
    """Return the values by tag of a TIFF's first page."""
    image: Any = Image.open(path)
    return image.tag_v2


def test_a_tiff_says_what_its_numbers_and_pixels_are(tmp_path: Path) -> None:
    tifffile = pytest.importorskip('tifffile', reason='tifffile reads what ImageJ reads')
    path = tmp_path / 'depth.tiff'
    plane = np.linspace(0.2, 0.3, 35, dtype=np.float32).reshape(5, 7)
    path.write_bytes(encode_tiff(plane, 'm', 12.5e-6).tobytes())
    with tifffile.TiffFile(path) as file:
        assert file.is_imagej
        assert file.imagej_metadata == {'ImageJ': '1.54f', 'unit': 'um', 'vunit': 'm'}
        tags = {tag.name: tag.value for tag in file.pages[0].tags}
        np.testing.assert_array_equal(file.asarray(), plane)
    assert tags['XResolution'] == tags['YResolution'] == (800, 1)  # per centimetre
    assert tags['ResolutionUnit'] == 3
    assert tags['Software'] == 'focus_stacking_ros'
    assert pixel_size_of(path) == pytest.approx(12.5e-6)
    assert tags_of(path)[282] == 800


@pytest.mark.parametrize('pixel_m', [1e-9, 1.6e-7, 2 / 3 * 1e-5, 0.1])
def test_any_size_of_pixels_is_kept(tmp_path: Path, pixel_m: float) -> None:
    (tmp_path / 'x.tiff').write_bytes(encode_tiff(np.ones((2, 3), np.float32), 'm', pixel_m))
    assert pixel_size_of(tmp_path / 'x.tiff') == pytest.approx(pixel_m, rel=1e-5)


@pytest.mark.parametrize('pixel_m', [None, 1e-15, 1e9])
def test_without_a_size_a_tiff_tells_none(tmp_path: Path, pixel_m: float | None) -> None:
    data = encode_tiff(np.ones((2, 3), np.float32), pixel_m=pixel_m)
    (tmp_path / 'x.tiff').write_bytes(data)
    assert pixel_size_of(tmp_path / 'x.tiff') is None
    assert 282 not in tags_of(tmp_path / 'x.tiff')
    assert tags_of(tmp_path / 'x.tiff')[270].split() == ['ImageJ=1.54f']


def test_opencv_reads_a_tiff_without_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    assert by_opencv(encode_tiff(np.ones((2, 3), np.float32), 'm', 1e-5)) is not None
    assert capfd.readouterr() == ('', '')
