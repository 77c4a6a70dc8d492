# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Turned images and masks, against Pillow."""

from __future__ import annotations

from focus_stacking_ros.core.files.decoded import Decoded, opaque, upright
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


def test_what_all_lights_of_a_position_have_data_of_is_valid() -> None:
    image, left, top = np.zeros((4, 6), np.uint8), np.ones((4, 6), bool), np.ones((4, 6), bool)
    left[:, 0], top[0] = False, False
    both = Decoded(image, left).with_light(Decoded(image + 1)).with_light(Decoded(image + 2, top))
    np.testing.assert_array_equal(both.valid, left & top)
    assert [int(light[0, 0]) for light in both.lights] == [1, 2]
    assert Decoded(image).with_light(Decoded(image)).valid is None
    # Of another size, it is left to the stack to refuse the image.
    np.testing.assert_array_equal(
        Decoded(image, left).with_light(Decoded(image[1:], top[1:])).valid, left)
