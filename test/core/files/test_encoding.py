# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images as the content of files: bit exact, for OpenCV and for Pillow."""

from __future__ import annotations

from collections.abc import Callable
import io

import cv2
from focus_stacking_ros.core.files.encoding import encode_tiff
from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.image_files import decode
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
