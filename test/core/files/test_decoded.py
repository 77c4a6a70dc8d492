# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Turned images and masks, against Pillow."""

from __future__ import annotations

from focus_stacking_ros.core.files.decoded import opaque, upright
from helpers.image_data import picture
import numpy as np
from PIL import Image, ImageOps
import pytest


@pytest.mark.parametrize('orientation', range(1, 9))
@pytest.mark.parametrize('channels', [1, 3])
def test_images_are_turned_as_pillow_turns_them(orientation: int, channels: int) -> None:
    image = picture(channels=channels)
    source = Image.fromarray(image)
    source.getexif()[0x0112] = orientation
    found = upright(image, orientation)
    np.testing.assert_array_equal(found, np.asarray(ImageOps.exif_transpose(source)))
    assert found.flags.c_contiguous


def test_opaque_is_full_alpha_only() -> None:
    assert opaque(np.full((2, 3), 255, np.uint8)) is None
    alpha = np.array([[65535, 65534, 0]], np.uint16)
    mask = opaque(alpha)
    assert mask is not None
    assert mask.tolist() == [[True, False, False]]
