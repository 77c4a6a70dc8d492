# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""BMP and WebP files, against what was written."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from focus_stacking_ros.core.files.image_files import read_slice
from helpers.image_data import picture
import numpy as np
from PIL import Image
import pytest


def save(path: Path, pixels: np.ndarray, mode: str, **how: Any) -> np.ndarray:
    """Save and return the grey or blue-green-red pixels of what was saved."""
    image = Image.fromarray(pixels).convert(mode)
    image.save(path, **how)
    shown = np.asarray(image.convert('L' if mode in {'1', 'L'} else 'RGB'))
    return shown[..., ::-1] if shown.ndim == 3 else shown


@pytest.mark.parametrize('mode', ['1', 'L', 'P', 'RGB', 'RGBA'])
def test_bmps_are_read_bit_exact_and_have_no_alpha(tmp_path: Path, mode: str) -> None:
    expected = save(tmp_path / 'x.bmp', picture(channels=4), mode)
    found = read_slice(tmp_path / 'x.bmp')
    np.testing.assert_array_equal(found.image, expected)
    assert found.valid is None


def test_webp_is_read_bit_exact_with_its_alpha(tmp_path: Path) -> None:
    pixels = picture(channels=4)
    pixels[..., 3] = 255
    pixels[3:9, :7, 3] = 0
    expected = save(tmp_path / 'x.webp', pixels, 'RGBA', lossless=True)
    found = read_slice(tmp_path / 'x.webp')
    opaque = pixels[..., 3] == 255  # other pixels are not kept by old writers
    np.testing.assert_array_equal(found.image[opaque], expected[opaque])
    assert found.valid is not None
    np.testing.assert_array_equal(found.valid, pixels[..., 3] == 255)
    expected = save(tmp_path / 'x.webp', pixels, 'RGB', lossless=True)
    found = read_slice(tmp_path / 'x.webp')
    np.testing.assert_array_equal(found.image, expected)
    assert found.valid is None


def test_other_formats_of_opencv_are_read_too(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.fromarray(picture(channels=1)).save(file, 'PPM')
    (tmp_path / 'x.pgm').write_bytes(file.getvalue())
    np.testing.assert_array_equal(read_slice(tmp_path / 'x.pgm').image, picture(channels=1))
